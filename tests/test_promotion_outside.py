"""A sale whose clicks cannot be judged is said by the run, in its summary and in its report."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.units import DAY
from tests.commands import sim_here

SCENARIO = """
[data]
clicks = "{folder}/clicks.parquet"
events = "{folder}/events.parquet"
[data.columns]
features = ["cat"]
[windows]
attribution = "2d"
refund = "2d"
observation = "1h"
[stream]
history = "3d"
gap = "2d"
segment = "6h"
[output]
dir = "{folder}/runs"
cache = "{folder}/cache"
[[promotion]]
name = "sale"
start = 2025-10-18
length = "12h"
anticipation = "0s"
[[method]]
method = "oracle"
[[method]]
method = "pre-trained"
"""


def test_a_sale_that_no_label_reaches(tmp_path):
    rng = np.random.default_rng(0)
    first, n = 1_759_968_000_000_000, 1500  # 2025-10-09
    time = np.sort(rng.integers(0, 10 * DAY, n)) + first
    paid = np.flatnonzero(rng.random(n) < 0.2)
    clicks = {
        "click_id": np.arange(n),
        "time": time,
        "user_id": np.arange(n) % 40,
        "item_id": np.arange(n) % 9,
    }
    pq.write_table(pa.table({**clicks, "cat": np.arange(n) % 7}), tmp_path / "clicks.parquet")
    events = {
        "click_id": paid,
        "time": time[paid] + rng.integers(1, DAY, len(paid)),
        "amount": np.ones(len(paid)),
    }
    pq.write_table(pa.table({**events, "kind": ["pay"] * len(paid)}), tmp_path / "events.parquet")
    path = tmp_path / "own.toml"
    path.write_text(SCENARIO.format(folder=tmp_path))
    done = sim_here(path, "--progress", "none")
    said = "promotion 'sale' (2025-10-18 00:00 to 2025-10-18 12:00, day 9 00:00:00 to day 9 12:00:00) comes too late"
    assert done.stderr.count("none of its clicks can be judged") == 1
    (run,) = (tmp_path / "runs" / "own").iterdir()
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    (warning,) = summary["warnings"]
    assert said in warning
    assert summary["tick"] == "1d"
    assert json.loads((run / "manifest.json").read_text(encoding="utf-8"))["tick"] == "1d"
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "comes too late, and none of its clicks can be judged" in page
