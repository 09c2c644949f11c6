"""What `init` says where something is lacking, in the way, or cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim import app
from simulator.commands.app import start
from tests.simulator.log.guess.layouts import actions, shop, write
from tests.simulator.log.guess.running import init


def test_codes_that_nothing_explains_must_be_filled_in(work, capsys):
    s = shop()
    a = actions(s, ("1", "7", ""))
    write(
        work / "codes.csv",
        {"user_id": a["user"], "item_id": a["item"], "time": a["time"], "event": a["kind"].astype(int)},
    )
    found = init("codes.csv", code=2)
    assert "kinds" not in found["data"]["columns"]
    told = capsys.readouterr().err
    assert "written, but it cannot run yet" in told
    assert "nothing says what the codes of 'event' mean" in told
    text = Path("my.toml").read_text()
    assert '# kinds = { 1 = "view", 7 = "cart" }' in text
    filled = text.replace(
        '# kinds = { 1 = "view", 7 = "cart" }', 'kinds = { 1 = "view", 7 = "pay" }'
    ).replace('time_zone = "UTC"', 'time_zone = "UTC"\nopens = "view"', 1)
    Path("my.toml").write_text(filled)
    assert start(app, ["validate", "my.toml"]) == 0


def test_a_label_without_a_time_is_not_enough(work, capsys):
    s = shop()
    write(
        work / "labels.csv",
        {
            "time": s.time,
            "user_id": s.user,
            "item_id": s.item,
            "converted": s.paid.astype(int),
            "cat": s.colour,
        },
    )
    init("labels.csv", code=2)
    assert "'converted' says whether, but not when" in capsys.readouterr().err
    assert "# pay_time = " in Path("my.toml").read_text()


def test_nothing_is_replaced_unasked(work, capsys):
    s = shop()
    a = actions(s)
    write(
        work / "a.csv",
        {
            "user_id": a["user"],
            "item_id": a["item"],
            "time": a["time"],
            "event": a["kind"],
            "price": a["amount"],
        },
    )
    Path("my.toml").write_text("mine = 1\n")
    assert start(app, ["init", "a.csv", "--out", "my.toml"]) == 2
    assert Path("my.toml").read_text() == "mine = 1\n"
    assert "exists already" in capsys.readouterr().err
    init("a.csv", options=["--replace"])


@pytest.mark.parametrize(
    "options", [["--shape", "events"], ["--shape", "rows", "--opens", "view"], ["--shape", "nonsense"]]
)
def test_options_that_do_not_fit(work, capsys, options):
    s = shop(200)
    a = actions(s)
    write(work / "a.csv", {"user_id": a["user"], "item_id": a["item"], "time": a["time"], "event": a["kind"]})
    assert start(app, ["init", "a.csv", "--out", "my.toml", *options]) == 2
    assert not Path("my.toml").exists()
    assert options[1] in capsys.readouterr().err


@pytest.mark.parametrize("sources", [[], ["none.csv"], ["empty.csv"], ["a.zip"]])
def test_sources_that_cannot_be_read(work, capsys, sources):
    Path("empty.csv").write_text("")
    Path("a.zip").write_bytes(b"PK\x03\x04....")
    assert start(app, ["init", *sources, "--out", "my.toml"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert [p.name for p in work.iterdir() if p.name.startswith(".")] == []
