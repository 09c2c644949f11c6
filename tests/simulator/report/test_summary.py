"""``summary.json``: fixed names, plain JSON, stable order."""

import json

import pytest

from tests.simulator.report.made import LONG, make_run

BINARY = {"auc", "prauc", "nll", "pcoc", "ri_auc", "ri_prauc", "regret_nll"}


def test_fixed_names():
    results, summary = make_run()
    assert set(summary["methods"]) == {"pre-trained", "oracle", "es-dfm", LONG, "online-single"}
    assert set(summary["methods"][LONG]) == {"cvr", "netcvr", "rfr", "gmv"}
    assert set(summary["methods"]["es-dfm"]["cvr"]) == BINARY
    assert {"auc", "acc", "alpr", "pcoc"} <= set(summary["methods"]["online-single"]["gmv"])
    assert summary["methods"]["es-dfm"]["cvr"]["auc"] == results.overall()["es-dfm"]["cvr"].values["auc"]
    log = summary["log"]
    assert log["read"] == log["replayed"] + log["quarantined"]
    assert (log["evaluated"], log["immature"]) == (3900, 100)
    assert summary["wall_seconds"]["replay"] == 1.5
    assert summary["clicks_per_second"] == 2666.0
    assert set(summary["phases"]) == {"before", "anticipation", "promotion", "after"}
    assert [cell["phase"] for cell in summary["after_switch"]] == ["anticipation", "promotion", "after"]


def test_it_is_plain_json_with_null_for_the_undefined():
    _, summary = make_run()
    text = json.dumps(summary, allow_nan=False)
    assert json.loads(text) == summary
    assert summary["methods"][LONG]["netcvr"].get("ri_auc") is None
    assert list(summary)[:3] == ["name", "title", "seed"]


def test_references_rank_apart():
    _, summary = make_run()
    ranking = summary["ranking"]["cvr"]
    assert ranking == {
        "metric": "regret_nll",
        "methods": ["es-dfm", LONG],
        "references": ["oracle", "pre-trained"],
        "pretrained": "pre-trained",
        "oracle": "oracle",
    }


def test_same_input_same_summary():
    _, summary = make_run()
    make_run.cache_clear()
    _, again = make_run()
    spread = [{k: v for k, v in s.items() if k != "intervals"} for s in (summary, again)]
    assert json.dumps(spread[0]) == json.dumps(spread[1])
    assert summary["intervals"] == again["intervals"]
    assert summary["intervals"][0]["difference"] == pytest.approx(again["intervals"][0]["difference"])
