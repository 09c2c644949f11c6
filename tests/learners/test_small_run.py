"""Methods with a refund stage, and settlement's of pays, refunds and amounts, in one whole run of a small world."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands import run_directory, sim, summary_of

WORLD = """
[world]
days = 7
clicks_per_day = 2_000
cvr = 0.2

[windows]
attribution = "1d"
refund = "1d"
observation = "15m"

[stream]
history = "2d"
gap = "2d"
length = "1d"
segment = "6h"

[learner]
hidden = [16, 8]
embedding_dim = 4
batch_size = 64
pretrain_batch_size = 128
"""
FROZEN = '{ kind = "settlement", beliefs = "frozen" }'
METHODS = {
    "fnc": 'method = "fnc"\ntask = "netcvr"',
    "es-dfm": 'method = "es-dfm"\ntask = "netcvr"',
    "tesla": 'method = "tesla"',
    "reference": 'method = "tesla"\nfidelity = "reference"',
    "true": 'method = "tesla"\nauxiliary = "oracle"',
    "settlement": 'method = "posterior-settlement"\ntask = "netcvr"',
    "frozen": 'method = "posterior-settlement"\ntask = "netcvr"\nauxiliary = { frozen = true }\n'
    f"objective = {{ conversion = {FROZEN}, refund = {FROZEN} }}",
}
SETTLED = ("settlement", "frozen")


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("small")
    blocks = [f'\n[[method]]\nname = "{name}"\n{text}\n' for name, text in METHODS.items()]
    text = "".join([WORLD, *blocks, '\n[[method]]\nmethod = "settlement-gmv"\n'])
    (out / "scenario.toml").write_text(text, encoding="utf-8")
    sim(
        "run",
        out / "scenario.toml",
        "--out",
        out / "runs",
        "--set",
        f"output.cache={out}",
        "--progress",
        "none",
    )
    return summary_of(run_directory(out / "runs"))


@pytest.mark.parametrize("name", METHODS)
def test_both_stages_and_their_product_are_learnt(name: str, summary: dict[str, Any]):
    for task in ("cvr", "rfr", "netcvr"):
        overall = summary["methods"][name][task]
        assert 0.3 < overall["pcoc"] < 3
        assert overall["regret_nll"] < 0.3


@pytest.mark.parametrize("name", SETTLED)
def test_what_is_settled_of_refunds_is_audited(name: str, summary: dict[str, Any]):
    push = summary["costs"][name]["push"]
    assert push["refunds"]["paid"] > 0
    assert len(push["refunds"]["cells"]) == 4


def test_amounts_are_settled_and_audited(summary: dict[str, Any]):
    assert 0.3 < summary["methods"]["settlement-gmv"]["gmv"]["pcoc"] < 3
    amounts = summary["costs"]["settlement-gmv"]["push"]["gmv"]
    assert amounts["paid"] > 0
    assert amounts["expected"] > 0
