"""The fact sheet as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.table import Table

from simulator.log.facts.sheet import FactSheet
from simulator.log.facts.sums import DELAYS
from simulator.units import MINUTE, format_duration

_TITLES = {
    "click_cart": "click to cart",
    "click_pay": "click to first pay",
    "cart_pay": "cart to first pay",
    "pay_refund": "pay to refund",
    "pay_next": "pay to next pay",
    "first_to_second": "first to second pay",
    "click_later_pay": "click to later pays",
}
_SHOWN_QUANTILES = (10, 25, 50, 75, 90, 99)
_SHOWN_AGES = tuple(int(minutes * MINUTE) for minutes in (1, 14.4, 60, 360, 1440, 4320, 10_080))
_GMV_HOURS = (1, 3, 6, 12, 24, 48, 72, 96, 120, 144, 168)


def sheet_tables(sheet: FactSheet) -> Iterator[Table]:
    """Yield the tables of a fact sheet; those of which nothing is known are left out."""
    tables = (
        _rates(sheet),
        _delays(sheet),
        _hours(sheet),
        _spending(sheet),
        _users_and_items(sheet),
        *_sales(sheet),
    )
    yield from (table for table in tables if table.row_count)


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    return table


def _rates(sheet: FactSheet) -> Table:
    table = _table("rates", "fact", "value")
    table.add_row("clicks", f"{sheet.clicks:,}")
    table.add_row("days counted", f"{sheet.days}")
    table.add_row("ordinary days among them", f"{sheet.ordinary_days}")
    for title, name, form in (
        ("clicks a day", "clicks_per_day", "{:,.0f}"),
        ("carts per click", "carts_per_click", "{:.4f}"),
        ("pays per click", "pays_per_click", "{:.4f}"),
        ("pays per cart", "pays_per_cart", "{:.3f}"),
        ("clicks with a cart", "cart_rate", "{:.4f}"),
        ("CVR", "cvr", "{:.4f}"),
        ("refund rate given a pay (RFR)", "rfr", "{:.4f}"),
        ("NetCVR", "net_cvr", "{:.4f}"),
        ("refunds of the whole amount", "refunds_in_full", "{:.3f}"),
        ("pays of an earlier day's click", "old_pay_share", "{:.3f}"),
    ):
        value = sheet.value(name)
        # A log without carts or refunds has a rate of zero, which says nothing about shoppers.
        if value:
            table.add_row(title, form.format(value))
    return table


def _delays(sheet: FactSheet) -> Table:
    ages = [format_duration(age) for age in _SHOWN_AGES if age < sheet.windows.attribution]
    table = _table(
        "delays: quantiles in hours, and share within (given inside the window)",
        "delay", "n", *(f"p{q}" for q in _SHOWN_QUANTILES), *(f"<= {age}" for age in ages),
    )  # fmt: skip
    for name in DELAYS:
        if count := sheet.value(f"{name}.count"):
            hours = [f"{sheet.values[f'{name}.p{q}']:.3g}" for q in _SHOWN_QUANTILES]
            shares = [_text(sheet.values, f"{name}.within.{age}", "{:.3f}") for age in ages]
            table.add_row(_TITLES[name], f"{count:,.0f}", *hours, *shares)
    return table


def _hours(sheet: FactSheet) -> Table:
    columns = [
        ("clicks", "hour.clicks.{}", "{:.4f}"),
        ("carts", "hour.carts.{}", "{:.4f}"),
        ("pays", "hour.pays.{}", "{:.4f}"),
        ("pays/click", "hour.pays_per_click.{}", "{:.4f}"),
        ("CVR", "hour.cvr.{}", "{:.4f}"),
        ("NetCVR", "hour.net_cvr.{}", "{:.4f}"),
        ("GMV/paying", "hour.gmv_per_paying_click.{}", "{:,.1f}"),
    ]
    shown = [c for c in columns if any(sheet.value(c[1].format(hour)) for hour in range(24))]
    table = _table("hour of day (share of clicks, carts, pays; rates)", "hour", *(c[0] for c in shown))
    for hour in range(24) if shown else ():
        table.add_row(str(hour), *(_text(sheet.values, name.format(hour), form) for _, name, form in shown))
    return table


def _spending(sheet: FactSheet) -> Table:
    table = _table("repurchase, GMV and amounts", "fact", "value")
    facts = [
        ("paying clicks with a repurchase", "repurchase_share", "{:.3f}"),
        ("pays per paying click", "pays_per_paying_click", "{:.3f}"),
        ("pays per repurchasing click", "pays_per_repurchasing_click", "{:.3f}"),
        ("GMV per click", "gmv_per_click", "{:,.3f}"),
        ("GMV per paying click", "gmv_per_paying_click", "{:,.2f}"),
        *((f"GMV within {h} h of the click", f"gmv_within.{h}h", "{:.3f}") for h in _GMV_HOURS),
        ("amount of a pay, median", "amount.p50", "{:,.2f}"),
        ("amount of a pay, 95 %", "amount.p95", "{:,.2f}"),
        ("tail index of amounts (largest 5 %)", "amount.tail_index", "{:.2f}"),
    ]
    for title, name in (
        ("amount", "ln_amount"),
        ("GMV, one pay", "ln_gmv.single"),
        ("GMV, repurchase", "ln_gmv.repeat"),
    ):
        facts += [(f"ln {title}: {part}", f"{name}.{part}", "{:.3f}") for part in ("mean", "sd", "skew")]
    if sheet.value("click_pay.count"):
        for title, name, form in facts:
            if name in sheet.values:
                table.add_row(title, form.format(sheet.values[name]))
    return table


def _users_and_items(sheet: FactSheet) -> Table:
    table = _table("users and items", "fact", "value")
    facts: list[tuple[str, str, str]] = [
        ("users", "users", "{:,.0f}"),
        ("clicks per user", "clicks_per_user", "{:.2f}"),
        ("pays per paying user", "orders_per_buyer", "{:.2f}"),
    ]
    facts += [(f"paying users with {n} pays", f"orders.{n}", "{:.3f}") for n in ("1", "2", "3", "4-9", "10+")]
    facts += [("items", "items", "{:,.0f}")]
    for name, title, form in (
        ("rfr_by_item_cvr", "RFR of items of CVR", "{:.3f}"),
        ("pay_delay_by_user_cvr", "mean hours to pay, users of CVR", "{:.2f}"),
        ("refund_delay_by_user_rfr", "mean hours to refund, users of RFR", "{:.2f}"),
    ):
        keys = [k for k in sheet.values if k.startswith(f"{name}.") and not k.endswith(".sd")]
        facts += [(f"{title} {key.removeprefix(f'{name}.')}", key, form) for key in keys]
    for title, name, form in facts:
        if name in sheet.values:
            table.add_row(title, form.format(sheet.values[name]))
    return table


def _sales(sheet: FactSheet) -> Iterator[Table]:
    columns = (
        ("clicks", "clicks"), ("carts", "carts"), ("pays", "pays"), ("carts/click", "carts_per_click"),
        ("pays/click", "pays_per_click"), ("CVR", "cvr"), ("pays/cart", "pays_per_cart"),
        ("old pays", "old_pay_share"), ("repurchase", "repurchase_share"),
    )  # fmt: skip
    for sale in sheet.sales:
        days = sorted({int(name.rpartition("day")[2]) for name in sale.values if ".day" in name})
        table = _table(
            f"{sale.name}: days from its opening, over ordinary ones", "day", *(c[0] for c in columns)
        )
        for day in days:
            table.add_row(
                str(day), *(_text(sale.values, f"{name}.day{day}", "{:.3f}") for _, name in columns)
            )
        if "first_hour_share" in sale.values:
            table.caption = f"first hour: {sale.values['first_hour_share']:.3f} of the day's pays"
        yield table


def _text(values: Mapping[str, float], name: str, form: str) -> str:
    return form.format(values[name]) if name in values else ""
