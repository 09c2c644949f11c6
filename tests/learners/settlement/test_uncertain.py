"""Uncertain onsets: the mean over calendars, one pass where none differs, and which sales an error moves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from learners.auxiliary import AUXILIARIES
from learners.history import History
from learners.materials import Materials
from learners.offsets import OFFSETS
from learners.settlement.evidence.fit import evidence_net
from learners.settlement.evidence.layout import DENSE, FORGOTTEN, NOTICED, Layout, OpenClicks
from learners.settlement.evidence.net import EvidenceNet
from learners.settlement.evidence.onsets import Onsets
from learners.settlement.evidence.uncertain import UncertainNet, believed, mixed, moved, offsets
from simulator.calendar import Calendar, Promotion
from simulator.errors import ScenarioError
from simulator.randomness import generator
from simulator.units import DAY, HOUR, format_duration, parse_signed_duration

SALES = ((200.0, 224.0), (600.0, 648.0))
LAYOUT = Layout(72.0, SALES, carts=True, fields=DENSE)
SINCE = 400 * HOUR


def open_clicks(n, rng, click=None, now=None) -> OpenClicks:
    click = rng.uniform(0, 1000, n) if click is None else click
    now = click + rng.uniform(0, 71.9, n) if now is None else np.broadcast_to(np.asarray(now, float), n)
    cart = np.where(rng.random(n) < 0.4, click + rng.random(n) * (now - click), np.inf)
    dense = rng.normal(0, 1, (n, len(DENSE))).astype(np.float32)
    return OpenClicks(click, now, cart, rng.normal(-2, 1, n), dense)


def some_net(layout=LAYOUT, like=None) -> EvidenceNet:
    """A net that says something of everything, without having learnt it; with the numbers of another one's scale."""
    net = EvidenceNet(layout, (16, 16), torch.Generator().manual_seed(7))
    net.standardise(layout.numbers(open_clicks(5_000, generator(1, "standard"))))
    if like is not None:
        net._mean, net._scale = like._mean, like._scale
    with torch.no_grad():
        net._stack[-1].weight.normal_(0, 0.5, generator=torch.Generator().manual_seed(8))
    return net


def parameters(**given):
    return OFFSETS.find("calendar")(**given)


def asked(net, since=SINCE, **given) -> EvidenceNet:
    """The net as it is asked by a method of its own."""
    return believed(net, parameters(**given), since, {})


def test_a_mixture_of_one_opening_or_of_no_width_is_the_net_itself():
    net, clicks = some_net(), open_clicks(3_000, generator(2, "one"))
    assert asked(net) is net
    assert asked(net, 700 * HOUR, calendar_uncertainty="6h") is net
    one = UncertainNet(net, 1, Onsets(SALES[1:], offsets(6, nodes=1)))
    np.testing.assert_array_equal(one.shift(clicks), net.shift(clicks))
    zero = UncertainNet(net, 1, Onsets(SALES[1:], offsets(0))).shift(clicks)
    np.testing.assert_allclose(zero, net.shift(clicks), atol=1e-5)


def test_it_is_the_mean_probability_over_openings():
    rng = generator(3, "slow")
    net, clicks = some_net(), open_clicks(100, rng, click=rng.uniform(500, 660, 100))
    uncertain = asked(net, calendar_uncertainty="6h")
    found = uncertain.shift(clicks)
    others = [replace(LAYOUT, sales=(SALES[0], (600 + later, 648 + later))) for later in offsets(6)]
    nets = [some_net(layout, like=net) for layout in others]
    slow = []
    for place in range(len(clicks)):
        one = clicks[place : place + 1]
        chances = [1 / (1 + math.exp(-one.logit[0] - other.shift(one)[0])) for other in nets]
        mean = math.fsum(chances) / len(chances)
        slow.append(math.log(mean / (1 - mean)) - one.logit[0])
    np.testing.assert_allclose(found, slow, atol=1e-5)
    assert np.abs(found - net.shift(clicks)).max() > 0.05


