"""The simulated production pipeline: replay, label transport, trainers, publishing, serving, as SimPy processes."""

from simulator.pipeline.pipeline import MethodRun, Pipeline, Span

__all__ = ["MethodRun", "Pipeline", "Span"]
