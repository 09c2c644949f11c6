"""``[auction]``: who bids for the impressions of a world, by which rules, for what, and with how much money."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt, model_validator

from simulator.errors import ScenarioError, unknown
from simulator.log.schema import Feature
from simulator.scenario.base import Block
from simulator.units import Period

Mechanism = Literal["second-price", "first-price"]
Value = Literal["pay", "gmv", "net-gmv"]


def _buys_something(budget: float | None) -> float | None:
    if budget is not None and budget <= 0:
        raise ValueError("buys nothing; allowed: more than 0, or leave it out for no limit")
    return budget


def _earns(margin: float) -> float:
    if margin <= 0:
        raise ValueError(
            "whoever earns nothing, or loses, on what he sells bids nothing and wins nothing; allowed: above 0"
        )
    return margin


def _falling(effects: tuple[float, ...]) -> tuple[float, ...]:
    if not effects or effects[0] != 1 or any(b > a or b <= 0 for a, b in pairwise(effects)):
        raise ValueError(
            "write how many of those who see the first slot see each: the first is 1, none is above the one before, "
            "none is 0 ([1.0, 0.6, 0.4])"
        )
    return effects


def _by_hour(factors: tuple[float, ...]) -> tuple[float, ...]:
    if len(factors) not in (0, 24):
        raise ValueError(f"{len(factors)} factors; allowed: 24, one an hour of the local day, or none")
    return factors


class PhaseBlock(Block):
    """``[auction.rivals.PHASE]``: the rivals in one phase of the promotion calendar."""

    level: PositiveFloat = 1.0
    """Their bids as a multiple of ``rivals.bid``."""
    spread: Annotated[float, Field(ge=0, le=5)] | None = None
    """Standard deviation of the logarithm of a bid; default: ``rivals.spread``."""


class RivalsBlock(Block):
    """``[auction.rivals]``: ``count`` rivals bid log-normally for every impression, each for himself."""

    count: Annotated[int, Field(ge=0, le=1000)] = 5
    """How many; with none the reserve is the only price."""
    bid: PositiveFloat = 0.005
    """Median bid of one rival, in money for one impression."""
    spread: Annotated[float, Field(ge=0, le=5)] = 0.8
    """Standard deviation of the logarithm of a bid."""
    by_hour: Annotated[tuple[PositiveFloat, ...], AfterValidator(_by_hour)] = ()
    """Factors of the bids by hour of the local day; none: alike."""
    context: str = ""
    """A feature whose ids have a landscape of their own each; none: all impressions are alike to rivals."""
    context_spread: Annotated[float, Field(ge=0, le=5)] = 0.5
    """Standard deviation of the logarithm of the ids' factors."""
    before: PhaseBlock = PhaseBlock()
    """Their bids in ordinary times."""
    anticipation: PhaseBlock = PhaseBlock(level=1.5)
    """Their bids before a sale."""
    promotion: PhaseBlock = PhaseBlock(level=2.0)
    """Their bids during a sale."""
    after: PhaseBlock = PhaseBlock()
    """Their bids after a sale."""
    rising: bool = True
    """Whether bids rise through the anticipation, from the level before it to its own, or jump."""


class ExplorationBlock(Block):
    """``[auction.exploration]``: how bids deviate from what is believed best, so that more is learnt of."""

    kind: Literal["none", "epsilon", "thompson"] = "none"
    """"epsilon": some bids are moved by a random factor; "thompson": each impression is valued by one member, drawn at
    random, of the method's predictions."""
    rate: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Of "epsilon": the share of bids that are moved."""
    spread: Annotated[float, Field(gt=0, le=5)] = 1.0
    """Of "epsilon": standard deviation of the logarithm of the factor."""


class LoggerBlock(Block):
    """``[auction.logger]``: the bidder who bid before the stream, where ``history = "won"``. It bids truthfully, with the true
    click rate and the mean conversion rate, times a log-normal factor.
    """

    feature: str = ""
    """The feature by whose ids the factor is drawn, so that it overrates some and hardly knows others; none: an impression has
    its own."""
    spread: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Standard deviation of the logarithm of the factor."""


