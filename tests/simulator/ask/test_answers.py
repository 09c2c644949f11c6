"""Questions of runs: the numbers are those of the files, come with their place, and are refused where there are none."""

import json
import math
import re
import tomllib

import numpy as np
import pyarrow.parquet as pq
import pytest

from simulator.ask.answers import answered
from simulator.ask.asked import groups
from simulator.ask.checker import check, same_numbers
from simulator.ask.facts import Cell, Fact, Shown
from simulator.ask.question import parse
from simulator.errors import RunError
from simulator.units import HOUR
from tests.simulator.ask.made import OPENING, make_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    return [make_run(base, seed) for seed in range(4)]


def ask(question, *paths):
    found = groups(paths)
    (answer,) = answered(found, parse(question, found[0].methods))
    return answer


def summary(run):
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("question", "pointer"),
    [
        ("What is the NLL regret of ES-DFM in the anticipation?", ("phases", "anticipation", "es-dfm", "cvr", "regret_nll")),
        ("auc of fnw on the day of the sale", ("phases", "promotion", "fnw", "cvr", "auc")),
        ("log loss of es_dfm after double 11", ("phases", "after", "es-dfm", "cvr", "nll")),
        ("ES DFM calibration", ("methods", "es-dfm", "cvr", "pcoc")),
        ("fnw 大促当天的对数损失", ("phases", "promotion", "fnw", "cvr", "nll")),
        ("how many samples per click does es-dfm deliver", ("costs", "es-dfm", "duplication_factor")),
        ("how many clicks were judged?", ("rows", "cvr", "rows")),
        ("regret of doing nothing before the sale", ("phases", "anticipation", "pre-trained", "cvr", "regret_nll")),
    ],
)  # fmt: skip
def test_a_number_is_that_of_the_file_and_says_where(runs, question, pointer):
    answer = ask(question, runs[1])
    value = summary(runs[1])
    for step in pointer:
        value = value[step]
    (shown,) = answer.facts
    assert math.isclose(float(shown.text.replace(",", "")), value, abs_tol=0.0006)
    assert shown.fact.shown() == f"{runs[1]}: summary.json /{'/'.join(pointer)}"
    assert f"{shown.text} [a]" in answer.marked


def test_over_seeds_it_is_the_mean_and_says_of_how_many(runs):
    answer = ask("nll of es-dfm in the anticipation", *runs)
    values = [summary(run)["phases"]["anticipation"]["es-dfm"]["cvr"]["nll"] for run in runs]
    assert [shown.text for shown in answer.facts] == [f"{np.mean(values):.4f}", "4"]
    assert [cell.run for cell in answer.facts[0].fact.cells] == runs
    assert ask("nll of es-dfm seed 2", *runs).facts[0].fact.cells[0].run == runs[2]


@pytest.mark.parametrize(("words", "first", "end"), [("first 6 hours", 0, 6), ("opening hours", 0, 6), ("hour 3", 3, 4),
                                                     ("last two hours before the opening", -2, 0)])  # fmt: skip
def test_hours_around_the_opening_are_counted_from_the_predictions(runs, words, first, end):
    table = pq.read_table(runs[0] / "predictions.parquet").to_pydict()
    time, y, p = (np.array(table[name]) for name in ("time", "converted", "fnw.cvr"))
    kept = (time >= OPENING + first * HOUR) & (time < OPENING + end * HOUR)
    pcoc = ask(f"pcoc of fnw {words}", runs[0]).facts[0].text
    assert float(pcoc) == pytest.approx(p[kept].sum() / y[kept].sum(), abs=0.0006)
    nll = -np.where(y, np.log(p), np.log1p(-p))[kept].mean()
    assert float(ask(f"nll of fnw {words}", runs[0]).facts[0].text) == pytest.approx(nll, abs=0.0006)


def test_other_metrics_of_hours_are_means_over_segments_weighted_by_rows(runs):
    rows = pq.read_table(runs[0] / "metrics.parquet").to_pylist()
    kept = [row for row in rows if (row["method"], row["metric"]) == ("fnw", "auc")]
    kept = [row for row in kept if OPENING <= row["start"] < OPENING + 6 * HOUR]
    assert len(kept) == 3
    value = sum(row["value"] * row["rows"] for row in kept) / sum(row["rows"] for row in kept)
    assert float(ask("auc of fnw first 6 hours", runs[0]).facts[0].text) == pytest.approx(value, abs=6e-5)


def test_which_is_best_counts_the_frozen_model_and_not_the_oracle(runs):
    answer = ask("which method is best before the sale?", *runs)
    assert answer.text.index("pre-trained") < answer.text.index("es-dfm")
    assert "oracle" not in answer.text
    assert "pre-trained is better, settled" in answer.text


