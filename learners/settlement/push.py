"""What a policy that weighs evidence pulls its model by, and whether that is more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from learners.settlement.settler import posterior
from simulator.calendar import PHASES
from simulator.evaluation.cells import Grid
from simulator.evaluation.meters import Cell, Column, Meter, Panel, Section, Table
from simulator.log.schema import Bool, Float64
from simulator.samples import Samples

AUDITED = {
    "pays": ("Pays over those believed in", "pays"),
    "refunds": ("Refunds over those believed in", "refunds"),
    "gmv": ("GMV believed: rises over falls", "GMV"),
}
"""What is audited, each by itself: the titles of its table and of its panel."""
ALARM = 3.0
"""Standard deviations beyond which what was believed is not put down to chance."""
_DROPS = {"before": 4, "after": 3, "anticipation": 2, "promotion": 1}
"""Which phases go first where room is short: a calm one is much like the whole."""
_NOTE = (
    "Net push: what each segment's deliveries pulled the model by, over what chance would. Between the dotted lines: as "
    "believed. Below: more came than the evidence let expect (a flood that nobody was counted on for). Above: less (silence "
    "was taken for a no too slowly, or a sale did not come)."
)
_Cells = dict[tuple[int, int], Float64]
"""Per cell of the grid the sums of push, its square, paid and expected."""


class PushMeter(Meter):
    """Audits the beliefs behind deliveries that have a prior and evidence (posterior settlement), cell by cell.

    With the served probability p and the evidence right, a delivery's push, weight times (q(previous) - q(now)), has mean
    0 whatever has happened before (`learners.settlement.policy`), so the pushes of a cell add up to chance alone:
    z = sum / root of the sum of squares is about standard normal. A z far from 0 says that pays came otherwise than
    believed: below 0 more (``paid`` above ``expected``), above 0 fewer. Both count clicks: what those who paid had left
    to 1, and what all others were taken down by. Samples that carry ``refunded`` are of the refund stage, and audited by
    themselves, pays standing for clicks and refunds for pays.

    Samples that put an amount in the place of an earlier one (``gmv`` with ``prior``, and no evidence) are audited by
    themselves, too: with a right belief in the final GMV the change of log1p of the drawn amount has mean 0
    (`learners.settlement.gmv`). ``paid`` is what the amounts rose by, ``expected`` what they fell by, in log1p.
    Within a cell each click changes once; its changes in several cells share its draws, so that z over many cells is only
    nearly of unit size.

    Parameters
    ----------
    grid : segments of the stream, cut where the phase of the promotion changes.
    """

    name = "push"

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._audits: dict[str, _Cells] = {audited: {} for audited in AUDITED}

    def delivered(self, samples: Samples) -> None:
        """Enter samples as they are delivered; those that settle nothing are left out."""
        samples = samples[~np.isnan(samples.column("prior"))]
        believed, refunds = ~np.isnan(samples.column("evidence")), ~np.isnan(samples.refunded)
        weighed = samples[believed & ~refunds], samples[believed & refunds]
        for audited, part in zip(("pays", "refunds"), weighed, strict=True):
            self._enter(audited, part, _evidence_push(part), part.column("evidence") == np.inf)
        amounts = samples[~believed & ~np.isnan(samples.gmv)]
        change = amounts.weight * (amounts.column("prior") - np.log1p(amounts.gmv))
        self._enter("gmv", amounts, change, change < 0)

    def _enter(self, audited: str, samples: Samples, push: Float64, paid: Bool) -> None:
        if not len(samples):
            return
        cells = self._audits[audited]
        numbers = np.stack([push, push**2, np.where(paid, -push, 0.0), np.where(paid, 0.0, push)])
        keys, place = np.unique(
            np.stack(self._grid.locate(samples.visible_time)), axis=1, return_inverse=True
        )
        for k, cell in enumerate(keys.T.tolist()):
            sums = numbers[:, place.ravel() == k].sum(axis=1)
            key = (int(cell[0]), int(cell[1]))
            cells[key] = cells.get(key, np.zeros(4)) + sums

    def summary(self) -> dict[str, Any] | None:
        """Return z, paid and expected overall, by phase and by cell; None where nothing was weighed.

        Where refunds were, "refunds" holds the same of them; where amounts were, "gmv".
        """
        found = {audited: self._summed(cells) for audited, cells in self._audits.items()}
        pays = found.pop("pays") or {**_told(np.zeros(4)), "phases": {}, "cells": []}
        further = {audited: part for audited, part in found.items() if part is not None}
        return {**pays, **further} if pays["cells"] or further else None

    def _summed(self, cells: _Cells) -> dict[str, Any] | None:
        if not cells:
            return None
        phases: dict[str, Float64] = {}
        found: list[dict[str, Any]] = []
        for key in sorted(cells):
            cell = self._grid.cell(*key)
            found.append({"start": cell.start, "end": cell.end, **_told(cells[key])})
            phases[cell.phase] = phases.get(cell.phase, np.zeros(4)) + cells[key]
        return {
            **_told(np.sum(list(cells.values()), axis=0)),
            "phases": {phase: _told(phases[phase]) for phase in PHASES if phase in phases},
            "cells": found,
        }

    @classmethod
    def sections(cls, found: Mapping[str, Mapping[str, Any]]) -> Sequence[Section]:
        audits = {
            audited: {method: part for method, push in found.items() if (part := _part(push, audited))}
            for audited in AUDITED
        }
        audits = {audited: parts for audited, parts in audits.items() if parts}
        panels = [
            Panel(f"{AUDITED[audited][1]}: net push, sd", _series(parts), (-ALARM, 0, ALARM))
            for audited, parts in audits.items()
        ]
        tables = [_table(audited, parts, first=not k) for k, (audited, parts) in enumerate(audits.items())]
        return [Section("What came against what was believed in", _NOTE, panels, tables)]


def _part(push: Mapping[str, Any], audited: str) -> Mapping[str, Any] | None:
    """Return the audit of one of `AUDITED`; None where there was nothing of it."""
    part = push if audited == "pays" else push.get(audited) or {}
    return part if part.get("cells") else None


def _series(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[list[float], list[float]]]:
    return {
        method: (
            [(cell["start"] + cell["end"]) / 2 for cell in part["cells"]],
            [cell["z"] for cell in part["cells"]],
        )
        for method, part in parts.items()
    }


def _table(audited: str, parts: Mapping[str, Mapping[str, Any]], *, first: bool) -> Table:
    phases = [phase for phase in PHASES if any(phase in part["phases"] for part in parts.values())]
    columns = [Column("all", ("ratio", "z"))]
    columns += [Column(phase, ("ratio", "z"), _DROPS[phase]) for phase in phases]
    columns.append(Column("segments", (f"|z| > {ALARM:g}",)))
    rows = {
        method: [
            *(_belief(told) for told in (part, *(part["phases"].get(phase) for phase in phases))),
            [Cell(f"{sum(abs(cell['z']) > ALARM for cell in part['cells'])} of {len(part['cells'])}")],
        ]
        for method, part in parts.items()
    }
    hint = f"where beliefs are right: 1, and z within {ALARM:g} of 0"
    note = f"Where beliefs are right the ratio is 1, and z within {ALARM:g} of 0; beyond that z is coloured."
    return Table(AUDITED[audited][0], columns, rows, hint, note if first else "")


def _belief(told: Mapping[str, float] | None) -> list[Cell]:
    """Return the ratio of what came to what was believed in, and z; "low" or "high" where it is more than chance."""
    if told is None:
        return [Cell("-"), Cell("-")]
    z = told["z"]
    side = "" if abs(z) <= ALARM else "high" if z < 0 else "low"
    ratio = f"{told['paid'] / told['expected']:.2f}" if told["expected"] > 0 else "-"
    return [Cell(ratio), Cell(f"{z:+.1f}", side)]


def _told(sums: Float64) -> dict[str, float]:
    push, square, paid, expected = sums.tolist()
    z = push / math.sqrt(square) if square > 0 else 0.0
    return {"z": z, "paid": paid, "expected": expected}


def _evidence_push(samples: Samples) -> Float64:
    prior, previous = samples.column("prior"), samples.column("previous_evidence")
    before = posterior(prior, np.where(np.isnan(previous), 0.0, previous))
    return samples.weight * (before - posterior(prior, samples.column("evidence")))
