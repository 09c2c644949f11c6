"""The scenario: one pydantic model, block by block, that says what may be written and what is the default."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from simulator.auction.settings import AuctionBlock
from simulator.calendar import Calendar, Promotion
from simulator.clock import UTC_CLOCK, Clock
from simulator.scenario.base import Block
from simulator.scenario.data import DataBlock
from simulator.scenario.derived import DerivedBlock, DerivedName
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.offline import OfflineBlock, Protocol
from simulator.scenario.places import APART, Place
from simulator.scenario.sale import PromotionBlock
from simulator.scenario.seeds import Seeds
from simulator.scenario.upload import UploadSetting
from simulator.units import Duration, Period, PositiveDuration, format_duration
from simulator.verdict.settings import VerdictBlock
from simulator.windows import Edges, Windows
from simulator.worlds.settings import WorldSettings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)]


class WindowsBlock(Block):
    """``[windows]``: which events count, by the times at which they happened. Labels are final ``lateness`` after them."""

    attribution: PositiveDuration = "3d"  # type: ignore[assignment]
    """How long after a click its pays count."""
    refund: Duration = "3d"  # type: ignore[assignment]
    """How long after the first pay refunds count."""
    observation: Duration = "14.4m"  # type: ignore[assignment]
    """How long the waiting methods wait for the first label."""
    lateness: Duration = "0s"  # type: ignore[assignment]
    """How much later than they happened events become known, at most."""
    edges: Edges = "inclusive"
    """Whether an event at the very end of a window counts."""
    click: PositiveDuration = "30m"  # type: ignore[assignment]
    """How long after an impression its click counts, in logs that have impressions."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.observation > self.attribution:
            raise ValueError(
                f"observation ({format_duration(self.observation)}) must not be longer than attribution "
                f"({format_duration(self.attribution)})"
            )
        return self

    def windows(self) -> Windows:
        """Return the attribution windows as the engine takes them."""
        return Windows(self.attribution, self.refund, self.lateness, self.edges, self.click)


class StreamBlock(Block):
    """``[stream]``: what is history (pre-training), what is stream, and the protocol's segment.

    Pre-training sees the clicks of ``[start - gap - history, start - gap)``; by default no conversion of the history is
    unknown when the stream starts. ``upload`` says when carts, pays and refunds become known; clicks are served at once,
    and labels of the history and of the evaluation are by the times at which things happened.
    """

    history: Duration = "10d"  # type: ignore[assignment]
    """Length of what is pre-trained on."""
    gap: Duration | None = None
    """Between history and stream; default: windows.attribution + windows.lateness."""
    start: Duration | None = None
    """Start of the stream, from the log's origin; default: the first midnight + history + gap."""
    length: Period | None = None
    """Length of the stream; default: as many whole segments as can be judged."""
    segment: Period = "2.4h"  # type: ignore[assignment]
    """Step of the protocol: predicted by the model published before it, then learnt from."""
    time_features: bool = False
    """Add hour and weekday of the click as features (also of a world's clicks)."""
    protocol: Protocol = "stream"
    """"stream": labels are delivered as they become known; "offline": epochs over the history, whose labels are final, and
    the stream judged once. A log that notes where its test file begins is then split there, unless start is given."""
    offline: OfflineBlock = OfflineBlock()
    """How "offline" trains."""
    upload: UploadSetting = None
    """When events become known: a period, or a lag; for worlds and logs without arrival times."""


class PipelineBlock(Block):
    """How labels travel and models are trained; in ``[engine]`` for all methods, in ``[[method]]`` for one."""

    transport_delay: Duration | None = None
    """How long a delivered label travels to the trainer; default: 0s."""
    capacity: PositiveFloat | None = None
    """Samples a trainer can learn per simulated second."""
    publish_every: Period | None = None
    """How often the trainer's model is published for serving; default: every segment, or as the table has
    it."""


