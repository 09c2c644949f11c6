"""Samples delivered by slices are those of one replay of the whole, row for row and in the same order."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.calendar import Calendar, Promotion
from simulator.deliver import deliver, ordered
from simulator.engine import Engine
from simulator.errors import RunError, UsageError
from simulator.log.memory import random_log
from simulator.policies import policy_from
from simulator.randomness import generator
from simulator.samples import CAUSES, Samples
from simulator.sweep.dispatch import Place
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.commands import ROOT, sim_here
from tests.simulator.deliver.own import Asking, Everything, Killed
from tests.simulator.engine.replay import built_in
from tests.simulator.log.logs import write

WINDOWS = (
    (Windows(DAY, DAY), 0),
    (Windows(3 * HOUR, 0), 0),
    (Windows(DAY, 6 * HOUR, 10 * HOUR, "exclusive"), 10 * HOUR),
)
CALENDAR = Calendar((Promotion("sale", 2 * DAY, 3 * DAY, DAY),))
POLICIES = {
    name: policy
    for name, policy in {**built_in(40 * MINUTE), "everything": Everything()}.items()
    if not (policy.asks or policy.tells)
}


def a_log(path, seed, number, clicks=150):
    windows, lag = WINDOWS[number]
    return write(path, random_log(generator(seed, "log"), clicks, windows, days=4, lag=lag)), windows


def whole(log, policy, windows, segment, tick=7 * HOUR):
    """Replay the log as a run does, in other ticks than a delivery's."""
    start, until = log.meta.start // segment * segment, log.meta.observed_until + 1
    engine = Engine(log, windows, {"p": policy}, start=start, calendar=CALENDAR, causes=True)
    ends = {*range(start + segment, until, segment), until}
    edges = sorted({*range(start + tick, until, tick)} | ends)
    ticks = [engine.advance(edge, segment_end=edge in ends) for edge in edges]
    return Samples.concatenate([tick.samples["p"] for tick in ticks])


def read(out):
    """Return all rows in the order of the files; roles and causes as text, whatever the dictionaries of the files."""
    files = sorted(out.glob("*.parquet"))
    return plain(pa.concat_tables([plain(pq.read_table(file)) for file in files])) if files else None


def plain(table):
    texts = {name: pa.string() for name in ("role", "cause")}
    fields = [pa.field(f.name, texts.get(f.name, f.type), f.nullable) for f in table.schema]
    return table.cast(pa.schema(fields)).combine_chunks()


