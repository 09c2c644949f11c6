"""Hand-made source files for the tests of the importers."""

import gzip

import duckdb

from simulator.log.importers import IMPORTERS
from simulator.log.importers import import_log as import_coded
from simulator.log.intake.imports import import_format
from simulator.log.reader import Log

from .logs import gather

RETAILROCKET = "timestamp,visitorid,event,itemid,transactionid"
RETAIL = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def import_log(form, source, out, **options):
    """Import as the command line does: by an importer in code, or by a known format."""
    if form in IMPORTERS:
        return import_coded(form, source, out, **options)
    return import_format(form, [source], out, **options)


def imported(tmp_path, form, lines, *, packed=False, encoding="utf-8", **options):
    """Write the lines as a source file and import it."""
    source = tmp_path / ("source.csv.gz" if packed else "source.csv")
    content = "".join(f"{line}\n" for line in lines).encode(encoding)
    source.write_bytes(gzip.compress(content) if packed else content)
    import_log(form, source, tmp_path / "log", **options)
    return Log.open(tmp_path / "log")


def clicks(log):
    """(time, feature values by name) of each click."""
    names = [feature.name for feature in log.features]
    time, features = gather(log.clicks(), "time", "features")
    return [
        (t, dict(zip(names, row, strict=True)))
        for t, row in zip(time.tolist(), features.tolist(), strict=True)
    ]


def events(log):
    """(row of the click, kind, time, amount) of each event."""
    parts = list(log.events())
    if not parts:
        return []
    columns = gather(parts, "row", "kind", "time", "amount")
    names = {1: "cart", 2: "pay", 3: "refund"}
    return [(r, names[k], t, a) for r, k, t, a in zip(*(c.tolist() for c in columns), strict=True)]


def quarantined(log):
    """The texts of the quarantined rows by their reason."""
    rows = duckdb.sql(f"SELECT reason, row FROM '{log.path}/quarantine.parquet'").fetchall()
    found = {}
    for reason, row in rows:
        found.setdefault(reason, []).append(row)
    return found
