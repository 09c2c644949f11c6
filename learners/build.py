"""From a method of the table to a learner that is ready for the stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from learners.catalog import ResolvedMethod
from learners.finals import Finals
from learners.frozen import FrozenModels
from learners.history import History, LabelledLog, batches
from learners.learner import TorchLearner
from learners.materials import Materials
from learners.model import Model
from learners.networks import Network
from learners.past import SeenLog
from learners.precision import settled
from learners.pretrain import Pretraining, heads_beyond, pretrained
from learners.stopping import enough
from simulator.calendar import NO_PROMOTIONS, Calendar
from simulator.calls import called, calling
from simulator.randomness import generator, torch_seed
from simulator.scenario.learner import LearnerBlock
from simulator.windows import Windows


def build_learner(
    method: ResolvedMethod,
    *,
    log: LabelledLog,
    windows: Windows,
    history: tuple[int, int],
    observation: int,
    learner: LearnerBlock,
    seed: int,
    cache: Path,
    calendar: Calendar | None = None,
    replayed: SeenLog | None = None,
    made: Callable[[Network, Sequence[str]], Model] | None = None,
    frozen: FrozenModels | None = None,
) -> TorchLearner:
    """Pre-train what the method starts from (or load it), and return its learner.

    Every random draw is named by the seed and by what is drawn, never by the method: adding a method
    changes no other's numbers, and methods with equal starts share one checkpoint.

    Parameters
    ----------
    log, windows : where clicks and their complete labels come from.
    history : clicks of ``[start, end)`` are pre-trained on, µs from the log's origin; equal ends mean none.
    observation : observation window (µs) for auxiliaries that leave theirs open.
    learner : hyper-parameters, normally ``method.learner``.
    seed : of the run.
    cache : directory whose ``checkpoints/`` holds pre-trained models.
    calendar : the promotions, past and to come; default: none.
    replayed : the log with the times at which the stream learns of its events; default: those that the log says itself.
    made : makes the model of a network and its heads, in the place of the one that is pre-trained.
    frozen : the models that the auxiliaries of a run's methods share; default: the method's are its own.

    Raises
    ------
    RunError : the history holds no click that the method's pre-training can learn from.
    """
    learner = settled(learner)
    source = History(log, windows, *history, calendar or NO_PROMOTIONS)
    network = method.network.completed(learner)
    heads = tuple(dict.fromkeys((*method.objective.heads, *method.link.heads)))

    def start() -> Model:
        if method.start is None:
            weights = torch_seed(seed, "learners", "no recipe", "weights")
            return Model(network, heads, log.features, learner, weights)
        extra = heads_beyond(method.start, heads)
        plan = Pretraining(method.start, network.pretraining(), extra, learner, source, seed)
        model = pretrained(plan, cache)
        model.network = network
        return model

    materials = Materials(
        source,
        observation,
        learner,
        seed,
        cache,
        start,
        replayed,
        method.start,
        frozen=frozen or FrozenModels(),
    )
    offset = None
    if method.offset is not None:
        with calling(method.offset, "prepare"):
            offset = method.offset.prepare(materials)
    materials = replace(materials, offset=offset)
    estimator, auxiliary = None, method.auxiliary
    if auxiliary is not None:
        with calling(auxiliary, "prepare"):
            estimator = auxiliary.completed(observation).prepare(materials)
    model = start() if made is None else made(network.pretraining(), heads)
    if made is None:
        with calling(network, "prepare"):
            network.prepare(model, materials)
    model.begin(learner)
    if made is None:
        model.freeze()
    passes = 0 if method.start is None or made is not None else method.start.rehearsals
    finals = Finals(source, method.objective.targets)
    if passes and method.start is not None and learner.head_start == "base-rate":
        model.set_biases(finals.biases(heads_beyond(method.start, heads)))

    def learner_of(model: Model) -> TorchLearner:
        return TorchLearner(
            model,
            method.objective,
            method.link,
            estimator,
            offset,
            decay=learner.learning_rate_decay,
            seed=seed,
            names=(called(auxiliary), called(method.offset)),
        )

    ready = learner_of(model)
    if passes and method.start is not None:
        trial = learner_of(model.twin(learner)) if method.start.held_out else None
        _rehearse(ready, trial, passes, finals, learner, seed)
    return ready


def _rehearse(
    ready: TorchLearner,
    trial: TorchLearner | None,
    passes: int,
    finals: Finals,
    block: LearnerBlock,
    seed: int,
) -> None:
    """Go over the history's final labels; where there is a learner to try it on, only as often as that tells to."""

    def once(one: TorchLearner, span: History, epoch: int) -> None:
        rng = generator(seed, "learners", "rehearsal", epoch)
        one.rehearse(batches(replace(finals, history=span).samples(), block.batch_size, rng))

    if trial is not None:

        def loss(span: History) -> float:
            return trial.judged(replace(finals, history=span).samples())

        passes = enough(finals.history, passes, partial(once, trial), loss)
    for epoch in range(passes):
        once(ready, finals.history, epoch)
