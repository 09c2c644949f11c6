"""The audit of beliefs: sums by hand, chance where they are right, an alarm where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from learners.settlement.push import PushMeter
from simulator.calendar import Calendar, Promotion
from simulator.evaluation.cells import Grid
from simulator.randomness import generator
from simulator.units import HOUR
from tests.learners.conftest import make_samples

SALE = Calendar((Promotion("sale", 10 * HOUR, 20 * HOUR, 5 * HOUR),))


def meter() -> PushMeter:
    return PushMeter(Grid(0, 2 * HOUR, SALE))


def test_by_hand():
    audit = meter()
    log3 = np.log(3)
    samples = make_samples(
        4,
        visible_time=np.array([1, 1, 3, 11]) * HOUR,
        prior=[0.0, 0.0, 0.0, np.nan],
        evidence=[np.inf, -log3, -np.inf, 0.0],
        previous_evidence=[np.nan, log3, -log3, 0.0],
        weight=[1.0, 2.0, 1.0, 1.0],
    )
    audit.delivered(samples)
    found = audit.summary()
    # First at 1/2, paid: -1/2. From 3/4 to 1/4, for two: 1. From 1/4 to 0: 1/4. The last has no prior.
    assert (found["paid"], found["expected"]) == (pytest.approx(0.5), pytest.approx(1.25))
    assert found["z"] == pytest.approx(0.75 / np.sqrt(0.25 + 1 + 0.0625))
    assert [cell["start"] // HOUR for cell in found["cells"]] == [0, 2]
    assert list(found["phases"]) == ["before"]


def test_policies_without_beliefs_have_no_audit():
    audit = meter()
    audit.delivered(make_samples(5, converted=1.0, prior=np.nan, evidence=np.nan))
    assert audit.summary() is None


@pytest.mark.parametrize(("speed", "within"), [(1.0, True), (1.6, False)])
def test_right_beliefs_are_chance_and_wrong_ones_are_not(speed, within):
    """Clicks of p = 1/4 whose pays come at half-lives; the beliefs hold the pace for 1, the truth has another."""
    rng = generator(3, "push")
    audit, n, p = meter(), 40_000, 0.25
    pay = np.where(rng.random(n) < p, rng.exponential(1 / speed, n), np.inf)
    prior = np.full(n, np.log(p / (1 - p)))
    for step in range(8):
        open_now = pay > step / 2
        paid = pay[open_now] <= (step + 1) / 2
        audit.delivered(
            make_samples(
                int(open_now.sum()),
                visible_time=(5 + 2 * step) * HOUR + 1,
                prior=prior[open_now],
                evidence=np.where(paid, np.inf, -(step + 1) / 2),
                previous_evidence=-step / 2,
                weight=1.0,
            )
        )
    found = audit.summary()
    assert (max(abs(cell["z"]) for cell in found["cells"]) < 3) == within
    assert set(found["phases"]) == {"anticipation", "promotion"}
    first = found["cells"][0]
    assert (first["paid"] / first["expected"] > 1.2) != within


def test_refunds_are_audited_by_themselves():
    audit = meter()
    audit.delivered(
        make_samples(
            3,
            visible_time=HOUR,
            prior=0.0,
            evidence=[np.inf, -np.inf, np.inf],
            previous_evidence=np.nan,
            converted=[1.0, np.nan, np.nan],
            refunded=[np.nan, 0.0, 1.0],
        )
    )
    found = audit.summary()
    assert (found["paid"], found["expected"]) == (0.5, 0)
    assert (found["refunds"]["paid"], found["refunds"]["expected"], found["refunds"]["z"]) == (0.5, 0.5, 0)
    assert len(found["refunds"]["cells"]) == 1
    alone = meter()
    alone.delivered(
        make_samples(1, visible_time=HOUR, prior=0.0, evidence=np.inf, previous_evidence=np.nan, refunded=1.0)
    )
    assert alone.summary()["cells"] == []
    assert alone.summary()["refunds"]["paid"] == 0.5


def test_amounts_are_audited_by_themselves():
    audit = meter()
    e2 = np.e**2 - 1
    audit.delivered(
        make_samples(
            6,
            visible_time=np.array([1, 1, 1, 1, 3, 3]) * HOUR,
            converted=1.0,
            gmv=[e2, e2, 0.0, e2, np.e - 1, 5.0],
            weight=[1.0, -1.0, 1.0, 1.0, 1.0, 1.0],
            # A first delivery, a retraction, a fall by 2, a rise by 1, a rise by 1/2, and another policy's correction.
            prior=[np.nan, np.nan, 2.0, 1.0, 0.5, np.nan],
            evidence=np.nan,
            previous_evidence=np.nan,
            previous_gmv=3.0,
        )
    )
    found = audit.summary()
    assert found["cells"] == []
    amounts = found["gmv"]
    assert (amounts["paid"], amounts["expected"]) == (pytest.approx(1.5), pytest.approx(2.0))
    assert amounts["z"] == pytest.approx(0.5 / np.sqrt(4 + 1 + 0.25))
    assert [cell["z"] for cell in amounts["cells"]] == [pytest.approx(1 / np.sqrt(5)), pytest.approx(-1.0)]
    assert "refunds" not in found


def test_the_section_says_what_came_and_draws_the_alarm_on_both_sides():
    audit = meter()
    audit.delivered(
        make_samples(
            3,
            visible_time=np.array([1, 1, 3]) * HOUR,
            prior=[0.0, 0.0, 0.0],
            evidence=[np.inf, -np.inf, -np.inf],
            previous_evidence=[np.nan, np.nan, np.nan],
            weight=[1.0, 1.0, 20.0],
        )
    )
    (section,) = PushMeter.sections({"mine": audit.summary()})
    (panel,), (table,) = section.panels, section.tables
    assert panel.title == "pays: net push, sd"
    assert list(panel.levels) == [-3.0, 0, 3.0]
    assert panel.series["mine"][0] == [HOUR, 3 * HOUR]
    assert panel.series["mine"][1] == pytest.approx([0.0, 1.0])
    assert table.title == "Pays over those believed in"
    assert [[cell.text for cell in cells] for cells in table.rows["mine"]] == [
        ["0.05", "+1.0"], ["0.05", "+1.0"], ["0 of 2"],
    ]  # fmt: skip
    assert table.note.startswith("Where beliefs are right the ratio is 1, and z within 3 of 0")
