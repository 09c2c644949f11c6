"""Impressions from a world to a report: through the stream, and through the files and the protocol of the papers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import run_directory, sim_here, summary_of

WORLD = """
[world]
days = 8
clicks_per_day = 600
users = 400
items = 200
impressions = true

[world.exposure]
rate = 0.2
randomised = 0.05

[world.confounder]
strength = 1.5
click = 0.7

[windows]
attribution = "1d"
refund = "0s"
observation = "1h"

[stream]
history = "4d"
gap = "1d"
length = "2d"
segment = "12h"

[learner]
embedding_dim = 4
hidden = [16, 8]
batch_size = 1024
pretrain_batch_size = 1024
"""
OFFLINE = ("ali_ccp", "ali_express")
FEATURES = "user,item,category,position"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenario of a small world in which a hidden intent moves clicks and conversions."""
    path = tmp_path_factory.mktemp("entire") / "small.toml"
    path.write_text(f'title = "small"\n{WORLD}', encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def summary(world: Path) -> dict[str, object]:
    methods = ("esmm", "escim-max", "randomised", "entire-oracle", "es-dfm")
    whole = world.with_name("methods.toml")
    blocks = "".join(f'[[method]]\nmethod = "{name}"\n' for name in methods)
    whole.write_text(world.read_text(encoding="utf-8") + blocks, encoding="utf-8")
    sim_here("run", whole, "--out", world.parent / "runs", "--set", f"output.cache={world.parent / 'cache'}")
    return summary_of(run_directory(world.parent / "runs"))


def test_methods_are_judged_on_what_they_serve(summary):
    on_all = {"cvr_all", "cvr_clicked", "cvr_unclicked"}
    for name, tasks in summary["methods"].items():
        assert set(tasks) == {"cvr", *on_all, *(() if name == "es-dfm" else ("ctr", "ctcvr"))}
    rows = {task: found["rows"] for task, found in summary["rows"].items()}
    assert rows["ctr"] == rows["ctcvr"] == rows["cvr_all"] == rows["cvr_clicked"] + rows["cvr_unclicked"]
    assert summary["upper_bounds"] == ["entire-oracle"]
    assert rows["cvr_clicked"] == summary["rows"]["ctr"]["positives"]
    # Clicks that come in the first seconds of the stream are of impressions before it, and the other way round.
    assert abs(rows["cvr_clicked"] - rows["cvr"]) <= 5


@pytest.mark.long
@pytest.mark.parametrize("layout", OFFLINE)
def test_the_papers_files_and_protocol(layout: str, world: Path, tmp_path: Path):
    """A world in the public layout, read back as their files are, and the shipped scenario on it."""
    form = layout.replace("_", "-")
    out, log = tmp_path / "files", tmp_path / "log"
    one = tmp_path / "one.toml"
    one.write_text(world.read_text(encoding="utf-8") + '[[method]]\nmethod = "esmm"\n', encoding="utf-8")
    cache = tmp_path / "cache"
    sim_here("describe", one, "--set", f"output.cache={cache}", "--data")
    (made,) = cache.glob("**/meta.toml")
    sim_here(
        "export", made.parent, "--format", form, "--out", out, "--test-start", "6d", "--features", FEATURES
    )
    sim_here("import", form, out, "--out", log, *(["--min-count", "1"] if layout == "ali_ccp" else []))
    small = {
        "data.path": log, "learner.embedding_dim": 4, "learner.hidden": "[16, 8]", "learner.batch_size": 1024,
        "stream.offline.epochs": 2, "output.cache": cache,
    }  # fmt: skip
    changes = [word for key, value in small.items() for word in ("--set", f"{key}={value}")]
    sim_here("run", f"scenarios/{layout}.toml", "--out", tmp_path / "runs", *changes)
    found = summary_of(run_directory(tmp_path / "runs"))
    assert {"esmm", "escm2-dr", "dcmt", "escim-max"} <= set(found["methods"])
    for tasks in found["methods"].values():
        assert set(tasks) == {"ctr", "cvr", "ctcvr"}
        assert 0.2 < tasks["ctcvr"]["auc"] < 1
