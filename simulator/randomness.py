"""Named random generators: (seed, purpose) fixes the stream, whatever else was drawn, and in what order."""

from __future__ import annotations

import zlib

import numpy as np


def seed_sequence(seed: int, *purpose: str | int) -> np.random.SeedSequence:
    """Seed of one purpose. Names are hashed by CRC-32, so that no order of creation matters."""
    key = tuple(part if isinstance(part, int) else zlib.crc32(part.encode()) for part in purpose)
    return np.random.SeedSequence(seed, spawn_key=key)


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the generator of one purpose, e.g. ``generator(7, "world", "clicks", day)``."""
    return np.random.Generator(np.random.PCG64DXSM(seed_sequence(seed, *purpose)))


def torch_seed(seed: int, *purpose: str | int) -> int:
    """Return a 63-bit seed for a ``torch.Generator`` of one purpose."""
    return int(seed_sequence(seed, *purpose).generate_state(1, np.uint64)[0] >> np.uint64(1))
