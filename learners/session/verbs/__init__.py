"""The verbs of the command line; each imports what it needs when it is called: --help and validate load no torch."""

from learners.session.verbs import delivery, live, logs, parts, questions, runs, scenarios, sweeps, worlds
from learners.session.verbs.frame import app

__all__ = ["app", "delivery", "live", "logs", "parts", "questions", "runs", "scenarios", "sweeps", "worlds"]