def test_the_openings_are_equally_likely_quantiles_of_the_bounds():
    found = offsets(6.0)
    assert found[0] == 0
    ordered = np.sort(found)
    np.testing.assert_allclose(np.diff(ordered), 12 / len(found))
    np.testing.assert_allclose([ordered[0] + 6, 6 - ordered[-1]], 6 / len(found))
    with pytest.raises(ValueError, match="must be the announced one"):
        UncertainNet(some_net(), 1, Onsets(SALES[1:], [1.0, 0.0]))


def test_the_mean_keeps_both_tails():
    logits = np.array([[-800.0, 800.0, 0.0], [-802.0, 802.0, 0.0]])
    low = -800 + math.log((1 + math.exp(-2)) / 2)
    equal = np.log(np.full((2, 1), 0.5))
    np.testing.assert_allclose(mixed(logits, equal), [low, -low, 0.0], atol=1e-12)
    np.testing.assert_allclose(mixed(logits, np.array([[0.0], [-np.inf]])), logits[0], atol=1e-12)


@pytest.mark.parametrize("offset", offsets(6))
def test_nothing_jumps_at_any_opening_or_end(offset):
    rng = generator(4, "continuity")
    net = asked(some_net(), calendar_uncertainty="6h")
    for edge in (*SALES[1], SALES[1][0] - 72):
        switch = edge + offset
        before = open_clicks(1_000, rng, click=switch - rng.uniform(0.01, 71.9, 1_000), now=switch - 1e-5)
        after = replace(before, now=before.now + 2e-5)
        np.testing.assert_allclose(net.shift(after), net.shift(before), atol=3e-3)


def test_far_clicks_take_one_pass_and_get_the_same_to_the_bit(monkeypatch):
    net = some_net()
    uncertain = asked(net, calendar_uncertainty="6h")
    assert isinstance(uncertain, UncertainNet)
    clicks = open_clicks(4_000, generator(5, "far"))
    near = uncertain.touched(clicks)
    first, last = SALES[1][0] - 6 * 6 / 7 - NOTICED, SALES[1][1] + 6 * 6 / 7 + FORGOTTEN
    np.testing.assert_array_equal(near, (clicks.click > first) & (clicks.click < last))
    np.testing.assert_array_equal(uncertain.shift(clicks)[~near], net.shift(clicks)[~near])
    passes = []
    plain = EvidenceNet.shift
    monkeypatch.setattr(EvidenceNet, "shift", lambda own, some: passes.append(len(some)) or plain(own, some))
    uncertain.shift(clicks[~near])
    assert passes == [np.count_nonzero(~near)]
    uncertain.shift(clicks)
    assert passes[1:] == [len(clicks), *[np.count_nonzero(near)] * 6]


@pytest.mark.parametrize("window", [72.0, 400.0])
def test_all_calendars_tell_the_same_of_far_clicks(window):
    net = some_net(replace(LAYOUT, window=window))
    uncertain = asked(net, calendar_uncertainty="6h")
    clicks = open_clicks(20_000, generator(6, "same"))
    clicks = clicks[~uncertain.touched(clicks)]
    assert len(clicks) > 2_000
    for offset in offsets(6):
        other = moved(net, 1, offset).layout
        np.testing.assert_array_equal(other.numbers(clicks), net.layout.numbers(clicks))


def test_openings_that_are_ruled_out_cost_nothing(monkeypatch):
    net = some_net()
    uncertain = asked(net, calendar_uncertainty="6h")
    rng = generator(8, "ruled out")
    clicks = open_clicks(500, rng, click=rng.uniform(560, 640, 500))
    later = moved(net, 1, offsets(6)[3]).shift(clicks)
    uncertain.onsets._log[0] = np.where(np.arange(7) == 3, 0.0, -40.0)
    passes = []
    plain = EvidenceNet.shift
    monkeypatch.setattr(EvidenceNet, "shift", lambda own, some: passes.append(len(some)) or plain(own, some))
    np.testing.assert_allclose(uncertain.shift(clicks), later, atol=1e-6)
    assert len(passes) == 2


