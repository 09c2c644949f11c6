"""A broker in memory: partitions that bring what they are told to, and outlets that break when they are told to."""

from __future__ import annotations

import json

from simulator.live.files import ending
from simulator.live.seam import Piece


class KilledError(Exception):
    """What happens to a process."""


class Broker:
    """Partitions of records, and lines by the name of their outlet.

    Parameters
    ----------
    sent : by partition, its records; ``here`` says how many have come so far.
    parts : of samples.
    """

    def __init__(self, sent, parts=1):
        self.sent, self.parts = sent, parts
        self.here = dict.fromkeys(sent, 0)
        self.given = {}
        self.kill_at = -1
        self.begun = None

    def inlet(self, text):
        return Inlet(self)

    def outlet(self, text):
        return Outlet(self, text, self.parts if text.endswith("samples") else 1)


class Inlet:
    """Brings what `bring` says: of a partition, so many records as there are at the most."""

    def __init__(self, broker):
        self.sent = broker.sent
        self.broker = broker
        self.partitions = tuple(broker.sent)

    def begin(self, positions):
        self.at = {name: positions.get(name, 0) for name in self.partitions}
        self.broker.begun = positions

    def bring(self, name, many):
        at = self.at[name]
        lines = self.sent[name][at : min(at + many, self.broker.here[name])]
        self.at[name] += len(lines)
        return {name: Piece(lines, range(at, self.at[name]), self.at[name])} if lines else {}

    def behind(self, partition):
        return self.at[partition] < self.broker.here[partition]

    def close(self):
        pass


class Outlet:
    def __init__(self, broker, name, parts):
        self.broker, self.name, self.parts = broker, name, parts
        self.lines = [broker.given.setdefault((name, part), []) for part in range(parts)]

    @property
    def fresh(self):
        return not any(self.lines)

    def history(self):
        return (line for lines in self.lines for line in lines)

    def reached(self, part):
        return ending(reversed(self.lines[part]))

    def append(self, part, lines, places=()):
        """Append, or no more than a half of it, if the process dies by that."""
        self.broker.kill_at -= 1
        if self.broker.kill_at == 0:
            self.lines[part] += lines[: len(lines) // 2]
            raise KilledError
        self.lines[part] += lines
        if places:
            told = [json.loads(line).get("visible_time") for line in lines]
            assert told[-1] is None or told == [time for time, _ in places]

    def close(self):
        pass
