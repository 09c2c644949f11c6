"""The Python face: docs/notebook.md as it stands, what shows itself, and the errors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import sim
from simulator.errors import RunError, ScenarioError
from tests.commands import ROOT

PAGE = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory):
    """Execute the page in a folder of its own; what its cells left, and the last value of each."""
    names: dict[str, object] = {}
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
            *lines, last = block.rstrip().splitlines()
            exec("\n".join(lines), names)
            shown.append(eval(last, names))
        names["here"] = Path.cwd()
    return names, shown


def test_the_page_is_true(page):
    names, (table, figure, number, comparison) = page
    assert {"oracle", "pre-trained", "fnw"} <= set(repr(table).split())
    assert "CVR" in repr(table)
    assert figure.to_plotly_json()["data"]
    assert 0 < number < 1
    assert "(2 runs)" in repr(comparison)
    assert names["again"].summary == names["first"].summary
    manifest = (names["here"] / names["first"].path / "scenario.resolved.toml").read_text()
    assert "batch_size = 512" in manifest
    assert names["first"].summary["seed"] == 1


def test_results_show_themselves_as_text_and_as_html(page, monkeypatch):
    names, _ = page
    monkeypatch.chdir(names["here"])
    first, comparison = names["first"], sim.compare([names["first"].path, str(names["second"].path)])
    for shown in (first, first.table("cvr"), first.phases("cvr"), comparison):
        text, page_text = repr(shown), shown._repr_html_()
        assert "cvr" in text.lower()
        assert page_text.startswith("<pre")
        assert "<script" not in page_text
    assert str(first.path) in repr(first)
    figures = first.figures()
    assert "cvr-metrics" in repr(figures)
    assert figures._repr_html_().count("plotly.js v") == 1
    assert "cdn" not in figures._repr_html_()[-100_000:]


def test_predictions_are_arrow(page, monkeypatch):
    names, _ = page
    monkeypatch.chdir(names["here"])
    predictions = names["first"].predictions()
    assert isinstance(predictions, pa.Table)
    assert predictions.num_rows == names["first"].summary["rows"]["cvr"]["rows"]


def test_errors_are_the_houses(page, monkeypatch, tmp_path):
    names, _ = page
    monkeypatch.chdir(names["here"])
    first = names["first"]
    with pytest.raises(ScenarioError, match=r"unknown task 'cvt'.*Did you mean 'cvr'"):
        first.table("cvt")
    with pytest.raises(ScenarioError, match="unknown figure"):
        first.figures()["cvr"]
    with pytest.raises(ScenarioError, match="Did you mean 'batch_size'"):
        sim.run("scenarios/minimal.toml", overrides={"learner.batch_sise": 3})
    with pytest.raises(ScenarioError, match="TOML"):
        sim.run("scenarios/minimal.toml", overrides={"learner.batch_size": None})
    with pytest.raises(ScenarioError, match="no such run"):
        sim.load(tmp_path / "nowhere")
    with pytest.raises(ScenarioError, match="name one finished run"):
        sim.compare([])
    with pytest.raises(RunError, match="replace"):
        sim.run(
            "scenarios/minimal.toml", seed=1, overrides={"learner.batch_size": 512, "stream.segment": "4.8h"}
        )


def test_a_run_without_predictions_says_so(page, tmp_path, monkeypatch):
    names, _ = page
    monkeypatch.chdir(names["here"])
    for name in ("summary.json", "metrics.parquet"):
        (tmp_path / name).write_bytes((names["first"].path / name).read_bytes())
    with pytest.raises(RunError, match=r"output\.predictions = true"):
        sim.load(tmp_path).predictions()


def test_importing_it_loads_nothing_heavy():
    code = "import sys; from sim import run, load, compare; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "plotly", "pyarrow", "pydantic"} & set(done.stdout.split())
