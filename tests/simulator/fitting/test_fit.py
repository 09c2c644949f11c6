"""`sim.py fit`: constants of generated worlds come back, real logs give worlds that run, errors leave nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from learners.session.verbs.frame import load
from simulator.commands.facts import Described
from simulator.commands.fit import fit_world
from simulator.errors import LogError, ScenarioError
from simulator.log.facts import fact_sheet
from simulator.log.reader import Log
from simulator.scenario.load import load_scenario
from simulator.units import DAY, MINUTE
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings
from tests.commands import ROOT, sim_here
from tests.simulator.log.logs import small, write

WINDOWS = Windows()
WORLD = {
    "days": 26, "clicks_per_day": 9_000, "cvr": 0.12, "users": 20_000, "items": 8_000,
    "drift": {"level": 0.0, "category": 0.0, "taste": 0.0, "context": 0.0},
    "cart": {"rate": 0.25}, "refund": {"rate": 0.3},
    "delay": {"fast_profile": [0.25, 0.15, 0.6], "slow_profile": [0.25, 0.15, 0.6]},
    "repurchase": {"first": 0.8, "further": 0.3, "loyalty": 0.0, "replenishable": 1.0},
    "amount": {"level": 4.0, "price": 0.7, "user": 0.4, "residual": 0.6, "shared": 0.6, "growth": 0.1},
}  # fmt: skip


def live(path, settings, seed=3):
    generate(WorldSettings.model_validate(settings), WINDOWS, 15 * MINUTE, seed, path)
    return path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    log = live(folder / "log", WORLD)
    fit_world(
        Described.of_log(log, "3d,3d", ()), folder / "mine.toml", source="a log", rounds=2, replace=False
    )
    return log, folder / "mine.toml"


def test_the_constants_of_a_generated_world_come_back(fitted):
    """Within 5 % for rates, levels and shares of the clicks; spreads and weights to a few hundredths."""
    world = tomllib.loads(fitted[1].read_text(encoding="utf-8"))["world"]
    for key in ("days", "clicks_per_day", "users", "items", "cvr"):
        assert world[key] == pytest.approx(WORLD[key], rel=0.05), key
    assert world["user_zipf"] == pytest.approx(0.7, abs=0.05)
    assert world["item_zipf"] == pytest.approx(0.9, abs=0.07)
    assert world["cart"]["rate"] == pytest.approx(0.25, rel=0.05)
    assert world["refund"]["rate"] == pytest.approx(0.3, rel=0.05)
    assert world["repurchase"]["first"] == pytest.approx(0.8, rel=0.07)
    assert world["repurchase"]["further"] == pytest.approx(0.3, rel=0.2)
    amount = world["amount"]
    assert amount["level"] == pytest.approx(4.0, abs=0.1)
    for key, tolerance in (
        ("price", 0.1),
        ("user", 0.1),
        ("residual", 0.1),
        ("shared", 0.1),
        ("growth", 0.03),
    ):
        assert amount[key] == pytest.approx(WORLD["amount"][key], abs=tolerance), key
    assert world["delay"]["fast_profile"] == pytest.approx([0.25, 0.15, 0.6], abs=0.05)
    assert world["drift"]["level"] < 0.03


def test_the_fitted_world_has_the_facts_of_the_log(fitted, tmp_path):
    log, out = fitted
    scenario = load_scenario(out).scenario
    assert scenario.world is not None
    # What drifts would differ between any two worlds of the same constants.
    settings = scenario.world.model_copy(update={"drift": WorldSettings.model_validate(WORLD).drift})
    generate(settings, scenario.windows.windows(), 15 * MINUTE, 8, tmp_path / "copy")
    one, two = (fact_sheet(Log.open(path), WINDOWS).values for path in (log, tmp_path / "copy"))
    for name, tolerance in (
        ("clicks_per_day", 0.03), ("cvr", 0.05), ("cart_rate", 0.05), ("rfr", 0.06), ("net_cvr", 0.06),
        ("repurchase_share", 0.05), ("click_pay.p50", 0.25), ("click_pay.p75", 0.1), ("pay_refund.p75", 0.3),
        ("ln_amount.sd", 0.05), ("gmv_per_paying_click", 0.15), ("old_pay_share", 0.06), ("clicks_per_user", 0.06),
        ("hour.clicks.20", 0.05), ("hour.pays.10", 0.1), ("hour.pays.20", 0.1),
    ):  # fmt: skip
        assert two[name] == pytest.approx(one[name], rel=tolerance), name


def test_a_promotion_is_found_again(tmp_path):
    sale = {
        "name": "s",
        "start": "19d",
        "waiting": {"returns": 0.5},
        "traffic": {"during": 2.0, "opening": 1.0},
    }
    log = live(tmp_path / "log", WORLD | {"promotion": [sale]})
    out = tmp_path / "mine.toml"
    fit_world(Described.of_log(log, None, ("19d..20d",)), out, source="x", rounds=3, replace=False)
    text = out.read_text(encoding="utf-8")
    (found,) = tomllib.loads(text)["world"]["promotion"]
    assert (found["start"], found["length"]) == ("19d", "1d")
    assert found["traffic"]["during"] == pytest.approx(2.0, rel=0.15)
    assert found["waiting"]["returns"] == pytest.approx(0.5, abs=0.2)
    assert found["waiting"]["floor"] + found["waiting"]["rise"] == pytest.approx(0.587, abs=0.15)
    assert found["conversion"]["base"] == pytest.approx(0.217, abs=0.15)
    assert found["conversion"]["opening"] == pytest.approx(10.7, rel=0.35)
    assert found["price"]["discount"] == pytest.approx(0.16, abs=0.06)  # up to .08 too large
    lived = [line.split()[-2:] for line in text.splitlines() if line.startswith("#   sale")]
    assert len(lived) >= 6
    for real, made in lived:
        assert float(made) == pytest.approx(float(real), rel=0.15)


def test_the_file_is_a_scenario_to_build_on(fitted, tmp_path):
    (tmp_path / "twice.toml").write_text(
        f'extends = "{fitted[1]}"\n[[world.promotion]]\nname = "sale"\nstart = "18d"\nlength = "2d"\n',
        encoding="utf-8",
    )
    scenario = load(str(tmp_path / "twice.toml"), (), None).scenario
    assert scenario.world is not None
    assert scenario.world.promotion[0].length == 2 * DAY
    assert scenario.world.cart.rate == pytest.approx(0.25, rel=0.05)


def test_an_existing_file_stays_unless_told_otherwise(fitted):
    log, out = fitted
    before = out.read_text(encoding="utf-8")
    described = Described.of_log(log, None, ())
    with pytest.raises(ScenarioError, match="--replace"):
        fit_world(described, out, source="x", rounds=0, replace=False)
    assert out.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("name", ["folder", "no/such/place.toml", "world.txt"])
def test_a_place_that_cannot_be_is_refused_at_once(fitted, tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ScenarioError, match="--out"):
        fit_world(Described.of_log(fitted[0], None, ()), tmp_path / name, source="x", rounds=0, replace=False)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_log_without_pays_leaves_nothing(tmp_path):
    memory = small(1, 300, WINDOWS)
    memory.event = memory.event[:0]
    write(tmp_path / "log", memory)
    with pytest.raises(LogError, match=r"none paid|clicks"):
        fit_world(
            Described.of_log(tmp_path / "log", "1d", ()),
            tmp_path / "w.toml",
            source="x",
            rounds=0,
            replace=False,
        )
    assert [p.name for p in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--windows", "3"), "--windows 3"),
        (("--windows", "1d,2d,3d"), "one or two durations"),
        (("--promotion", "3d"), "START..END"),
        (("--promotion", "5d..4d"), "must end after"),
        (("--rounds", "-1"), "--rounds -1"),
        (("--seed", "1"), "--set and --seed"),
    ],
)
def test_wrong_options_are_named(fitted, tmp_path, words, said):
    done = sim_here("fit", fitted[0], "--out", tmp_path / "w.toml", *words, code=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "w.toml").exists()


PUBLIC = {
    "taobao": ("taobao_userbehavior_buyers.csv.gz", "2d", ("--opens", "cart")),
    "retailrocket": ("retailrocket_events.csv.gz", "3d", ()),
}


@pytest.mark.parametrize("name", list(PUBLIC))
def test_a_real_log_gives_a_world_that_looks_like_it(name, tmp_path):
    file, windows, options = PUBLIC[name]
    source = next(
        (p for p in (ROOT / "data" / file, ROOT.parent / "shared" / "data" / file) if p.exists()), None
    )
    if source is None:
        pytest.skip(f"{file} is not there")
    sim_here("import", name, source, "--out", tmp_path / "log", *options)
    sim_here("fit", tmp_path / "log", "--out", tmp_path / "w.toml", "--windows", windows, "--rounds", "1")
    sim_here("validate", tmp_path / "w.toml")
    scenario = load_scenario(tmp_path / "w.toml").scenario
    assert scenario.world is not None
    generate(scenario.world, scenario.windows.windows(), 15 * MINUTE, 1, tmp_path / "world")
    attribution = scenario.windows.windows()
    one, two = (fact_sheet(Log.open(p), attribution).values for p in (tmp_path / "log", tmp_path / "world"))
    for fact, tolerance in (
        ("cvr", 0.2),
        ("clicks_per_user", 0.35),
        ("click_pay.p75", 0.3),
        ("hour.clicks.20", 0.15),
    ):
        assert two[fact] == pytest.approx(one[fact], rel=tolerance), fact
    assert Path(tmp_path / "w.toml").read_text(encoding="utf-8").startswith("# A world fitted to")
