"""The comparison with another revision: its arithmetic, what it refuses, and what it does with a part that a tree lacks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.benchmarks import against
from tests.commands import ROOT


def test_medians_and_their_ratio_with_the_rounds():
    old = [{"run s": 10.0, "gone": 1.0}, {"run s": 30.0, "gone": 1.0}, {"run s": 20.0, "gone": 1.0}]
    new = [{"run s": 9.0}, {"run s": 12.0}, {"run s": 5.0}]
    (line,) = against.lines(old, new)
    assert line.split() == ["run", "s", "20", "9", "0.45", "(0.25", "to", "0.90)"]


def test_what_was_nothing_has_no_ratio():
    (line,) = against.lines([{"cache GB": 0.0}], [{"cache GB": 1.0}])
    assert line.split() == ["cache", "GB", "0", "1", "-"]


def test_a_revision_that_is_none_is_one_sentence(capsys):
    with pytest.raises(SystemExit, match=r"^'no-such-revision' is no revision of this repository; `git log"):
        against.main(["no-such-revision", "start"])
    assert not capsys.readouterr().err


def test_a_part_that_is_none_is_told_with_those_that_are(capsys):
    with pytest.raises(SystemExit):
        against.main(["HEAD", "stpe"])
    assert "'stpe' is no part; allowed: double11, minimal, step" in capsys.readouterr().err


def test_trees_take_turns_and_one_without_a_part_says_so(monkeypatch, tmp_path, capsys):
    asked = []

    def measured(part, tree, scratch, overrides):
        asked.append((tree.name, *overrides))
        return {"s": 2.0 if tree.name == "old" else 1.0} if part == "both" else "ImportError: no such thing"

    monkeypatch.setattr(against, "measured", measured)
    trees = {"old": tmp_path / "old", "new": tmp_path / "here"}
    against.compare("both", trees, 3, ["a=1"])
    assert [name for name, *_ in asked] == ["here", "old", "old", "here", "here", "old"]
    assert all(bool(overrides) == (name == "here") for name, *overrides in asked)
    assert "0.50  (0.50 to 0.50)" in capsys.readouterr().out
    against.compare("lacking", trees, 3, [])
    assert "cannot be measured of the new one: ImportError: no such thing" in capsys.readouterr().out


def test_a_measure_that_fails_returns_its_last_line(tmp_path: Path):
    told = against.measured("nonsense", ROOT, tmp_path / "scratch", [])
    assert told == "KeyError: 'nonsense'"


def test_the_other_tree_is_what_was_committed(tmp_path: Path):
    inside = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False)
    if inside.returncode:
        pytest.skip("not a working copy of the repository")
    tree = against.lay_out("HEAD", tmp_path)
    assert (tree / "sim.py").is_file()
    assert not (tree / ".git").exists()
