"""A file appears whole or not at all."""

from __future__ import annotations

import pytest

from simulator.atomic import put_in_place, write_text, written_whole


def test_it_takes_the_place_of_the_old_one_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with written_whole(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "ä")
    with pytest.raises(ValueError, match="halfway"):
        _half(path)
    assert path.read_text(encoding="utf-8") == "ä"
    assert list(tmp_path.iterdir()) == [path]


def _half(path):
    with written_whole(path) as aside:
        aside.write_text("half")
        raise ValueError("halfway")


def test_a_directory_takes_the_place_of_the_old_one(tmp_path):
    new, out = tmp_path / "new", tmp_path / "out"
    for path, text in ((new, "new"), (out, "old")):
        path.mkdir()
        (path / "a").write_text(text)
    put_in_place(new, out)
    assert (out / "a").read_text() == "new"
    assert list(tmp_path.iterdir()) == [out]
