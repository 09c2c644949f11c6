"""The simulated production pipeline: replay, label transport, trainers, publishing, serving, as SimPy processes."""

from simulator.pipeline.pipeline import Pipeline, Stream
from simulator.pipeline.trainer import MethodRun

__all__ = ["MethodRun", "Pipeline", "Stream"]
