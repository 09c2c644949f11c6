"""Conformance of importers: what is exported comes back; an example is read alike each time, and in pieces without a mishap."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from learners.kit.ground import DAYS, trial_log
from simulator.conformance import Checks
from simulator.errors import AfterclickError, PartError
from simulator.log.exporters import EXPORTERS, export_log
from simulator.log.importers import IMPORTERS, Importer, import_log
from simulator.log.schema import EventBatch, Kind
from simulator.log.writer import LogWriter
from simulator.units import DAY

CUTS = 12
"""Places at which an example is cut."""


def checks(importer: Importer) -> Checks:
    """Yield the checks of an importer: the round trip where its format can be exported, else those of its example."""
    yield (
        "declared",
        lambda: "" if importer.opens and importer.attribution > 0 else "opens or attribution is empty",
    )
    if importer.format in EXPORTERS:
        yield "round trip", lambda: _there_and_back(importer)
    elif importer.example:
        yield "twice", lambda: _twice(importer)
        yield "truncated", lambda: _truncated(importer)


def _known(importer: Importer) -> str:
    if importer.format not in IMPORTERS:
        IMPORTERS.register(importer.format)(importer)
    return importer.format


def _there_and_back(importer: Importer) -> str:
    form = _known(importer)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "log")
        once = export_log(folder / "log", folder / "once.txt", form).path
        few = 0 if "min_count" in importer.options else None  # ids stay what they are
        meta = import_log(form, once, folder / "back", attribution=30 * DAY, min_count=few)
        again = export_log(folder / "back", folder / "twice.txt", form).path
        if meta.quarantined:
            return f"{meta.quarantined} rows of a whole file went to quarantine"
        same = _content(once) == _content(again)
        return "" if same else "what was exported, imported and exported again is another file"


def _content(path: Path) -> list[bytes]:
    """Return the bytes of a file, or of the files in a folder."""
    return [file.read_bytes() for file in (sorted(path.iterdir()) if path.is_dir() else [path])]


def _twice(importer: Importer) -> str:
    with tempfile.TemporaryDirectory() as name:
        first, second = (_read(importer, importer.example, Path(name) / place) for place in ("a", "b"))
        lost = [what for what, rows in first.items() if rows != second[what]]
        if lost:
            return f"two imports of its example differ in {', '.join(lost)}"
        return "" if first["clicks"] else "its example holds no click that can be replayed"


def _truncated(importer: Importer) -> str:
    """Cut the example anywhere: what is left is read, or refused in the house's words."""
    text = importer.example
    with tempfile.TemporaryDirectory() as name:
        for place, end in enumerate(range(1, len(text), max(len(text) // CUTS, 1))):
            try:
                _read(importer, text[:end], Path(name) / str(place))
            except PartError as error:
                return f"of the first {end} of {len(text)} characters: {error}"
            except AfterclickError:
                continue  # it says what is wrong with such a file
    return ""


def _read(importer: Importer, text: str, out: Path) -> dict[str, object]:
    """Import a text; return what the log holds, in its order, and what was put aside."""
    source = out.with_suffix(".txt")
    source.write_text(text, encoding="utf-8", newline="")
    meta = import_log(_known(importer), source, out)
    found: dict[str, object] = {"quarantine": meta.reasons, "features": meta.features}
    for table in ("clicks", "events"):
        parts = sorted((out / table).rglob("*.parquet"))
        found[table] = [row for part in parts for row in pq.read_table(part).to_pylist()]
    return found


def _write(folder: Path) -> None:
    log = trial_log()
    second = 10**6
    assert log.feature_matrix is not None, "random logs have features"
    with LogWriter(
        folder, name="kit", origin=datetime(2026, 1, 1, tzinfo=UTC), features=list(log.features)
    ) as writer:
        ids = np.arange(len(log.click_time), dtype=np.int64)
        writer.clicks(
            time=log.click_time // second * second, user_id=ids, item_id=ids % 50, features=log.feature_matrix
        )
        event = _sound(log.event)
        writer.events(row=event.row, time=event.time // second * second, kind=event.kind, amount=event.amount)
        none = np.full(len(ids), -1, np.int8)
        writer.impressions(
            time=log.click_time // second * second,
            user_id=ids,
            item_id=ids % 50,
            features=log.feature_matrix,
            click_row=np.where(ids % 3 == 0, ids, -1),
            click_time=np.where(ids % 3 == 0, log.click_time // second * second, -1),
            coin=none,
            paid=none,
        )
        writer.close((DAYS + 9) * DAY)


def _sound(events: EventBatch) -> EventBatch:
    """Leave out refunds that no pay comes before: no format holds them."""
    first = np.full(int(events.row.max()) + 1, np.iinfo(np.int64).max)
    pay = events.kind == Kind.PAY
    np.minimum.at(first, events.row[pay], events.time[pay])
    return events[(events.kind != Kind.REFUND) | (events.time > first[events.row] + 10**6)]
