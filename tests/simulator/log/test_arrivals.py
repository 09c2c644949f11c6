"""Logs that say when events became known: written, sorted, pruned, labelled, checked."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.session.plan import plan_run
from simulator.errors import LogError, ScenarioError
from simulator.log.exporters import export_log
from simulator.log.exporters.base import Asked
from simulator.log.ingest import ingest
from simulator.log.memory import final_labels, random_log
from simulator.log.reader import Log
from simulator.log.reasons import BEFORE_EVENT, NULL
from simulator.log.sql import workspace
from simulator.log.upload import Batches, Lags, Uploaded
from simulator.randomness import generator
from simulator.scenario.load import load_scenario
from simulator.units import DAY, HOUR
from simulator.windows import Windows

from .logs import ORIGIN, gather, write

COLUMNS = ("row", "time", "kind", "amount", "arrival")


def test_arrivals_make_the_round_trip_and_prune(tmp_path):
    memory = random_log(generator(1, "log"), 400, Windows(), days=9, lag=2 * DAY)
    log = write(tmp_path / "log", memory)
    assert log.meta.arrivals
    for span in ((None, None), (2 * DAY, 3 * DAY), (5 * DAY + 7, None), (None, DAY)):
        found = gather(log.events(*span, batch_rows=7), *COLUMNS)
        for name, column in zip(COLUMNS, found, strict=True):
            (expected,) = gather(memory.events(*span), name)
            np.testing.assert_array_equal(column, expected, err_msg=name)


def test_a_log_without_arrivals_is_written_as_before(tmp_path):
    log = write(tmp_path / "log", random_log(generator(2, "log"), 50, Windows()))
    assert "arrival" not in (tmp_path / "log" / "meta.toml").read_text()
    assert "arrival_time" not in pq.read_schema(next((tmp_path / "log" / "events").glob("*.parquet"))).names
    (batch,) = log.events()
    assert batch.arrival is batch.time
    assert not batch[3:9].late
    assert batch[3:9].arrival is not batch.time


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lag=st.sampled_from([0, HOUR, 3 * DAY]),
    windows=st.sampled_from(
        [Windows(DAY, DAY), Windows(HOUR, DAY, DAY, "exclusive"), Windows(6 * HOUR, 0, HOUR, "exclusive")]
    ),
    rows=st.sampled_from([3, 1000]),
)
def test_labels_are_the_closed_form_and_that_of_sql(tmp_path_factory, seed, lag, windows, rows):
    root = tmp_path_factory.mktemp("log")
    memory = random_log(generator(seed, "log"), 120, windows, days=3, lag=lag)
    log = write(root / "log", memory)
    expected = final_labels(memory.click_time, memory.event, 0, windows)
    flat = export_log(root / "log", root / "flat.parquet", asked=Asked(windows=windows)).path
    table = pq.read_table(flat)
    parts = [labels for _, labels in log.labelled(windows, batch_rows=rows)]
    for name in expected.__dataclass_fields__:
        value = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(value, getattr(expected, name), rtol=1e-12, atol=1e-9)
        if name not in table.column_names:
            assert name == "first_cart", "a table of clicks has one column for each label but this one"
            continue
        exported = table.column(name).fill_null(-1) if name.startswith("first") else table.column(name)
        np.testing.assert_allclose(exported.to_numpy(), getattr(expected, name), rtol=1e-12, atol=1e-9)


def test_the_writer_refuses_what_cannot_be(tmp_path):
    memory = random_log(generator(3, "log"), 50, Windows(), lag=DAY)
    memory.event.arrival = memory.event.time - 1
    with pytest.raises(LogError, match="before it happened"):
        write(tmp_path / "log", memory)
    memory.event.arrival = memory.event.time.max() + np.arange(len(memory.event))[::-1]
    with pytest.raises(LogError, match=r"out of order \(arrival, time, kind\)"):
        write(tmp_path / "log", memory)


def test_ingest_sorts_by_arrival_and_puts_early_ones_aside(tmp_path):
    events = [  # id, time, arrival
        (1, 10, 500), (2, 20, 30), (3, 40, None), (4, 50, 49), (5, 60, "soon"), (6, 60, "60"),
    ]  # fmt: skip
    columns = zip(*events, strict=True)
    ids, time, known = (list(column) for column in columns)
    with workspace(tmp_path / "log") as con:
        con.execute("CREATE TABLE c AS SELECT 7 AS click_id, 5 AS time, 0 AS user_id, 0 AS item_id")
        con.register(
            "e",
            pa.table(
                {
                    "event_id": ids,
                    "click_id": [7] * 6,
                    "time": time,
                    "kind": ["pay"] * 6,
                    "amount": [1.0] * 6,
                    "arrival_time": [None if k is None else str(k) for k in known],
                }
            ),
        )
        meta = ingest(
            con, clicks="c", events="e", out=tmp_path / "log", name="t", origin=ORIGIN, features=[],
            provenance={},
        )  # fmt: skip
    assert meta.arrivals
    assert meta.reasons == {BEFORE_EVENT: 1, NULL: 1}
    assert meta.observed_until == 500
    ids, arrival = gather(Log.open(tmp_path / "log").events(), "event_id", "arrival")
    assert (ids.tolist(), arrival.tolist()) == ([2, 3, 6, 1], [30, 40, 60, 500])
    found = duckdb.sql(f"SELECT event_id FROM '{tmp_path}/log/quarantine.parquet' ORDER BY 1").fetchall()
    assert found == [(4,), (5,)]


@pytest.mark.parametrize("upload", [Batches(DAY, HOUR), Lags("lognormal", 2 * HOUR, 1.0, DAY, 0)])
def test_an_upload_sorts_in_a_window_of_one_longest_lag(upload):
    memory = random_log(generator(4, "log"), 2000, Windows(), days=30)
    event = memory.event
    expected = type(event)(
        event.row,
        event.event_id,
        event.time,
        event.kind,
        event.amount,
        upload.arrivals(event.time, event.event_id),
    ).in_order()
    read = []

    class Watched:
        def events(self, start, end, *, batch_rows):
            for batch in memory.events(start, end, batch_rows=batch_rows):
                read.append(int(batch.time[-1]))
                yield batch

    for start, end, rows in ((None, None, 5), (None, None, 10**6), (7 * DAY + 1, 20 * DAY, 11)):
        since = -1 if start is None else start
        kept = expected[np.flatnonzero((expected.arrival >= since) & (expected.arrival < (end or 10**18)))]
        read.clear()
        parts = []
        for batch in Uploaded(Watched(), upload).events(start, end, batch_rows=rows):
            parts.append(batch)
            assert rows > 100 or read[-1] <= batch.arrival[0] + upload.longest + 3 * DAY
        for name, column in zip((*COLUMNS, "event_id"), gather(parts, *COLUMNS, "event_id"), strict=True):
            np.testing.assert_array_equal(column, getattr(kept, name), err_msg=name)


def test_no_upload_is_made_up_for_a_log_that_says_when(tmp_path):
    write(tmp_path / "log", random_log(generator(5, "log"), 300, Windows(), days=9, lag=HOUR))
    path = tmp_path / "s.toml"
    path.write_text(
        f'[data]\npath = "{tmp_path}/log"\n[windows]\nattribution = "1d"\nrefund = "0s"\nlateness = "1d"\n'
        '[stream]\nhistory = "1d"\nupload = "1d"\n[[method]]\nmethod = "fnw"\n'
    )
    scenario = load_scenario(path).scenario
    with pytest.raises(ScenarioError, match="say themselves when they became known"):
        plan_run(scenario, [], tmp_path / "log")
    plan_run(
        scenario.model_copy(update={"stream": scenario.stream.model_copy(update={"upload": None})}),
        [],
        tmp_path / "log",
    )
