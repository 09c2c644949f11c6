"""Records by other names, in other units, and as Avro are the same records."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest

from simulator.errors import ScenarioError, UsageError
from simulator.live.records import Reading, parsed
from simulator.live.settings import Live

LINES = [
    b'{"kind":"click","click_id":7,"time":1762790400000000}',
    b'{"kind":"pay","click_id":7,"event_id":9,"time":1762790460000000,"amount":2.5}',
    b'{"kind":"cart","click_id":7,"event_id":8,"time":"2025-11-10T16:02:00Z"}',
]
SCHEMA = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "what", "type": "string"},
        {"name": "click", "type": "long"},
        {"name": "id", "type": ["null", "long"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "value", "type": ["null", "double"]},
    ],
}
NAMES = {"kind": "what", "click_id": "click", "event_id": "id", "time": "at", "amount": "value"}


def the_live(**changes):
    live = {"events": "redis://host/events", "samples": "s", "policy": "complete", **changes}
    return Live.model_validate(live)


def read(lines, reading):
    records, places, faults = parsed(lines, range(len(lines)), 0, reading)
    return records.arrays(), places, faults


def same(one, other):
    assert one[1:] == other[1:]
    for name, values in one[0].items():
        assert np.array_equal(values, other[0][name]), name


def test_columns_kinds_and_units():
    kinds = {"view": "click", "buy": "pay", "add": "cart", "ping": "ignore"}
    lines = [
        b'{"what":"view","click":7,"at":1762790400000}',
        b'{"what":"buy","click":7,"id":9,"at":1762790460000,"value":2.5}',
        b'{"what":"add","click":7,"id":8,"at":1762790520000}',
    ]
    reading = the_live(columns={**NAMES, "kinds": kinds, "time_unit": "ms"}).reading()
    same(read(lines, reading), read(LINES, Reading()))
    assert read([b'{"what":"ping"}'], reading)[1:] == ([], [])
    assert read([b"", b" \r", b"null"], reading)[1] == []
    assert [place for place, _ in read([b"", b" \r", b"null"], reading)[2]] == [2]
    assert "'pay'" in read([b'{"what":"pay"}'], reading)[2][0][1]


@pytest.mark.parametrize("header", [0, 5])
def test_avro(tmp_path, header):
    fastavro = pytest.importorskip("fastavro", reason="fastavro is not installed (pip install fastavro)")
    (tmp_path / "event.avsc").write_text(json.dumps(SCHEMA))
    live = the_live(avro=str(tmp_path / "event.avsc"), avro_header=header, columns=NAMES)
    schema = fastavro.parse_schema(SCHEMA)
    lines = []
    for line in LINES:
        one = json.loads(line)
        told = {there: one.get(here) for here, there in NAMES.items()}
        told["at"] = int(read([line], Reading())[0]["time"][0])
        written = BytesIO()
        fastavro.schemaless_writer(written, schema, told)
        lines.append(b"\0" * header + written.getvalue())
    same(read(lines, live.reading()), read(LINES, Reading()))
    _, places, faults = read([lines[0][: header + 3], b"\xff" * 30, lines[1]], live.reading())
    assert places == [2]
    assert [place for place, _ in faults] == [0, 1]


def test_mistakes_of_avro_are_told(tmp_path):
    pytest.importorskip("fastavro", reason="fastavro is not installed (pip install fastavro)")
    for text, told in (
        ("{", "is no schema"),
        ('{"type":"record"}', "is no schema"),
        (None, "cannot be read"),
    ):
        path = tmp_path / f"{len(told)}.avsc"
        if text is not None:
            path.write_text(text)
        with pytest.raises(ScenarioError, match=told):
            the_live(avro=str(tmp_path / "none" if text is None else path)).reading()
    with pytest.raises(UsageError, match="are not lines"):
        the_live(avro="a.avsc", events="in.jsonl").reading()
