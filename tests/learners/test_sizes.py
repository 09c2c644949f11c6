"""What cannot run is refused before it starts: sizes, features, windows, and every fault in one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from learners.catalog import resolve_all
from learners.session.lint import check_methods, lint_methods
from learners.session.sizes import memory, size_faults
from simulator.errors import ScenarioError
from simulator.log.schema import Feature
from simulator.scenario.load import load_scenario
from simulator.units import DAY

BASE = 'data = { clicks = "c.parquet", events = "e.parquet" }\nwindows = { attribution = "3d" }\n'
METHOD = '[[method]]\nmethod = "es-dfm"\n'


def _load(tmp_path: Path, text: str, *overrides: str):
    path = tmp_path / "mine.toml"
    path.write_text(BASE + text, encoding="utf-8")
    return load_scenario(path, overrides, check=check_methods).scenario


def _faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        _load(tmp_path, text)
    return error.value.faults


def test_misspelt_methods_stand_beside_all_other_faults(tmp_path):
    text = (
        "[streem]\nx = 1\n[learner]\nembeding_dim = 4\n"
        '[[method]]\nmethod = "es-dfmm"\n[[method]]\nmethod = "es-dfm"\nname = "b"\nobjective = "es-dfn"\npolcy = "x"\n'
    )
    found = "\n".join(_faults(tmp_path, text))
    for near in ("'stream'", "'embedding_dim'", "'es-dfm'", "'policy'"):
        assert f"Did you mean {near}?" in found
    assert "method.es-dfmm.method: unknown method" in found
    assert "method.b.objective: unknown objective" in found
    assert len(_faults(tmp_path, text)) == 5


@pytest.mark.parametrize("kind", ["elapsed-time", "multi-window", "waiting-window", "satellites"])
def test_a_policy_cannot_observe_beyond_the_attribution_window(tmp_path, kind):
    policy = METHOD + f'policy = {{ kind = "{kind}", window = "WINDOW" }}\n'
    (fault,) = _faults(tmp_path, policy.replace("WINDOW", "9d"))
    assert 'method.es-dfm.policy.window = "9d"' in fault
    assert "windows.attribution (3d)" in fault
    _load(tmp_path, policy.replace("WINDOW", "3d"))


def test_windows_that_are_wrong_themselves_accuse_no_method(tmp_path):
    text = METHOD + 'policy = { kind = "elapsed-time", window = "9d" }\n'
    with pytest.raises(ScenarioError) as error:
        _load(tmp_path, text, "windows.attribution=30x")
    assert [fault for fault in error.value.faults if "beyond" in fault] == []


def test_hidden_layers_beyond_memory_are_refused_with_figures(tmp_path):
    (fault,) = _faults(tmp_path, METHOD + "[learner]\nhidden = [4_000_000, 4_000_000]\n")
    assert "GiB of memory, and this machine has" in fault
    assert "hidden layers [4000000, 4000000]" in fault
    assert memory() is None or memory() > 2**28


def test_tables_are_weighed_by_rows_dimension_and_methods(tmp_path):
    scenario = _load(tmp_path, METHOD + '[[method]]\nmethod = "vanilla"\n')
    methods = resolve_all(scenario)
    features = [Feature("user", 1_000_000), Feature("slot", 10)]
    need = 2 * 2 * 4 * 1_000_010 * 16  # methods x copies x bytes x rows x dimension, without the layers
    faults, warnings = size_faults(scenario, methods, features, limit=need)
    assert not warnings
    assert (
        "1,000,010 embedding rows x embedding_dim 16, 1,000,000 of the rows for feature 'user'" in faults[0]
    )
    faults, warnings = size_faults(scenario, methods, features, limit=int(1.5 * need))
    assert not faults
    assert "2 methods need about" in warnings[0]
    assert size_faults(scenario, methods, features, limit=3 * need) == ([], [])
    assert not [said for said in lint_methods(methods, scenario) if "memory" in said]


def test_a_network_with_several_embeddings_has_a_table_for_each(tmp_path):
    scenario = _load(tmp_path, '[[method]]\nmethod = "fnw"\nnetwork = "deepfm"\n')
    features = [Feature("user", 1_000_000)]
    need = 2 * 2 * 4 * 1_000_000 * 16  # embeddings x copies x bytes x rows x dimension
    faults, _ = size_faults(scenario, resolve_all(scenario), features, limit=need)
    assert "1,000,000 embedding rows x embedding_dim 16 x 2 embeddings, 1,000,000 of the rows" in faults[0]


def test_a_log_without_features_is_refused_unless_time_is_one(tmp_path):
    scenario = _load(tmp_path, METHOD)
    (fault,), _ = size_faults(scenario, resolve_all(scenario), [])
    assert "no features" in fault
    timed = _load(tmp_path, METHOD, "stream.time_features=true")
    assert size_faults(timed, resolve_all(timed), []) == ([], [])
    assert scenario.windows.attribution == 3 * DAY
