"""Nothing to judge, one class, nothing delivered and ties are said in words, never as a rank or as -0.0000."""

from __future__ import annotations

import pytest

from simulator.report import numbers
from simulator.report.notes import ranks
from simulator.report.reading import sentences


def _summary(nll, positives=10, rows=100, silent=(), notes=()):
    methods = list(nll)
    return {
        "ranking": {"cvr": {"methods": methods, "references": [], "metric": "nll", "pretrained": None, "oracle": None}},
        "methods": {m: {"cvr": {"nll": v, "auc": None, "pcoc": None}} for m, v in nll.items()},
        "rows": {"cvr": {"rows": rows, "positives": positives, "cells": 1}},
        "costs": {m: {"samples": 0 if m in silent else 5} for m in methods},
        "notes": {"cvr": list(notes)},
        "phases": {},
        "intervals": [],
        "confidence": 0.95,
        "log": {},
    }  # fmt: skip


@pytest.mark.parametrize("positives", [0, 100])
def test_labels_of_one_class_give_no_rank(positives):
    summary = _summary({"a": 0.1, "b": 0.2}, positives, notes=["no click paid: nothing to rank"])
    assert ranks(summary, "cvr") == {"a": "-", "b": "-"}
    assert sentences(summary) == ["CVR: no click paid: nothing to rank."]


def test_ties_share_a_rank_and_say_so():
    summary = _summary({"a": 0.1, "b": 0.1, "c": 0.3})
    assert ranks(summary, "cvr") == {"a": "1=", "b": "1=", "c": "3"}
    assert sentences(summary) == ["CVR: a and b are equal to the digit: they share the first rank."]


def test_what_delivered_nothing_or_has_no_number_has_no_rank():
    summary = _summary({"mute": 0.1, "b": 0.2, "broken": None}, silent=["mute"])
    assert ranks(summary, "cvr") == {"mute": "-", "b": "1", "broken": "-"}
    assert "b has the lowest" in sentences(summary)[0]


def test_what_learned_of_impressions_alone_has_a_rank():
    summary = _summary({"shown": 0.1, "b": 0.2}, silent=["shown"])
    summary["costs"]["shown"]["samples_learned"] = 7
    assert ranks(summary, "cvr") == {"shown": "1", "b": "2"}


def test_zero_has_no_minus():
    assert numbers.number("nll", -0.00001) == "0.0000"
    assert numbers.number("nll", -0.00001, sign=True) == "+0.0000"
    assert numbers.number("pcoc", -0.0) == "0.00"
    assert numbers.number("nll", -0.0004, sign=True) == "-0.0004"
