"""`export`: one flat file whose labels are the house's own, written whole or not at all."""

from datetime import UTC, datetime

import duckdb
import numpy as np
import pytest

from simulator.commands.data import duration, export_log
from simulator.commands.describe import attribution_doubts
from simulator.errors import LogError, ScenarioError, UsageError
from simulator.log.memory import final_labels, random_log
from simulator.log.meta import read_meta
from simulator.log.schema import Feature, Kind
from simulator.log.writer import LogWriter
from simulator.randomness import generator
from simulator.scenario.load import load_scenario
from simulator.units import DAY, HOUR
from simulator.windows import Windows

WINDOWS = Windows(DAY, 6 * HOUR)
UNTIL = 9 * DAY


def write_log(path, *, events=True):
    log = random_log(generator(3, "export"), 400, WINDOWS)
    features = [Feature(name, 50) for name in "abc"]
    with LogWriter(path, name="log", origin=datetime(2026, 1, 1, tzinfo=UTC), features=features) as writer:
        users = np.arange(400)
        writer.clicks(time=log.click_time, user_id=users, item_id=users, features=log.feature_matrix)
        if events:
            writer.events(
                row=log.event.row, time=log.event.time, kind=log.event.kind, amount=log.event.amount
            )
        writer.close(UNTIL)
    return log


def test_export_has_the_final_labels(tmp_path):
    log = write_log(tmp_path / "log")
    out = export_log(tmp_path / "log", tmp_path / "flat.parquet", "1d,6h").path
    found = duckdb.sql(f"SELECT * FROM '{out}'").fetchnumpy()
    labels = final_labels(log.click_time, log.event, 0, WINDOWS)
    assert labels.refunded.any()
    assert (labels.pay_count > 1).any()
    for name in ("converted", "refunded", "pay_count"):
        np.testing.assert_array_equal(found[name], getattr(labels, name))
    for name in ("gmv", "refund_amount"):
        np.testing.assert_allclose(found[name], getattr(labels, name), rtol=1e-12)
    for name in ("first_pay", "first_refund"):
        np.testing.assert_array_equal(np.ma.filled(found[name], -1), getattr(labels, name))
    np.testing.assert_array_equal(found["time"], log.click_time)
    np.testing.assert_array_equal(found["b"], log.feature_matrix[:, 1])
    np.testing.assert_array_equal(found["final"], log.click_time + WINDOWS.lifetime <= UNTIL)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["flat.parquet", "log"]


def test_export_into_a_directory_and_again(tmp_path):
    log = write_log(tmp_path / "log")
    out = export_log(tmp_path / "log", tmp_path / "flat", "1d").path
    assert out == tmp_path / "flat" / "clicks.parquet"
    with pytest.raises(UsageError, match="--replace"):
        export_log(tmp_path / "log", out, "1d", replace=False)
    export_log(tmp_path / "log", out, "1h", replace=True)
    ((count,),) = duckdb.sql(f"SELECT sum(pay_count) FROM '{out}'").fetchall()
    pays = log.event.kind == Kind.PAY
    delay = log.event.time[pays] - log.click_time[log.event.row[pays]]
    assert count == (delay <= HOUR).sum()


def test_export_of_a_log_without_events(tmp_path):
    write_log(tmp_path / "log", events=False)
    out = export_log(tmp_path / "log", tmp_path / "flat.parquet", "1d").path
    assert duckdb.sql(f"SELECT count(*), sum(gmv), count(first_pay) FROM '{out}'").fetchall() == [
        (400, 0.0, 0)
    ]


def test_wrong_exports_leave_nothing(tmp_path):
    with pytest.raises(LogError):
        export_log(tmp_path / "nothing", tmp_path / "flat.parquet", "1d", replace=False)
    write_log(tmp_path / "log")
    with pytest.raises(ScenarioError, match="one or two"):
        export_log(tmp_path / "log", tmp_path / "flat.parquet", "1d,2d,3d", replace=False)
    assert [p.name for p in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize(
    ("opens", "imported", "warned"),
    [("view", "3d", False), ("view", "1d", True), ("view", "9d", False), ("purchase", "9d", True)],
)
def test_a_log_of_another_attribution_window_is_warned_of(tmp_path, opens, imported, warned):
    write_log(tmp_path / "log")
    meta = tmp_path / "log" / "meta.toml"
    text = meta.read_text()
    assert "[provenance]" in text
    meta.write_text(
        text.replace("[provenance]", f'[provenance]\nopens = "{opens}"\nattribution = "{imported}"')
    )
    scenario = tmp_path / "s.toml"
    scenario.write_text(
        f"[data]\npath = '{tmp_path}/log'\n[windows]\nattribution = '3d'\n[[method]]\nmethod = 'fnw'\n"
    )
    warnings = attribution_doubts(load_scenario(scenario).scenario, read_meta(tmp_path / "log"))
    assert [w for w in warnings if f"--attribution {imported}" in w] == warnings
    assert bool(warnings) == warned


def test_durations_of_options():
    assert duration("--windows", " 1d") == DAY
    with pytest.raises(ScenarioError, match=r"--windows 3: '3' is not a duration"):
        duration("--windows", "3")
