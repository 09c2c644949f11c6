"""`[features.NAME]`: what may be written, and what is refused with which words."""

import pytest

from simulator.errors import ScenarioError
from simulator.log.schema import Feature
from simulator.scenario.derived import DerivedBlock, derived_faults
from simulator.scenario.load import load_scenario
from simulator.scenario.resolve import to_toml
from simulator.units import DAY
from tests.simulator.scenario.test_load import BASE

TEXT = """
[features.carts]
kind = "latest"
event = "cart"
longest = 5
[features.sold]
kind = "popularity"
event = "pay"
over = "2d"
[features.ahead]
kind = "days-to-sale"
"""


def load(folder, text, *overrides):
    (folder / "s.toml").write_text(BASE + text)
    return load_scenario(folder / "s.toml", overrides)


def test_what_is_written_is_read_and_written_again(tmp_path):
    loaded = load(tmp_path, TEXT, "features.carts.longest=7")
    features = loaded.scenario.features
    assert list(features) == ["carts", "sold", "ahead"]
    assert (features["carts"].of, features["carts"].longest) == ("item_id", 7)
    assert (features["sold"].over, features["ahead"].most) == (2 * DAY, 30)
    assert loaded.origins["features.carts.longest"] == "--set"
    (tmp_path / "again.toml").write_text(to_toml(loaded))
    assert load_scenario(tmp_path / "again.toml").scenario.features == features


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('carts]\nkind = "latest"\nlongest = 0', r"features\.carts\.longest = 0: must be at least 1"),
        ('carts]\nkind = "latest"\nlongest = 65', r"features\.carts\.longest = 65: must be at most 64"),
        ('carts]\nkind = "last"', r"features\.carts\.kind = \"last\": must be 'latest' or"),
        ("carts]\nlongest = 2", r"features\.carts\.kind: is missing"),
        ('carts]\nkind = "latest"\nlongst = 2', "unknown key.*Did you mean 'longest'"),
        ('carts]\nkind = "latest"\nevent = "refund"', "must be 'click' or 'cart' or 'pay'"),
        ('hot]\nkind = "popularity"\nover = "0s"', 'features.hot.over = "0s"'),
        (
            'hot]\nkind = "popularity"\nlongest = 3',
            "a feature of kind 'popularity' takes no longest; allowed: bins, event, over",
        ),
        ('ahead]\nkind = "days-to-sale"\nover = "1d"', "takes no over; allowed: most"),
        ('item]\nkind = "popularity"', r"features\.item: 'item' is a feature of the log already"),
        ('Item_ID]\nkind = "popularity"', r"features\.Item_ID: 'Item_ID' is a column of every log already"),
        (
            'carts]\nkind = "latest"\nof = "categry"',
            r"features\.carts\.of = \"categry\": unknown feature of the log 'categry'; allowed: .*Did you mean 'category'",
        ),
    ],
)
def test_wrong_features(tmp_path, text, said):
    with pytest.raises(ScenarioError, match=said):
        load(tmp_path, f"\n[features.{text}\n")


def test_names_that_are_taken_and_tags_that_cannot_be_listed():
    hot, listed = DerivedBlock(kind="popularity"), DerivedBlock(kind="latest", of="labels")
    features = [Feature("item", 9), Feature("labels", 5, 2, "tags")]
    assert derived_faults({"hot": hot, "sold": hot}, features) == []
    told = derived_faults({"hot": hot, "HOT": hot, "hour": hot, "last": listed}, features, ("hour",))
    assert told[0] == "features.HOT: 'HOT' is a derived feature already; give this one another name"
    assert told[1] == "features.hour: 'hour' is a feature of the log already; give this one another name"
    assert told[2].startswith('features.last.of = "labels": is a feature of tags')
    assert "allowed: item_id, item." in told[2]
    assert len(told) == 3
