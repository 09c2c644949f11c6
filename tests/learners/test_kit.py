"""Every shipped part passes the kit of its family, and for every check there is a part that fails it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from learners.kit import FAMILIES_CHECKED, check_part, found_parts
from learners.methods import METHODS
from learners.networks.mlp import MLP
from learners.offsets import Offset
from simulator.errors import ScenarioError
from simulator.evaluation.task import TASKS, Metric
from simulator.log.importers import IMPORTERS
from simulator.policies import Windowed
from simulator.policies.checks import check_policy
from tests.commands import sim_here
from tests.learners.broken import BROKEN, RIGHT
from tests.simulator.policies import cheats

# Policies go through theirs in tests/simulator/policies/test_policies.py.
SHIPPED = [(f.plural, name) for f in FAMILIES_CHECKED for name in f if f.plural != "policies"]


def failed(part):
    return {check.name: check.fault for check in check_part(part) if check.fault}


@pytest.mark.parametrize(("plural", "name"), SHIPPED)
def test_shipped_parts_conform(plural, name):
    (family,) = (family for family in FAMILIES_CHECKED if family.plural == plural)
    assert list(check_part(family[name]))
    assert not failed(family[name])


@pytest.mark.parametrize("part", RIGHT, ids=lambda part: part.__name__)
def test_the_plain_ones_pass(part):
    assert not failed(part)


@pytest.mark.parametrize(
    ("part", "check"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_for_every_check_there_is_one_that_fails_it(part, check):
    found = failed(part)
    assert check in found
    assert len(found[check]) > 10, "it says why"


def test_every_check_of_parts_is_failed_by_one():
    for right in RIGHT:
        broken = {check for part, check in BROKEN.items() if issubclass(part, right)}
        assert {check.name for check in check_part(right)} == broken
    networks = {check for part, check in BROKEN.items() if issubclass(part, MLP)}
    assert {check.name for check in check_part(MLP)} == networks


@pytest.mark.parametrize(
    ("policy", "check"),
    [
        (cheats.Misspelt(), "final"),
        (cheats.EndOfTick(), "causal"),
        (cheats.Undeclared(), "causal"),
        (cheats.LaterClicks(), "ticks"),
        (cheats.Hides(), "deterministic"),
    ],
)
def test_policies_that_break_a_rule(policy, check):
    cheats.MODULE_SEEN.clear()
    assert check in failed(policy)


def test_a_method_whose_parts_do_not_fit_fails():
    wrong = dataclasses.replace(METHODS["fnw"], name="wrong", serve="amount")
    try:
        assert "gmv" in failed(wrong)["parts"]
        bad = dataclasses.replace(METHODS["fnw"], name="bad", serve="tests.learners.broken:Sums")
        assert "served" in failed(bad)["learns and serves"] or "(200,)" in failed(bad)["learns and serves"]
    finally:
        METHODS.forget(["learners.kit.methods"])


def test_an_importer_that_loses_something_fails(monkeypatch):
    own = IMPORTERS["trace"]

    def loses(con, choices):
        made = own.build(con, choices)
        con.execute("DELETE FROM events WHERE amount > 30")
        return made

    monkeypatch.setitem(IMPORTERS._found, "trace", dataclasses.replace(own, build=loses))
    assert "round trip" in failed(IMPORTERS["trace"])
    assert "declared" in failed(dataclasses.replace(own, opens=()))


def test_an_importer_that_nothing_is_exported_for_is_tried_by_its_example(monkeypatch):
    own, calls = IMPORTERS["online-retail"], []

    def wavers(con, choices):
        made = own.build(con, choices)
        calls.append(con.execute(f"UPDATE events SET amount = amount + {len(calls)}"))
        return made

    def trusts(con, choices):
        if con.execute("SELECT count(*) FROM source").fetchall()[0][0] < 3:
            raise IndexError("no third line")
        return own.build(con, choices)

    for build, check, said in (
        (wavers, "twice", "differ in events"),
        (trusts, "truncated", "IndexError: no third line"),
    ):
        monkeypatch.setitem(IMPORTERS._found, own.format, dataclasses.replace(own, build=build))
        assert said in failed(IMPORTERS[own.format])[check]
    none = dataclasses.replace(
        own, example=own.example.split("5363")[0] + "536372,22728,ALARM,0,12/1/2010 9:01,3,1,France\n"
    )
    monkeypatch.setitem(IMPORTERS._found, own.format, none)
    assert "twice" in failed(none)


class Asked(Windowed):
    """A policy that cannot do without a parameter."""

    hours: int

    def on_click(self, at, out):
        out.timer(at, after=self.window)

    def on_timer(self, at, out):
        out.deliver(at, converted=at.journey.paid, weight=float(self.hours))


def test_parameters_of_a_part_are_given_and_typed():
    assert not [check for check in check_part(Asked, {"hours": 3, "window": "1h"}) if check.fault]
    for given, said in (
        ({}, r"Asked\.hours: is missing; .* must be a whole number \(--set NAME=VALUE\)"),
        ({"hours": "many"}, r'hours = "many": must be a whole number'),
        ({"hours": 1, "windw": "1h"}, r"windw = .*Did you mean 'window'"),
    ):
        with pytest.raises(ScenarioError, match=said):
            list(check_part(Asked, given))
    with pytest.raises(ScenarioError, match="only classes of parts take parameters"):
        list(check_part(METHODS["fnw"], {"hours": 3}))


def test_check_takes_parameters():
    done = sim_here("check", "tests.learners.test_kit:Asked", "--set", "hours=2", "--set", "window=2h")
    assert "passed  causal" in done.stdout


def test_a_task_whose_metric_depends_on_the_order_or_on_copies_fails():
    def measure(served, judged):
        return {"first": float(served[0]), "sum": float(np.sum(served))}

    bad = dataclasses.replace(TASKS["cvr"], measure=measure, measured=("first", "sum", "more"))
    assert set(failed(bad)) == {"names", "permutation", "weights"}


def test_a_metric_that_forgets_weights_or_minds_the_order_fails():
    def first(served, label, weight):
        return served[0] * weight.sum() + len(served)

    assert set(failed(Metric("first", first))) == {"permutation", "weights"}
    assert set(failed(Metric("none", lambda served, label, weight: np.nan))) == {"a number"}


def test_what_cannot_be_tried_at_all_fails():
    class Unready(Offset):
        def prepare(self, materials):
            raise OSError("no such table")

    assert failed(Unready) == {"can be tried": "OSError: no such table"}


def test_what_has_no_kit_is_refused():
    with pytest.raises(ScenarioError, match="no kit"):
        list(check_part(3))
    with pytest.raises(ScenarioError, match="name of no policy"):
        found_parts("elapsd-time")
    with pytest.raises(ScenarioError, match="cannot import"):
        found_parts("no_such_module:X")
    with pytest.raises(ScenarioError, match=r"has no 'Crss'.*Did you mean 'Cross'"):
        found_parts("tests.learners.broken:Crss")
    with pytest.raises(ScenarioError, match="is none of"):
        found_parts("collections:OrderedDict")
    assert [name for name, _ in found_parts("tests.learners.broken:Cross")] == [
        "objective 'tests.learners.broken:Cross'"
    ]
    assert len(found_parts("cascade")) > 1, "a name of several families means them all"
    assert "causal" in check_policy(cheats.ReadsAll(), clicks=60)
