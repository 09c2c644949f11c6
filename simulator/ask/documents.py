"""The documents that come with the product, cut into passages and searched by BM25, with the synonyms of a question's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from simulator.ask.asked import Passage
from simulator.ask.question import occurs
from simulator.ask.vocabulary import expansions, normal

_PACKAGE = Path(__file__).parents[1]
DOCUMENTS = next(
    place
    for place in (_PACKAGE / "documents", _PACKAGE.parent)
    if (place / "docs").is_dir() or place == _PACKAGE.parent
)
"""The folder that has README.md, ``docs`` and ``data``: in a wheel inside the package (pyproject), else the checkout."""
PAGES = ("README.md", "docs/*.md", "data/README.md")
LEFT_OUT = "docs/ask.md"
"""The page of questions: it has their words and not their answers."""
LONGEST = 1200
"""Characters of a passage at most, where its lines allow; about 300 tokens."""
TABLES = "docs/reference.md"
"""Tables of all keys: they have every word, so that of three passages one at most is of them."""
OWN, ADDED, TITLED = 3, 1, 2
"""How often a word of the question, a synonym, and a word of a heading count."""
_STOP = frozenset(
    word
    for line in (
        "a an and are as at be been before both by can could did do does every for from get give had has have how",
        "i if in into is it its just less like made make many me mean more most much my no not of off on one only",
        "or other our out own put say should so some such take than that the their them then there they thing",
        "things this those to two up use used using want was we were what when where which who whose why will with",
        "without would yet you your",
    )
    for word in line.split()
)
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "s", "e", "y")
_WORD = re.compile(r"[a-z0-9]+(?:[-_.@][a-z0-9]+)*|[\u3400-\u9fff]")


@cache
def passages(folder: Path = DOCUMENTS) -> tuple[Passage, ...]:
    """Return every passage of the pages in ``folder``: parts of a section, none much longer than `LONGEST`."""
    found = []
    if not (folder / "README.md").is_file():
        found += [Passage("README.md", *part) for part in _parts(_description())]
    for pattern in PAGES:
        for page in sorted(folder.glob(pattern)):
            place = page.relative_to(folder).as_posix()
            if place != LEFT_OUT:
                found += [Passage(place, *part) for part in _parts(page.read_text(encoding="utf-8"))]
    return tuple(found)


def _description() -> str:
    """Return README.md as an installed distribution keeps it: in its metadata."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        return str(metadata("afterclick").get_payload())  # type: ignore[attr-defined]
    except PackageNotFoundError:
        return ""


@cache
def _index(among: tuple[Passage, ...]) -> Any:
    import bm25s

    index = bm25s.BM25(k1=1.2, b=0.6)
    corpus = [words(passage.heading) * TITLED + words(passage.text) for passage in among]
    index.index(corpus, show_progress=False)
    return index


def search(
    question: str, among: tuple[Passage, ...], count: int = 3, *, expanded: bool = True
) -> list[Passage]:
    """Return the passages nearest to a question, best first; those that share no word with it are none."""
    index = _index(among)
    asked = words(question) * OWN
    if expanded:
        asked += _added(question) * ADDED
    known = [word for word in asked if word in index.vocab_dict]
    if not known:
        return []
    places, scores = index.retrieve([known], k=min(9 * count, len(among)), show_progress=False)
    found = [among[int(place)] for place, score in zip(places[0], scores[0], strict=True) if score > 0]
    tables = [passage for passage in found if passage.place == TABLES][: count // 3]
    return [passage for passage in found if passage.place != TABLES or passage in tables][:count]


def words(text: str) -> list[str]:
    """Return the stems of a text's words; a name of several parts gives its parts, too.

    >>> words("Delayed labels of es-dfm")
    ['delay', 'label', 'es-dfm', 'es', 'dfm']
    """
    found = []
    for word in _WORD.findall(normal(text)):
        parts = re.split(r"[-_.@]", word)
        found += [_stem(part) for part in ([word, *parts] if len(parts) > 1 else parts) if part not in _STOP]
    return found


def _stem(word: str) -> str:
    if len(word) > 3 and word.isalpha():
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                return word[: -len(ending)]
    return word


def _added(question: str) -> list[str]:
    """Return words of the synonyms of what a question says, each once."""
    said = normal(question)
    found: dict[str, None] = {}
    for row in expansions():
        if any(occurs(phrase.casefold(), said) >= 0 for phrase in row[1:]):
            for phrase in row:
                found |= dict.fromkeys(words(phrase))
    return list(found)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield heading and text of each part of a page: sections, long ones cut between paragraphs, items and rows."""
    title, heading, fenced = "", "", False
    lines: list[str] = []
    for line in [*text.splitlines(), "# "]:
        fenced ^= line.startswith("```")
        if line.startswith("#") and not fenced:
            for part in _cut(lines):
                yield heading, part
            name = line.lstrip("#").strip()
            if line.startswith("# "):
                title = name
            heading, lines = (name if name == title else f"{title}: {name}"), []
        else:
            lines.append(line)


def _cut(lines: Sequence[str]) -> Iterator[str]:
    blocks: list[list[str]] = [[]]
    fenced = False
    for line in lines:
        begins = line.startswith(("* ", "- ", "| ", "**")) or not line.strip()
        if begins and not fenced:
            blocks.append([])
        fenced ^= line.startswith("```")
        blocks[-1].append(line)
    held = ""
    for block in blocks:
        text = "\n".join(block).strip("\n")
        if held and len(held) + len(text) > LONGEST:
            yield held
            held = ""
        held = f"{held}\n{text}" if held and text else held or text
    if held.strip():
        yield held
