"""A policy of an installed distribution comes in through the entry-point group, as far as a whole scenario."""

from __future__ import annotations

import re
from pathlib import Path

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


def install(site: Path, entries: str) -> dict[str, str]:
    """Lay a distribution out as pip would, and return the environment that finds it."""
    site.mkdir()
    (site / "third_party.py").write_text(MODULE, encoding="utf-8")
    info = site / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n", encoding="utf-8"
    )
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
        ("patient = third_party:Impatient", "cannot be loaded"),
        ("patient = no_such_module:Patient", "cannot be loaded"),
        ("patient = collections:OrderedDict", "is not a policy"),
    ],
)
def test_a_broken_one_is_named_without_a_traceback(tmp_path: Path, entry: str, said: str):
    done = sim("ls", "policies", env=install(tmp_path / "site", entry), code=None)
    assert done.returncode in (1, 2)
    assert said in done.stderr.replace("\n", " ")
    assert entry.partition(" = ")[2] in done.stderr
    assert "fault of afterclick" not in done.stderr
