"""What the blend takes from each log: CASCADE's rates and delays, Taobao's hours and Double 12.

TRACE's repurchases and GMV need a window of seven days, and its share of old pays contradicts CASCADE's slow delays:
they are targets of their own presets only.
"""

from __future__ import annotations

from simulator.worlds.targets import cascade, taobao_mobile
from simulator.worlds.targets.base import Targets

_CASCADE = ("cvr", "rfr", "net_cvr", "click_pay.", "pay_refund.", "rfr_by_item_cvr.")
_TAOBAO = ("hour.clicks.", "sale.clicks.", "sale.pays_per_click.", "sale.pays.", "sale.hour.pays.")

TARGETS = Targets(
    "blend",
    "CASCADE's rates and delays, Taobao's hours and Double 12",
    (
        *(row for row in cascade.ROWS if row.fact.startswith(_CASCADE)),
        *(row for row in taobao_mobile.ROWS if row.fact.startswith(_TAOBAO)),
    ),
    (
        *(curve for curve in cascade.TARGETS.curves if curve.name in {"pay", "refund"}),
        *(curve for curve in taobao_mobile.TARGETS.curves if curve.name in {"sale-pays", "sale-hours"}),
    ),
)
