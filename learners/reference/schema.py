"""What a scenario file may say, as a JSON schema: the models with their meanings, and every part that ships."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from learners.auxiliary import AUXILIARIES
from learners.catalog import listed
from learners.networks import NETWORKS
from learners.objectives import OBJECTIVES
from learners.offsets import OFFSETS
from learners.serve import LINKS
from learners.spaces import SPACES
from learners.start import RECIPES
from simulator.composite import FAMILY, NONE
from simulator.parts import Part, Registry
from simulator.policies import POLICIES
from simulator.scenario.learner import LearnerBlock
from simulator.scenario.meanings import meanings
from simulator.scenario.model import Scenario

Schema = dict[str, Any]

FAMILIES: Mapping[str, Registry[Any]] = {
    "policy": POLICIES,
    "objective": OBJECTIVES,
    "network": NETWORKS,
    "auxiliary": AUXILIARIES,
    "offset": OFFSETS,
    "start": RECIPES,
    "serve": LINKS,
}
"""The keys of ``[[method]]`` that hold a part."""
NESTED: Mapping[str, Registry[Any]] = {"space": SPACES}
"""Keys of parts that hold a part of a family of their own."""
OPTIONAL = ("auxiliary", "offset", "start")
OUTSIDE = {"type": "string", "pattern": ".+:.+", "$comment": '"module:Class"'}
"""How a part that does not ship is named."""


def shipped_parts(family: str) -> dict[str, type[Part]]:
    """Return the parts of a family that come with the product, by kind."""
    known: Mapping[str, type[Part]] = {**FAMILIES, **NESTED}[family]
    return {
        kind: cls for kind, cls in known.items() if cls.__module__.split(".")[0] in ("simulator", "learners")
    }


def scenario_schema() -> Schema:
    """Return the schema of a scenario file, which may be a layer of one: nothing is required at its top."""
    schema = _of(Scenario)
    definitions: Schema = schema.pop("$defs")
    del schema["required"]
    extends = {
        "type": "string",
        "description": "The scenario that this file lies over: tables merge, arrays replace.",
    }
    schema["properties"] = {"extends": extends, **schema["properties"]}
    method = definitions["MethodBlock"]["properties"]
    methods = [method.name for method in listed() if method.origin == "afterclick"]
    method["method"] = {"description": method["method"]["description"], "anyOf": [{"enum": methods}, OUTSIDE]}
    method["learner"] |= {"$ref": f"#/$defs/{LearnerBlock.__name__}"}
    for key in FAMILIES:
        method[key] = {"description": method[key]["description"], "$ref": f"#/$defs/{key}"}
    for key in (*FAMILIES, *NESTED):
        for name, part in _parts(key):
            definitions |= part.pop("$defs", {})
            definitions[name] = part
    for key in (*FAMILIES, *NESTED):
        definitions[key] = _choice(key, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of afterclick",
        **_tidy(schema),
        "$defs": _tidy(dict(sorted(definitions.items()))),
    }


def _parts(family: str) -> Iterator[tuple[str, Schema]]:
    """Yield the schema of the table of each part, by its place under ``$defs``."""
    for kind, cls in shipped_parts(family).items():
        table = _of(cls)
        table["properties"] = {"kind": {"const": kind}, **table.get("properties", {})}
        table["required"] = ["kind", *table.get("required", [])]
        yield f"{family}.{kind}", table


def _choice(family: str, definitions: Schema) -> Schema:
    """Return what a key of ``[[method]]`` takes: a name, a table of a kind, or parameters of the part it has."""
    kinds = list(shipped_parts(family))
    own: Schema = {}
    for kind in kinds:
        own |= {key: {} for key in definitions[f"{family}.{kind}"]["properties"]}
    del own["kind"]
    names = [*kinds, *([NONE] if family in OPTIONAL or family == "objective" else [])]
    return {
        "anyOf": [
            {"enum": names},
            OUTSIDE,
            *({"$ref": f"#/$defs/{family}.{kind}"} for kind in kinds),
            {"type": "object", "required": ["kind"], "properties": {"kind": OUTSIDE}},
            {"type": "object", "properties": own, "additionalProperties": False},
        ]
    }


def _of(model: type[BaseModel]) -> Schema:
    """Return the schema of a model, each key with its meaning."""
    schema: Schema = model.model_json_schema()
    models = _models(model)
    for name, table in {**schema.get("$defs", {}), model.__name__: schema}.items():
        table.pop("title", None)
        table["description"] = _first_paragraph(models[name])
        said = meanings(models[name])
        for key, field in table.get("properties", {}).items():
            field.pop("title", None)
            if isinstance(field.get("default"), dict) or field.get("default", "") is None:
                del field["default"]
            field["description"] = said[key]
    return schema


def _first_paragraph(model: type[BaseModel]) -> str:
    return " ".join(inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].split())


def _models(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the models that a model is made of, by name."""
    found, todo = {model.__name__: model}, [model]
    while todo:
        for kind in _inside([field.annotation for field in todo.pop().model_fields.values()]):
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                todo.append(kind)
    return found


def _inside(kinds: list[Any]) -> Iterator[type[BaseModel]]:
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        yield from _inside(list(getattr(kind, "__args__", ())))


def _tidy(schema: Any) -> Any:
    """Put the choice of a family where a part holds another part, and take out null, which TOML cannot say."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema if item != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    names = {registry.noun: key for key, registry in {**FAMILIES, **NESTED}.items()}
    if isinstance(family := schema.get(FAMILY), str) and family in names:
        schema = {**{k: v for k, v in schema.items() if k != FAMILY}, "$ref": f"#/$defs/{names[family]}"}
    tidy = {key: _tidy(value) for key, value in schema.items()}
    if isinstance(among := tidy.get("anyOf"), list) and len(among) == 1:
        tidy = {**{k: v for k, v in tidy.items() if k != "anyOf"}, **among[0]}
    return tidy
