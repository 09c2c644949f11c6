"""The checker: every number of an answer is read again from its file, and none may stand there that has no file."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from simulator.ask.facts import Reader, Shown
from simulator.errors import RunError

_NUMBER = re.compile(
    r"(?<![\w.])[-+\u2212]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?|\d+(?:\.\d+)?", re.IGNORECASE
)
_SPELT = re.compile(
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|half|halves|third"
    r"|quarter|double|doubled|triple|twice|thrice|times|per ?cent|percent)\b|[一二三四五六七八九十百千万两倍半]|[%‰½¼¾]",
    re.IGNORECASE,
)
_SENSE = re.compile(
    r"\b(?:not|no|never|none|without|nothing|cannot|better|worse|best|worst|lower|lowest|higher|highest|less|more|fewer|above|below|over"
    r"|under|beats?|loses?|settled|unsettled|increases?|decreases?|than|unknown|before|after|during|from|to)\b"
    r"|n't\b|[不没无未优劣高低]",
    re.IGNORECASE,
)


def numbers(text: str, names: Iterable[str] = ()) -> list[str]:
    """Return the numbers of a text in their order, but for those inside of names.

    >>> numbers("es-dfm-6h has .034, not 1,200", ["es-dfm-6h"])
    ['.034', '1,200']
    """
    return [number.replace("\u2212", "-") for number in _NUMBER.findall(_without(text, names))]


def check(pieces: Sequence[str | Shown], names: Iterable[str]) -> None:
    """Read every fact anew and compare it with what is written; find numbers that are no fact.

    Raises
    ------
    RunError : a file has another number than the answer, or a number of the answer has no file.
    """
    reader = Reader()
    for piece in pieces:
        if isinstance(piece, Shown):
            found = reader.written(piece.fact)
            if found != piece.text:
                raise RunError(f"{piece.fact.shown()}: is {found}, and was to be shown as {piece.text}")
    for piece in pieces:
        if isinstance(piece, str) and (loose := numbers(piece, names)):
            raise RunError(f"{', '.join(loose)} in {piece!r}: numbers that are in no file")


def same_numbers(before: str, after: str, names: Iterable[str]) -> bool:
    """Tell whether a re-worded text says what the text before it said: each number, of the same name, in the same sense.

    It errs on the side of no: the checked text is there to be shown instead. The numbers, the spelt ones, the names, the name
    before each number, and the words that could turn a sentence around must all be the same.
    """
    names = sorted(set(names), key=len, reverse=True)
    first, second = (unicodedata.normalize("NFKC", text) for text in (before, after))
    return all(
        of(first) == of(second)
        for of in (
            lambda text: Counter(numbers(text, names)),
            lambda text: Counter(word.casefold() for word in _SPELT.findall(_without(text, names))),
            lambda text: Counter(word.casefold() for word in _SENSE.findall(_without(text, names))),
            lambda text: Counter(_said(text, names)),
            lambda text: Counter(_owners(text, names)),
        )
    )


def _pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    listed = [re.escape(name) for name in sorted(set(names), key=len, reverse=True) if name]
    return re.compile(r"(?<![\w-])(?:" + "|".join(listed) + r")(?![\w-])") if listed else None


def _without(text: str, names: Iterable[str]) -> str:
    pattern = _pattern(names)
    return pattern.sub(" ", text) if pattern else text


def _said(text: str, names: Iterable[str]) -> list[str]:
    pattern = _pattern(names)
    return pattern.findall(text) if pattern else []


def _owners(text: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return each number with the name that stands last before it."""
    pattern = _pattern(names)
    found: list[tuple[str, str]] = []
    place, owner = 0, ""
    for match in pattern.finditer(text) if pattern else ():
        found += [(owner, number) for number in numbers(text[place : match.start()])]
        place, owner = match.end(), match[0]
    return found + [(owner, number) for number in numbers(text[place:])]
