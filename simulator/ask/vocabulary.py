"""The words of the field, English and Chinese, and the names that they mean. One table serves the parser and the search.

Each row of ``vocabulary.txt`` is a kind, a name, and the phrases for it, with ``|`` between them. Kinds: ``intent``,
``metric``, ``cost``, ``count``, ``task``, ``phase``, ``key`` (a key of a scenario that can be changed), ``concept`` (a subject
of the documents alone), ``method`` (one row: the names that ship, so that a lack of one is said without loading them).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_suffix(".txt")
CJK = r"\u3400-\u9fff"
_MIXED = re.compile(rf"(?<=[{CJK}])(?=[a-z0-9])|(?<=[a-z0-9])(?=[{CJK}])")


def normal(text: str) -> str:
    r"""Return text in one width, small letters, blanks between words, and between Chinese and what is not.

    >>> normal("  What's the  \uff21UC?")
    "what's the auc?"
    >>> normal("\u53cc11\u7684AUC") == "\u53cc 11 \u7684 auc"
    True
    """
    return " ".join(_MIXED.sub(" ", unicodedata.normalize("NFKC", text).casefold()).split())


@cache
def rows() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return kind, name and phrases of each row.

    >>> len(rows()) >= 100
    True
    """
    return tuple(_rows())


def _rows() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        kind, rest = line.split(maxsplit=1)
        name, said = rest.split(maxsplit=1)
        yield kind, name, tuple(phrase.strip() for phrase in said.split("|"))


def phrases(*kinds: str) -> dict[str, tuple[str, str]]:
    """Return (kind, name) by phrase, in small letters; the first row that has a phrase keeps it."""
    found: dict[str, tuple[str, str]] = {}
    for kind, name, said in rows():
        if kind in kinds:
            for phrase in said:
                found.setdefault(normal(phrase), (kind, name))
    return found


def expansions() -> list[tuple[str, ...]]:
    """Return the phrases of each row that a search may add to a question which has one of them."""
    return [(name, *said) for kind, name, said in rows() if kind in ("concept", "metric", "cost", "task")]


def shipped_methods() -> tuple[str, ...]:
    """Return the names of methods that ship."""
    return next(said for kind, _, said in rows() if kind == "method")
