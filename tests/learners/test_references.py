"""The ends of the relative improvement: by what a method's policy is, not by what it is called."""

import pytest

from learners.catalog import resolve_all
from learners.session.references import scale_of, scale_warnings
from simulator.scenario.load import load_scenario
from tests.commands import ROOT


def test_the_ends_are_found_by_policy(resolved):
    mine = {"method": "fnw", "name": "mine", "policy": {"kind": "oracle", "at": "click"}}
    methods = resolved("fnw", mine, "oracle", "pre-trained", "online-single", "oracle-single")
    assert scale_of(methods) == {"cvr": ("pre-trained", "mine"), "gmv": (None, "oracle-single")}


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (["pre-trained", "fnc"], ["no method oracle:", "RI", "cvr"]),
        (["fnc", "pre-trained", "oracle", "online-single"], ["pre-single and no oracle-single", "gmv"]),
    ],
)
def test_a_missing_end_is_told_with_what_would_fill_it(resolved, methods, said):
    (warning,) = scale_warnings(resolved(*methods))
    assert all(part in warning for part in said), warning


def test_references_alone_need_no_scale(resolved):
    assert scale_warnings(resolved("pre-trained")) == []


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_scenarios_have_their_scale(path):
    assert scale_warnings(resolve_all(load_scenario(path).scenario)) == []
