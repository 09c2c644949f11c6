"""Redis Streams: each is a partition of records; samples go to one, in which the id of each is its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from simulator.errors import LogError, UsageError
from simulator.live.seam import Address, Piece, Reached

_COUNT = 10_000
"""Entries that are read, and lines that are written, at a time."""
_FIELD = b"record"
_APPEND = """
for i = 1, #ARGV, 2 do redis.call('XADD', KEYS[1], ARGV[i], 'record', ARGV[i + 1]) end
"""
# A script runs as a whole or not at all; one round trip, and one command to be parsed, for thousands of entries.
_MASK = (1 << 64) - 1
_RETRIES = 30
"""How often, at intervals that grow to two seconds, a broker that does not answer is asked again: about a minute."""


def _client(address: Address) -> Any:
    try:
        import redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry
    except ImportError:
        raise UsageError('Redis needs its client: pip install "afterclick[redis]"') from None
    from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError  # noqa: A004 - as they are called there

    client = redis.Redis.from_url(
        f"{address.scheme}://{address.server}",
        db=int(address.options.get("db", 0)),
        protocol=2,
        retry=Retry(ExponentialBackoff(cap=2, base=0.05), _RETRIES),
        retry_on_error=[ConnectionError, TimeoutError, BusyLoadingError],
    )
    for command in ("XREAD", "XRANGE", "XREVRANGE", "XINFO STREAM"):
        # Entries as they come: what the client would make of them takes longer than everything else.
        client.response_callbacks[command] = lambda response, **_: response
    return client


@contextmanager
def _telling(address: Address) -> Iterator[None]:
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        raise LogError(f"{address.scheme}://{_host(address)}: {error}") from None


def _host(address: Address) -> str:
    """Return the server without who asks it."""
    return address.server.rpartition("@")[2]


def _number(entry: bytes) -> int:
    """Return the id of an entry as one number."""
    time, _, place = entry.partition(b"-")
    return int(time) << 64 | int(place)


def _id(number: int) -> str:
    return f"{number >> 64}-{number & _MASK}"


class StreamInlet:
    """Streams of entries, each a partition; a position is the id of an entry, as one number."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = _client(address)
        self.partitions = address.names
        self._next = dict.fromkeys(self.partitions, 0)

    def begin(self, positions: Mapping[str, int]) -> None:
        self._next = {name: positions.get(name, 0) for name in self.partitions}
        for name, position in positions.items():
            with _telling(self._address):
                if not position or not self._client.exists(name):
                    continue
                told = self._client.execute_command("XINFO STREAM", name)
                known = dict(zip(told[::2], told[1::2], strict=True))
                gone = known.get(b"max-deleted-entry-id")  # Redis 7
            if gone is not None and _number(gone) >= position:
                raise LogError(
                    f"stream {name!r} was trimmed beyond what a restart reads again; keep two lifetimes of it"
                )

    def read(self, wait: float) -> dict[str, Piece]:
        names = list(self._next)
        after = [_id(self._next[name] - 1) if self._next[name] else "0-0" for name in names]
        with _telling(self._address):
            found = self._client.execute_command(
                "XREAD", "COUNT", _COUNT, "BLOCK", max(int(wait * 1000), 1), "STREAMS", *names, *after
            )
        pieces = {}
        for name, entries in found or ():
            positions = [_number(entry) for entry, _ in entries]
            lines = [fields[1] if fields[0] == _FIELD else _field(fields) for _, fields in entries]
            pieces[name.decode()] = Piece(lines, positions, positions[-1] + 1)
            self._next[name.decode()] = positions[-1] + 1
        return pieces

    def last(self) -> dict[str, Piece]:
        return {}

    def behind(self, partition: str) -> bool:
        return False

    def close(self) -> None:
        self._client.close()


def _field(fields: Sequence[bytes]) -> bytes:
    """Return the field that holds the record; without one it is a record that lacks everything."""
    return dict(zip(fields[::2], fields[1::2], strict=True)).get(_FIELD, b"{}")


class StreamOutlet:
    """A stream of entries: the id of a sample is its instant and its number there, so that none can come twice."""

    parts = 1

    def __init__(self, address: Address) -> None:
        self._address, self._name = address, address.name
        self._client = _client(address)
        self._append: Callable[..., Any] = self._client.register_script(_APPEND)
        with _telling(address):
            last = self._client.execute_command("XREVRANGE", self._name, "+", "-", "COUNT", 1)
            self.fresh = not self._client.exists(self._name)
        self._last = last[0] if last else (b"0-0", (_FIELD, b""))
        self._lines = count((_number(self._last[0]) >> 64) + 1)

    def history(self) -> Iterator[bytes]:
        start = "-"
        while True:
            with _telling(self._address):
                entries = self._client.execute_command("XRANGE", self._name, start, "+", "COUNT", _COUNT)
            if not entries:
                return
            yield from (_field(fields) for _, fields in entries)
            start = _id(_number(entries[-1][0]) + 1)

    def reached(self, part: int) -> Reached:
        number, (_, line) = _number(self._last[0]), self._last[1]
        return Reached(number >> 64, number & _MASK, line) if number else Reached()

    def append(self, part: int, lines: Sequence[bytes], places: Sequence[tuple[int, int]] = ()) -> None:
        ids = [f"{time}-{number + 1}" for time, number in places] or [
            f"{number}-0" for number, _ in zip(self._lines, lines, strict=False)
        ]
        for at in range(0, len(lines), _COUNT):
            words = [
                word
                for pair in zip(ids[at : at + _COUNT], lines[at : at + _COUNT], strict=True)
                for word in pair
            ]
            self._added(words)

    def _added(self, words: list[str | bytes]) -> None:
        """Append entries, once, though the connection be lost before it is known that they are there."""
        from redis.exceptions import ResponseError

        with _telling(self._address):
            try:
                self._append(keys=[self._name], args=words)
            except ResponseError as error:
                last = self._client.execute_command("XREVRANGE", self._name, "+", "-", "COUNT", 1)
                if last and last[0][0].decode() == words[-2] and last[0][1][1] == words[-1]:
                    return
                raise LogError(
                    f"stream {self._name!r} takes no more ({error}); does somebody else write to it?"
                ) from None

    def close(self) -> None:
        self._client.close()
