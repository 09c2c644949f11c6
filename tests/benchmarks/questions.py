"""How good are answers and instruction data: a hundred questions whose answers are computed from the runs by other means.

``python -m tests.benchmarks.questions RUN...`` prints both tables; tests/simulator/ask/test_instruct.py asserts them.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from simulator.ask.answers import answered
from simulator.ask.asked import groups
from simulator.ask.instruct import ALL, Pipeline, record, simulate
from simulator.ask.question import normal, parse
from simulator.units import HOUR
from tests.simulator.ask import questions_held_out, questions_shared

METRICS = {"regret_nll": "excess nll", "nll": "logloss", "auc": "roc", "pcoc": "predicted over observed"}
PHASES = {
    "before": "on normal days",
    "anticipation": "in the run-up",
    "promotion": "during the sale",
    "after": "in the aftermath",
}
UNANSWERABLE = [
    "roc of defer",
    "logloss of dfm in the run-up",
    "is ddfm better than {0}?",
    "gauc of {0}",
    "brier score of {0} during the sale",
    "ece of {0}",
    "ctr calibration",
    "netcvr roc of {0}",
    "refund rate of {0}",
    "roc of {0}, seed 4711",
    "logloss, seed 999 please, of {0}",
    "calibration of new users",
    "pcoc of young campaigns for {0}",
    "how stale is {0} during the sale",
    "label age of {0} in the run-up",
    "gradient steps of {0} on normal days",
    "ks of {0}",
    "relative improvement of auc of {0} in the first 3 hours",
    "tesla roc",
    "ctcvr logloss",
]
ABLATIONS = {
    "whole": ALL,
    "no imitation": Pipeline(imitation=False),
    "no conversation": Pipeline(conversation=False),
    "no refinement": Pipeline(refinement=False),
    "no retrieval": Pipeline(retrieval=False),
}


def held_out(runs):
    """Return a hundred questions with their true number; None for what the runs cannot say."""
    summaries = [json.loads((run / "summary.json").read_text(encoding="utf-8")) for run in runs]
    methods = summaries[0]["ranking"]["cvr"]["methods"]
    tables = [pq.read_table(run / "predictions.parquet") for run in runs]
    opening = summaries[0]["promotions"][-1]["start"]
    found = []
    for number in range(40):
        method, metric = methods[number % len(methods)], [*METRICS][number // 2 % 4]
        phase = [*PHASES][(number + number // 7) % 4]
        truth = np.mean([s["phases"][phase][method]["cvr"][metric] for s in summaries])
        found.append((f"tell me the {METRICS[metric]} {method} has {PHASES[phase]}", truth))
    for number in range(20):
        method, first = methods[number % len(methods)], number % 5
        truth = np.mean(
            [_pcoc(t, method, opening + first * HOUR, opening + (first + 1) * HOUR) for t in tables]
        )
        found.append((f"{method}: was it calibrated {first} hours after the opening?", truth))
    for number in range(10):
        method = methods[number % len(methods)]
        cost, said = [("samples", "how many samples did {} get"), ("staleness", "how stale was {}")][
            number % 2
        ]
        truth = np.mean([s["costs"][method][cost] for s in summaries]) / (3600 if cost == "staleness" else 1)
        found.append((said.format(method), truth))
    for number in range(10):
        one, two = (
            methods[number % len(methods)],
            methods[(number + 1 + number // len(methods) % (len(methods) - 1)) % len(methods)],
        )
        phase = [*PHASES][number % 4]
        truth = np.mean([_regret(s, phase, one) - _regret(s, phase, two) for s in summaries])
        found.append((f"{one} versus {two} {PHASES[phase]}: which beats which?", truth))
    return [*found, *((text.format(methods[0]), None) for text in UNANSWERABLE)]


def _regret(summary, phase, method):
    return summary["phases"][phase][method]["cvr"]["regret_nll"]


def _pcoc(table, method, first, end):
    time = table["time"].to_numpy()
    kept = (time >= first) & (time < end)
    return table[f"{method}.cvr"].to_numpy()[kept].sum() / table["converted"].to_numpy()[kept].sum()


def judged(runs):
    """Return the shares of exact numbers, of correct citations, of refusals where due, and of refusals where not due."""
    (group,) = groups(runs)
    exact, cited, refused, wrongly = [], [], [], []
    for text, truth in held_out(runs):
        (answer,) = answered([group], parse(text, group.methods))
        if truth is None:
            refused.append(answer.refused and bool(answer.command))
            continue
        wrongly.append(answer.refused)
        shown = [s.text for s in answer.facts if s.fact.made in ("value", "mean", "mean difference")]
        exact.append(any(_is(text, truth) for text in shown))
        cited += [
            _is_cited(s)
            for s in answer.facts
            if s.fact.made in ("value", "mean") and not s.fact.cells[0].what
        ]
    return {
        "questions": len(exact) + len(refused),
        "exact": float(np.mean(exact)),
        "cited": float(np.mean(cited)),
        "refused": float(np.mean(refused)),
        "wrongly refused": float(np.mean(wrongly)),
    }


def _is(text, truth):
    """Tell whether a number as it is written is the truth, rounded to the digits written."""
    number = re.sub(r"[,% h]", "", text)
    digits = len(number.partition(".")[2])
    return abs(float(number) / (100 if "%" in text else 1) - truth) <= 0.5000001 * 10.0**-digits


def _is_cited(shown):
    values = []
    for cell in shown.fact.cells:
        value = json.loads((cell.run / cell.table).read_text(encoding="utf-8"))
        for step in cell.where:
            value = value[step]
        values.append(value)
    truth = np.mean(values) / (3600 if shown.text.endswith(" h") else 1)
    return _is(shown.text, truth)


def ablated(runs, count=60, seed=0):
    """Return, for each way to make instruction data: needs covered, refusals, and likeness to people's questions."""
    (group,) = groups(runs)
    real = [{*normal(text).split()} for text, _ in questions_shared.QUESTIONS + questions_held_out.QUESTIONS]
    found = {}
    for name, stages in ABLATIONS.items():
        made = list(simulate(group, count, seed, stages))
        covered = [covered for one in made for _, covered in one.covered()]
        asked = [{*normal(text).split()} for one in made for text, _ in one.turns]
        alike = [max(len(a & b) / len(a | b) for b in real) for a in asked]
        lines = [record(one) for one in made]
        found[name] = {
            "needs covered": float(np.mean(covered)),
            "with documents": float(np.mean([bool(line["documents"]) for line in lines])),
            "facts a line": float(np.mean([len(line["facts"]) for line in lines])),
            "likeness": float(np.mean(alike)),
        }
    return found


def main(words):
    runs = [Path(word) for word in words]
    print({name: round(value, 3) for name, value in judged(runs).items()})
    for name, row in ablated(runs).items():
        print(f"{name:16}", {key: round(value, 3) for key, value in row.items()})
    (group,) = groups(runs)
    for text, truth in held_out(runs):
        (answer,) = answered([group], parse(text, group.methods))
        if answer.refused != (truth is None):
            print("not as it should be:", text, "->", answer.text[:100])


if __name__ == "__main__":
    main(sys.argv[1:])
