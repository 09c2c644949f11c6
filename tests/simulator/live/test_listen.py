"""What comes of a stream is what a replay of the same records delivers, each sample once, whenever it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import Engine
from simulator.errors import ScenarioError, UsageError
from simulator.live.intake import Intake
from simulator.live.listen import listen
from simulator.live.seam import END, Piece
from simulator.live.settings import read_live
from simulator.log.memory import random_log
from simulator.log.schema import Kind
from simulator.policies import policy_from
from simulator.randomness import generator
from simulator.units import DAY, HOUR, MINUTE
from simulator.windows import Windows
from tests.commands import ROOT, sim_here

WINDOWS = Windows(DAY, 6 * HOUR)
POLICY = {"kind": "elapsed-time", "window": "40m"}


def a_log(seed, clicks=200):
    """A log in which nothing is past a lifetime or of no click: all of it counts as a record."""
    log = random_log(generator(seed, "log"), clicks, WINDOWS, days=3)
    since = log.event.time - log.click_time[log.event.row]
    log.event = log.event[(since >= 0) & (since <= WINDOWS.lifetime)]
    return log


def records(log, rng, spread=0):
    """Return the lines of a log, as they come in: up to ``spread`` out of order."""
    lines = [
        (int(t), 0, json.dumps({"kind": "click", "click_id": int(i), "time": int(t)}))
        for i, t in zip(log.click_id, log.click_time, strict=True)
    ]
    event = log.event
    for k in range(len(event)):
        told = {"kind": Kind(event.kind[k]).name.lower(), "click_id": int(log.click_id[event.row[k]])}
        told |= {
            "event_id": int(event.event_id[k]),
            "time": int(event.time[k]),
            "amount": float(event.amount[k]),
        }
        lines.append((int(event.time[k]), 1, json.dumps(told)))
    order = sorted(
        range(len(lines)), key=lambda k: (lines[k][0] + int(rng.integers(0, spread + 1)), lines[k][1])
    )
    return [lines[k][2] for k in order]


def replayed(log, policy=POLICY):
    until = int(max(log.click_time[-1], log.event.time[-1])) + WINDOWS.lifetime + HOUR
    engine = Engine(log, WINDOWS, {"p": policy_from(policy)}, start=0, causes=True)
    return engine.advance(until).samples["p"].to_arrow().drop_columns(["row"]).to_pylist()


def live_file(folder, **changes):
    live = {"events": "in.jsonl", "samples": "out.jsonl", "lateness": "10m", "tick": "5m", **changes}
    text = "[live]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in live.items())
    text += 'policy = { kind = "elapsed-time", window = "40m" }\nwindows = { attribution = "1d", refund = "6h" }\n'
    (folder / "live.toml").write_text(text)
    return folder / "live.toml"


def delivered(folder):
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), tick=st.sampled_from(["1m", "5m", "3h"]))
def test_out_of_order_within_the_lateness_it_is_the_replay(tmp_path_factory, seed, tick):
    folder, log = tmp_path_factory.mktemp("live"), a_log(seed)
    lines = records(log, np.random.default_rng(seed), spread=10 * MINUTE)
    (folder / "in.jsonl").write_text("\n".join(lines) + "\n")
    done = listen(read_live(live_file(folder, tick=tick)), follow=False)
    *found, last = delivered(folder)
    assert found == replayed(log)
    assert last == {END: True}
    assert (folder / "aside.jsonl").read_text() == ""
    assert (done.records, done.written) == (len(lines), len(found))


def test_what_cannot_be_trusted_is_put_aside_with_its_reason(tmp_path):
    log = a_log(1, 50)
    lines = records(log, np.random.default_rng(1))
    late = json.dumps({"kind": "click", "click_id": 7, "time": int(log.click_time[0])})
    orphan = json.dumps({"kind": "cart", "click_id": 6, "event_id": 10**6, "time": int(log.click_time[30])})
    odd = [late, orphan, "{", '{"kind":"view"}', '{"kind":"click","click_id":1.5,"time":9}', lines[30]]
    odd.append('{"kind":"pay","click_id":1,"event_id":3,"time":"2025-01-01T00:00:00","amount":1}')
    odd.append('{"kind":"pay","click_id":1,"event_id":3,"time":"2025-01-01T00:00:00Z","amount":-1}')
    place = next(k for k, line in enumerate(lines) if json.loads(line)["time"] > log.click_time[29])
    mixed = [*lines[:31], *odd[5:6], *lines[31:place], *odd[:5], *odd[6:], *lines[place:]]
    (tmp_path / "in.jsonl").write_text("\n".join(mixed))
    listen(read_live(live_file(tmp_path)), follow=False)
    assert delivered(tmp_path)[:-1] == replayed(log)
    aside = [json.loads(line) for line in (tmp_path / "aside.jsonl").read_text().splitlines()]
    told = [one["reason"] for one in aside]
    assert len(told) == len(odd)
    for what in (
        "late: its tick is over",
        "its id has come before",
        "its click is not known",
        "'view'",
        "1.5 is no id",
    ):
        assert sum(what in reason for reason in told) == 1, what
    assert sum("has no offset from UTC" in reason for reason in told) == 1
    assert sum("amount -1.0 is not a number from 0 on" in reason for reason in told) == 1


def test_what_is_decided_does_not_depend_on_how_it_is_read():
    log = a_log(2, 100)
    lines = [line.encode() for line in records(log, np.random.default_rng(2), spread=HOUR)]

    def decided(step):
        intake, found = Intake(10 * MINUTE, MINUTE, WINDOWS.lifetime), []
        for at in range(0, len(lines), step):
            piece = lines[at : at + step]
            intake.read("", Piece(piece, range(at, at + len(piece)), at + len(piece)))
            clicks, events = intake.release(intake.edge)
            found += [] if clicks is None else clicks.click_id.tolist()
            found += events.event_id.tolist()
        return sorted(found), sorted(map(str, intake.aside))

    one = decided(1)
    assert decided(37) == one == decided(len(lines))
    assert one[1], "some came too late"


def test_each_sample_is_written_once_however_often_it_is_killed(tmp_path):
    log = a_log(3, 150)
    lines = [line + "\n" for line in records(log, np.random.default_rng(3), spread=5 * MINUTE)]
    orphan = {"kind": "cart", "click_id": 6, "time": 0}
    for k in range(0, len(lines), 9):  # some come twice, and some are of no click
        lines[k] = lines[max(k - 1, 0)] + lines[k]
        lines[k] += (
            json.dumps({**orphan, "event_id": 10**6 + k, "time": json.loads(lines[k + 1])["time"]}) + "\n"
        )
    words = [sys.executable, ROOT / "sim.py", "listen", live_file(tmp_path)]
    (tmp_path / "in.jsonl").write_text("")
    out = tmp_path / "out.jsonl"
    for part in np.array_split(lines, 3):
        with (tmp_path / "in.jsonl").open("a") as source:
            source.write("".join(part.tolist()))
        before = out.stat().st_size if out.exists() else 0
        process = subprocess.Popen([*words, "--follow"], cwd=ROOT)
        deadline = time.monotonic() + 120
        while (not out.exists() or out.stat().st_size <= before) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert out.stat().st_size > before
        with out.open("ab") as torn:
            torn.write(b'{"click_id":1')
    sim_here(*words[2:], cwd=tmp_path)
    *found, last = delivered(tmp_path)
    assert (found, last) == (replayed(log), {END: True})
    aside = (tmp_path / "aside.jsonl").read_text().splitlines()
    assert len(aside) == len(set(aside)) == 2 * len(range(0, len(lines), 9))
    assert "has ended" in sim_here(*words[2:], code=2).stderr


def test_mistakes_in_the_file_are_told(tmp_path):
    with pytest.raises(ScenarioError, match=r"latenes.*Did you mean 'lateness'"):
        read_live(live_file(tmp_path, latenes="1m"))
    with pytest.raises(ScenarioError, match="must be longer than 0"):
        read_live(live_file(tmp_path, tick="0s"))
    with pytest.raises(ScenarioError, match=r"no such file|cannot be read"):
        read_live(tmp_path / "none.toml")
    live = read_live(live_file(tmp_path))
    for policy, told in (("oracle", "reads the future"), ("cascade-settlement", "depends on a model")):
        with pytest.raises(UsageError, match=told):
            live.model_copy(update={"policy": policy}).made_policies()
