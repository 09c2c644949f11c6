"""Whatever is killed, however it is read again: each sample is there once, and what was late stays so."""

from __future__ import annotations

import json
from copy import deepcopy

import numpy as np
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from simulator.live import listen as module
from simulator.live.listen import Listener, listen
from simulator.live.settings import Live
from simulator.log.memory import random_log
from simulator.randomness import generator
from simulator.units import HOUR, MINUTE
from simulator.windows import Windows
from tests.simulator.live.memory import Broker, KilledError
from tests.simulator.live.test_listen import records

SHORT = {"attribution": "3h", "refund": "1h"}
POLICIES = {"early": {"kind": "elapsed-time", "window": "40m"}, "full": "complete"}


def the_live(**changes):
    live = {"events": "events", "samples": "samples", "aside": "aside", "lateness": "10m", "tick": "5m"}
    return Live.model_validate({**live, "policies": POLICIES, "windows": SHORT, **changes})


def a_log(seed, clicks):
    log = random_log(generator(seed, "log"), clicks, Windows(3 * HOUR, HOUR), days=3)
    since = log.event.time - log.click_time[log.event.row]
    log.event = log.event[(since >= 0) & (since <= 4 * HOUR)]
    return log


def keyed(line):
    told = json.loads(line)
    return told["kind"], told.get("event_id", told["click_id"])


class Stopped:
    """A clock that stands still unless it is moved."""

    now = 0.0

    def monotonic(self):
        return self.now


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@example(seed=942140, many=2, parts=2, kills=[59])
@example(seed=637754, many=2, parts=2, kills=[53, 54, 35])
@given(
    seed=st.integers(0, 10**6),
    many=st.integers(1, 3),
    parts=st.integers(1, 2),
    kills=st.lists(st.integers(1, 60), max_size=6),
)
def test_partitions_idle_ones_and_kills(tmp_path_factory, monkeypatch_each, seed, many, parts, kills):
    rng = np.random.default_rng(seed)
    lines = [line.encode() for line in records(a_log(seed, 150), rng, spread=10 * MINUTE)]
    sent = {f"p{k}": [] for k in range(many)}
    for line in lines:  # clicks and what comes of them need not be in one partition
        sent[f"p{rng.integers(many)}"].append(line)
    sent["p0"][5:5] = [sent["p0"][4], b"{", lines[-1]]
    broker, clock = Broker(sent, parts), Stopped()
    for name, value in {"inlet": broker.inlet, "outlet": broker.outlet, "time": clock}.items():
        monkeypatch_each.setattr(module, name, value)
    for kill in [*kills, -1]:
        broker.kill_at = kill
        try:
            listener = Listener(the_live(idle="2m"))
            inlet = listener._inlet
            while any(inlet.at[name] < len(sent[name]) for name in sent):
                # Now and then nothing comes of a partition for long, and the others go on without it.
                for name in sent:
                    broker.here[name] += int(rng.integers(1, 40)) * int(rng.random() < 0.3)
                    if rng.random() < 0.7:
                        listener._take(inlet.bring(name, int(rng.integers(1, 80))))
                clock.now += float(rng.choice([1, 60]))
                listener._take({})
            listener._end()
        except KilledError:
            continue
        break
    aside = [json.loads(line) for line in broker.given["aside", 0]]
    places = [(one["partition"], one["position"]) for one in aside]
    assert len(places) == len(set(places))
    accepted = [line for name in sent for k, line in enumerate(sent[name]) if (name, k) not in set(places)]
    folder = tmp_path_factory.mktemp("plain")
    (folder / "in").write_bytes(b"\n".join(sorted(accepted, key=lambda line: json.loads(line)["time"])))
    monkeypatch_each.undo()
    files = {name: str(folder / name) for name in ("samples", "aside")}
    listen(the_live(events=str(folder / "in"), **files), follow=False)
    assert (folder / "aside").read_bytes() == b""
    expected = (folder / "samples").read_bytes().splitlines()[:-1]
    for part in range(parts):
        mine = [line for line in expected if json.loads(line)["click_id"] % parts == part]
        assert broker.given["samples", part][:-1] == mine


def test_a_restart_reads_two_lifetimes_again(monkeypatch):
    lines = [line.encode() for line in records(a_log(5, 400), np.random.default_rng(5))]
    broker = Broker({"p": lines})
    broker.here["p"] = len(lines)
    monkeypatch.setattr(module, "inlet", broker.inlet)
    monkeypatch.setattr(module, "outlet", broker.outlet)
    listener = Listener(the_live())
    assert broker.begun == {}
    for _ in range(0, len(lines), 20):
        listener._take(listener._inlet.bring("p", 20))
    before = deepcopy(broker.given)
    listener = Listener(the_live())
    left_out = json.loads(lines[broker.begun["p"] - 1])["time"]
    last = json.loads(broker.given["samples", 0][-1])["visible_time"]
    assert 8 * HOUR < last - left_out < 10 * HOUR
    listener._take(listener._inlet.bring("p", len(lines)))
    assert broker.given == before, "it is silent about what is there"
    broker.given["samples", 0].clear()
    listener = Listener(the_live())
    assert broker.begun == {}, "samples that were taken away are made again"
    listener._take(listener._inlet.bring("p", len(lines)))
    assert broker.given["samples", 0] == before["samples", 0]
