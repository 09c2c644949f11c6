"""Mapping files are data: what else they hold is refused before anything of it runs."""

import collections
import os
import pickle

import pytest

from simulator.errors import UsageError
from simulator.log.importers.mapping import read_mapping


def stored(tmp_path, content, protocol=pickle.DEFAULT_PROTOCOL):
    path = tmp_path / "mapping.pkl"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    return path


class Canary:
    """Makes a file when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_mappings_of_texts_and_integers(tmp_path, protocol):
    content = collections.OrderedDict(shop={"a": 3, 7: 0, "é": 2}, item={})
    found = read_mapping(stored(tmp_path, content, protocol))
    assert {name: table.to_pydict() for name, table in found.items()} == {
        "shop": {"value": ["a", "7", "é"], "id": [3, 0, 2]},
        "item": {"value": [], "id": []},
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_executed(tmp_path, protocol):
    canary = tmp_path / "canary"
    for content in ({"shop": {"a": Canary(canary)}}, Canary(canary), {Canary(canary): {}}):
        path = stored(tmp_path, content, protocol)
        with pytest.raises(
            UsageError, match=r"refused, since it asks for \w+\.system.*Nothing of it was run"
        ):
            read_mapping(path)
        assert not canary.exists()
    if protocol == 2:  # the canary can sing
        pickle.loads(path.read_bytes())
        assert canary.exists()


@pytest.mark.parametrize("name", ["eval", "getattr", "exec", "__import__", "open", "object"])
def test_no_builtin_that_acts(tmp_path, name):
    with pytest.raises(UsageError, match=f"asks for builtins.{name}"):
        read_mapping(stored(tmp_path, f"cbuiltins\n{name}\n.".encode()))


def test_dotted_names_and_persistent_ids_are_refused(tmp_path):
    dotted = b"\x80\x04\x8c\x08builtins\x8c\x08str.join\x93."
    with pytest.raises(UsageError, match=r"asks for builtins\.str\.join"):
        read_mapping(stored(tmp_path, dotted))
    with pytest.raises(UsageError, match="a persistent id"):
        read_mapping(stored(tmp_path, b"Pany\n."))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list; expected"),
        ({}, "holds a dict; expected"),
        ({"shop": 3}, "column 'shop' holds a int"),
        ({"shop": {"a": "b"}}, "maps to 'b'; allowed: integers from 0"),
        ({"shop": {"a": -1}}, "maps to -1"),
        ({"shop": {"a": True}}, "maps to True"),
        ({"shop": {"a": 2**31}}, "maps to 2147483648"),
        ({"shop": {2.5: 1}}, "is 2.5; allowed: texts and integers"),
        ({(1,): {}}, r"column is \(1,\)"),
        ({"shop": {"\ud800": 1}}, "not Unicode"),
        (b"", "no mapping file, or damaged"),
        (b"hello", "no mapping file, or damaged"),
        (pickle.dumps({"a": {"b": 1}})[:-4], "no mapping file, or damaged"),
    ],
)
def test_what_is_no_mapping(tmp_path, content, message):
    with pytest.raises(UsageError, match=message):
        read_mapping(stored(tmp_path, content))


def test_where_it_is_not(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_mapping(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a directory"):
        read_mapping(tmp_path)
