"""What taking in a log of one's own costs, beside DuckDB doing the same attribution join written by hand."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator.log.intake.open import Settings, make_log
from simulator.scenario.data import DataBlock
from simulator.units import DAY
from simulator.windows import Windows

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(Windows(3 * DAY, 3 * DAY), 10 * DAY, 3 * DAY, None)
COLUMNS = {
    "time": "event_time",
    "user_id": "user_id",
    "item_id": "product_id",
    "kind": "event_type",
    "amount": "price",
    "kinds": {"view": "view", "cart": "cart", "remove_from_cart": "ignore", "purchase": "pay"},
}
FEATURES = {
    "product_id": "categorical",
    "category_id": "categorical",
    "category_code": "categorical",
    "brand": "categorical",
    "price": "numeric",
}


def actions(path: Path, rows: int) -> None:
    """Write a month of a shop's actions as REES46 does: carts and purchases follow views of up to some hours before."""
    with duckdb.connect() as con:
        con.execute(f"""
            COPY (
                SELECT strftime(TIMESTAMP '2019-11-01' + to_milliseconds(i * 2592000000 // {rows}), '%Y-%m-%d %H:%M:%S UTC')
                    AS event_time, kind AS event_type, 1000000 + item AS product_id,
                    2053013550000000000 + 13 * (item % 600) AS category_id,
                    CASE WHEN item % 600 >= 200 THEN 'group' || item % 13 || '.kind' || item % 600 END AS category_code,
                    CASE WHEN item % 7 > 0 THEN 'brand' || item % 3000 END AS brand,
                    round(5 + item % 977 * 1.37, 2) AS price, 512000000 + user AS user_id,
                    CAST(md5(CAST(user * 40 + i // {rows // 30 + 1} AS VARCHAR)) AS UUID) AS user_session
                FROM (SELECT *, CAST(pow(hash(seen) % 1000003 / 1000003, 2) * 60000 AS BIGINT) AS item,
                        CAST(hash(seen + 7) % {max(rows // 15, 10)} AS BIGINT) AS user
                    FROM (SELECT *, CASE WHEN kind = 'view' THEN i ELSE greatest(i - 1 - hash(i + 3) % 5000, 0) END AS seen
                        FROM (SELECT range AS i, CASE WHEN hash(range) % 1000 < 940 THEN 'view'
                            WHEN hash(range) % 1000 < 985 THEN 'cart' ELSE 'purchase' END AS kind FROM range({rows}))))
                ORDER BY i
            ) TO '{path}' (HEADER, COMPRESSION gzip)
        """)


def by_hand(source: Path, out: Path) -> None:
    """The same join as whoever knows DuckDB would write it."""
    out.mkdir()
    with duckdb.connect(str(out / "work.duckdb")) as con:
        con.execute("SET memory_limit = '2GB'")
        con.execute(f"""
            CREATE TABLE actions AS SELECT epoch_us(strptime(event_time, '%Y-%m-%d %H:%M:%S UTC')) AS time, event_type AS kind,
                product_id, category_id, category_code, brand, price, user_id
            FROM read_csv('{source}', header = true, auto_detect = false, delim = ',', quote = '"', columns = {{
                'event_time': 'VARCHAR', 'event_type': 'VARCHAR', 'product_id': 'BIGINT', 'category_id': 'BIGINT',
                'category_code': 'VARCHAR', 'brand': 'VARCHAR', 'price': 'DOUBLE', 'user_id': 'BIGINT',
                'user_session': 'VARCHAR'}})""")
        con.execute("""
            CREATE TABLE views AS SELECT row_number() OVER (ORDER BY time, user_id, product_id, rowid) - 1 AS click_id, *
            FROM actions WHERE kind = 'view'""")
        con.execute(
            f"COPY (SELECT * FROM views ORDER BY time, click_id) TO '{out}/clicks.parquet' (COMPRESSION zstd)"
        )
        con.execute(f"""
            COPY (SELECT click_id, action.time, action.kind, action.price AS amount
                FROM (SELECT * FROM actions WHERE kind IN ('cart', 'purchase')) AS action
                ASOF JOIN views ON action.user_id = views.user_id AND action.product_id = views.product_id
                    AND action.time >= views.time
                WHERE action.time - views.time <= {3 * DAY} ORDER BY action.time, click_id)
            TO '{out}/events.parquet' (COMPRESSION zstd)""")


def taken_in(source: Path, out: Path) -> None:
    """Make a log of the actions."""
    data = DataBlock.model_validate({"touches": str(source), "columns": COLUMNS, "features": FEATURES})
    meta = make_log(data, SETTINGS, out)
    assert meta.read + sum(meta.ignored.values()) == meta.provenance["source_rows"]


def measured(what: str, source: Path, out: Path) -> dict:
    """Run one of the two in a process of its own; return seconds of the processor and of the clock, and MiB at the peak."""
    code = f"from tests.benchmarks.test_intake_speed import measure; measure({what!r}, {str(source)!r}, {str(out)!r})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def measure(what: str, source: str, out: str) -> None:
    """What the process of `measured` does."""
    start, before = time.monotonic(), _processor()
    {"by_hand": by_hand, "taken_in": taken_in}[what](Path(source), Path(out))
    peak = _peak()
    print(json.dumps({"processor": _processor() - before, "clock": time.monotonic() - start, "peak": peak}))


def _peak() -> int:
    """Return the MiB this process held at its peak; its ru_maxrss would begin at what its parent held."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def test_against_the_join_by_hand(tmp_path):
    source = tmp_path / "actions.csv.gz"
    actions(source, 2_000_000)
    hand = min(
        (measured("by_hand", source, tmp_path / f"hand{k}") for k in range(2)), key=lambda m: m["processor"]
    )
    own = min(
        (measured("taken_in", source, tmp_path / f"own{k}") for k in range(2)), key=lambda m: m["processor"]
    )
    ratio = own["processor"] / hand["processor"]
    print(
        f"\n2 million actions: by hand {hand['processor']:.1f} s of processor, {hand['peak']} MiB; taken in "
        f"{own['processor']:.1f} s, {own['peak']} MiB; ratio {ratio:.2f}"
    )
    assert ratio <= 3


def test_memory_is_flat(tmp_path):
    peaks = {}
    for rows in (2_000_000, 10_000_000):
        source = tmp_path / f"{rows}.csv.gz"
        actions(source, rows)
        peaks[rows] = measured("taken_in", source, tmp_path / f"log{rows}")
        source.unlink()
    print(
        "\n"
        + "; ".join(f"{rows:,} actions: {m['peak']} MiB, {m['processor']:.0f} s" for rows, m in peaks.items())
    )
    assert peaks[10_000_000]["peak"] < 2048


def test_many_daily_files(tmp_path):
    days = 5000
    for day in range(days):
        folder = tmp_path / "shop" / f"dt={day:05d}"
        folder.mkdir(parents=True)
        table = {
            "time": [1_200_000_000 + day * 86_400 + k * 7000 for k in range(10)],
            "user_id": [(day * 10 + k) // 4 for k in range(10)],
            "item_id": [1] * 10,
            "kind": ["view", "pay"] * 5,
        }
        pq.write_table(pa.table(table), folder / "part.parquet")
    start = time.monotonic()
    data = DataBlock.model_validate(
        {"touches": str(tmp_path / "shop"), "columns": {"time_unit": "s"}, "most_bad": 1}
    )
    meta = make_log(data, SETTINGS, tmp_path / "log")
    took = time.monotonic() - start
    print(f"\n{days:,} daily files: {took:.1f} s")
    assert meta.provenance["source_rows"] == days * 10
    assert took < 10
