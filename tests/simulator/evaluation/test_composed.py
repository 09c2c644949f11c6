"""Methods that serve by others, against numpy: the mean of logits, of logarithms, and who serves in which phase."""

from __future__ import annotations

import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from simulator.calendar import PHASES
from simulator.evaluation.composed import Composed, costs_of, mean
from simulator.evaluation.costs import CostMeter
from simulator.evaluation.ledger import Ledger
from simulator.units import DAY
from tests.simulator.evaluation.stream import CALENDAR, METHODS, SEGMENT, START, feed, make_stream

CHOSEN = {"before": "es-dfm", "anticipation": "pre-trained", "promotion": "both", "after": "oracle"}
COMPOSED = {
    "portfolio": Composed(dict.fromkeys(PHASES, ("both", "es-dfm", "pre-trained"))),
    "by-phase": Composed({phase: (name,) for phase, name in CHOSEN.items()}),
    "of-both": Composed(dict.fromkeys(PHASES, ("portfolio", "by-phase"))),
    "amounts": Composed(dict.fromkeys(PHASES, ("both", "online-single"))),
}
TASKS = {name: ("gmv",) if name == "amounts" else ("cvr",) for name in COMPOSED}


def logits(*chances):
    return [np.log(chance / (1 - chance)) for chance in chances]


def chance_of(logit):
    return 1 / (1 + np.exp(-logit))


def with_switches(stream):
    """Put clicks on the very instants at which phases begin, and one before each."""
    times, _ = CALENDAR.switches()
    for at in times:
        place = int(np.searchsorted(stream.time, at))
        stream.time[place] = at
        stream.time[place - 1] = at - 1
    return stream


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Predictions as a run leaves them, and what of them was entered."""
    path = tmp_path_factory.mktemp("composed") / "predictions.parquet"
    stream = with_switches(make_stream(900, seed=5))
    members = Ledger(METHODS, CALENDAR, START, SEGMENT)
    ledger = Ledger({**TASKS, **METHODS}, CALENDAR, START, SEGMENT, predictions_path=path, composed=COMPOSED)
    for one in (members, ledger):
        one.served = feed(_Fed(one), stream, np.random.default_rng(3), settled=900)
    results = ledger.finish()
    return stream, pq.read_table(path).to_pandas(), results, members.finish()


class _Fed:
    """A ledger to which what others predict is entered, and nothing for composed methods."""

    def __init__(self, ledger):
        self.methods = METHODS
        self.serve, self.predict, self.finalise = ledger.serve, ledger.predict, ledger.finalise


def test_a_portfolio_serves_the_mean_of_the_logits_of_its_members(judged):
    stream, table, *_ = judged
    chances = [stream.predictions[name]["cvr"] for name in ("both", "es-dfm", "pre-trained")]
    expected = chance_of(np.mean(logits(*chances), axis=0))
    np.testing.assert_allclose(table["portfolio.cvr"], expected, rtol=1e-12)


def test_amounts_are_mixed_by_their_logarithms(judged):
    stream, table, *_ = judged
    one, other = stream.predictions["both"]["gmv"], stream.predictions["online-single"]["gmv"]
    np.testing.assert_allclose(table["amounts.gmv"], np.sqrt(one * other), rtol=1e-12)


def test_by_phase_serves_the_members_own_predictions_bit_for_bit_from_the_opening_instant_on(judged):
    stream, table, *_ = judged
    start, opening, end = 3 * DAY, 5 * DAY, 6 * DAY
    bounds = [
        ("es-dfm", table.time < start),
        ("pre-trained", (table.time >= start) & (table.time < opening)),
        ("both", (table.time >= opening) & (table.time < end)),
        ("oracle", table.time >= end),
    ]
    assert {start - 1, start, opening - 1, opening, end - 1, end} <= {*table.time}
    for name, of in bounds:
        np.testing.assert_array_equal(table["by-phase.cvr"][of], stream.predictions[name]["cvr"][of])


def test_members_may_be_composed_themselves(judged):
    table = judged[1]
    expected = chance_of(np.mean(logits(table["portfolio.cvr"], table["by-phase.cvr"]), axis=0))
    np.testing.assert_allclose(table["of-both.cvr"], expected, rtol=1e-12)


def test_they_are_judged_like_any_other_and_change_no_number_of_theirs(judged):
    stream, _, results, members = judged
    assert list(results.methods) == [*COMPOSED, *METHODS]
    told = results.overall()
    for name, tasks in members.overall().items():
        assert told[name] == tasks
    chances = [stream.predictions[name]["cvr"] for name in ("both", "es-dfm", "pre-trained")]
    served, label = chance_of(np.mean(logits(*chances), axis=0)), stream.labels.converted
    loss = -np.where(label, np.log(served), np.log1p(-served)).mean()
    assert told["portfolio"]["cvr"].values["nll"] == pytest.approx(loss, rel=1e-9)
    alone = np.mean([told[name]["cvr"].values["nll"] for name in ("both", "es-dfm", "pre-trained")])
    assert loss <= alone, "log loss is convex in the logit"


def test_nobody_enters_predictions_of_a_composed_method():
    ledger = Ledger({**TASKS, **METHODS}, CALENDAR, START, SEGMENT, composed=COMPOSED)
    with pytest.raises(ValueError, match="unknown method 'portfolio'"):
        ledger.predict("portfolio", 0, {"cvr": np.zeros(1)})


def test_a_member_that_is_certain_does_not_decide_alone():
    found = mean("cvr", [np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.2, 0.0])])
    assert np.isfinite(logits(found)).all()
    assert found[2] == pytest.approx(0.5)
    assert mean("gmv", [np.array([0.0]), np.array([100.0])]) == pytest.approx(math.sqrt(1e-8 * 100))


def test_costs_are_the_sum_of_those_of_the_members():
    def costs(**other):
        trained = {"steps": 3, "samples_learned": 30, "samples_waiting": 1, "staleness": 9.0}
        return {**CostMeter().summary(), **trained, "clicks": 20, "label_accuracy": 0.5, **other}

    found = costs_of({"a": costs(samples=40), "b": costs(samples=25, steps=4)})
    assert (found["samples"], found["steps"], found["samples_learned"], found["clicks"]) == (65, 7, 60, 20)
    assert found["duplication_factor"] == pytest.approx(65 / 20)
    assert found["members"] == ["a", "b"]
    assert math.isnan(found["label_accuracy"]), "a share is each member's own"
    assert costs_of({"a": costs(), "b": costs()})["duplication_factor"] == 0
