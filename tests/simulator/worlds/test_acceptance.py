"""What a world promises, at the size of two million clicks: its preset's facts, Double 12, decay and stationarity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from simulator.calendar import Calendar, Promotion
from simulator.log.facts import FactSheet, fact_sheet
from simulator.log.reader import Log
from simulator.log.schema import Kind
from simulator.units import DAY, HOUR
from simulator.worlds.generate import generate
from simulator.worlds.presets import PRESETS, merged
from simulator.worlds.settings import WorldSettings
from simulator.worlds.targets import TARGETS
from tests.commands import run_directory, sim, summary_of
from tests.matching.moments import windows_of, world

pytestmark = pytest.mark.long

SEED = 7
CALM = {"days": 25, "clicks_per_day": 80_000}
SOLD = {
    "days": 31,
    "clicks_per_day": 60_000,
    "promotion": [{"name": "s", "start": "22d", "anticipation": "11d"}],
}
"""A Friday, as Double 12 was; thirteen ordinary days around it, as in its log."""
CROWD = {"cascade": {"users": 100_000, "items": 60_000}}
"""Twenty clicks a user, as in CASCADE."""

KNOWN = {
    "cascade": {"click_pay.within_3d.p50", "rfr_by_item_cvr.0.4-0.6", "rfr_by_item_cvr.0.6-0.8",
                "rfr_by_item_cvr.0.8-1", "pay_delay_by_user_cvr.0.75-1", "refund_delay_by_user_rfr.0.25-0.5",
                "refund_delay_by_user_rfr.0.5-0.75", "refund_delay_by_user_rfr.0.75-1"},
    "trace": {"ln_gmv.repeat.skew", "click_pay.within.3h", "click_later_pay.within.2d"},
    "taobao-mobile": {"old_pay_share", "cart_pay.within_3d.10m", "cart_pay.within_3d.1h", "cart_pay.within_3d.1d",
                      "sale.hour.pays.7", "sale.hour.pays.8", "sale.hour.pays.22"},
    "blend": {"click_pay.within_3d.2h", "click_pay.within_3d.3h", "click_pay.within_3d.p30", "click_pay.within_3d.p40",
              "click_pay.within_3d.p50", "rfr_by_item_cvr.0.4-0.6", "rfr_by_item_cvr.0.6-0.8",
              "rfr_by_item_cvr.0.8-1", "sale.pays.day-4", "sale.pays.day0", "sale.pays.day1", "sale.pays.day2",
              "sale.pays_per_click.day-4", "sale.pays_per_click.day-3", "sale.pays_per_click.day0",
              "sale.pays_per_click.day1", "sale.pays_per_click.day2", "sale.hour.pays.0", "sale.hour.pays.7",
              "sale.hour.pays.8"},
}  # fmt: skip
"""What is missed on this seed; why is said by the targets themselves."""


def facts_of(preset: str, tables: dict, path: Path) -> FactSheet:
    settings = WorldSettings.model_validate({"preset": preset, **tables})
    windows = windows_of(preset)
    generate(settings, windows, 864_000_000, SEED, path)
    sales = [Promotion(b.name, b.start, b.end, b.anticipation) for b in settings.promotion]
    return fact_sheet(Log.open(path), windows, Calendar.of(sales))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_published_fact_is_within_its_tolerance_or_a_known_miss(preset, tmp_path):
    """Facts of ordinary days on a world without a sale, those of the sale on one with it; two million clicks each."""
    rows = {row.fact: row for row in TARGETS[preset].rows}
    calm = facts_of(preset, CALM | CROWD.get(preset, {}), tmp_path / "calm")
    sheets = {fact: calm for fact in rows if not fact.startswith("sale.")}
    if len(sheets) < len(rows):
        sold = facts_of(preset, SOLD, tmp_path / "sold")
        sheets |= dict.fromkeys(rows.keys() - sheets.keys(), sold)
    verdicts = {fact: rows[fact].verdict(sheet) for fact, sheet in sheets.items()}
    assert {fact: v for fact, v in verdicts.items() if v[1] not in {"within", "known miss"}} == {}
    missed = {fact for fact, v in verdicts.items() if v[1] == "known miss"}
    print(f"{preset}: {len(rows) - len(missed)} of {len(rows)} within, known misses: {sorted(missed)}")
    assert missed - KNOWN[preset] == set()


@pytest.mark.parametrize("preset", ["taobao-mobile", "blend"])
def test_double_12_against_the_same_days_without_it(preset):
    """Two million clicks, first pays counted: the days before, the day and its first hour, the days after, the old pays."""
    sale = 22
    first = {"repurchase": {"first": 0.0}}
    worlds = (world(preset, 9, SOLD | first), world(preset, 9, SOLD | first | {"promotion": []}))
    counts = []
    for one in worlds:
        days = list(one.days(truth=False))
        paid = [d.events.kind == Kind.PAY for d in days]
        time = np.concatenate([d.events.time[k] for d, k in zip(days, paid, strict=True)])
        click = np.concatenate([d.time[d.events.row[k]] for d, k in zip(days, paid, strict=True)])
        carts = np.concatenate([d.events.time[d.events.kind == Kind.CART] for d in days])
        clicks = np.array([len(d.time) for d in days])
        rates = [np.bincount(t // DAY, minlength=31)[:31] / clicks for t in (time, carts)]
        counts.append((*rates, time, click))
    (pays, carts, time, click), (usual, usual_carts, *_) = counts
    ratio, cart_ratio = pays / usual, carts / usual_carts
    assert ratio[sale - 3 : sale].mean() == pytest.approx(0.80, abs=0.05)
    assert ratio[sale - 1] == pytest.approx(0.70, abs=0.05)
    # A world's deals are its own: over seeds the day varies by .1.
    assert ratio[sale] == pytest.approx(2.36, abs=0.3)
    assert ratio[sale + 1] == pytest.approx(0.90, abs=0.07)
    assert ratio[sale + 3 : sale + 5].mean() == pytest.approx(1.0, abs=0.07)
    assert cart_ratio[sale - 1] == pytest.approx(1.178, abs=0.05)
    assert cart_ratio[sale] == pytest.approx(1.324, abs=0.1)
    on_day = time // DAY == sale
    assert (time[on_day] // HOUR % 24 == 0).mean() == pytest.approx(0.128, abs=0.02)
    if preset == "taobao-mobile":
        assert (click // DAY < time // DAY)[on_day].mean() == pytest.approx(0.268, abs=0.03)


def test_a_frozen_model_decays_and_the_oracle_comes_near_the_truth(tmp_path):
    """The defaults at the size of the study they were chosen on: 30,000 clicks a day, ten days of history, two weeks of
    stream, a one-day sale in their middle.
    """
    path = tmp_path / "decay.toml"
    path.write_text(
        """
        [world]
        days = 30
        clicks_per_day = 30_000
        [[world.promotion]]
        name = "sale"
        start = "20d"
        anticipation = "3d"
        [stream]
        history = "10d"
        gap = "3d"
        length = "14d"
        segment = "2.4h"
        [output]
        report = false
        [[method]]
        method = "pre-trained"
        [[method]]
        method = "oracle"
        """
    )
    sim(path, "--out", tmp_path, "--set", f"output.cache={tmp_path / 'cache'}", "--progress", "none")
    run = run_directory(tmp_path)
    table = pq.read_table(run / "predictions.parquet").to_pydict()
    column = {name: np.array(table[name]) for name in ("time", "segment", "converted", "p_pay")}
    methods = {name: np.array(table[f"{name}.cvr"]) for name in ("oracle", "pre-trained")} | {
        "truth": column["p_pay"]
    }
    day = (column["time"] >= 20 * DAY) & (column["time"] < 21 * DAY)

    def auc(name: str, chosen: np.ndarray) -> float:
        """Of segments, weighted by their clicks."""
        parts = [chosen & (column["segment"] == s) for s in np.unique(column["segment"][chosen])]
        return float(
            np.average(
                [roc_auc_score(column["converted"][p], methods[name][p]) for p in parts],
                weights=[p.sum() for p in parts],
            )
        )

    everywhere = np.ones(len(day), bool)
    found = {name: (auc(name, everywhere), auc(name, day)) for name in methods}
    print({name: np.round(values, 4).tolist() for name, values in found.items()})
    assert summary_of(run)["methods"]["oracle"]["cvr"]["auc"] == pytest.approx(found["oracle"][0], abs=0.02)
    assert found["oracle"][0] - found["pre-trained"][0] >= 0.03
    assert found["oracle"][1] - found["pre-trained"][1] >= 0.05
    assert found["truth"][0] - found["oracle"][0] <= 0.05


def test_a_frozen_model_does_not_decay_in_a_world_with_all_drift_at_zero():
    """The true mean by segment and category, taken on the first days, ranks the last days as well as the first."""
    still = {"category": 0, "taste": 0, "context": 0, "refund": 0, "level": 0}
    churn = {"evergreen": 1, "campaign_life": "100000d"}
    size = {"days": 20, "clicks_per_day": 40_000}
    decay = {}
    for name, tables in {"still": {"drift": still, "churn": churn}, "default": {}}.items():
        days = list(world("blend", SEED, merged(size, tables)).days())
        key = [d.features[2].astype(np.int64) * 60 + d.features[9] for d in days]
        learned = [np.bincount(np.concatenate(key[:5]), w, 48 * 60) for w in (
            np.concatenate([d.truth["p_pay"] for d in days[:5]]), np.ones(sum(map(len, key[:5])))
        )]  # fmt: skip
        rate = learned[0] / np.maximum(learned[1], 1)
        fit = [np.corrcoef(rate[k], np.log(d.truth["p_pay"]))[0, 1] for k, d in zip(key, days, strict=True)]
        decay[name] = float(np.mean(fit[5:8]) - np.mean(fit[-3:]))
    assert abs(decay["still"]) < 0.01
    assert decay["default"] > 0.05
