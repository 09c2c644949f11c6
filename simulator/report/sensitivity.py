"""How the sensitivity of a run is written for people: one set of tables, for the terminal and for the report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HEADS = {"ate": "effect on all", "att": "effect on the treated", "treated": "E[Y(1)]", "untreated": "E[Y(0)]"}
"""Estimands, by the names that `simulator.sensitivity.study` gives them."""
STRONGEST = 8
"""Covariates that are shown."""


@dataclass(frozen=True, slots=True)
class SensitivityTable:
    """A table of texts with its title, and a note below it."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def sensitivity_tables(found: Mapping[str, Any]) -> Iterator[SensitivityTable]:
    """Yield the tables of one question.

    Parameters
    ----------
    found : what `simulator.sensitivity.study.study` returned, also when read from JSON.
    """
    yield _effects(found)
    yield _bounds(found)
    yield _covariates(found)
    yield _omitted(found)
    if found["controls"]:
        yield _controls(found)
    yield _overlap(found)


def _effects(found: Mapping[str, Any]) -> SensitivityTable:
    rows = [[name, *(_estimate(values[key]) for key in HEADS)] for name, values in found["effects"].items()]
    if instrument := found["instrument"]:
        for key, said in (("wald", "Wald"), ("two_stage", "two stages")):
            if key in instrument:
                rows.append([f"{said}, by {instrument['name']}", _estimate(instrument[key]), "", "", ""])
    if found["randomised"]:
        rows.append(["rows treated by a coin", "", "", _estimate(found["randomised"]), ""])
    rows += [
        [f"doubly robust, {part}", _estimate(value), "", "", ""] for part, value in found["parts"].items()
    ]
    if truth := found["truth"]:
        rows.append(["truth", *(_number(truth["effects"][key]) for key in HEADS)])
    return SensitivityTable(
        "Estimates",
        ["", *HEADS.values()],
        rows,
        "Intervals resample whole users. Nuisances stand still in them: those of the outcome regression are too narrow.",
    )


def _bounds(found: Mapping[str, Any]) -> SensitivityTable:
    rows = []
    for k, strength in enumerate(found["strengths"]):
        cells = [
            _bound(found[kind][estimand][k])
            for estimand in ("ate", "att")
            for kind in ("row_bounds", "sample_bounds")
        ]
        rows.append([f"{strength:g}", *cells])
    low, high = found["manski"]["ate"]
    rows.append(["any (Manski)", _between(low, high), "", "", ""])
    cross = found["crossings"]
    note = (
        f"The sharp bounds of the effect on all first hold 0 at Lambda* = {_strength(cross['ate'])} (their interval at "
        f"{_strength(cross['ate_outer'])}), on the treated at {_strength(cross['att'])} ({_strength(cross['att_outer'])}). In "
        "brackets the interval of the bounds over users."
    )
    if truth := found["truth"]:
        middle, most = truth["rows"]
        note += (
            f" The true effect on all is {_number(truth['effects']['ate'])}: the bounds hold it from Lambda = "
            f"{_strength(truth['needed'])} on. Rows' own Lambda: median {middle:.2f}, 95 % up to {most:.2f}."
        )
    heads = [f"{HEADS[e]}, {kind}" for e in ("ate", "att") for kind in ("sharp", "sample")]
    return SensitivityTable("Bounds under hidden confounding up to Lambda", ["Lambda", *heads], rows, note)


def _covariates(found: Mapping[str, Any]) -> SensitivityTable:
    rows = [
        [
            name,
            f"{of['strength']:.2f}",
            f"{of['most']:.2f}",
            f"{of['of_treatment']:.4f}",
            f"{of['of_outcome']:.4f}",
        ]
        for name, of in list(found["benchmarks"].items())[:STRONGEST]
    ]
    return SensitivityTable(
        "For scale: what leaving out a covariate does",
        ["covariate", "odds, 95 %", "odds, most", "R2 of treatment", "R2 of outcome"],
        rows,
        "By which factor the odds of treatment move for 95 % of the rows, and at most: something hidden that is as strong as "
        "this covariate has such a Lambda. R2: of what the others leave unexplained.",
    )


def _omitted(found: Mapping[str, Any]) -> SensitivityTable:
    omitted = found["omitted"]
    rows = [
        [f"{share:g}", *map(_number, biases)]
        for share, biases in zip(omitted["grid"], omitted["bias"], strict=True)
    ]
    return SensitivityTable(
        "Bias by an omitted variable, at most",
        ["R2 of outcome", *(f"R2 of treatment {share:g}" for share in omitted["grid"])],
        rows,
        f"Of the linear estimate {_number(omitted['value'])}; a variable that explains {omitted['robustness']:.2%} of what is "
        "left of both takes it away.",
    )


def _controls(found: Mapping[str, Any]) -> SensitivityTable:
    rows = [
        [said, "too few rows" if value is None else _estimate(value), _verdict(value)]
        for said, value in found["controls"].items()
    ]
    note = "Doubly robust estimates of what cannot be an effect. One that is not 0 shows that something hidden is at work."
    return SensitivityTable("Negative controls", ["", "estimate", ""], rows, note)


def _verdict(value: Mapping[str, float] | None) -> str:
    if value is None:
        return ""
    return "holds 0" if value["low"] <= 0 <= value["high"] else "is not 0"


def _overlap(found: Mapping[str, Any]) -> SensitivityTable:
    arms = found["overlap"]
    rows = [
        [
            name,
            f"{arms[name]['rows']:,}",
            f"{arms[name]['effective']:,.0f}",
            f"{arms[name]['largest']:.1f}",
            *(f"{chance:.3f}" for chance in arms[name]["propensity"]),
        ]
        for name in ("treated", "untreated")
    ]
    heads = ["", "rows", "effective", "largest weight", "1 %", "25 %", "median", "75 %", "99 %"]
    note = f"Quantiles of the propensity; {arms['clipped']:.1%} were clipped to .02 or .98. Weights over their mean."
    return SensitivityTable("Overlap", heads, rows, note)


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value + 0.0:.4f}" if round(value, 4) else "0.0000"


def _estimate(value: Mapping[str, float | None]) -> str:
    return f"{_number(value['value'])} ({_number(value['low'])}, {_number(value['high'])})"


def _between(low: float | None, high: float | None) -> str:
    return f"{_number(low)} to {_number(high)}"


def _bound(of: Mapping[str, float | None]) -> str:
    return f"{_between(of['low'], of['high'])} ({_number(of['outer_low'])}, {_number(of['outer_high'])})"


def _strength(value: float | None) -> str:
    return "more than 1000" if value is None or math.isinf(value) else f"{value:.2f}"
