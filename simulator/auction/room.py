"""One method's account: it bids with what the method believes, pays, and hears of the conversions of what it won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.auction.bidders.base import Step
from simulator.auction.bidders.registry import bidder_from
from simulator.auction.exploration import Exploration
from simulator.auction.heard import Conversions, WonClicks
from simulator.auction.mechanism import LOST, clear, least, within
from simulator.auction.offers import Offers
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions, believed
from simulator.calendar import Calendar
from simulator.errors import RunError
from simulator.log.schema import Bool, Columns, EventBatch, Feature, Float64, Int8, Int64
from simulator.randomness import draws
from simulator.units import DAY
from simulator.windows import Windows

_OFFERED, _WON, _SPEND, _CONVERSIONS, _REVENUE = range(5)


@dataclass(slots=True)
class Won(Columns):
    """What came of offers, one row each.

    Parameters
    ----------
    won : whether they were bought.
    slot : which one; -1 where not.
    price : paid; 0 where not.
    bid : made; 0 where none was.
    meant : the bid before exploration moved it; the mean over members.
    value : what was believed of them, margin included; the mean over members.
    propensity : chance of winning over the bidder's own draws, what rivals bid given. Known to a bidder of what he won.
    least : above which bid something was won. Known to a bidder of what he won.
    click_row : of the click that follows; -1 where none does: not won, not clicked, or not seen in a lower slot.
    """

    won: Bool
    slot: Int8
    price: Float64
    bid: Float64
    meant: Float64
    value: Float64
    propensity: Float64
    least: Float64
    click_row: Int64


class Room:
    """Clears auctions in order of time for one method, and keeps its accounts.

    Spend is known at once; conversions when they arrive (`hear`). Pacing and controllers act at whole multiples of
    ``control_step``; results do not depend on how offers are cut into calls, as long as what arrives before a control
    step is heard before offers after it are cleared (`stops`).
    """

    def __init__(
        self,
        settings: AuctionBlock,
        calendar: Calendar,
        windows: Windows,
        features: Sequence[Feature],
        seed: int,
        start: int,
    ) -> None:
        self.settings, self.bidder = settings, bidder_from(settings.bidder)
        self._clock, self._seed = calendar.clock, seed
        self._explore = Exploration(settings.exploration, seed)
        self._clicks = WonClicks(settings, windows)
        by, count = settings.campaign_by, settings.campaigns
        self._column = settings.column(by, "auction.campaign_by", tuple(features)) if count > 1 else None
        self._budget = np.inf if settings.budget is None else settings.budget
        self._step = start // settings.control_step
        self._day = self._clock.one(start) // DAY
        self._spent = np.zeros(count)
        self._over = np.zeros(count, np.bool_)
        self._sums = np.zeros((count, 5))
        self._control = np.stack([self.bidder.start() for _ in range(count)])

    def stops(self, start: int, end: int) -> list[int]:
        """Return where clearing ``[start, end)`` must stop to hear what arrived; the last one is ``end``."""
        step = self.settings.control_step
        inside = range((start // step + 1) * step, end, step) if self.bidder.hears else ()
        return [*inside, end]

    def clear(self, offers: Offers, predictions: Predictions) -> Won:
        """Bid for offers, which follow those of the last call in time, and return what came of it.

        Raises
        ------
        RunError : predictions that nobody can bid with.
        """
        count = len(offers)
        predictions.check(count)
        won = self._nothing(offers, predictions)
        worth = believed(predictions, self.settings, self.bidder.of)
        thompson = self.settings.exploration.kind == "thompson"
        if thompson and worth.ndim == 1:
            raise RunError(
                'auction.exploration = "thompson" draws a member of an ensemble, and there is one prediction of cvr; give one '
                "a member, shape (n, members)"
            )
        if worth.ndim > 1 and not thompson:
            worth = worth.mean(1)
        campaign = self._campaign(offers)
        for first, stop in self._pieces(offers.time):
            if self._column is None:
                self._buy(0, slice(first, stop), offers, worth, won)
            else:
                for which in range(self.settings.campaigns):
                    rows = first + np.flatnonzero(campaign[first:stop] == which)
                    self._buy(which, rows, offers, worth, won)
        self._follow(offers, won, campaign)
        return won

    def hear(self, events: EventBatch) -> Conversions:
        """Take in events of the log in the order of their arrival, and return what they say of what was won.

        Those of clicks that were not won are passed over.
        """
        heard = self._clicks.hear(events)
        if self.bidder.hears:
            self._clicks.pending = Conversions.concatenate([self._clicks.pending, heard])
        return heard

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that the room knows, as arrays: what `restore` needs."""
        own = {
            "at": np.array([self._step, self._day]),
            "spent": self._spent,
            "over": self._over,
            "sums": self._sums,
            "control": self._control,
        }
        return {name: array.copy() for name, array in (own | self._clicks.state()).items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state of a room with the same settings."""
        self._step, self._day = map(int, state["at"])
        self._spent, self._over, self._sums, self._control = (
            state[name].copy() for name in ("spent", "over", "sums", "control")
        )
        self._clicks.restore(state)

    def _nothing(self, offers: Offers, predictions: Predictions) -> Won:
        n = len(offers)
        value = believed(predictions, self.settings)
        return Won(
            np.zeros(n, np.bool_),
            np.full(n, LOST, np.int8),
            np.zeros(n),
            np.zeros(n),
            np.zeros(n),
            value.mean(1) if value.ndim > 1 else value,
            np.zeros(n),
            least(offers.rivals, self.settings),
            np.full(n, -1),
        )

    def _campaign(self, offers: Offers) -> Int64:
        if self._column is None:
            return np.zeros(len(offers), np.int64)
        return offers.features[:, self._column].astype(np.int64) % self.settings.campaigns

    def _pieces(self, time: Int64) -> Iterator[tuple[int, int]]:
        """Yield which offers lie between two control steps or midnights, and bring the room to each of these first."""
        if not len(time):
            return
        day = self._clock.local(time) // DAY
        step = time // self.settings.control_step if self.bidder.steps else np.full(len(time), self._step)
        new = np.flatnonzero((step[1:] != step[:-1]) | (day[1:] != day[:-1])) + 1
        for first, stop in pairwise([0, *new.tolist(), len(time)]):
            while self._step < step[first]:
                self._act()
            self._begin(int(day[first]))
            yield first, stop

    def _begin(self, day: int) -> None:
        """Begin a day, if it is a new one."""
        if day != self._day:
            self._day, self._spent[:], self._over[:] = day, 0.0, False

    def _act(self) -> None:
        """End a control step: let the bidder of each campaign act on what it knows now."""
        self._step += 1
        length = self.settings.control_step
        heard = self._clicks.arrived(self._step * length)
        for column, of in ((_CONVERSIONS, heard.count), (_REVENUE, heard.revenue)):
            self._sums[:, column] += np.bincount(heard.campaign, of, len(self._sums))
        # The microsecond before: a step that ends at midnight is of the day that it ends.
        last = self._clock.one(self._step * length - 1)
        self._begin(last // DAY)
        for campaign, sums in enumerate(self._sums):
            left = self._budget - float(self._spent[campaign])
            past = (last % DAY + 1) / DAY
            step = Step(*map(float, sums), self._budget, left, past, length / DAY)  # type: ignore[call-arg]
            self._control[campaign] = self.bidder.step(self._control[campaign], step)
        self._sums[:] = 0.0

    def _buy(self, campaign: int, rows: slice | Int64, offers: Offers, worth: Float64, won: Won) -> None:
        """Bid for the offers of one campaign that lie between two control steps."""
        self._sums[campaign, _OFFERED] += len(offers.time[rows])
        if self._over[campaign]:
            return
        control, ids = self._control[campaign], offers.impression_id[rows]
        meant, enters = self.bidder.bids(worth[rows], control), self.bidder.enters(control)
        bids = self._explore.chosen(meant, ids)
        if enters < 1:
            bids = bids * self._explore.enters(enters, ids)
        cleared = clear(bids, offers.rivals[rows], self.settings)
        bought, spent = within(cleared.price, float(self._spent[campaign]), self._budget)
        if not bought.all():
            self._over[campaign] = True
            cleared.slot[~bought], cleared.price[~bought], bids = LOST, 0.0, np.where(bought, bids, 0.0)
        success = cleared.slot != LOST
        if self.bidder.learns:
            made = bids > 0
            self._control[campaign] = self.bidder.learn(control, bids[made], success[made])
        self._sums[campaign, _WON] += success.sum()
        self._sums[campaign, _SPEND] += spent - self._spent[campaign]
        self._spent[campaign] = spent
        won.won[rows], won.slot[rows] = success, cleared.slot
        won.price[rows], won.bid[rows] = cleared.price, bids
        won.meant[rows] = np.where(bought, meant.mean(1) if meant.ndim > 1 else meant, 0.0)
        won.propensity[rows] = np.where(bought, enters * self._explore.chance(meant, won.least[rows]), 0.0)

    def _follow(self, offers: Offers, won: Won, campaign: Int64) -> None:
        """Say which clicks follow what was won, and remember them until nothing can follow these."""
        if not len(offers):
            return
        self._clicks.forget(int(offers.time[0]))
        clicks = won.won & (offers.click_row >= 0)
        effects = np.array(self.settings.slots)
        if len(effects) > 1:
            seen = draws(offers.impression_id, "auction", "seen", self._seed) < effects[won.slot]
            clicks &= seen
        won.click_row[clicks] = offers.click_row[clicks]
        self._clicks.add(offers.click_row[clicks], offers.click_time[clicks], campaign[clicks])
