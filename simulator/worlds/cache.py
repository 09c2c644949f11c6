"""Generated worlds at rest, found again by what they were generated from."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from simulator.errors import LogError
from simulator.locks import alone
from simulator.log.meta import check_files, read_meta
from simulator.sources import sources_of
from simulator.windows import Windows
from simulator.worlds.generate import GENERATOR_VERSION, generate
from simulator.worlds.settings import WorldSettings


def world_key(settings: WorldSettings, windows: Windows, seed: int) -> str:
    """Return the SHA-256 of all that a world depends on (names of promotions do not matter to it, but are
    counted). The observation window is none of it: only columns of the truth do, which are made apart (`observed`).
    """
    identity = {
        "generator": GENERATOR_VERSION,
        "sources": sources_of(Path(__file__).parent),
        "settings": settings.model_dump(mode="json"),
        "attribution": windows.attribution,
        "refund": windows.refund,
        "lateness": windows.lateness,
        "edges": windows.edges,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def cached_world(
    settings: WorldSettings,
    windows: Windows,
    seed: int,
    cache: Path,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Return the directory of a world's log, generating it if ``cache`` does not hold it.

    It is written aside and renamed. Of processes that want the same world one generates it, and the others wait. A damaged
    world is made again.

    Raises
    ------
    LogError
        If ``cache`` cannot be written, or holds something that is no world in the world's place.
    """
    place = cache / world_key(settings, windows, seed)
    with alone(cache, place.name):
        try:
            check_files(place, read_meta(place))
        except LogError:  # not there, or damaged: it can be made again
            _make(settings, windows, seed, place, progress)
    return place


def _make(
    settings: WorldSettings,
    windows: Windows,
    seed: int,
    place: Path,
    progress: Callable[[float], None] | None,
) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".world-", dir=place.parent))
    except OSError as error:
        raise LogError(f"{place.parent}: cannot be written ({error.strerror})") from None
    try:
        generate(settings, windows, None, seed, aside / "log", progress=progress)
        shutil.rmtree(place, ignore_errors=True)
        try:
            (aside / "log").rename(place)
        except OSError:
            read_meta(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
