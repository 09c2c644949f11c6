"""Published facts of TRACE, the log of READER (WWW 2026): pays, repurchases and GMV within seven days of a click.

Its rows are clicks that paid, so it has no CVR. Delays of counts are known only from a deconvolution of hourly volumes:
a band, not a measurement. Left out: figures of the authors' networks.
"""

from __future__ import annotations

from simulator.worlds.targets.base import SEVEN_DAYS, Curve, Target, Targets, by_hour, curve_of, rows_of

_TABLE = "READER (WWW 2026), table 1 and the released log"
_LOGS = "READER (WWW 2026), volumes of the released log by 3-hour block"
_CURVE = "READER (WWW 2026), figure 3"
_DENSITY = "READER (WWW 2026), figure 4"
_HOURLY = "READER (WWW 2026), figure 2"
_BAND = "READER (WWW 2026), deconvolution of the log's volumes: a band"
_SALES = "READER (WWW 2026), clicks of days 68, 69, 78, 79 of the released log"

_RHYTHM = (
    "later pays keep to the hours of the day, which figure 3 asks for, so fewer fit in after a click at night"
)
_CLIMB = (
    "contradicts the cumulative GMV of figure 3, which is the measurement, at any growth of amounts with time"
)
_SKEW = "amounts are log-normal: sums of them over a journey are hardly skewed in logs"

_GMV_WITHIN: dict[float | str, float] = {
    "1": 0.4085, "2": 0.443, "3": 0.463, "4": 0.479, "5": 0.491, "7": 0.511, "9": 0.528, "13": 0.560, "17": 0.583,
    "21": 0.603, "24": 0.622, "25": 0.629, "31": 0.657, "37": 0.678, "43": 0.695, "48": 0.713, "49": 0.718,
    "61": 0.761, "72": 0.794, "73": 0.799, "85": 0.837, "96": 0.865, "97": 0.869, "109": 0.898, "120": 0.919,
    "121": 0.922, "133": 0.945, "144": 0.963, "145": 0.966, "157": 0.985, "161": 0.989,
}  # fmt: skip
_MEAN_GMV = (
    421.5, 407.5, 392.3, 385.3, 367.5, 355.0, 381.6, 402.8, 409.9, 413.6, 411.7, 407.8,
    405.9, 403.8, 397.1, 398.0, 395.5, 398.9, 402.0, 405.7, 404.9, 383.4, 370.3, 340.5,
)  # fmt: skip
_BLOCKS = tuple(f"{start}-{start + 2}" for start in range(0, 24, 3))
_CLICKS = (0.0487, 0.0205, 0.1091, 0.1922, 0.1817, 0.1634, 0.1392, 0.1453)
_REPURCHASE = (0.532, 0.511, 0.519, 0.534, 0.534, 0.532, 0.540, 0.519)


def _shape() -> dict[float | str, float]:
    mean = sum(_MEAN_GMV) / 24
    return {str(hour): value / mean for hour, value in enumerate(_MEAN_GMV)}


ROWS: tuple[Target, ...] = (
    Target("clicks with a repurchase", "repurchase_share", 0.5355, 0.02, "", _TABLE, SEVEN_DAYS),
    Target("pays per paying click", "pays_per_paying_click", 1.61, 0.04, "", _TABLE, SEVEN_DAYS),
    Target("pays per repurchasing click", "pays_per_repurchasing_click", 2.16, 0.06, "", _TABLE, SEVEN_DAYS),
    *rows_of(_GMV_WITHIN, "GMV within {} h of the click", "gmv_within.{}h", 0.02, _CURVE, attribution=SEVEN_DAYS),
    Target("ln GMV of one pay, mean", "ln_gmv.single.mean", 4.703, 0.06, "", _DENSITY, SEVEN_DAYS),
    Target("ln GMV of one pay, sd", "ln_gmv.single.sd", 1.232, 0.05, "", _DENSITY, SEVEN_DAYS),
    Target("ln GMV of one pay, skewness", "ln_gmv.single.skew", -0.10, 0.12, "", _DENSITY, SEVEN_DAYS),
    Target("ln GMV with repurchase, mean", "ln_gmv.repeat.mean", 5.415, 0.06, "", _DENSITY, SEVEN_DAYS),
    Target("ln GMV with repurchase, sd", "ln_gmv.repeat.sd", 1.270, 0.05, "", _DENSITY, SEVEN_DAYS),
    Target("ln GMV with repurchase, skewness", "ln_gmv.repeat.skew", 0.10, 0.12, "", _DENSITY, SEVEN_DAYS, known=_SKEW),
    Target("mean GMV of a paying click", "gmv_per_paying_click", 394.0, 40.0, "", _HOURLY, SEVEN_DAYS),
    *rows_of(
        _shape(), "mean GMV at hour {} over its mean", "hour.gmv_per_paying_click_shape.{}", by_hour(0.06, 0.16), _HOURLY,
        attribution=SEVEN_DAYS,
    ),
    *rows_of(
        dict(zip(_BLOCKS, _CLICKS, strict=True)), "paying clicks at hours {}", "hour.paying_clicks.{}", 0.015, _LOGS
    ),
    *rows_of(
        dict(zip(_BLOCKS, _REPURCHASE, strict=True)), "repurchase share of clicks at hours {}",
        "hour.repurchase_share.{}", 0.02, _LOGS, attribution=SEVEN_DAYS,
        known={"0-2": _RHYTHM, "3-5": _RHYTHM},
    ),
    Target("first pays within 3 h", "click_pay.within.3h", 0.685, 0.035, "", _BAND, SEVEN_DAYS, known=_CLIMB),
    Target("first pays within 24 h", "click_pay.within.1d", 0.875, 0.025, "", _BAND, SEVEN_DAYS),
    Target("first pays within 48 h", "click_pay.within.2d", 0.94, 0.03, "", _BAND, SEVEN_DAYS),
    Target("later pays within 3 h", "click_later_pay.within.3h", 0.385, 0.045, "", _BAND, SEVEN_DAYS),
    Target("later pays within 24 h", "click_later_pay.within.1d", 0.57, 0.03, "", _BAND, SEVEN_DAYS),
    Target("later pays within 48 h", "click_later_pay.within.2d", 0.755, 0.045, "", _BAND, SEVEN_DAYS, known=_CLIMB),
    Target("later pays within 5 d", "click_later_pay.within.5d", 0.91, 0.03, "", _BAND, SEVEN_DAYS),
    Target("repurchase share of clicks on the day of a sale", "sale.repurchase_share.day0", 0.50, 0.02, "", _SALES,
           SEVEN_DAYS),
)  # fmt: skip


def _curves() -> tuple[Curve, ...]:
    hours = [float(hour) for hour in _GMV_WITHIN]
    gmv, gmv_facts = curve_of(ROWS, "gmv_within.", hours)
    shape, shape_facts = curve_of(ROWS, "hour.gmv_per_paying_click_shape.", range(24))
    return (
        Curve("gmv", "Cumulative GMV", "hours since the click", "share of the GMV of seven days", hours, gmv, gmv_facts,
              _CURVE),
        Curve("gmv-by-hour", "Mean GMV by hour of the click", "hour", "relative to its mean", range(24), shape,
              shape_facts, _HOURLY),
    )  # fmt: skip


TARGETS = Targets("trace", "TRACE, the data of READER (WWW 2026)", ROWS, _curves())
