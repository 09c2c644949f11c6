"""docs/parts.md is true: every part on it works as it stands there, in a run of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from learners.session import run as session
from learners.session.lint import check_methods
from simulator.plugins import load_plugins
from simulator.policies import policy_from
from simulator.policies.checks import check_policy
from simulator.scenario.load import load_scenario
from tests.commands import ROOT, sim, sim_here, summary_of

PAGE = (ROOT / "docs" / "parts.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
SMALL = f"""
extends = "{ROOT / "scenarios" / "minimal.toml"}"
[world]
clicks_per_day = 2000
"""
FAMILIES = {
    "policy", "objective", "method", "network", "recipe", "link", "offset", "auxiliary", "metric", "task", "importer",
}  # fmt: skip


def code(section: str, language: str) -> str:
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", SECTIONS[section], re.MULTILINE | re.DOTALL)
    return block


RUN = [title for title in SECTIONS if "```toml" in SECTIONS[title]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    """Lay every module of the page beside the scenarios."""
    made = tmp_path_factory.mktemp("page")
    for title in SECTIONS:
        block = code(title, "python")
        (made / block.split("\n")[0].removeprefix("# ")).write_text(block, encoding="utf-8")
    yield made
    load_plugins(())


def run(folder: Path, section: str) -> Path:
    snippet = code(section, "toml")
    top, _, rest = snippet.partition("\n\n") if snippet.startswith("plugins") else ("", "", snippet)
    path = folder / f"{section.rsplit(maxsplit=1)[-1]}.toml"
    path.write_text(f"{top}\n{SMALL}\n[output]\ncache = 'cache'\n{rest}", encoding="utf-8")
    loaded = load_scenario(path, check=check_methods)
    return session.run(
        loaded, run_dir_base=folder / "runs", dump_samples=False, progress="none", replace=False
    )


def test_every_family_has_its_example():
    assert {title.split()[-1] for title in SECTIONS} == FAMILIES


@pytest.mark.parametrize("section", ["A policy", "An objective", "A method"])
def test_the_first_three_are_short(section):
    assert len(code(section, "python").splitlines()) < 30


@pytest.mark.parametrize("section", [title for title in RUN if "task" not in title and "metric" not in title])
def test_it_runs(folder, section):
    (method,) = summary_of(run(folder, section))["methods"].values()
    assert 0 < method["cvr"]["nll"] < 1


def test_the_policy_conforms(folder):
    load_plugins((), [folder])
    assert "final" in check_policy(policy_from("my_policy:Confirmed"))


@pytest.mark.parametrize(
    ("section", "metric", "heading", "title"),
    [("A metric", "squared", "squared", "CVR"), ("A task", "rmse", "RMSE", "Kept: what a conversion leaves")],
)
def test_tables_summary_comparison_and_report_show_it(folder, section, metric, heading, title):
    finished = run(folder, section)
    (values,) = summary_of(finished)["methods"].values()
    ((task, figures),) = values.items()
    assert figures[metric] > 0
    if metric == "squared":
        assert figures[metric] < 0.25
    compared = sim_here("compare", finished).stdout
    assert title in compared
    (finished / "report.html").unlink()
    sim_here("report", finished)
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert title in page
    assert heading in page
    assert task in (finished / "metrics.parquet").read_bytes().decode("latin-1")


def test_the_importer_imports(folder, tmp_path):
    (tmp_path / "notes.csv").write_text(
        "clicked,paid,shop\n0,60,1\n100,,2\n90000,90500,1\n", encoding="utf-8"
    )
    (tmp_path / "my_importer.py").write_text(code("An importer", "python"), encoding="utf-8")
    done = sim("import", "my_importer:NOTES", tmp_path / "notes.csv", "--out", tmp_path / "log", cwd=tmp_path)
    assert (tmp_path / "log" / "meta.toml").is_file()
    assert "3" in done.stdout
    broken = (
        code("An importer", "python")
        .replace("shop AS item_id", "shop AS item")
        .replace("return Journeys", "return choices.shop or Journeys")
    )
    (tmp_path / "my_importer.py").write_text(broken, encoding="utf-8")
    failed = sim(
        "import",
        "my_importer:NOTES",
        tmp_path / "notes.csv",
        "--out",
        tmp_path / "other",
        cwd=tmp_path,
        code=1,
    )
    assert "importer 'my_importer:NOTES' failed in build on 3 rows: AttributeError" in failed.stderr
    assert "my_importer.py:" in failed.stderr
