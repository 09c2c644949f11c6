"""Which feature of a log goes into which column of a format whose columns have a fixed number of ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import prod

from simulator.errors import UsageError

Held = tuple[str, ...]
"""The features in a column: none (it is filled up), one, or several as one id (`as_one`)."""


def place(
    sizes: Mapping[str, int],
    capacities: Sequence[int],
    *,
    form: str,
    order: Sequence[int] | None = None,
    preferred: Mapping[str, int] | None = None,
    shared: Collection[int] | None = None,
) -> list[Held]:
    """Return the features in each column of the format.

    A log with as many features as there are columns, each of which fits in its own place, keeps its order. Otherwise
    the largest feature chooses first: the column preferred for its name, else the first free one in ``order``
    (default: the smallest) that holds its ids. Nothing else can give more features a column of their own, since what
    holds a feature holds every smaller one. Those that find none share one of the ``shared`` columns (default: all) that
    has room for every pair of ids; the preferred columns are not shared.

    Raises
    ------
    UsageError
        If a feature finds no column; the message names the features that do, to be chosen by ``--features``.
    """
    names = list(sizes)
    if len(names) == len(capacities) and all(map(_fits, sizes.values(), capacities)):
        return [(name,) for name in names]
    by_order = sorted(range(len(capacities)), key=lambda k: (capacities[k], k)) if order is None else order
    wished = {name: k for name, k in (preferred or {}).items() if name in sizes}
    placed: list[Held] = [()] * len(capacities)
    unplaced, homeless = [], []
    for name in sorted(names, key=lambda name: (-sizes[name], names.index(name))):
        free = [k for k in by_order if not placed[k] and _fits(sizes[name], capacities[k])]
        open_to_all = [k for k in free if k not in wished.values()]
        if wished.get(name) in free:
            placed[wished[name]] = (name,)
        elif free:
            placed[(open_to_all or free)[0]] = (name,)
        else:
            unplaced.append(name)
    wanted = set(wished.values())
    rooms = [k for k in range(len(capacities)) if (shared is None or k in shared) and k not in wanted]
    for name in unplaced:
        room = {k: capacities[k] // prod(sizes[held] for held in placed[k]) for k in rooms if placed[k]}
        fits = [k for k in room if _fits(sizes[name], room[k])]
        if fits:
            placed[min(fits, key=lambda k: (room[k], k))] += (name,)
        else:
            homeless.append(name)
    if homeless:
        told = ", ".join(f"{name} ({sizes[name]:,} ids)" for name in homeless)
        kept = ",".join(name for name in names if name not in homeless)
        way = (
            f"leave {'it' if len(homeless) == 1 else 'them'} out with --features {kept}"
            if kept
            else "none fits"
        )
        raise UsageError(f"{form}: no column is left that holds {told}; {way}")
    return placed


def as_one(held: Held, sizes: Mapping[str, int], write: Callable[[str], str] = str) -> str:
    """Write the features of a column as one number, from which each can be had again; ``0`` where there are none.

    >>> as_one(("shop", "page", "hour"), {"shop": 40, "page": 5, "hour": 24})
    'shop + 40 * page + 200 * hour'
    """
    terms, below = [], 1
    for name in held:
        terms.append(write(name) if below == 1 else f"{below} * {write(name)}")
        below *= sizes[name]
    return " + ".join(terms) or "0"


def named(columns: Sequence[str], placed: Sequence[Held], sizes: Mapping[str, int]) -> dict[str, str]:
    """Say what each column that is not filled up holds."""
    return {name: as_one(held, sizes) for name, held in zip(columns, placed, strict=True) if held}


def _fits(size: int, capacity: int) -> bool:
    return size <= capacity
