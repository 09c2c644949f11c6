"""Metrics by age of an entity at the end of a run, where the scenario asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from learners.session.plan import Plan
from simulator.evaluation.ageing import Ageing, ageing, entities
from simulator.evaluation.meters import Section
from simulator.report.ageing import ageing_section


def by_age(
    plan: Plan, predictions: Path, methods: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Any], Section] | None:
    """Return what the run says of new entities, for the summary and as a section; None where it is not asked."""
    asked = plan.scenario.evaluation
    if asked.entity is None:
        return None
    terms = Ageing(asked.entity_within, asked.entity_days, asked.entity_positives)
    first = plan.log.row_of(plan.timeline.stream_start)
    found = ageing(predictions, methods, entities(plan.log, asked.entity), first, terms)
    told = {"entity": asked.entity, "within": terms.within, "days": terms.days, "positives": terms.positives}
    return {**told, "tasks": found}, ageing_section(asked.entity, found, terms)
