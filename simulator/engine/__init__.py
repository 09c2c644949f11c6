"""The replay engine: ticks over the log, exact waves inside a tick, delay policies on top."""

from simulator.engine.engine import Engine, Tick

__all__ = ["Engine", "Tick"]
