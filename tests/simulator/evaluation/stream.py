"""A random stream with labels, truth and predictions, to evaluate in any chunking."""

from dataclasses import dataclass

import numpy as np

from simulator.calendar import Calendar, Promotion
from simulator.evaluation.ledger import Ledger
from simulator.log.schema import Labels
from simulator.units import DAY, HOUR

CALENDAR = Calendar.of([Promotion("sale", 5 * DAY, 6 * DAY, 2 * DAY)])
METHODS = {
    "pre-trained": ("cvr",),
    "oracle": ("cvr",),
    "es-dfm": ("cvr",),
    "both": ("cvr", "netcvr", "rfr", "gmv"),
    "online-single": ("gmv",),
}
SCALE = {"cvr": ("pre-trained", "oracle")}
START, SEGMENT = 2 * DAY, 4 * HOUR


@dataclass
class Stream:
    time: np.ndarray
    labels: Labels
    truth: dict[str, np.ndarray]
    predictions: dict[str, dict[str, np.ndarray]]


def random_carts(n, seed):
    """Which clicks carted, drawn apart from all else."""
    return np.random.default_rng([seed, 1]).random(n) < 0.4


def make_stream(n, seed, days=6, first_row=0):
    random = np.random.default_rng(seed)
    time = np.sort(START + random.integers(0, days * DAY, n))
    logit = -1.5 + random.normal(size=n)
    p = 1 / (1 + np.exp(-logit))
    converted = random.random(n) < p
    refunded = converted & (random.random(n) < 0.25)
    worth = np.exp(random.normal(4, 0.7, n))
    gmv = np.where(converted, worth * random.gamma(4.0, 0.25, n), 0.0)
    labels = Labels(
        converted,
        refunded,
        gmv,
        np.zeros(n),
        converted.astype(np.int32),
        np.where(converted, time + HOUR, -1),
        np.full(n, -1, np.int64),
        np.where(random_carts(n, seed), time + HOUR, -1),
    )
    noise = {"pre-trained": 1.5, "oracle": 0.1, "es-dfm": 0.5, "both": 0.8, "online-single": 0.3}
    predictions = {}
    for method, tasks in METHODS.items():
        served = 1 / (1 + np.exp(-(logit + noise[method] * random.normal(size=n))))
        amount = worth * np.exp(noise[method] * random.normal(size=n))
        options = {"cvr": served, "netcvr": 0.75 * served, "rfr": 0.5 * random.random(n), "gmv": amount}
        predictions[method] = {task: options[task] for task in tasks}
    truth = {"p_pay": p, "p_refund": np.full(n, 0.25), "expected_gmv": worth * p}
    return Stream(time, labels, truth, predictions)


def cut(labels, start, stop):
    return labels[start:stop]


def new_ledger(path=None, methods=METHODS, calendar=CALENDAR):
    return Ledger(methods, calendar, START, SEGMENT, predictions_path=path, scale=SCALE, lifetime=3 * DAY)


def feed(ledger, stream, random, *, settled, first_row=0, truth=True):
    """Play a stream in random chunks; methods lag as they like. Return the completed cells."""
    n = len(stream.time)
    served = mature = 0
    done = dict.fromkeys(ledger.methods, 0)
    cells = []
    while served < n or mature < settled or min(done.values()) < n:
        choice = random.integers(0, 3)
        if choice == 0 and served < n:
            stop = min(n, served + int(random.integers(1, n // 3 + 2)))
            ledger.serve(first_row + served, np.arange(served, stop) + 100, stream.time[served:stop])
            served = stop
        elif choice == 1:
            method = list(done)[random.integers(0, len(done))]
            stop = min(served, done[method] + int(random.integers(0, n // 2 + 2)))
            chunk = {t: v[done[method] : stop] for t, v in stream.predictions[method].items()}
            ledger.predict(method, first_row + done[method], chunk)
            done[method] = stop
        elif served and mature < settled:
            stop = min(served, settled, mature + int(random.integers(1, n // 3 + 2)))
            known = {k: v[mature:stop] for k, v in stream.truth.items()} if truth else None
            cells += ledger.finalise(first_row + mature, cut(stream.labels, mature, stop), known)
            mature = stop
    return cells
