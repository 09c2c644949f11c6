"""A mistake inside a part is one sentence: method, part, hook, batch, and the last line of the part's own that was reached."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from learners.session import run as session
from learners.session.lint import check_methods
from simulator.errors import PartError
from simulator.plugins import load_plugins
from simulator.scenario.load import load_scenario
from tests.commands import ROOT, sim

MODULE = """
import numpy as np
import torch

from learners.auxiliary import Auxiliary, Estimator
from learners.networks.mlp import MLP
from learners.objectives import Objective
from learners.offsets import Offset
from learners.serve.probability import Probability
from learners.start.cvr import ConversionRate
from simulator.policies import Windowed


class BadPolicy(Windowed):
    def on_click(self, at, out):
        out.deliver(at, converted=2.0)


class BadObjective(Objective):
    heads = ("cvr",)
    targets = ("converted",)
    how: str = "raise"

    def loss(self, batch, outputs):
        if self.how == "rows":
            return outputs["cvr"]
        if self.how == "constant":
            return torch.zeros(())
        if self.how == "nan":
            return outputs["cvr"].mean() * float("nan")
        if self.how == "number":
            return 0.5
        return outputs["CVR"].mean()


class BadNetwork(MLP):
    how: str = "raise"

    def build(self, width, heads, generator, inputs=0):
        if self.how == "build":
            raise ValueError("too wide")
        layers = super().build(width, heads, generator, inputs)
        if self.how == "head":
            del layers["heads"]["cvr"]
        return layers

    def forward(self, layers, embedded, inputs=None):
        found = super().forward(layers, embedded, inputs)
        return {"cvr": found["cvr"][:, None]} if self.how == "shape" else {}


class BadRecipe(ConversionRate):
    how: str = "raise"

    def targets(self, clicks, labels):
        return {"cvr": np.zeros(3)} if self.how == "length" else {"cvr": labels.payed}


class BadLink(Probability):
    def serve(self, outputs):
        return {"cvr": np.where(outputs["cvr"] > np.median(outputs["cvr"]), np.nan, 0.5)}


class BadOffset(Offset):
    heads = ("cvr",)

    def prepare(self, materials):
        return lambda clicks: {"cvr": np.zeros(2)}


class Guess(Estimator):
    def of_samples(self, samples):
        return {"delay": np.zeros(len(samples))}


class BadAuxiliary(Auxiliary):
    estimates = ("late",)

    def prepare(self, materials):
        return Guess()


class Asking(BadObjective):
    estimates = ("late",)


class Tells(Windowed):
    tells = True

    def on_click(self, at, out):
        out.deliver(at, converted=0.0)

    def on_segment(self, at, out):
        at.tell(seen=np.zeros(len(at)))


class Deaf(Guess):
    adapts = True

    def hear(self, clicks, now, known):
        raise ValueError(sorted(known))


class DeafAuxiliary(BadAuxiliary):
    def prepare(self, materials):
        return Deaf()
"""
WHO = r"method 'waiting-window': "
BATCH = r"a batch of \d+ samples at step \d+"
LINE = r"; .*bad_parts\.py:\d+: "
CASES = {
    'policy = "bad_parts:BadPolicy"': (
        WHO + r"policy 'bad_parts:BadPolicy.*' delivers converted = 2\.0; allowed: between 0 and 1.* "
        r"\(in on_click on a batch of \d+ items" + LINE + r"out\.deliver\(at, converted=2\.0\)"
    ),
    'objective = "bad_parts:BadObjective"': (
        WHO + r"objective 'bad_parts:BadObjective' failed in loss on " + BATCH
        + ": KeyError: 'CVR'" + LINE + r'return outputs\["CVR"\]\.mean'
    ),
    'objective = { kind = "bad_parts:BadObjective", how = "rows" }': (
        WHO + r"objective 'bad_parts:BadObjective': loss returned a tensor of shape \(\d+,\); it must be a scalar.*in loss on "
        + BATCH
    ),
    'objective = { kind = "bad_parts:BadObjective", how = "constant" }': "loss returned a constant",
    'objective = { kind = "bad_parts:BadObjective", how = "number" }': "loss returned a float",
    'objective = { kind = "bad_parts:BadObjective", how = "nan" }': WHO + r"the loss is nan at step \d+; a lower",
    'network = { kind = "bad_parts:BadNetwork", how = "build" }': (
        WHO + "network 'bad_parts:BadNetwork' failed in build on .* heads cvr: ValueError: too wide" + LINE
    ),
    'network = { kind = "bad_parts:BadNetwork", how = "head" }': r"build made no layers\['heads'\]\['cvr'\]",
    'network = { kind = "bad_parts:BadNetwork", how = "shape" }': r"forward returned 'cvr' of shape \(\d+, 1\)",
    'network = "bad_parts:BadNetwork"': r"forward returned nothing; it must return cvr",
    'start = "bad_parts:BadRecipe"': (
        WHO + "pre-training recipe 'bad_parts:BadRecipe' failed in examples on .* clicks of the history: AttributeError.*"
        + LINE + "return .*labels.payed"
    ),
    'start = { kind = "bad_parts:BadRecipe", how = "length" }': r"targets returned 'cvr' of shape \(3,\); it must be",
    'serve = "bad_parts:BadLink"': WHO + r"link 'bad_parts:BadLink': serve returned NaN for \d+ of \d+ rows of 'cvr'",
    'offset = "bad_parts:BadOffset"': WHO + r"offset 'bad_parts:BadOffset': offset returned 'cvr' of shape \(2,\)",
    'auxiliary = "bad_parts:BadAuxiliary"\nobjective = "bad_parts:Asking"': (
        WHO + "auxiliary 'bad_parts:BadAuxiliary': of_samples returned delay; it must return late"
    ),
    'policy = "bad_parts:Tells"\nauxiliary = "bad_parts:DeafAuxiliary"\nobjective = "bad_parts:Asking"': (
        WHO + r"auxiliary 'bad_parts:DeafAuxiliary' failed in hear on \d+ clicks: ValueError: \['seen'\]" + LINE
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _leave():
    yield
    load_plugins(())


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def scenario(folder: Path, cache: Path, part: str) -> Path:
    (folder / "bad_parts.py").write_text(MODULE, encoding="utf-8")
    path = folder / "bad.toml"
    path.write_text(
        f'extends = "{ROOT / "scenarios" / "minimal.toml"}"\n[world]\nclicks_per_day = 300\n[output]\n'
        f'cache = "{cache}"\n[[method]]\nmethod = "waiting-window"\n{part}\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("part", CASES)
def test_one_sentence(tmp_path: Path, cache: Path, part: str):
    loaded = load_scenario(scenario(tmp_path, cache, part), check=check_methods)
    with pytest.raises(PartError) as failed:
        session.run(loaded, run_dir_base=tmp_path, dump_samples=False, progress="none", replace=False)
    assert re.search(CASES[part], str(failed.value)), str(failed.value)


def test_the_command_exits_with_one_and_without_a_traceback(tmp_path: Path, cache: Path):
    done = sim(scenario(tmp_path, cache, 'objective = "bad_parts:BadObjective"'), "--out", tmp_path, code=1)
    (said,) = done.stderr.strip().splitlines()[-1:]
    assert said.startswith(
        "error: method 'waiting-window': objective 'bad_parts:BadObjective' failed in loss"
    )
    assert "Traceback" not in done.stderr
