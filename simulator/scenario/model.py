"""The scenario: one pydantic model, block by block, that says what may be written and what is the default."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from simulator.calendar import Calendar, Promotion
from simulator.scenario.base import Block
from simulator.scenario.upload import UploadSetting
from simulator.units import Duration, Period, PositiveDuration, format_duration
from simulator.windows import Edges, Windows
from simulator.worlds.settings import WorldSettings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)]


class ColumnsBlock(Block):
    """``[data.columns]``: the names that a user's own Parquet gives to the columns of the contract."""

    click_id: str = "click_id"
    time: str = "time"
    user_id: str = "user_id"
    item_id: str = "item_id"
    features: tuple[str, ...] = ()
    event_click_id: str = "click_id"
    event_id: str | None = None
    event_time: str = "time"
    kind: str = "kind"
    amount: str | None = "amount"
    time_unit: Literal["us", "ms", "s", "timestamp"] = "us"
    kinds: dict[str, Literal["cart", "pay", "refund"]] = Field(
        default={"cart": "cart", "pay": "pay", "refund": "refund"}, description="value in the file to kind"
    )


class DataBlock(Block):
    """``[data]``: a log at rest. Either ``path`` (imported, has meta.toml) or ``clicks`` and ``events`` (Parquet)."""

    path: str | None = None
    clicks: str | None = None
    events: str | None = None
    columns: ColumnsBlock = ColumnsBlock()
    on_bad_row: Literal["quarantine", "fail"] = "quarantine"
    missing: str | None = Field(
        default=None, description="the command that makes the data, shown when it is missing"
    )
    time_features: bool = Field(default=False, description="add hour and weekday of the click as features")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.clicks is None or self.events is None):
            raise ValueError("give either path, or both clicks and events")
        return self


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

    tick: Period = "1h"  # type: ignore[assignment]
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
    """``[[promotion]]``: the calendar of a real log (a world's promotions are in ``[[world.promotion]]``)."""

    name: str
    start: Duration
    length: PositiveDuration = "1d"  # type: ignore[assignment]
    anticipation: Duration = "3d"  # type: ignore[assignment]


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

    def calendar(self) -> Calendar:
        """Return the promotion calendar, of the world or of the real log."""
        blocks = self.promotion if self.world is None else self.world.promotion
        return Calendar.of([Promotion(b.name, b.start, b.start + b.length, b.anticipation) for b in blocks])
