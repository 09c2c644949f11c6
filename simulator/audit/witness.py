"""Where two lists of samples differ, and which future event it was that made the difference."""

from __future__ import annotations

import numpy as np

from simulator.audit.futures import without_future
from simulator.audit.replays import Setting, replay
from simulator.log.schema import Kind
from simulator.policies.base import Policy
from simulator.samples import Samples
from simulator.units import SECOND, format_duration, format_instant


def first_difference(a: Samples, b: Samples) -> int | None:
    """Return the first place where two lists of samples differ in any column, bit for bit."""
    same = np.logical_and.reduce([same for _, same in a.compared(b)])
    if not same.all():
        return int(np.argmin(same))
    return len(same) if len(a) != len(b) else None


def show(samples: Samples, place: int) -> str:
    """Describe the sample at a place of the list; "nothing" past its end."""
    if place >= len(samples):
        return "nothing"
    row = samples[place : place + 1]
    shown = ("converted", "refunded", "gmv", "weight", *row.carried)
    said = [f"{name} {row.column(name)[0]:g}" for name in shown]
    said = [text for text in said if not text.endswith("nan")]
    role = row.role_names[0]
    when = format_instant(int(row.visible_time[0]))
    return f"click {row.click_id[0]} at {when}: {role!r}, revision {row.revision[0]}, {', '.join(said)}"


def told(a: Samples, b: Samples, place: int) -> tuple[str, str]:
    """Show where two lists differ first; a sample that only one of them has stands against nothing."""
    shown = show(a, place), show(b, place)
    if place < min(len(a), len(b)):
        when, other = ((int(s.visible_time[place]), int(s.row[place])) for s in (a, b))
        if when != other:  # the later one follows in the other list, too
            return (shown[0], "nothing") if when < other else ("nothing", shown[1])
        if shown[0] == shown[1]:  # it differs in what is not shown, or in digits that are not
            names = [name for name, same in a.compared(b) if not same[place]]
            values = [", ".join(f"{name} {s.column(name)[place]!s}" for name in names) for s in (a, b)]
            return f"{shown[0]}; {values[0]}", f"{shown[1]}; {values[1]}"
    return shown


def witness(setting: Setting, policy: Policy, cut: int, place: int) -> str:
    """Find the future event whose presence flips the sample, those of its own click first."""
    log = setting.log
    future = np.flatnonzero(log.event.arrival > cut)

    def sample(keep: int) -> Samples:
        other = without_future(log, cut, log.event[np.sort(future[:keep])])
        found = replay(setting, policy, other, cut + 1)
        return found[found.visible_time <= cut][place : place + 1]

    def as_bare(keep: int) -> bool:
        return first_difference(sample(keep), bare) is None

    bare = sample(0)
    concerned = _row_of(setting, policy, cut, place)
    own = log.event.row[future] == concerned
    future = np.concatenate([future[own], future[~own]])
    low, high = 0, len(future)
    if as_bare(high):
        return f"a click after {format_instant(cut)}"
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if as_bare(middle) else (low, middle)
    found = log.event[future[high - 1 : high]]
    kind = Kind(int(found.kind[0])).name.lower()
    click = log.click_id[int(found.row[0]) - log.first_row]
    when = int(found.arrival[0])
    happened = f", known {format_instant(when)}" if found.late else ""
    return (
        f"{kind} {found.event_id[0]} of click {click} at {format_instant(int(found.time[0]))}{happened}, "
        f"{format_duration((when - cut) // SECOND * SECOND)} after the cut"
    )


def _row_of(setting: Setting, policy: Policy, cut: int, place: int) -> int:
    """Return the row of the click of the sample that differs."""
    samples = replay(setting, policy, setting.log, cut + 1)
    samples = samples[samples.visible_time <= cut]
    return int(samples.row[place]) if place < len(samples) else -1
