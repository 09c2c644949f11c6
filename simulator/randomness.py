"""Named random generators: (seed, purpose) fixes the stream, whatever else was drawn, and in what order."""

from __future__ import annotations

import zlib

import numpy as np

from simulator.log.schema import Float64, Int64


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


_GOLDEN = 0x9E3779B97F4A7C15


def draws(ids: Int64, *purpose: str | int) -> Float64:
    """Return one number of [0, 1) per id, fixed by the id and the purpose alone (SplitMix64's finaliser).

    For draws that must be the same whichever other ids are drawn for, and when.
    """
    key = int(seed_sequence(0, *purpose).generate_state(1, np.uint64)[0])
    x = ids.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(key)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))).astype(np.float64) / 2.0**64
