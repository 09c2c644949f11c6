"""What the reading says of calibration: one sentence a task, however many phases are off."""

from __future__ import annotations

from copy import deepcopy

from simulator.report.reading import sentences
from tests.simulator.report.made import make_run


def test_one_sentence_says_in_which_phases_most_are_off():
    summary = deepcopy(make_run()[1])
    task = next(iter(summary["ranking"]))
    methods = summary["ranking"][task]["methods"]
    for number, phase in enumerate(summary["phases"].values()):
        for place, method in enumerate(methods):
            phase[method][task]["pcoc"] = (0.5 + 0.01 * place) if number == 0 else 1.0
    said = [one for one in sentences(summary) if "beside what comes" in one and one.startswith("CVR:")]
    first = next(iter(summary["phases"]))
    count = len(methods)
    assert said == [
        (
            f"CVR: most methods predict more than a tenth beside what comes: in '{first}' {count} of {count} too low "
            f"(furthest off: {methods[0]}, PCOC 0.50)."
        )
    ]
