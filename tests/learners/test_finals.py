"""Final labels as samples, and pre-training by a method's own objective on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from learners.batch import Batch
from learners.build import build_learner
from learners.cmdcm.network import EVERYDAY
from learners.finals import Finals, of_clicks
from learners.history import History, batches
from learners.methods import METHODS
from learners.model import Model
from learners.objectives import OBJECTIVES
from learners.serve import LINKS
from simulator.errors import RunError, ScenarioError
from simulator.prepromotion import OUTCOMES
from simulator.randomness import generator, torch_seed
from simulator.samples import Samples
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.learners.ask import asked
from tests.learners.conftest import SMALL
from tests.simulator.shown import told_log

DELAYED = ("es-dfm", "fnw", "defer", "defuse", "ddfm", "fsiw", "settlement")


def finals_of(log, *targets, **other):
    return Samples.concatenate(list(Finals(History(log, Windows(), 0, 8 * DAY), targets, **other).samples()))


def test_they_are_the_labels_of_the_log(ground):
    log, known = ground.log, ground.log.time < 8 * DAY
    samples = finals_of(log, "converted")
    assert set(samples.role_names) == {"final"}
    np.testing.assert_array_equal(samples.row, np.flatnonzero(known))
    np.testing.assert_array_equal(samples.converted, log.converted[known])
    np.testing.assert_array_equal(np.isnan(samples.refunded), ~log.converted[known])
    np.testing.assert_array_equal(samples.gmv[log.converted[known]], log.gmv[known & log.converted])
    np.testing.assert_array_equal(samples.features, log.ids[known])
    assert (samples.visible_time == samples.click_time + 3 * DAY).all()


def test_what_says_nothing_is_left_out(ground):
    amounts = finals_of(ground.log, "gmv")
    np.testing.assert_array_equal(
        amounts.row, np.flatnonzero((ground.log.time < 8 * DAY) & ground.log.converted)
    )
    kept = finals_of(ground.log, "gmv", net=True)
    refunded = ground.log.refunded[kept.row]
    assert (kept.gmv[refunded] == 0).all()
    np.testing.assert_array_equal(kept.gmv[~refunded], amounts.gmv[~refunded])


def test_they_are_shuffled_whole(ground):
    finals = Finals(History(ground.log, Windows(), 0, 8 * DAY), ("converted",))
    drawn = list(batches(finals.samples(), 100, np.random.default_rng(0), pool=3_000))
    order = np.concatenate([batch.row for batch in drawn])
    np.testing.assert_array_equal(np.sort(order), np.arange(len(order)))
    assert not np.array_equal(order, np.arange(len(order)))
    for batch in drawn:
        np.testing.assert_array_equal(batch.converted, ground.log.converted[batch.row])


def test_samples_written_over_others_bring_what_they_carry():
    old, new = (Samples.blank(3, 1, {"clicked": "float64"}) for _ in range(2))
    for k, samples in enumerate((old, new)):
        samples.row[:], samples.carried["clicked"][:], samples.roles = k, k, ("final",) * k
    old.put(np.array([1]), new[:1])
    np.testing.assert_array_equal(old.row, [0, 1, 0])
    np.testing.assert_array_equal(old.column("clicked"), [0, 1, 0])
    assert old.roles == ("final",)


@pytest.mark.parametrize("kind", DELAYED)
def test_corrections_of_delay_are_cross_entropy(kind, ground):
    objective = OBJECTIVES[kind]().on_finals()
    assert objective.estimates == ()
    samples = finals_of(ground.log, "converted")[:500]
    logit = torch.linspace(-3, 3, len(samples), requires_grad=True)
    objective.loss(Batch(samples), {"cvr": logit}).backward()
    slope = (logit.detach().sigmoid() - torch.from_numpy(samples.converted).float()) / len(samples)
    torch.testing.assert_close(logit.grad, slope)


def test_all_that_is_served_is_trained_on_finals(ground):
    """Each head that a method serves from has a slope."""
    samples = finals_of(ground.log, "converted", "gmv")
    samples.carried["clicked"] = np.ones(len(samples))
    samples.carried |= dict.fromkeys(OUTCOMES, samples.converted)
    for name, method in METHODS.items():
        parts = {"objective": OBJECTIVES, "serve": LINKS}
        objective, link = (
            family.parse(getattr(method, key), name).on_finals() for key, family in parts.items()
        )
        heads = {head: torch.ones(len(samples), requires_grad=True) for head in objective.heads}
        given = {estimate: torch.full((len(samples),), 0.3) for estimate in objective.estimates}
        objective.loss(Batch(samples, given), heads).backward()
        frozen = EVERYDAY if method.network == "gated-delay" else ()
        for head in set(link.heads) - set(frozen):
            assert (heads[head].grad != 0).any(), (name, head)


def test_cascades_are_final_in_both_stages(ground):
    part = OBJECTIVES.parse({"kind": "cascade", "conversion": "es-dfm", "refund": "settlement"}, "objective")
    final = part.on_finals()
    assert (final.conversion.kind, final.refund.kind, final.refund.of) == ("bce", "bce", "refunded")
    link = LINKS.parse({"kind": "cascade", "conversion": "odds", "refund": "odds"}, "serve").on_finals()
    assert (link.conversion.kind, link.refund) == ("probability", "probability")
    tesla = OBJECTIVES["tesla"]().on_finals()
    assert (tesla.estimates, tesla.ranking) == ((), "low")


def files(ground):
    return list((ground.cache / "checkpoints").iterdir())


def test_methods_with_one_objective_share_a_start(one, ground):
    for name in ("es-dfm", "fnw", "vanilla"):
        method = one.method({"method": name, "start": "objective", "auxiliary": "none"} if name != "es-dfm" else
                            {"method": name, "start": "objective"})  # fmt: skip
        build_learner(method, **ground.arguments(learner=SMALL))
    assert len(files(ground)) == 2, "one start, and the delay network"


def test_it_is_the_loop_that_anybody_would_write(one, ground):
    """The first and the last weights are those of plain steps on shuffled labels."""
    method = one.method({"method": "oracle", "start": "objective"})
    learner = build_learner(method, **ground.arguments(learner=SMALL))
    history = History(ground.log, ground.windows, *ground.history)
    seed = torch_seed(5, "learners", "objective", "weights")
    model = Model(method.network.completed(SMALL), ("cvr",), ground.log.features, SMALL, seed)
    known = ground.log.time < 8 * DAY
    paid = ground.log.converted[known].sum()
    model.set_biases({"cvr": float(np.log((paid + 0.5) / (known.sum() - paid + 0.5)))})
    rng = generator(5, "learners", "objective", "shuffle")
    for batch in batches(Finals(history, ("converted",)).samples(), 256, rng):
        label = torch.from_numpy(ground.log.converted[batch.row]).float()
        model.step(
            ground.log.ids[batch.row],
            lambda out, label=label: functional.binary_cross_entropy_with_logits(out["cvr"], label),
        )
    expected = 1 / (1 + np.exp(-model.outputs(ground.log.ids)["cvr"]))
    np.testing.assert_allclose(learner.predict(asked(ground.log.ids))["cvr"], expected, atol=1e-5)
    order = np.corrcoef(expected, ground.log.p)[0, 1]
    assert order > 0.6, "and it learnt something"


def test_amounts_learn_from_conversions_alone(one, ground):
    method = one.method({"method": "online-single", "start": "objective"})
    block = SMALL.model_copy(update={"pretrain_epochs": 6, "pretrain_batch_size": 32})
    learner = build_learner(method, **ground.arguments(learner=block))
    served = np.log1p(learner.predict(asked(ground.log.ids))["gmv"])
    assert np.corrcoef(served, ground.log.mean_log_gmv)[0, 1] > 0.3


def test_a_start_that_would_ask_an_auxiliary_is_refused(one):
    with pytest.raises(
        ScenarioError, match=r"method\[0\]\.start: objective 'reader-joint' needs estimates of growth"
    ):
        one.method({"method": "reader", "start": "objective"})
    method = one.method({"method": "reader", "start": {"kind": "objective", "objective": "log-mae"}})
    assert method.start.objective.kind == "log-mae"


def test_a_history_that_says_nothing_is_refused(one, ground):
    ground.log.converted[:] = False
    method = one.method({"method": "online-single", "start": "objective"})
    with pytest.raises(RunError, match=r"no click from 0s to 8d has a final label of gmv; lengthen"):
        build_learner(method, **ground.arguments(learner=SMALL))


def test_every_column_is_written(ground):
    (clicks, labels), *_ = ground.log.labelled(Windows(), 0, DAY)
    one, two = (of_clicks(clicks, labels, Windows()) for _ in range(2))
    assert all(same.all() for _, same in one.compared(two))


WINDOWS = Windows(6 * HOUR, 2 * HOUR, click=HOUR)


def heard(how):
    log = told_log(4, WINDOWS, clicks=400, days=4)
    history = History(log, WINDOWS, 0, 3 * DAY)
    found = Samples.concatenate(list(Finals(history, ("clicked", "converted"), which=how).samples()))
    return log, found[np.argsort(found.column("impression"))]


def test_of_impressions_final_labels_are_those_of_their_clicks():
    log, found = heard("impressions")
    (shown, labels), *_ = log.exposed(WINDOWS, 0, 3 * DAY)
    np.testing.assert_array_equal(found.column("impression"), shown.rows)
    np.testing.assert_array_equal(found.column("clicked"), labels.clicked)
    np.testing.assert_array_equal(found.converted, labels.converted)
    assert set(found.row[~labels.clicked]) == {-1}


def test_the_truth_tells_what_a_click_would_have_come_to():
    _, found = heard("potential")
    _, plain = heard("impressions")
    clicked = plain.column("clicked") == 1
    place = found.column("impression")
    np.testing.assert_array_equal(place, plain.column("impression"))
    np.testing.assert_array_equal(found.converted[clicked], plain.converted[clicked])
    np.testing.assert_array_equal(found.converted[~clicked], place[~clicked] % 3 == 0)


def test_of_the_slice_it_is_heard_what_came_of_clicks_that_a_coin_decided():
    log, found = heard("slice")
    shown = log.impression
    drawn = (shown.coin == 1) & (shown.time < 3 * DAY)
    in_slice = np.isnan(found.column("clicked"))
    np.testing.assert_array_equal(found.column("impression")[in_slice], np.flatnonzero(drawn))
    np.testing.assert_array_equal(found.converted[in_slice], shown.paid[drawn])
    assert np.isnan(found.converted[found.column("clicked") == 1]).all()
    rest = (shown.coin < 0) & (shown.time < 3 * DAY)
    np.testing.assert_array_equal(found.column("impression")[~in_slice], np.flatnonzero(rest))
    np.testing.assert_array_equal(found.features[in_slice, 0], np.flatnonzero(drawn))
