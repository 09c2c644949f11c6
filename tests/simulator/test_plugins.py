"""What lies beside a scenario is found for it alone, under no other module's name; plug-ins register what they bring."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from learners.catalog import METHODS, resolve_all
from learners.objectives import Objective
from learners.session.lint import check_methods
from simulator.errors import PluginError, ScenarioError
from simulator.plugins import load_plugins
from simulator.policies import POLICIES
from simulator.scenario.load import Loaded, load_scenario
from simulator.scenario.resolve import to_toml
from tests.commands import ROOT

POLICY = """
from simulator.policies import Windowed, policy


@policy("{kind}")
class Mine(Windowed):
    note: str = "{note}"

    def on_click(self, at, out):
        out.timer(at, after=self.window)

    def on_timer(self, at, out):
        from my_helpers import seen

        out.deliver(at, converted=seen(at), role="seen")
"""
HELPERS = "def seen(at):\n    return at.journey.paid\n"
SCENARIO = f"""
extends = "{ROOT / "scenarios" / "minimal.toml"}"
[[method]]
method = "waiting-window"
"""


@pytest.fixture(autouse=True)
def _leave():
    path = list(sys.path)
    yield
    load_plugins(())
    assert sys.path == path


def lay(folder: Path, top: str, policy: str, kind: str = "mine", note: str = "") -> Path:
    folder.mkdir()
    (folder / "my_module.py").write_text(POLICY.format(kind=kind, note=note), encoding="utf-8")
    (folder / "my_helpers.py").write_text(HELPERS, encoding="utf-8")
    (folder / "my.toml").write_text(f'{top}\n{SCENARIO}policy = "{policy}"\n', encoding="utf-8")
    return folder / "my.toml"


def load(path: Path) -> Loaded:
    return load_scenario(path, check=check_methods)


@pytest.mark.parametrize(("top", "policy"), [("", "my_module:Mine"), ('plugins = ["my_module"]', "mine")])
def test_a_module_beside_the_scenario_is_found_for_it_alone(tmp_path: Path, top: str, policy: str):
    one = load(lay(tmp_path / "one", top, policy, note="one"))
    other = load(lay(tmp_path / "other", top, policy, note="other"))
    for loaded, note in ((one, "one"), (other, "other"), (one, "one")):
        (method,) = resolve_all(loaded.scenario)
        assert method.policy.kind == "mine"
        assert method.policy.note == note
        assert str(tmp_path / note) in next(iter(method.policy.code()))
    load(ROOT / "scenarios" / "minimal.toml")
    assert "mine" not in POLICIES
    assert "my_module" not in sys.modules
    with pytest.raises(ScenarioError, match="cannot import 'my_module'"):
        POLICIES.find("my_module:Mine")


def test_what_was_edited_is_read_anew(tmp_path: Path):
    path = lay(tmp_path / "one", "", "my_module:Mine", note="before")
    before = resolve_all(load(path).scenario)[0].policy
    time.sleep(0.02)
    (path.parent / "my_module.py").write_text(POLICY.format(kind="mine", note="after!"), encoding="utf-8")
    after = resolve_all(load(path).scenario)[0].policy
    assert (before.note, after.note) == ("before", "after!")
    assert set(before.code()) == set(after.code())


def test_the_resolved_scenario_finds_its_modules_from_anywhere(tmp_path: Path):
    loaded = load(lay(tmp_path / "one", "", "my_module:Mine", note="one"))
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "scenario.resolved.toml"
    copy.write_text(to_toml(loaded), encoding="utf-8")
    assert resolve_all(load(copy).scenario)[0].policy.note == "one"


def test_a_scenario_without_modules_of_its_own_names_no_folder():
    assert load(ROOT / "scenarios" / "minimal.toml").scenario.module_path == ()


@pytest.mark.parametrize("name", ["json", "numpy", "simulator"])
def test_a_name_that_is_taken_is_said_and_not_shadowed(tmp_path: Path, name: str):
    path = lay(tmp_path / "one", f'plugins = ["{name}"]', "my_module:Mine")
    (path.parent / f"{name}.py").write_text("raise RuntimeError('shadowed')", encoding="utf-8")
    with pytest.raises(ScenarioError, match=f"plugins.0. = '{name}'.*has the name of a module that is there"):
        load(path)


def test_plugins_that_fail_are_said_all_at_once_with_their_file(tmp_path: Path):
    path = lay(tmp_path / "one", 'plugins = ["my_module", "gone", "broken"]', "mine")
    (path.parent / "broken.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(ScenarioError) as failed:
        load(path)
    first, second = failed.value.faults
    assert first == f"{path}: plugins[1] = 'gone': cannot be imported (No module named 'gone')"
    assert (
        second == f"{path}: plugins[2] = 'broken': cannot be imported (ZeroDivisionError: division by zero)"
    )


METHOD = """
from dataclasses import replace