def test_a_difference_is_paired_over_seeds_with_its_interval(runs):
    answer = ask("is es-dfm better than fnw?", *runs)
    one, two = ([summary(run)["methods"][m]["cvr"]["regret_nll"] for run in runs] for m in ("es-dfm", "fnw"))
    paired = np.subtract(one, two)
    half = 3.182446 * paired.std(ddof=1) / 2  # t(3) at 97.5 %
    ends = [float(shown.text) for shown in answer.facts[-3:]]
    assert ends == pytest.approx([paired.mean(), paired.mean() - half, paired.mean() + half], abs=6e-5)
    assert "es-dfm is better, settled" in answer.text


def test_of_one_run_the_interval_is_that_of_its_blocks_in_either_direction(runs):
    answer = ask("compare es-dfm with fnw", runs[0])
    assert [shown.text for shown in answer.facts[-3:]] == ["-0.0110", "-0.0170", "-0.0050"]
    assert ask("compare fnw with es-dfm", runs[0]).facts[-1].text == "+0.0170"
    assert answer.command[-4:] == ("--seeds", "0..3", "--out", "runs-seeds")
    assert "no interval" in ask("compare es-dfm with oracle", runs[0]).text


def test_what_to_serve_leads_to_the_verdict(runs):
    assert ask("what should I serve before the sale?", *runs).command == ("verdict", *map(str, runs))


def test_why_tells_what_was_measured(runs):
    answer = ask("Why does es-dfm predict too low in the anticipation?", runs[0])
    assert "It predicts less than what comes in the anticipation" in answer.text
    days = summary(runs[0])["costs"]["es-dfm"]["by_day"]["fake_negative_rate"]
    assert (
        f"{100 * np.mean(days[3:6]):.1f} % were fake in the anticipation, against {100 * np.mean(days[:3]):.1f} %"
        in answer.text
    )
    assert "delivered 0 samples" in ask("why is pre-trained good before the sale", runs[0]).text


def test_why_quotes_the_verdict_on_a_stretch(tmp_path):
    run = make_run(tmp_path)
    reason = "82% of the margin to fnw is calibration (PCOC 0.98 against 1.21)."
    margin = {"method": "fnw", "difference": 0.011, "settled": True}
    told = {"name": "day", "best": "es-dfm", "runner_up": margin, "nothing": None, "why": reason}
    write_verdict(run, told, {**told, "name": "after", "why": ""})
    answer = ask("why is es-dfm better than fnw on the day?", run)
    assert answer.text.endswith(f"The verdict's best there is es-dfm: {reason}")
    assert answer.facts[-1].fact.shown() == f"{run}: summary.json /verdict/0/stretches/0/why"
    for other in ("why is es-dfm better than fnw after the sale?", "why is es-dfm better than fnw?",
                  "why is oracle better than fnw on the day?"):  # fmt: skip
        assert "verdict" not in ask(other, run).text
    again = make_run(tmp_path, 1)
    assert "verdict" not in ask("why is es-dfm better than fnw on the day?", run, again).text, (
        "it is of one run"
    )
    write_verdict(run, {**told, "why": "It is \x1b[2J so."})
    assert "unknown" in ask("why is es-dfm better than fnw on the day?", run).text


def test_a_sentence_that_is_not_in_its_file_is_not_shown(tmp_path):
    run = make_run(tmp_path)
    write_verdict(run, {"why": "One of 2."})
    fact = Fact((Cell(run, "summary.json", ("verdict", 0, "stretches", 0, "why")),), form="quoted")
    check([Shown(fact, "One of 2.")], ())
    with pytest.raises(RunError, match=r"is One of 2\., and was to be shown as One of 3\."):
        check([Shown(fact, "One of 3.")], ())


def write_verdict(run, *stretches):
    found = {**summary(run), "verdict": [{"task": "cvr", "stretches": stretches}]}
    (run / "summary.json").write_text(json.dumps(found), encoding="utf-8")


@pytest.mark.parametrize(
    ("question", "said", "words"),
    [
        ("auc of defer", "defer is not in these runs", "cp double11"),
        ("ece of es-dfm", "ece is not among the metrics", 'evaluation.metrics=["ece"]'),
        ("gmv of es-dfm", "they predict cvr", "ls methods"),
        ("auc of es-dfm seed 9", "None of these runs has that seed", "--seed 9"),
        ("staleness of es-dfm on the day", "not kept by phase", "--dump-samples"),
        ("auc of es-dfm hour 3", "hold no AUC", "stream.segment=1h"),
        ("pcoc of new items", "age of each item", "evaluation.entity=item_id"),
        ("what if es-dfm were better", "not understood", "describe"),
    ],
)
def test_what_no_file_says_is_refused_with_the_command_for_it(runs, question, said, words):
    answer = ask(question, runs[0])
    assert answer.refused
    assert not answer.facts
    assert said in answer.text
    assert words in " ".join(answer.command)


def test_hours_without_predictions_are_refused(tmp_path):
    answer = ask("pcoc of fnw in the first 6 hours", make_run(tmp_path, predictions=False))
    assert answer.refused
    assert "output.predictions=true" in answer.command


