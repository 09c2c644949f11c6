"""Measured facts of Taobao's mobile log around Double 12 of 2014 (Tianchi, 10,000 users) and, for delays, of its
UserBehavior log of 2017 (31,882 users). The share of old pays on the day was measured at Double 11 of 2014 (Tmall).

Left out: counts per user (its users have 700 clicks a month, a world's have a few), and days before -11, whose traffic
was already above base.
"""

from __future__ import annotations

from simulator.worlds.targets.base import THREE_DAYS, Curve, Target, Targets, curve_of, rows_of

_BASE = "Taobao mobile log (Tianchi 2014), 11-18 to 11-30"
_HOURS = "Taobao mobile log (Tianchi 2014), 11-18 to 12-08"
_SALE = "Taobao mobile log (Tianchi 2014), 12-01 to 12-18 over 11-18 to 11-30"
_DAY = "Taobao mobile log (Tianchi 2014), 12-12 by hour"
_OLD = "Tmall log up to Double 11 of 2014 (IJCAI-15): clicks a day or more before the pay"
_DELAY = "Taobao UserBehavior (2017-11-25 to 12-03), last click to buy, 53,996 pairs"
_CART = "Taobao UserBehavior (2017-11-25 to 12-03), cart to buy, 25,614 pairs"

_EARLY = "shoppers rise early on the day; a world's keep their usual hours of the day"
_LAST = "a buyer's last click is often repeated on the day of the pay; a world has no such clicks, and the waits of 2017"
_SLOW = "a cart does not slow the pay down: outside a sale nobody puts a thing into the cart in order to pay later"

CLICKS = (
    0.04066, 0.02101, 0.01179, 0.008247, 0.006733, 0.007518, 0.01285, 0.0235, 0.03238, 0.03932, 0.04457, 0.04332,
    0.04337, 0.04896, 0.0489, 0.0499, 0.04762, 0.04136, 0.04482, 0.06032, 0.07638, 0.08928, 0.08872, 0.06847,
)  # fmt: skip
CARTS = (
    0.03815, 0.01864, 0.01109, 0.007584, 0.006764, 0.007071, 0.01103, 0.0196, 0.02811, 0.03733, 0.04685, 0.0447,
    0.04378, 0.0508, 0.05084, 0.05171, 0.04833, 0.04235, 0.0432, 0.05584, 0.0742, 0.08869, 0.09434, 0.079,
)  # fmt: skip
PAYS = (
    0.02756, 0.01073, 0.005343, 0.00383, 0.002631, 0.003707, 0.006992, 0.01304, 0.02759, 0.04678, 0.06255, 0.05861,
    0.05891, 0.06645, 0.06271, 0.06263, 0.06097, 0.04627, 0.0458, 0.05655, 0.06796, 0.07497, 0.07516, 0.05226,
)  # fmt: skip
PAYS_ON_THE_DAY = (
    0.1279, 0.03987, 0.01456, 0.007606, 0.005639, 0.006557, 0.01823, 0.03351, 0.05318, 0.05678, 0.05403, 0.05501,
    0.04465, 0.04832, 0.03737, 0.03855, 0.03914, 0.02872, 0.0278, 0.03783, 0.04216, 0.05573, 0.06459, 0.06229,
)  # fmt: skip
_DAYS = range(-4, 5)
PAYS_PER_CLICK = (0.934, 0.917, 0.805, 0.697, 2.365, 0.898, 0.910, 0.994, 1.005)
CARTS_PER_CLICK = (1.039, 1.089, 1.070, 1.178, 1.324, 0.943, 0.930, 0.940, 0.944)
CLICKS_BY_DAY = (1.058, 1.087, 1.155, 1.337, 1.863, 1.119, 1.106, 1.094, 1.085)
PAYS_BY_DAY = (0.988, 0.997, 0.929, 0.932, 4.406, 1.005, 1.006, 1.088, 1.090)
CARTS_BY_DAY = (1.099, 1.185, 1.237, 1.575, 2.468, 1.056, 1.028, 1.028, 1.024)


def _of(values: tuple[float, ...], keys: range = range(24)) -> dict[float | str, float]:
    return {str(key): value for key, value in zip(keys, values, strict=True)}


def _but_day_0(usual: float, day: float) -> dict[float | str, float]:
    """Return tolerances: pays per click on the day differ by .07 (sd) between worlds, whose tastes for the sale are their
    own, and by .05 in the counts of two million clicks.
    """
    return {str(key): day if key == 0 else usual for key in _DAYS}


