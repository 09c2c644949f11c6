"""Methods of a scenario that serve by its other methods: how they are written, and what is said where that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from learners.catalog import METHODS, listed, resolve_all
from learners.composed import COMPOSED, composed_of, learners_of, with_composed
from simulator.errors import ScenarioError
from simulator.scenario.model import MethodBlock, Scenario
from tests.commands import sim_here


def scenario(*blocks, **other):
    return Scenario(world={}, method=[MethodBlock(**block) for block in blocks], **other)


LEARN = [{"method": "es-dfm"}, {"method": "pre-trained"}, {"method": "fnw", "name": "weighted"}]
MEAN = {"method": "portfolio", "members": ["es-dfm", "pre-trained", "weighted"]}


def faults(*blocks):
    with pytest.raises(ScenarioError) as raised:
        resolve_all(scenario(*blocks))
    return raised.value.faults


def fault(*blocks):
    (found,) = faults(*blocks)
    return found


def test_only_methods_that_learn_are_resolved():
    found = scenario(MEAN, *LEARN)
    assert [(m.name, m.key) for m in resolve_all(found)] == [
        ("es-dfm", "method[1]"),
        ("pre-trained", "method[2]"),
        ("weighted", "method[3]"),
    ]
    assert composed_of(found)["portfolio"].names == ("es-dfm", "pre-trained", "weighted")


def test_a_phase_that_is_not_named_is_served_as_before_is():
    members = {"before": "es-dfm", "promotion": "pre-trained"}
    made = composed_of(scenario(*LEARN, {"method": "by-phase", "members": members}))["by-phase"]
    assert made.members == {
        "before": ("es-dfm",),
        "anticipation": ("es-dfm",),
        "promotion": ("pre-trained",),
        "after": ("es-dfm",),
    }


def test_a_member_may_be_composed_and_written_later():
    last = {"method": "by-phase", "members": {"before": "portfolio", "after": "weighted"}}
    found = composed_of(scenario(last, MEAN, *LEARN))
    assert list(found) == ["portfolio", "by-phase"]
    assert learners_of("by-phase", found) == ("es-dfm", "pre-trained", "weighted")
    assert learners_of("weighted", found) == ("weighted",)


def test_tasks_are_those_that_all_members_serve():
    made = composed_of(scenario(*LEARN, MEAN))
    served = {"es-dfm": ("cvr", "rfr", "netcvr"), "pre-trained": ("cvr",), "weighted": ("netcvr", "cvr")}
    assert with_composed(served, made)["portfolio"] == ("cvr",)


def test_members_of_other_tasks_are_refused_by_what_they_serve():
    amounts = {"method": "online-single"}
    said = fault(*LEARN, amounts, {"method": "portfolio", "members": ["es-dfm", "online-single"]})
    assert said.startswith(
        "method[4].members: have no task in common: 'es-dfm' serves cvr; 'online-single' serves gmv"
    )


def test_an_unknown_member_has_its_nearest_spelling():
    said = fault(*LEARN, {"method": "portfolio", "members": ["es-dfm", "wieghted"]})
    assert said == (
        "method[3].members: unknown method 'wieghted'; allowed: es-dfm, pre-trained, weighted. Did you mean 'weighted'? "
        "A member is called as it is in results."
    )


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["es-dfm"], "'es-dfm' alone is that method; name two or more"),
        ([], "is empty; name two or more"),
        (["es-dfm", "es-dfm"], "es-dfm named more than once; name each once"),
        (["es-dfm", "portfolio"], "'portfolio' is this method itself; allowed: es-dfm, pre-trained, weighted"),
        (None, "must be a list of methods of this scenario"),
        ({"before": "es-dfm", "after": "weighted"}, "must be a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_portfolios_members(members, said):
    found = faults(*LEARN, {"method": "portfolio", "members": members})
    assert f"method[3].members: {said}" in found[0]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["es-dfm", "weighted"], "must be a table of phases"),
        ({"before": "es-dfm", "after": "es-dfm"}, "'es-dfm' alone is that method; name two or more"),
        ({"after": "es-dfm", "promotion": "weighted"}, "before is missing"),
    ],
)
def test_what_is_wrong_with_the_members_of_phases(members, said):
    assert f"method[3].members: {said}" in fault(*LEARN, {"method": "by-phase", "members": members})


def test_methods_that_wait_for_each_other_are_named_in_a_circle():
    blocks = [
        {"method": "portfolio", "name": "a", "members": ["b", "es-dfm"]},
        {"method": "portfolio", "name": "b", "members": ["c", "es-dfm"]},
        {"method": "portfolio", "name": "c", "members": ["a", "es-dfm"]},
    ]
    assert fault(*blocks, *LEARN) == "method[0].members: go round in a circle: 'a' by 'b' by 'c' by 'a'"


def test_what_only_a_learner_has_is_refused_of_them_and_the_other_way_round():
    composed = {**MEAN, "policy": "never", "capacity": 5.0}
    said = "'portfolio' serves what its members predict and learns nothing itself; leave it out"
    assert [*faults(*LEARN, composed)] == [
        f"method[3].capacity: {said}, or say it of them",
        f"method[3].policy: {said}",
    ]
    learns = {"method": "vanilla", "members": ["es-dfm", "weighted"], "mixing": "mean"}
    assert [*faults(*LEARN, learns)] == [
        f"method[3].{key}: 'vanilla' learns itself and is made of no other methods; those that are: portfolio, by-phase"
        for key in ("members", "mixing")
    ]
    mixing = {"method": "by-phase", "members": {"before": "es-dfm", "after": "weighted"}, "mixing": "mean"}
    assert fault(*LEARN, mixing).startswith("method[3].mixing: 'by-phase' serves one method at a time")


def test_they_do_not_bid():
    with pytest.raises(ScenarioError) as raised:
        resolve_all(
            Scenario(
                world={"impressions": True}, auction={}, method=[MethodBlock(**b) for b in [*LEARN, MEAN]]
            )
        )
    assert raised.value.faults[0].startswith(
        "method[3].method: 'portfolio' cannot bid: in an auction each member"
    )


def test_a_misspelt_name_of_one_is_understood():
    assert "Did you mean 'portfolio'?" in fault(*LEARN, {**MEAN, "method": "portfolios"})


PHASE = "members: unknown phase 'anticipaton'; allowed: after, anticipation, before, promotion. Did you mean 'anticipation'?"
NO_NAME = "members: unknown method '3'; allowed: es-dfm, fnw. A member is called as it is in results."
NO_TABLE = 'members: must be a table of phases, such as { before = "NAME", promotion = "OTHER" }'


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ('{ before = "es-dfm", anticipaton = "fnw" }', [PHASE]),
        ('{ before = "es-dfm", promotion = 3 }', [NO_NAME]),
        ('"es-dfm"', ['members = "es-dfm": must be a list or a table', NO_TABLE]),
    ],
)
def test_a_misspelt_phase_and_members_that_are_no_names(members, said, tmp_path: Path):
    path = tmp_path / "wrong.toml"
    learning = '[[method]]\nmethod = "es-dfm"\n[[method]]\nmethod = "fnw"\n'
    path.write_text(
        f'[world]\n{learning}[[method]]\nmethod = "by-phase"\nmembers = {members}\n', encoding="utf-8"
    )
    done = sim_here("validate", path, code=2)
    told = [line.partition("method.by-phase.")[2] for line in done.stderr.splitlines() if "by-phase." in line]
    assert told == said


def test_they_are_listed_beside_the_table():
    names = {entry.name: entry for entry in listed()}
    assert {*COMPOSED} == {*names} - {*METHODS}
    assert all(names[name].description and names[name].origin == "afterclick" for name in COMPOSED)
