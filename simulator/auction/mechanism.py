"""Who wins an impression and what it costs, and how far a budget reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.auction.settings import AuctionBlock
from simulator.log.schema import Bool, Columns, Float64, Int8

LOST = -1


@dataclass(slots=True)
class Cleared(Columns):
    """What came of bids: the slot won (-1: none), and what it costs (0 where nothing was won)."""

    slot: Int8
    price: Float64


def least(rivals: Float64, settings: AuctionBlock) -> Float64:
    """Return above which bid something is won: the last slot's rival, or the reserve; shape (n,)."""
    bound: Float64 = np.maximum(rivals[:, -1], settings.reserve)
    return bound


def clear(bids: Float64, rivals: Float64, settings: AuctionBlock) -> Cleared:
    """Clear one auction an impression.

    The best bids get the slots in their order; ties are lost, and so is what is not above the reserve. A bid is for an
    impression in the first slot; a slot that fewer see costs that much less. Under second price the slot's winner pays the
    best bid below his (or the reserve), under first price his own.

    Parameters
    ----------
    bids : ours; shape (n,).
    rivals : the best ones of others, best first; shape (n, slots).
    """
    second = settings.mechanism == "second-price"
    if len(settings.slots) == 1:
        bound = least(rivals, settings)
        won = bids > bound
        price = np.where(won, bound if second else bids, 0.0)
        return Cleared(np.where(won, 0, LOST).astype(np.int8), price)
    above = (rivals >= bids[:, None]).sum(1)
    won = (above < rivals.shape[1]) & (bids > settings.reserve)
    slot = np.where(won, above, 0)
    paid = np.maximum(rivals[np.arange(len(bids)), slot], settings.reserve) if second else bids
    price = np.where(won, paid * np.array(settings.slots)[slot], 0.0)
    return Cleared(np.where(won, slot, LOST).astype(np.int8), price)


def within(price: Float64, spent: float, budget: float) -> tuple[Bool, float]:
    """Tell what is bought in time, and what is spent then: nothing from the first purchase on that the budget does not cover.

    Parameters
    ----------
    price : of what would be bought, in order of time; 0 where nothing would be.
    spent : before the first of them.
    """
    total = np.cumsum(np.concatenate([[spent], price]))
    bought: Bool = total[1:] <= budget
    return bought, float(total[int(bought.sum())])
