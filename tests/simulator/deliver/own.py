"""Policies of one's own, which other processes find by their module."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import ClassVar

from simulator.policies import Policy
from simulator.units import HOUR
from tests.simulator.hooks import EveryHook


class Everything(EveryHook):
    """Delivers at all there is, with what it carries, remembers and knows of segments."""

    own: ClassVar = {"seen": ("int32", 0)}
    carries: ClassVar = {"began": "float64"}

    def on_click(self, at, out):
        super().on_click(at, out)
        out.timer(at, after=3 * HOUR)

    def on_segment(self, at, out):
        out.deliver(at, converted=0.0, began=at.segment_start / HOUR, role=f"at {at.segment_start}")

    def _say(self, at, out, role):
        odd = at.click_id % 2 == 1
        for chosen, name in ((at[odd], f"odd {role}"), (at[~odd], role)):
            out.deliver(chosen, gmv=chosen.own["seen"].astype(float), role=name)
        at.own["seen"] = at.own["seen"] + 1


class Asking(Policy):
    """Asks a model."""

    asks = ("predictions",)


class Killed(Policy):
    """Kills the process that runs it, once something was written."""

    begun: str = ""
    """The file by which it knows."""

    def on_click(self, at, out):
        if Path(self.begun).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        Path(self.begun).touch()
        out.deliver(at, converted=0.0)


class Fails(Policy):
    """Fails in the second half."""

    def on_click(self, at, out):
        out.deliver(at, converted=0.0)

    def on_close(self, at, out):
        if at.time.max() > 2 * 24 * HOUR:
            raise ValueError("on purpose")
