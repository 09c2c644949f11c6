"""``[stream.offline]``: the protocol of papers on logs at rest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from simulator.scenario.base import Block
from simulator.units import Period

Protocol = Literal["stream", "offline"]


class OfflineBlock(Block):
    """``[stream.offline]``: how ``protocol = "offline"`` trains on the history, and when it stops.

    Every method takes its steps on final labels, in batches of ``[learner] batch_size``; the epoch that is best on the
    validation share is what the stream is judged by, once.
    """

    epochs: PositiveInt = 10
    """Passes over the history, at most."""
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the history that nothing is learnt from, to compare epochs by; 0: none, and the last epoch is kept."""
    held_out: Literal["random", "last"] = "random"
    """Which rows that is: drawn by the seed, or the last ones in time."""
    patience: PositiveInt = 3
    """So many epochs in a row that are no better than the best end the training."""
    metric: str = "auc"
    """By what epochs are compared (ls metrics): on ctcvr where that is served, else on the method's first task."""
    shuffle: bool = True
    """Rows come in another order each epoch; else as in the log."""
    cell: Period | None = None
    """Length of the cells in which the stream is judged; default: all of it is one, but for changes of a promotion's phase. AUC
    is inside a cell, and a cell is held in memory."""
