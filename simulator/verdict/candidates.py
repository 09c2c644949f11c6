"""Who may be served: competing methods and the model that is never updated, as far as they keep the guardrails."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.errors import ScenarioError, unknown
from simulator.units import SECOND, format_duration
from simulator.verdict.settings import GuardrailsBlock


@dataclass(frozen=True, slots=True)
class Candidates:
    """The methods of a task that can be served, and the one that stands for doing nothing (None: none ran)."""

    methods: tuple[str, ...]
    nothing: str | None
    idle: frozenset[str]
    """Those that delivered nothing, and learnt nothing else in the stream."""
    composed: frozenset[str] = frozenset()
    """Those that serve by the predictions of others."""


def candidates(summaries: Sequence[Mapping[str, Any]], task: str, baseline: str | None) -> Candidates:
    """Return who competes in all of some runs. Bounds, which read the future or the truth, do not.

    Raises
    ------
    ScenarioError : nobody has the baseline.
    """
    ranking = summaries[0]["ranking"][task]
    every = [*ranking["methods"], *ranking["references"]]
    bounds = {ranking["oracle"], *(name for s in summaries for name in s.get("upper_bounds", ()))}
    methods = tuple(
        m for m in every if m not in bounds and all(task in s["methods"].get(m, {}) for s in summaries)
    )
    known = dict.fromkeys(m for s in summaries for m in s["methods"])
    if baseline is not None and baseline not in known:
        raise ScenarioError("verdict.baseline: " + unknown("method", baseline, known))
    nothing = baseline if baseline in every else ranking["pretrained"]
    idle = frozenset(m for m in methods if all(silent(s["costs"].get(m, {})) for s in summaries))
    composed = frozenset(m for m in methods if "members" in summaries[0]["costs"].get(m, {}))
    return Candidates(methods, nothing if nothing in methods else None, idle, composed)


def silent(costs: Mapping[str, Any]) -> bool:
    """Tell whether a method's policy delivered nothing, and nothing else, such as impressions, was learnt from."""
    return costs.get("samples") == 0 and not costs.get("samples_learned")


def mean_cost(summaries: Sequence[Mapping[str, Any]], method: str, *keys: str) -> float:
    """Return a figure of ``costs`` (`CostMeter.summary`) over runs; NaN where one does not know it."""
    found = []
    for summary in summaries:
        value: Any = summary["costs"].get(method, {})
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        found.append(math.nan if value is None else float(value))
    return math.fsum(found) / len(found)


def broken(
    guardrails: GuardrailsBlock,
    summaries: Sequence[Mapping[str, Any]],
    method: str,
    pcoc: float | None = None,
    where: str = "",
) -> str:
    """Say which guardrail a method breaks; "" where it keeps them. What was not measured breaks none.

    Parameters
    ----------
    pcoc : that of the stretch ``where``; None where the guardrail is not of this stretch.
    """
    if guardrails.pcoc is not None and pcoc is not None and not math.isnan(pcoc):
        low, high = guardrails.pcoc
        if not low <= pcoc <= high:
            return f"PCOC {pcoc:.2f} is not in {low:g} to {high:g} ({where})"
    most = guardrails.samples_per_click
    if most is not None and (samples := mean_cost(summaries, method, "duplication_factor")) > most:
        return f"{samples:.2f} samples a click are more than {most:g}"
    oldest = guardrails.staleness
    if oldest is None:
        return ""
    if all(silent(summary["costs"].get(method, {})) for summary in summaries):
        return f"is never updated, and may be {format_duration(oldest)} old"
    age = mean_cost(summaries, method, "staleness") * SECOND
    return (
        "" if not age > oldest else f"is {age / SECOND / 3600:.1f}h old, and may be {format_duration(oldest)}"
    )
