"""Loading: every class of fault has a message with file, key, what is allowed and the nearest spelling."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import ScenarioError
from simulator.scenario.layers import Layers
from simulator.scenario.load import load_scenario
from simulator.units import DAY, HOUR

BASE = """
[world]
days = 7

[windows]
attribution = "1d"
observation = "1h"

[[method]]
method = "fnw"

[[method]]
method = "es-dfm"
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="s.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def faults(path, *overrides):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, overrides)
    assert caught.value.exit_code == 2
    return caught.value.faults


@pytest.mark.parametrize(
    ("added", "key", "said"),
    [
        ("[windows2]\na = 1", "windows2", ["unknown table", "allowed:", "Did you mean 'windows'?"]),
        ("[stream]\nsegmnt = '1h'", 'stream.segmnt = "1h"', ["unknown key", "Did you mean 'segment'?"]),
        ("[stream]\nsegment = 3", "stream.segment", ["3 is not a duration", "'15m'"]),
        ("[stream]\nsegment = '4x'", "stream.segment", ["'4x' is not a duration", "allowed"]),
        ("[stream]\nsegment = '0s'", "stream.segment", ["at least 1s"]),
        ("[engine]\npublish_every = '0s'", "engine.publish_every", ["at least 1s"]),
        ("[engine]\ncheckpoint_every = '1ms'", "engine.checkpoint_every", ["at least 1s"]),
        ("[stream]\ngap = true", "stream.gap", ["not a duration"]),
        ("[learner]\nembedding_dim = 'big'", 'learner.embedding_dim = "big"', ["a whole number"]),
        ("[learner]\nembedding_dim = 0", "learner.embedding_dim = 0", ["greater than 0"]),
        ("[learner]\nhidden = [64, 'a']", 'learner.hidden.1 = "a"', ["a whole number"]),
        ("[learner]\nhidden = 64", "learner.hidden = 64", ["a list"]),
        ("[learner]\nlearning_rate = []", "learner.learning_rate = []", ["a number"]),
        ("[evaluation]\nconfidence = 2", "evaluation.confidence = 2", ["less than 1"]),
        ("[evaluation]\nbaseline = 'fnv'", "evaluation.baseline", ["allowed: fnw, es-dfm", "mean 'fnw'?"]),
        ("[output]\nsamples = 'perhaps'", "output.samples", ["true or false"]),
        ("engine = 3", "engine = 3", ["a table"]),
        ("[[method]]\nname = 'x'", "method.x.method", ["is missing", "text"]),
        ("[[method]]\nmethod = 'fnw'\nname = 'a b'", "method.a b.name", ["letters, digits"]),
        ("[[method]]\nmethod = 'fnw'\npolicy = 3", "method.2.policy = 3", ["text or a table"]),
        ("[[method]]\nmethod = 'fnw'", "method.2", ["'fnw'", "name = ..."]),
        ("[[method]]\nmethod = 'fnc'\npolicy = {a = inf}", "method.fnc.policy.a = inf", ["finite number"]),
        ("[[method]]\nmethod = 'fnc'\npolicy = {a = 2026-01-01}", "policy.a = 2026-01-01", ["text"]),
        ("[data]\npath = 'x'", "", ["exactly one of [data] and [world]"]),
    ],
)  # fmt: skip
def test_each_fault_says_where_and_what_is_allowed(write, added, key, said):
    text = f"{added}\n{BASE}" if added.startswith("engine") else f"{BASE}\n{added}\n"
    path = write(text)
    (fault,) = faults(path)
    assert fault.startswith(f"{path}: ")
    assert key in fault.replace('"a b"', "a b")
    assert all(part in fault for part in said), fault
    assert not any(word in fault for word in ("pydantic", "Input should", "Value error", "https", "dict["))


def test_a_file_of_methods_alone_is_told_of_extends(write):
    (fault,) = faults(write("[[method]]\nmethod = 'fnw'"))
    assert 'or extends = "OTHER.toml", which has one' in fault


def test_unknown_literal_offers_the_nearest(write):
    path = write("[data]\npath = 'x'\non_bad_row = 'fial'\n[[method]]\nmethod = 'fnw'")
    (fault,) = faults(path)
    assert "data.on_bad_row" in fault
    assert "'quarantine' or 'fail'" in fault
    assert "Did you mean 'fail'?" in fault


def test_all_faults_at_once_rules_between_keys_included(write):
    """A rule of a whole table is checked although single keys elsewhere are wrong."""
    path = write(
        BASE.replace('observation = "1h"', 'observation = "2d"')
        + "[stream]\nsegment = 1\nx = 2\n[data]\npath = 'x'\n[learner]\nhidden = [0, 'b']\n"
    )
    found = faults(path, "seed=-1", "nonsense.a=1", "method.fnv.name=a")
    text = "\n".join(found)
    for part in (
        "must not be longer than attribution", "stream.segment", "stream.x", "[data] and [world]",
        "learner.hidden.0", "learner.hidden.1", "seed = -1", "nonsense", "no item 'fnv'",
    ):  # fmt: skip
        assert part in text, part
    assert len(found) == 9


