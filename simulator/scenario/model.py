"""The scenario: one pydantic model, block by block, that says what may be written and what is the default."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from simulator.calendar import Calendar, Promotion
from simulator.clock import UTC_CLOCK, Clock
from simulator.errors import ScenarioError
from simulator.scenario.base import Block
from simulator.scenario.data import DataBlock
from simulator.scenario.moments import Moment, format_moment, instant_of
from simulator.scenario.upload import UploadSetting
from simulator.units import DAY, Duration, Period, PositiveDuration, format_duration
from simulator.windows import Edges, Windows
from simulator.worlds.settings import WorldSettings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)]


class WindowsBlock(Block):
    """``[windows]``: attribution (after the click), refund (after the first pay), observation (the waiting window).

    They are of the times at which events happened. ``lateness`` is how much later the last of them becomes known; labels are
    final after it.
    """

    attribution: PositiveDuration = "3d"  # type: ignore[assignment]
    refund: Duration = "3d"  # type: ignore[assignment]
    observation: Duration = "14.4m"  # type: ignore[assignment]
    lateness: Duration = "0s"  # type: ignore[assignment]
    edges: Edges = Field(
        default="inclusive", description="whether an event at the very end of a window counts"
    )

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
        return Windows(self.attribution, self.refund, self.lateness, self.edges)


class StreamBlock(Block):
    """``[stream]``: what is history (pre-training), what is stream, and the protocol's segment.

    The stream starts at ``start`` (from the log's origin; default: the log's first midnight + ``history`` + ``gap``) and
    lasts ``length`` (default: as many whole segments as have clicks whose labels became final).
    Pre-training sees the clicks of ``[start - gap - history, start - gap)``. ``gap`` defaults to the attribution window
    and the lateness, so that no conversion of the history was unknown when the stream starts. ``upload`` says when carts,
    pays and refunds become known; clicks are served at once, and labels of the history and of the evaluation are by the
    times at which things happened.
    """

    history: Duration = "10d"  # type: ignore[assignment]
    gap: Duration | None = None
    start: Duration | None = None
    length: Period | None = None
    segment: Period = "2.4h"  # type: ignore[assignment]
    time_features: bool = Field(
        default=False, description="add hour and weekday of the click as features (also of a world's clicks)"
    )
    upload: UploadSetting = Field(
        default=None,
        description="when events become known: a period, or a lag; for worlds and logs without arrival times",
    )


class PipelineBlock(Block):
    """How labels travel and models are trained; in ``[engine]`` for all methods, in ``[[method]]`` for one."""

    transport_delay: Duration | None = None
    capacity: PositiveFloat | None = Field(
        default=None, description="samples a trainer can learn per simulated second"
    )
    publish_every: Period | None = None


class EngineBlock(PipelineBlock):
    """``[engine]``: settings that must not change results (tick, reader_batch) and those of the pipeline."""

    tick: Period | None = Field(
        default=None, description="step of the replay; default: by the log's density, 1h to 1d"
    )
    reader_batch: PositiveInt = 122_880
    threads: PositiveInt = Field(
        default=1, le=256, description="torch threads of one operation; recorded, since results depend on it"
    )
    workers: PositiveInt = Field(
        default=2, description="methods trained at a time; results do not depend on it"
    )
    checkpoint_every: Period | None = None


class LearnerBlock(Block):
    """``[learner]``: hyper-parameters common to all methods; ``[method.learner]`` overrides any of them."""

    embedding_dim: PositiveInt = 16
    hidden: tuple[PositiveInt, ...] = Field(default=(256, 256, 128), min_length=1)
    batch_size: PositiveInt = 512
    learning_rate: PositiveFloat = 1e-3
    embedding_learning_rate: PositiveFloat = 0.05
    learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="factor on both learning rates at every publication"
    )
    pretrain_batch_size: PositiveInt = 1024
    pretrain_epochs: PositiveInt = 1


class MethodBlock(PipelineBlock):
    """``[[method]]``: a method of the table by name; any part of it may be replaced.

    ``policy``, ``objective``, ``network``, ``auxiliary``, ``offset``, ``start`` (the pre-training recipe) and ``serve``
    (the link from outputs to predictions) take a name, or a table with ``kind`` and the parameters of that kind;
    "none" takes an auxiliary, an offset or a start away.
    """

    method: str
    name: Name | None = None
    policy: str | dict[str, Any] | None = None
    objective: str | dict[str, Any] | None = None
    network: str | dict[str, Any] | None = None
    auxiliary: str | dict[str, Any] | None = None
    offset: str | dict[str, Any] | None = None
    start: str | dict[str, Any] | None = None
    serve: str | dict[str, Any] | None = None
    task: Literal["cvr", "netcvr"] | None = Field(
        default=None,
        description='"netcvr": a method for CVR in the cascade with a refund rate; default: as the table has it',
    )
    fidelity: Literal["paper", "reference"] = Field(
        default="paper",
        description='"paper": the published formulas, mistakes mended; "reference": what the public code does',
    )
    learner: dict[str, Any] = Field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name under which the method appears in results."""
        return self.name or self.method


