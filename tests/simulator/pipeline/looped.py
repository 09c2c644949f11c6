"""One replay of a small random log, open or closed, with learners that write down what they hear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from simulator.auction.heard import Conversions
from simulator.auction.offers import Market, Offers
from simulator.auction.room import Room, Won
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions
from simulator.calendar import NO_PROMOTIONS
from simulator.engine import Engine
from simulator.learning import Predictions as Served
from simulator.log.memory import MemoryLog
from simulator.log.schema import Bool, Float64, Int64
from simulator.log.without import NOTHING, Lost
from simulator.log.won import WonLog
from simulator.pipeline import MethodRun, Pipeline, Stream
from simulator.pipeline.closed import ClosedLoop, Side
from simulator.pipeline.shown import ShownImpressions
from simulator.policies import policy_from
from simulator.policies.base import Policy
from simulator.randomness import draws
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.doubles import Adder, Guestbook
from tests.simulator.shown import told_log

WINDOWS = Windows(DAY, 0, click=30 * MINUTE)
START, END, SEGMENT = 2 * DAY, 4 * DAY, 6 * HOUR
WORLD = told_log(5, WINDOWS, clicks=600, days=5)
POLICIES = {"delay": "elapsed-time", "settled": "posterior-settlement", "told": "oracle", "silent": "never"}


class Pupil(Adder):
    """Predicts between 0 and 1 by all that it has learned, and writes that down."""

    def __init__(self) -> None:
        super().__init__()
        self.meals: list[object] = []

    def learn(self, samples):
        self.meals.append(samples)
        super().learn(samples)

    def ask(self, question):
        found = super().ask(question)
        if "cvr" not in found:
            return {**found, "start": found["evidence"] * 0, "network": found["evidence"] * 0,
                    "prior": question.known["logit"]}  # fmt: skip
        return {"cvr": draws(found["cvr"].astype(np.int64), "pupil")}


@dataclass
class Decisions:
    """A watcher that keeps what it is told."""

    owned: dict[str, list[tuple[int, Bool]]] = field(default_factory=dict)
    won: dict[str, list[tuple[Offers, Won]]] = field(default_factory=dict)
    arrived: dict[str, list[Conversions]] = field(default_factory=dict)

    def own(self, bidder: str, row: int, own: Bool) -> None:
        self.owned.setdefault(bidder, []).append((row, own))

    def cleared(self, bidder: str, offers: Offers, won: Won) -> None:
        self.won.setdefault(bidder, []).append((offers, won))

    def heard(self, bidder: str, conversions: Conversions) -> None:
        self.arrived.setdefault(bidder, []).append(conversions)

    def places(self, bidder: str) -> Int64:
        return np.concatenate([offers.place[won.won] for offers, won in self.won[bidder]])

    def column(self, bidder: str, name: str) -> Float64:
        return np.concatenate([getattr(won, name) for _, won in self.won[bidder]])


@dataclass
class Altered:
    """A market that offers something else."""

    market: Market
    altered: Callable[[Offers], Offers]

    def take(self, until: int) -> Offers:
        return self.altered(self.market.take(until))


@dataclass
class Replayed:
    audience: Guestbook
    pupils: dict[str, Pupil]
    decisions: Decisions


def by_cvr(offers: Offers, served: Served) -> Predictions:
    """Everything is worth its conversion rate."""
    return Predictions(np.ones(len(offers)), np.asarray(served["cvr"]), np.ones(len(offers)))


def replayed(
    auction: AuctionBlock | None = None,
    names=tuple(POLICIES),
    *,
    log: MemoryLog = WORLD,
    workers: int = 2,
    publish_every: int = SEGMENT,
    end: int = END,
    altered: Callable[[Offers], Offers] = lambda offers: offers,
    lost: Lost = NOTHING,
) -> Replayed:
    """Replay the methods of these names; each listens to impressions as well.

    What the market offers is ``altered`` before anybody bids.
    """
    policies: dict[str, Policy] = {
        f"{kind}@{name}": policy_from(kind, {}) for name, kind in POLICIES.items() if name in names
    }
    pupils = {name: Pupil() for name in names}
    methods = [
        MethodRun(name, f"{POLICIES[name]}@{name}", pupils[name], 50, publish_every, listens="impressions",
                  judged_on_impressions=True)
        for name in names
    ]  # fmt: skip
    decisions, audience = Decisions(), Guestbook()
    engine_of = partial(Engine, start=START - DAY, stream_start=START, features=True, exposures=True)
    loop = None
    if auction is not None:
        sides = {
            m.name: Side(
                Room(auction, NO_PROMOTIONS, WINDOWS, log.features, 3, START),
                by_cvr,
                m.policy,
                WonLog(log.features),
            )
            for m in methods
        }
        keys = {m.name: m.policy for m in methods}
        loop = ClosedLoop(
            log,
            WINDOWS,
            Altered(Market(log, auction, NO_PROMOTIONS, WINDOWS, 3, START, end), altered),
            sides,
            lambda name, source, advisors: engine_of(
                source, WINDOWS, {keys[name]: policies[keys[name]]}, advisors=advisors
            ),
            decisions,
            start=START - DAY,
            stream=START,
            end=end,
            periods=(SEGMENT, publish_every),
            before=auction.history != "none",
            lost=lost,
            ahead="told" in names,
        )
    pipeline = Pipeline(
        lambda advisors: (
            engine_of(log, WINDOWS, policies, advisors=advisors)
            if loop is None
            else Engine(log, WINDOWS, {}, start=START - DAY, features=True)
        ),
        methods,
        Stream(START, end, SEGMENT, HOUR, 6 * DAY),
        audience,
        shown=ShownImpressions(log, WINDOWS, START, end),
        workers=workers,
        loop=loop,
    )
    pipeline.run()
    return Replayed(audience, pupils, decisions)
