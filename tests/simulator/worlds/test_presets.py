from __future__ import annotations

import pytest
from pydantic import ValidationError

from simulator.errors import ScenarioError
from simulator.scenario.load import load_scenario
from simulator.scenario.model import WindowsBlock
from simulator.worlds.presets import PRESETS, SALES, WINDOWS, blend, merged
from simulator.worlds.promotion_kinds import KINDS
from simulator.worlds.settings import WorldSettings

SALE = {"name": "s", "start": "12d"}


def settings(**tables):
    return WorldSettings.model_validate(tables)


def test_the_blend_says_what_the_defaults_are():
    bare = WorldSettings.model_construct(preset="blend").model_dump(mode="json")
    assert settings().model_dump(mode="json") == bare | {"preset": "blend"}
    sale = settings(promotion=[SALE]).promotion[0]
    plain = type(sale).model_validate(SALE)
    assert sale == plain
    assert blend.WORLD["repurchase"]["first"] == settings().repurchase.first


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_and_fill_in_what_is_not_written(name):
    filled = settings(preset=name, promotion=[SALE])
    assert filled.preset == name
    dumped = filled.model_dump(mode="json")
    for table, expected in ((dumped, PRESETS[name]), (dumped["promotion"][0], SALES[name])):
        again = merged(table, {})
        assert merged(again, _written(expected, table)) == again
    assert WorldSettings.model_validate(dumped) == filled
    WindowsBlock.model_validate(WINDOWS[name])


def _written(part, like):
    """What a preset writes, in the form of a dump (durations have more than one spelling)."""
    if isinstance(part, dict):
        return {key: _written(value, like[key]) for key, value in part.items()}
    if isinstance(part, list):
        return [_written(value, other) for value, other in zip(part, like, strict=True)]
    from simulator.units import format_duration, parse_duration

    return format_duration(parse_duration(part)) if isinstance(part, str) else part


def test_what_is_written_wins_key_by_key():
    filled = settings(
        preset="taobao-mobile", delay={"fast": 0.3}, promotion=[SALE | {"cart": {"after": 0.5}}]
    )
    plain = settings(preset="taobao-mobile", promotion=[SALE])
    assert filled.delay.fast == 0.3
    assert filled.delay.scales == plain.delay.scales != settings().delay.scales
    assert filled.cvr == plain.cvr != settings().cvr
    assert filled.promotion[0].cart.after == 0.5
    assert filled.promotion[0].cart.during == plain.promotion[0].cart.during
    assert (
        filled.promotion[0].waiting
        == plain.promotion[0].waiting
        != settings(promotion=[SALE]).promotion[0].waiting
    )


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_lie_between_the_preset_and_what_is_written(kind):
    sale = settings(preset="taobao-mobile", promotion=[SALE | {"kind": kind}]).promotion[0]
    dumped = sale.model_dump(mode="json")
    assert merged(dumped, _written(KINDS[kind], dumped)) == dumped
    own = settings(promotion=[SALE | {"kind": kind, "price": {"discount": 0.33}}]).promotion[0]
    assert own.price.discount == 0.33
    assert type(sale).model_validate(dumped) == sale
    assert WorldSettings.model_validate({"promotion": [dumped]}).promotion[0] == sale


def test_a_scenario_shows_the_resolved_values_and_names_the_nearest_preset(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text('[world]\npreset = "cascade"\n[[method]]\nmethod = "oracle"\n')
    loaded = load_scenario(path)
    assert loaded.resolved["world"]["delay"]["user_slope"] == PRESETS["cascade"]["delay"]["user_slope"]
    path.write_text(
        '[world]\npreset = "cascad"\n[[world.promotion]]\nname = "a"\nstart = "9d"\nkind = "presal"\n'
        '[[method]]\nmethod = "oracle"\n'
    )
    with pytest.raises(ScenarioError) as error:
        load_scenario(path)
    text = str(error.value)
    assert "'cascade'" in text
    assert "presale" in text


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"preset": "none"}, "'blend', 'cascade'"),
        ({"preset": ["blend"]}, "'blend', 'cascade'"),
        ({"promotion": [SALE | {"kind": 3}]}, "one-day"),
        ({"promotion": "sale"}, "tuple"),
        (
            {"promotion": [SALE | {"kind": "multi-day", "length": "2d"}]},
            "a number for each day of a sale of 2d",
        ),
        ({"promotion": [SALE | {"coupon": {"start": "30m"}}]}, "whole hours"),
        ({"delay": {"scales": ["1h", "2h"]}}, "fast_profile needs as many numbers as scales; it has 3"),
        ({"delay": {"scales": ["2h", "1h", "40h"]}}, "scales must ascend"),
        ({"cart": {"weights": [0.5, 0.4]}}, "must sum to 1; they sum to 0.9"),
        ({"delay": {"by_hour": [1.0] * 23}}, "at least 24"),
        ({"clicks_by_hour": [1.0] * 23 + [0.0]}, "greater than 0"),
        ({"confounder": {"strength": 3}}, "less than or equal to 2"),
        ({"exposure": {"rate": 1.0}}, "less than 1"),
        (
            {"impressions": True, "exposure": {"rate": 0.15, "position": 4.0}},
            "exposure.rate is 0.15, but with exposure.position = 4 only 0.1.* of what is shown is seen",
        ),
        ({"exposure": {"lag": "5m"}}, "lag is 5m; allowed: up to 3m"),
    ],
)
def test_impossible_tables_are_refused(tables, message):
    with pytest.raises(ValidationError, match=message):
        WorldSettings.model_validate(tables)


def test_the_origin_of_a_key_names_the_preset_or_the_kind_that_sets_it(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        '[world]\npreset = "taobao-mobile"\n[[world.promotion]]\nname = "a"\nstart = "19d"\nkind = "presale"\n'
        'waiting = { floor = 0.2 }\n[[method]]\nmethod = "oracle"\n'
    )
    origins = load_scenario(path, ["world.cart.rhythm=0.1"]).origins
    sale = "world.promotion.0"
    assert origins["world.preset"] == origins[f"{sale}.waiting.floor"] == str(path)
    assert origins["world.cart.rhythm"] == "--set"
    assert origins["world.cart.rate"] == origins["world.delay.by_hour"] == "preset taobao-mobile"
    assert (
        origins[f"{sale}.traffic.during"] == origins[f"{sale}.conversion.opening"] == "preset taobao-mobile"
    )
    assert origins[f"{sale}.waiting.rise"] == origins[f"{sale}.conversion.interest"] == "kind presale"
    assert origins["world.days"] == origins[f"{sale}.price.discount"] == "default"
    assert origins["world.cart.scales"] == "default"
