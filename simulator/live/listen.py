"""Listen: a policy on a file that grows, each of its samples written exactly once."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simulator.engine import Engine
from simulator.errors import LogError, UsageError
from simulator.live.intake import Intake
from simulator.live.settings import Live
from simulator.log.pushed import Pushed
from simulator.policies.base import Policy
from simulator.samples import Samples

_PAUSE = 0.2
"""Seconds between looks at a file that has not grown."""
_PIECE = 1 << 20
STAGE = "stage"
"""Says in which order lines come: those of one stage always in the same, of several in any."""
END = "END"
"""The last line of samples of a stream that is over."""


class Output:
    """Lines that are appended to a file: of each stage as many of the first ones are left out as are there already.

    What is listened to is read from its beginning after a restart, and what comes of it is the same as before, in the same
    order; so a line is written once, whenever the process is killed. A last line that is not whole is taken away.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("ab+")
            self._file.seek(0)
            whole = 0
            self._left: Counter[str] = Counter()
            self.last = b""
            for line in self._file:
                if line.endswith(b"\n"):
                    whole, self.last = whole + len(line), line
                    self._left[json.loads(line).get(STAGE, "")] += 1
            self._file.truncate(whole)
        except OSError as error:
            raise LogError(f"{path}: cannot be written ({error.strerror})") from None

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        """Append records, but for those that are there."""
        lines = []
        for record in records:
            stage = record.get(STAGE, "")
            if self._left[stage]:
                self._left[stage] -= 1
            else:
                lines.append(json.dumps(record, separators=(",", ":")) + "\n")
        self._file.write("".join(lines).encode())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Listener:
    """One stream: its intake, its engine, its two outputs."""

    def __init__(self, live: Live, policy: Policy) -> None:
        windows = live.label_windows()
        self._intake = Intake(live.lateness, live.tick, windows.lifetime)
        self._source = Pushed()
        self._windows, self._policy, self._tick = windows, policy, live.tick
        self._engine: Engine | None = None
        self._samples, self._aside = Output(Path(live.samples)), Output(Path(live.aside))
        if json.loads(self._samples.last or b"{}") == {END: True}:
            raise UsageError(f"{live.samples}: this stream has ended; choose another file")
        self.records = self.written = 0

    def read(self, lines: Iterable[bytes]) -> None:
        """Take whole lines, and deliver what is due."""
        for line in lines:
            self.records += 1
            self._intake.read(line)
        self._advance(self._intake.edge)

    def end(self) -> None:
        """Deliver all that is left: nothing comes any more."""
        last = self._intake.latest + self._windows.lifetime + 1
        self._advance(last + -last % self._tick)
        self._samples.write([{END: True}])
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._samples.close()
        self._aside.close()

    def _advance(self, until: int) -> None:
        if self._engine is None or until > self._engine.now:
            clicks, events = self._intake.release(until)
            if self._engine is None and clicks is None:
                return self._put_aside()
            if self._engine is None and clicks is not None:
                start = int(clicks.time[0]) // self._tick * self._tick
                self._engine = Engine(
                    self._source, self._windows, {"policy": self._policy}, start=start, causes=True
                )
            assert self._engine is not None
            self._source.push(clicks, events)
            self._deliver(self._engine.advance(until).samples["policy"])
        return self._put_aside()

    def _deliver(self, samples: Samples) -> None:
        self.written += len(samples)
        table = samples.to_arrow().drop_columns(["row"])
        self._samples.write(table.to_pylist())

    def _put_aside(self) -> None:
        told, self._intake.aside = self._intake.aside, []
        self._aside.write(told)


def listen(live: Live, *, follow: bool) -> Listener:
    """Read the records of a stream as they come, and deliver; without ``follow`` the end of the file is that of the stream.

    Raises
    ------
    LogError : a file cannot be read or written.
    UsageError : the stream has ended before.
    """
    listener = Listener(live, live.made_policy())
    try:
        with Path(live.events).open("rb") as source:
            rest = b""
            while True:
                piece = source.read(_PIECE)
                if piece:
                    *lines, rest = (rest + piece).split(b"\n")
                    listener.read(line for line in lines if line.strip())
                elif follow:
                    time.sleep(_PAUSE)
                else:
                    listener.read([rest] if rest.strip() else [])
                    listener.end()
                    return listener
    except OSError as error:
        raise LogError(f"{live.events}: cannot be read ({error.strerror})") from None
    finally:
        listener.close()
