"""`init` on logs as people have them: public samples and small inputs with one fault each, where they are there."""

from __future__ import annotations

import runpy
import shutil
import tomllib
from pathlib import Path

import pytest

from sim import app
from simulator.commands.app import start
from simulator.log.meta import read_meta
from tests.commands import ROOT

SHARED = ROOT.parent / "shared"
CASES = SHARED / "cases" / "own_log"
DATA = SHARED / "data"
REFUSED = {
    "float_ids": "have been rounded",
    "refund_restated": "no click of",
}
"""Cases on which nothing can run (four clicks of one day are no stream), with a word of the reason."""


@pytest.mark.parametrize("case", sorted(p.name for p in CASES.glob("*")) if CASES.is_dir() else [])
def test_cases_of_own_logs(case, tmp_path, monkeypatch, capsys):
    folder = tmp_path / case
    shutil.copytree(CASES / case, folder)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    monkeypatch.chdir(folder)
    runpy.run_path(str(folder / "make.py"))
    code = start(app, ["init", "clicks.parquet", "events.parquet", "--out", "my.toml"])
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    text = (folder / "my.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)
    if case in REFUSED:
        assert code == 2
        assert REFUSED[case] in told.err
        if case == "float_ids":
            assert REFUSED[case] in " ".join(line.removeprefix("#").strip() for line in text.splitlines())
        return
    assert code == 0, told.err
    assert start(app, ["validate", "my.toml"]) == 0
    (meta,) = (read_meta(path.parent) for path in Path("data/cache").glob("*/meta.toml"))
    bad = sum(part.rows for part in meta.aside if part.kind == "bad")
    assert meta.read == meta.clicks + meta.events + meta.quarantined
    assert bad <= 2, meta.aside
    assert "conversion" not in found["data"]["features"]
    assert "delay_h" not in found["data"]["features"]
    assert found["data"].get("columns", {}).get("click_id") == "click_id"


SAMPLES = {
    "retailrocket_events.csv.gz": (75_374, 0),
    "taobao_userbehavior_114users.csv.gz": (9_046, 0),
    "taobao_userbehavior_buyers.csv.gz": (None, 0),
    "ijcai15_fav_buy.csv.gz": (158_119, 0),
    "online_retail.csv.gz": (None, 0),
}
"""Clicks that the file has (of those whose kinds open journeys), and the exit code."""


@pytest.mark.parametrize("name", SAMPLES)
def test_public_samples(name, tmp_path, monkeypatch, capsys):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not there")
    clicks, code = SAMPLES[name]
    monkeypatch.chdir(tmp_path)
    assert start(app, ["init", str(DATA / name), "--out", "my.toml"]) == code
    assert "Traceback" not in capsys.readouterr().err
    assert start(app, ["validate", "my.toml"]) == 0
    (meta,) = (read_meta(path.parent) for path in Path("data/cache").glob("*/meta.toml"))
    if clicks is not None and meta.provenance["format"] != "taobao":  # which has a span
        assert meta.clicks == clicks
    assert not [part for part in meta.aside if part.kind == "bad"]
