"""Every built-in policy against the conformance kit; cheats against the audit; the three doors."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.audit import audit
from simulator.calls import of_methods
from simulator.engine import Engine
from simulator.errors import PeekError, PluginError, PolicyError, ScenarioError
from simulator.log.memory import random_log
from simulator.log.schema import Kind
from simulator.policies import POLICIES, Policy, policy, policy_from
from simulator.policies.checks import check_policy
from simulator.randomness import generator
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.engine.replay import log_of, replay
from tests.simulator.policies import cheats

WINDOWS = Windows(DAY, DAY)


@pytest.mark.parametrize("kind", list(POLICIES))
def test_built_in_policies_conform(kind):
    passed = check_policy(policy_from(kind))
    assert {"parameters", "deterministic", "ticks", "labels", "revisions"} <= set(passed)
    assert ("causal" in passed) != POLICIES[kind].peeks


def test_who_promises_the_final_label():
    """A promise that is not made is not checked either."""
    promising = {kind for kind in POLICIES if policy_from(kind).promises_final()}
    assert promising >= {
        "by-phase", "complete", "duplicate", "elapsed-time", "fake-negative", "multi-window", "oracle", "partial-gmv",
        "real-negative", "satellites", "windowed-gmv",
    }  # fmt: skip
    assert not promising & {"never", "in-window", "waiting-window"}
    assert not policy_from({"kind": "elapsed-time", "refunds": "replay"}).promises_final()
    assert not policy_from({"kind": "partial-gmv", "net": True}).promises_final()
    assert not policy_from({"kind": "windowed-gmv", "corrections": False}).promises_final()


@pytest.mark.parametrize(
    ("cheat", "kind"), [(cheats.EndOfTick(), "of click"), (cheats.LaterClicks(), "a click after")]
)
def test_the_audit_catches_a_policy_that_peeks_and_names_a_witness(cheat, kind):
    log = random_log(generator(1, "log"), 500, WINDOWS, days=4)
    cuts = [DAY + 123, 2 * DAY + 123]
    report = audit(
        log, WINDOWS, {"cheat": cheat}, start=0, until=6 * DAY, cuts=cuts, tick=10 * HOUR, segment=20 * HOUR
    )
    assert report.leaks
    leak = next(leak for leak in report.leaks if leak.how == "cut")
    assert leak.policy == "cheat"
    assert leak.cut in cuts
    assert kind in leak.witness
    assert leak.before != leak.after


@pytest.mark.parametrize(("payers", "shown"), [(True, "nothing"), (False, "click 2 at day 0 02:00:00")])
def test_a_sample_too_few_or_too_many_at_the_end_is_a_leak(payers, shown):
    """All that both futures show is equal; the last sample before the cut is there in one of them alone."""
    log = log_of([HOUR, 2 * HOUR], [(1, 4 * HOUR, Kind.PAY, 1.0)])
    audited = {"w": cheats.Withholds(payers=payers)}
    settings = {"start": 0, "until": 20 * HOUR, "tick": 10 * HOUR, "segment": 20 * HOUR}
    leak = next(
        leak for leak in audit(log, WINDOWS, audited, cuts=[3 * HOUR], **settings).leaks if leak.how == "cut"
    )
    assert leak.before.startswith(shown)
    assert (leak.before == "nothing") != (leak.after == "nothing")
    assert leak.witness.startswith("pay 0 of click 2 ")
    assert not audit(log, WINDOWS, audited, cuts=[5 * HOUR], **settings).leaks


def test_a_sample_at_the_very_cut_is_compared():
    log = log_of([3 * HOUR], [(0, 3 * HOUR + 1, Kind.PAY, 1.0)])
    settings = {"start": 0, "until": 20 * HOUR, "tick": 10 * HOUR, "segment": 20 * HOUR}
    report = audit(log, WINDOWS, {"c": cheats.EndOfTick()}, cuts=[3 * HOUR], **settings)
    assert report.compared == {"c": 1}
    assert "cut" in {leak.how for leak in report.leaks}
    honest = audit(log, WINDOWS, {"h": policy_from("fake-negative")}, cuts=[3 * HOUR], **settings)
    assert (honest.compared, honest.leaks) == ({"h": 1}, [])
    # An event at the cut itself is known, and no part of the future.
    assert not audit(log, WINDOWS, {"c": cheats.EndOfTick()}, cuts=[3 * HOUR + 1], **settings).leaks


@pytest.mark.parametrize("lag", [0, 10 * HOUR])
def test_what_happened_may_not_be_used_before_it_is_known(monkeypatch, lag):
    class Leaky(Engine):
        def __init__(self, source, windows, policies, **settings):
            self.its = source
            super().__init__(source, windows, policies, **settings)

        def fork(self, source):
            twin = super().fork(source)
            twin.its = source
            return twin

        def advance(self, until, **settings):
            cheats.OFFLINE[:] = [self.its]
            return super().advance(until, **settings)

    monkeypatch.setattr("simulator.audit.replays.Engine", Leaky)
    windows = Windows(DAY, DAY, lag)
    log = random_log(generator(1, "log"), 300, windows, days=4, lag=lag)
    policies = {"cheat": cheats.ByEventTime(), "honest": policy_from("elapsed-time")}
    cuts = [DAY + 123, 2 * DAY + 123]
    report = audit(
        log, windows, policies, start=0, until=6 * DAY, cuts=cuts, tick=10 * HOUR, segment=20 * HOUR
    )
    leaks = [leak for leak in report.leaks if leak.policy == "cheat"]
    assert len(leaks) == len(report.leaks)
    assert {leak.how for leak in leaks} == ({"cut", "scrambled"} if lag else set())
    if lag:
        assert "known day" in next(leak for leak in leaks if leak.how == "cut").witness


def test_a_witness_is_an_event_of_the_click_itself():
    log = random_log(generator(2, "log"), 500, WINDOWS, days=4)
    report = audit(
        log,
        WINDOWS,
        {"c": cheats.EndOfTick()},
        start=0,
        until=6 * DAY,
        cuts=[DAY + 123],
        tick=10 * HOUR,
        segment=20 * HOUR,
    )
    leak = report.leaks[0]
    click = leak.before.split()[1]
    assert leak.witness.startswith("pay")
    assert f"of click {click} " in leak.witness


@pytest.mark.parametrize("least", [1.0, 1e-9])
def test_what_differs_in_a_carried_column_or_in_a_late_digit_is_shown_with_its_witness(least):
    log = log_of([HOUR, 2 * HOUR], [(1, 4 * HOUR, Kind.PAY, 1.0)])
    settings = {"start": 0, "until": 20 * HOUR, "tick": 10 * HOUR, "segment": 20 * HOUR}
    report = audit(log, WINDOWS, {"c": cheats.Carries(least=least)}, cuts=[3 * HOUR], **settings)
    leak = next(leak for leak in report.leaks if leak.how == "cut")
    assert leak.before != leak.after
    assert "hint" in leak.before
    assert leak.witness.startswith("pay 0 of click 2 ")


def audited(policies, tick=5 * HOUR):
    log = random_log(generator(1, "log"), 400, WINDOWS, days=4)
    cuts = [DAY + 123, 2 * DAY + 123]
    return audit(log, WINDOWS, policies, start=0, until=6 * DAY, cuts=cuts, tick=tick, segment=20 * HOUR)


@pytest.mark.parametrize("tick", [5 * HOUR, 50 * HOUR])
@pytest.mark.parametrize(
    ("cheat", "kept"),
    [(cheats.Remembers(), "'_paid'"), (cheats.Shares(), "'seen'"), (cheats.Hides(), "an earlier replay")],
)
def test_state_outside_the_columns_is_found(cheat, kept, tick):
    for memory in (cheats.Shares.seen, cheats.MODULE_SEEN):
        memory.clear()
    report = audited({"honest": policy_from("elapsed-time"), "cheat": cheat}, tick)
    assert {(leak.policy, leak.how) for leak in report.leaks} == {("cheat", "state")}
    assert kept in report.leaks[0].witness
    assert report.compared["honest"] > 0


def test_state_that_the_ends_of_segments_alone_change_is_no_fault():
    assert not audited({"c": cheats.Averages()}).leaks
    assert not audited({"c": cheats.CountsPays()}).leaks, "its columns are what they are for"


def test_who_reads_the_future_without_saying_so_is_named_and_the_others_are_judged():
    report = audited(
        {"reads": cheats.Undeclared(), "peeks": cheats.EndOfTick(), "honest": policy_from("never")}
    )
    assert {leak.policy for leak in report.leaks} == {"reads", "peeks"}
    (leak,) = (leak for leak in report.leaks if leak.policy == "reads")
    assert leak.how == "read"
    assert "at.future" in leak.witness
    assert "click 1" in leak.witness
    assert report.compared["peeks"] > 0 == report.compared["reads"]


def test_what_differs_in_other_ticks_alone_is_found():
    class Ticks(Policy):
        def on_click(self, at, out):
            out.timer(at, after=HOUR)

        def on_timer(self, at, out):
            out.deliver(at, converted=False, weight=float(len(at)))  # no cut lies where it could be seen

    log = log_of([HOUR, 2 * HOUR + HOUR // 2], [])
    settings = {"start": 0, "until": 20 * HOUR, "cuts": [12 * HOUR], "tick": 2 * HOUR, "segment": 20 * HOUR}
    leaks = audit(log, WINDOWS, {"t": Ticks()}, **settings).leaks
    assert [leak.how for leak in leaks] == ["ticks"]
    assert leaks[0].before != leaks[0].after


def test_a_policy_may_read_every_task_of_a_prediction():
    check_policy(cheats.ReadsAll())


def test_declared_upper_bounds_are_named_and_not_judged():
    log = random_log(generator(1, "log"), 50, WINDOWS, days=2)
    report = audit(
        log, WINDOWS, {"o": policy_from("oracle")}, start=0, until=3 * DAY, cuts=[DAY], tick=HOUR, segment=DAY
    )
    assert report.declared == ["o"]
    assert not report.leaks


def test_reading_the_future_without_saying_so_is_an_error():
    log = random_log(generator(1, "log"), 50, WINDOWS, days=2)
    told = r"at\.future.* peeks = True \(in on_click .*; .*cheats\.py:\d+: "
    with pytest.raises(PeekError, match=told) as failed, of_methods("m"):
        replay(log, WINDOWS, {"u": cheats.Undeclared()}, 3 * DAY, HOUR)
    assert str(failed.value).startswith("method 'm': policy 'u' reads ")
    assert (failed.value.policy, failed.value.method) == ("u", "m")


def test_a_broken_promise_is_found():
    with pytest.raises(PolicyError, match="final"):
        check_policy(cheats.Misspelt())


def test_own_columns_are_kept_strictly_in_time_order():
    """CountsPays delivers 0, 1, 2, ... along each journey only if every item comes in its order, for any tick."""
    assert "ticks" in check_policy(cheats.CountsPays())
    log = random_log(generator(3, "log"), 600, WINDOWS, days=3)
    samples = replay(log, WINDOWS, {"c": cheats.CountsPays()}, 6 * DAY, 11 * HOUR)["c"]
    np.testing.assert_array_equal(samples.gmv, samples.revision)
    assert samples.revision.max() > 6


def test_rules_of_the_outbox():
    class Wrong(Policy):
        what: str = ""

        def on_click(self, at, out):
            match self.what:
                case "soft":
                    out.deliver(at, converted=1.5)
                case "weight":
                    out.deliver(at, converted=True, weight=float("nan"))
                case "shape":
                    out.deliver(at, converted=np.zeros(len(at) + 1))
                case "past":
                    out.timer(at, after=-1)
                case "late":
                    out.timer(at, after=3 * DAY)
                case "half":
                    out.timer(at, after=1.5)
                case "clock":
                    at.time[:] = 0
                case "state":
                    at.journey.pay_count[:] = 1
                case "click":
                    at.click_time[0] = 5
                case "bug":
                    raise KeyError("x")

    log = random_log(generator(1, "log"), 50, WINDOWS, days=2)
    for what, message in {
        "soft": r"converted = 1\.5; allowed: between 0 and 1",
        "weight": "weight = nan",
        "shape": "of shape",
        "past": "not in the future",
        "late": "lifetime",
        "half": "no whole number of microseconds",
        "clock": "failed in on_click.*read-only",
        "state": "failed in on_click.*read-only",
        "click": "failed in on_click.*read-only",
        "bug": "failed in on_click",
    }.items():
        with pytest.raises(PolicyError, match=message):
            replay(log, WINDOWS, {"w": Wrong(what=what)}, 3 * DAY, HOUR)


@pytest.mark.parametrize("own", [{}, {"seen": ("int32", 0)}])
@pytest.mark.parametrize("tags", [(0,), (0, 1)])
def test_timers_without_end_are_stopped_by_name(own, tags):
    seen = 0

    class Endless(Policy):
        """Sets a timer a microsecond after each, or two, and with it another much later."""

        def on_click(self, at, out):
            out.timer(at, after=1)

        def on_timer(self, at, out):
            nonlocal seen
            seen += len(at)
            assert seen < 10_000, "nobody stops it"  # else this test would go on for ever
            for tag in tags:
                out.timer(at, after=1, tag=tag)
            out.timer(at[at.elapsed < HOUR], after=HOUR, tag=2)

    Endless.own = own
    log = log_of([HOUR, 2 * HOUR], [])
    with pytest.raises(PolicyError, match=r"'endless' sets timers without end: 200 of click \d+ .*allowed"):
        replay(log, WINDOWS, {"endless": Endless()}, 3 * DAY, HOUR)


@pytest.mark.parametrize("own", [{}, {"seen": ("int32", 0)}])
def test_many_timers_that_get_on_are_fine(own):
    class Patient(Policy):
        def on_click(self, at, out):
            out.timer(at, after=MINUTE)

        def on_timer(self, at, out):
            out.timer(at[at.elapsed < DAY], after=MINUTE)
            out.deliver(at[at.elapsed >= DAY], converted=False)

    Patient.own = own
    log = log_of([HOUR, 2 * HOUR], [])
    assert len(replay(log, WINDOWS, {"patient": Patient()}, 3 * DAY, 3 * DAY)["patient"]) == 2


@pytest.mark.parametrize("timers", [200, 201])
def test_as_many_timers_of_a_click_as_are_allowed_may_be_due_together(timers):
    class Many(Policy):
        def on_click(self, at, out):
            out.timer(at, after=MINUTE)

        def on_timer(self, at, out):
            for tag in range(1, timers + 1):
                out.timer(at[at.tag == 0], after=MINUTE, tag=tag)
            out.timer(at[at.tag == 1], until=at.click_time[at.tag == 1] + WINDOWS.lifetime, tag=-1)
            out.deliver(at[at.tag != 0], converted=False)

    log = log_of([HOUR, HOUR], [])
    if timers > 200:
        with pytest.raises(PolicyError, match="200 of click 1 are set at a time"):
            replay(log, WINDOWS, {"many": Many()}, 4 * DAY, HOUR)
    else:
        found = replay(log, WINDOWS, {"many": Many()}, 4 * DAY, HOUR)["many"]
        assert len(found) == 2 * (timers + 1)
        assert found.visible_time[-1] == HOUR + WINDOWS.lifetime


def test_unknown_hooks_are_refused_with_the_nearest():
    with pytest.raises(PolicyError, match="on_pay"):

        class Typo(Policy):
            def on_payy(self, at, out):
                pass


def test_three_doors_and_their_errors(tmp_path, monkeypatch):
    assert policy_from({"kind": "elapsed-time", "window": "1h"}).window == HOUR
    assert policy_from("elapsed-time", {"window": "2h", "nothing": 1}).window == 2 * HOUR
    assert isinstance(policy_from("tests.simulator.policies.cheats:EndOfTick"), cheats.EndOfTick)
    with pytest.raises(ScenarioError, match="Did you mean 'elapsed-time'"):
        policy_from("elapsed-tim")
    with pytest.raises(ScenarioError, match="Did you mean 'window'"):
        policy_from({"kind": "elapsed-time", "windw": "1h"})
    with pytest.raises(ScenarioError, match="duration"):
        policy_from({"kind": "elapsed-time", "window": 5})
    with pytest.raises(ScenarioError, match="cannot import"):
        policy_from("no_such_module:X")
    (tmp_path / "half_written.py").write_text("def on_click(:\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "misspelt.py").write_text(
        "from simulator.policies import Policy\nclass P(Policy):\n    def on_clik(self, at, out): pass\n"
    )
    (tmp_path / "unmakeable.py").write_text(
        "from simulator.policies import Policy\nclass P(Policy):\n    def __init__(self): raise OSError('no')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for module, said in {
        "half_written": r"policy 'half_written:P': cannot import 'half_written' \(SyntaxError",
        "broken": "ZeroDivisionError: division by zero",
        "misspelt": "Did you mean 'on_click'",
        "unmakeable": "policy 'unmakeable:P' cannot be made: OSError: no",
    }.items():
        with pytest.raises(ScenarioError, match=said):
            policy_from(f"{module}:P")
    with pytest.raises(ScenarioError, match="Did you mean 'EndOfTick'"):
        policy_from("tests.simulator.policies.cheats:EndOfTik")
    with pytest.raises(ScenarioError, match="not a policy"):
        policy_from("collections:OrderedDict")
    with pytest.raises(PluginError, match="taken"):

        @policy("never")
        class Again(Policy):
            pass


def test_columns_have_another_name_by_now():
    with pytest.raises(PolicyError, match="Old declares columns; what a policy keeps is declared in own"):

        class Old(Policy):
            columns = {"seen": ("int32", 0)}
