"""`import` and `export` of research formats as a user types them: what is said, and how they end."""

import pytest

import sim
from simulator.commands.app import start
from simulator.log.reader import Log

from .research import write_log


@pytest.fixture
def log(tmp_path):
    return write_log(tmp_path / "log", 3, {"shop": 40, "item": 900})


def test_there_and_back(tmp_path, log, capsys):
    for form in ("cascade", "criteo", "trace"):
        assert start(sim.app, ["export", str(log.path), "--format", form, "--out", str(tmp_path / form)]) == 0
        told = capsys.readouterr()
        file = tmp_path / form / f"{form}.txt"
        assert told.out == f"{file}\n"
        assert "features: " in told.err
        assert " carts\n" in told.err
        assert start(sim.app, ["import", form, str(file), "--out", str(tmp_path / f"{form}.log")]) == 0
        assert ("read as the processed file" in capsys.readouterr().out) == (form == "cascade")
        assert Log.open(tmp_path / f"{form}.log").meta.provenance["format"] == form


def test_mistakes_end_with_two_and_leave_nothing(tmp_path, log, capsys):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "words.txt").write_text("some words\n")
    out = ["--out", str(tmp_path / "out")]
    before = sorted(tmp_path.iterdir())
    for words, said in (
        (["import", "cascade", tmp_path / "none.txt", *out], "no such file"),
        (["import", "cascade", tmp_path / "empty.txt", *out], "is empty"),
        (["import", "criteo", tmp_path, *out], "is a directory"),
        (["import", "trace", tmp_path / "words.txt", *out], "is no TRACE file"),
        (["import", "criteo", tmp_path / "words.txt", *out], "expected 19"),
        (["import", "criteo", tmp_path / "words.txt", *out, "--mapping", "m"], "takes no mapping file"),
        (["import", "criteo", tmp_path / "words.txt", *out, "--opens", "cart"], "has no carts"),
        (["import", "criteo", tmp_path / "words.txt", *out, "--attribution", "0s"], "longer than 0s"),
        (["import", "criteo", tmp_path / "words.txt", "--out", log.path], "exists already"),
        (["export", tmp_path / "none", *out], "no such log"),
        (["export", tmp_path / "empty.txt", *out], "is no log"),
        (["export", log.path, "--out", tmp_path / "words.txt", "--format", "trace"], "exists already"),
        (["export", log.path, *out, "--format", "cascad"], "cascad"),
        (["export", log.path, *out, "--raw"], "no raw form"),
        (["export", log.path, *out, "--features", "shops"], "Did you mean 'shop'"),
        (["export", log.path, *out, "--windows", "1d,2d,3d"], "one or two"),
    ):
        code = start(sim.app, [str(word) for word in words])
        told = capsys.readouterr()
        assert (code, said in " ".join(told.err.split())) == (2, True), (words, told.err)
        assert sorted(tmp_path.iterdir()) == before
