"""Sales whose opening is not certain: the evidence net, averaged over when they may open."""

from __future__ import annotations

import copy
from collections.abc import MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from learners.settlement.evidence.layout import FORGOTTEN, NOTICED, OpenClicks
from learners.settlement.evidence.net import EvidenceNet
from learners.settlement.evidence.onsets import Onsets
from simulator.log.schema import Bool, Float64
from simulator.units import HOUR

if TYPE_CHECKING:
    from learners.settlement.evidence.parameters import NetParameters

NODES = 7
"""Onsets that stand for all; odd, so that the announced one is among them. With a sale that may open 6 h earlier or
later they are 1.7 h apart: closer than a usual segment is long."""

IMPOSSIBLE = -30.0
"""Logarithm of the chance below which an opening is left out of the sum, and costs nothing."""


class UncertainNet(EvidenceNet):
    """P(pays | open at now, state) = sum over onsets k of w_k sigmoid(z + G_k(state, z)), G_k the net if sales open at k.

    So shift(state) = logit(that sum) - z, and all that asks a net asks this one alike. Every G_k is continuous in
    ``now``, hence the sum is: where one calendar switches at once, this one switches opening by opening. The weights w are
    the chances of `learners.settlement.evidence.onsets`: they move only at segment ends, by what the segment has shown.

    Parameters
    ----------
    net : as fitted; its weights are shared, its layout has the sales as announced.
    known : how many sales have opened for certain when announced; the later ones may open otherwise.
    onsets : of those; the first of their offsets must be 0.
    """

    onsets: Onsets

    def __init__(self, net: EvidenceNet, known: int, onsets: Onsets) -> None:
        offsets = onsets.offsets
        if not offsets or offsets[0] != 0:
            raise ValueError(f"the first opening must be the announced one, 0 h later, not {list(offsets)}")
        vars(self).update(vars(net))
        self.onsets = onsets
        self._announced = net
        self._moved = [moved(net, known, offset) for offset in offsets[1:]]
        self._touched = [
            (opening + min(offsets) - max(NOTICED, net.layout.window), end + max(offsets) + FORGOTTEN)
            for opening, end in net.layout.sales[known:]
        ]

    def shift(self, clicks: OpenClicks) -> Float64:
        """Return what the state of open clicks adds to their logits."""
        shifts = self._announced.shift(clicks)
        near = np.flatnonzero(self.touched(clicks))
        if not self._moved or not len(near):
            return shifts
        some = clicks[near]
        chances = self.onsets.log_chances(some.click)
        likely = np.flatnonzero(chances.max(axis=1) > IMPOSSIBLE)
        found = [shifts[near] if k == 0 else self._moved[k - 1].shift(some) for k in likely]
        shifts[near] = mixed(some.logit + np.stack(found), chances[likely]) - some.logit
        return shifts

    def each(self, clicks: OpenClicks) -> Float64:
        return np.stack([clicks.logit + net.shift(clicks) for net in (self._announced, *self._moved)])

    def touched(self, clicks: OpenClicks) -> Bool:
        """Tell which clicks an uncertain sale says something of: for the others all onsets give the same numbers."""
        near = np.zeros(len(clicks), bool)
        for begin, end in self._touched:
            near |= (clicks.click > begin) & (clicks.click < end)
        return near


def believed(
    net: EvidenceNet, parameters: NetParameters, since: int, shared: MutableMapping[object, Any]
) -> EvidenceNet:
    """Return a fitted net as it is to be asked of sales that open at ``since`` (microseconds) or later.

    Where their onsets are announced right and for certain, that is the net itself.

    Parameters
    ----------
    shared : what the parts of a method have in common; nets that are told the same have one set of chances.
    """
    sales = net.layout.sales
    known = sum(opening < since / HOUR for opening, _ in sales)
    if known == len(sales):
        return net
    if parameters.calendar_error:
        net = moved(net, known, parameters.calendar_error / HOUR)
    if not parameters.calendar_uncertainty:
        return net
    key = ("onsets", net.layout.sales[known:], parameters.calendar_uncertainty)
    if key not in shared:
        shared[key] = Onsets(net.layout.sales[known:], offsets(parameters.calendar_uncertainty / HOUR))
    return UncertainNet(net, known, shared[key])


def offsets(most: float, nodes: int = NODES) -> list[float]:
    """Return equally likely offsets that stand for all from ``-most`` to ``most``, that of 0 first.

    They are the middles of ``nodes`` equal parts: what only bounds are given for is uniform.
    """
    middles = most * (2 * np.arange(nodes) + 1 - nodes) / nodes
    return [float(middle) for middle in sorted(middles, key=abs)]


def mixed(logits: Float64, log_weights: Float64) -> Float64:
    """Return the logit of the weighted mean probability, over the first axis; exact in both tails."""
    yes = np.logaddexp.reduce(log_weights - np.logaddexp(0, -logits), axis=0)
    no = np.logaddexp.reduce(log_weights - np.logaddexp(0, logits), axis=0)
    mean: Float64 = yes - no
    return mean


def moved(net: EvidenceNet, known: int, hours: float) -> EvidenceNet:
    """Return the net with the same weights, all sales but the first ``known`` opening and ending ``hours`` later."""
    sales = net.layout.sales
    later = tuple((opening + hours, end + hours) for opening, end in sales[known:])
    other = copy.copy(net)
    other.layout = replace(net.layout, sales=(*sales[:known], *later))
    return other
