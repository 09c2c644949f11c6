"""What the blend takes from each log: CASCADE's rates and delays, Taobao's hours and Double 12.

TRACE's repurchases and GMV need a window of seven days, and Taobao's share of old pays contradicts CASCADE's slow delays:
they are targets of their own presets only.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.worlds.targets import cascade, taobao_mobile
from simulator.worlds.targets.base import Target, Targets

_CASCADE = ("cvr", "rfr", "net_cvr", "click_pay.", "pay_refund.", "rfr_by_item_cvr.")
_TAOBAO = ("hour.clicks.", "sale.clicks.", "sale.pays_per_click.", "sale.pays.", "sale.hour.pays.")
_DRIFT = (
    "repurchases follow the sale, and the blend's own drift moves the base of comparison by up to a tenth: first pays over "
    "those of the same days without the sale meet it"
)
_OPENING = "how a world's categories answer to deals is its own: the first hour varies by .02 between worlds"
_FAST = "the share of fast pays goes with the log-hazard, whose mean over categories and segments is a world's own"
_KNOWN = {"sale.hour.pays.0": _OPENING, "click_pay.within_3d.2h": _FAST, "click_pay.within_3d.3h": _FAST}


def _own(row: Target) -> Target:
    drifts = row.fact.startswith(("sale.pays.", "sale.pays_per_click."))
    return replace(row, known=_DRIFT if drifts else _KNOWN.get(row.fact, row.known))


TARGETS = Targets(
    "blend",
    "CASCADE's rates and delays, Taobao's hours and Double 12",
    (
        *(_own(row) for row in cascade.ROWS if row.fact.startswith(_CASCADE)),
        *(_own(row) for row in taobao_mobile.ROWS if row.fact.startswith(_TAOBAO)),
    ),
    (
        *(curve for curve in cascade.TARGETS.curves if curve.name in {"pay", "refund"}),
        *(curve for curve in taobao_mobile.TARGETS.curves if curve.name in {"sale-pays", "sale-hours"}),
    ),
)