def test_a_fault_does_not_draw_others_behind_it(write):
    """Whoever misspells [world] is told so, and not that there is no world."""
    path = write(BASE.replace("[world]", "[wrold]"))
    (fault,) = faults(path)
    assert "wrold: unknown table" in fault
    assert "Did you mean 'world'?" in fault
    (fault,) = faults(write(BASE.replace('attribution = "1d"', 'attribution = "x"').replace('"1h"', '"5d"')))
    assert "windows.attribution" in fault


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a = \n", ":1:5: ", "not valid TOML"),
        ("[world]\ndays = 7\ndays = 8\n", ":3:", "written twice"),
        ("x = [1,", ": ", "not valid TOML"),
    ],
)
def test_syntax_errors_say_line_and_column(write, text, place, said):
    path = write(text)
    (fault,) = faults(path)
    assert fault.startswith(f"{path}{place}")
    assert said in fault


def test_unreadable_files(tmp_path, write):
    assert "no such file" in faults(tmp_path / "x.toml")[0]
    write(BASE, "double11.toml")
    assert "Did you mean" in faults(tmp_path / "duoble11.toml")[0]
    assert "cannot be read" in faults(tmp_path)[0]
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in faults(tmp_path / "b.toml")[0]


def test_extends_merges_tables_and_replaces_arrays(write):
    write(BASE, "base.toml")
    write('extends = "base.toml"\n[windows]\nobservation = "2h"\n[learner]\nhidden = [8]', "middle.toml")
    path = write('extends = "middle.toml"\n[[method]]\nmethod = "fnc"\n', "top.toml")
    loaded = load_scenario(path, seed=3, out="elsewhere")
    assert loaded.scenario.windows.attribution == DAY
    assert loaded.scenario.windows.observation == 2 * HOUR
    assert [m.method for m in loaded.scenario.method] == ["fnc"]
    assert loaded.scenario.name == "top"
    origin = {key: Path(value).name for key, value in loaded.origins.items()}
    assert origin["windows.attribution"] == "base.toml"
    assert origin["windows.observation"] == "middle.toml"
    assert origin["learner.hidden"] == "middle.toml"
    assert origin["method.0.method"] == "top.toml"
    assert origin["windows.refund"] == "default"
    assert origin["seed"] == "--seed"
    assert origin["output.dir"] == "--out"


def test_a_fault_names_the_file_that_wrote_the_key(write):
    base = write(BASE.replace('"1h"', '"1x"'), "base.toml")
    path = write('extends = "base.toml"\n[stream]\nhistory = 1', "top.toml")
    found = faults(path, "learner.batch_size=0")
    assert {f.split(": ")[0]: f.split(": ")[1].split(" ")[0] for f in found} == {
        str(base): "windows.observation",
        str(path): "stream.history",
        "--set": "learner.batch_size",
    }


def test_a_rule_between_keys_names_the_file_that_broke_it(write):
    base = write(BASE, "base.toml")
    path = write('extends = "base.toml"\n[windows]\nobservation = "9d"', "top.toml")
    (found,) = faults(path)
    assert found.startswith(f"{path}: windows: observation (9d) must not be longer than attribution (")
    (found,) = faults(base, "windows.observation=9d")
    assert found.startswith("--set: windows: observation (9d)")


def test_extends_in_a_circle_names_the_chain(write):
    write('extends = "b.toml"', "a.toml")
    write('extends = "c.toml"', "b.toml")
    path = write('extends = "a.toml"', "c.toml")
    (fault,) = faults(path)
    names = [Path(part).name for part in fault.split("circle: ")[1].split(" -> ")]
    assert names == ["c.toml", "a.toml", "b.toml", "c.toml"]


@pytest.mark.parametrize(("value", "said"), [("3", "must be the path"), ('"x.toml"', "no such file")])
def test_wrong_extends(write, value, said):
    path = write(f"extends = {value}")
    (fault,) = faults(path)
    assert said in fault
    assert str(path) in fault


def test_a_file_name_that_is_no_name_still_names_the_run(write):
    assert load_scenario(write(BASE, "my scenario.toml")).scenario.name == "my-scenario"


TABLES = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
LAYERS = st.lists(st.dictionaries(st.sampled_from("abcd"), TABLES, max_size=3), max_size=4)


def merged(base, top):
    """Merge two values by definition."""
    if isinstance(base, dict) and isinstance(top, dict):
        return {
            k: merged(base[k], top[k]) if k in base and k in top else {**base, **top}[k]
            for k in {**base, **top}
        }
    return top


@given(LAYERS)
def test_merging_is_its_definition_and_origins_are_the_last_writers(tables):
    layers, expected = Layers(), {}
    for i, table in enumerate(tables):
        layers.merge(table, str(i))
        expected = merged(expected, table)
    assert layers.data == expected
    for key, origin in layers.origins.items():
        value, written = layers.data, tables[int(origin)]
        for part in key:
            value, written = value[part], written[part]
        assert value == written or value == {}
        assert not isinstance(value, dict) or not value
