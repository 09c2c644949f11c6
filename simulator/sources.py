"""What code made a thing that is kept: part of the key under which it is found again."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def sources_of(package: Path, pattern: str = "*.py") -> str:
    """Return the SHA-256 of a package's modules: what another version of them made must not be taken for theirs."""
    digest = hashlib.sha256()
    for path in sorted(package.glob(pattern)):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
