"""``fidelity = "reference"`` of the entire-space methods: what the public code has in the place of the papers'."""

from __future__ import annotations

import re

import pytest

from learners.auxiliary import AUXILIARIES
from learners.escim.labeler import Labeler
from learners.kit.methods import _whole
from learners.methods import METHODS
from learners.spaces import SPACES
from simulator.errors import ScenarioError
from simulator.scenario.learner import LearnerBlock
from tests.commands import ROOT

LINE = (
    "esmm", "multi-ips", "multi-dr", "escm2-ips", "escm2-dr", "dcmt", "escim-max", "escim-ratio", "self-training",
)  # fmt: skip


def reference(name, **more):
    return {"method": name, "name": f"{name}-public", "fidelity": "reference", **more}


@pytest.mark.parametrize("name", LINE)
def test_the_line_of_escim_trains_alike(name, resolved):
    public, paper = resolved(reference(name), name)
    own = public.learner
    assert own == LearnerBlock(
        embedding_dim=5, hidden=(512, 256, 128), batch_size=8192, learning_rate=1e-4, embedding_learning_rate=1e-4,
        embedding_optimiser="adam", embedding_deviation=0.01, head_start="random", weight_decay=1e-6,
        pretrain_batch_size=8192, pretrain_epochs=5,
    )  # fmt: skip
    assert paper.learner.embedding_optimiser == "adagrad"
    tower = public.network.tower
    plain = tower.deep if name == "dcmt" else tower
    assert (tower.kind, plain.kind, plain.norm) == ("wide-deep" if name == "dcmt" else "mlp", "mlp", False)
    if name != "esmm":
        assert (paper.objective.space.stop_gradient, public.objective.space.stop_gradient) == (True, False)
    assert resolved(reference(name, learner={"hidden": [8]}))[0].learner.hidden == (8,)


def test_evi_by_its_code_takes_a_weight_of_the_click_rate_and_leaves_variances(resolved):
    public, paper = resolved(reference("evi"), "evi")
    assert (paper.objective.space.weight_cvr, public.objective.space.weight_cvr) == (0.5, 0.2)
    assert (paper.network.variance, public.network.variance) == ("learnt", "fixed")
    assert public.learner.embedding_optimiser == "adam"


@pytest.mark.parametrize("name", ["escim-soft", "escim-joint", "clicked-only"])
def test_what_no_public_code_has_says_so(name, resolved):
    with pytest.raises(ScenarioError, match="has no such variant"):
        resolved(reference(name))


@pytest.mark.parametrize("name", ["escm2-dr", "dcmt", "escim-ratio", "evi"])
def test_it_learns_and_serves(name, one):
    small = {"hidden": [8], "pretrain_epochs": 1}
    assert not _whole(one.method(reference(name, learner=small)))


def test_the_page_has_every_correction_labeler_and_method():
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8").split("## Entire space")[1]
    parts = {*SPACES, *(kind for kind, part in AUXILIARIES.items() if issubclass(part, Labeler))}
    methods = {name for name, m in METHODS.items() if m.serve == "entire-space"}
    assert not [name for name in parts if f"| `{name}`" not in page and f", `{name}` |" not in page]
    assert not [name for name in methods if not re.search(rf"^\|[^|]*\b{name}\b[^|]*\|", page, re.MULTILINE)]
