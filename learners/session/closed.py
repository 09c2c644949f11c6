"""A run with auctions: every method in its own world, and the books of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from learners.session.bidding import beliefs, usual_amount
from learners.session.ledgers import ledger_of
from learners.session.plan import Plan
from simulator.auction.books import Books
from simulator.auction.offers import Market, Offers
from simulator.auction.room import Room
from simulator.auction.settings import AuctionBlock
from simulator.auction.worth import Predictions as Believed
from simulator.auction.worth import oracle
from simulator.engine import Engine
from simulator.evaluation.tasks import judged_on_clicks
from simulator.learning import Advisor, Predictions
from simulator.log.source import Source
from simulator.log.won import WonLog
from simulator.pipeline.closed import ClosedLoop, Side

ORACLE = "oracle-bidder"
"""Who bids with what features tell in truth, and learns nothing."""


def books_of(plan: Plan, settings: AuctionBlock, wins: Path | None) -> Books:
    """Return empty books for a run."""
    ledgers = {
        m.name: ledger_of(plan, {m.name: judged_on_clicks(m.link.tasks, plan.log.meta.truth)})
        for m in plan.methods
    }
    oracle = ORACLE if plan.log.has_exposure else ""
    return Books(settings, plan.calendar, plan.windows, bidders(plan), ledgers, wins, oracle)


def bidders(plan: Plan) -> list[str]:
    """Return who bids: the methods and, where the truth is known, who knows it."""
    known = [ORACLE] if plan.log.has_exposure else []
    return [*(m.name for m in plan.methods), *known]


def closed_loop(
    plan: Plan,
    settings: AuctionBlock,
    books: Books,
    make_engine: Callable[[str, Source, Mapping[str, Advisor]], Engine],
) -> ClosedLoop:
    """Return the loop of a run's methods, ``make_engine`` builds the engine of one over its own source."""
    line, log, windows = plan.timeline, plan.log, plan.windows
    market = Market(
        log, settings, plan.calendar, windows, plan.scenario.seed, line.stream_start, line.stream_end
    )

    def side(believes: Callable[[Offers, Predictions], Believed], policy: str) -> Side:
        room = Room(settings, plan.calendar, windows, log.features, plan.scenario.seed, line.stream_start)
        return Side(room, believes, policy, WonLog(log.features))

    usual = usual_amount(settings, log, windows, line.history_start, line.history_end)
    believes = beliefs(settings, usual)
    sides = {m.name: side(believes, plan.policy_of[m.name]) for m in plan.methods}
    if log.has_exposure:
        sides[ORACLE] = side(partial(_knows, beliefs(settings, usual)), "")
    return ClosedLoop(
        plan.source,
        windows,
        market,
        sides,
        make_engine,
        books,
        start=plan.replay_start,
        stream=line.stream_start,
        end=line.stream_end,
        periods=[line.segment, *(plan.settings_of(m)["publish_every"] for m in plan.methods)],
        before=settings.history != "none",
        lost=plan.lost,
        ahead=any(policy.peeks for policy in plan.policies.values()),
        batch_rows=plan.scenario.engine.reader_batch,
    )


def _knows(
    believes: Callable[[Offers, Predictions], Believed], offers: Offers, served: Predictions
) -> Believed:
    del served
    return oracle(offers, believes(offers, {"cvr": offers.q1, "ctr": offers.c}))
