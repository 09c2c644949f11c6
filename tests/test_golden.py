"""Shipped scenarios that run within a minute give the scores that they gave: any change of a figure is on purpose."""

from __future__ import annotations

import copy

import pytest

from tests.golden.compare import OTHER, check, golden_of, read
from tests.golden.make import FAST, LONG, run


@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_the_scores_are_the_golden_ones(name, tmp_path):
    check(name, run(name, tmp_path))


@pytest.mark.parametrize("name", [*FAST, *LONG])
def test_an_order_of_methods_cannot_slip(name):
    """Whatever the processor, methods that differ by more than the tolerance may not change places."""
    golden = read(name)
    check(name, golden)
    nll = {m: tasks["cvr"]["nll"] for m, tasks in golden["methods"].items() if "nll" in tasks.get("cvr", {})}
    low, high = min(nll, key=nll.get), max(nll, key=nll.get)
    assert nll[high] - nll[low] > OTHER, "the golden run tells no methods apart"
    swapped = copy.deepcopy(golden)
    swapped["methods"][low], swapped["methods"][high] = golden["methods"][high], golden["methods"][low]
    with pytest.raises(AssertionError):
        check(name, swapped)
    other = copy.deepcopy(golden)
    other["methods"][low]["cvr"]["nll"] += 2 * OTHER
    with pytest.raises(AssertionError):
        check(name, other)
    assert golden_of(golden)["methods"] == golden["methods"]
