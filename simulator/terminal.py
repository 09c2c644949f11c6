"""What a terminal is given: names and titles of a run may hold control sequences, and none of them gets through."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


def plain(text: str) -> str:
    r"""Return text without control characters (but for line ends) and without marks that turn its direction.

    >>> plain("a\x1b[2Jb\x9bc\u202ed\n")
    'a[2Jbcd\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


class PlainConsole(Console):
    """A console whose texts are plain; colours and movements are its own alone."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)
