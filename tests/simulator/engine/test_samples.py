"""What samples carry: what the policy declares, under the names it gives; roles that belong to the policy alone."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from threading import Thread

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.engine import Engine
from simulator.errors import PolicyError
from simulator.log.memory import random_log
from simulator.log.schema import Columns, Feature, Int32
from simulator.policies import Policy
from simulator.randomness import generator
from simulator.samples import CAUSE, CAUSES, Samples, schema
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.simulator.engine.replay import replay

WINDOWS = Windows(2 * DAY, DAY)
LOG = random_log(generator(1, "log"), 200, WINDOWS, days=3)


class Carrier(Policy):
    """Says at each pay how old the click is, and whether it is late once a timer has gone off."""

    carries = {"age": "float64", "odd": "float32"}

    def on_click(self, at, out):
        out.deliver(at, converted=0.0, role="click")

    def on_pay(self, at, out):
        out.deliver(at, converted=1.0, role="pay", age=at.elapsed / HOUR)

    def on_close(self, at, out):
        out.deliver(at, converted=at.journey.paid, role="close", odd=at.click_id % 2, age=None)


def test_samples_carry_what_is_delivered_and_nulls_where_nothing_is():
    samples = replay(LOG, WINDOWS, {"p": Carrier()}, 6 * DAY, 7 * HOUR)["p"]
    role = samples.role_names
    assert set(role) == {"click", "pay", "close"} == set(samples.roles)
    np.testing.assert_array_equal(samples.elapsed, samples.event_time - samples.click_time)
    np.testing.assert_array_equal(samples.click_time, LOG.click_time[samples.row])
    expected = np.where(role == "pay", samples.elapsed / HOUR, np.nan)
    np.testing.assert_array_equal(samples.column("age"), expected)
    np.testing.assert_array_equal(
        samples.carried["odd"], np.where(role == "close", samples.click_id % 2, np.nan).astype(np.float32)
    )
    assert np.isnan(samples.column("evidence")).all(), "what is not carried is null"
    written = samples.to_arrow()
    assert written.schema == schema(Carrier.carries)
    assert written.column_names[-2:] == ["age", "odd"]
    assert written["age"].null_count == np.count_nonzero(role != "pay")
    assert written["role"].to_pylist() == role.tolist()


def test_samples_have_the_features_of_their_clicks():
    log = random_log(generator(2, "log"), 100, WINDOWS, days=2)
    log.feature_matrix, log.features = (
        np.arange(200, dtype=np.int32).reshape(100, 2),
        (Feature("a", 999),) * 2,
    )
    samples = replay(log, WINDOWS, {"p": Carrier()}, 5 * DAY, DAY, features=True)["p"]
    np.testing.assert_array_equal(samples.features, log.feature_matrix[samples.row])
    without = replay(log, WINDOWS, {"p": Carrier()}, 5 * DAY, DAY)["p"]
    assert without.features.shape == (len(samples), 0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"agee": 1.0}, r"'p' delivers an unknown column 'agee'; allowed: age, odd. Did you mean 'age'\?"),
        ({"age": np.zeros(3)}, r"delivers age of shape \(3,\)"),
    ],
)
def test_what_is_not_declared_is_not_delivered(given, told):
    class Wrong(Carrier):
        def on_click(self, at, out):
            out.deliver(at[np.arange(1)], converted=0.0, **given)

    with pytest.raises(PolicyError, match=told):
        replay(LOG, WINDOWS, {"p": Wrong()}, DAY, DAY)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"age": "int64"}, "carries 'age' as 'int64'; allowed: float32, float64"),
        ({"gmv": "float64"}, "carries 'gmv': not a name that is free"),
        ({"two words": "float64"}, "carries 'two words': not a name that is free"),
    ],
)
def test_what_is_carried_has_a_null_and_a_name_of_its_own(declared, told):
    with pytest.raises(PolicyError, match=told):
        type("Wrong", (Policy,), {"carries": declared})


def test_replays_in_several_threads_share_no_roles():
    """Each policy counts its own roles, in the order of first use, whoever runs beside it."""

    class Many(Policy):
        def on_click(self, at, out):
            for place in np.argsort(at.click_id % 7):
                out.deliver(at[np.array([place])], converted=0.0, role=f"role {at.click_id[place] % 7}")

    found: list[Samples] = []
    work = lambda: found.append(replay(LOG, WINDOWS, {"p": Many()}, 5 * DAY, DAY)["p"])  # noqa: E731 - one line that is used once
    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(threads)
    for samples in found:
        assert sorted(samples.roles) == [f"role {k}" for k in range(7)]
        assert samples.role_names.tolist() == [f"role {k % 7}" for k in samples.click_id]


def test_later_batches_and_forks_go_on_with_the_roles_so_far():
    engine = Engine(LOG, WINDOWS, {"p": Carrier()}, start=0)
    first = engine.advance(HOUR).samples["p"]
    twin = engine.fork(LOG)
    rest, other = (e.advance(6 * DAY).samples["p"] for e in (engine, twin))
    assert rest.roles == other.roles
    assert rest.roles[: len(first.roles)] == first.roles
    whole = Samples.concatenate([first, Samples.empty(), rest])
    assert whole.role_names.tolist() == [*first.role_names, *rest.role_names]
    assert len(Samples.concatenate([])) == 0


def test_samples_of_two_replays_keep_the_names_of_their_roles():
    """Codes count by first use, which another replay (in another process, over another part of a log) may have otherwise."""
    one, other = (Samples.blank(2, 0) for _ in range(2))
    one.role[:], one.roles = [0, 1], ("delayed_positive", "negative")
    other.role[:], other.roles = [0, 1], ("negative", "immediate_positive")
    other = pickle.loads(pickle.dumps(other))
    names = ["delayed_positive", "negative", "negative", "immediate_positive"]
    assert Samples.concatenate([one, other]).role_names.tolist() == names
    assert Samples.concatenate([one, other, one]).role_names.tolist() == [*names, *names[:2]]
    one.put(np.array([1]), other[1:])
    assert one.role_names.tolist() == ["delayed_positive", "immediate_positive"]
    assert other.role_names.tolist() == names[2:]


class AtAll(Carrier):
    """Delivers at everything there is."""

    def on_click(self, at, out):
        super().on_click(at, out)
        out.timer(at, after=3 * HOUR)

    def on_cart(self, at, out):
        out.deliver(at, converted=0.0, role="cart")

    def on_refund(self, at, out):
        out.deliver(at, converted=1.0, role="refund")

    def on_timer(self, at, out):
        out.deliver(at, converted=0.0, role="timer")

    def on_segment(self, at, out):
        out.deliver(at, converted=0.0, role="segment", order=at.click_id + 7)


@pytest.mark.parametrize("lag", [0, 10 * HOUR])
def test_the_cause_of_a_sample_restores_the_order(lag):
    windows = Windows(2 * DAY, DAY, lag)
    log = random_log(generator(3, "log"), 200, windows, days=3, lag=lag)

    def delivered(*, causes: bool) -> Samples:
        engine = Engine(log, windows, {"p": AtAll()}, start=0, causes=causes)
        edges = range(7 * HOUR, 7 * DAY, 7 * HOUR)
        return Samples.concatenate([engine.advance(at, segment_end=True).samples["p"] for at in edges])

    plain, told = delivered(causes=False), delivered(causes=True)
    assert plain.carried.keys() == {"age", "odd"}
    for name in CAUSE:
        assert plain.to_arrow()[name].null_count == len(plain)
    table = told.to_arrow()
    assert table.drop_columns([*CAUSE]).equals(plain.to_arrow().drop_columns([*CAUSE]))
    cause = table["cause"].to_pylist()
    assert cause == told.role_names.tolist(), "each role is named after its cause"
    assert set(cause) == set(CAUSES)
    keys = list(
        zip(
            table["visible_time"].to_pylist(),
            table["event_time"].to_pylist(),
            [CAUSES.index(name) for name in cause],
            table["cause_id"].to_pylist(),
            strict=True,
        )
    )
    assert keys == sorted(set(keys))
    events = dict(zip(log.event.event_id.tolist(), log.event.row.tolist(), strict=True))
    for name, key, row, click in zip(cause, keys, told.row.tolist(), told.click_id.tolist(), strict=True):
        if name in {"cart", "pay", "refund"}:
            assert events[key[-1]] == row
        else:
            assert key[-1] == click + 7 * (name == "segment")


SHORT = NDArray[np.int16]


@dataclass(slots=True)
class Odd(Columns):
    """Types that are written in another way than by the names of the data contract."""

    a: SHORT
    b: NDArray[np.float32]
    c: Int32


def test_empty_columns_have_their_types_however_these_are_written():
    empty = Odd.empty()
    assert [getattr(empty, name).dtype for name in "abc"] == [np.int16, np.float32, np.int32]
    assert Odd.concatenate([]).a.dtype == np.int16
