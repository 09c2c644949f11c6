"""The reference of keys and the schema for editors say what the models say, and what ships is valid by them."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from learners.reference.__main__ import SCHEMA, texts
from learners.reference.page import words
from learners.reference.schema import FAMILIES, shipped_parts
from simulator.scenario.model import Scenario
from tests.commands import ROOT

SCENARIOS = sorted((ROOT / "scenarios").glob("*.toml"))
DOCS = ROOT / "docs"


def plain(value: Any) -> Any:
    """Return a value of TOML as an editor hands it to a schema: dates are text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads((DOCS / SCHEMA).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", sorted(texts()))
def test_what_is_written_is_what_the_models_say(name):
    assert (DOCS / name).read_text(encoding="utf-8") == texts()[name], (
        "python -m learners.reference writes it anew"
    )


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_what_ships_is_valid(validator, path):
    read = plain(tomllib.loads(path.read_text(encoding="utf-8")))
    assert [error.json_path for error in validator.iter_errors(read)] == []


WRONG = {
    'sed = 1\n[[method]]\nmethod = "fnw"': "$",
    "[windows]\nobservation = 15": "$.windows.observation",
    '[windows]\nobservation = "15"': "$.windows.observation",
    '[[method]]\nmethod = "fwn"': "$.method[0].method",
    "[[method]]\nname = 'a'": "$.method[0]",
    '[[method]]\nmethod = "fnw"\npolicy = "elapsed-tme"': "$.method[0].policy",
    '[[method]]\nmethod = "fnw"\npolicy = { kind = "elapsed-time", windw = "1h" }': "$.method[0].policy",
    '[[method]]\nmethod = "fnw"\nobjective = { of = "refunded", x = 1 }': "$.method[0].objective",
    '[[method]]\nmethod = "fnw"\nobjective = { kind = "cascade", conversion = "bec" }': "$.method[0].objective",
    '[[method]]\nmethod = "fnw"\nlearner = { batchsize = 3 }': "$.method[0].learner",
    "[world]\ncvr = 1.5": "$.world.cvr",
    '[data]\ntouches = "x.csv"\n[data.features]\na = "category"': "$.data.features.a",
}
RIGHT = [
    '#:schema scenario.schema.json\nextends = "double11.toml"',
    '[[method]]\nmethod = "fnw"\npolicy = "my_policies:Confirmed"\nauxiliary = "none"',
    '[[method]]\nmethod = "fnw"\npolicy = { kind = "my_policies:Confirmed", window = "1h", own = 3 }',
    '[[method]]\nmethod = "es-dfm"\npolicy = { window = "1d 12h" }',
    '[data]\ntouches = ["a.csv", "b.csv"]\n[data.features]\na = "hashed"\nb = { kind = "numeric", bins = 3 }',
    '[[promotion]]\nname = "sale"\nstart = 2025-11-11\nend = 2025-11-12T20:00:00+08:00',
    '[stream]\nupload = "1d"',
    '[stream]\nupload = { kind = "lognormal", median = "3h" }',
]


@pytest.mark.parametrize("text", WRONG)
def test_an_editor_marks_what_is_wrong(validator, text):
    assert WRONG[text] in [error.json_path for error in validator.iter_errors(plain(tomllib.loads(text)))]


@pytest.mark.parametrize("text", RIGHT)
def test_an_editor_lets_pass_what_is_right(validator, text):
    assert list(validator.iter_errors(plain(tomllib.loads(text)))) == []


def test_every_table_and_every_part_has_its_place():
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    tables = ["data", "world", "windows", "stream", "engine", "learner", "evaluation", "output"]
    assert set(tables) <= set(Scenario.model_fields)
    for heading in [f"## `[{table}]`" for table in tables] + ["## `[[method]]`", "## `[[world.promotion]]`"]:
        assert heading in page
    for family in FAMILIES:
        for kind, part in shipped_parts(family).items():
            assert f"\n### `{kind}`\n" in page
            assert all(f"`{key}`" in page for key in part.model_fields)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "text or a list of such",
        ),
        (
            {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            "a list, each a number, 2 of them",
        ),
        (
            {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "a list, each a whole number, at least 1 of them",
        ),
        (
            {"type": "object", "additionalProperties": {"type": "boolean"}},
            "a table, of each name true or false",
        ),
        ({"$ref": "#/$defs/objective"}, "a part"),
        ({"type": "string", "format": "date"}, "a date"),
        ({}, "anything"),
    ],
)
def test_types_are_said_in_words(field, said):
    assert words(field) == said
