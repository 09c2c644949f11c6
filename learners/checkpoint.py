"""Pre-trained models on disk, by the hash of all that made them."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from simulator.atomic import written_whole
from simulator.sources import sources_of

LOGGER = logging.getLogger(__name__)
FORMAT = 1


class Stateful(Protocol):
    """What is saved: a model, or whatever else is fitted on the history."""

    def state_dict(self) -> dict[str, Any]:
        """Return all state, as tensors and plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""


_LOCKS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_LOCKS_LOCK = threading.Lock()

_CORRUPT = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
)
"""What reading a truncated, foreign or outdated file can raise."""


def key_of(parts: Mapping[str, Any]) -> str:
    """Return a checkpoint's name: a hash of what it was made from, by which code, torch's version and threads."""
    software = {"torch": torch.__version__, "sources": sources_of(Path(__file__).parent, "**/*.py")}
    whole = {**parts, **software, "format": FORMAT, "threads": torch.get_num_threads()}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:24]


def lock_of(path: Path) -> threading.Lock:
    """Return the lock of one checkpoint: methods that share it read or make it one at a time."""
    with _LOCKS_LOCK:
        return _LOCKS[str(path.absolute())]


def load(path: Path, key: str, model: Stateful) -> bool:
    """Load a checkpoint into a model; return False where there is none, or (noted) none of use."""
    if not path.exists():
        return False
    try:
        saved = torch.load(path, weights_only=True)
        if saved["key"] != key:
            raise ValueError(f"it holds {saved['key']}")
        model.load_state_dict(saved["model"])
    except _CORRUPT as error:
        LOGGER.warning("checkpoint %s is damaged (%s) and is made again", path, type(error).__name__)
        return False
    return True


def save(path: Path, key: str, model: Stateful) -> None:
    """Write a checkpoint whole or not at all, so that no reader ever meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial:
        torch.save({"key": key, "model": model.state_dict()}, partial)
