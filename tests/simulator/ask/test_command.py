"""`ask` as a command: what it prints, how it ends, and that it is quick to begin."""

import json
import resource
import subprocess
import sys

import pytest

from tests.commands import ROOT, sim, sim_here
from tests.simulator.ask.made import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs"))


def test_an_answer_is_followed_by_its_sources(run):
    shown = sim_here("ask", "auc of fnw", run).stdout.splitlines()
    value = json.loads((run / "summary.json").read_text())["methods"]["fnw"]["cvr"]["auc"]
    assert shown == [
        f"fnw: AUC of cvr over the whole stream is {value:.4f} [a].",
        f"  [a] {run.name}: summary.json /methods/fnw/cvr/auc",
        f"  {run.name} = {run}",
    ]


def test_how_things_work_needs_no_run(run):
    for runs in ([], [run]):
        shown = sim_here("ask", "How is calibration measured?", *runs).stdout
        assert "PCOC" in shown
        assert "See also" in shown
    assert sim_here("ask", "what is the pcoc of fnw after the sale?", run).stdout.startswith("fnw: PCOC")
    assert "no document" in sim_here("ask", "xyzzy plugh", code=1).stdout.lower()


def test_what_is_refused_exits_with_1_and_a_command(run):
    assert "This would produce it: python sim.py" in sim_here("ask", "ece of fnw", run, code=1).stdout


def test_json_has_each_number_with_its_place(run):
    (answer,) = json.loads(sim_here("ask", "auc of fnw", run, "--json").stdout)
    assert answer["facts"][0]["cells"] == [
        {"run": str(run), "table": "summary.json", "filter": "summary.json /methods/fnw/cvr/auc"}
    ]
    assert answer["facts"][0]["text"] in answer["answer"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["auc", "nowhere"], "no such run directory"),
        ([" ", "."], "the question is empty"),
        (["auc of fnw"], "name one finished run"),
    ],
)
def test_what_is_no_question_or_no_run_is_said(words, said):
    assert said in sim_here("ask", *words, code=2).stderr


def test_a_run_given_twice_is_no_replicate(run):
    assert "given twice" in sim_here("ask", "auc of fnw", run, run, code=1).stderr


def test_what_if_starts_its_command_only_when_told_to(run, tmp_path):
    """The made run's scenario is no whole one: that it is refused shows that it was read."""
    words = ("ask", "what if the seed was 7", run)
    assert "--seed 7" in sim(*words, cwd=tmp_path).stdout
    assert list(tmp_path.iterdir()) == []
    started = sim(*words, "--run", cwd=tmp_path, code=2)
    assert "must have [world] or [data]" in started.stderr or "[world]" in started.stderr


def test_an_answer_takes_less_than_a_second_of_the_processor(run):
    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        sim("ask", "pcoc of fnw in the first 6 hours", run)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 1  # 0.5 s on an idle core, of four runs of double11


def test_neither_torch_nor_the_parts_of_methods_are_loaded(run):
    program = "import sys, sim\ntry: sim.main(sys.argv[1:])\nexcept SystemExit: pass\nprint('MODULES', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, "ask", "pcoc of fnw in the first 6 hours", str(run)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = done.stdout.rsplit("MODULES", 1)[1].split()
    slow = (
        "torch",
        "pandas",
        "plotly",
        "learners.objectives",
        "learners.settlement",
        "simulator.scenario.model",
    )
    assert not {*slow} & {*loaded}
