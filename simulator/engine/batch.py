"""What a policy is shown: a batch of items of one kind, and their journeys as of each item's own time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.engine.journeys import ARRIVED, STATE
from simulator.errors import PeekError, PolicyError, unknown
from simulator.learning import Advisor, Clicks, Question
from simulator.log.schema import Bool, Float64, Int32, Int64, Kind, Labels

if TYPE_CHECKING:
    from simulator.calendar import Calendar
    from simulator.engine.journeys import Journeys
    from simulator.windows import Windows

A = TypeVar("A", bound=np.generic)
CLOSE = Kind.TIMER + 1
SEGMENT = Kind.TIMER + 2
"""Ranks after the timers': at one instant a window closes after its last timer, and a segment ends after that."""


def read_only(values: NDArray[A]) -> NDArray[A]:
    """Return a view that cannot be written to: batches are shared by all policies, and some by the engine."""
    view = values.view()
    view.flags.writeable = False
    return view


_DERIVED = ("paid", "first_pay", "carted", "refunded", "net_gmv")


class JourneyView:
    """State of the journeys of a batch, as of each item's own time: what is known at that instant included, later news not.

    Attributes are arrays with one entry per item: ``cart_count``, ``cart_time`` (first cart), ``pay_count``,
    ``first_pay_time``, ``last_pay_time``, ``previous_pay_time``, ``gmv`` (sum of the pays so far), ``previous_gmv`` (before the
    latest pay), ``refund_count``, ``first_refund_time``, ``refund_amount``; times are -1 while there is none. And derived:
    ``carted``, ``paid``, ``first_pay`` (exactly one pay so far), ``refunded``, ``net_gmv``. Times are those at which events
    happened (`simulator.engine.journeys.STATE`); ``first_pay_arrival`` is when the journey was first known to have paid, and
    ``last_pay_arrival`` when its latest news of a pay came.
    """

    __slots__ = ("_cache", "_slots", "_state")

    def __init__(self, state: Mapping[str, NDArray[Any]], slots: Int32) -> None:
        self._state, self._slots = state, slots
        self._cache: dict[str, NDArray[Any]] = {}

    def __getitem__(self, places: Int64) -> JourneyView:
        return JourneyView(self._state, self._slots[places])

    def __getattr__(self, name: str) -> NDArray[Any]:
        values: NDArray[Any]
        match name:
            case "paid":
                values = self._column("pay_count") > 0
            case "first_pay":
                values = self._column("pay_count") == 1
            case "carted":
                values = self._column("cart_count") > 0
            case "refunded":
                values = self._column("refund_count") > 0
            case "net_gmv":
                values = self._column("gmv") - self._column("refund_amount")
            case _ if name in STATE:
                values = self._column(name)
            case _ if name in ARRIVED:
                values = self._column(name if name in self._state else ARRIVED[name])
            case _:
                raise AttributeError(unknown("journey state", name, (*STATE, *ARRIVED, *_DERIVED)))
        return read_only(values)

    def _column(self, name: str) -> NDArray[Any]:
        if name not in self._cache:
            self._cache[name] = self._state[name][self._slots]
        return self._cache[name]


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands around every batch: the open journeys, the windows, the calendar, the doors to more."""

    journeys: Journeys
    windows: Windows
    calendar: Calendar
    future: Callable[[Int64], Labels] | None = None
    """Final labels by row of the log; only for policies that declare ``peeks``."""
    advisor: Advisor | None = None
    """The method's model and auxiliary; only at segment ends, for policies that ask or tell."""
    asks: tuple[str, ...] = ()
    tells: bool = False
    segment_start: int = 0
    """When the segment of these items began."""


class Own:
    """A policy's own values per journey, read and written for the items of a batch by name."""

    __slots__ = ("_columns", "_index", "_prefix")

    def __init__(self, columns: dict[str, NDArray[Any]], prefix: str, index: Int64 | slice) -> None:
        self._columns, self._prefix, self._index = columns, prefix, index

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[self._prefix + name][self._index]

    def __setitem__(self, name: str, values: NDArray[Any] | float) -> None:
        self._columns[self._prefix + name][self._index] = values


