"""What has to be true for the figures of a run to be effects: the identification, in words, for the run at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.sensitivity.question import Question

WEAK = 10.0
"""An F statistic of the first stage below which an instrument is weak."""
_BOUNDS = (
    "The bounds need positivity alone: they hold under any hidden confounding up to Lambda, the factor by which the odds of "
    "treatment may differ, either way, between rows that look alike once it is known how they would end. Manski's need nothing."
)
SMALL = 0.5
"""An effective sample below this share of an arm's rows is said to be small."""


def identification(question: Question, found: Mapping[str, Any]) -> list[str]:
    """Return the sentences: what is asked, what is assumed, how far it can be believed here.

    Parameters
    ----------
    found : what `simulator.sensitivity.study.study` returned.
    """
    groups = ", ".join(question.observed.groups) or "nothing"
    return [
        (
            f"Treatment: {question.treatment}. Outcome: {question.outcome}. {found['rows']:,} {question.rows} of "
            f"{found['users']:,} users, {found['treated']:.1%} treated, {found['outcome']:.2%} with the outcome."
        ),
        (
            f"Regression, inverse propensities and doubly robust estimates are effects if, given {groups}, whether "
            f"there is {question.treatment} has nothing to do with what would happen with and without it (ignorability), if "
            "every row could have gone either way (positivity), and if what one row does changes no other (no interference)."
        ),
        _ignorability(question),
        _positivity(found),
        _instrument(question, found["instrument"]),
        _BOUNDS,
        *(f"Note: {note}." for note in question.notes),
    ]


def _ignorability(question: Question) -> str:
    if question.hidden is None:
        return (
            "Ignorability cannot be tested on a log: intent that no feature shows would move treatment and outcome alike. "
            "Negative controls can refute it, none can prove it; compare Lambda* with what leaving out a covariate does."
        )
    if question.hidden:
        return (
            "Ignorability does not hold in this world: a hidden intent moves treatment and outcome. The truth beside the "
            "estimates shows by how much."
        )
    return (
        "This world has no hidden intent: ignorability holds given all that the world knows of a row. The covariates here are "
        "summaries of it; what they leave out confounds, and the truth beside the estimates shows by how much."
    )


def _positivity(found: Mapping[str, Any]) -> str:
    arms = found["overlap"]
    share = {name: arms[name]["effective"] / arms[name]["rows"] for name in ("treated", "untreated")}
    said = (
        f"Positivity: {arms['clipped']:.1%} of the propensities lie below .02 or above .98 and were moved there; the treated "
        f"are worth {arms['treated']['effective']:,.0f} of their {arms['treated']['rows']:,} rows, the untreated "
        f"{arms['untreated']['effective']:,.0f} of {arms['untreated']['rows']:,}."
    )
    small = [name for name, value in share.items() if value < SMALL]
    return said + (f" That is little of the {' and the '.join(small)}: overlap is poor." if small else "")


def _instrument(question: Question, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "No instrument is known in this log, so nothing identifies the effect without ignorability."
    why = "this world makes it so" if found["known"] else "this is what you say of it; no log can show it"
    weak = (
        f" It is weak (F = {found['first_stage']:.1f}, less than {WEAK:g}): do not believe it."
        if found["first_stage"] < WEAK
        else f" F = {found['first_stage']:,.0f}."
    )
    return (
        f"Instrument: {found['name']} moves the treatment and nothing else, in one direction for everybody ({why}). Its "
        f"estimate needs no ignorability, and is the effect among those {question.rows} whose treatment it changes.{weak}"
    )
