"""The seam of links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from simulator.log.schema import Float64
from simulator.parts import Part, Registry


class Link(Part):
    """How a method serves what its network says."""

    heads: ClassVar[tuple[str, ...]] = ()
    """Network heads that it reads."""
    tasks: ClassVar[tuple[str, ...]] = ()
    """Tasks that it serves."""
    estimates: ClassVar[tuple[str, ...]] = ()
    """What an auxiliary must estimate for each served click."""

    def serve(self, outputs: Mapping[str, Float64]) -> dict[str, Float64]:
        """Return the predictions per task from the raw outputs per head, the auxiliary's estimates among them."""
        raise NotImplementedError

    def on_finals(self) -> Link:
        """Return the link as it is for outputs that were trained on final labels (`Objective.on_finals`)."""
        return self


LINKS: Registry[Link] = Registry("link", "links", "learners.serve", Link)