def test_an_error_moves_the_sales_to_come_and_no_other():
    net = some_net()
    for written, hours in (("-6h", -6.0), ("6h", 6.0), ("+6h", 6.0)):
        wrong = asked(net, calendar_error=written)
        assert wrong.layout.sales == (SALES[0], (600 + hours, 648 + hours))
        assert wrong.layers is net.layers
    both = asked(net, calendar_error="-6h", calendar_uncertainty="2h")
    assert isinstance(both, UncertainNet)
    assert [other.layout.sales[0] for other in both._moved] == [SALES[0]] * 6
    starts = [both.layout.sales[1][0], *(other.layout.sales[1][0] for other in both._moved)]
    np.testing.assert_allclose(starts, [594 + offset for offset in offsets(2)])
    assert net.layout.sales == SALES
    assert asked(net, 601 * HOUR, calendar_error="-6h") is net


@pytest.fixture
def materials(ground, small):
    sales = Calendar((Promotion("earlier", 2 * DAY, 3 * DAY), Promotion("sale", 9 * DAY, 10 * DAY)))
    history = History(ground.log, ground.windows, 0, 8 * DAY, sales)
    return Materials(history, 6 * HOUR, small, 5, ground.cache, lambda: None)


def test_beliefs_share_one_fitted_net(materials):
    plain = evidence_net(parameters(), materials)
    reads = materials.history.log.reads
    uncertain = evidence_net(AUXILIARIES.find("evidence")(calendar_uncertainty="3h"), materials)
    wrong = evidence_net(parameters(calendar_error="-6h"), materials)
    assert materials.history.log.reads == reads
    assert isinstance(uncertain, UncertainNet)
    assert type(plain) is type(wrong) is EvidenceNet
    assert wrong.layout.sales == ((48.0, 72.0), (210.0, 234.0))
    assert uncertain.mean_logit == wrong.mean_logit == plain.mean_logit
    rng = generator(7, "materials")
    clicks = open_clicks(500, rng, click=rng.uniform(170, 216, 500), now=216.5)
    clicks = replace(clicks, dense=clicks.dense[:, :0])
    calendars = [moved(plain, 1, offset).shift(clicks) + clicks.logit for offset in offsets(3)]
    assert np.ptp(calendars, axis=0).max() > 1e-3
    chance = np.mean([1 / (1 + np.exp(-logit)) for logit in calendars], axis=0)
    np.testing.assert_allclose(1 / (1 + np.exp(-clicks.logit - uncertain.shift(clicks))), chance, atol=1e-6)


def test_signed_durations_are_read_and_written():
    for text in ("-6h", "6h", "-1.5d", "0s"):
        assert format_duration(parse_signed_duration(text)) == text
    assert parse_signed_duration("+ 1d 12h") == 36 * HOUR
    assert parameters(calendar_error="-6h").spec()["calendar_error"] == "-6h"
    for text in ("6", "-", "- -6h", "-6 hours"):
        with pytest.raises(ValueError, match=f"'{text}' is not a duration"):
            parse_signed_duration(text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"calendar_uncertainty": "-6h"}, "'-6h' is not a duration"),
        ({"calendar_error": "six"}, "'six' is not a duration"),
        ({"calendar_error": 6}, "6 is not a duration; write a number with its unit"),
        ({"calendar": False, "calendar_error": "-6h"}, "calendar_error asks for calendar = true"),
        ({"calendar": False, "calendar_uncertainty": "6h"}, "calendar_uncertainty asks for calendar = true"),
    ],
)
def test_what_makes_no_sense_is_told(given, message):
    with pytest.raises(ScenarioError, match=message):
        OFFSETS.parse({"kind": "calendar", **given}, "offset")
