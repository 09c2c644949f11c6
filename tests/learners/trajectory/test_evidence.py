"""Evidence and weights of horizons against their definitions, and what they are fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from learners.history import History
from learners.kit.ground import HISTORY, WINDOWS, TrialLog, trial_log
from learners.trajectory import evidence, weights
from learners.trajectory.behaviour import Behaviour, Known
from learners.trajectory.completer import Completer, told
from learners.trajectory.estimator import TrajectoryEvidence
from learners.trajectory.horizons import States
from simulator.log.schema import Kind
from simulator.policies import policy_from
from simulator.units import HOUR, Microseconds
from tests.learners.trajectory.cell import LOOKS, Cell

CELL = Cell()


def test_the_chain_and_a_prior_are_bayes_rule():
    _, states, _ = CELL.looks()
    odds = np.log(CELL.p / (1 - CELL.p)) + evidence.chained(CELL.known(len(states.seen)), states)
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), CELL.posterior(states), atol=1e-4)


def test_a_horizon_alone_is_bayes_rule_of_its_own_state():
    _, states, _ = CELL.looks()
    pay, cart = evidence.marginal(CELL.known(len(states.seen)), states)
    for h in range(1, LOOKS + 1):
        for found, first, joint in (
            (pay, states.paid, CELL.counts().pay),
            (cart, states.carted, CELL.counts().cart),
        ):
            at = joint[h - 1][(first <= h).astype(int)]  # chances of both labels given the state
            odds = np.log(CELL.p / (1 - CELL.p)) + found[:, h - 1]
            expected = np.where(states.seen >= h, at[:, 1] / at.sum(axis=1), CELL.p)
            np.testing.assert_allclose(1 / (1 + np.exp(-odds)), expected, atol=1e-4)


def test_the_weights_are_those_of_the_pages():
    def entropy(joint):
        """H(label | state), by its definition."""
        total = 0.0
        for state in joint:
            for chance in state:
                total -= chance * np.log(chance / state.sum()) if chance else 0.0
        return total

    counts = CELL.counts()
    pay, cart = ([entropy(joint) for joint in part] for part in (counts.pay, counts.cart))
    eta = [
        np.exp(-h / LOOKS) * np.exp(-2 * pay[h - 1] / max(pay)) / (LOOKS - h + 1) for h in range(1, LOOKS + 1)
    ]
    np.testing.assert_allclose(weights.of_trace(counts, 2.0), np.array(eta) / np.mean(eta), rtol=1e-12)
    assert pay[-1] == pytest.approx(0), "whoever converts has paid by the close"
    ages, largest = (60.0, 120.0, 600.0, 1000.0), max(*pay, *cart)
    raw = np.array(
        [
            [np.exp(-2 * c / largest - age / 1000) for c, age in zip(part, ages, strict=True)]
            for part in (pay, cart)
        ]
    )
    expected = raw / raw.mean() / np.arange(LOOKS, 0, -1)
    found = weights.of_gdfm(counts, ages, 2.0, 1.0)
    np.testing.assert_allclose([found["pay"], found["cart"]], expected, rtol=1e-12)


HISTORY_OF = History(TrialLog(trial_log(), "kit"), WINDOWS, *HISTORY)
AGES = tuple(Microseconds(age) for age in (HOUR // 6, HOUR, 6 * HOUR))


def lives():
    """Label, first horizon with a pay and with a cart of each click of the history, read one by one."""
    log, ends, found = trial_log(), [*AGES, np.inf], []
    clicks, labels = next(iter(HISTORY_OF.log.labelled(WINDOWS, *HISTORY)))
    for row, clicked in enumerate(clicks.time.tolist()):
        first = []
        for kind in (Kind.PAY, Kind.CART):
            own = (log.event.row == row + clicks.row) & (log.event.kind == kind)
            since = log.event.time[own] - clicked
            since = since[(since >= 0) & (since <= WINDOWS.attribution)]
            first.append(next((h for h, end in enumerate(ends, 1) if (since <= end).any()), np.inf))
        found.append((bool(labels.converted[row]), *first))
    return np.array(found)


def test_the_history_is_counted_and_the_heads_start_at_its_shares():
    label, paid, carted = lives().T
    counts = weights.Counts.of(HISTORY_OF, Behaviour(ages=AGES))
    for joint, first in ((counts.pay, paid), (counts.cart, carted)):
        for h in range(1, 5):
            for state in (0, 1):
                for y in (0, 1):
                    alike = ((first <= h) == state) & (label == y)
                    assert joint[h - 1, state, y] == pytest.approx(alike.mean(), abs=1e-12)
    biases = HISTORY_OF.biases(Behaviour(ages=AGES))
    known = Known.of_outputs({name: np.array([value]) for name, value in biases.items()}, 4)
    for h in range(1, 5):
        assert known.pay[0, h - 1] == pytest.approx((paid[label == 1] == h).mean(), abs=5e-3)
        assert known.cart_if_not[0, h - 1] == pytest.approx((carted[label == 0] == h).mean(), abs=5e-3)
    assert known.pay.sum() == pytest.approx(1)
    assert known.cart_if_paid.sum() < 1


def test_a_history_without_clicks_weighs_all_horizons_by_their_looks():
    empty = History(TrialLog(trial_log(), "kit"), WINDOWS, 0, 0)
    counts = weights.Counts.of(empty, Behaviour(ages=AGES))
    assert np.isfinite(weights.of_trace(counts, 2.0)).all()


def test_the_completer_reads_lives_that_are_cut():
    states = States(np.array([0.0, 1.0, 3.0]), np.array([np.inf, np.inf, 2.0]), np.array([np.inf, 1.0, 3.0]))
    names = Completer(ages=AGES).names()
    rows = [dict(zip(names, row, strict=True)) for row in told(states, AGES).tolist()]
    assert not any(rows[0].values())
    assert {name for name, value in rows[1].items() if value} == {"seen_1", "carted_1", "last_1"}
    assert {name for name, value in rows[2].items() if value} == {
        "seen_1", "seen_2", "seen_3", "paid_2", "paid_3", "carted_3", "last_3",
    }  # fmt: skip
    whole = next(iter(HISTORY_OF.rows(Completer(ages=AGES))))
    last = whole.inputs[:, [names.index(f"last_{h}") for h in range(1, 5)]]
    assert (last.sum(axis=1) == 1).all()
    np.testing.assert_allclose(last.mean(axis=0), 0.25, atol=0.01)


def test_the_auxiliary_looks_when_its_policy_does():
    policy = policy_from({"kind": "trajectory", "ages": ["5m", "3h"]})
    assert TrajectoryEvidence().completed_for(policy, HOUR).ages == policy.ages
    assert len(TrajectoryEvidence().completed_for(policy_from("complete"), HOUR).ages) == 4


def test_probabilities_are_never_certain():
    """A pay by who does not convert has no chance; its evidence is bounded all the same."""
    known = CELL.known(1)
    paid = States(np.array([4.0]), np.array([1.0]), np.array([np.inf]))
    assert 10 < evidence.chained(known, paid)[0] < 14
    assert np.isfinite(evidence.marginal(known, paid)[0]).all()
    unpaid = States(np.array([4.0]), np.array([np.inf]), np.array([np.inf]))
    assert -14 < evidence.marginal(known, unpaid)[0][0, 3] < -13
