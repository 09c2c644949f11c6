"""A history in which past promotions count more, against what SQL counts."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from learners import checkpoint
from learners.history import History
from learners.kit.ground import CLICKS, LEARNER, TrialLog, trial_log
from learners.networks.mlp import MLP
from learners.pretrain import Pretraining
from learners.start import RECIPES
from simulator.calendar import Calendar, Promotion
from simulator.errors import ScenarioError
from simulator.units import DAY, HOUR
from simulator.windows import Windows

WINDOWS = Windows(DAY, DAY)
PAST = Promotion("past", 2 * DAY, 2 * DAY + 12 * HOUR, 18 * HOUR)
OLD = Promotion("old", DAY, DAY + HOUR, 6 * HOUR)
COMING = Promotion("coming", 5 * DAY, 6 * DAY, 2 * DAY)
CALENDAR = Calendar.of([COMING, PAST, OLD])
END = 4 * DAY

COUNTED = """
select row, case when greatest({before}) then {w} when greatest({sale}) then {s} else {o} end as weight
from clicks where time < {end} order by row"""


def recipe(**given):
    return RECIPES.parse({"kind": "past-promotions", **given}, "start")


def history(calendar=CALENDAR):
    return History(TrialLog(trial_log(), "kit"), WINDOWS, 0, END, calendar)


def weights(promotions, w, s, o):
    con = duckdb.connect()
    con.register("clicks", pa.table({"row": range(CLICKS), "time": trial_log().click_time}))
    before = ", ".join(f"time >= {p.start - p.anticipation} and time < {p.start}" for p in promotions)
    sale = ", ".join(f"time >= {p.start} and time < {p.end}" for p in promotions)
    query = COUNTED.format(before=before, sale=sale, w=w, s=s, o=o, end=END)
    return np.array([weight for _, weight in con.sql(query).fetchall()])


@pytest.mark.parametrize(("latest", "promotions"), [(None, [OLD, PAST]), (1, [PAST])])
def test_weights_are_what_sql_counts_and_the_coming_sale_counts_for_nothing(latest, promotions):
    part = recipe(before=3, sale=2, ordinary=1, latest=latest)
    found = np.concatenate([rows.features[:, 0] for rows in history().rows(part)])
    expected = weights(promotions, 3, 2, 1)
    log = trial_log()
    assert len(found) == expected.sum()
    np.testing.assert_array_equal(found, np.repeat(log.feature_matrix[: len(expected), 0], expected))


def test_a_part_of_a_weight_is_a_part_of_the_clicks_always_the_same():
    part = recipe(before=1.5, sale=0, ordinary=0)
    once, again = ([len(r) for r in history().rows(part)] for _ in range(2))
    assert once == again
    before = (weights([OLD, PAST], 1, 0, 0)).sum()
    assert sum(once) / before == pytest.approx(1.5, abs=4 * 0.5 / np.sqrt(before))


def test_targets_inputs_and_losses_are_those_of_the_recipe_inside():
    inside = RECIPES.parse({"kind": "cascade"}, "start").completed(HOUR)
    outside = recipe(recipe="cascade", before=2, ordinary=0).completed(HOUR)
    assert outside.heads == inside.heads
    plain, doubled = (list(history().rows(part)) for part in (inside, outside))
    chosen = np.flatnonzero(weights([OLD, PAST], 1, 0, 0) > 0)
    expected = np.concatenate([r.targets for r in plain])[np.repeat(chosen, 2)]
    sale = np.concatenate([r.targets for r in doubled])
    assert len(sale) > len(expected), "clicks inside the sale count once"
    rest = recipe(recipe="cascade", before=2, sale=0, ordinary=0)
    np.testing.assert_array_equal(np.concatenate([r.targets for r in history().rows(rest)]), expected)


def test_a_checkpoint_is_that_of_its_calendar_where_the_recipe_knows_one():
    def key(part, calendar):
        plan = Pretraining(part, MLP().completed(LEARNER), (), LEARNER, history(calendar), 1)
        return checkpoint.key_of(plan.parts())

    other = Calendar.of([PAST])
    assert key(recipe(), CALENDAR) != key(recipe(), other)
    plain = RECIPES.parse("cvr", "start")
    assert key(plain, CALENDAR) == key(plain, other)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"recipe": "objective"}, "'objective' has no examples to weigh; allowed: .*cvr"),
        ({"before": 0, "sale": 0, "ordinary": 0}, "nothing is left to learn from"),
    ],
)
def test_what_cannot_be_weighed_is_refused(given, says):
    with pytest.raises(ScenarioError, match=says):
        recipe(**given)
