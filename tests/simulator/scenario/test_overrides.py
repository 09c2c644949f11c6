"""``--set``: the last word, on legal keys only."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import ScenarioError
from simulator.scenario.load import load_scenario
from simulator.scenario.overrides import parse_override
from simulator.units import HOUR
from tests.simulator.scenario.test_load import BASE


@pytest.fixture
def path(tmp_path):
    (tmp_path / "s.toml").write_text(BASE + '[[world.promotion]]\nname = "sale"\nstart = "5d"\n')
    return tmp_path / "s.toml"


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("windows.observation=2h", lambda s: s.windows.observation == 2 * HOUR),
        ("seed=7", lambda s: s.seed == 7),
        ("learner.hidden=[64, 32]", lambda s: s.learner.hidden == (64, 32)),
        ("output.samples=true", lambda s: s.output.samples is True),
        ("title=a b = c", lambda s: s.title == "a b = c"),
        ('title="3"', lambda s: s.title == "3"),
        ("method.1.policy.window=1h", lambda s: s.method[1].policy == {"window": "1h"}),
        ("method.es-dfm.policy.window=1h", lambda s: s.method[1].policy == {"window": "1h"}),
        ("method.fnw.policy=oracle", lambda s: s.method[0].policy == "oracle"),
        ("method.fnw.learner.batch_size=64", lambda s: s.method[0].learner == {"batch_size": 64}),
        ("world.promotion.0.start=4d", lambda s: s.world.promotion[0].start == 96 * HOUR),
        ("world.promotion.sale.length=12h", lambda s: s.world.promotion[0].length == 12 * HOUR),
    ],
)  # fmt: skip
def test_overrides_reach_their_key(path, override, value):
    loaded = load_scenario(path, [override])
    assert value(loaded.scenario)
    assert "--set" in loaded.origins.values()


def test_a_named_policy_becomes_a_table_when_a_parameter_is_set(path):
    loaded = load_scenario(path, ["method.fnw.policy=elapsed-time", "method.fnw.policy.window=3h"])
    assert loaded.scenario.method[0].policy == {"kind": "elapsed-time", "window": "3h"}


def test_later_overrides_win(path):
    assert load_scenario(path, ["seed=1", "seed=2"]).scenario.seed == 2
    assert load_scenario(path, ["seed=1"], seed=5).scenario.seed == 5


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("windows.observaton=1h", ["unknown key 'observaton'", "allowed: attribution", "'observation'?"]),
        ("window.observation=1h", ["unknown key 'window'", "Did you mean 'windows'?"]),
        ("windows=1h", ["windows", "a table"]),
        ("seed.a=1", ["nothing can be set below seed"]),
        ("method.esdfm.name=x", ["no item 'esdfm'", "0 to 1, or fnw, es-dfm", "Did you mean 'es-dfm'?"]),
        ("method.7.name=x", ["2 items", "0 to 1"]),
        ("promotion.0.name=x", ["the scenario has none"]),
        ("learner.hidden.0=3", ["nothing can be set below learner.hidden"]),
        ("seed", ["key=value"]),
        ("=3", ["key=value"]),
        ("a..b=3", ["is no key"]),
        ("seed=", ["there is no value"]),
        ("learner.hidden=[1,", ["not valid TOML"]),
    ],
)  # fmt: skip
def test_wrong_overrides_are_faults(path, override, said):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, [override])
    (fault,) = caught.value.faults
    assert fault.startswith("--set")
    assert all(part in fault for part in said), fault


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1).map(str.strip).filter(bool)
)
def test_any_text_as_value_is_read_or_refused(text):
    key = None
    with contextlib.suppress(ScenarioError):
        key, _ = parse_override(f"title={text}")
    assert key == ["title"] or text[0] in "[{\"'"


@given(st.integers() | st.booleans() | st.lists(st.integers()))
def test_plain_values_come_through(value):
    assert parse_override(f"a={str(value).lower()}") == (["a"], value)


def test_quoted_parts_hold_dots():
    assert parse_override('method."fnw-1.0".name=x')[0] == ["method", "fnw-1.0", "name"]
