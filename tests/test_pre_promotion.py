"""The public files cut before a sale: made files of their layouts, imported by the command that the scenario names, and run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import numpy as np
import pytest

from sim import app
from simulator.commands.app import start
from simulator.log.meta import read_meta
from simulator.randomness import generator
from simulator.scenario.load import load_scenario
from simulator.units import DAY

ROOT = Path(__file__).parents[1]
CHINA = timezone(timedelta(hours=8))
BUYERS = 0.3


def tmall(path: Path) -> None:
    """Favourites of 185 days, six a day; of three in ten a purchase the same day, or on Double 11 if that is near."""
    first, sale = datetime(2014, 5, 11, tzinfo=CHINA), 184
    lines = ["user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type"]
    for k in range(185 * 6):
        day, pair = k // 6, f"{k % 400},{k},{k % 7},{k % 11},{k % 5}"
        lines.append(f"{pair},{first + timedelta(days=day):%m%d},3")
        if k % 10 < 3:
            bought = sale if sale - 7 <= day < sale and k % 2 else day
            lines.append(f"{pair},{first + timedelta(days=bought):%m%d},2")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def taobao(path: Path) -> None:
    """Carts of nine days, 80 a day; of three in ten a purchase within the hour, or on 2 December if that is near."""
    rng, first = generator(2, "taobao"), datetime(2017, 11, 25, tzinfo=CHINA)
    sale, lines = first + timedelta(days=7), []
    for k in range(9 * 80):
        cart, pair = first + timedelta(minutes=18 * k), f"{k % 300},{k},{k % 9}"
        lines.append((cart, f"{pair},cart,{cart.timestamp():.0f}"))
        if k % 10 < 3:
            waits = timedelta() < sale - cart < timedelta(days=2) and k % 2
            bought = (sale if waits else cart) + timedelta(minutes=float(rng.uniform(1, 60)))
            lines.append((bought, f"{pair},buy,{bought.timestamp():.0f}"))
    path.write_text("".join(f"{line}\n" for _, line in sorted(lines)), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "make", "sale", "window"),
    [
        ("tmall", tmall, datetime(2014, 11, 11, tzinfo=CHINA), timedelta(days=7)),
        ("taobao", taobao, datetime(2017, 12, 2, tzinfo=CHINA), timedelta(days=2)),
    ],
)
def test_clicks_before_the_sale_are_judged_and_none_of_its_own(
    name: str, make: Callable[[Path], None], sale: datetime, window: timedelta, tmp_path, monkeypatch
):
    scenario = ROOT / f"scenarios/pre_promotion_{name}.toml"
    monkeypatch.chdir(tmp_path)
    _, _, *words = shlex.split(load_scenario(scenario).scenario.data.made_by)
    make(tmp_path / words[2])
    assert start(app, words) == 0
    log = tmp_path / words[-1]
    small = ["learner.hidden=[4]", "learner.embedding_dim=2", f"data.path={log}", "engine.workers=1"]
    settings = [word for change in small for word in ("--set", change)]
    assert start(app, ["run", str(scenario), "--progress", "none", "--out", "runs", *settings]) == 0
    (summary,) = Path("runs").glob("*/*/summary.json")
    methods = json.loads(summary.read_text())["methods"]
    for method, of in methods.items():
        assert ("cvr" in of) == (method != "cm-dcm")
        assert all(np.isfinite(of[task]["nll"]) for task in ("delayed", "all"))

    origin = read_meta(log).origin
    found = duckdb.sql(f"SELECT * FROM '{summary.parent}/predictions.parquet'").fetchnumpy()
    clicked = origin.timestamp() + found["time"] / 1e6
    assert clicked.max() < sale.timestamp()
    before = clicked >= (sale - window).timestamp()
    assert set(found["phase"][before]) == {"anticipation"}
    assert np.count_nonzero(before) == window.days * (6 if name == "tmall" else 80)
    # Who waited is found on the day of the sale: one in three of those who pay.
    opening = (sale - origin).total_seconds() * 1e6
    pay, paid = np.ma.filled(found["first_pay"], -1)[before], found["converted"][before]
    waited = (pay >= opening) & (pay < opening + DAY)
    assert waited.mean() == pytest.approx(BUYERS / 3, abs=0.03)
    assert paid[waited].all()
    assert paid.mean() == pytest.approx(BUYERS, abs=0.03)


def test_until_when_files_were_recorded_can_be_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tmall(tmp_path / "log.csv")
    words = ["import", "tmall", "log.csv", "--opens", "favourite", "--out"]
    assert start(app, [*words, "plain"]) == 0
    assert start(app, [*words, "later", "--observed-until", "2014-11-18"]) == 0
    plain, later = read_meta(tmp_path / "plain"), read_meta(tmp_path / "later")
    assert later.observed_until - plain.observed_until == 7 * DAY
    (tmp_path / "map.toml").write_text('[data]\nformat = "tmall"\ntouches = "log.csv"\nopens = "favourite"\n')
    assert (
        start(app, ["import", "csv", "--map", "map.toml", "--out", "own", "--observed-until", "2014-11-18"])
        == 0
    )
    assert read_meta(tmp_path / "own").observed_until == later.observed_until
    capsys.readouterr()
    for form, until, said in (
        ("tmall", "2014-18-11", "observed_until"),
        ("tmall", "2013-01-01", "lies before the first click"),
        ("criteo", "2014-11-18", "--observed-until: criteo takes none"),
    ):
        assert (
            start(
                app,
                ["import", form, "log.csv", "--opens", "favourite", "--out", "no", "--observed-until", until],
            )
            == 2
        )
        assert said in " ".join(capsys.readouterr().err.split())