class AuctionBlock(Block):
    """``[auction]``: predictions bid for the impressions of the log, and a method hears of those alone that it won."""

    mechanism: Mechanism = "second-price"
    """What the winner pays: the best bid below his, or his own."""
    reserve: Annotated[float, Field(ge=0)] = 0.0
    """Bids up to here win nothing."""
    rivals: RivalsBlock = RivalsBlock()
    """Who else bids."""
    slots: Annotated[tuple[float, ...], AfterValidator(_falling)] = (1.0,)
    """How many of those who see the first slot see each; bids and prices are for the first, lower slots cost that much less."""
    value: Value = "pay"
    """What is bought: pays, each worth ``worth``; what is paid; or what is paid and not returned."""
    worth: PositiveFloat = 1.0
    """Money that a pay is worth, where ``value`` is "pay"."""
    margin: Annotated[float, AfterValidator(_earns)] = 1.0
    """The part of the value that is earned."""
    budget: Annotated[float | None, AfterValidator(_buys_something)] = None
    """What a campaign may spend on a local day; default: as much as it likes."""
    campaigns: PositiveInt = Field(default=1, le=100)
    """Into how many campaigns the account falls, each with its own budget and controller."""
    campaign_by: str = ""
    """The feature whose ids, counted round, tell the campaigns apart."""
    bidder: str | dict[str, Any] = "truthful"
    """How values become bids (ls bidders): a name, or a table with ``kind`` and its parameters."""
    ctr: Literal["true", "model"] = "true"
    """Whose click rate is bid with: that which features tell in truth, or the method's."""
    exploration: Annotated[
        ExplorationBlock,
        BeforeValidator(
            lambda v: {"kind": v} if isinstance(v, str) else v,
            json_schema_input_type=Literal["none", "epsilon", "thompson"] | ExplorationBlock,
        ),
    ] = ExplorationBlock()
    """How bids deviate from what is believed best: a name, or a table."""
    control_step: Period = "15m"  # type: ignore[assignment]
    """How often pacing and controllers act."""
    history: Literal["all", "won", "none"] = "all"
    """What methods know of the time before the stream: everything; what the bidder of ``logger`` won; or nothing (they begin
    with random values)."""
    logger: LoggerBlock = LoggerBlock()
    """Who bid before the stream, where ``history`` is "won"."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.campaigns > 1 and not self.campaign_by:
            raise ValueError(
                f"{self.campaigns} campaigns need campaign_by, the feature that tells them apart"
            )
        if self.mechanism == "second-price" and not self.rivals.count and not self.reserve:
            raise ValueError("without rivals and without a reserve everything is free; give one of them")
        return self

    def faults(self, features: tuple[Feature, ...]) -> Iterator[str]:
        """Yield what is wrong with the bidder and the features that are named, for a log that has these."""
        from simulator.auction.bidders.registry import (
            bidder_from,
        )  # bidders are looked up only where there is an auction

        try:
            bidder_from(self.bidder)
        except ScenarioError as error:
            yield from error.faults
        for name, key in (
            (self.rivals.context, "auction.rivals.context"),
            (self.logger.feature, "auction.logger.feature"),
            (self.campaign_by if self.campaigns > 1 else "", "auction.campaign_by"),
        ):
            try:
                if name:
                    self.column(name, key, features)
            except ValueError as error:
                yield str(error)

    def column(self, name: str, key: str, features: tuple[Feature, ...]) -> int:
        """Return the column of a feature that is named at ``key``.

        Raises
        ------
        ValueError : there is no such feature, or it has several ids a row.
        """
        begin = 0
        for feature in features:
            if feature.name == name:
                if feature.tags:
                    raise ValueError(f"{key} = {name!r}: has several ids a row; name a feature that has one")
                return begin
            begin += feature.width
        raise ValueError(f"{key}: {unknown('feature', name, [feature.name for feature in features])}")
