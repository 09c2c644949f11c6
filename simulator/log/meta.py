"""``meta.toml``: what a log says of itself, written last and checked first."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import tomlkit

from simulator.clock import Clock, zone_of
from simulator.errors import LogError
from simulator.log.fingerprint import fingerprint, parquet_files
from simulator.log.schema import SCHEMA_VERSION, Feature
from simulator.store import Location

FILE = "meta.toml"


@dataclass(frozen=True, slots=True)
class Aside:
    """Rows of a source that were put aside for one reason.

    ``kind`` is "bad", "repeated", "unattributed" or "by rule"; ``column`` is the one to blame ("" for none), under the
    user's name; ``example`` the text of the first such row.
    """

    kind: str
    table: str
    reason: str
    column: str
    rows: int
    example: str

    @property
    def told(self) -> str:
        """The reason, with its column."""
        return self.reason + (f" ({self.column})" if self.column else "")


@dataclass(frozen=True, slots=True)
class Meta:
    """What ``meta.toml`` says of a log.

    Times are integer microseconds from ``origin`` (UTC). ``observed_until`` is the instant up to which events
    were recorded: a label whose window ends later is not known. ``fingerprint`` identifies the content.
    ``time_zone`` (an IANA name) is where the log's days and hours are counted; its origin is a midnight there.
    ``read = clicks + events + impressions + quarantined``: every source row is in exactly one of these.
    ``arrivals`` says whether events carry ``arrival_time``, when each became known; without it, that is when they happened.
    """

    name: str
    origin: datetime
    features: tuple[Feature, ...]
    clicks: int
    events: int
    quarantined: int
    start: int
    observed_until: int
    fingerprint: str
    provenance: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    truth: tuple[str, ...] = ()
    aside: tuple[Aside, ...] = ()
    """What was put aside, by class, table, reason and column."""
    ignored: dict[str, int] = field(default_factory=dict)
    """Rows that were left out by their kind; they are not among those read."""
    notes: tuple[str, ...] = ()
    """Sentences on the log: what was assumed, and what is odd about it."""
    time_zone: str = "UTC"
    arrivals: bool = False
    impressions: int = 0
    """Impressions, those of the randomised slice among them; 0: the log does not say what was shown."""
    randomised: int = 0
    """Impressions of the randomised slice."""
    exposure: tuple[str, ...] = ()
    """Columns of ``exposure/``."""
    schema_version: int = SCHEMA_VERSION

    @property
    def clock(self) -> Clock:
        """Local time of the log."""
        return Clock(self.origin, self.time_zone)

    @property
    def source(self) -> str:
        """The fingerprint of the log itself, whatever features were derived of it."""
        return str(self.provenance.get("derived_of", self.fingerprint))

    @property
    def read(self) -> int:
        """Source rows read: replayed + quarantined."""
        return self.clicks + self.events + self.impressions + self.quarantined


def origin_utc(origin: datetime) -> datetime:
    """Return ``origin`` in UTC; a naive datetime is taken as UTC."""
    return origin.replace(tzinfo=UTC) if origin.tzinfo is None else origin.astimezone(UTC)


def from_epoch(micros: int) -> datetime:
    """Return the instant that many microseconds after 1970 (UTC)."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def plain(value: Any) -> Any:
    """Return what TOML can hold of ``value``: no None (TOML has none), tuples as arrays, numpy scalars as
    numbers.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items() if part is not None}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value if part is not None]
    if isinstance(value, (str, bool, int, float, datetime)):
        return value
    return value.item() if hasattr(value, "item") else str(value)


def write_meta(root: Path, meta: Meta) -> None:
    """Write ``meta.toml`` and, in its ``files``, every Parquet file that belongs to the log."""
    document: dict[str, Any] = {
        field.name: plain(getattr(meta, field.name))
        for field in fields(Meta)
        if field.name not in {"features", "origin", "aside"}
    }
    # A log without arrival times, or without impressions, is written as it was before there were any.
    for name in ("arrivals", "impressions", "randomised", "exposure"):
        if not document[name]:
            del document[name]
    document["origin"] = origin_utc(meta.origin)
    document["features"] = {feature.name: feature.cardinality for feature in meta.features}
    document["aside"] = [asdict(part) for part in meta.aside]
    # Only what differs from a categorical feature of one column is said: other logs read as they always did.
    document["feature_kinds"] = {f.name: f.kind for f in meta.features if f.kind != "categorical"}
    document["feature_widths"] = {f.name: f.width for f in meta.features if f.width != 1}
    for name in ("feature_kinds", "feature_widths"):
        if not document[name]:
            del document[name]
    document["files"] = parquet_files(root)
    tables = {key: value for key, value in document.items() if isinstance(value, dict) or key == "aside"}
    ordered = {key: value for key, value in document.items() if key not in tables} | tables
    (root / FILE).write_text(tomlkit.dumps(ordered), encoding="utf-8")


def read_meta(root: Location) -> Meta:
    """Read ``meta.toml``.

    Raises
    ------
    LogError
        If there is no log here, it is of another schema version, or ``meta.toml`` is damaged.
    """
    document = _document(root)
    try:
        return _meta(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LogError(
            f"{root / FILE}: is damaged ({type(error).__name__}: {error}). Import the log again"
        ) from None


def _document(root: Location) -> dict[str, Any]:
    path = root / FILE
    if not root.is_dir():
        raise LogError(
            f"{root}: is not a directory, so not a log" if root.exists() else f"{root}: no such log"
        )
    if not path.is_file():
        raise LogError(
            f"{root}: has no {FILE}, so it is not a log; import one, or map Parquet files by [data.columns]"
        )
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LogError(f"{path}: is not readable as TOML ({error})") from None
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise LogError(
            f"{path}: schema_version {version!r} is unknown; allowed: {SCHEMA_VERSION}. Import the log again"
        )
    return document


def _meta(document: dict[str, Any]) -> Meta:
    values = {field.name: document[field.name] for field in fields(Meta) if field.name in document}
    for name in ("clicks", "events", "quarantined", "start", "observed_until"):
        values[name] = int(document[name])
    values["origin"] = origin_utc(document["origin"])
    values["features"] = _features(document)
    for name in ("truth", "exposure"):
        values[name] = tuple(document.get(name, ()))
    for name in ("impressions", "randomised"):
        values[name] = int(document.get(name, 0))
    values["notes"] = tuple(document.get("notes", ()))
    values["aside"] = tuple(Aside(**part) for part in document.get("aside", ()))
    zone_of(values.setdefault("time_zone", "UTC"))
    return Meta(**values)


def _features(document: dict[str, Any]) -> tuple[Feature, ...]:
    """Return the features; a kind or width of a feature that is not there is damage."""
    sizes = document["features"]
    kinds, widths = document.get("feature_kinds", {}), document.get("feature_widths", {})
    for table in (kinds, widths):
        if stray := [name for name in table if name not in sizes]:
            raise ValueError(f"there is no feature {stray[0]!r}")
    if wrong := [width for width in widths.values() if type(width) is not int]:
        raise ValueError(f"{wrong[0]!r} is no width of a feature")
    return tuple(
        Feature(name, int(size), widths.get(name, 1), kinds.get(name, "categorical"))
        for name, size in sizes.items()
    )


def check_files(root: Location, meta: Meta) -> list[str]:
    """Compare the Parquet files on disk with those that were written; return them, relative to ``root``,
    sorted.

    Raises
    ------
    LogError
        If one is missing, was added, was cut short or changed.
    """
    listed = sorted(str(name) for name in _document(root).get("files", ()))
    present = set(parquet_files(root))
    for name in listed:
        if name not in present:
            raise LogError(f"{root / name}: is missing, though {FILE} lists it. Import the log again")
    if extra := sorted(present - set(listed)):
        raise LogError(f"{root / extra[0]}: does not belong to the log ({FILE} does not list it); remove it")
    if fingerprint(root, listed) != meta.fingerprint:
        raise LogError(
            f"{root}: changed since it was imported (fingerprint {meta.fingerprint[:12]}); import it again"
        )
    return listed