@pytest.mark.parametrize(
    ("question", "command"),
    [
        ("what if the observation window were 1 hour?", "--set windows.observation=1h"),
        ("what if the observation window were doubled?", "--set windows.observation=30m"),
        ("如果观察窗口设为2小时", "--set windows.observation=2h"),
        ("what if I took 3 more seeds", "--seeds 1..3"),
        ("what if the seed was 7", "--seed 7"),
        ("what if the learning rate were 0.01", "--set learner.learning_rate=0.01"),
    ],
)
def test_what_if_is_a_command(runs, question, command):
    answer = ask(question, runs[0])
    assert command in " ".join(answer.command)
    assert answer.command[0] == str(runs[0] / "scenario.resolved.toml")
    assert tomllib.loads((runs[0] / "scenario.resolved.toml").read_text())["windows"]["observation"] == "15m"


def test_reproducing_is_the_resolved_scenario_with_its_seed(runs):
    answer = ask("how can I reproduce this run?", runs[3])
    assert answer.command[:3] == (str(runs[3] / "scenario.resolved.toml"), "--seed", "3")


def test_new_entities_are_answered_where_runs_were_judged_by_age(tmp_path):
    run = make_run(tmp_path)
    measured = {"median": 2.5, "never": 0.25, "money": 12.0, "calibrated": []}
    tasks = {
        "cvr": {
            "entities": 9,
            "young": 1,
            "methods": {"fnw": measured, "es-dfm": {**measured, "median": None}},
        }
    }
    told = {"entity": "item_id", "within": 0.2, "days": 2, "positives": 5, "tasks": tasks}
    (run / "summary.json").write_text(json.dumps({**summary(run), "ageing": told}), encoding="utf-8")
    answer = ask("how long until new items are calibrated?", run)
    assert "fnw: median days 2.500, never 25.0 %, money until then 12.000" in answer.text
    assert "es-dfm: median days unknown" in answer.text
    assert answer.facts[0].fact.shown() == f"{run}: summary.json /ageing/within"
    assert ask("how long until new users are calibrated?", run).refused


def test_the_checker_reads_anew(tmp_path):
    run = make_run(tmp_path)
    answer = ask("auc of fnw", run)
    check(answer.pieces, answer.names)
    said = summary(run)
    said["methods"]["fnw"]["cvr"]["auc"] += 0.01
    (run / "summary.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(RunError, match="was to be shown as"):
        check(answer.pieces, answer.names)


def test_a_number_that_is_no_fact_is_refused(runs):
    fact = Fact((Cell(runs[0], "summary.json", ("seed",)),), form="count")
    check(["es-dfm-6h has ", Shown(fact, "0")], ["es-dfm-6h"])
    for text in ("about 3 ", ".5 ", "1e-3 ", "x 12", "v2"):
        with pytest.raises(RunError, match="in no file"):
            check([text, Shown(fact, "0")], [])


SAID = "es-dfm 0.0529 against pre-trained 0.0367: difference +0.0162; pre-trained is better, settled."


@pytest.mark.parametrize(
    "after",
    [
        "es-dfm 0.0367 against pre-trained 0.0529: difference +0.0162; pre-trained is better, settled.",
        SAID.replace("0.0529", "0.053"),
        SAID.replace("0.0529 ", ""),
        SAID.replace("better", "worse"),
        SAID.replace("is better", "is not better"),
        SAID + " That is twice as much.",
        SAID + " About 44 % more.",
        SAID.replace("pre-trained is", "es-dfm is"),
        SAID.replace("+0.0162", "-0.0162"),
        SAID + " 一半",
        SAID.replace("0.0529", "\uff10.0530"),
    ],
)
def test_a_rewording_that_changes_what_is_said_is_found(after):
    names = ["es-dfm", "pre-trained"]
    assert same_numbers(SAID, SAID.replace("settled", "and that is settled"), names)
    assert not same_numbers(SAID, after, names)


def test_vocabulary_is_one_table_of_the_names_that_there_are():
    from learners.methods import METHODS
    from simulator.ask.scores import COSTS, HIGHER, LOWER
    from simulator.ask.vocabulary import phrases, rows, shipped_methods
    from simulator.evaluation.tasks import METRICS as KNOWN
    from simulator.evaluation.tasks import TASKS

    assert len(rows()) >= 100
    assert set(shipped_methods()) == set(METHODS)
    assert {*KNOWN} - {"pcoc"} <= LOWER | HIGHER
    assert all(KNOWN[name].lower == (name in LOWER) for name in KNOWN if name in LOWER | HIGHER)
    assert {name for _, name in phrases("task").values()} <= set(TASKS)
    assert {name for _, name in phrases("cost").values()} == set(COSTS)
    assert sum(bool(re.search(r"[\u4e00-\u9fff]", phrase)) for _, _, said in rows() for phrase in said) >= 50
