"""Paths in a scenario are relative to the file in which they stand, and no identity."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from learners.catalog import resolve_all
from simulator.commands.scenarios import copy_scenario
from simulator.log.intake.open import Settings, open_own
from simulator.log.meta import read_meta
from simulator.scenario.fields import leaves
from simulator.scenario.load import load_scenario
from simulator.scenario.model import Scenario
from simulator.scenario.places import Place, counts
from simulator.scenario.resolve import config_hash, to_toml
from tests.commands import ROOT, run_directory, sim_here, summary_of

METHOD = '[[method]]\nmethod = "fnw"\n'
OWN = """
[data]
clicks = "in/clicks.csv"
events = "in/*ev*.csv"
[data.columns]
user_id = "user"
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder with a scenario on files beside it; the working directory is another."""
    home = tmp_path / "shop [v2]"
    (home / "in").mkdir(parents=True)
    (home / "in" / "clicks.csv").write_text(
        "click_id,time,user\n" + "".join(f"{k},{1.7e9 + 3600 * k:.0f},{k % 7}\n" for k in range(100))
    )
    (home / "in" / "events.csv").write_text(
        "click_id,time,kind,amount\n" + "".join(f"{k},{1.7e9 + 3600 * k + 60:.0f},pay,5\n" for k in range(0, 100, 3))
    )  # fmt: skip
    (home / "own.toml").write_text(OWN + METHOD)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return home


def opened(path, cache):
    scenario = load_scenario(path).scenario
    assert scenario.data is not None
    return read_meta(open_own(scenario.data, Settings.of(scenario), cache))


def test_files_are_found_beside_the_scenario_from_anywhere(shop, tmp_path):
    assert opened(shop / "own.toml", tmp_path / "cache").clicks == 100
    data = load_scenario(shop / "own.toml").scenario.data
    assert data.clicks == (str(shop / "in" / "clicks.csv"),)
    assert data.events == (f"{tmp_path}/shop [[]v2]/in/*ev*.csv",)


def test_what_lies_below_the_working_directory_is_called_from_there(shop, monkeypatch):
    monkeypatch.chdir(shop)
    data = load_scenario(shop / "own.toml").scenario.data
    assert (data.clicks, data.events) == (("in/clicks.csv",), ("in/*ev*.csv",))


def test_each_layer_counts_from_its_own_file(tmp_path, monkeypatch):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "b.toml").write_text(
        '[data]\npath = "log"\n[output]\ndir = "out"\n[[method]]\nmethod = "es-dfm"\noffset = { prior = "p.toml" }\n'
    )
    top = tmp_path / "t.toml"
    top.write_text('extends = "base/b.toml"\n[output]\ncache = "kept"\n')
    monkeypatch.chdir(tmp_path / "base")
    found = load_scenario(top).scenario
    assert (found.data.path, found.output.dir) == ("log", "out")
    assert found.output.cache == str(tmp_path / "kept")
    assert found.method[0].offset == {"prior": "p.toml"}
    top.write_text('extends = "base/b.toml"\n[data]\npath = "log"\n')
    assert load_scenario(top).scenario.data.path == str(tmp_path / "log")


def test_the_command_line_and_defaults_count_from_the_working_directory(shop):
    found = load_scenario(shop / "own.toml", ["data.events=e.csv", "output.cache=c"], out="here").scenario
    assert found.data.events == ("e.csv",)
    assert (found.output.dir, found.output.cache) == ("here", "c")
    assert load_scenario(shop / "own.toml").scenario.output.dir == "runs"


def test_what_is_no_path_of_this_disk_stays(shop):
    (shop / "own.toml").write_text(
        OWN.replace("in/clicks.csv", "s3://b/c.parquet")
        + '[[data.read.join]]\nfiles = "users.csv"\non = "user"\n'
        + '[[data.read.join]]\nfiles = "in/items.csv"\non = "user"\n'
        + METHOD
    )
    data = load_scenario(shop / "own.toml").scenario.data
    assert data.clicks == ("s3://b/c.parquet",)
    assert [join.files for join in data.read.join] == ["users.csv", f"{shop}/in/items.csv"]


def test_a_resolved_scenario_means_the_same_from_anywhere(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(shop)
    loaded = load_scenario(shop / "own.toml")
    again = tmp_path / "resolved.toml"
    again.write_text(to_toml(loaded))
    assert load_scenario(again).scenario == loaded.scenario
    monkeypatch.chdir(tmp_path)
    moved = load_scenario(again).scenario
    assert moved.data.clicks == ("shop [v2]/in/clicks.csv",)
    assert moved.output.dir == "shop [v2]/runs"
    assert opened(again, tmp_path / "cache").clicks == 100


@pytest.mark.parametrize("to", ["elsewhere", "shop [v2]/in", "."])
def test_a_copy_reads_the_same_files(shop, tmp_path, to):
    text = OWN.replace('"in/*ev*.csv"', '["in/events.csv"] # why')
    (shop / "own.toml").write_text(text + METHOD + "auxiliary = { kind = 'x', prior = 'p.toml' } # a prior\n")
    copied = copy_scenario(str(shop / "own.toml"), tmp_path / to / "mine.toml")
    one, other = (load_scenario(path).scenario for path in (shop / "own.toml", copied))
    absolute = [
        [Place(pattern=True).absolute(text) for text in (*s.data.clicks, *s.data.events, s.method[0].auxiliary["prior"])]
        for s in (one, other)
    ]  # fmt: skip
    assert absolute[0] == absolute[1]
    assert "# why" in copied.read_text()
    assert "# a prior" in copied.read_text()


def test_a_copy_beside_the_original_is_the_original(shop):
    copied = copy_scenario(str(shop / "own.toml"), shop / "two.toml")
    assert copied.read_text() == (shop / "own.toml").read_text()


def test_a_copied_prior_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copied = copy_scenario("first_sale", tmp_path / "mine.toml")
    assert [m.name for m in resolve_all(load_scenario(copied).scenario)][-1] == "settlement-prior"


def test_a_scenario_of_init_is_read_from_where_it_lies(shop, tmp_path, monkeypatch):
    rows = "".join(
        f"{k},{1.7e9 + 3600 * k:.0f},{k % 7},{k % 5},{'pay' if k % 9 == 0 else 'view'},3\n"
        for k in range(2000)
    )
    (shop / "in" / "acts.csv").write_text("n,time,user_id,item_id,kind,amount\n" + rows)  # fmt: skip
    out = tmp_path / "mine" / "first.toml"
    out.parent.mkdir()
    sim_here("init", "shop [v2]/in/acts.csv", "--out", "mine/first.toml", cwd=tmp_path, code=None)
    assert 'touches = "../shop [v2]/in/acts.csv"' in out.read_text()
    assert load_scenario(out).scenario.data.touches == (str(shop / "in" / "acts.csv"),)


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_scenarios_find_their_data_from_anywhere(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scenario = load_scenario(path).scenario
    assert resolve_all(scenario)
    if scenario.data is not None and scenario.data.path is not None:
        assert Path(scenario.data.path).parent == ROOT / "data"


def test_identity_is_of_what_lies_there_and_not_of_where(shop, tmp_path):
    twin = tmp_path / "twin"
    shutil.copytree(shop, twin)
    hashes = []
    for home in (shop, twin):
        meta = opened(home / "own.toml", tmp_path / "cache")
        hashes.append(config_hash(load_scenario(home / "own.toml").scenario, [meta.fingerprint]))
    assert hashes[0] == hashes[1]
    with (twin / "in" / "events.csv").open("a") as file:
        file.write("1,1700003700,pay,5\n")
    meta = opened(twin / "own.toml", tmp_path / "cache")
    assert config_hash(load_scenario(twin / "own.toml").scenario, [meta.fingerprint]) != hashes[0]


APART = {
    "name", "title", "description", "engine.tick", "engine.reader_batch", "engine.workers", "engine.checkpoint_every",
    "evaluation.confidence", "evaluation.baseline", "evaluation.entity", "evaluation.entity_within",
    "evaluation.entity_days", "evaluation.entity_positives", "output.dir", "output.cache",
    "output.samples", "output.predictions", "output.report", "output.tracker", "seeds",
    # What a module brings counts by the code of the parts that a method is made of (`Part.code`).
    "plugins", "module_path", "evaluation.metrics",
    "verdict.goal", "verdict.opening", "verdict.baseline", "verdict.stretches.before", "verdict.stretches.anticipation",
    "verdict.stretches.opening", "verdict.stretches.day", "verdict.stretches.after", "verdict.guardrails.pcoc",
    "verdict.guardrails.pcoc_in", "verdict.guardrails.samples_per_click", "verdict.guardrails.staleness",
    "verdict.money.amount", "verdict.money.margin", "verdict.money.mechanism", "verdict.money.rival", "verdict.money.spread",
}  # fmt: skip


def test_every_key_counts_but_those_that_change_no_result():
    scenario = load_scenario(ROOT / "scenarios/double11.toml").scenario
    keys = [key for key, _ in leaves(scenario.model_dump(mode="json", exclude={"seed"}))]
    assert {".".join(map(str, key)) for key in keys if not counts(Scenario, key)} == APART


MINIMAL = ROOT / "scenarios" / "minimal.toml"
SMALL = """
extends = "{minimal}"
[world]
days = 8
clicks_per_day = 500
[stream]
history = "2d"
[learner]
hidden = [4]
embedding_dim = 2
[[method]]
method = "pre-trained"
[[method]]
method = "oracle"
"""


def test_runs_that_are_told_otherwise_are_replicates(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL.format(minimal=MINIMAL))
    told = (
        "title=another",
        "engine.workers=1",
        "engine.tick=5h",
        "evaluation.confidence=0.9",
        "output.report=false",
    )
    sets = [part for text in told for part in ("--set", text)]
    sim_here(path, "--out", tmp_path / "a", "--progress", "none", cwd=tmp_path)
    sim_here(path, "--out", tmp_path / "b", "--seed", "1", *sets, "--progress", "none", cwd=tmp_path)
    runs = [run_directory(tmp_path / name) for name in ("a", "b")]
    assert summary_of(runs[0])["title"] != summary_of(runs[1])["title"]
    said = sim_here("compare", *runs).stdout
    assert "2 runs" in said or "2 seeds" in said, said
    sim_here(path, "--out", tmp_path / "c", *sets, "--progress", "none", cwd=tmp_path)
    again = run_directory(tmp_path / "c")
    assert summary_of(again)["methods"] == summary_of(runs[0])["methods"]
    assert "one replicate" in sim_here("compare", runs[0], again, code=1).stderr
