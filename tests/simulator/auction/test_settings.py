"""What is refused, in words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from simulator.auction.room import Room
from simulator.auction.settings import AuctionBlock
from simulator.calendar import NO_PROMOTIONS
from simulator.errors import ScenarioError
from simulator.log.schema import Feature
from simulator.windows import Windows


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"budget": 0}, "buys nothing; allowed: more than 0, or leave it out"),
        ({"budget": -1}, "buys nothing"),
        ({"margin": -0.1}, "bids nothing and wins nothing; allowed: above 0"),
        ({"margin": 0}, "bids nothing"),
        ({"rivals": {"bid": float("inf")}}, "finite"),
        ({"rivals": {"bid": 0}}, "greater than 0"),
        ({"rivals": {"promotion": {"level": float("inf")}}}, "finite"),
        ({"rivals": {"by_hour": [1.0, 2.0]}}, "2 factors; allowed: 24"),
        ({"rivals": {"count": 0}}, "everything is free"),
        ({"slots": [0.5]}, "the first is 1"),
        ({"slots": [1.0, 1.5]}, "none is above the one before"),
        ({"campaigns": 2}, "need campaign_by"),
        ({"exploration": "some"}, "thompson"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(written, said):
    with pytest.raises(ValidationError, match=said):
        AuctionBlock.model_validate(written)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"bidder": "truthfull"}, "unknown bidder 'truthfull'.*Did you mean 'truthful'"),
        (
            {"campaigns": 2, "campaign_by": "colour"},
            "unknown feature 'colour'; allowed: color, tags.*Did you",
        ),
        ({"campaigns": 2, "campaign_by": "tags"}, "has several ids a row"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(written, said):
    features = (Feature("color", 3), Feature("tags", 5, 2, "tags"))
    settings = AuctionBlock.model_validate(written)
    (fault,) = settings.faults(features)
    with pytest.raises((ScenarioError, ValueError), match=said) as raised:
        Room(settings, NO_PROMOTIONS, Windows(), features, 0, 0)
    assert str(raised.value) == fault


def test_all_faults_are_told_at_once():
    settings = AuctionBlock(campaigns=2, campaign_by="x", bidder="y", rivals={"context": "z"})
    assert len(list(settings.faults((Feature("color", 3),)))) == 3
    assert list(AuctionBlock(campaign_by="x").faults(())) == []


def test_exploration_has_a_short_form():
    assert AuctionBlock.model_validate({"exploration": "epsilon"}).exploration.kind == "epsilon"
