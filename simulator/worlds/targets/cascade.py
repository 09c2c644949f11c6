"""Published facts of CASCADE, the log of NetCVR (WWW 2026): click, pay and refund, windows of three days each.

Left out, because no world of this kind can have them: the sizes of the vocabularies, and what depends on the authors'
networks. The NetCVR curve by hour is published for a horizon of weeks; its shape alone is compared.
"""

from __future__ import annotations

from simulator.worlds.targets.base import THREE_DAYS, Curve, Target, Targets, by_hour, curve_of, rows_of

_RATES = "NetCVR (WWW 2026), 3-day labels: table 6 and figure 8 with the released log"
_HOURLY = "NetCVR (WWW 2026), figure 2, three sampled days"
_DELAYS = "NetCVR (WWW 2026), figure 8"
_ITEMS = "NetCVR (WWW 2026), figure 3, scaled by .49 from its horizon of weeks to three days"
_USERS = "NetCVR (WWW 2026), figure 5"
_FLAT = "few pay between half an hour and six: here one per cent of the CDF is a fifth of the wait"
_LUCK = "items of so high a CVR are those with few clicks and luck, so their refunds are ordinary"
_FEW = "some sixty pays: their mean is known to two hours"
_HABIT = "waits for refunds do not depend on the user, and with one or two pays a user the bin is luck"

_CVR_BY_HOUR = (
    0.0685, 0.0666, 0.0631, 0.0619, 0.0603, 0.0654, 0.0667, 0.0679, 0.0701, 0.0670, 0.0682, 0.0695,
    0.0701, 0.0689, 0.0695, 0.0696, 0.0708, 0.0704, 0.0699, 0.0721, 0.0705, 0.0716, 0.0723, 0.0670,
)  # fmt: skip
_NET_CVR_BY_HOUR = (
    0.0320, 0.0309, 0.0305, 0.0304, 0.0302, 0.0323, 0.0328, 0.0329, 0.0339, 0.0323, 0.0342, 0.0349,
    0.0349, 0.0349, 0.0350, 0.0348, 0.0355, 0.0357, 0.0352, 0.0363, 0.0354, 0.0360, 0.0368, 0.0331,
)  # fmt: skip
_PAY_BY_AGE: dict[float | str, float] = {
    "1m": 0.028, "2m": 0.074, "4.32m": 0.150, "5m": 0.165, "9m": 0.228, "14.4m": 0.277, "30m": 0.344, "1h": 0.398,
    "1.2h": 0.411, "2h": 0.447, "3h": 0.478, "6h": 0.539, "12h": 0.622, "18h": 0.681, "1d": 0.740, "1.5d": 0.836,
    "2d": 0.897, "2.5d": 0.957,
}  # fmt: skip
_REFUND_BY_AGE: dict[float | str, float] = {
    "1m": 0.280, "2m": 0.361, "4.32m": 0.439, "5m": 0.453, "9m": 0.506, "14.4m": 0.544, "30m": 0.598, "1h": 0.643,
    "1.2h": 0.654, "2h": 0.687, "3h": 0.713, "6h": 0.754, "12h": 0.804, "18h": 0.839, "1d": 0.865, "1.5d": 0.896,
    "2d": 0.925, "2.5d": 0.958,
}  # fmt: skip
_PAY_QUANTILES: dict[float | str, float] = {
    10.0: 0.045, 20.0: 0.115, 25.0: 0.19, 30.0: 0.31, 40.0: 1.04, 50.0: 3.94, 60.0: 10.4, 70.0: 20.4, 75.0: 24.8,
    80.0: 30.5, 90.0: 48.4, 95.0: 58.4,
}  # fmt: skip
_REFUND_QUANTILES: dict[float | str, float] = {
    30.0: 0.020, 40.0: 0.050, 50.0: 0.140, 60.0: 0.53, 70.0: 2.5, 75.0: 5.6, 80.0: 11.5, 90.0: 38.0, 95.0: 57.0,
}  # fmt: skip
_LONG_TO_SHORT = 0.49
_RFR_BY_ITEM = {"0-0.2": 0.499, "0.2-0.4": 0.423, "0.4-0.6": 0.349, "0.6-0.8": 0.315, "0.8-1": 0.347}
_AGE_HOURS = (
    1 / 60, 2 / 60, 4.32 / 60, 5 / 60, 9 / 60, 0.24, 0.5, 1, 1.2, 2, 3, 6, 12, 18, 24, 36, 48, 60,
)  # fmt: skip


def _shape(values: tuple[float, ...]) -> dict[float | str, float]:
    mean = sum(values) / len(values)
    return {str(hour): value / mean for hour, value in enumerate(values)}


