"""The seam of the house: a delay policy decides when which label is delivered."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from simulator.errors import PolicyError, nearest
from simulator.parts import Part
from simulator.samples import CARRIED_TYPES, COMMON
from simulator.units import Duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox
    from simulator.evaluation.cells import Grid
    from simulator.evaluation.meters import Meter

T = TypeVar("T")
Heard = Literal["impressions", "slice", "potential"]
"""What a method hears of a log's impressions (`Policy.impressions`)."""
HOOKS = ("on_click", "on_cart", "on_pay", "on_refund", "on_timer", "on_close", "on_segment")


class Policy(Part):
    """Base of delay policies. Override the hooks you need; fields are the policy's parameters, typed and validated.

    Each hook gets a batch of items of one kind (`At`), with the state of their journeys as of each item's own time, and
    an `Outbox` to deliver samples and set timers. Hooks are called with whole batches: write them with array
    operations and masks, never item by item. The order of items between journeys means nothing.

    Events outside the windows are not shown. ``on_close`` comes when the attribution window of a click closes, and
    whatever lateness the scenario grants is over (after the events of that instant), ``on_segment`` at the last
    microsecond of every segment with all journeys still open.

    An event is shown when it becomes known: ``at.time`` is that instant, ``at.event_time`` when it happened. The windows of
    the label (attribution, refund) go by ``event_time``, and so do the times in ``at.journey``. What a policy said before,
    it said of what was known: whether an event came too late for a label that was delivered goes by ``at.time`` and
    ``at.elapsed``, and ``at.journey.first_pay_arrival`` is when the journey was first known to have paid. An observation
    window that a pay begins runs from there too. In logs without arrival times all of these are one.

    A policy that must remember something per journey declares it in ``own``; it is then called strictly in each
    journey's time order, and reads and writes ``at.own[name]``.
    """

    peeks: ClassVar[bool] = False
    """True for an upper bound that is allowed to read ``at.future``. It is marked as such everywhere."""
    asks: ClassVar[tuple[str, ...]] = ()
    """What it asks in ``on_segment`` by ``at.ask(name)``: "predictions", or what its method's auxiliary answers."""
    tells: ClassVar[bool] = False
    """Whether it tells its method's auxiliary by ``at.tell()`` what it believes of open clicks."""
    delivers_final: ClassVar[bool] = False
    """True if the last sample of every click carries its final label (see `promises_final`), as far as every event
    becomes known within the lateness, and the pays of a refunded click in the order in which they were made."""
    labels: ClassVar[tuple[str, ...]] = ("converted",)
    """Which of converted, refunded and gmv its samples carry."""
    impressions: ClassVar[Heard] = "impressions"
    """What a method with it hears of the log's impressions, if its objective learns from clicks ("clicked" among its
    targets): the impressions as they become known; with them the clicks of the randomised slice and what came of them; or
    with them what would have come of clicks that were not made (``peeks``)."""
    own: ClassVar[dict[str, tuple[str, float]]] = {}
    """What it keeps of each journey, as ``at.own[name]``: name -> (numpy type, value at the click)."""
    carries: ClassVar[dict[str, str]] = {}
    """What its samples carry besides the common columns: name -> type, float32 or float64. ``out.deliver(at, ..., name=...)``
    gives it, the objective reads it by name, and samples/ holds it; null where it was not given."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in cls.__dict__:
            if name.startswith("on_") and name not in HOOKS:
                raise PolicyError(
                    f"policy {cls.__name__} defines {name}; hooks are {', '.join(HOOKS)}.{nearest(name, HOOKS)}"
                )
        if "columns" in cls.__dict__:
            raise PolicyError(
                f"policy {cls.__name__} declares columns; what a policy keeps is declared in own, as at.own has it"
            )
        for name, kind in cls.carries.items():
            if kind not in CARRIED_TYPES:
                raise PolicyError(
                    f"policy {cls.__name__} carries {name!r} as {kind!r}; allowed: {', '.join(CARRIED_TYPES)}"
                )
            if name in COMMON or not name.isidentifier():
                raise PolicyError(
                    f"policy {cls.__name__} carries {name!r}: not a name that is free for it; every sample has "
                    f"{', '.join(sorted(COMMON))}"
                )

    def on_click(self, at: At, out: Outbox) -> None:
        """Clicks, at their own time."""

    def on_cart(self, at: At, out: Outbox) -> None:
        """Carts inside the attribution window, when they become known."""

    def on_pay(self, at: At, out: Outbox) -> None:
        """Pays inside the attribution window, when they become known; ``at.journey.first_pay`` tells the first of which
        anything is known from the others.
        """

    def on_refund(self, at: At, out: Outbox) -> None:
        """Refunds inside the refund window of the first pay, when they and a pay before them are known."""

    def on_timer(self, at: At, out: Outbox) -> None:
        """Timers that this policy set."""

    def on_close(self, at: At, out: Outbox) -> None:
        """Clicks whose attribution window closes, lateness included: conversion and GMV are final."""

    def on_segment(self, at: At, out: Outbox) -> None:
        """All open journeys at the end of every segment."""

    def meters(self, grid: Grid) -> Sequence[Meter]:
        """Return what it has measured of its own deliveries, cell by cell of a grid of the stream."""
        del grid
        return ()

    def promises_final(self) -> bool:
        """Tell whether it delivers final labels, with these parameters (checked by `check_policy`)."""
        return self.delivers_final

    def copied(self) -> Self:
        """Return a copy for another replay; itself where it holds what cannot be copied."""
        try:
            return deepcopy(self)
        except Exception:  # noqa: BLE001 - whatever the class of somebody else holds
            return self

    def uses(self, hook: str) -> bool:
        """Tell whether this policy overrides a hook."""
        return getattr(type(self), hook) is not getattr(Policy, hook)

    def followed(self) -> Sequence[Policy]:
        """Return the policies that its clicks follow: itself, or those that it is made of."""
        return (self,)

    def setting(self, name: str, otherwise: T) -> T:
        """Return a parameter in which all that its clicks follow and that have it agree, or what holds otherwise."""
        found = {getattr(one, name) for one in self.followed() if hasattr(one, name)}
        return found.pop() if len(found) == 1 else otherwise


class Windowed(Policy):
    """A policy with an observation (waiting) window after the click."""

    window: Duration = "15m"  # type: ignore[assignment]
    """How long to observe before the first label; ``[windows] observation`` unless given."""
