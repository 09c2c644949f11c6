"""The seam of offsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from simulator.learning import Clicks
from simulator.log.schema import Float64
from simulator.parts import Part, Registry

if TYPE_CHECKING:
    from learners.materials import Materials
    from simulator.scenario.model import Scenario

KnownOffset = Callable[[Clicks], Mapping[str, Float64]]
"""An offset made ready for a run: returns per head what is added to the raw outputs of clicks, in training and in serving."""


class Offset(Part):
    """What is known of a click before the network is asked, such as its place in the promotion calendar.

    It is added to the raw outputs in training as well as in serving.
    """

    heads: ClassVar[tuple[str, ...]] = ()
    """Network heads that it moves."""

    def misfit(self, scenario: Scenario) -> str:
        """Say why it cannot serve in a scenario; an empty string where it can."""
        return ""

    def prepare(self, materials: Materials) -> KnownOffset:
        """Return the offset for a run."""
        raise NotImplementedError


OFFSETS: Registry[Offset] = Registry("offset", "offsets", "learners.offsets", Offset)
