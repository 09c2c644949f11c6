"""``precision = "auto"``: what it comes to, what is recorded of it, and that it tells runs apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from learners import precision
from learners.catalog import resolve_all
from learners.precision import Choice, recorded, settled, settled_scenario
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.load import load_scenario
from simulator.scenario.resolve import config_hash, to_toml


def loaded(tmp_path: Path, text: str):
    path = tmp_path / "one.toml"
    path.write_text(f"[world]\ndays = 7\n{text}\n", encoding="utf-8")
    return load_scenario(path)


@pytest.fixture
def able(monkeypatch):
    """A processor that has the instructions, and on which they pay."""
    monkeypatch.setattr(precision, "has_instructions", lambda: True)
    monkeypatch.setattr(precision, "speedup", lambda: 4.0)
    precision.best_precision.cache_clear()
    yield
    precision.best_precision.cache_clear()


AUTO = """
[learner]
precision = "auto"

[[method]]
method = "fnw"

[[method]]
method = "fnw"
name = "exact"
learner = { precision = "float32" }
"""


def test_auto_is_recorded_and_tells_runs_apart(tmp_path, able):
    scenario, chosen = settled_scenario(loaded(tmp_path, AUTO))
    assert chosen == Choice("bfloat16", "products are 4.0 times as fast as in float32")
    assert recorded(resolve_all(scenario.scenario), chosen) == {
        "precision": {"fnw": "bfloat16", "exact": "float32"},
        "precision_auto": {"precision": "bfloat16", "why": chosen.why},
    }
    assert 'precision = "bfloat16"' in to_toml(scenario)
    written = [loaded(tmp_path, AUTO.replace("auto", name)).scenario for name in ("bfloat16", "float32")]
    assert config_hash(scenario.scenario) == config_hash(written[0]) != config_hash(written[1])


def test_auto_of_one_method_is_settled_too(tmp_path, able):
    text = '[[method]]\nmethod = "fnw"\nlearner = { precision = "auto" }'
    scenario, _ = settled_scenario(loaded(tmp_path, text))
    assert resolve_all(scenario.scenario)[0].learner.precision == "bfloat16"
    assert 'precision = "bfloat16"' in to_toml(scenario)


def test_without_auto_nothing_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "best_precision", lambda: pytest.fail("it measured"))
    whole = loaded(tmp_path, '[[method]]\nmethod = "fnw"')
    assert settled_scenario(whole) == (whole, None)
    assert recorded(resolve_all(whole.scenario), None) == {"precision": {"fnw": "float32"}}


@pytest.mark.parametrize(
    ("able", "times", "why"),
    [
        (False, 9.0, "the processor has no instructions for products in bfloat16"),
        (True, 1.1, "products in bfloat16 are only 1.1 times as fast"),
    ],
)
def test_where_it_does_not_pay_auto_is_float32_and_says_why(monkeypatch, able, times, why):
    monkeypatch.setattr(precision, "has_instructions", lambda: able)
    monkeypatch.setattr(precision, "speedup", lambda: times)
    precision.best_precision.cache_clear()
    assert precision.best_precision().sentence == f'precision = "auto" is float32 here: {why}'
    assert settled(LearnerBlock(precision="auto")) == LearnerBlock(precision="float32")
    precision.best_precision.cache_clear()


def test_the_measurement_finds_the_instructions_where_there_are_any():
    if not precision.has_instructions():
        pytest.skip("this processor has none")
    assert precision.speedup() > 1