class EngineBlock(PipelineBlock):
    """``[engine]``: how the replay is done, which changes no result but by ``threads``, and the pipeline's settings."""

    tick: Annotated[Period | None, APART] = None
    """Step of the replay; default: by the log's density, 1h to 1d."""
    reader_batch: Annotated[PositiveInt, APART] = 122_880
    """Rows that are read at a time."""
    threads: PositiveInt = Field(default=1, le=256)
    """Torch threads of one operation; recorded, since results depend on it."""
    workers: Annotated[PositiveInt, APART] = 2
    """Methods trained at a time."""
    checkpoint_every: Annotated[Period | None, APART] = None
    """How often an interrupted run could be resumed from, in time of the stream; default: never."""


class MethodBlock(PipelineBlock):
    """``[[method]]``: a method of the table by name; any part of it may be replaced.

    Parts take a name, or a table with ``kind`` and the parameters of that kind; a table without ``kind`` changes those of
    the part that the method has. "none" takes an auxiliary, an offset or a start away. Of their parameters ``prior``,
    ``path``, ``file`` and those that end in ``_path`` or ``_file`` are paths, relative to the file that they are written in.
    """

    method: str
    """A method of the table (ls methods), or "module:NAME" for one of one's own."""
    name: Name | None = None
    """Its name in results; default: that of the method."""
    policy: str | dict[str, Any] | None = None
    """When which label is delivered."""
    objective: str | dict[str, Any] | None = None
    """What the samples teach."""
    network: str | dict[str, Any] | None = None
    """What predicts."""
    auxiliary: str | dict[str, Any] | None = None
    """Estimators that policy, objective or serving ask; "none" for none."""
    offset: str | dict[str, Any] | None = None
    """What the promotion calendar adds to the logit; "none" for none."""
    start: str | dict[str, Any] | None = None
    """The pre-training recipe; "none" for random initial values."""
    serve: str | dict[str, Any] | None = None
    """The link from outputs to predictions."""
    task: Literal["cvr", "netcvr"] | None = None
    """"netcvr": a method for CVR in the cascade with a refund rate; default: as the table has it."""
    fidelity: Literal["paper", "reference"] = "paper"
    """"paper": the published formulas, mistakes mended; "reference": what the public code does."""
    members: list[Any] | dict[str, Any] | None = None
    """Of "portfolio": names of other methods of the scenario, whose predictions are mixed; of "by-phase": a table
    of who serves in which phase: before, anticipation, promotion, after."""
    mixing: Literal["mean"] | None = None
    """How "portfolio" mixes; default: "mean", of logits and of logarithms of amounts."""
    learner: dict[str, Any] = Field(default_factory=dict)
    """Keys of [learner] for this method alone."""

    @property
    def label(self) -> str:
        """The name under which the method appears in results; of one of "module:Name" the latter."""
        return self.name or self.method.rpartition(":")[2]


class EvaluationBlock(Block):
    """``[evaluation]``: how results are compared."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the intervals."""
    baseline: str | None = None
    """Method to compare with; default: the best other one."""
    metrics: tuple[str, ...] = ()
    """Further metrics by which every task is measured (ls metrics), or "module:NAME" for those of one's own."""
    entity: Annotated[str | None, APART] = None
    """Whose age is looked at: "item_id", "user_id" or a feature. How long a new one is not calibrated, and what that costs."""
    entity_within: Annotated[float, Field(gt=0, lt=1), APART] = 0.2
    """How far predicted over expected may be from 1 where an entity counts as calibrated."""
    entity_days: Annotated[PositiveInt, APART] = 2
    """Over how many days of its age it must be so."""
    entity_positives: Annotated[PositiveInt, APART] = 5
    """Entities with fewer conversions are left out: nothing can be said of them."""


class OutputBlock(Block):
    """``[output]``: what a run leaves behind."""

    dir: Annotated[str, Place()] = Field(default="runs", min_length=1)
    """Folder of the run directories."""
    cache: Annotated[str, Place()] = Field(default="data/cache", min_length=1)
    """Generated worlds, mapped logs and pre-trained models."""
    samples: bool = False
    """Write samples/: what each learner was fed."""
    predictions: bool = True
    """Write predictions.parquet."""
    report: bool = True
    """Write report.html."""
    tracker: Literal["mlflow", "tensorboard"] | None = None
    """Also write metrics for MLflow (``mlruns/`` in ``dir``, or MLFLOW_TRACKING_URI) or TensorBoard (in the run)."""