class PromotionBlock(Block):
    """``[[promotion]]``: the calendar of a real log (a world's promotions are in ``[[world.promotion]]``).

    ``start`` and ``end`` are durations from the log's origin, or dates or datetimes: local in the log's time zone, or
    with an offset as they stand. Without ``end`` a promotion lasts ``length`` (default: a day).
    """

    name: str
    start: Moment
    end: Moment | None = None
    length: PositiveDuration | None = Field(default=None, description="instead of end; default: 1d")
    anticipation: Duration = "3d"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.end is not None and self.length is not None:
            raise ValueError("give either end or length, not both")
        if self.end is not None and not self.by_date:
            self.on(UTC_CLOCK)
        return self

    @property
    def by_date(self) -> bool:
        """Whether it takes the log's own dates to know when it is."""
        return isinstance(self.start, date) or isinstance(self.end, date)

    def on(self, clock: Clock) -> Promotion:
        """Return the promotion on a log.

        Raises
        ------
        ScenarioError : it ends before it starts.
        """
        start = instant_of(self.start, clock)
        length = DAY if self.length is None else self.length
        end = start + length if self.end is None else instant_of(self.end, clock)
        if end <= start:
            first, last = format_moment(self.start), format_moment(self.end or 0)
            raise ScenarioError(f"promotion {self.name!r}: end ({last}) must be later than start ({first})")
        return Promotion(self.name, start, end, self.anticipation)


class EvaluationBlock(Block):
    """``[evaluation]``: how results are compared."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    resamples: Annotated[int, Field(ge=100)] = 1000
    baseline: str | None = Field(
        default=None, description="method to compare with; default: the best other one"
    )


class OutputBlock(Block):
    """``[output]``: what a run leaves behind."""

    dir: str = Field(default="runs", min_length=1)
    cache: str = Field(
        default="data/cache", min_length=1, description="generated worlds, mapped logs and pre-trained models"
    )
    samples: bool = False
    predictions: bool = True
    report: bool = True


class Scenario(Block):
    """A whole scenario. Exactly one of ``[data]`` and ``[world]``."""

    name: Name = "scenario"
    title: str = ""
    description: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    data: DataBlock | None = None
    world: WorldSettings | None = None
    promotion: tuple[PromotionBlock, ...] = ()
    windows: WindowsBlock = WindowsBlock()
    stream: StreamBlock = StreamBlock()
    engine: EngineBlock = EngineBlock()
    learner: LearnerBlock = LearnerBlock()
    method: tuple[MethodBlock, ...] = Field(min_length=1)
    evaluation: EvaluationBlock = EvaluationBlock()
    output: OutputBlock = OutputBlock()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.data is None) == (self.world is None):
            raise ValueError("give exactly one of [data] and [world]")
        if self.world is not None and self.promotion:
            raise ValueError("a world's promotions are written as [[world.promotion]], not [[promotion]]")
        return self

    @property
    def time_features(self) -> bool:
        """Whether learners see hour and weekday of the click."""
        return self.stream.time_features or (self.data is not None and self.data.time_features)

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
