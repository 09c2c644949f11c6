"""A stream of Redis: two partitions, an idle one, kills of the listener and of the broker; each sample comes once."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from simulator.errors import LogError, UsageError
from simulator.live.seam import END, Address, outlet
from simulator.units import MINUTE
from tests.commands import ROOT, sim_here
from tests.simulator.live.test_listen import a_log, live_file, records, replayed

redis = pytest.importorskip("redis", reason="the client of Redis is not installed (pip install redis)")
SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(
    SERVER is None, reason="no redis-server is installed (apt-get install redis-server)"
)


class Server:
    """A broker that keeps what it is told, and can be killed."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.client = redis.Redis(port=self.port)
        self.start()

    def start(self):
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", ""]
        self.process = subprocess.Popen([SERVER, *words, "--dir", self.folder], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                self.client.ping()
            except redis.exceptions.RedisError:
                time.sleep(0.05)
            else:
                return
        pytest.fail("the broker does not begin")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def samples(self):
        return [json.loads(fields[b"record"]) for _, fields in self.client.xrange("samples")]


@pytest.fixture
def server(tmp_path):
    (tmp_path / "broker").mkdir()
    server = Server(tmp_path / "broker")
    yield server
    server.kill()


def until(true, seconds=120):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_partitions_an_idle_one_kills_of_the_listener_and_of_the_broker(server, tmp_path):
    log, host = a_log(4, 150), f"redis://127.0.0.1:{server.port}"
    lines = records(log, np.random.default_rng(4), spread=5 * MINUTE)
    live = live_file(
        tmp_path, events=f"{host}/one,two", samples=f"{host}/samples", aside=f"{host}/aside", idle="1s"
    )
    words = [sys.executable, ROOT / "sim.py", "listen", live]
    sent = 0
    for part in np.array_split(lines, 3):
        process = subprocess.Popen([*words, "--follow"], cwd=ROOT)
        before = len(server.samples())
        for line in part.tolist():
            # The second partition has next to nothing, and that is of the first minutes.
            name = "two" if sent in {3, 5} else "one"
            server.client.xadd(name, {"record": line})
            sent += 1
        until(lambda before=before: len(server.samples()) > before)
        if sent < len(lines):
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        else:
            server.kill()
            time.sleep(0.3)
            server.start()
            late = {"kind": "click", "click_id": 10**7, "time": int(log.click_time[0])}
            server.client.xadd("two", {"record": json.dumps(late)})
            until(lambda: server.client.xlen("aside"))
            process.send_signal(signal.SIGKILL)
            process.wait()
    sim_here(*words[2:], cwd=tmp_path)
    *found, last = server.samples()
    assert (found, last) == (replayed(log), {END: True})
    [(_, aside)] = server.client.xrange("aside")
    assert "late" in json.loads(aside[b"record"])["reason"]
    assert "has ended" in sim_here(*words[2:], code=2).stderr


def test_two_that_write_to_one_stream_are_told(server):
    first, second = (outlet(f"redis://127.0.0.1:{server.port}/samples") for _ in range(2))
    first.append(0, [b"a", b"b"], [(7, 0), (7, 1)])
    first._added(["7-1", b"a", "7-2", b"b"])  # as a client does that lost the answer
    with pytest.raises(LogError, match="does somebody else write to it"):
        second.append(0, [b"c"], [(7, 0)])
    assert [fields for _, fields in server.client.xrange("samples")] == [{b"record": b"a"}, {b"record": b"b"}]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("redi://host/a", "Did you mean 'redis'"),
        ("redis://host", "HOST:PORT/NAME"),
        ("redis://h/a,b", "one name"),
    ],
)
def test_addresses_that_are_none(address, told):
    with pytest.raises(UsageError, match=told):
        _ = Address.of(address).name


def test_a_broker_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr("simulator.live.streams._RETRIES", 1)
    with pytest.raises(LogError, match=r"redis://127.0.0.1:1: .*refused"):
        outlet("redis://anybody:secret@127.0.0.1:1/samples")
