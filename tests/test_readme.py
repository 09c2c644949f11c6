"""README.md and the pages it leads to are true: commands, options, scenarios, snippets and links work as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import sim as command_line
from learners.session.verbs.frame import load
from simulator.log.formats import format_names
from simulator.log.importers import IMPORTERS
from simulator.plugins import load_plugins
from simulator.policies import policy_from
from simulator.policies.checks import check_policy
from tests.commands import ROOT, run_directory, sim, sim_here, summary_of

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "data" / "README.md"]
}
README = PAGES["README.md"]
SCENARIOS = sorted({name for text in PAGES.values() for name in re.findall(r"scenarios/[\w.-]+\.toml", text)})
METHOD = '\n[[method]]\nmethod = "fnw"\n'


def blocks(language: str, page: str = "README.md") -> list[str]:
    """Return the fenced blocks of a language on a page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)


def commands() -> dict[str, str]:
    """Return each line listed under Commands by its verb; a scenario without one means run."""
    (listed,) = [b for b in blocks("text") if "sim.py validate" in b]
    found = {}
    for line in listed.splitlines():
        word = line.removeprefix("python sim.py ").split()[0]
        found["run" if word.isupper() else word] = line
    return found


@pytest.mark.parametrize("name", ["install", "test"])
def test_what_decides_is_what_the_readme_says(name):
    (function,) = re.findall(
        r"^block\(\).*$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE
    )
    script = f"{function}\nblock {name}"
    told = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (block,) = re.findall(rf"<!-- {name} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert told == block
    assert told.strip()


def test_every_shell_line_is_known():
    """The lines for a terminal: installing, the tests, or a shipped scenario (tests/test_double11.py runs it)."""
    for line in "".join(blocks("sh")).splitlines():
        program, *words = line.split()
        assert program == "python", line
        if words[:2] in (["-m", "pip"], ["-m", "pytest"]):
            continue
        assert words[0] == "sim.py", line
        assert words[1] in SCENARIOS, line


@pytest.mark.parametrize("path", SCENARIOS)
def test_named_scenarios_are_valid(path):
    load(str(ROOT / path), (), None)


def test_every_shipped_scenario_is_named():
    shipped = {f"scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.toml")}
    assert shipped == set(SCENARIOS)
    assert shipped <= set(re.findall(r"scenarios/[\w.-]+\.toml", PAGES["docs/scenarios.md"]))


def test_it_is_short():
    assert len(README.splitlines()) < 200


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[page]):
        assert (ROOT / page).parent.joinpath(target).exists(), target
    for name in re.findall(r"(?:docs|tests|data|simulator|learners|\.ci)/[\w./-]+\.\w+", PAGES[page]):
        assert (ROOT / name).exists() or "NAME" in name or name.startswith("data/cache"), name


def written_commands(page: str) -> list[tuple[str, list[str]]]:
    """Return every command of the house in the code of a page: its verb, and the options it is given."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    code = [line for block in fenced for line in block.splitlines()]
    code += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    found = []
    for piece in (piece for line in code for piece in re.split(r"; (?:do )?", line)):
        if match := re.match(r"(?:python sim\.py|sim\.py|afterclick) (\S.*)", piece):
            words = match[1].split()
            verb = "run" if re.search(r"\.toml$|^SCENARIO$", words[0]) else words[0]
            found.append((verb, re.findall(r"--[a-z][a-z-]*", match[1])))
    return found


@pytest.fixture(scope="module")
def helps() -> dict[str, str]:
    return {verb: sim_here(verb, "--help").stdout for verb in command_line.app if not verb.startswith("-")}


@pytest.mark.parametrize("page", PAGES)
def test_commands_on_a_page_parse(page, helps):
    for verb, options in written_commands(page):
        assert verb in helps, verb
        assert all(option in helps[verb] for option in options), (verb, options)


def test_commands_are_seen():
    assert sum(len(written_commands(page)) for page in PAGES) > 50


def test_the_verbs_are_those_of_the_command_line():
    assert set(commands()) == {name for name in command_line.app if not name.startswith("-")}


def test_the_formats_named_are_those_there_are():
    told = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`python sim\.py import ([a-z0-9-]+) path/", told)) == {
        *IMPORTERS,
        *format_names(),
    }
    assert "ls formats" in commands()["import"]


def test_layered_snippet(tmp_path):
    first, _ = blocks("toml")
    for path in (ROOT / "scenarios").glob("*.toml"):
        shutil.copy(path, tmp_path)
    (tmp_path / "mine.toml").write_text(first, encoding="utf-8")
    loaded = load(str(tmp_path / "mine.toml"), (), None)
    assert [method.label for method in loaded.scenario.method] == ["es-dfm", "es-dfm-6h"]


def test_own_log_snippet(tmp_path):
    _, second = blocks("toml")
    (tmp_path / "mine.toml").write_text(second + METHOD, encoding="utf-8")
    data = load(str(tmp_path / "mine.toml"), (), None).scenario.data
    assert data is not None
    assert data.columns.kinds["purchase"] == "pay"


def test_parts_snippet_runs(tmp_path: Path):
    (snippet,) = blocks("python")
    assert max(len(part.splitlines()) for part in snippet.split("\n\n\n")) < 30
    (tmp_path / "my_parts.py").write_text(snippet, encoding="utf-8")
    base = ROOT / "scenarios" / "minimal.toml"
    (tmp_path / "my.toml").write_text(
        f'extends = "{base}"\nplugins = ["my_parts"]\n[world]\nclicks_per_day = 500\n[[method]]\nmethod = "mine"\n',
        encoding="utf-8",
    )
    cache = f"output.cache={tmp_path / 'cache'}"
    sim(tmp_path / "my.toml", "--out", tmp_path / "runs", "--set", cache)
    assert summary_of(run_directory(tmp_path / "runs"))["methods"]["mine"]["cvr"]["nll"] > 0
    assert "causal  my_parts:Patient" in sim_here("audit", tmp_path / "my.toml", "--set", cache).stdout
    load_plugins((), [tmp_path])
    assert "causal" in check_policy(policy_from("my_parts:Patient"))
    load_plugins(())


def test_the_layout_named_is_there():
    (layout,) = [b for b in blocks("text", "CONTRIBUTING.md") if b.startswith("sim.py ")]
    for line in layout.splitlines():
        assert (ROOT / line.split()[0]).exists(), line
