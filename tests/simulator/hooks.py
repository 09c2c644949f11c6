"""A policy that is called at every hook, for tests of their order and of what reaches them."""

from __future__ import annotations

from simulator.policies import Policy


class EveryHook(Policy):
    """Says at every hook but the end of a segment, under its name, what subclasses have to say (`_say`)."""

    def on_click(self, at, out):
        self._say(at, out, "click")

    def on_cart(self, at, out):
        self._say(at, out, "cart")

    def on_pay(self, at, out):
        self._say(at, out, "pay")

    def on_refund(self, at, out):
        self._say(at, out, "refund")

    def on_timer(self, at, out):
        self._say(at, out, "timer")

    def on_close(self, at, out):
        self._say(at, out, "close")

    def _say(self, at, out, role):
        raise AssertionError("subclasses say something")
