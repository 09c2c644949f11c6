"""Elapsed-time sampling: the label seen after the window, and late positives again when they pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from simulator.policies.base import Windowed
from simulator.policies.registry import policy
from simulator.units import Duration

if TYPE_CHECKING:
    from simulator.engine.batch import At
    from simulator.engine.outbox import Outbox
    from simulator.log.schema import Int64

CLICK, PAY = 0, 1
"""Tags of the timers: the end of the click's observation window, and of the pay's."""


@policy("elapsed-time")
class ElapsedTime(Windowed):
    """Deliver after the observation window; deliver delayed positives again when they pay (ES-DFM, AAAI 2021).

    ``refunds`` adds the second stage (NetCVR, WWW 2026): "replay" says of every conversion that it is not refunded, and
    delivers it once more when it is, as the cascade baselines do; "window" observes each conversion for
    ``refund_window`` before the first verdict, as TESLA does. Its roles tell the seven trajectories apart as far as they
    are known by then: negative (not yet converted, perhaps never), immediate or delayed positive; after it no refund yet,
    refund (inside its window) or delayed refund, each "of delayed" where the positive was delayed.
    """

    labels = ("converted", "refunded")

    refunds: Literal["none", "replay", "window"] = "none"
    """What is said of refunds."""
    refund_window: Duration = "15m"  # type: ignore[assignment]
    """How long to observe a conversion before its first refund label."""

    def promises_final(self) -> bool:
        # A refund inside the click's window comes before the row that announces the conversion as not refunded.
        return self.refunds != "replay"

    def _not_refunded(self) -> bool | None:
        return False if self.refunds == "replay" else None

    def on_click(self, at: At, out: Outbox) -> None:
        out.timer(at, after=self.window, tag=CLICK)

    def on_timer(self, at: At, out: Outbox) -> None:
        clicks, pays = (at, None) if self.refunds != "window" else (at[at.tag == CLICK], at[at.tag == PAY])
        paid = clicks.journey.paid
        self._observed(clicks[paid], out)
        out.deliver(clicks[~paid], converted=False, role="negative")
        if pays is not None:
            self._deliver_refund(pays[~pays.journey.refunded], out, "no_refund", refunded=False)

    def _observed(self, at: At, out: Outbox) -> None:
        """Deliver the clicks that have paid when their window ends."""
        out.deliver(at, converted=True, refunded=self._not_refunded(), role="immediate_positive")

    def on_pay(self, at: At, out: Outbox) -> None:
        first = at[at.journey.first_pay]
        late = first[first.elapsed > self.window]
        out.deliver(late, converted=True, refunded=self._not_refunded(), role="delayed_positive")
        if self.refunds == "window":
            out.timer(first, until=self._verdict(first), tag=PAY)

    def _verdict(self, first: At) -> Int64:
        """Return when the observation of conversions ends that become known now."""
        windows = first.windows
        return np.minimum(
            first.time + min(self.refund_window, windows.refund), first.click_time + windows.lifetime
        )

    def on_refund(self, at: At, out: Outbox) -> None:
        if self.refunds != "none":
            first = at[at.journey.refund_count == 1]
            late = first.time - first.journey.first_pay_arrival > self.refund_window
            self._deliver_refund(first[~late], out, "refund", refunded=True)
            self._deliver_refund(first[late], out, "delayed_refund", refunded=True)

    def _deliver_refund(self, at: At, out: Outbox, role: str, *, refunded: bool) -> None:
        if self.refunds == "window":
            delayed = at.journey.first_pay_arrival - at.click_time > self.window
            out.deliver(at[delayed], refunded=refunded, role=f"{role}_of_delayed")
            at = at[~delayed]
        out.deliver(at, refunded=refunded, role=role)