class Scenario(Block):
    """A whole scenario. Exactly one of ``[data]`` and ``[world]``.

    What is `APART` changes no result; with ``seed`` and paths it is left out of what identifies a run.
    """

    name: Annotated[Name, APART] = "scenario"
    """Name of the run's folder; default: that of the file."""
    title: Annotated[str, APART] = ""
    """One line for reports and lists."""
    description: Annotated[str, APART] = ""
    """A paragraph for the report."""
    plugins: Annotated[tuple[str, ...], APART] = ()
    """Modules to import, which register parts, methods, tasks or metrics of one's own by decorators."""
    module_path: Annotated[tuple[str, ...], Place(), APART] = ()
    """Folders in which such modules, and those of "module:Name", are found; default: those of the scenario's files."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of every random draw: the world, the initial values, the order of samples."""
    seeds: Annotated[Seeds, APART] = ()
    """Seeds of several runs, compared as replicates: "0..3", or a list; none: one run, of ``seed``."""
    data: DataBlock | None = None
    """A log of one's own, or a public one."""
    world: WorldSettings | None = None
    """A synthetic marketplace."""
    promotion: tuple[PromotionBlock, ...] = ()
    """The calendar of a real log."""
    features: dict[DerivedName, DerivedBlock] = Field(default_factory=dict)
    """Features made of the past, beside those that the log has."""
    windows: WindowsBlock = WindowsBlock()
    """Which events count, and how long is observed."""
    stream: StreamBlock = StreamBlock()
    """What is history, what is stream."""
    engine: EngineBlock = EngineBlock()
    """The replay and the pipeline of labels."""
    learner: LearnerBlock = LearnerBlock()
    """Hyper-parameters of all methods."""
    method: tuple[MethodBlock, ...] = Field(min_length=1)
    """What is compared."""
    auction: AuctionBlock | None = None
    """Predictions bid, and what a method wins is all that it hears of; none: every method hears of everything."""
    evaluation: Annotated[EvaluationBlock, APART] = EvaluationBlock()
    """How it is compared."""
    verdict: Annotated[VerdictBlock, APART] = VerdictBlock()
    """Which policy to serve is said by this."""
    output: Annotated[OutputBlock, APART] = OutputBlock()
    """What a run leaves behind."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.data is None) == (self.world is None):
            further = "" if self.data else '; or extends = "OTHER.toml", which has one'
            raise ValueError(f"give exactly one of [data] and [world]{further}")
        if self.world is not None and self.promotion:
            raise ValueError("a world's promotions are written as [[world.promotion]], not [[promotion]]")
        if self.evaluation.entity is not None and not self.output.predictions:
            raise ValueError(
                "evaluation.entity is measured from predictions, and output.predictions is false; set it to true"
            )
        if self.auction is not None and self.offline:
            raise ValueError('[auction] needs a stream; leave out stream.protocol = "offline"')
        if self.auction is not None and self.world is not None and not self.world.impressions:
            raise ValueError("[auction] offers impressions: set world.impressions = true")
        return self

    @property
    def offline(self) -> bool:
        """Whether methods train on final labels, in epochs, in the place of a stream of labels."""
        return self.stream.protocol == "offline"

    @property
    def time_features(self) -> bool:
        """Whether learners see hour and weekday of the click."""
        return self.stream.time_features or (self.data is not None and self.data.time_features)

    @property
    def added(self) -> tuple[str, ...]:
        """Names of the features that are added to those of the log at reading."""
        return ("hour", "weekday") if self.time_features else ()

    def calendar(self, clock: Clock | None = None) -> Calendar:
        """Return the promotion calendar, of the world or of the real log.

        ``clock`` is local time of the log (`simulator.log.schema.Meta.clock`); without it, promotions that are given
        by date are left out, since nobody knows where on the log they are.
        """
        known = UTC_CLOCK if clock is None else clock
        if self.world is not None:
            sales = [
                Promotion(b.name, b.start, b.start + b.length, b.anticipation) for b in self.world.promotion
            ]
        else:
            sales = [b.on(known) for b in self.promotion if clock is not None or not b.by_date]
        return Calendar.of(sales, known)
