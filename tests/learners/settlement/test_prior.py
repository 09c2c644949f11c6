"""A prior for the evidence net: laid before the own log, refused where it cannot teach, and taught what a sale is."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.auxiliary import AUXILIARIES
from learners.history import History
from learners.materials import Materials
from learners.offsets import OFFSETS
from learners.settlement.evidence import fit
from learners.settlement.evidence.layout import DENSE, Layout, OpenClicks, sales_of
from learners.settlement.evidence.prior import Prior, open_prior
from simulator.calendar import Calendar, Promotion
from simulator.errors import RunError, ScenarioError
from simulator.learning import Clicks, Question
from simulator.randomness import generator
from simulator.units import DAY, HOUR
from simulator.windows import Windows

TO_COME = Calendar((Promotion("sale", 12 * DAY, 13 * DAY),))
EARLIER = Calendar((Promotion("earlier", 5 * DAY, 6 * DAY),))

SCENARIO = """
seed = {seed}

[world]
days = 5
clicks_per_day = 400
preset = "taobao-mobile"

[[world.promotion]]
name = "earlier"
start = "{start}"
length = "12h"

[windows]
attribution = "{attribution}"
refund = "3d"

[stream]
history = "3d"
gap = "1d"
segment = "2.4h"

[[method]]
method = "oracle"
"""


@pytest.fixture
def scenario(tmp_path):
    def write(name="prior.toml", *, seed=11, start="1d 12h", attribution="3d", more=""):
        path = tmp_path / name
        path.write_text(SCENARIO.format(seed=seed, start=start, attribution=attribution) + more)
        return str(path)

    return write


@pytest.fixture
def materials(ground, small):
    def make(calendar=TO_COME, log=None, end=8 * DAY, windows=None):
        history = History(log or ground.log, windows or ground.windows, 0, end, calendar)
        return Materials(history, 6 * HOUR, small, 5, ground.cache, lambda: None)

    return make


def someone(click, now, rng, fields):
    cart = np.where(rng.random(len(click)) < 0.5, click + rng.random(len(click)) * (now - click), np.inf)
    dense = rng.normal(0, 1, (len(click), fields)).astype(np.float32)
    return OpenClicks(click, now, cart, rng.normal(-3, 1, len(click)), dense)


times = st.integers(0, 60 * 24).map(float)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(times, max_size=3), st.lists(times, min_size=1, max_size=3), times, times, st.integers(0, 999)
)
def test_neither_log_sees_a_sale_of_the_other(own_sales, other_sales, own_start, other_end, seed):
    """What each click is told is what it would be told of its own log's sales alone."""
    windows = Windows(3 * DAY, 5 * DAY)

    def calendar(hours):
        return Calendar.of([Promotion("", int(h * HOUR), int((h + 24) * HOUR)) for h in hours])

    mine, theirs = calendar(own_sales), calendar(other_sales)
    own = History(None, windows, int(own_start * HOUR), int(own_start * HOUR) + 10 * DAY, mine)
    other = History(None, windows, 0, int(other_end * HOUR), theirs)
    prior = Prior.laid_before(own, other)
    both = Layout(72.0, (*prior.sales, *sales_of(mine)), carts=True, fields=DENSE)
    rng = generator(seed, "axis")
    here = rng.uniform(own_start, own_start + 60 * 24, 300)
    there = rng.uniform(0, max(other_end, 1), 300)
    age = rng.uniform(0, 72, 300)
    at_home = someone(here, here + age, rng, len(DENSE))
    # Numbers of no sale at all stand for a calendar that is empty: both sales are then far away.
    alone = Layout(72.0, sales_of(mine) or ((1e9, 1e9 + 24),), carts=True, fields=DENSE)
    np.testing.assert_allclose(both.numbers(at_home), alone.numbers(at_home), atol=1e-5)
    abroad = someone(there, there + age, rng, len(DENSE))
    moved = OpenClicks(
        there + prior.shift, there + age + prior.shift, abroad.cart + prior.shift, abroad.logit, abroad.dense
    )
    alone = Layout(72.0, sales_of(theirs), carts=True, fields=DENSE)
    np.testing.assert_allclose(both.numbers(moved), alone.numbers(abroad), atol=2e-3)


def test_it_is_moved_by_whole_weeks(materials, ground):
    own = materials().history
    prior = Prior.laid_before(own, materials(EARLIER).history)
    assert prior.shift < 0
    assert prior.shift % 168 == 0
    assert prior.sales == ((120 + prior.shift, 144 + prior.shift),)
    # No further than it must: a week less, and what it leaves would meet the own log.
    assert -prior.shift < 8 * 24 + 7 * 24 + 264 + 168


