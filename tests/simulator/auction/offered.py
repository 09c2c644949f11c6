"""Random offers, predictions and events, and the slow obvious auction: one impression at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import ndtri

from simulator.auction.bidders.base import Step
from simulator.auction.bidders.registry import bidder_from
from simulator.auction.offers import Offers
from simulator.auction.room import Room
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions
from simulator.calendar import NO_PROMOTIONS
from simulator.log.schema import EventBatch, Feature, Kind
from simulator.randomness import draws
from simulator.units import DAY, HOUR
from simulator.windows import Windows

WINDOWS = Windows(attribution=6 * HOUR, refund=6 * HOUR, lateness=HOUR)
FEATURES = (Feature("a", 50), Feature("b", 7))


def offers(rng: np.random.Generator, n: int, slots: int = 1, days: float = 3.0) -> Offers:
    time = np.sort(rng.integers(0, int(days * DAY), n))
    p_click, p_pay = rng.uniform(0.05, 0.9, n), rng.uniform(0.05, 0.9, n)
    clicked = rng.random(n) < p_click
    row = np.full(n, -1)
    row[clicked] = np.arange(clicked.sum())
    converted = clicked & (rng.random(n) < p_pay)
    return Offers(
        np.arange(n),
        rng.permutation(n) + 7,
        time,
        np.stack([rng.integers(0, 50, n), rng.integers(0, 7, n)], 1).astype(np.int32),
        -np.sort(-np.round(rng.lognormal(-1.0, 1.0, (n, slots)), 2), axis=1),
        row,
        np.where(clicked, time + rng.integers(0, HOUR, n), -1),
        clicked,
        converted,
        np.where(converted, rng.gamma(2.0, 1.0, n), 0.0),
        np.zeros(n),
        np.where(converted, time + rng.integers(0, 6 * HOUR, n), -1),
        p_click,
        p_pay,
        p_click,
        p_pay,
    )


def predictions(rng: np.random.Generator, n: int, members: int = 0) -> Predictions:
    shape = (n, members) if members else (n,)
    # Coarse, so that bids and rivals tie.
    return Predictions(
        np.round(rng.random(n), 1), np.round(rng.random(shape), 1), np.round(rng.gamma(2.0, 1.0, n), 1)
    )


def events_of(rng: np.random.Generator, offered: Offers) -> EventBatch:
    """Return pays and refunds of the clicks, some too late, in order of their arrival."""
    clicks = np.flatnonzero(offered.click_row >= 0)
    who = rng.choice(clicks, 2 * len(clicks))
    pay = rng.random(len(who)) < 0.7
    time = offered.click_time[who] + rng.integers(0, 14, len(who)) * HOUR // 2
    arrival = time + rng.integers(0, 2, len(who)) * HOUR
    made = EventBatch(
        offered.click_row[who],
        np.arange(len(who)),
        time,
        np.where(pay, Kind.PAY, Kind.REFUND).astype(np.uint8),
        np.round(rng.gamma(2.0, 1.0, len(who)), 2),
        arrival,
    )
    return made.in_order()


def room(settings: AuctionBlock, start: int = 0) -> Room:
    return Room(settings, NO_PROMOTIONS, WINDOWS, FEATURES, 3, start)


def in_stretches(
    account: Room, offered: Offers, believed: Predictions, events: EventBatch, edges: list[int]
) -> list[dict[str, Any]]:
    """Clear as a driver does: up to every stop and every edge, hearing what arrived in between."""
    rows: list[dict[str, Any]] = []
    for start, end in pairwise(edges):
        at = start
        for stop in account.stops(start, end):
            part = slice(*np.searchsorted(offered.time, [at, stop]))
            won = account.clear(offered[part], believed[part])
            account.hear(events[slice(*np.searchsorted(events.arrival, [at, stop]))])
            rows += [{name: column[k] for name, column in won.arrays().items()} for k in range(len(won))]
            at = stop
    return rows


class Slow:
    """The same auction without any cleverness."""

    def __init__(self, settings: AuctionBlock) -> None:
        self.s, self.bidder = settings, bidder_from(settings.bidder)
        n = settings.campaigns
        self.spent, self.over = [0.0] * n, [False] * n
        self.control = [self.bidder.start() for _ in range(n)]
        self.sums = [[0.0] * 5 for _ in range(n)]
        self.step = self.day = 0
        self.clicks: dict[int, dict[str, Any]] = {}

    def run(self, offered: Offers, believed: Predictions, events: EventBatch) -> list[dict[str, Any]]:
        rows, heard = [], 0
        for k in range(len(offered)):
            now = int(offered.time[k])
            while self.bidder.steps and (self.step + 1) * self.s.control_step <= now:
                edge = (self.step + 1) * self.s.control_step
                while heard < len(events) and events.arrival[heard] < edge:
                    self.hear(events, heard)
                    heard += 1
                self.act(edge)
            self.midnight(now // DAY)
            rows.append(self.offer(offered, believed, k))
        return rows

    def midnight(self, day: int) -> None:
        if day != self.day:
            self.day = day
            self.spent = [0.0 for _ in self.spent]
            self.over = [False for _ in self.over]

    def act(self, edge: int) -> None:
        self.step += 1
        self.midnight((edge - 1) // DAY)
        for c in range(self.s.campaigns):
            budget = np.inf if self.s.budget is None else self.s.budget
            past = ((edge - 1) % DAY + 1) / DAY
            step = Step(*self.sums[c], budget, budget - self.spent[c], past, self.s.control_step / DAY)
            self.control[c] = self.bidder.step(self.control[c], step)
            self.sums[c] = [0.0] * 5

    def hear(self, events: EventBatch, k: int) -> None:
        click = self.clicks.get(int(events.row[k]))
        if click is None or events.arrival[k] - click["time"] > WINDOWS.lifetime:
            return
        sums, amount = self.sums[click["campaign"]], float(events.amount[k])
        if events.kind[k] == Kind.PAY and events.time[k] - click["time"] <= WINDOWS.attribution:
            if click["paid"] is None:
                click["paid"] = int(events.time[k])
                sums[3] += 1
                sums[4] += self.s.worth if self.s.value == "pay" else 0.0
            sums[4] += 0.0 if self.s.value == "pay" else amount
        elif events.kind[k] == Kind.REFUND and click["paid"] is not None and self.s.value == "net-gmv":
            sums[4] -= amount * (0 <= events.time[k] - click["paid"] <= WINDOWS.refund)

    def offer(self, offered: Offers, believed: Predictions, k: int) -> dict[str, Any]:
        s, ids = self.s, offered.impression_id[k : k + 1]
        cvr = np.atleast_1d(believed.cvr[k])
        revenue = believed.ctr[k] * believed.amount[k]
        scale = {"conversions": believed.ctr[k], "revenue": revenue, "value": revenue * s.margin}
        worth = cvr * scale[self.bidder.of]
        c = int(offered.features[k, FEATURES.index(Feature("b", 7))]) % s.campaigns
        least = max(float(offered.rivals[k, -1]), s.reserve)
        row = {
            "won": False, "slot": -1, "price": 0.0, "bid": 0.0, "meant": 0.0, "propensity": 0.0, "least": least,
            "click_row": -1, "value": np.mean(cvr * scale["value"]),
        }  # fmt: skip
        if s.exploration.kind != "thompson":
            worth = worth[None].mean(1)
        self.sums[c][0] += 1
        if self.over[c]:
            return row
        meant, enters = self.bidder.bids(worth, self.control[c]), self.bidder.enters(self.control[c])
        bid, chance = self.explore(meant, ids, least)
        if enters < 1 and draws(ids, "auction", "exploration", 3, "enters")[0] >= enters:
            bid = 0.0
        above = sum(1 for other in offered.rivals[k] if other >= bid)
        won = above < len(s.slots) and bid > s.reserve
        price = 0.0
        if won:
            paid = max(float(offered.rivals[k, above]), s.reserve) if s.mechanism == "second-price" else bid
            price = paid * s.slots[above]
        if s.budget is not None and self.spent[c] + price > s.budget:
            self.over[c] = True
            return row
        if self.bidder.learns and bid > 0:
            self.control[c] = self.bidder.learn(self.control[c], np.array([bid]), np.array([won]))
        self.spent[c] += price
        self.sums[c][1] += won
        self.sums[c][2] += price
        row |= {
            "bid": bid,
            "meant": meant[None].mean(1)[0],
            "won": won,
            "price": price,
            "propensity": enters * chance,
        }
        if won:
            row["slot"] = above
            seen = len(s.slots) == 1 or draws(ids, "auction", "seen", 3)[0] < s.slots[above]
            if offered.click_row[k] >= 0 and seen:
                row["click_row"] = offered.click_row[k]
                self.clicks[int(offered.click_row[k])] = {
                    "time": int(offered.click_time[k]), "campaign": c, "paid": None
                }  # fmt: skip
        return row

    def explore(self, meant: np.ndarray, ids: np.ndarray, least: float) -> tuple[float, float]:
        kind, uniform = self.s.exploration.kind, lambda what: draws(ids, "auction", "exploration", 3, what)[0]
        if kind == "thompson":
            bid = float(meant[int(uniform("member") * len(meant))])
            return bid, float(np.mean([b > least for b in meant]))
        bid = float(meant[0])
        chance = float(bid > least)
        if kind != "epsilon" or bid == 0:
            return bid, chance
        rate, spread = self.s.exploration.rate, self.s.exploration.spread
        if least > 0:
            from scipy.special import ndtr

            chance = (1 - rate) * chance + rate * float(ndtr(np.log(bid / least) / spread))
        if uniform("whether") < rate:
            bid *= float(np.exp(spread * ndtri(uniform("how far"))))
        return bid, chance
