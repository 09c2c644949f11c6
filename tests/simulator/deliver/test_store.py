"""Logs are read from an object store, and samples are written there: a server that speaks S3 stands in for one."""

from __future__ import annotations

import socket

import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from simulator import store
from simulator.deliver import deliver, ordered
from simulator.errors import LogError, UsageError
from simulator.log.fingerprint import etags
from simulator.log.reader import Log
from simulator.policies import policy_from
from simulator.store import located
from simulator.units import DAY
from tests.commands import sim_here
from tests.simulator.deliver.own import Fails
from tests.simulator.deliver.test_deliver import CALENDAR, a_log, plain, read, whole


@pytest.fixture(scope="module")
def server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(server, monkeypatch, request):
    """A bucket of this test's own."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{server}",
    }.items():
        monkeypatch.setenv(name, value)
    store._filesystem.cache_clear()
    name = request.node.name.replace("_", "-")[:60]
    fs.S3FileSystem(endpoint_override=server, scheme="http", allow_bucket_creation=True).create_dir(name)
    yield f"s3://{name}"
    store._filesystem.cache_clear()


def uploaded(log, bucket):
    """Copy a log to the bucket, and return it there."""
    place = located(f"{bucket}/log")
    fs.copy_files(str(log.path), place.key, fs.LocalFileSystem(), place.filesystem)
    return Log.open(f"{bucket}/log")


def files(place):
    return [path.name for path in located(place).iterdir()]


def test_from_the_store_to_the_store(bucket, tmp_path):
    log, windows = a_log(tmp_path / "log", 6, 2)
    there = uploaded(log, bucket)
    assert there.meta == log.meta
    assert next(there.clicks()).features.shape[1] == 3
    with pytest.raises(UsageError, match="only deliver reads a log in a store; copy it to a disk first"):
        _ = there.path
    policy = policy_from({"kind": "elapsed-time", "window": "40m"})
    out = located(f"{bucket}/samples")
    done = deliver(ordered(there, policy, windows, CALENDAR, DAY), out, width=30 * 3600 * 10**6)
    assert done.slices > 2
    found = sorted(files(f"{bucket}/samples"))
    assert found == ["samples.toml", *(f"segment={k:05d}.parquet" for k in range(done.files))]
    local = tmp_path / "samples"
    local.mkdir()
    fs.copy_files(out.key, str(local), out.filesystem, fs.LocalFileSystem())
    expected = whole(log, policy, windows, DAY)
    assert read(local).equals(plain(expected.to_arrow()))
    assert "etags = " in (local / "samples.toml").read_text()


def test_another_content_has_other_etags(bucket, tmp_path):
    log, _ = a_log(tmp_path / "log", 6, 0, clicks=30)
    there = uploaded(log, bucket)
    before = etags(there.location)
    assert before == etags(there.location)
    assert etags(log.location) == ""
    name = next(path for path in (there.location / "clicks").iterdir())
    table = pq.read_table(name.open("rb"))
    pq.write_table(table, name.key, filesystem=name.filesystem, compression="none")
    assert etags(there.location) != before
    with pytest.raises(LogError, match=f"{bucket}/log: changed since it was imported"):
        Log.open(f"{bucket}/log")


def test_what_is_there_is_whole_or_not(bucket, tmp_path):
    log, windows = a_log(tmp_path / "log", 7, 0, clicks=40)
    order = ordered(log, policy_from("fake-negative"), windows, CALENDAR, DAY)
    out = located(f"{bucket}/samples")
    with (out / "segment=00099.parquet").open("wb") as left:
        left.write(b"of one that was killed")
    deliver(order, out, width=DAY)
    assert "segment=00099.parquet" not in files(out)
    with pytest.raises(UsageError, match="exists already; choose another folder, or say --replace"):
        deliver(order, out)
    deliver(order, out, replace=True)
    (out / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(UsageError, match="holds something else than samples"):
        deliver(order, out, replace=True)
    failing = ordered(log, Fails(), windows, CALENDAR, DAY)
    with pytest.raises(ValueError, match="on purpose"):
        deliver(failing, located(f"{bucket}/failed"), width=DAY)
    assert files(f"{bucket}/failed") == []


def test_what_is_wrong_with_a_place_is_said(bucket, tmp_path):
    words = ("--policy", "complete", "--out", tmp_path / "out")
    told = sim_here("deliver", f"{bucket}/none", *words, code=1).stderr
    assert f"{bucket}/none: no such log" in told
    told = sim_here("deliver", "ftp://host/log", *words, code=2).stderr
    assert (
        "is no place that is known; allowed: a path, s3://BUCKET/..., gs://BUCKET/..., az://BUCKET/..."
        in told
    )
    with pytest.raises(LogError, match="the store says no"):
        located("s3://nobody/log").open("rb")
