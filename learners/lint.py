"""What is allowed of methods but probably not meant: further warnings of ``sim.py validate``. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence

from learners.catalog import ResolvedMethod
from learners.references import scale_warnings
from simulator.scenario.model import Scenario


def lint_methods(methods: Sequence[ResolvedMethod], scenario: Scenario) -> list[str]:
    """Return warnings, each one sentence that says what will happen and what to do."""
    said = [
        (method.name, part.doubt(scenario)) for method in methods for part in method.parts().values() if part
    ]
    # Parts of one method that are made of the same thing have the same doubt.
    doubts = dict.fromkeys((name, doubt) for name, doubt in said if doubt)
    return [*scale_warnings(methods), *(f"method {name!r}: {doubt}" for name, doubt in doubts)]
