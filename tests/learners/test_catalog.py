"""The table, and what a scenario may change of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from learners.catalog import METHODS, resolve_all
from simulator.errors import ScenarioError
from simulator.policies import POLICIES, policy_from
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.load import load_scenario
from simulator.scenario.resolve import config_hash, to_toml
from simulator.units import HOUR


def faults(resolved, *methods, **blocks):
    with pytest.raises(ScenarioError) as caught:
        resolved(*methods, **blocks)
    return "\n".join(caught.value.faults)


def test_the_table_loads_no_torch():
    code = (
        "import sys; from learners.catalog import METHODS, resolve_all; "
        "from simulator.scenario.model import MethodBlock, Scenario; "
        "resolve_all(Scenario(world={'impressions': True}, method=[MethodBlock(method=m) for m in METHODS])); "
        "sys.exit(bool({'torch', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_entry_resolves_and_its_policy_exists(name, resolved):
    (method,) = resolved(name)
    assert method.name == name
    assert method.link.tasks
    assert set(method.link.heads) <= set(method.objective.heads)
    assert set(method.objective.targets) <= {*method.policy.labels, *method.policy.carries, "clicked"}
    assert policy_from(method.policy.spec()) == method.policy
    assert method.policy.kind in POLICIES


def test_any_part_can_be_replaced(resolved):
    method = resolved(
        {
            "method": "fnw",
            "name": "mine",
            "policy": {"kind": "elapsed-time", "window": "1h"},
            "objective": "es-dfm",
            "auxiliary": "delay",
            "network": {"kind": "mlp", "hidden": [64, 8]},
            "learner": {"learning_rate": 0.01},
        }
    )[0]
    assert (method.name, method.method) == ("mine", "fnw")
    assert method.objective.kind == "es-dfm"
    assert method.network.hidden == (64, 8)
    assert method.learner.learning_rate == 0.01
    assert (method.policy.kind, method.policy.window) == ("elapsed-time", HOUR)
    assert method.auxiliary.window == HOUR, "the delay network speaks of the policy's window"


def test_a_table_without_kind_changes_parameters(resolved):
    first, second = resolved({"method": "es-dfm", "policy": {"window": "2h"}}, "online-single")
    assert (first.policy.kind, first.policy.window) == ("elapsed-time", 2 * HOUR)
    assert first.auxiliary.window == 2 * HOUR
    assert second.policy.spec() == {
        "kind": "partial-gmv",
        "partial": True,
        "final": False,
        "net": False,
    }


def test_the_auxiliary_defaults_to_the_scenarios_window_and_can_be_taken_away(resolved):
    own, bare = resolved(
        {"method": "es-dfm", "name": "a"},
        {"method": "es-dfm", "name": "b", "auxiliary": "none", "objective": "bce"},
        windows={"observation": "3h"},
    )
    assert own.auxiliary.window == 3 * HOUR
    assert bare.auxiliary is None


def test_hyper_parameters_method_over_scenario_over_table(resolved):
    amounts = METHODS["online-single"].learner["batch_size"]
    assert resolved("online-single")[0].learner.batch_size == amounts != LearnerBlock().batch_size
    assert resolved("online-single", learner={"batch_size": 99})[0].learner.batch_size == 99
    table = {"method": "online-single", "learner": {"batch_size": 7}}
    assert resolved(table, learner={"batch_size": 99})[0].learner.batch_size == 7


def test_a_hyper_parameter_that_is_written_counts_though_it_is_the_default(resolved, tmp_path):
    usual = LearnerBlock().batch_size
    assert resolved("online-single", learner={"batch_size": usual})[0].learner.batch_size == usual

    base, top, bare = (tmp_path / f"{name}.toml" for name in ("base", "top", "bare"))
    bare.write_text('[world]\n[[method]]\nmethod = "online-single"\n')
    base.write_text(f"{bare.read_text()}[learner]\nbatch_size = {usual}\n")
    top.write_text('extends = "base.toml"\n[learner]\nembedding_dim = 4\n')
    loads = {
        "file": load_scenario(base),
        "extends": load_scenario(top),
        "--set": load_scenario(bare, [f"learner.batch_size={usual}"]),
        "nowhere": load_scenario(bare),
    }
    for name, loaded in list(loads.items()):
        again = tmp_path / f"{name}.resolved.toml"
        again.write_text(to_toml(loaded))
        loads[f"{name}, resolved"] = load_scenario(again)
        assert config_hash(loaded.scenario) == config_hash(load_scenario(again).scenario)
    found = {name: resolve_all(loaded.scenario)[0].learner.batch_size for name, loaded in loads.items()}
    own = METHODS["online-single"].learner["batch_size"]
    assert found == {name: own if name.startswith("nowhere") else usual for name in loads}
    assert config_hash(loads["file"].scenario) == config_hash(loads["--set"].scenario)
    assert config_hash(loads["file"].scenario) != config_hash(loads["nowhere"].scenario), "other results"


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        ({"method": "es_dfm"}, ["method[0].method", "'es_dfm'", "Did you mean 'es-dfm'?"]),
        (
            {"method": "fnw", "objective": "fwn"},
            ["method[0].objective", "'fwn'", "allowed: bce, ", ", es-dfm, ", "'fnw'?"],
        ),
        (
            {"method": "fnw", "network": {"kind": "mlpp"}},
            ["method[0].network", "'mlpp'", "allowed: ", "'mlp'?"],
        ),
        ({"method": "fnw", "network": {"hiden": [3]}}, ["method[0].network.hiden", "Did you mean 'hidden'?"]),
        ({"method": "es-dfm", "objective": {"clip": 1}}, ["method[0].objective.clip", "takes no parameters"]),
        (
            {"method": "es-dfm", "auxiliary": {"window": "soon"}},
            ["method[0].auxiliary.window", "'soon'", "'15m'"],
        ),
        ({"method": "fnw", "learner": {"hidden": [0]}}, ["method[0].learner.hidden.0 = 0", "greater than 0"]),
        ({"method": "fnw", "learner": {"lr": 1}}, ["method[0].learner.lr", "learning_rate"]),
        (
            {"method": "fnw", "objective": "es-dfm"},
            ["method[0].auxiliary", "p_dp, p_rn", "allowed auxiliaries: delay"],
        ),
        ({"method": "fnw", "objective": "log-mae"}, ["method[0].objective", "trains gmv", "serves cvr"]),
        (
            {"method": "online-single", "policy": "fake-negative"},
            ["method[0].policy", "delivers converted", "gmv"],
        ),
        ({"method": "fnw", "policy": "nope"}, ["method[0].policy: unknown policy 'nope'", "elapsed-time"]),
        (
            {"method": "fnw", "policy": {"kind": "elapsed-time", "window": 5}},
            ["method[0].policy.window: 5", "'15m'"],
        ),
    ],
)
def test_faults_name_key_value_and_what_is_allowed(method, parts, resolved):
    message = faults(resolved, method)
    for part in parts:
        assert part in message


def test_all_faults_of_all_methods_at_once(resolved):
    message = faults(
        resolved,
        "fnc",
        {
            "method": "fnc",
            "policy": "nope",
            "objective": "bcd",
            "network": "mpl",
            "learner": {"batch_size": 0},
        },
        {"method": "nope"},
    )
    assert [line.partition(":")[0].partition(" ")[0] for line in message.splitlines()] == [
        "method[1].objective",
        "method[1].network",
        "method[1].learner.batch_size",
        "method[1].policy",
        "method[2].method",
    ]
