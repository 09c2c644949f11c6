"""What predictions cost that are bid with: value = CVR x amount x margin, click by click, from ``predictions.parquet``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from simulator.errors import RunError
from simulator.log.schema import Float64, Int64
from simulator.verdict.bidding import Auction
from simulator.verdict.losses import Losses
from simulator.verdict.measured import Measured
from simulator.verdict.settings import MoneyBlock

MONEY = ("cvr", "netcvr")
"""Tasks whose predictions are bid with."""
THOUSAND = 1000.0
_COLUMNS = ("time", "converted", "refunded", "gmv")
_TRUTH = ("p_pay", "p_refund")


@dataclass(frozen=True, slots=True)
class Bids:
    """What bids lost, by method summed over each cell, shape (cells,), and at which prices.

    Parameters
    ----------
    over, under : by bids above and below the best one.
    profit : what they brought.
    clicks : in each cell.
    known : whether values are the world's own; else each prediction, recalibrated in its cell, stands for them: then only
        miscalibration has a price.
    amount, value, rival : of a conversion, of a click in the mean, and the median of the highest rival bid.
    """

    over: Mapping[str, Float64]
    under: Mapping[str, Float64]
    profit: Mapping[str, Float64]
    clicks: Float64
    known: bool
    amount: float
    value: float
    rival: float


@dataclass(frozen=True, slots=True)
class _Part:
    """Some clicks: the cell of each, whether it converted, the chance that it did (None: not known), its predictions."""

    cell: Int64
    label: Float64
    paid: Float64
    truth: Float64 | None
    served: Mapping[str, Float64]


def money_losses(
    path: Path | None, measured: Measured, methods: Sequence[str], task: str, money: MoneyBlock
) -> tuple[Losses, Bids] | None:
    """Return what methods lose for a thousand clicks where the truth is known (else minus what they gain), and how; None where
    nothing was paid, so that no click has a value.

    Raises
    ------
    RunError : the run wrote no predictions.
    """
    if path is None or not path.is_file():
        raise RunError(
            f"{path or 'predictions.parquet'}: is not there, and money is told from predictions; "
            "run with output.predictions = true, or ask for another goal"
        )
    converted = gained = chance = rows = 0.0
    known = True
    for part in _parts(path, measured, (), task):
        converted, gained = converted + part.label.sum(), gained + (part.paid * part.label).sum()
        known = known and part.truth is not None
        chance += (part.label if part.truth is None else part.truth).sum()
        rows += len(part.label)
    amount = money.amount or (gained / converted if converted else math.nan)
    value = amount * money.margin * chance / rows if rows else math.nan
    rival = money.rival or value
    if not rival > 0:
        return None
    found = _bid(
        path, measured, methods, task, Auction(money.mechanism, rival, money.spread), amount * money.margin
    )
    bids = Bids(*found, known=known, amount=amount, value=value, rival=rival)
    if known:
        total = {m: THOUSAND * (bids.over[m] + bids.under[m]) for m in methods}
        return Losses(total, bids.clicks), bids
    return Losses({m: -THOUSAND * bids.profit[m] for m in methods}, bids.clicks, sign=-1.0), bids


def _bid(
    path: Path, measured: Measured, methods: Sequence[str], task: str, auction: Auction, worth: float
) -> tuple[dict[str, Float64], dict[str, Float64], dict[str, Float64], Float64]:
    """Bid for every click; ``worth`` is what a certain conversion may cost."""
    cells = len(measured.start)
    over, under, profit = ({m: np.zeros(cells) for m in methods} for _ in range(3))
    clicks = np.zeros(cells)
    for part in _parts(path, measured, methods, task):
        clicks += np.bincount(part.cell, minlength=cells)
        for method in methods:
            bid = auction.bid(part.served[method] * worth)
            if part.truth is None:
                with np.errstate(divide="ignore", invalid="ignore"):
                    off = measured.values[method, "sum_prediction"] / measured.values[method, "sum_label"]
                right = part.served[method] / np.where(np.isfinite(off) & (off > 0), off, 1.0)[part.cell]
            else:
                right = part.truth
            best = auction.bid(right * worth)
            lost = auction.profit(best, right * worth) - auction.profit(bid, right * worth)
            won = auction.profit(bid, (part.label if part.truth is None else part.truth) * worth)
            for into, what in (
                (over, np.where(bid > best, lost, 0.0)),
                (under, np.where(bid > best, 0.0, lost)),
                (profit, won),
            ):
                into[method] += np.bincount(part.cell, what, cells)
    return over, under, profit, clicks


def _parts(path: Path, measured: Measured, methods: Sequence[str], task: str) -> Iterator[_Part]:
    """Read the predictions of a run piece by piece."""
    file = pq.ParquetFile(path)
    truth = [name for name in _TRUTH if name in file.schema_arrow.names]
    needs = _TRUTH if task == "netcvr" else _TRUTH[:1]
    columns = [*_COLUMNS, *truth, *(f"{m}.{task}" for m in methods)]
    for batch in file.iter_batches(columns=columns):
        found = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in columns}
        stays, chance = found["converted"].astype(np.float64), None
        if set(needs) <= set(truth):
            chance = found["p_pay"]
        if task == "netcvr":
            stays = stays * ~found["refunded"].astype(np.bool_)
            chance = None if chance is None else chance * (1.0 - found["p_refund"])
        cell = np.searchsorted(measured.start, found["time"], side="right") - 1
        yield _Part(cell, stays, found["gmv"], chance, {m: found[f"{m}.{task}"] for m in methods})
