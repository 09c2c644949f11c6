"""``[learner]``: hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from simulator.errors import unknown
from simulator.log.schema import Feature
from simulator.scenario.base import Block


class AttentionBlock(Block):
    """``[learner.attention]``: features of tags whose mean gives way to a sum with weights, by how each tag goes with a feature
    of the click (DIN: Zhou et al., KDD 2018).
    """

    target: str
    """The feature by which tags are weighed, such as the item of the click."""
    over: tuple[str, ...] = Field(min_length=1)
    """The features of tags that are weighed, such as the user's latest carts."""
    units: PositiveInt = 36
    """Hidden units of what says the weight."""


AttentionSetting = Annotated[
    tuple[AttentionBlock, ...],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, Mapping | AttentionBlock) else value,
        json_schema_input_type=AttentionBlock | tuple[AttentionBlock, ...],
    ),
]
"""A table, or a list of tables with a unit each."""


class LearnerBlock(Block):
    """``[learner]``: hyper-parameters of all methods, if written; ``[method.learner]`` overrides any of them.

    The defaults are those of methods that have none of their own in the table.
    """

    like: Literal["none", "netcvr", "onlinegmv", "es-dfm"] = "none"
    """Whose public code trains so: puts in, for the methods that it has, its optimiser, initial values, rates and batches
    (`learners.like`); what is written beside it wins, other methods stay as they are."""
    embedding_dim: PositiveInt = 16
    """Numbers in the embedding of a feature's value."""
    hidden: tuple[PositiveInt, ...] = Field(default=(256, 256, 128), min_length=1)
    """Units of the hidden layers."""
    attention: AttentionSetting = ()
    """Target attention over features of tags; without it a click gets the mean of their embeddings."""
    batch_size: PositiveInt = 512
    """Samples of a step in the stream."""
    learning_rate: PositiveFloat = 1e-3
    """Of Adam, for the dense layers."""
    embedding_learning_rate: PositiveFloat = 0.05
    """Of row-wise Adagrad (or of Adam), for the embeddings."""
    embedding_optimiser: Literal["adagrad", "adam"] = "adagrad"
    """"adagrad" touches the rows of a batch alone; "adam", as public code has it, moves all rows met so far at every step
    and is slow where they are millions."""
    embedding_deviation: PositiveFloat = 0.05
    """Embeddings start from N(0, this squared)."""
    head_start: Literal["base-rate", "random"] = "base-rate"
    """The bias of each head before pre-training: what says the history's mean, or as of any other layer, near 0."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of products of matrices. With "bfloat16" they are made from copies of the weights, which stay float32, as do embeddings,
    sums, batch norm's statistics, last layers of one output and losses; it pays where the processor has instructions for it.
    "auto" takes whichever is faster, found out when a run begins and recorded with it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Of the dense layers: the processor, or an accelerator, which pays for large batches and layers. "auto" is the processor.
    Embeddings, losses and what is saved stay in the memory of the processor; figures differ in their last digits."""
    learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor on both learning rates at every publication."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled decay (AdamW) of whatever Adam moves, in the stream."""
    left_over: Literal["spread", "step", "drop"] = "spread"
    """What becomes of a segment's rows beyond whole batches: batches of equal size hold them; or they are a step of their
    own, however few; or none learns from them. In pre-training, "drop" takes the step."""
    pretrain_batch_size: PositiveInt = 1024
    """Samples of a step in pre-training."""
    pretrain_epochs: PositiveInt = 1
    """Passes over the history."""
    pretrain_learning_rate: PositiveFloat | None = None
    """Of Adam in pre-training, for all that it moves; default: as in the stream."""
    fresh_moments: bool = False
    """The stream's optimisers start anew, with none of the moments of pre-training."""


def attention_faults(blocks: Sequence[AttentionBlock], features: Sequence[Feature]) -> list[str]:
    """Return what is wrong with attention on a log that has ``features``."""
    single, tags = ([f.name for f in features if f.tags is kind] for kind in (False, True))
    faults: list[str] = []
    seen: set[str] = set()
    for block in blocks:
        if block.target not in single:
            faults.append(
                f'target = "{block.target}": {unknown("feature of one id a click", block.target, single)}'
            )
        for name in block.over:
            if name not in tags:
                faults.append(f'over = "{name}": {unknown("feature of tags", name, tags)}')
            if name in seen:
                faults.append(f'over = "{name}": is weighed already; name it once')
            seen.add(name)
    return faults
