"""Where records come from and where samples go: what a file that grows, Redis and Kafka have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from simulator.errors import UsageError, unknown

SCHEMES = ("redis", "rediss", "kafka")
END = "END"
"""In the last line of samples of a stream that is over."""
SIDE = ".positions"
"""Ending of the name of what keeps positions beside samples."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a partition brought: records, and the place of each, which grows."""

    lines: Sequence[bytes]
    positions: Sequence[int]
    next: int
    """Where to go on reading."""


class Inlet(Protocol):
    """Partitions of records, each in an order that stays."""

    @property
    def partitions(self) -> tuple[str, ...]:
        """Names of the partitions."""

    def begin(self, positions: Mapping[str, int]) -> None:
        """Read from these positions on, and from its beginning what is not among them.

        Raises
        ------
        LogError : what comes next there is gone.
        """

    def read(self, wait: float) -> dict[str, Piece]:
        """Return what is new, by partition; if there is nothing, wait for so many seconds first. Empty: this was the end."""

    def last(self) -> dict[str, Piece]:
        """Return what was kept back because more of it might come: nothing comes any more."""

    def behind(self, partition: str) -> bool:
        """Tell whether there may be more of a partition than was read, until its end was found once."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Where samples end: how many there are at the instant that was the last one. -1: there are none."""

    time: int = -1
    count: int = 0
    line: bytes = b""
    """The last one."""


class Outlet(Protocol):
    """Lines that are appended, in the order in which they are given."""

    @property
    def parts(self) -> int:
        """How many orders there are: lines of one click are all in one of them."""

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever appended, however much of it was taken away since."""

    def history(self) -> Iterator[bytes]:
        """Yield what is there already."""

    def reached(self, part: int) -> Reached:
        """Find the end of samples, which hold ``visible_time``."""

    def append(self, part: int, lines: Sequence[bytes], places: Sequence[tuple[int, int]] = ()) -> None:
        """Append lines.

        Parameters
        ----------
        places : of samples, the instant and how many are before them at it.
        """

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A place at a broker: scheme://server/names?options."""

    scheme: str
    server: str
    names: tuple[str, ...]
    """Streams, or topics; separated by commas."""
    options: Mapping[str, str]

    @classmethod
    def of(cls, text: str) -> Address:
        """Read an address.

        Raises
        ------
        UsageError : it names no known kind of broker, or no stream or topic.
        """
        parts = urlsplit(text)
        if parts.scheme not in SCHEMES:
            raise UsageError(f"{text}: {unknown('kind of broker', parts.scheme, SCHEMES)}")
        names = tuple(name for name in unquote(parts.path).strip("/").split(",") if name)
        if not parts.netloc or not names:
            raise UsageError(f"{text}: allowed: {parts.scheme}://HOST:PORT/NAME")
        return cls(parts.scheme, parts.netloc, names, dict(parse_qsl(parts.query)))

    @property
    def name(self) -> str:
        """The only name.

        Raises
        ------
        UsageError : there are several.
        """
        if len(self.names) > 1:
            raise UsageError(
                f"{self.scheme}://{self.server}/{','.join(self.names)}: one name is allowed here"
            )
        return self.names[0]


def is_address(text: str) -> bool:
    """Tell a broker's address from the path of a file."""
    return "://" in text


def beside(text: str) -> str:
    """Return where positions are kept of samples that are written there."""
    place, mark, options = text.partition("?") if is_address(text) else (text, "", "")
    return f"{place}{SIDE}{mark}{options}"


def inlet(text: str) -> Inlet:
    """Open what records come from.

    Raises
    ------
    UsageError : the address is wrong, or what speaks with such a broker is not installed.
    LogError : it cannot be read.
    """
    if not is_address(text):
        from simulator.live.files import FileInlet

        return FileInlet(Path(text))
    address = Address.of(text)
    if address.scheme == "kafka":
        from simulator.live.topics import TopicInlet

        return TopicInlet(address)
    from simulator.live.streams import StreamInlet

    return StreamInlet(address)


def outlet(text: str) -> Outlet:
    """Open what samples, or what else there is, are appended to.

    Raises
    ------
    UsageError : the address is wrong, or what speaks with such a broker is not installed.
    LogError : it cannot be written.
    """
    if not is_address(text):
        from simulator.live.files import FileOutlet

        return FileOutlet(Path(text))
    address = Address.of(text)
    if address.scheme == "kafka":
        from simulator.live.topics import TopicOutlet

        return TopicOutlet(address)
    from simulator.live.streams import StreamOutlet

    return StreamOutlet(address)
