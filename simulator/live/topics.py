"""Kafka: partitions of a topic hold records; samples go to the partitions of another one, by click, in transactions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import Any

from simulator.errors import LogError, UsageError
from simulator.live.files import ending
from simulator.live.seam import Address, Piece, Reached

_COUNT = 10_000
"""Messages that are read at a time."""
_SECONDS = 60.0
"""How long a broker is waited for."""
_TRIES = 20
_BACK = 1_000
"""Messages at the end of a partition that are looked at first."""


def _config(address: Address) -> dict[str, Any]:
    try:
        import confluent_kafka  # noqa: F401 - only to tell whether it is there
    except ImportError:
        raise UsageError('Kafka needs its client: pip install "afterclick[kafka]"') from None
    return {"bootstrap.servers": address.server, **address.options}


@contextmanager
def _telling(address: Address) -> Iterator[None]:
    from confluent_kafka import KafkaException

    try:
        yield
    except KafkaException as error:
        raise LogError(f"kafka://{address.server}/{address.name}: {error.args[0].str()}") from None


def _consumer(address: Address) -> Any:
    from confluent_kafka import Consumer

    return Consumer(
        {
            "group.id": "afterclick",  # never joined: positions are kept beside the samples
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            **_config(address),
        }
    )


def _partitions(client: Any, address: Address, tries: int = 1) -> list[int]:
    """Return the partitions of a topic, which a producer may have to wait for until it is made."""
    topic = client.list_topics(address.name, timeout=_SECONDS).topics[address.name]
    if topic.error is not None:
        if tries > 1:
            sleep(0.5)
            return _partitions(client, address, tries - 1)
        raise LogError(f"kafka://{address.server}/{address.name}: {topic.error.str()}")
    return sorted(topic.partitions)


class TopicInlet:
    """A topic; a position is an offset. Only what was committed is read."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._config = _config(address)
        self._consumer = _consumer(address)
        with _telling(address):
            self._numbers = {
                f"{address.name}-{number}": number for number in _partitions(self._consumer, address)
            }
        self.partitions = tuple(self._numbers)
        self._ended: set[int] = set()

    def _part(self, name: str, offset: int = -1) -> Any:
        from confluent_kafka import TopicPartition

        return TopicPartition(self._address.name, self._numbers[name], offset)

    def begin(self, positions: Mapping[str, int]) -> None:
        with _telling(self._address):
            at = []
            for name in self.partitions:
                low, _ = self._consumer.get_watermark_offsets(self._part(name), timeout=_SECONDS)
                if positions.get(name, low) < low:
                    raise LogError(
                        f"partition {name!r} no longer has what a restart reads again; keep two lifetimes of it"
                    )
                at.append(self._part(name, positions.get(name, low)))
            self._consumer.assign(at)

    def read(self, wait: float) -> dict[str, Piece]:
        found: defaultdict[int, tuple[list[bytes], list[int]]] = defaultdict(lambda: ([], []))
        since = monotonic()
        with _telling(self._address):
            while True:
                for number, offset, line in _consumed(self._consumer, self._address, wait):
                    if line is None:
                        self._ended.add(number)
                    else:
                        self._ended.discard(number)
                        lines, positions = found[number]
                        lines.append(line)
                        positions.append(offset)
                if found or len(self._ended) == len(self.partitions):
                    break
                if monotonic() - since > _SECONDS:
                    raise LogError(
                        f"kafka://{self._address.server}/{self._address.name}: does not answer for a minute"
                    )
        return {
            f"{self._address.name}-{number}": Piece(lines, positions, positions[-1] + 1)
            for number, (lines, positions) in found.items()
        }

    def last(self) -> dict[str, Piece]:
        return {}

    def behind(self, partition: str) -> bool:
        return self._numbers[partition] not in self._ended

    def close(self) -> None:
        self._consumer.close()


def _consumed(consumer: Any, address: Address, wait: float) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield messages as partition, offset and value; None for the value: this is the end of the partition for now."""
    from confluent_kafka import KafkaError

    gone = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001 - as they are called there
    for message in consumer.consume(_COUNT, wait):
        error = message.error()
        if error is None:
            yield message.partition(), message.offset(), message.value() or b""
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - as it is called there
            yield message.partition(), message.offset(), None
        elif error.fatal() or error.code() in gone:
            raise LogError(f"kafka://{address.server}/{address.name}: {error.str()}")


class TopicOutlet:
    """A topic: whoever opens it shuts out who had it before, whose last transaction, if it is not whole, never was."""

    def __init__(self, address: Address) -> None:
        self._address = address
        config = {"transactional.id": f"afterclick-{address.name}", "linger.ms": 20, **_config(address)}
        from confluent_kafka import Producer

        with _telling(address):
            self._producer = Producer(config)
            self._producer.init_transactions(_SECONDS)
            self._numbers = _partitions(self._producer, address, _TRIES)
        self.parts = len(self._numbers)

    @property
    def fresh(self) -> bool:
        return all(self._ends(part)[1] == 0 for part in range(self.parts))

    def _ends(self, part: int) -> tuple[int, int]:
        """Return the first offset of a partition, and that behind its last one."""
        from confluent_kafka import TopicPartition

        with _telling(self._address), closing(_consumer(self._address)) as consumer:
            low, high = consumer.get_watermark_offsets(
                TopicPartition(self._address.name, self._numbers[part]), timeout=_SECONDS
            )
            return low, high

    def _between(self, part: int, first: int) -> Iterator[bytes]:
        """Yield the messages of a partition from an offset on."""
        from confluent_kafka import TopicPartition

        with _telling(self._address), closing(_consumer(self._address)) as consumer:
            consumer.assign([TopicPartition(self._address.name, self._numbers[part], first)])
            while True:
                for _, _, line in _consumed(consumer, self._address, 0.2):
                    if line is None:
                        return
                    yield line

    def history(self) -> Iterator[bytes]:
        for part in range(self.parts):
            yield from self._between(part, self._ends(part)[0])

    def reached(self, part: int) -> Reached:
        (low, high), back = self._ends(part), _BACK
        while True:
            lines = list(self._between(part, max(high - back, low)))
            found = ending(reversed(lines))
            if found.count < len(lines) or high - back <= low:
                return found
            back *= 10

    def append(self, part: int, lines: Sequence[bytes], places: Sequence[tuple[int, int]] = ()) -> None:
        from confluent_kafka import KafkaException

        if not lines:
            return
        number = self._numbers[part]
        with _telling(self._address):
            self._producer.begin_transaction()
            for line in lines:
                while True:
                    try:
                        self._producer.produce(self._address.name, line, partition=number)
                        break
                    except BufferError:
                        self._producer.poll(0.1)
            whole = False
            while not whole:
                try:
                    self._producer.commit_transaction(_SECONDS)
                    whole = True
                except KafkaException as error:
                    if not error.args[0].retriable():
                        raise

    def close(self) -> None:
        self._producer.flush(_SECONDS)
