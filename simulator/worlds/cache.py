"""Generated worlds at rest, found again by what they were generated from."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from simulator.errors import LogError
from simulator.log.meta import check_files, read_meta
from simulator.sources import sources_of
from simulator.windows import Windows
from simulator.worlds.generate import GENERATOR_VERSION, generate
from simulator.worlds.settings import WorldSettings


def world_key(settings: WorldSettings, windows: Windows, observation: int, seed: int) -> str:
    """Return the SHA-256 of all that a world depends on (names of promotions do not matter to it, but are
    counted).
    """
    identity = {
        "generator": GENERATOR_VERSION,
        "sources": sources_of(Path(__file__).parent),
        "settings": settings.model_dump(mode="json"),
        "attribution": windows.attribution,
        "refund": windows.refund,
        "lateness": windows.lateness,
        "edges": windows.edges,
        "observation": observation,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def cached_world(
    settings: WorldSettings,
    windows: Windows,
    observation: int,
    seed: int,
    cache: Path,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Return the directory of a world's log, generating it if ``cache`` does not hold it.

    It is written aside and renamed. Of two processes that generate the same world, one comes first; the other
    finds its own copy superfluous, and both return the same directory. A damaged world is made again.

    Raises
    ------
    LogError
        If ``cache`` cannot be written, or holds something that is no world in the world's place.
    """
    place = cache / world_key(settings, windows, observation, seed)
    if place.exists():
        try:
            check_files(place, read_meta(place))
        except LogError:  # damaged: it can be made again
            shutil.rmtree(place, ignore_errors=True)
        else:
            return place
    try:
        cache.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".world-", dir=cache))
    except OSError as error:
        raise LogError(f"{cache}: cannot be written ({error.strerror})") from None
    try:
        generate(settings, windows, observation, seed, aside / "log", progress=progress)
        try:
            (aside / "log").rename(place)
        except OSError:
            read_meta(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return place
