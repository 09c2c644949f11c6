"""Whole runs with auctions, of a small world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.commands import run_directory, sim_here, summary_of
from tests.resuming import assert_equal_runs, interrupted_and_resumed

WORLD = """
[world]
days = 6
clicks_per_day = 600
users = 300
items = 150
impressions = true

[world.exposure]
rate = 0.2

[windows]
attribution = "1d"
refund = "0s"
observation = "1h"

[stream]
history = "2d"
gap = "1d"
length = "2d"
segment = "6h"

[learner]
embedding_dim = 4
hidden = [16, 8]
batch_size = 64
pretrain_batch_size = 128
"""
METHODS = ("oracle", "es-dfm", "posterior-settlement", "escm2-dr")
SALE = "\n[auction]\nworth = 5.0\nrivals = { bid = 0.02, spread = 1.0 }\n"
EVERYTHING = "\n[auction]\nworth = 1e12\nreserve = 1e-9\nrivals = { count = 0 }\n"


def write(path: Path, auction: str, methods: tuple[str, ...] = METHODS) -> Path:
    blocks = "".join(f'\n[[method]]\nmethod = "{name}"\n' for name in methods)
    path.write_text(f'title = "small"\n{WORLD}{auction}{blocks}', encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed")


def ran(home: Path, name: str, auction: str, *more: str, methods: tuple[str, ...] = METHODS) -> Path:
    out = home / name
    scenario = write(home / f"{name}.toml", auction, methods)
    cache = f"output.cache={home / 'cache'}"
    sim_here("run", scenario, "--out", out, "--set", cache, "--progress", "none", "--dump-samples", *more)
    return run_directory(out)


@pytest.fixture(scope="module")
def sold(home: Path) -> Path:
    return ran(home, "sold", SALE)


@pytest.fixture(scope="module")
def summary(sold: Path) -> dict[str, Any]:
    return summary_of(sold)


def test_who_wins_everything_runs_as_without_auctions(home: Path):
    assert_equal_runs(ran(home, "open", ""), ran(home, "everything", EVERYTHING))


def test_what_was_won_is_written_and_adds_up_to_the_money(sold: Path, summary: dict[str, Any]):
    wins = pq.read_table(sold / "wins.parquet")
    money = summary["auction"]["money"]
    assert set(money) == {*METHODS, "oracle-bidder"}
    bidder = wins["bidder"].to_numpy(zero_copy_only=False)
    for name, of in money.items():
        mine = wins.filter(bidder == name)
        assert 0 < len(mine) == of["all"]["won"] < of["all"]["offered"]
        assert len(np.unique(mine["impression_id"])) == len(mine)
        assert (np.diff(mine["time"]) >= 0).all()
        price, bid = mine["price"].to_numpy(), mine["bid"].to_numpy()
        assert (price < bid).all()
        assert of["all"]["spend"] == pytest.approx(price.sum())
        paid = mine["converted"].to_numpy(zero_copy_only=False)
        assert of["all"]["value"] == pytest.approx(5.0 * paid.sum())
        assert of["all"]["clicks"] == mine["clicked"].to_numpy(zero_copy_only=False).sum()
        for part in ("phases", "days", "hours"):
            sums = of[part]
            spent = sum(p["spend"] for p in sums.values()) if part == "phases" else sum(sums["spend"])
            assert spent == pytest.approx(of["all"]["spend"])


def test_who_knows_the_truth_earns_most(summary: dict[str, Any]):
    """Second price and no budget: no other bid earns more."""
    money = summary["auction"]["money"]
    assert max(money, key=lambda name: money[name]["all"]["profit"]) == "oracle-bidder"


def test_what_was_lost_and_who_overrated_what_is_told(sold: Path, summary: dict[str, Any]):
    auction = summary["auction"]
    assert set(auction["lost"]) == set(METHODS)
    for name, of in auction["lost"].items():
        whole, told, oracle = (auction["money"][n]["all"] for n in (name, "oracle", "oracle-bidder"))
        assert of["delay"] == pytest.approx(told["expected_profit"] - whole["expected_profit"])
        assert of["pacing"] == 0
        assert of["delay"] + of["estimation"] == pytest.approx(
            oracle["expected"] - oracle["spend"] - whole["expected"] + whole["spend"]
        )
        assert of["estimation"] > 0
        deciles = auction["accounts"][name]["deciles"]["true"]
        assert sum(d["won"] for d in deciles) == pytest.approx(whole["won"])
        assert sum(d["true_won"] for d in deciles) == pytest.approx(whole["expected"])
        # The rivals are in the market, too: what they get counts for welfare alone.
        assert whole["expected"] < whole["welfare"]
    assert set(auction["foretold"]) == {"nll", "regret_nll"}
    assert "lost to" in (sold / "report.html").read_text(encoding="utf-8").lower()


def test_a_controller_says_when_its_target_was_known(home: Path):
    auction = SALE.replace(
        "[auction]", '[auction]\nbudget = 3.0\nbidder = { kind = "target-cpa", target = 1.5 }'
    )
    told = summary_of(ran(home, "controlled", auction, methods=("es-dfm",)))["auction"]
    for name in ("es-dfm", "oracle-bidder"):
        assert all(spent <= 3.0 for spent in told["money"][name]["days"]["spend"])
        account = told["accounts"][name]
        assert [day["day"] for day in account["target"]] == told["money"][name]["days"]["day"]
        assert account["clairvoyant"]["spend"] <= 3.0 * len(account["target"]) + 1e-9
        for day in account["target"]:
            assert day["kept"] == (day["ratio"] is not None and day["ratio"] <= 1.5)


def test_the_log_of_who_explores_judges_the_others(home: Path):
    run = ran(home, "explored", SALE + 'exploration = "epsilon"\n', methods=("es-dfm", "oracle"))
    told = summary_of(run)["auction"]["off_policy"]
    assert set(told) == {"oracle", "oracle-bidder"}
    for of in told.values():
        for age in of["naive"].values():
            assert age["ips"]["low"] < age["ips"]["profit"] < age["ips"]["high"]
        last = list(of["naive"].values())[-1]
        wide = last["ips"]["high"] - last["ips"]["low"]
        assert last["earned"] == pytest.approx(last["ips"]["profit"], abs=3 * wide)


def test_whoever_won_nothing_is_told_why(home: Path):
    run = ran(home, "dear", "\n[auction]\nrivals = { bid = 1e6 }\n", methods=("es-dfm",))
    assert "cost more than" in summary_of(run)["auction"]["troubles"]["es-dfm"]


def test_won_clicks_are_judged_beside_all_that_were_offered(sold: Path, summary: dict[str, Any]):
    predictions, wins = pq.read_table(sold / "predictions.parquet"), pq.read_table(sold / "wins.parquet")
    for name in METHODS:
        judged = summary["auction"]["selection"][name]["cvr"]
        assert judged["offered"]["rows"] == len(predictions)
        assert judged["offered"]["nll"] == summary["methods"][name]["cvr"]["nll"]
        mine = wins.filter(wins["bidder"].to_numpy(zero_copy_only=False) == name)
        # Clicks of what was shown before the stream are in every method's world.
        clicked = mine["clicked"].to_numpy(zero_copy_only=False).sum()
        assert clicked <= judged["won"]["rows"] <= clicked + 20
        served = predictions[f"{name}.cvr"].to_numpy()
        assert judged["won"]["pcoc"] != judged["offered"]["pcoc"]
        assert served.min() > 0


def test_an_interrupted_run_goes_on_to_the_same_wins(home: Path, sold: Path, monkeypatch: pytest.MonkeyPatch):
    scenario, cache = write(home / "sold.toml", SALE), f"output.cache={home / 'cache'}"
    again = interrupted_and_resumed(scenario, cache, home / "again", 6, monkeypatch)
    assert_equal_runs(sold, again)
    a, b = (pq.read_table(run / "wins.parquet") for run in (sold, again))
    assert a.equals(b)


def test_no_other_method_and_no_number_of_workers_changes_a_methods_world(home: Path, sold: Path):
    alone = ran(home, "alone", SALE, "--set", "engine.workers=1", methods=("es-dfm",))
    wins = []
    for run in (sold, alone):
        table = pq.read_table(run / "wins.parquet")
        mine = table["bidder"].to_numpy(zero_copy_only=False) == "es-dfm"
        wins.append(table.filter(mine).drop_columns("bidder"))
    assert wins[0].equals(wins[1])


def test_who_begins_cold_knows_nothing_of_the_history(home: Path):
    """A model that never learns serves its initial values; one that was pre-trained does not."""
    found = {}
    for history in ("all", "none"):
        run = ran(
            home, f"history-{history}", SALE, "--set", f"auction.history={history}", methods=("pre-trained",)
        )
        found[history] = summary_of(run)["methods"]["pre-trained"]["cvr"]["regret_nll"]
    assert found["none"] > found["all"] + 0.1


def test_who_begins_with_a_biased_log_knows_what_the_logging_bidder_won(home: Path):
    """Nothing lost: the same numbers as with everything. Some lost: others, and models of their own in the cache."""
    won = 'history = "won"\nlogger = { feature = "category", spread = 2.0 }\n'
    everything = (
        ran(home, f"log-{name}", EVERYTHING + history, methods=("oracle", "esmm"))
        for name, history in (("whole", ""), ("won", 'history = "won"\n'))
    )
    assert_equal_runs(*everything)
    regret = [
        summary_of(ran(home, name, auction, methods=("pre-trained",)))["methods"]["pre-trained"]["cvr"][
            "regret_nll"
        ]
        for name, auction in (("unbiased", SALE), ("biased", SALE + won))
    ]
    assert regret[0] != regret[1]


def test_an_oracle_of_journeys_looks_up_what_the_logging_bidder_won(home: Path):
    """The truth of an observation window is beside the whole log."""
    auction = SALE.replace("[auction]", '[auction]\nhistory = "won"')
    scenario = write(home / "looked.toml", auction, ("es-dfm",))
    scenario.write_text(scenario.read_text(encoding="utf-8") + 'auxiliary = "oracle"\n', encoding="utf-8")
    cache = f"output.cache={home / 'cache'}"
    sim_here("run", scenario, "--out", home / "looked", "--set", cache, "--progress", "none")
    assert summary_of(run_directory(home / "looked"))["auction"]["money"]["es-dfm"]["all"]["won"]


def test_the_audit_of_a_scenario_says_that_it_makes_no_bids(home: Path):
    scenario = write(home / "audited.toml", SALE, ("es-dfm",))
    done = sim_here("audit", scenario, "--set", f"output.cache={home / 'cache'}")
    assert "Bids are not made" in " ".join(done.stdout.split())
    assert "causal  elapsed-time" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("auction={history='won',rivals={bid=1e9}}", "won none of the"),
        ("auction={history='won',logger={feature='colour'}}", "auction.logger.feature"),
        ("world.impressions=false", "set world.impressions = true"),
        ("auction.ctr=model", "predicts no ctr"),
        ("auction.exploration=thompson", 'no method has any; take "epsilon"'),
        ("stream.protocol=offline", "[auction] needs a stream"),
    ],
)
def test_what_cannot_be_auctioned_is_said(text: str, said: str, home: Path):
    scenario = write(home / "wrong.toml", SALE, ("pre-trained",))
    done = sim_here(
        "run",
        scenario,
        "--set",
        text,
        "--set",
        f"output.cache={home / 'cache'}",
        "--out",
        home / "w",
        code=None,
    )
    assert done.returncode
    assert said in " ".join(done.stderr.split())