ROWS: tuple[Target, ...] = (
    Target("pays per click", "pays_per_click", 0.01005, 0.0007, "", _BASE),
    Target("carts per click", "carts_per_click", 0.02885, 0.002, "", _BASE),
    Target("pays per cart", "pays_per_cart", 0.349, 0.025, "", _BASE),
    *rows_of(_of(CLICKS), "clicks at hour {}", "hour.clicks.{}", 0.004, _HOURS),
    *rows_of(_of(CARTS), "carts at hour {}", "hour.carts.{}", 0.008, _HOURS),
    *rows_of(_of(PAYS), "pays at hour {}", "hour.pays.{}", 0.008, _HOURS),
    *rows_of(_of(CLICKS_BY_DAY, _DAYS), "clicks on day {} of the sale", "sale.clicks.day{}", 0.08, _SALE),
    *rows_of(_of(CARTS_BY_DAY, _DAYS), "carts on day {}", "sale.carts.day{}", 0.12, _SALE),
    *rows_of(_of(PAYS_BY_DAY, _DAYS), "pays on day {}", "sale.pays.day{}", _but_day_0(0.12, 0.30), _SALE),
    *rows_of(
        _of(PAYS_PER_CLICK, _DAYS), "pays per click on day {}", "sale.pays_per_click.day{}", _but_day_0(0.08, 0.15), _SALE
    ),
    *rows_of(_of(CARTS_PER_CLICK, _DAYS), "carts per click on day {}", "sale.carts_per_click.day{}", 0.08, _SALE),
    Target("pays per cart on the day before", "sale.pays_per_cart.day-1", 0.206, 0.03, "", _SALE),
    Target("pays per cart on the day", "sale.pays_per_cart.day0", 0.622, 0.06, "", _SALE),
    *rows_of(_of(PAYS_ON_THE_DAY), "pays of the day in its hour {}", "sale.hour.pays.{}", 0.012, _DAY,
             known=dict.fromkeys(("7", "8", "10", "22"), _EARLY)),
    Target("pays per click in the first hour", "sale.first_hour_pays_per_click", 0.0431, 0.008, "", _DAY),
    Target(
        "pays of an earlier day's click, ordinary days", "old_pay_share", 0.071, 0.03, "", _OLD, THREE_DAYS,
        note="days 1 to 3 among lags of 0 to 3 days, (.0370 + .0192) / .7884; .109 of all lags", known=_LAST,
    ),
    Target(
        "pays of an earlier day's click, on the day", "sale.old_pay_share.day0", 0.268, 0.05, "", _OLD, THREE_DAYS,
        note="days 1 to 3 among lags of 0 to 3 days, (.1468 + .0805) / .8485; .379 of all lags, of which .151 are of "
        "four days and more",
    ),
    *rows_of(
        {"1m": 0.0460, "10m": 0.4609, "1h": 0.7321, "1d": 0.9482},
        "first pays within {} (of those within 3 d)", "click_pay.within_3d.{}", 0.03, _DELAY,
    ),
    *rows_of(
        {"10m": 0.0902, "1h": 0.2041, "1d": 0.6707},
        "cart to pay within {} (of those within 3 d)", "cart_pay.within_3d.{}", 0.06, _CART, known=_SLOW,
    ),
)  # fmt: skip


def _curves() -> tuple[Curve, ...]:
    ages, (delay, delay_facts) = (1 / 60, 1 / 6, 1, 24), curve_of(ROWS, "click_pay.within_3d.", range(4))
    day, day_facts = curve_of(ROWS, "sale.hour.pays.", range(24))
    pays, pay_facts = curve_of(ROWS, "hour.pays.", range(24))
    buys, buy_facts = curve_of(ROWS, "sale.pays_per_click.", _DAYS)
    carts, cart_facts = curve_of(ROWS, "sale.carts_per_click.", _DAYS)
    days = "days from the opening"
    return (
        Curve("sale-pays", "Pays per click around the sale", days, "relative to ordinary days", _DAYS, buys, buy_facts,
              _SALE),
        Curve("sale-carts", "Carts per click around the sale", days, "relative to ordinary days", _DAYS, carts,
              cart_facts, _SALE),
        Curve("sale-hours", "Pays of the sale day", "hour", "share of the day's pays", range(24), day, day_facts, _DAY),
        Curve("hours", "Pays of ordinary days", "hour", "share of the day's pays", range(24), pays, pay_facts, _HOURS),
        Curve("pay", "Click to first pay", "time (log scale)", "share of 3-day pays", ages, delay,
              delay_facts, _DELAY, log_x=True),
    )  # fmt: skip


TARGETS = Targets("taobao-mobile", "Taobao's mobile log around Double 12 of 2014", ROWS, _curves())
