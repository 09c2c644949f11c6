"""Worlds that several tests look at; each is generated once."""

from __future__ import annotations

import pytest

from simulator.worlds.generate import WorldDay
from tests.simulator.worlds.small import SALE, Outcome, outcome, phase_of, world


@pytest.fixture(scope="session")
def sale_world() -> list[WorldDay]:
    """About half a million clicks around a sale."""
    settings = {"days": 13, "clicks_per_day": 30_000, "promotion": [SALE]}
    return list(world(seed=2, **settings).days())


@pytest.fixture(scope="session")
def outcomes(sale_world: list[WorldDay]) -> list[Outcome]:
    return [outcome(day, phase_of(day.day)) for day in sale_world]
