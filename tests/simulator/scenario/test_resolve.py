"""A resolved scenario loads to itself, and has one identity."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.scenario.load import load_scenario
from simulator.scenario.resolve import config_hash, describe_keys, to_toml
from simulator.units import format_duration
from tests.simulator.scenario.test_load import BASE

SHIPPED = sorted(Path("scenarios").glob("*.toml"))
durations = st.integers(10**6, 10**13).map(format_duration)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
policies = st.dictionaries(
    st.text("abcxyz_", min_size=1, max_size=6),
    st.integers() | words | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    max_size=3,
)


def as_toml(value):
    return tomlkit.item(value).as_string()


@given(
    title=words,
    segment=durations,
    history=durations,
    hidden=st.lists(st.integers(1, 999), min_size=1, max_size=3),
    rate=st.floats(1e-12, 1e12),
    policy=policies,
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_resolved_toml_loads_to_the_same_scenario(tmp_path, title, segment, history, hidden, rate, policy):
    path = tmp_path / "s.toml"
    path.write_text(BASE)
    loaded = load_scenario(
        path,
        [
            f"title={as_toml(title)}",
            f"stream.segment={segment}",
            f"stream.history={history}",
            f"learner.hidden={hidden}",
            f"learner.learning_rate={rate!r}",
            *[f"method.fnw.policy.{key}={as_toml(value)}" for key, value in policy.items()],
        ],
    )
    again = tmp_path / "again.toml"
    again.write_text(to_toml(loaded), encoding="utf-8")
    reloaded = load_scenario(again)
    assert reloaded.scenario == loaded.scenario
    assert reloaded.resolved == loaded.resolved
    assert config_hash(reloaded.scenario) == config_hash(loaded.scenario)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_scenarios_load_and_resolve_to_themselves(path, tmp_path):
    loaded = load_scenario(path)
    again = tmp_path / path.name
    again.write_text(to_toml(loaded), encoding="utf-8")
    assert load_scenario(again).scenario == loaded.scenario
    assert loaded.scenario.title
    assert path.read_text().startswith("# ")
    if loaded.scenario.data is not None:
        assert f"--out {loaded.scenario.data.path}" in (loaded.scenario.data.made_by or "")


def test_all_scenarios_are_there():
    assert {"minimal", "double11", "retailrocket", "taobao", "online_retail"} <= {p.stem for p in SHIPPED}


def test_hash_ignores_seed_and_output_alone(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(BASE)
    base = config_hash(load_scenario(path).scenario)
    assert config_hash(load_scenario(path, ["output.samples=true"], seed=9, out="x").scenario) == base
    for change in ("stream.segment=1h", "world.days=8", "method.fnw.name=a", "engine.threads=2"):
        assert config_hash(load_scenario(path, [change]).scenario) != base
    # The same duration written otherwise is the same scenario.
    assert config_hash(load_scenario(path, ["windows.attribution=24h"]).scenario) == base


def test_hash_is_the_same_in_another_process():
    program = (
        "from pathlib import Path; from simulator.scenario.load import load_scenario;"
        "from simulator.scenario.resolve import config_hash;"
        "print(config_hash(load_scenario(Path('scenarios/minimal.toml')).scenario))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert found == {config_hash(load_scenario(Path("scenarios/minimal.toml")).scenario)}


def test_describe_has_every_key_with_its_origin(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(BASE)
    rows = {
        key: (value, origin) for key, value, origin in describe_keys(load_scenario(path, ["stream.gap=2h"]))
    }
    assert rows["windows.attribution"] == ('"1d"', str(path))
    assert rows["stream.gap"] == ('"2h"', "--set")
    assert rows["stream.segment"] == ('"2.4h"', "default")
    assert rows["stream.length"] == ("none", "default")
    assert rows["method.es-dfm.method"] == ('"es-dfm"', str(path))
