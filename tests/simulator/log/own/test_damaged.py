"""Damaged files: a clear sentence, or an account in which every row of theirs is found."""

import shutil
import time

import pytest

from simulator.errors import AfterclickError
from simulator.log.intake.open import Settings, make_log
from simulator.log.reader import Log
from simulator.scenario.data import DataBlock
from simulator.units import DAY
from simulator.windows import Windows

from .damage import made, rows_of

SETTINGS = Settings(Windows(2 * DAY, 2 * DAY), 3 * DAY, 2 * DAY, None)
SLOW = 30.0
"""Seconds after which a case counts as hanging."""


def outcome(seed, folder):
    """Read the source of a seed; return "refused" or "read" when all is well, or raise."""
    source = made(seed, folder)
    start = time.monotonic()
    told = f"seed {seed}: {source.shape}, {source.form}, {source.damages}, {source.data}"
    try:
        meta = make_log(DataBlock.model_validate(source.data), SETTINGS, folder / "log")
    except AfterclickError as error:
        _check_sentence(str(error), source, told)
        return "refused"
    except Exception as error:
        raise AssertionError(told) from error
    assert time.monotonic() - start < SLOW, told
    rows = (
        sum(counts) if None not in (counts := [rows_of(paths) for paths in source.files.values()]) else None
    )
    aside = {
        table: sum(part.rows for part in meta.aside if part.table == table)
        for table in {p.table for p in meta.aside}
    }
    assert meta.quarantined == sum(aside.values()), told
    ignored = sum(meta.ignored.values())
    kept = {
        "events": meta.read + ignored,
        "touches": meta.read + ignored,
        "rows": meta.clicks + aside.get("clicks", 0) + aside.get("rows", 0) + ignored,
        "purchases": meta.events + aside.get("events", 0) + aside.get("purchases", 0) + ignored,
    }[source.shape]
    if rows is not None:
        assert kept == rows, f"{told}: {kept} of {rows} rows; {meta.aside}"
    log = Log.open(folder / "log")
    clicks = list(log.clicks())
    assert sum(len(batch.time) for batch in clicks) == meta.clicks, told
    assert sum(len(batch.time) for batch in log.events()) == meta.events, told
    return "read"


def _check_sentence(message, source, told):
    """A refusal has a reason in the source, says it, and is no fault of our own query."""
    assert 10 < len(message) < 6000, told
    words = ("Traceback", "INTERNAL", "Parser Error", "Binder Error", "Catalog Error", "Conversion Error")
    assert not any(word in message for word in words), f"{told}: {message}"
    # A few rows may by chance hold nothing that opens a journey.
    assert source.damages or "no click has a time that can be read" in message, f"{told}: {message}"


def many(seeds, tmp_path):
    """Run seeds one after the other; return how many of each outcome."""
    found = {"refused": 0, "read": 0}
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        found[outcome(seed, folder)] += 1
        shutil.rmtree(folder)
    return found


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, 6))])
def test_damaged_files(tmp_path, part):
    found = many(range(part * 50, part * 50 + 50), tmp_path)
    assert found["read"] >= 10, found
    assert found["refused"] >= 5, found


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_many_damaged_files(tmp_path, part):
    many(range(1000 + part * 100, 1100 + part * 100), tmp_path)
