"""The seam of offsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from simulator.log.schema import Float64, Int32, Int64
from simulator.parts import Part, Registry

if TYPE_CHECKING:
    from learners.materials import Materials
    from simulator.learning import Clicks
    from simulator.scenario.model import Scenario

Served = Callable[[Int32], Mapping[str, Float64]]
"""The network's own outputs, per head, for features of shape (n, F), by the weights published last."""


class KnownOffset:
    """What is added to the raw outputs of each click, made ready for a run. Most never change; some adapt to the stream.

    One that adapts is told of every step, of every publication, and (by policies that weigh evidence) of what is
    believed at segment ends. Like a network it has values that are trained and values that are served.
    """

    adapts: bool = False
    """Whether anything of it changes in the stream."""

    def __call__(self, clicks: Clicks) -> Mapping[str, Float64]:
        """Return per head what is added to clicks that are served."""
        raise NotImplementedError

    def training(self, clicks: Clicks) -> Mapping[str, Float64]:
        """Return per head what is added to clicks that are learnt."""
        return self(clicks)

    def learn(self, clicks: Clicks, slopes: Mapping[str, Float64]) -> None:
        """Take note of a step: ``slopes`` are those of its loss in what `training` returned, per head."""

    def heed(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64], served: Served) -> None:
        """Take note of what is believed at a segment's end (`simulator.learning.Advisor.heed`)."""

    def publish(self, served: Served) -> None:
        """Serve what has been learnt so far; the network has just been published."""

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that the stream changes, as tensors and plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        KeyError, ValueError : the state is that of another offset.
        """


class FixedOffset(KnownOffset):
    """A function of the click."""

    def __init__(self, function: Callable[[Clicks], Mapping[str, Float64]]) -> None:
        self._function = function

    def __call__(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._function(clicks)


class Terms(KnownOffset):
    """The sum of several; of none, nothing."""

    def __init__(self, terms: Sequence[KnownOffset] = ()) -> None:
        self._terms = tuple(terms)
        self.adapts = any(term.adapts for term in self._terms)

    def __call__(self, clicks: Clicks) -> Mapping[str, Float64]:
        return _summed([term(clicks) for term in self._terms])

    def training(self, clicks: Clicks) -> Mapping[str, Float64]:
        return _summed([term.training(clicks) for term in self._terms])

    def learn(self, clicks: Clicks, slopes: Mapping[str, Float64]) -> None:
        for term in self._terms:
            term.learn(clicks, slopes)

    def heed(self, clicks: Clicks, now: Int64, known: Mapping[str, Float64], served: Served) -> None:
        for term in self._terms:
            term.heed(clicks, now, known, served)

    def publish(self, served: Served) -> None:
        for term in self._terms:
            term.publish(served)

    def state_dict(self) -> dict[str, Any]:
        return {str(place): term.state_dict() for place, term in enumerate(self._terms)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for place, term in enumerate(self._terms):
            term.load_state_dict(state[str(place)])


def _summed(parts: Sequence[Mapping[str, Float64]]) -> dict[str, Float64]:
    total: dict[str, Float64] = {}
    for part in parts:
        for head, values in part.items():
            total[head] = total[head] + values if head in total else values
    return total


class Offset(Part):
    """What is known of a click before the network is asked, such as its place in the promotion calendar.

    It is added to the raw outputs in training as well as in serving.
    """

    heads: ClassVar[tuple[str, ...]] = ()
    """Network heads that it moves."""

    @property
    def listens(self) -> bool:
        """Whether it learns from what a policy believes: then it needs one that says so (``tells``)."""
        return False

    def misfit(self, scenario: Scenario) -> str:  # noqa: ARG002
        """Say why it cannot serve in a scenario; an empty string where it can."""
        return ""

    def prepare(self, materials: Materials) -> KnownOffset:
        """Return the offset for a run."""
        raise NotImplementedError


OFFSETS: Registry[Offset] = Registry("offset", Offset, "learners.offsets")
