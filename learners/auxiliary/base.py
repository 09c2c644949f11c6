"""The seam of auxiliary estimators."""

from __future__ import annotations

from typing import Self

from learners.recipes import Recipe
from simulator.parts import Registry


class Auxiliary(Recipe):
    """A recipe of its own, whose heads estimate what an objective asks for; frozen in the stream."""

    def settled(self, observation: int) -> Self:  # noqa: ARG002
        """Return a copy in which windows left open are the observation window (of the method's policy)."""
        return self


AUXILIARIES: Registry[Auxiliary] = Registry("auxiliary", Auxiliary, "learners.auxiliary")
