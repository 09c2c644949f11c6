"""The books of a run with auctions: who won what, what it earned, and how predictions do on what was won."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.auction.account import Account
from simulator.auction.judged import Judged
from simulator.auction.money import Money, money_section
from simulator.auction.paired import foretold, lost
from simulator.auction.told import with_account
from simulator.auction.wins import WinsFile
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.meters import Section
from simulator.evaluation.results import Results
from simulator.evaluation.selection import Selection
from simulator.log.schema import Bool

if TYPE_CHECKING:
    from simulator.auction.heard import Conversions
    from simulator.auction.offers import Offers
    from simulator.auction.room import Won
    from simulator.auction.settings import AuctionBlock
    from simulator.calendar import Calendar
    from simulator.windows import Windows


class Books:
    """Keeps the books of all bidders.

    Parameters
    ----------
    ledgers : of each method alone, for its predictions on what it won.
    wins : where to write down what was won, or None.
    oracle : the bidder who knows the truth, of all; empty where nobody does.
    """

    def __init__(
        self,
        settings: AuctionBlock,
        calendar: Calendar,
        windows: Windows,
        bidders: Sequence[str],
        ledgers: Mapping[str, Ledger],
        wins: Path | None,
        oracle: str = "",
    ) -> None:
        self._money, self._oracle = Money(settings, calendar), oracle
        self._accounts = {name: Account(settings, calendar) for name in bidders}
        self._judged = Judged(settings, windows, bidders[0]) if Judged.can(settings) else None
        self._settings = settings
        self._file = None if wins is None else WinsFile(wins, list(bidders), settings.control_step)
        self.selection = Selection(ledgers)

    def own(self, bidder: str, row: int, own: Bool) -> None:
        """Enter which of consecutive clicks of the log are in a bidder's world."""
        self.selection.own(bidder, row, own)

    def cleared(self, bidder: str, offers: Offers, won: Won) -> None:
        """Enter what a bidder won of offers."""
        self._money.add(bidder, offers, won)
        self._accounts[bidder].add(offers, won)
        if self._judged is not None:
            self._judged.add(bidder, offers, won)
        if self._file is not None:
            self._file.write(bidder, offers, won)

    def heard(self, bidder: str, conversions: Conversions) -> None:
        """Enter what a bidder heard of what it won."""
        self._accounts[bidder].heard(conversions)

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()

    def conclude(self, offered: Results) -> tuple[dict[str, Any], Section]:
        """Return what the summary and the report say, given the results on all that was offered."""
        everything = offered.overall()
        selection = {}
        for name, own in self.selection.finish().items():
            table, phases = own.overall()[name], own.by_phase()
            selection[name] = {
                task: {
                    "won": {**of.values, "rows": of.rows},
                    "offered": {**everything[name][task].values, "rows": everything[name][task].rows},
                    "phases": {
                        phase: {**by[name][task].values, "rows": by[name][task].rows}
                        for phase, by in phases.items()
                    },
                }
                for task, of in table.items()
            }
        money = self._money.summary()
        told = {
            "mechanism": self._settings.mechanism,
            "value": self._settings.value,
            "budget": self._settings.budget,
            "money": money,
            "selection": selection,
            "accounts": {name: account.summary() for name, account in self._accounts.items()},
            "lost": self._lost(money, offered.scale.get("cvr", (None, None))[1]),
            "off_policy": None if self._judged is None else self._judged.summary(),
            "foretold": self._foretold(money, everything),
            "troubles": {n: said for n, account in self._accounts.items() if (said := account.trouble())},
        }
        return told, with_account(money_section(money, selection), told)

    def _lost(self, money: Mapping[str, Any], told: str | None) -> dict[str, dict[str, float]]:
        """Return what each bidder lost to delay, estimation and pacing, in truth; ``told``: who is told at once."""
        if self._oracle not in money:
            return {}
        earned = {name: of["all"]["expected_profit"] for name, of in money.items()}
        best, budget = earned[self._oracle], self._accounts[self._oracle].clairvoyant()
        clairvoyant = None if budget is None else budget["profit"]
        return {
            name: asdict(lost(profit, earned.get(told or "", profit), best, clairvoyant))
            for name, profit in earned.items()
            if name != self._oracle
        }

    def _foretold(self, money: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, float]:
        """Return how far losses on all that was offered foretell profit: Kendall's tau over methods."""
        profit = {name: of["all"]["profit"] for name, of in money.items() if name != self._oracle}
        judged = {name: tasks["cvr"].values for name, tasks in table.items() if "cvr" in tasks}
        losses = {m: {n: of[m] for n, of in judged.items() if m in of} for m in ("nll", "regret_nll")}
        return {metric: foretold(loss, profit) for metric, loss in losses.items()}
