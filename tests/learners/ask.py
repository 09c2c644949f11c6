"""Clicks to ask a learner about, of which only the features matter."""

import numpy as np

from learners.catalog import METHODS
from simulator.learning import Clicks

WITHOUT_SALES = sorted(
    name
    for name, method in METHODS.items()
    if method.policy != "pre-promotion" and method.network != "temporal-experts"
)
"""Methods that learn from any history; the others need a past promotion in it, and have tests of their own."""


def asked(ids):
    return Clicks(np.arange(len(ids)), np.zeros(len(ids), np.int64), ids)
