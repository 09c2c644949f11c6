"""Which feature of a log goes into which column of a format whose columns have a fixed number of ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.errors import UsageError


def place(
    sizes: Mapping[str, int],
    capacities: Sequence[int],
    *,
    form: str,
    order: Sequence[int] | None = None,
    preferred: Mapping[str, int] | None = None,
) -> list[str | None]:
    """Return the feature in each column of the format (None: none, it is filled up).

    A log with as many features as there are columns, each of which fits in its own place, keeps its order. Otherwise
    the largest feature chooses first: the column preferred for its name, else the first free one in ``order``
    (default: the smallest) that holds its ids. Nothing else can place more features, since what holds a feature
    holds every smaller one.

    Raises
    ------
    UsageError
        If a feature finds no column; the message names the features that do, to be chosen by ``--features``.
    """
    names = list(sizes)
    if len(names) == len(capacities) and all(map(_fits, sizes.values(), capacities)):
        return list(names)
    by_order = sorted(range(len(capacities)), key=lambda k: (capacities[k], k)) if order is None else order
    wished = {name: k for name, k in (preferred or {}).items() if name in sizes}
    placed: list[str | None] = [None] * len(capacities)
    homeless = []
    for name in sorted(names, key=lambda name: (-sizes[name], names.index(name))):
        free = [k for k in by_order if placed[k] is None and _fits(sizes[name], capacities[k])]
        open_to_all = [k for k in free if k not in wished.values()]
        if wished.get(name) in free:
            placed[wished[name]] = name
        elif free:
            placed[(open_to_all or free)[0]] = name
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


def _fits(size: int, capacity: int) -> bool:
    return size <= capacity
