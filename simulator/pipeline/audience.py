"""Who listens to a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from simulator.learning import Predictions
from simulator.log.schema import Float64, Int64, Labels
from simulator.pipeline.shown import Final
from simulator.samples import Samples


class Audience(Protocol):
    """Who listens to the pipeline: the evaluation, the cost meters, the dump of samples, the progress view."""

    def serve(self, row: int, click_id: Int64, time: Int64) -> None:
        """Clicks of the stream, as they are served."""

    def predict(self, method: str, row: int, predictions: Predictions) -> None:
        """Predictions of a method for served clicks (from any thread)."""

    def delivered(self, policy: str, samples: Samples) -> None:
        """Everything that a policy delivered in a tick of the stream."""

    def fed(self, method: str, samples: Samples) -> None:
        """Samples handed to a method's trainer."""

    def finalise(self, row: int, labels: Labels, truth: Mapping[str, Float64] | None) -> None:
        """Final labels (and the world's truth) of consecutive clicks."""

    def show(self, place: int, impression_id: Int64, time: Int64) -> None:
        """Impressions of the stream, as they are shown, counted from its first."""

    def predict_shown(self, method: str, place: int, predictions: Predictions) -> None:
        """Predictions of a method for shown impressions (from any thread)."""

    def finalise_shown(self, final: Final) -> None:
        """Final labels (and the world's truth) of consecutive impressions."""

    def advance(self, time: int, items: int) -> None:
        """The simulation reached an instant, after so many more clicks and events."""