def assert_delivered(out, samples, segment):
    found = read(out)
    if found is None:
        assert not len(samples)
        return
    expected = plain(samples.to_arrow())
    assert found.schema.names == expected.schema.names
    for name in expected.schema.names:
        assert found[name].equals(expected[name]), name
    for file in out.glob("*.parquet"):
        visible = pq.read_table(file)["visible_time"].to_numpy()
        number = int(file.stem.removeprefix("segment="))
        assert set(np.unique(visible // segment)) == {number}


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    number=st.integers(0, len(WINDOWS) - 1),
    kind=st.sampled_from(sorted(POLICIES)),
    width=st.one_of(st.none(), st.integers(2 * HOUR, 5 * DAY)),
    segment=st.sampled_from([5 * HOUR, DAY]),
)
def test_by_slices_it_is_what_one_replay_delivers(tmp_path_factory, seed, number, kind, width, segment):
    folder = tmp_path_factory.mktemp("delivered")
    log, windows = a_log(folder / "log", seed, number)
    policy = POLICIES[kind]
    order = ordered(log, policy, windows, CALENDAR, segment)
    done = deliver(order, folder / "out", width=width)
    expected = whole(log, policy, windows, segment)
    assert done.rows == len(expected)
    assert (done.slices > 1) is (width is not None and order.start + width < order.until)
    assert_delivered(folder / "out", expected, segment)
    assert not list((folder / "out").glob(".*")), "what slices leave for the merge is gone"


def test_several_processes_deliver_it_too(tmp_path):
    log, windows = a_log(tmp_path / "log", 3, 0, clicks=600)
    order = ordered(log, Everything(), windows, CALENDAR, DAY)
    deliver(order, tmp_path / "two", place=Place(2), width=17 * HOUR)
    assert_delivered(tmp_path / "two", whole(log, Everything(), windows, DAY), DAY)


def test_other_processes_find_a_policy_and_those_inside_it_by_their_modules(tmp_path):
    log, windows = a_log(tmp_path / "log", 3, 0)
    order = ordered(log, policy_from({"kind": "by-phase", "before": "never"}), windows, CALENDAR, DAY)
    assert order.policy["kind"] == "simulator.policies.by_phase:ByPhase"
    assert order.policy["before"] == {"kind": "simulator.policies.never:Never"}
    assert policy_from(order.policy).before.kind == "never"


def test_the_cause_restores_the_order_of_files_read_in_any(tmp_path):
    log, windows = a_log(tmp_path / "log", 4, 2, clicks=300)
    deliver(ordered(log, Everything(), windows, CALENDAR, DAY), tmp_path / "out", width=DAY)
    table = read(tmp_path / "out")
    mixed = table.take(np.random.default_rng(0).permutation(len(table)))
    ranks = pa.array([CAUSES.index(name) for name in mixed["cause"].to_pylist()])
    keys = ["visible_time", "event_time", "rank", "cause_id"]
    assert (
        mixed.append_column("rank", ranks)
        .sort_by([(key, "ascending") for key in keys])
        .select(table.schema.names)
        .equals(table)
    )


def test_a_policy_that_needs_a_model_is_refused_with_the_reason(tmp_path):
    log, windows = a_log(tmp_path / "log", 1, 0)
    with pytest.raises(
        UsageError, match=r"asks \(predictions\) at the end of every segment: what it delivers dep"
    ):
        ordered(log, Asking(), windows, CALENDAR, DAY)


def test_a_process_that_is_killed_leaves_nothing_half_written(tmp_path):
    log, windows = a_log(tmp_path / "log", 2, 0)
    out = tmp_path / "out"
    script = (
        "from pathlib import Path\nfrom simulator.calendar import Calendar\nfrom simulator.deliver import *\n"
        "from simulator.log.reader import Log\nfrom simulator.windows import Windows\n"
        "from tests.simulator.deliver.own import Killed\n"
        f"policy = Killed(begun={str(tmp_path / 'begun')!r})\n"
        f"order = ordered(Log.open({str(log.path)!r}), policy, {windows!r}, Calendar(), {DAY})\n"
        f"deliver(order, Path({str(out)!r}), width={DAY})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert not out.exists()
    assert (tmp_path / ".out.partial" / ".runs").is_dir(), "it was killed in the middle"
    policy = policy_from("fake-negative")
    deliver(ordered(log, policy, windows, CALENDAR, DAY), out, width=DAY)
    assert_delivered(out, whole(log, policy, windows, DAY), DAY)
    assert not (tmp_path / ".out.partial").exists()


def test_a_killed_worker_is_told_and_leaves_nothing(tmp_path):
    log, windows = a_log(tmp_path / "log", 2, 0)
    order = ordered(log, Killed(begun=str(tmp_path / "begun")), windows, CALENDAR, DAY)
    with pytest.raises(RunError, match="was killed, perhaps for want of memory; try fewer --workers"):
        deliver(order, tmp_path / "out", place=Place(2), width=DAY)
    assert {path.name for path in tmp_path.iterdir()} == {"log", "begun", ".out.lock"}


def test_what_is_there_is_replaced_only_when_asked_and_only_samples(tmp_path):
    log, windows = a_log(tmp_path / "log", 1, 0)
    out = tmp_path / "out"
    order = ordered(log, policy_from("fake-negative"), windows, CALENDAR, DAY)
    deliver(order, out)
    with pytest.raises(UsageError, match="exists already; choose another folder, or say --replace"):
        deliver(order, out)
    again = ordered(log, policy_from("complete"), windows, CALENDAR, 12 * HOUR)
    deliver(again, out, replace=True)
    assert_delivered(out, whole(log, policy_from("complete"), windows, 12 * HOUR), 12 * HOUR)
    (out / "mine.txt").touch()
    with pytest.raises(UsageError, match="holds something else than samples"):
        deliver(order, out, replace=True)
    assert (out / "mine.txt").exists()


def test_the_command_line(tmp_path):
    log, windows = a_log(tmp_path / "log", 5, 0)
    words = ["deliver", log.path, "--policy", "elapsed-time", "--set", "window=1h", "--windows", "1d,1d"]
    done = sim_here(*words, "--out", tmp_path / "out", "--slices", "30h")
    policy = policy_from({"kind": "elapsed-time", "window": "1h"})
    expected = whole(log, policy, windows, DAY)
    assert_delivered(tmp_path / "out", expected, DAY)
    assert done.stdout.strip() == str(tmp_path / "out")
    assert f"{len(expected):,} samples of 150 clicks" in done.stderr
    one = (tmp_path / "out" / "samples.toml").read_text()
    sim_here(*words, "--out", tmp_path / "one")
    assert (tmp_path / "one" / "samples.toml").read_text() == one, "nothing of how it was cut"
    for option, value, told in (
        ("--slices", "0s", "allowed: longer than 0"),
        ("--segment", "1s", "allowed: 1m or longer"),
        ("--workers", "0", "allowed: 1 or more"),
        ("--on", "spark://x", "allowed: dask://HOST:PORT"),
        ("--set", "windows=1h", "Did you mean 'window'"),
        ("--policy", "cascade-settlement", "what it delivers depends on a model"),
    ):
        given = [*words, "--out", tmp_path / "no", option, value]
        if option == "--policy":
            given[3] = value
            given = [w for w in given[:-2] if w not in {"--set", "window=1h"}]
        refused = sim_here(*given, code=2)
        assert told in refused.stderr, option
        assert not (tmp_path / "no").exists()
