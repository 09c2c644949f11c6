"""README.md is true: its commands, scenarios, snippets and verbs exist and work as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import sim as command_line
from simulator.log.formats import format_names
from simulator.log.importers import IMPORTERS
from simulator.policies import policy_from
from simulator.policies.checks import check_policy
from tests.commands import ROOT, sim

README = (ROOT / "README.md").read_text(encoding="utf-8")
SCENARIOS = sorted(set(re.findall(r"scenarios/[\w.-]+\.toml", README)))
METHOD = '\n[[method]]\nmethod = "fnw"\n'


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


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
    command_line._load(str(ROOT / path), (), None)


def test_every_shipped_scenario_is_named():
    assert {f"scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.toml")} == set(SCENARIOS)


def test_the_verbs_are_those_of_the_command_line():
    assert set(commands()) == {name for name in command_line.app if not name.startswith("-")}


@pytest.mark.parametrize("verb", list(commands()))
def test_the_options_named_beside_a_verb_exist(verb):
    shown = sim(verb, "--help").stdout
    for option in re.findall(r"--[a-z][a-z-]*", commands()[verb]):
        assert option in shown, option


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
    loaded = command_line._load(str(tmp_path / "mine.toml"), (), None)
    assert [method.label for method in loaded.scenario.method] == ["es-dfm", "es-dfm-6h", "fnw-slow"]


def test_own_log_snippet(tmp_path):
    _, second = blocks("toml")
    (tmp_path / "mine.toml").write_text(second + METHOD, encoding="utf-8")
    data = command_line._load(str(tmp_path / "mine.toml"), (), None).scenario.data
    assert data is not None
    assert data.columns.kinds["purchase"] == "pay"


def test_policy_snippet_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (snippet,) = blocks("python")
    (tmp_path / "readme_policy.py").write_text(snippet, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert "final" in check_policy(policy_from("readme_policy:Confirmed"))


def test_the_layout_named_is_there():
    (layout,) = [b for b in blocks("text") if b.startswith("sim.py ")]
    for line in layout.splitlines():
        assert (ROOT / line.split()[0]).exists(), line
