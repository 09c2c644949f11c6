"""By phase: what is delivered of a click is, sample for sample, what the policy of its phase alone delivers of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.audit import audit
from simulator.calendar import PHASES, Calendar, Promotion
from simulator.errors import ScenarioError
from simulator.log.memory import random_log
from simulator.policies import Policy, policy_from
from simulator.policies.by_phase import ByPhase
from simulator.randomness import generator
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.engine.replay import assert_same, built_in, replay
from tests.simulator.policies.cheats import Carries, CountsPays, Misspelt, Remembers, Shares

WINDOW = 40 * MINUTE
CALENDAR = Calendar.of(
    [Promotion("first", DAY, DAY + 9 * HOUR, 7 * HOUR), Promotion("second", 3 * DAY, 4 * DAY, DAY)]
)
FOLLOWABLE: dict[str, Policy] = {
    name: policy
    for name, policy in {**built_in(WINDOW), "counts": CountsPays()}.items()
    if not (policy.asks or policy.tells) and policy.impressions == Policy.impressions
}
SHORT = Windows(3 * HOUR, 0)
WIDE = Windows(DAY, 6 * HOUR, 10 * HOUR, "exclusive")
MEMBER = st.sampled_from(sorted(FOLLOWABLE))


def in_phase(samples, *phases):
    codes = [PHASES.index(phase) for phase in phases]
    return samples[np.flatnonzero(np.isin(CALENDAR.phase(samples.click_time), codes))]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    before=MEMBER,
    named=st.dictionaries(st.sampled_from(PHASES[1:]), MEMBER, max_size=3),
    windows=st.sampled_from([(Windows(DAY, DAY), 0), (SHORT, 0), (WIDE, 10 * HOUR)]),
    tick=st.sampled_from([5 * HOUR, 2 * DAY]),
)
def test_each_click_is_delivered_as_the_policy_of_its_phase_does(seed, before, named, windows, tick):
    spans, lag = windows
    log = random_log(generator(seed, "log"), 200, spans, days=5, lag=lag)
    until = int(log.click_time[-1]) + spans.lifetime + 1
    names = {phase: named.get(phase, before) for phase in PHASES}
    policy = ByPhase(before=FOLLOWABLE[before], **{phase: FOLLOWABLE[name] for phase, name in named.items()})
    policies = {"phases": policy} | {name: FOLLOWABLE[name] for name in names.values()}
    found = replay(log, spans, policies, until, tick, calendar=CALENDAR)
    assert len(found["phases"]) == sum(len(in_phase(found[name], phase)) for phase, name in names.items())
    for phase, name in names.items():
        mine, alone = in_phase(found["phases"], phase), in_phase(found[name], phase)
        others = [values for column, values in mine.carried.items() if column not in policies[name].carries]
        assert all(np.isnan(values).all() for values in others)
        mine.carried = {column: mine.carried[column] for column in alone.carried if column in mine.carried}
        assert_same(mine, alone, f"{phase} {name}")


def test_own_values_and_timers_of_phases_do_not_meet():
    """Two policies of one class, with values and tags of the same names: one of every second click would be enough to tell."""
    log = random_log(generator(3, "log"), 400, Windows(DAY, DAY), days=5)
    policies = {
        "phases": ByPhase(
            before=CountsPays(), anticipation=CountsPays(), promotion="never", after="trajectory"
        ),
        "counts": CountsPays(),
    }
    assert set(policies["phases"].own) == {
        "before/seen", "anticipation/seen", "after/paid_from", "after/carted_from"
    }  # fmt: skip
    found = replay(log, Windows(DAY, DAY), policies, 7 * DAY, 5 * HOUR, calendar=CALENDAR)
    mine = in_phase(found["phases"], "before", "anticipation")
    mine.carried = {}
    assert len(mine) > 500
    assert_same(mine, in_phase(found["counts"], "before", "anticipation"))
    assert not len(in_phase(found["phases"], "promotion"))
    assert {*in_phase(found["phases"], "after").role_names} == {"open", "final"}


def test_one_inside_another_is_that_of_the_phases_left_to_it():
    inner = ByPhase(before=CountsPays(), after="fake-negative", promotion="oracle")
    outer = ByPhase(before=inner, promotion="complete")
    flat = ByPhase(before=CountsPays(), after="fake-negative", promotion="complete")
    assert [one.kind for one in outer.followed()] == [CountsPays.kind, "oracle", "fake-negative", "complete"]
    log = random_log(generator(4, "log"), 300, Windows(DAY, DAY), days=5)
    found = replay(
        log, Windows(DAY, DAY), {"outer": outer, "flat": flat}, 7 * DAY, 5 * HOUR, calendar=CALENDAR
    )
    assert_same(found["outer"], found["flat"])


def test_it_says_of_itself_what_holds_of_all_that_it_follows():
    policy = policy_from(
        {"kind": "by-phase", "before": "fake-negative", "after": "in-window"}, {"window": "2h"}
    )
    assert policy.labels == ("converted", "refunded")
    assert not policy.promises_final()
    assert ByPhase(before="complete", after="elapsed-time").promises_final()
    assert not policy.peeks
    assert ByPhase(promotion="oracle").peeks
    assert ByPhase(before="never").setting("window", 5) == 5
    assert policy.setting("window", 5) == 2 * HOUR, "the scenario's window is that of its members, too"
    assert ByPhase(after={"kind": "elapsed-time", "window": "1h"}).setting("window", 5) == 5, "they differ"
    assert not policy.uses("on_segment")
    assert policy.uses("on_timer")
    assert policy_from(policy.spec()) == policy


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"before": "two-clocks"}, ["before = 'two-clocks' asks a model", "allowed: policies that need no model"]),
        ({"after": "posterior-settlement"}, ["after = 'posterior-settlement' asks a model"]),
        ({"promotion": "randomised"}, ["promotion = 'randomised' hears of impressions"]),
        ({"promotion": "elapsd-time"}, [".promotion", "'elapsd-time'", "'elapsed-time'?"]),
        ({"promotion": {"kind": "elapsed-time", "windw": "1h"}}, [".promotion", "'windw'", "'window'?"]),
        ({"promotoin": "never"}, ["'promotoin'", "'promotion'?"]),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_for_a_phase_is_refused_in_words(members, told):
    with pytest.raises(ScenarioError) as error:
        policy_from({"kind": "by-phase", **members})
    for part in told:
        assert part in str(error.value)


def test_columns_of_one_name_and_two_types_are_refused():
    class Short(Carries):
        carries = {"hint": "float32"}

    with pytest.raises(
        ValueError, match=r"after = .*Short' carries 'hint' as float32, another phase's policy as float64"
    ):
        ByPhase(before=Carries(), after=Short())
    assert ByPhase(before=Carries(), after=Carries()).carries == {"hint": "float64"}


@pytest.mark.parametrize(
    ("member", "how", "kept"),
    [(Carries(), {"cut", "scrambled"}, ""), (Remembers(), {"state"}, "_paid"), (Shares(), {"state"}, "seen")],
)
def test_one_that_peeks_in_its_phase_is_found(member, how, kept):
    Shares.seen.clear()
    policies = {"honest": ByPhase(after="fake-negative"), "cheat": ByPhase(before="never", promotion=member)}
    log = random_log(generator(1, "log"), 1500, Windows(DAY, DAY), days=5)
    cuts = [DAY + 4 * HOUR, 3 * DAY + 6 * HOUR]
    report = audit(
        log, Windows(DAY, DAY), policies, start=0, until=6 * DAY, cuts=cuts, tick=10 * HOUR, segment=20 * HOUR,
        calendar=CALENDAR,
    )  # fmt: skip
    assert {leak.policy for leak in report.leaks} == {"cheat"}
    assert {leak.how for leak in report.leaks} <= how
    assert kept in report.leaks[0].witness


def test_a_promise_is_checked_in_every_phase():
    from simulator.errors import PolicyError
    from simulator.policies.checks import check_policy

    with pytest.raises(PolicyError, match="final: "):
        check_policy(ByPhase(before="elapsed-time", promotion=Misspelt()), clicks=200)
