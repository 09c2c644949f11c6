"""States come back from a file as they were, and checkpoints are made by one at a time."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from learners import checkpoint, tensors
from learners.tensors import PART, Picked

STATE = {
    "a": {"b": torch.arange(6, dtype=torch.int32).view(2, 3), "flag": torch.tensor([True, False, True])},
    "wide": torch.tensor([0.1, -0.0, float("inf")], dtype=torch.float64),
    "half": torch.arange(3).bfloat16(),
    "none": torch.empty(0, 4),
    "rates": [0.1, 1e-300],
    "steps": 7,
    "served": None,
}


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    return one == other


def test_a_state_comes_back_as_it_was(tmp_path):
    path = tmp_path / "one.safetensors"
    tensors.write(path, STATE, key="k")
    state, about = tensors.read(path)
    assert same(STATE, state)
    assert about["key"] == "k"
    assert load_file(path)["a/b"].tolist() == [[0, 1, 2], [3, 4, 5]], "others can read it, too"
    assert [each.name for each in tmp_path.iterdir()] == ["one.safetensors"]


def test_picked_rows_are_written_as_if_they_had_been_copied(tmp_path):
    values = torch.arange(3.0 * PART).view(-1, 1)
    rows = np.flatnonzero(np.arange(len(values)) % 3 > 0)
    for name, chosen in (("picked", Picked(values, rows)), ("copied", values[torch.from_numpy(rows)])):
        tensors.write(tmp_path / name, {"x": chosen})
    picked, copied = ((tmp_path / name).read_bytes() for name in ("picked", "copied"))
    assert picked == copied


def test_the_digest_is_that_of_all_that_is_said(tmp_path):
    path, told = tmp_path / "one.safetensors", set()
    for state in (
        {"x": torch.zeros(2)},
        {"x": torch.ones(2)},
        {"x": torch.zeros(2), "n": 1},
        {"y": torch.zeros(2)},
    ):
        tensors.write(path, state)
        told.add(tensors.read(path)[1]["digest"])
    assert len(told) == 4


def test_what_is_written_to_a_tensor_does_not_reach_the_file(tmp_path):
    path = tmp_path / "one.safetensors"
    tensors.write(path, {"x": torch.zeros(2000)})
    before = path.read_bytes()
    tensors.read(path)[0]["x"].fill_(3.0)
    assert path.read_bytes() == before


def test_two_tensors_of_one_name_are_refused(tmp_path):
    with pytest.raises(KeyError, match="a/b"):
        tensors.write(tmp_path / "one", {"a": {"b": torch.zeros(1)}, "a/b": torch.zeros(1)})
    assert not list(tmp_path.iterdir())


def test_another_process_is_waited_for(tmp_path):
    """A lock of the file system is held as another process would hold it."""
    path, entered = checkpoint.path_of(tmp_path, "k"), threading.Event()

    def enter():
        with checkpoint.held(path):
            entered.set()

    (tmp_path / "locks").mkdir()
    with FileLock(tmp_path / "locks" / "k.lock"):
        other = threading.Thread(target=enter)
        other.start()
        assert not entered.wait(0.3)
    assert entered.wait(20)
    other.join()


def test_a_cache_that_cannot_be_written_can_be_read(tmp_path):
    path = checkpoint.path_of(tmp_path, "k")
    checkpoint.save(path, "k", {"x": torch.ones(2)})
    (tmp_path / "locks").write_text("no folder can be made here")
    with checkpoint.held(path):
        state, _ = checkpoint.opened(path, "k")
    assert state["x"].tolist() == [1.0, 1.0]