@dataclass(frozen=True, slots=True)
class At:
    """A batch of items of one kind: their times, their journeys, and what the policy may know.

    ``time`` is the time of each item (event, timer, closing or segment end) in microseconds, for an event that at which it
    became known; ``event_time`` is when it happened, and ``time`` for other items; ``amount`` the amount of pays and refunds
    (0 for other items); ``tag`` the tag given to timers. ``at[mask]`` or ``at[indices]`` is the sub-batch.
    """

    _scene: Scene
    index: Int64 | slice
    time: Int64
    rank: int
    ids: Int64
    journey: JourneyView
    """The journeys as of each item's own time."""
    amount: Float64
    tag: Int32
    event_time: Int64
    prefix: str = ""

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, chosen: Bool | Int64) -> At:
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else np.asarray(chosen, np.int64)
        if chosen.dtype == np.bool_ and len(chosen) != len(self):
            raise PolicyError(f"a mask of length {len(chosen)} cannot choose among {len(self)} items")
        index, time = self.index, self.time[places]
        return replace(
            self,
            index=index.start + places if isinstance(index, slice) else index[places],
            time=time,
            event_time=self.event_time[places] if self.late else time,
            ids=self.ids[places],
            amount=self.amount[places],
            tag=self.tag[places],
            journey=self.journey[places],
        )

    @property
    def late(self) -> bool:
        """Whether these are events with arrival times of their own."""
        return self.event_time is not self.time

    @property
    def own(self) -> Own:
        """The policy's own values of these journeys (declared in ``Policy.own``)."""
        return Own(self._scene.journeys.columns, self.prefix, self.index)

    @property
    def row(self) -> Int64:
        """Position of each journey's click in the log."""
        base = self._scene.journeys.base
        if isinstance(self.index, slice):
            return np.arange(base + self.index.start, base + self.index.stop)
        return self.index + base

    @property
    def click_id(self) -> Int64:
        """Id of each journey's click."""
        ids: Int64 = self._scene.journeys.columns["click_id"][self.index]
        return read_only(ids)

    @property
    def click_time(self) -> Int64:
        """Time of each journey's click."""
        times: Int64 = self._scene.journeys.columns["click_time"][self.index]
        return read_only(times)

    @property
    def elapsed(self) -> Int64:
        """Time since the click, in microseconds; of an event, up to when it became known."""
        return self.time - self.click_time

    @property
    def refund_closing(self) -> Int64:
        """When the refunds of journeys that paid are final: their window is over, and what it held has arrived.

        Not before the item's own time: a pay may become known after that.
        """
        windows = self.windows
        over: Int64 = self.journey.first_pay_time + (windows.refund + windows.lateness)
        return np.maximum(self.time, over)

    @property
    def features(self) -> Int32:
        """Features of each journey's click, shape (n, number of features)."""
        return read_only(self._scene.journeys.features[self.index])

    @property
    def segment_start(self) -> int:
        """When the running segment began: at the last segment end, or at the start of the stream."""
        return self._scene.segment_start

    @property
    def windows(self) -> Windows:
        """The attribution windows."""
        return self._scene.windows

    @property
    def calendar(self) -> Calendar:
        """The promotion calendar, which is known in advance."""
        return self._scene.calendar

    @property
    def future(self) -> Labels:
        """Final labels of these journeys. Only for a policy that declares ``peeks = True``."""
        if self._scene.future is None:
            others = f" and {len(self) - 1:,} others" if len(self) > 1 else ""
            what = (
                f"at.future, the final labels of click {self.click_id[0]}{others}"
                if len(self)
                else "at.future"
            )
            raise PeekError(self.prefix.removesuffix("/"), int(self.time.max(initial=0)), what)
        return self._scene.future(self.row)

    def ask(self, name: str, **known: Float64) -> Mapping[str, Float64]:
        """Ask the method's model or auxiliary about these journeys, as of the items' times; only in ``on_segment``.

        Parameters
        ----------
        name : one of the policy's ``asks``: "predictions" gives those of the model published last, by task; any other is
            what the auxiliary calls it.
        known : what the policy can tell besides the journeys' state, one value an item.

        Raises
        ------
        PolicyError : it is not declared, or not the end of a segment.
        """
        scene = self._scene
        if name not in scene.asks:
            raise PolicyError(
                f"at.ask: {unknown('question', name, scene.asks)} A policy declares them in asks"
            )
        return self._advisor.ask(Question(name, self._clicks, self.time, self.journey, known))

    def tell(self, **known: Float64) -> None:
        """Tell the method's auxiliary what is believed of these journeys; only in ``on_segment``, with ``tells = True``.

        It hears that later in the instant, so that it gets copies: a slice of the journeys' columns would move on.
        """
        if not self._scene.tells:
            raise PolicyError("at.tell is for a policy that declares tells = True")
        own = self[np.arange(len(self))]
        copies = {name: values.copy() for name, values in known.items()}
        self._advisor.tell(own._clicks, own.time, copies)  # noqa: SLF001 - another batch of this very class

    @property
    def _advisor(self) -> Advisor:
        if self._scene.advisor is None or self.rank != SEGMENT:
            raise PolicyError(
                "at.ask and at.tell are for on_segment, and for a replay in which models take part"
            )
        return self._scene.advisor

    @property
    def _clicks(self) -> Clicks:
        return Clicks(self.row, self.click_time, self.features)
