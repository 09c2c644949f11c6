"""`import` and `export` of impressions as a user types them: what is said, and how they end."""

import pytest

import sim
from simulator.commands.app import start
from simulator.log.reader import Log
from simulator.log.schema import Feature

from .test_round_trips_shown import world


@pytest.mark.parametrize("form", ["ali-ccp", "ali-express"])
def test_there_and_back(tmp_path, capsys, form):
    log = world(tmp_path / "log", 4, [Feature("user", 40), Feature("page", 7)])
    out = str(tmp_path / "files")
    assert (
        start(sim.app, ["export", str(log.path), "--format", form, "--out", out, "--test-start", "3d"]) == 0
    )
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert "left out: " in told.err
    assert "impressions of the randomised slice" in told.err
    few = ["--min-count", "0"] if form == "ali-ccp" else []
    assert start(sim.app, ["import", form, out, "--out", str(tmp_path / "back"), *few]) == 0
    told = capsys.readouterr()
    meta = Log.open(tmp_path / "back").meta
    assert f"{meta.impressions:,}  impressions" in told.out
    assert "the test file begins at 1d" in " ".join(told.err.split())


def test_files_and_options_by_name(tmp_path, capsys):
    world(tmp_path / "log", 4, [Feature("user", 40), Feature("page", 7)])
    files = tmp_path / "files"
    assert start(sim.app, ["export", str(tmp_path / "log"), "--format", "ali-ccp", "--out", str(files)]) == 0
    words = [
        "import",
        "ali-ccp",
        str(files / "sample_skeleton_train.csv"),
        "--out",
        str(tmp_path / "back"),
        "--fields",
        "23",
    ]
    assert start(sim.app, words) == 2
    assert "needs --common FILE" in capsys.readouterr().err
    assert start(sim.app, [*words, "--common", str(files / "common_features_train.csv")]) == 0
    assert len(Log.open(tmp_path / "back").features) == 23
    assert (
        start(sim.app, ["import", "criteo", str(files), "--out", str(tmp_path / "x"), "--fields", "18"]) == 2
    )
    assert "criteo: takes no --fields (those that do: ali-ccp)" in " ".join(capsys.readouterr().err.split())
    assert (
        start(sim.app, ["import", "rees46", str(files), "--out", str(tmp_path / "x"), "--min-count", "1"])
        == 2
    )
    assert "--min-count: rees46 takes none" in capsys.readouterr().err
    assert (
        start(
            sim.app,
            [
                "export",
                str(tmp_path / "log"),
                "--format",
                "criteo",
                "--out",
                str(tmp_path / "c"),
                "--test-start",
                "1d",
            ],
        )
        == 2
    )
    assert "has no test part" in capsys.readouterr().err