def test_its_sale_counts_as_seen(materials, scenario, ground):
    part = OFFSETS.find("calendar")
    assert fit.evidence_net(part(), materials()).layout.sales == ()
    net = fit.evidence_net(part(prior=scenario()), materials())
    (opening, end), own = net.layout.sales
    assert end - opening == 12
    assert end < 0
    assert own == (12 * 24, 13 * 24)
    assert fit.evidence_net(part(prior=scenario()), materials(Calendar())).layout.sales == ()


def checkpoints(ground):
    return {path.name for path in (ground.cache / "checkpoints").glob("*.safetensors")}


def test_the_checkpoint_is_that_of_the_prior(materials, scenario, ground):
    part = AUXILIARIES.find("evidence")
    seen = [set()]
    for prior in (
        None,
        scenario("one.toml"),
        scenario("two.toml", seed=12),
        scenario("three.toml", start="1d"),
    ):
        fit.evidence_net(part(prior=prior), materials())
        seen.append(checkpoints(ground))
    assert [len(names) for names in seen] == [0, 1, 2, 3, 4]
    same = scenario("moved.toml", more='name = "other-method"\n')
    fit.evidence_net(part(prior=same), materials())
    OFFSETS.find("calendar")(prior=same).prepare(materials())
    assert checkpoints(ground) == seen[-1]


def test_a_net_without_an_own_sale_knows_one(materials, scenario, ground):
    b = materials()
    prior = scenario()
    rows = np.arange(400)
    times = np.full(400, 12 * DAY + HOUR)
    clicks = Clicks(rows, times, ground.log.ids[rows])
    plain = OFFSETS.find("calendar")().prepare(b)
    np.testing.assert_array_equal(plain(clicks)["cvr"], 0)
    offset = OFFSETS.find("calendar")(prior=prior).prepare(b)
    assert np.abs(offset(clicks)["cvr"]).min() > 1e-3

    estimator = AUXILIARIES.find("evidence")(prior=prior).prepare(b)
    waiting = Clicks(rows, np.linspace(10 * DAY, 12 * DAY - HOUR, 400).astype(np.int64), clicks.features)
    nobody = SimpleNamespace(carted=np.zeros(400, bool), cart_time=np.full(400, -1))
    logit = np.full(400, -1.5)
    for switch in (12 * DAY, 13 * DAY):
        open_now = waiting[waiting.time > switch - 3 * DAY + HOUR]
        view = SimpleNamespace(carted=nobody.carted[: len(open_now)], cart_time=nobody.cart_time)
        view.cart_time = nobody.cart_time[: len(open_now)]
        told = {"logit": logit[: len(open_now)]}
        before, after = (
            estimator.answer(
                Question("evidence", open_now, np.full(len(open_now), switch + step), view, told)
            )["evidence"]
            for step in (-1_000, 1_000)
        )
        np.testing.assert_allclose(after, before, atol=1e-3)


def test_what_a_sale_does_is_learnt_from_the_other_log(materials, fake_log, ground, monkeypatch):
    """In the other log the odds of a pay are e times as high in its sale, and it has another mix of segments."""
    other = fake_log(20_000, seed=8)
    in_sale = (other.time >= 5 * DAY) & (other.time < 6 * DAY)
    odds = other.p / (1 - other.p) * np.where(in_sale, np.e, 1)
    other.converted = generator(6, "sale").random(len(odds)) < odds / (1 + odds)
    history = History(other, ground.windows, 0, 8 * DAY, EARLIER)

    def opened(path, own, cache, *, refunds):
        return Prior.laid_before(own, history)

    monkeypatch.setattr(fit, "open_prior", opened)
    part = OFFSETS.find("calendar")(epochs=6, batch_size=512).model_copy(update={"prior": "opened"})
    b = materials()
    offset = part.prepare(b)

    def mean(begin, end):
        time = np.linspace(begin, end, 300, endpoint=False).astype(np.int64)
        return float(offset(Clicks(np.arange(300), time, ground.log.ids[:300]))["cvr"].mean())

    calm = mean(1 * DAY, 8 * DAY)
    assert calm == pytest.approx(0, abs=0.15)
    assert mean(12 * DAY, 13 * DAY) - calm == pytest.approx(1, abs=0.35)
    assert fit.evidence_net(part, b).mean_logit == pytest.approx(
        float(fit.evidence_net(OFFSETS.find("calendar")(), b).mean_logit), abs=1e-9
    )