from learners.methods import METHODS, Method

PATIENT = replace(METHODS["vanilla"], name="patient", policy={"kind": "elapsed-time", "window": "10m"})


@METHODS.register("impatient")
def impatient():
    return replace(PATIENT, name="impatient", policy={"kind": "elapsed-time", "window": "1m"})


NOTHING = 5
"""


@pytest.mark.parametrize(
    ("name", "label", "window"),
    [
        ("my_method:PATIENT", "PATIENT", 10),
        ("my_method:impatient", "impatient", 1),
        ("impatient", "impatient", 1),
    ],
)
def test_a_method_of_ones_own(tmp_path: Path, name: str, label: str, window: int):
    (tmp_path / "my_method.py").write_text(METHOD, encoding="utf-8")
    path = tmp_path / "my.toml"
    path.write_text('plugins = ["my_method"]' + SCENARIO.replace("waiting-window", name), encoding="utf-8")
    (method,) = resolve_all(load(path).scenario)
    assert method.name == label
    assert method.policy.window == window * 60_000_000
    assert METHODS.origin("impatient") == "my_method"
    path.write_text(SCENARIO.replace("waiting-window", "my_method:NOTHING"), encoding="utf-8")
    with pytest.raises(
        ScenarioError, match=r"my_method:NOTHING is no method; allowed: a learners.methods.base:Method"
    ):
        load(path)
    path.write_text(SCENARIO.replace("waiting-window", "my_method:PATENT"), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"has no 'PATENT'. Did you mean 'PATIENT'"):
        load(path)


@pytest.mark.parametrize("name", [":Sub", "mine:", ".mine:Sub"])
def test_a_place_that_is_half_written_is_said_to_be(name):
    with pytest.raises(ScenarioError, match=r"must be written 'package\.module:Name'"):
        POLICIES.find(name)


@pytest.mark.parametrize("name", ["heads", "targets", "estimates"])
def test_one_text_is_no_tuple_of_names(name):
    with pytest.raises(PluginError, match=rf"{name} = 'cvr' is one text; write \('cvr',\)"):
        type("Mine", (Objective,), {name: "cvr", "__module__": "mine"})


def test_a_name_loads_no_more_than_it_needs():
    """What ships apart takes as long to load as a small run's whole start; names are still told in one order."""
    code = (
        "import sys\n"
        "from learners.methods import METHODS\n"
        "from simulator.plugins import SHIPPED, troubles\n"
        "from simulator.policies import POLICIES\n"
        "METHODS['oracle'], POLICIES['elapsed-time'], troubles()\n"
        "assert not set(SHIPPED) & set(sys.modules), set(SHIPPED) & set(sys.modules)\n"
        "METHODS['posterior-settlement']\n"
        "assert 'learners.settlement' in sys.modules and 'learners.cmdcm' not in sys.modules\n"
        "late = list(METHODS)\n"
        "print(late.index('oracle') < late.index('posterior-settlement') < late.index('cm-dcm'))\n"
        "print('cm-dcm' in METHODS, 'no-such' in METHODS, len(late) == len(METHODS))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["True", "True False True"], done.stderr
