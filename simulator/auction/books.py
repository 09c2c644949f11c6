"""The books of a run with auctions: who won what, what it earned, and how predictions do on what was won."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.auction.money import Money, money_section
from simulator.auction.wins import WinsFile
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.meters import Section
from simulator.evaluation.results import Results
from simulator.evaluation.selection import Selection
from simulator.log.schema import Bool

if TYPE_CHECKING:
    from simulator.auction.offers import Offers
    from simulator.auction.room import Won
    from simulator.auction.settings import AuctionBlock
    from simulator.calendar import Calendar


class Books:
    """Keeps the books of all bidders.

    Parameters
    ----------
    ledgers : of each method alone, for its predictions on what it won.
    wins : where to write down what was won, or None.
    """

    def __init__(
        self,
        settings: AuctionBlock,
        calendar: Calendar,
        bidders: Sequence[str],
        ledgers: Mapping[str, Ledger],
        wins: Path | None,
    ) -> None:
        self._money = Money(settings, calendar)
        self._settings = settings
        self._file = None if wins is None else WinsFile(wins, list(bidders), settings.control_step)
        self.selection = Selection(ledgers)

    def own(self, bidder: str, row: int, own: Bool) -> None:
        """Enter which of consecutive clicks of the log are in a bidder's world."""
        self.selection.own(bidder, row, own)

    def cleared(self, bidder: str, offers: Offers, won: Won) -> None:
        """Enter what a bidder won of offers."""
        self._money.add(bidder, offers, won)
        if self._file is not None:
            self._file.write(bidder, offers, won)

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
        }
        return told, money_section(money, selection)
