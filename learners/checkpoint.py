"""Pre-trained models on disk, by the hash of all that made them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError

from learners import tensors
from simulator.locks import alone
from simulator.sources import sources_of

LOGGER = logging.getLogger(__name__)
FORMAT = 2


class Stateful(Protocol):
    """What is saved: a model, or whatever else is fitted on the history."""

    def state_dict(self) -> dict[str, Any]:
        """Return all state, as tensors and plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""


CORRUPT = (SafetensorError, RuntimeError, EOFError, OSError, KeyError, ValueError, TypeError, AttributeError)
"""What reading a truncated, foreign or outdated file can raise."""


def key_of(parts: Mapping[str, Any]) -> str:
    """Return a checkpoint's name: a hash of what it was made from, by which code, torch's version and threads."""
    software = {"torch": torch.__version__, "sources": sources_of(Path(__file__).parent, "**/*.py")}
    whole = {**parts, **software, "format": FORMAT, "threads": torch.get_num_threads()}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:24]


def path_of(cache: Path, key: str) -> Path:
    """Return where the checkpoint of a key lies."""
    return cache / "checkpoints" / f"{key}.safetensors"


def held(path: Path) -> AbstractContextManager[None]:
    """Hold one checkpoint: threads and processes that share it read or make it one at a time."""
    return alone(path.parent.parent, path.stem)


def opened(path: Path, key: str) -> tuple[dict[str, Any], str] | None:
    """Return the state that a checkpoint holds and its digest; None where there is none, or (noted) none of use."""
    if not path.exists():
        return None
    try:
        state, about = tensors.read(path)
        if about["key"] != key:
            raise ValueError(f"it holds {about['key']}")
        return state, about["digest"]
    except CORRUPT as error:
        damaged(path, error)
        return None


def damaged(path: Path, error: Exception) -> None:
    """Note that a checkpoint is of no use."""
    LOGGER.warning("checkpoint %s is damaged (%s) and is made again", path, type(error).__name__)


def load(path: Path, key: str, model: Stateful) -> bool:
    """Load a checkpoint into a model; return False where there is none, or (noted) none of use."""
    found = opened(path, key)
    if found is None:
        return False
    try:
        model.load_state_dict(found[0])
    except CORRUPT as error:
        damaged(path, error)
        return False
    return True


def save(path: Path, key: str, state: Mapping[str, Any]) -> None:
    """Write a state as a checkpoint, whole or not at all, so that no reader ever meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors.write(path, state, key=key)
