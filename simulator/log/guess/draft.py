"""What `init` takes files for: the keys of a scenario, each with a note, what else it could be, and what is lacking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.log.guess.profile import Profile

Instead = tuple[str, Any, str]
"""A key, another value of it, and what that would mean."""


@dataclass(slots=True)
class Entry:
    """The value of a key, a note beside it, and other lines that stand below it as comments."""

    value: Any
    note: str = ""
    instead: list[Instead] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lacking:
    """A key that must be filled in before the scenario can run: where, what for, and what could stand there."""

    key: str
    example: Any
    why: str
    table: str = "columns"


@dataclass(slots=True)
class Draft:
    """What the files are taken for.

    ``roles`` say what each column is taken for, by (source, column); ``left`` are columns that could be features but are
    left out: name, kind and why; ``unsure`` are the sentences on what was guessed.
    """

    shape: str
    profiles: Sequence[Profile]
    data: dict[str, Entry] = field(default_factory=dict)
    read: dict[str, Entry] = field(default_factory=dict)
    columns: dict[str, Entry] = field(default_factory=dict)
    features: dict[str, Entry] = field(default_factory=dict)
    left: list[tuple[str, str, str]] = field(default_factory=list)
    lacking: list[Lacking] = field(default_factory=list)
    roles: dict[tuple[str, str], str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    format: str | None = None

    def put(
        self,
        key: str,
        value: Any,
        note: str = "",
        instead: Sequence[Instead] = (),
        *,
        unsure: bool = False,
    ) -> None:
        """Set a key of ``[data.columns]``."""
        self.columns[key] = Entry(value, note, list(instead))
        if unsure or instead:
            others = "".join(f"; or {k} = {v!r}" + (f" ({why})" if why else "") for k, v, why in instead)
            reason = note.removeprefix("unsure: ").removeprefix("unsure")
            self.unsure.append(
                f"[data.columns] {key} = {value!r}" + (f": {reason}" if reason else "") + others
            )

    def take(self, profile: Profile, column: str, role: str) -> None:
        """Say what a column is taken for."""
        self.roles[profile.key, column] = role

    def taken(self, profile: Profile) -> set[str]:
        """Return the columns of a source that have a role."""
        return {column for key, column in self.roles if key == profile.key}

    def block(self, extra: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the table ``[data]`` as plain values."""
        made: dict[str, Any] = {p.key: list(p.patterns) for p in self.profiles}
        made |= {key: entry.value for key, entry in self.data.items()}
        for name in ("read", "columns", "features"):
            table = {key: entry.value for key, entry in getattr(self, name).items()}
            if table:
                made[name] = table
        return made | (extra or {})
