"""Every key of a scenario has a meaning, which the references of keys show."""

from __future__ import annotations

from pydantic import BaseModel

from simulator.parts import Part
from simulator.scenario.base import Block
from simulator.scenario.fields import members
from simulator.scenario.meanings import meanings
from simulator.scenario.model import Scenario


class Base(Block):
    wide: int = 1
    """How wide,
    in pieces."""
    high: int = 2
    deep: int = 3
    """Deep."""


class Narrower(Base):
    """Its own docstring is no key's."""

    wide: int = 0
    deep: int = 4
    """Deeper."""


def test_docstrings_under_fields_are_their_meaning():
    assert meanings(Base) == {"wide": "How wide, in pieces.", "deep": "Deep."}
    assert meanings(Narrower) == {"wide": "How wide, in pieces.", "deep": "Deeper."}


def blocks_below(block: type[BaseModel]) -> set[type[BaseModel]]:
    """Return a block and every block that a key of it can hold."""
    found, todo = {block}, [block]
    while todo:
        for field in todo.pop().model_fields.values():
            kinds = [field.annotation]
            while kinds:
                for kind in members(kinds.pop()):
                    kinds += getattr(kind, "__args__", ())
                    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
                        found.add(kind)
                        todo.append(kind)
    return found


def test_no_key_of_a_scenario_is_without_a_meaning():
    blocks = blocks_below(Scenario)
    assert len(blocks) > 30
    assert {
        b.__name__: set(b.model_fields) - set(meanings(b))
        for b in blocks
        if set(b.model_fields) - set(meanings(b))
    } == {}
    assert not any(issubclass(block, Part) for block in blocks)
