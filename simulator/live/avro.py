"""Records that are Avro: each one value of a schema that is known beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from simulator.errors import ScenarioError, UsageError


def from_avro(path: Path, header: int) -> Callable[[bytes], Any]:
    """Return what reads a record.

    Parameters
    ----------
    path : the schema they were written by, as JSON.
    header : bytes before each; 5 where a schema registry numbers schemas.

    Raises
    ------
    ScenarioError : the schema cannot be read.
    UsageError : what reads Avro is not installed.
    """
    try:
        import fastavro
    except ImportError:
        raise UsageError('Avro needs its reader: pip install "afterclick[avro]"') from None
    from fastavro.schema import SchemaParseException, UnknownType

    try:
        schema = fastavro.parse_schema(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, SchemaParseException, UnknownType) as error:
        raise ScenarioError(f"{path}: is no schema of Avro ({type(error).__name__}: {error})") from None
    read = fastavro.schemaless_reader

    def decode(line: bytes) -> Any:
        return read(BytesIO(line[header:]), schema, None)

    return decode
