"""The metrics that can be asked for by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.evaluation import metrics
from simulator.evaluation.task import METRICS, Metric
from simulator.log.schema import Float64
from simulator.ranking import gauc, ks, ranking


def _order(served: Float64, label: Float64) -> float:
    binary = bool(np.isin(label, (0.0, 1.0)).all())
    return ranking(served, label)[0] if binary else metrics.concordance(served, label)


def _unweighted(
    function: Callable[[Float64, Float64], float],
) -> Callable[[Float64, Float64, Float64], float]:
    return lambda served, label, _: function(served, label)


for name, title, lower, digits, function in (
    ("nll", "NLL", True, 4, metrics.nll),
    ("auc", "AUC", False, 4, _order),
    ("prauc", "PR-AUC", False, 4, lambda served, label: ranking(served, label)[1]),
    ("pcoc", "PCOC", False, 2, metrics.pcoc),
    ("acc", "ACC@20%", False, 3, metrics.acc),
    ("alpr", "ALPR", True, 3, metrics.alpr),
    ("log_mae", "log MAE", True, 4, metrics.log_mae),
    ("gamma", "gamma loss", True, 4, metrics.gamma),
    ("rmse", "RMSE", True, 1, metrics.rmse),
    ("ece", "ECE", True, 4, metrics.ece),
    ("brier", "Brier score", True, 4, metrics.brier),
    ("ks", "KS", False, 4, ks),
    ("decile_error", "decile error", True, 3, metrics.decile_error),
):
    METRICS.register(name)(Metric(title, _unweighted(function), lower, digits))

METRICS.register("gauc")(Metric("GAUC", gauc, lower=False, by_user=True))
