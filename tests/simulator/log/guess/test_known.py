"""Files of a known format are said to be that; what opens a journey can be said."""

from __future__ import annotations

from pathlib import Path

from sim import app
from simulator.commands.app import start
from simulator.log.guess.known import needed
from tests.simulator.log.guess.layouts import actions, shop, write
from tests.simulator.log.guess.running import init


def retailrocket(path: Path, words=("view", "transaction", "")) -> None:
    a = actions(shop(), words)
    columns = {"timestamp": a["time"] * 1000, "visitorid": a["user"], "event": a["kind"], "itemid": a["item"]}
    write(path, columns | {"transactionid": a["colour"]})


def test_a_known_format_is_named(work, capsys):
    retailrocket(work / "events.csv")
    found = init("events.csv")
    assert found["data"] == {"touches": "events.csv", "format": "retailrocket"}
    assert found["windows"]["attribution"] == "3d"  # as the format says
    assert "sim.py import retailrocket" in capsys.readouterr().out
    assert start(app, ["validate", "my.toml"]) == 0


def test_a_known_format_whose_values_are_others_is_not_it(work):
    retailrocket(work / "events.csv", ("browse", "purchase", ""))
    assert "format" not in init("events.csv")["data"]


def test_what_opens_can_be_said(work):
    retailrocket(work / "events.csv", ("addtocart", "transaction", "view"))
    found = init("events.csv", options=["--opens", "cart"])
    assert found["data"]["opens"] == "cart"
    assert found["data"]["columns"]["kinds"] == {"addtocart": "cart", "transaction": "pay", "view": "view"}


def test_the_columns_that_a_mapping_needs():
    data = {
        "columns": {
            "time": "t",
            "amount": ["a", "b"],
            "pay_time": "p",
            "pay_if": {"x": 1},
            "flags": {"f": "pay"},
        },
        "read": {"where": {"w": 1}},
        "features": {
            "user": "categorical",
            "c": "categorical",
            "d": {"column": "e"},
            "g": {"optional": True},
        },
    }
    assert needed(data) == {"t", "a", "b", "p", "x", "f", "w", "c", "e"}
