"""What a cluster delivers is what one replay of the whole does."""

from __future__ import annotations

from simulator.policies import policy_from
from simulator.units import DAY
from tests.cluster import cluster  # noqa: F401 - a fixture
from tests.commands import sim_here
from tests.simulator.deliver.test_deliver import a_log, assert_delivered, whole


def test_a_cluster_delivers_it_too(cluster, tmp_path):  # noqa: F811 - the fixture
    log, windows = a_log(tmp_path / "log", 7, 0, clicks=400)
    words = ["deliver", log.path, "--policy", "elapsed-time", "--set", "window=1h", "--windows", "1d,1d"]
    sim_here(*words, "--out", tmp_path / "out", "--slices", "17h", "--on", f"dask://{cluster}")
    expected = whole(log, policy_from({"kind": "elapsed-time", "window": "1h"}), windows, DAY)
    assert_delivered(tmp_path / "out", expected, DAY)
