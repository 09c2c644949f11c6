"""A topic of Kafka: partitions of which some are idle, and kills; the client's own broker stands in for a cluster."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from simulator.errors import LogError
from simulator.live.seam import END, inlet, outlet
from simulator.units import MINUTE
from tests.commands import ROOT, sim_here
from tests.simulator.live.test_listen import a_log, live_file, records, replayed
from tests.simulator.live.test_redis import until

kafka = pytest.importorskip(
    "confluent_kafka", reason="the client of Kafka is not installed (pip install confluent-kafka)"
)


@pytest.fixture(scope="module")
def server():
    """The address of a broker on this machine; topics come to be when they are asked for, with four partitions."""
    broker = kafka.Producer({"bootstrap.servers": "none", "test.mock.num.brokers": "1", "log_level": 0})
    [node] = broker.list_topics(timeout=30).brokers.values()
    yield f"{node.host}:{node.port}"
    del broker


def told(server, topic):
    """Return what a topic holds, by partition."""
    held = outlet(f"kafka://{server}/{topic}")
    found = [[json.loads(line) for line in held._between(part, 0)] for part in range(held.parts)]
    held.close()
    return found


def test_partitions_idle_ones_and_kills(server, tmp_path):
    log, host = a_log(6, 150), f"kafka://{server}"
    lines = records(log, np.random.default_rng(6), spread=5 * MINUTE)
    names = {"samples": f"{host}/samples", "aside": f"{host}/aside"}
    live = live_file(tmp_path, events=f"{host}/events", idle="2s", **names)
    producer = kafka.Producer({"bootstrap.servers": server, "log_level": 0})
    consumer = kafka.Consumer({"bootstrap.servers": server, "group.id": "test", "log_level": 0})
    words = [sys.executable, ROOT / "sim.py", "listen", live]

    def high():
        parts = (kafka.TopicPartition("samples", part) for part in range(4))
        return sum(consumer.get_watermark_offsets(part, timeout=30)[1] for part in parts)

    sent = 0
    producer.list_topics("samples", timeout=30)
    for part in np.array_split(lines, 3)[:2]:
        for line in part.tolist():
            producer.produce("events", line, partition=sent % 2)  # the other two have nothing
            sent += 1
        producer.flush(30)
        before = high()
        process = subprocess.Popen([*words, "--follow"], cwd=ROOT)
        until(lambda before=before: high() > before)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    for line in lines[sent:]:
        producer.produce("events", line, partition=sent % 2)
        sent += 1
    producer.flush(30)
    sim_here(*words[2:], cwd=tmp_path)
    samples = told(server, "samples")
    assert [part[-1] for part in samples] == [{END: True}] * 4
    expected = replayed(log)
    for number, part in enumerate(samples):
        assert part[:-1] == [sample for sample in expected if sample["click_id"] % 4 == number]
    assert told(server, "aside") == [[]] * 4
    assert "has ended" in sim_here(*words[2:], code=2).stderr


def test_the_end_of_samples_is_found_behind_many_of_one_instant(server, monkeypatch):
    monkeypatch.setattr("simulator.live.topics._BACK", 2)
    held = outlet(f"kafka://{server}/many")
    assert held.fresh
    held.append(1, [json.dumps({"visible_time": time}).encode() for time in [3, *[5] * 50]])
    assert not held.fresh
    found = held.reached(1)
    assert (found.time, found.count, held.reached(0).time) == (5, 50, -1)


def test_what_is_gone_is_told(server):
    with pytest.raises(LogError, match=r"kafka://.*nothing.*[Uu]nknown topic"):
        inlet(f"kafka://{server}/nothing")
    outlet(f"kafka://{server}/short")
    source = inlet(f"kafka://{server}/short")
    with pytest.raises(LogError, match="no longer has what a restart reads again"):
        source.begin({"short-0": -1})
    source.close()
