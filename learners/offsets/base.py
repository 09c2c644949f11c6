"""The seam of offsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from simulator.log.schema import Float64
from simulator.parts import Part, Registry

if TYPE_CHECKING:
    from learners.bench import Bench
    from simulator.learning import Clicks

KnownOffset = Callable[["Clicks"], Mapping[str, Float64]]
"""Per head what is added to the raw output of each click."""


class Offset(Part):
    """What is known of a click before the network is asked, such as its place in the promotion calendar.

    It is added to the raw outputs in training as well as in serving, and not trained online itself.
    """

    heads: ClassVar[tuple[str, ...]] = ()
    """Network heads that it moves."""

    def prepare(self, bench: Bench) -> KnownOffset:
        """Return the offset for a run."""
        raise NotImplementedError


OFFSETS: Registry[Offset] = Registry("offset", Offset, "learners.offsets")
