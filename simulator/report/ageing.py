"""What a run says of new entities (`simulator.evaluation.ageing`), as a section of report and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.evaluation.ageing import Ageing
from simulator.evaluation.meters import Cell, Column, Panel, Section, Table
from simulator.evaluation.tasks import TASKS
from simulator.report import numbers

_COLUMNS = (
    Column("calibrated", ("median",)),
    Column("never", ("share",)),
    Column("money until then", ("an entity",)),
)


def ageing_section(entity: str, found: Mapping[str, Mapping[str, Any]], asked: Ageing) -> Section:
    """Return the section: by task how long methods take until new entities are calibrated, and what that costs."""
    days = f"{asked.days} days" if asked.days > 1 else "a day"
    note = (
        f"New by {entity}: its first click is in the stream. Calibrated from the day of its age on from which, over {days}, "
        f"predicted over expected lies within {1 - asked.within:g} and {1 + asked.within:g}; never: not while it was observed. "
        "Money: what predictions were off, day by day of its age until then, times what its conversions brought in the mean. "
        f"Entities with fewer than {asked.positives} conversions, or observed for less than {days}, are left out."
    )
    told = {task: one for task, one in found.items() if one["entities"]}
    panels = [
        Panel(
            f"{TASKS[task].short}: calibrated",
            {m: (list(range(len(v["calibrated"]))), v["calibrated"]) for m, v in one["methods"].items()},
            x_title=f"age of {entity}, days",
            share=True,
        )
        for task, one in told.items()
        if any(len(v["calibrated"]) > 1 for v in one["methods"].values())
    ]
    return Section(
        f"New entities: {entity}", note, panels, [_table(task, entity, told[task]) for task in told]
    )


def _table(task: str, entity: str, one: Mapping[str, Any]) -> Table:
    young = f", {one['young']:,} more too young" if one["young"] else ""
    title = f"{TASKS[task].short}: {one['entities']:,} new by {entity}{young}"
    return Table(title, _COLUMNS, {method: _row(values) for method, values in one["methods"].items()})


def _row(values: Mapping[str, Any]) -> list[list[Cell]]:
    median, money = values["median"], values["money"]
    texts = (
        "never" if median is None else f"{median:g} d",
        numbers.share(values["never"]),
        "-" if money is None else f"{money:,.2f}",
    )
    return [[Cell(text)] for text in texts]
