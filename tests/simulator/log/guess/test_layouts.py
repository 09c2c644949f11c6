"""`init` on hand-made layouts of one shop: the file validates, and its account is what the shop knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim import app
from simulator.commands.app import start
from simulator.log.meta import read_meta
from simulator.units import parse_duration
from tests.simulator.log.guess.layouts import T0, actions, day_of, iso, otto, shop, write
from tests.simulator.log.guess.running import init


def log():
    (meta,) = Path("data/cache").glob("*/meta.toml")
    return read_meta(meta.parent)


def checked(scenario: dict, clicks: int, events: int, most_lost: float = 0.0):
    """Validate the file, and compare the log with what is known."""
    assert start(app, ["validate", "my.toml"]) == 0
    meta = log()
    assert meta.clicks == clicks
    assert events * (1 - most_lost) <= meta.events <= events
    bad = [part for part in meta.aside if part.kind == "bad"]
    assert not bad, bad
    return meta


def inside(scenario: dict, s) -> int:
    """Count the pays and refunds that lie inside the windows that were chosen, as touches are attributed."""
    windows = {k: parse_duration(v) // 1_000_000 for k, v in scenario["windows"].items()}
    pays = s.paid & (s.pay_time - s.time <= windows["attribution"])
    return int(pays.sum() + (pays & s.back & (s.refund_time - s.pay_time <= windows["refund"])).sum())


def test_clicks_and_events(work, capsys):
    s = shop()
    click = np.arange(len(s.time)) + 5_000_000_000
    write(work / "clicks.parquet", {"click_id": click, "time": s.time * 1_000_000, "user_id": s.user, "item_id": s.item,
          "colour": s.colour,           "conversion": s.paid.astype(int), "shop": np.full(len(click), 3)})  # fmt: skip
    write(work / "events.parquet", {
        "click_id": np.r_[click[s.paid], click[s.back]], "time": np.r_[s.pay_time[s.paid], s.refund_time[s.back]] * 1_000_000,
        "kind": np.array(["pay"] * s.pays + ["refund"] * s.refunds, object),
        "amount": np.r_[s.amount[s.paid], s.amount[s.back]]})  # fmt: skip
    found = init("events.parquet", "clicks.parquet")  # the order does not matter
    assert found["data"]["clicks"] == "clicks.parquet"
    assert found["data"]["events"] == "events.parquet"
    assert set(found["data"]["features"]) == {"user", "item", "colour"}
    text = Path("my.toml").read_text()
    assert '# conversion = "categorical"  # left out: looks like a label' in text
    assert '# shop = "categorical"  # left out: constant' in text
    checked(found, 3000, s.pays + s.refunds)
    assert "time_unit" in text
    assert "us" in found["data"]["columns"]["time_unit"]
    assert "colour" in capsys.readouterr().out


def test_clicks_and_conversions_without_kinds(work):
    s = shop()
    click = np.array([f"c{k:06}" for k in range(len(s.time))], object)
    write(
        work / "ad_clicks.csv.gz",
        {
            "impression_id": click,
            "clicked_at": iso(s.time),
            "visitor": s.user,
            "campaign": s.item,
            "device": s.colour,
        },
    )
    write(
        work / "conversions.csv",
        {
            "impression_id": click[s.paid],
            "converted_at": iso(s.pay_time[s.paid]),
            "revenue": s.amount[s.paid],
        },
    )
    found = init("ad_clicks.csv.gz", "conversions.csv")
    assert found["data"]["read"]["parts"] == [{"match": "conversions.csv", "add": {"kind": "pay"}}]
    assert found["data"]["columns"]["event_time"] == "converted_at"
    assert found["data"]["columns"]["amount"] == "revenue"
    assert "the times say no zone" in Path("my.toml").read_text()
    checked(found, 3000, s.pays)


def test_rees46(work):
    s = shop()
    a = actions(s, ("view", "purchase", ""))
    brand = np.where(a["colour"] == 0, None, np.array([f"b{c}" for c in a["colour"]], object))
    write(work / "2019-Oct.csv.gz", {"event_time": [f"{t} UTC" for t in iso(a["time"])], "event_type": a["kind"],
          "product_id": a["item"],           "category_id": a["colour"] + 2_053_013_555_631_882_655,
          "brand": brand, "price": a["amount"],
          "user_id": a["user"],
          "user_session": [f"{u:08x}-0000" for u in a["user"]]})  # fmt: skip
    found = init("2019-Oct.csv.gz")
    if "format" not in found["data"]:
        assert found["data"]["opens"] == "view"
        assert found["data"]["columns"] | {"never": 0} == {
            "time": "event_time", "kind": "event_type", "kinds": {"view": "view", "purchase": "pay"}, "user_id": "user_id",
            "item_id": "product_id", "amount": "price", "never": 0}  # fmt: skip
        assert {"user", "item", "category_id", "brand"} <= set(found["data"]["features"])
    checked(found, 3000, inside(found, s), 0.02)


def test_otto(work):
    s = shop()
    otto(work / "train.jsonl", s)
    found = init("train.jsonl")
    if "format" not in found["data"]:
        assert found["data"]["read"] == {"unnest": "events"}
        assert found["data"]["columns"]["time_unit"] == "ms"
        assert "a session" in Path("my.toml").read_text()
    checked(found, 3000, inside(found, s), 0.02)


def test_names_in_chinese_are_not_sure(work):
    s = shop()
    a = actions(s, ("点击", "购买", "退款"))
    write(
        work / "行为.parquet",
        {
            "用户编号": a["user"],
            "商品编号": a["item"],
            "行为": a["kind"],
            "时间": a["time"] * 1000,
            "金额": a["amount"],
        },
    )
    found = init("行为.parquet")
    text = Path("my.toml").read_text(encoding="utf-8")
    assert found["data"]["columns"]["kinds"] == {"点击": "view", "购买": "pay", "退款": "refund"}
    for name in ("用户编号", "商品编号", "行为", "时间", "金额"):
        assert f'"{name}"  # unsure' in text or f"= '{name}'" in text
    checked(found, 3000, inside(found, s))


def test_criteo_like_rows(work):
    s = shop()
    r = np.random.default_rng(1)
    write(work / "attribution.tsv", {
        "timestamp": s.time - T0, "uid": s.user, "campaign": s.item, "conversion": s.paid.astype(int),
        "conversion_timestamp": np.where(s.paid, s.pay_time - T0, -1), "cost": np.round(r.random(3000), 4), "cat1": s.colour,
        "secret": np.where(s.paid, 1 + s.colour, 0)}, "\t")  # fmt: skip
    found = init("attribution.tsv")
    c = found["data"]["columns"]
    assert (c["time"], c["pay_time"], c["user_id"], c["item_id"]) == (
        "timestamp",
        "conversion_timestamp",
        "uid",
        "campaign",
    )
    text = Path("my.toml").read_text()
    assert '# time_unit = "ms"  # or: the log would last' in text
    assert '# secret = "categorical"  # left out: alone it tells who pays with an AUC of 0.999' in text
    assert "cat1" in found["data"]["features"]
    assert "cost" in found["data"]["features"]
    checked(found, 3000, s.pays)


def test_rows_with_delays_in_hours(work):
    s = shop()
    hours = np.where(s.paid, (s.pay_time - s.time) / 3600, -1.0)
    write(
        work / "wide.parquet",
        {
            "click_time": s.time * 1000,
            "user_id": s.user,
            "sku": s.item,
            "delay_h": hours,
            "order_value": s.amount,
        },
    )
    found = init("wide.parquet")
    c = found["data"]["columns"]
    assert (c["pay_delay"], c["delay_unit"], c["amount"], c["time_unit"]) == (
        "delay_h",
        "h",
        "order_value",
        "ms",
    )
    assert "delay_h" in Path("my.toml").read_text().split("title")[0]  # said to be unsure
    assert "order_value" not in found["data"]["features"]
    checked(found, 3000, s.pays)


def test_rows_of_json_lines_with_refunds(work):
    s = shop()
    pay = np.where(s.paid, np.array(iso(s.pay_time, "%Y-%m-%dT%H:%M:%SZ"), object), None)
    back = np.where(s.back, np.array(iso(s.refund_time, "%Y-%m-%dT%H:%M:%SZ"), object), None)
    write(work / "rows.jsonl", {"click_time": iso(s.time, "%Y-%m-%dT%H:%M:%SZ"), "customerId": s.user, "productId": s.item,
          "payTime": pay,           "payAmount": s.amount, "refundTime": back, "refundAmount": s.amount})  # fmt: skip
    found = init("rows.jsonl")
    c = found["data"]["columns"]
    assert (c["pay_time"], c["refund_time"], c["amount"], c["refund_amount"]) == (
        "payTime",
        "refundTime",
        "payAmount",
        "refundAmount",
    )
    checked(found, 3000, s.pays + s.refunds)


def test_purchases_with_negative_amounts_and_dates_that_are_read_two_ways(work):
    s = shop()
    r = np.random.default_rng(3)
    time = np.r_[s.time, s.refund_time[s.back]]
    day = (time - T0) // 86_400 % 9  # days and months up to nine: both orders fit
    dates = np.array(
        [
            f"{d + 1:02}/{3 + d // 40:02}/2024 {h:02}:15"
            for d, h in zip(day, r.integers(0, 24, len(day)), strict=True)
        ],
        object,
    )
    amount = np.r_[s.amount, -s.amount[s.back]]
    write(
        work / "orders.csv",
        {
            "order_id": np.arange(len(time)),
            "order_date": dates,
            "customer": np.r_[s.user, s.user[s.back]] % 40,
            "total": amount,
        },
        ";",
    )
    found = init("orders.csv")
    assert "purchases" in found["data"]
    assert "%d/%m/%Y %H:%M" in Path("my.toml").read_text()
    assert found["data"]["columns"]["amount"] == "total"
    assert "negative: refunds" in Path("my.toml").read_text()
    assert [m["method"] for m in found["method"]] == [
        "pre-single",
        "online-single",
        "offline-single",
        "oracle-single",
    ]
    assert start(app, ["validate", "my.toml"]) == 0
    meta = log()
    assert meta.read == meta.clicks + meta.events + meta.quarantined
    assert meta.events > 0


def test_a_file_without_names(work):
    s = shop()
    a = actions(s, ("pv", "buy", ""))
    write(
        work / "UserBehavior.csv",
        {"a": a["user"], "b": a["item"], "c": a["colour"], "d": a["kind"], "e": a["time"]},
        header=False,
    )
    found = init("UserBehavior.csv")
    if "format" not in found["data"]:
        assert found["data"]["read"] == {"header": False}
        c = found["data"]["columns"]
        assert (c["user_id"], c["item_id"], c["kind"], c["time"]) == (
            "column0",
            "column1",
            "column3",
            "column4",
        )
        assert "told by its place alone" in Path("my.toml").read_text()
    checked(found, 3000, inside(found, s))


def test_hive_folders_with_hashed_users(work):
    s = shop()
    a = actions(s, ("Click", "Order", "Return"))
    days = np.array([day_of(t) for t in a["time"]])
    user = a["user"].astype(np.uint64) * np.uint64(9_000_000_000_000_000)
    for day in np.unique(days):
        m = days == day
        folder = work / "log" / f"dt={day}"
        folder.mkdir(parents=True)
        write(
            folder / "part.parquet",
            {
                "member_id": user[m],
                "sku": a["item"][m],
                "ts": a["time"][m],
                "action": a["kind"][m],
                "price": a["amount"][m],
            },
        )
    found = init("log")
    assert found["data"]["columns"]["kinds"] == {"Click": "view", "Order": "pay", "Return": "refund"}
    assert "dt" not in found["data"]["features"]
    assert '# dt = "categorical"  # left out: the key of a folder' in Path("my.toml").read_text()
    checked(found, 3000, inside(found, s))


def test_flags_in_the_place_of_kinds(work):
    s = shop()
    a = actions(s, ("view", "pay", ""))
    write(work / "flags.csv", {"user_id": a["user"], "video_id": a["item"], "time_ms": a["time"] * 1000,
          "is_click": (a["kind"] == "view").astype(int), "is_buy": (a["kind"] == "pay").astype(int)})  # fmt: skip
    found = init("flags.csv")
    assert found["data"]["columns"]["flags"] == {"is_click": "view", "is_buy": "pay"}
    checked(found, 3000, inside(found, s))


def test_packed_text_with_semicolons_and_marks(work):
    s = shop()
    a = actions(s, ("view", "checkout_done_buy", "weird"))
    city = np.array([["NULL", "Ulm", "Bonn", "Köln", "Trier"][c] for c in a["colour"]], object)
    write(
        work / "log.csv.zst",
        {
            "visitorId": a["user"],
            "productId": a["item"],
            "createdAt": iso(a["time"], "%d.%m.%Y %H:%M:%S"),
            "event": a["kind"],
            "city": city,
        },
        ";",
    )
    found = init("log.csv.zst")
    assert found["data"]["columns"]["time_format"] == "%d.%m.%Y %H:%M:%S"
    assert found["data"]["columns"]["kinds"]["weird"] == "ignore"
    assert "'weird' is taken for 'ignore'" in Path("my.toml").read_text()
    assert found["data"]["features"]["city"] == {"kind": "categorical", "missing": ["NULL"]}
    windows = {k: parse_duration(v) // 1_000_000 for k, v in found["windows"].items()}
    checked(found, 3000, int((s.paid & (s.pay_time - s.time <= windows["attribution"])).sum()))
