"""A policy of an installed distribution comes in through the entry-point group, as far as a whole scenario."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.commands import ROOT, sim

MODULE = '''
from simulator.policies import Windowed


class Patient(Windowed):
    """Deliver what was seen, twice the window later."""

    def on_click(self, at, out):
        out.timer(at, after=2 * self.window)

    def on_timer(self, at, out):
        out.deliver(at, converted=at.journey.paid, role="seen")
'''
SCENARIO = f"""
extends = "{ROOT / "scenarios" / "minimal.toml"}"

[[method]]
method = "waiting-window"
policy = {{ kind = "patient", window = "20m" }}
"""


def install(site: Path, entries: str, name: str = "third-party") -> dict[str, str]:
    """Lay a distribution out as pip would, and return the environment that finds it."""
    site.mkdir()
    (site / "third_party.py").write_text(MODULE, encoding="utf-8")
    (site / "quits.py").write_text('raise SystemExit("no licence")\n', encoding="utf-8")
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[afterclick.policies]\n{entries}\n", encoding="utf-8")
    return {"PYTHONPATH": str(site)}


def test_it_is_listed_validated_and_audited(tmp_path: Path):
    env = install(tmp_path / "site", "patient = third_party:Patient")
    scenario = tmp_path / "patient.toml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    listed = sim("ls", "policies", env=env).stdout
    assert re.search("patient +Deliver what was seen, twice the window later.", listed)
    assert "valid; 1 method" in sim("validate", scenario, env=env).stdout
    audited = sim("audit", scenario, "--set", f"output.cache={tmp_path / 'cache'}", env=env).stdout
    assert 'causal  patient{"window": "20m"}' in audited


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("never = third_party:Patient", "has the name of a built-in policy"),
        ("patient = third_party:Impatient", "has no attribute 'Impatient'"),
        ("patient = no_such_module:Patient", "No module named 'no_such_module'"),
        ("patient = collections:OrderedDict", "is not a policy"),
        ("patient = quits:Patient", "SystemExit: no licence"),
    ],
)
def test_a_broken_one_is_reported_by_its_distribution_and_stops_nobody_else(
    tmp_path: Path, entry: str, said: str
):
    env = install(tmp_path / "site", entry)
    listed, validated = sim("ls", "policies", env=env), sim("validate", "scenarios/minimal.toml", env=env)
    for done in (listed, validated):
        (warning,) = [line for line in done.stderr.splitlines() if "entry point" in line]
        assert f"({entry.partition(' = ')[2]}) of third-party 1.0 is left out" in warning
        assert said in warning
    assert "elapsed-time" in listed.stdout


def test_the_audit_goes_on_without_a_broken_one(tmp_path: Path):
    env = install(tmp_path / "site", "patient = quits:Patient")
    audited = sim("audit", "scenarios/minimal.toml", "--set", f"output.cache={tmp_path / 'cache'}", env=env)
    assert "causal  never" in audited.stdout


def test_a_broken_one_is_an_error_where_it_is_used(tmp_path: Path):
    env = install(tmp_path / "site", "patient = third_party:Impatient")
    scenario = tmp_path / "patient.toml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    done = sim("validate", scenario, env=env, code=2)
    assert (
        "policy: policy 'patient': entry point 'patient' (third_party:Impatient) of third-party 1.0"
        in done.stderr
    )
    assert "fault of afterclick" not in done.stderr


def test_two_distributions_of_one_name_are_left_out_both(tmp_path: Path):
    env = install(tmp_path / "site", "patient = third_party:Patient")
    install(tmp_path / "other", "patient = third_party:Patient", name="other-party")
    env = {"PYTHONPATH": f"{env['PYTHONPATH']}:{tmp_path / 'other'}"}
    listed = sim("ls", "policies", env=env)
    assert "patient" not in listed.stdout
    assert (
        "of third-party 1.0 is left out: other-party 1.0 brings another policy of that name" in listed.stderr
    )
    scenario = tmp_path / "patient.toml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    assert "other-party 1.0 brings another" in sim("validate", scenario, env=env, code=2).stderr


PEEKING = """
from simulator.policies.elapsed_time import ElapsedTime


class Peeking(ElapsedTime):
    def on_click(self, at, out):
        journeys = at._scene.journeys
        seen = journeys.state["pay_count"][journeys.columns["slot"][at.index]] > 0
        out.deliver(at, converted=seen, role="seen")


class Impostor(ElapsedTime):
    kind = "elapsed-time"
"""


def test_a_subclass_is_another_policy_than_the_shipped_one(tmp_path: Path):
    """Listed before the shipped one, it once took that one's place: the audit passed it, and listeners got its samples."""
    env = install(tmp_path / "site", "")
    (tmp_path / "site" / "peeking.py").write_text(PEEKING, encoding="utf-8")
    scenario = tmp_path / "peeking.toml"
    methods = "".join(
        f'[[method]]\nmethod = "vanilla"\nname = "m{k}"\npolicy = "{kind}"\n'
        for k, kind in enumerate(("peeking:Peeking", "elapsed-time"))
    )
    few = "[world]\nclicks_per_day = 500\n"
    base = ROOT / "scenarios" / "minimal.toml"
    scenario.write_text(f'extends = "{base}"\n{few}{methods}', encoding="utf-8")
    cache = f"output.cache={tmp_path / 'cache'}"
    audited = sim("audit", scenario, "--set", cache, env=env, code=3)
    assert "peeks  peeking:Peeking" in audited.stdout
    assert "causal  elapsed-time" in audited.stdout
    run = sim(scenario, "--set", cache, "--out", tmp_path / "runs", "--dump-samples", env=env, code=0)
    assert run.returncode == 0
    (samples,) = tmp_path.glob("runs/*/*/samples")
    roles = {}
    for name in ("m0", "m1"):
        table = pq.read_table(next(path for path in samples.rglob("*") if path.name.startswith(name)))
        roles[name] = table.num_rows
    assert roles["m0"] != roles["m1"]


def test_two_classes_of_one_kind_are_an_error(tmp_path: Path):
    env = install(tmp_path / "site", "")
    (tmp_path / "site" / "peeking.py").write_text(PEEKING, encoding="utf-8")
    scenario = tmp_path / "impostor.toml"
    scenario.write_text(SCENARIO.replace('kind = "patient"', 'kind = "peeking:Impostor"'), encoding="utf-8")
    said = sim("validate", scenario, env=env, code=2).stderr
    assert "kind = 'elapsed-time' is that of simulator.policies.elapsed_time:ElapsedTime" in said
