"""A run that is asked for the age of an entity says so in summary, terminal and report; one it does not have is refused."""

import pytest

from simulator.report.shown import Results
from tests.commands import run_directory, sim_here, summary_of

RUN = ("scenarios/minimal.toml", "--progress", "none", "--set", "learner.batch_size=1024")


def test_new_items_are_told_of(tmp_path):
    asked = ("evaluation.entity=item_id", "evaluation.entity_days=1", "evaluation.entity_positives=3")
    shown = sim_here(*RUN, "--out", tmp_path, *(word for key in asked for word in ("--set", key))).stdout
    run = run_directory(tmp_path)
    ageing = summary_of(run)["ageing"]
    assert (ageing["entity"], ageing["within"], ageing["days"], ageing["positives"]) == ("item_id", 0.2, 1, 3)
    cvr = ageing["tasks"]["cvr"]
    assert cvr["entities"] > 0
    assert set(cvr["methods"]) == set(summary_of(run)["methods"])
    assert f"CVR: {cvr['entities']} new by item_id" in shown
    figure = Results(run).figures()["section-0"]
    assert figure.layout.xaxis.title.text == "age of item_id, days"
    assert {trace.name: list(trace.y) for trace in figure.data} == {
        method: values["calibrated"] for method, values in cvr["methods"].items()
    }
    assert "New entities: item_id" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["evaluation.entity=itm_id"], "evaluation.entity: unknown feature 'itm_id'"),
        (["evaluation.entity=item_id", "output.predictions=false"], "measured from predictions"),
    ],
)
def test_what_cannot_be_told_is_refused_before_the_run(tmp_path, keys, said):
    words = [word for key in keys for word in ("--set", key)]
    assert said in sim_here(*RUN, "--out", tmp_path, *words, code=2).stderr
