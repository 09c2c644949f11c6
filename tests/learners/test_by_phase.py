"""Methods whose model learns in each phase by another policy: what their parts need of each other, and whole runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from simulator.errors import ScenarioError
from simulator.units import HOUR, MINUTE
from tests.commands import run_directory, sim_here
from tests.learners.test_composed_runs import WORLD
from tests.resuming import assert_equal_runs, interrupted_and_resumed

PHASES = (
    'policy = { kind = "by-phase", before = "fake-negative", anticipation = "never", promotion = "complete" }'
)
METHODS = f"""
[[method]]
name = "phases"
method = "vanilla"
{PHASES}

[[method]]
name = "one"
method = "vanilla"
policy = "fake-negative"
"""


def by_phase(method: str = "vanilla", objective: str | None = None, **members) -> dict:
    parts = {} if objective is None else {"objective": objective}
    return {"method": method, "policy": {"kind": "by-phase", **members}, **parts}


def test_its_members_take_the_windows_of_the_scenario_and_others_take_theirs(resolved):
    (method,) = resolved(by_phase("es-dfm", after="fake-negative"), windows={"observation": "40m"})
    assert method.policy.before.window == 40 * MINUTE
    assert method.auxiliary.window == 40 * MINUTE
    hour = {"kind": "elapsed-time", "window": "1h"}
    (method,) = resolved(by_phase("es-dfm", before=hour, after="fake-negative"))
    assert method.auxiliary.window == HOUR


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (
            by_phase("online-single", before="partial-gmv", after="elapsed-time"),
            ["method[0].policy", "'elapsed-time' delivers converted, refunded, but objective", "learns from gmv", "allowed: "],
        ),
        (
            by_phase("es-dfm", after={"kind": "elapsed-time", "window": "1h"}),
            ["method[0].auxiliary", "'delay' has one window", "14.4m and 1h", "window = ... of its own, or one window for all"],
        ),
        (
            by_phase("gdfm", before="trajectory", after={"kind": "trajectory", "ages": ["1h"]}),
            ["method[0].auxiliary", "has one ages", "allowed: one ages for all"],
        ),
        (
            by_phase(promotion={"kind": "elapsed-time", "window": "90d"}),
            ['method[0].policy.window = "90d"', "'elapsed-time' would observe", "beyond windows.attribution"],
        ),
        (by_phase(promotion="two-clocks"), ["method[0].policy", "promotion = 'two-clocks' asks a model"]),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(resolved, method, told):
    with pytest.raises(ScenarioError) as error:
        resolved(method)
    for part in told:
        assert part in str(error.value)


def test_an_auxiliary_with_a_window_of_its_own_goes_with_members_of_several(resolved):
    method = by_phase("es-dfm", after={"kind": "elapsed-time", "window": "1h"})
    assert resolved({**method, "auxiliary": {"window": "1h"}})[0].auxiliary.window == HOUR


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by-phase")
    (folder / "phases.toml").write_text(WORLD[: WORLD.index("[[method]]")] + METHODS, encoding="utf-8")
    where = ["--out", folder / "runs", "--set", f"output.cache={folder / 'cache'}"]
    sim_here("run", folder / "phases.toml", *where, "--progress", "none", "--dump-samples")
    return run_directory(folder / "runs")


def test_a_model_learns_by_the_policy_of_the_phase(run: Path):
    roles = pq.read_table(run / "samples" / "phases.parquet").to_pandas()
    found = pq.read_table(run / "predictions.parquet").to_pandas()
    phase = roles.click_id.map(found.set_index("click_id").phase)
    assert {*roles.role[phase == "before"]} == {"negative", "positive"}
    assert {*roles.role[phase == "promotion"]} == {"final"}
    assert not (phase == "anticipation").any()
    first = found.phase == "before"
    np.testing.assert_array_equal(found["phases.cvr"][first], found["one.cvr"][first])
    assert (found["phases.cvr"][~first] != found["one.cvr"][~first]).any()


def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(run: Path, monkeypatch: pytest.MonkeyPatch):
    folder = run.parents[2]
    cache = f"output.cache={folder / 'cache'}"
    again = interrupted_and_resumed(folder / "phases.toml", cache, folder / "stopped", 6, monkeypatch)
    assert_equal_runs(run, again)


def test_it_is_audited_and_described(run: Path):
    folder = run.parents[2]
    cache = ["--set", f"output.cache={folder / 'cache'}"]
    assert "causal  by-phase" in sim_here("audit", folder / "phases.toml", *cache).stdout
    described = sim_here("describe", folder / "phases.toml", "--no-data", *cache).stdout
    assert "by-phase" in described
