"""The rows as they were when last published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learners.cells import put, taken
from simulator.log.schema import Int32, Int64


class Published:
    """Published values of the own rows that training has changed since (copy on write).

    Parameters
    ----------
    places : how many own rows there may be; memory is taken only for those that change.
    """

    def __init__(self, places: int, width: int) -> None:
        self._slot = np.zeros(places, np.int32)
        """One more than where in ``_values``; 0: it is as it was published."""
        self._places = np.empty(places, np.int64)
        self._values = torch.empty(places, width)
        self._count = 0
        self._on = False

    def clear(self) -> None:
        """Let the rows be published as they are now."""
        self._slot[self._places[: self._count]] = 0
        self._count = 0
        self._on = True

    def remember(self, places: Int64, values: Tensor) -> None:
        """Keep the values of rows that are about to change, unless they have changed before."""
        if not self._on:  # nothing was published yet: pre-training needs no memory of the past
            return
        fresh = np.flatnonzero(self._slot.take(places) == 0)
        count = self._count + len(fresh)
        those = places.take(fresh)
        self._slot[those] = np.arange(self._count + 1, count + 1, dtype=np.int32)
        self._places[self._count : count] = those
        torch.index_select(values, 0, torch.from_numpy(fresh), out=self._values[self._count : count])
        self._count = count

    def restore(self, places: Int64 | Int32, values: Tensor) -> None:
        """Put published values in the place of newer ones."""
        if not self._count:
            return
        slots = self._slot.take(places)
        hit = np.flatnonzero(slots)
        put(values, hit, taken(self._values, slots.take(hit) - 1))

    def state_dict(self) -> dict[str, Any]:
        """Return copies of what is remembered."""
        places = torch.from_numpy(self._places[: self._count].copy())
        return {"on": self._on, "places": places, "values": self._values[: self._count].clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.clear()
        self.remember(state["places"].numpy(), state["values"])
        self._on = bool(state["on"])