@pytest.mark.parametrize("key", ["auxiliary", "offset"])
def test_what_cannot_be_a_prior_is_told_before_anything_runs(key, scenario, resolved, tmp_path):
    def of(prior, **more):
        return resolved({"method": "posterior-settlement", key: {"prior": prior, **more}})

    of(scenario())
    where = rf"method\[0\].{key}.prior = "
    scenario("shop.toml")
    with pytest.raises(ScenarioError, match=where + r".*shp.toml: no such file.*Did you mean.*shop"):
        of(str(tmp_path / "shp.toml"))
    (tmp_path / "broken.toml").write_text("[world\n")
    with pytest.raises(ScenarioError, match=where + ".*is not valid TOML"):
        of(str(tmp_path / "broken.toml"))
    with pytest.raises(
        ScenarioError, match=where + ".*no sale opens in its history, 0s to 3d.*'earlier' at 3.5d"
    ):
        of(scenario(start="3d 12h"))
    with pytest.raises(ScenarioError, match="prior asks for calendar = true"):
        of(scenario(), calendar=False)


def test_labels_of_other_windows_are_refused(materials, scenario, resolved):
    other = scenario(attribution="1d")
    with pytest.raises(
        ScenarioError, match=r"method\[0\].auxiliary.*windows.attribution = 1d, but it is 3d here"
    ):
        resolved({"method": "posterior-settlement", "auxiliary": {"prior": other}})
    with pytest.raises(RunError, match=r"windows.attribution = 1d, but it is 3d here"):
        OFFSETS.find("calendar")(prior=other).prepare(materials())
    b = materials(windows=Windows(3 * DAY, 2 * DAY))
    net = fit.evidence_net(OFFSETS.find("calendar")(prior=scenario()), b)
    assert len(net.layout.sales) == 2
    with pytest.raises(RunError, match=r"windows.refund = 3d, but it is 2d here"):
        fit.evidence_net(OFFSETS.find("calendar")(prior=scenario()), b, "refund")


@pytest.mark.parametrize("stage", ["refund", "refund at click"])
def test_refunds_have_one_too(stage, materials, scenario):
    part = OFFSETS.find("calendar")
    none = fit.evidence_net(part(carts=False), materials(), stage)
    net = fit.evidence_net(part(carts=False, prior=scenario()), materials(), stage)
    assert none.layout.sales == ()
    assert len(net.layout.sales) == 2
    time = np.linspace(9 * 24, 13 * 24, 300)
    nothing = np.full(300, np.inf)
    said = net.shift(OpenClicks(time, time, nothing, np.full(300, -1.0), np.empty((300, 0), np.float32)))
    assert np.isfinite(said).all()
    assert np.ptp(said) > 1e-3


def test_the_own_log_must_not_tell_its_future(materials, scenario, ground):
    path = scenario()
    prior = open_prior(path, materials().history, ground.cache)
    log = prior.history.log
    known = open_prior(path, History(log, Windows(), 0, 3 * DAY, TO_COME), ground.cache)
    assert (known.history.start, known.history.end) == (0, 3 * DAY)
    with pytest.raises(
        RunError, match=r"is the log of this run, and its history goes on to 3d, beyond .*\(2d\)"
    ):
        open_prior(path, History(log, Windows(), 0, 2 * DAY, TO_COME), ground.cache)


def test_fields_that_only_one_log_has_are_left_out_or_told(materials, scenario):
    net = fit.evidence_net(OFFSETS.find("calendar")(prior=scenario()), materials())
    assert net.layout.fields == ()
    with pytest.raises(RunError, match="unknown feature of its prior 'noise'"):
        OFFSETS.find("calendar")(prior=scenario(), fields=("noise",)).prepare(materials())


def test_an_offset_alone_is_checked_before_anything_runs(scenario, resolved):
    other = scenario(attribution="1d")
    with pytest.raises(
        ScenarioError, match=r"method\[0\].offset.*windows.attribution = 1d, but it is 3d here"
    ):
        resolved({"method": "es-dfm", "offset": {"kind": "calendar", "prior": other}})


def test_a_prior_is_known_by_what_it_holds(scenario):
    part = OFFSETS.find("calendar")
    path = scenario()
    [(name, before)] = part(prior=path).reads().items()
    assert name == path
    assert part(prior=scenario()).reads() == {path: before}
    scenario(start="1d 6h")
    assert part(prior=path).reads()[path] != before
    assert part(prior=scenario(seed=12)).reads()[path].endswith("-s12")
    assert part().reads() == {}