ROWS: tuple[Target, ...] = (
    Target("CVR", "cvr", 0.068, 0.002, "", _RATES, THREE_DAYS),
    Target("refund rate given a pay", "rfr", 0.245, 0.012, "", _RATES, THREE_DAYS, THREE_DAYS),
    Target("NetCVR", "net_cvr", 0.052, 0.002, "", _RATES, THREE_DAYS, THREE_DAYS),
    *rows_of(
        {str(hour): cvr for hour, cvr in enumerate(_CVR_BY_HOUR)},
        "CVR of clicks at hour {}", "hour.cvr.{}", by_hour(0.004, 0.006), _HOURLY, attribution=THREE_DAYS,
    ),
    *rows_of(
        _shape(_NET_CVR_BY_HOUR),
        "NetCVR at hour {} over its mean", "hour.net_cvr_shape.{}", by_hour(0.06, 0.09), _HOURLY, attribution=THREE_DAYS,
    ),
    *rows_of(_PAY_BY_AGE, "first pays within {}", "click_pay.within_3d.{}", 0.02, _DELAYS),
    *rows_of(
        _PAY_QUANTILES, "click to first pay, {} %", "click_pay.within_3d.p{}", 0.15, _DELAYS, unit="h", relative=True,
        known=dict.fromkeys((30.0, 40.0, 50.0), _FLAT),
    ),
    Target("click to first pay, mean", "click_pay.mean", 14.8, 1.0, "h", _DELAYS, THREE_DAYS),
    *rows_of(_REFUND_BY_AGE, "refunds within {}", "pay_refund.within_3d.{}", 0.025, _DELAYS),
    *rows_of(
        _REFUND_QUANTILES, "pay to refund, {} %", "pay_refund.within_3d.p{}", 0.25, _DELAYS, unit="h", relative=True
    ),
    Target("pay to refund, mean", "pay_refund.mean", 8.6, 1.0, "h", _DELAYS, None, THREE_DAYS),
    *rows_of(
        {key: value * _LONG_TO_SHORT for key, value in _RFR_BY_ITEM.items()},
        "refund rate of items of CVR {}", "rfr_by_item_cvr.{}", 0.03, _ITEMS,
        attribution=THREE_DAYS, refund=THREE_DAYS, known=dict.fromkeys(("0.4-0.6", "0.6-0.8", "0.8-1"), _LUCK),
    ),
    *rows_of(
        {"0-0.25": 14.9, "0.25-0.5": 11.2, "0.5-0.75": 8.2, "0.75-1": 7.65},
        "mean delay of pays, users of CVR {}", "pay_delay_by_user_cvr.{}", 1.5, _USERS,
        unit="h", attribution=THREE_DAYS, known={"0.75-1": _FEW},
    ),
    *rows_of(
        {"0-0.25": 8.6, "0.25-0.5": 4.1, "0.5-0.75": 4.5, "0.75-1": 2.5},
        "mean delay of refunds, users of RFR {}", "refund_delay_by_user_rfr.{}", 1.5, _USERS,
        unit="h", refund=THREE_DAYS,
        known=dict.fromkeys(("0.25-0.5", "0.5-0.75", "0.75-1"), _HABIT),
    ),
)  # fmt: skip


def _curves() -> tuple[Curve, ...]:
    pay, pay_facts = curve_of(ROWS, "click_pay.within_3d.", range(len(_PAY_BY_AGE) + len(_PAY_QUANTILES)))
    refund, refund_facts = curve_of(
        ROWS, "pay_refund.within_3d.", range(len(_REFUND_BY_AGE) + len(_REFUND_QUANTILES))
    )
    n = len(_AGE_HOURS)
    hours = range(24)
    cvr, cvr_facts = curve_of(ROWS, "hour.cvr.", hours)
    net, net_facts = curve_of(ROWS, "hour.net_cvr_shape.", hours)
    age = "time (log scale)"
    return (
        Curve("pay", "Click to first pay", age, "share of 3-day pays", _AGE_HOURS, pay[:n], pay_facts[:n],
              _DELAYS, log_x=True),
        Curve("refund", "Pay to refund", age, "share of 3-day refunds", _AGE_HOURS, refund[:n],
              refund_facts[:n], _DELAYS, log_x=True),
        Curve("cvr", "CVR by hour of the click", "hour", "CVR", hours, cvr, cvr_facts, _HOURLY),
        Curve("net-cvr", "NetCVR by hour of the click", "hour", "relative to its mean", hours, net, net_facts, _HOURLY),
    )  # fmt: skip


TARGETS = Targets("cascade", "CASCADE, the data of NetCVR (WWW 2026)", ROWS, _curves())
