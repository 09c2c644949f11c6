"""An installed product needs no checkout: its scenarios are inside, and it calls itself by the name it is called by."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

from simulator.program import as_typed, program
from simulator.scenario.shipped import SHIPPED, found, typed
from tests.commands import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the product as a wheel leaves it; its dependencies are those of this process."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", str(ROOT), *options, "-w", str(place)], check=True, cwd=place)
    (wheel,) = place.glob("*.whl")
    site = place / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    return site


def afterclick(site: Path, *words: str, cwd: Path, code: int = 0) -> str:
    """Run the installed command in a folder of its own; return all that it wrote."""
    done = subprocess.run(
        [sys.executable, str(site / "bin" / "afterclick"), *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_scenarios_are_listed_copied_and_read_by_name(installed, tmp_path):
    listed = afterclick(installed, "ls", "scenarios", cwd=tmp_path)
    assert {path.name for path in (ROOT / "scenarios").glob("*.toml")} <= set(listed.split())
    for name in ("minimal.toml", "scenarios/promotion_stages.toml", "first_sale.toml"):
        assert "valid" in afterclick(installed, "validate", name, cwd=tmp_path)
    assert 'data.path = "data/criteo": nothing' in afterclick(
        installed, "validate", "criteo.toml", cwd=tmp_path
    )
    afterclick(installed, "cp", "double11_all.toml", cwd=tmp_path)
    assert "double11_all.toml: valid" in afterclick(installed, "validate", "double11_all.toml", cwd=tmp_path)


def test_the_documents_are_inside(installed, tmp_path):
    shown = afterclick(installed, "ask", "Where do rows go that make no sense?", cwd=tmp_path)
    assert "quarantine" in shown
    pages = installed / "simulator" / "documents"
    assert {page.name for page in (ROOT / "docs").glob("*.md")} == {
        page.name for page in (pages / "docs").glob("*.md")
    }
    assert "README.md: afterclick" in afterclick(installed, "ask", "What is guaranteed?", cwd=tmp_path)


def test_it_speaks_of_itself_by_the_name_it_was_called_by(installed, tmp_path):
    shown = afterclick(installed, "--help", cwd=tmp_path)
    assert "Usage: afterclick" in shown
    assert "afterclick scenarios/double11.toml" in shown
    shown += afterclick(installed, "import", "--help", cwd=tmp_path)
    shown += afterclick(installed, "validat", "x", cwd=tmp_path, code=2)
    shown += afterclick(installed, "validate", "--sed", "3", cwd=tmp_path, code=2)
    shown += afterclick(installed, "validate", "retailrocket.toml", cwd=tmp_path)
    assert "afterclick import retailrocket" in shown
    assert "sim.py" not in shown


@pytest.mark.long
def test_a_shipped_scenario_runs_in_an_empty_folder(installed, tmp_path):
    afterclick(installed, "minimal.toml", cwd=tmp_path)
    assert list(tmp_path.glob("runs/minimal/*/report.html"))


def test_the_wheel_has_what_the_code_looks_for():
    wheel: dict[str, Any] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["sources"] == {
        "scenarios": "simulator/shipped",
        "docs": "simulator/documents/docs",
        "data": "simulator/documents/data",
    }
    assert SHIPPED == ROOT / "scenarios"
    assert PYPROJECT["project"]["scripts"] == {"afterclick": "sim:main"}


def test_an_editable_installation_leads_here_and_copies_nothing(tmp_path):
    (made,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["editable"])
    with ZipFile(made) as wheel:
        (path,) = [name for name in wheel.namelist() if ".dist-info/" not in name]
        assert wheel.read(path).decode() == str(ROOT)


def test_a_file_of_the_user_goes_before_a_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own, named = Path("minimal.toml"), Path("scenarios/minimal.toml")
    assert found(own) == found(named) == SHIPPED / "minimal.toml"
    assert typed(SHIPPED / "minimal.toml") == "minimal.toml"
    for other in (Path("other/minimal.toml"), Path("minimal"), Path("nowhere.toml"), tmp_path / own):
        assert found(other) == other
    own.touch()
    assert found(own) == own


@pytest.mark.parametrize(
    ("argv", "name"),
    [("/usr/bin/afterclick", "afterclick"), ("sim.py", "python sim.py"), ("", "python sim.py")],
)
def test_the_name_is_that_of_the_command(argv, name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [argv])
    assert program() == name
    assert as_typed("python sim.py import x") == f"{name} import x"
