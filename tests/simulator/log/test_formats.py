"""Known formats: each makes of a small file in its original layout the log that was found by hand."""

import gzip
import json
from pathlib import Path

import pytest

import sim
from simulator.commands.app import start
from simulator.errors import UsageError
from simulator.log.formats import FOLDER, format_names, format_table
from simulator.log.importers import IMPORTERS
from simulator.log.intake.files import find
from simulator.log.intake.imports import import_format
from simulator.log.reader import Log
from simulator.scenario.data import SHAPES, DataBlock

from .importing import clicks, events
from .samples import SAMPLES
from .samples_rows import ROW_SAMPLES

ALL = SAMPLES | ROW_SAMPLES


def write(sample, folder):
    """Write the files of a sample; return what `import` is given."""
    folder.mkdir()
    for name, lines in sample.files.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder if sample.folder else folder / next(iter(sample.files))


def test_every_format_has_a_sample():
    assert set(ALL) == set(format_names())


@pytest.mark.parametrize("name", format_names())
def test_the_log_is_the_one_found_by_hand(tmp_path, name):
    sample = ALL[name]
    meta = import_format(
        name, [write(sample, tmp_path / "in")], tmp_path / "log", opens=sample.opens, most_bad=1
    )
    log = Log.open(tmp_path / "log")
    assert meta.origin.isoformat() == sample.origin
    assert [time / 1e6 for time, _ in clicks(log)] == pytest.approx(sample.clicks)
    found = [(row, kind, time / 1e6, amount) for row, kind, time, amount in events(log)]
    assert [event[:2] for event in found] == [event[:2] for event in sample.events]
    assert [event[2:] for event in found] == [pytest.approx(event[2:]) for event in sample.events]
    assert {(part.kind, part.reason): part.rows for part in meta.aside} == sample.aside
    assert meta.ignored == sample.ignored
    assert meta.provenance["source_rows"] == sample.rows
    assert meta.provenance["made"] == sample.made
    assert meta.read + sum(meta.ignored.values()) == sample.rows + sample.made


@pytest.mark.parametrize("name", format_names())
def test_the_command_line_takes_it(tmp_path, name, capsys):
    source = write(ALL[name], tmp_path / "in")
    words = ["import", name, str(source), "--out", str(tmp_path / "log"), "--most-bad", "1"]
    assert start(sim.app, words) == 0
    told = capsys.readouterr().out
    assert "clicks" in told
    meta = Log.open(tmp_path / "log").meta
    assert (meta.clicks, meta.events) == (len(ALL[name].clicks), len(ALL[name].events))
    assert meta.provenance["format"] == name


def test_the_command_line_lists_them(capsys):
    assert start(sim.app, ["ls", "formats"]) == 0
    told = capsys.readouterr().out
    for name in (*format_names(), *IMPORTERS):
        assert any(line.startswith(f"{name} ") for line in told.splitlines()), name


@pytest.mark.parametrize("name", format_names())
def test_the_file_says_what_it_is_and_stands_in_a_scenario(name):
    table = format_table(name)
    assert set(table) == {"title", "shape", "files", "data"}
    assert table["shape"] in SHAPES
    assert (FOLDER / f"{name}.toml").read_text(encoding="utf-8").startswith("# ")  # what it cannot tell
    data = DataBlock.model_validate({"format": name, table["shape"]: "somewhere"})
    assert data.attribution is not None


def test_a_scenario_may_say_more_than_its_format(tmp_path):
    source = write(ALL["tmall"], tmp_path / "in")
    data = DataBlock.model_validate(
        {"format": "tmall", "touches": str(source), "opens": "favourite", "features": {"brand_id": "hashed"}}
    )
    assert data.columns.year == 2014
    assert data.features["brand_id"].kind == "hashed"
    assert data.features["cat_id"].optional
    for keys, said in (
        ({"format": "tmal", "touches": "x"}, "Did you mean 'tmall'"),
        ({"format": "tmall", "rows": "x"}, "format 'tmall' is of the shape touches"),
    ):
        with pytest.raises(ValueError, match=said):
            DataBlock.model_validate(keys)


def test_tmall_without_clicks_opens_with_favourites(tmp_path):
    lines = [
        "user_id,item_id,time_stamp,action_type",
        "1,45,0603,3",
        "1,45,0605,2",
        "1,45,0611,2",
        "2,45,0601,2",
    ]
    (tmp_path / "fav_buy.csv").write_text("\n".join(lines) + "\n")
    meta = import_format("tmall", [tmp_path / "fav_buy.csv"], tmp_path / "log", opens="favourite")
    log = Log.open(tmp_path / "log")
    assert [(row, kind, time // 86_400_000_000) for row, kind, time, _ in events(log)] == [(0, "pay", 2)]
    assert meta.reasons == {
        "pay: its latest favourite is more than 7d before it": 1,
        "pay: no favourite of the item by this user at or before it": 1,
    }
    assert any("has no cat_id, seller_id, brand_id: left out of the features" in note for note in meta.notes)
    assert [f.name for f in meta.features] == [  # no counts of carts, which are not there
        "user", "item", "user_favourites", "user_pays", "item_favourites", "item_pays",
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"is a view .*it holds 1 favourite, 3 pay"):
        import_format("tmall", [tmp_path / "fav_buy.csv"], tmp_path / "log2")


def test_what_cannot_be(tmp_path):
    source = write(ALL["cdnow"], tmp_path / "in")
    for name, sources, options, said in (
        ("cdnow", [source], {"opens": "cart"}, "has no carts, so a purchase opens the journey"),
        ("criteo-search", [source], {"opens": "cart"}, "has no carts, so a click opens the journey"),
        ("yoochoose", [source], {"opens": "cart"}, "has no carts, so view opens the journey"),
        ("yoochoose", [source], {}, r"the folder holds no data file named \*clicks\*\.dat or \*buys\*\.dat"),
        ("cdnow", [], {}, "needs a source: CDNOW_master.txt"),
        ("cdnow", [source], {"attribution": 0}, "longer than 0s"),
        ("cdnw", [source], {}, "Did you mean 'cdnow'"),
    ):
        with pytest.raises(UsageError, match=said):
            import_format(name, sources, tmp_path / "log", **options)
    assert not (tmp_path / "log").exists()


def test_compressed_files_are_named_alike(tmp_path):
    sample = ALL["yoochoose"]
    folder = write(sample, tmp_path / "in")
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    meta = import_format("yoochoose", [folder], tmp_path / "log", most_bad=1)
    assert (meta.clicks, meta.events) == (len(sample.clicks), len(sample.events))


def test_sessions_are_read_to_their_end(tmp_path):
    """A long list and one of a single entry: every entry is a row."""
    session = {
        "session": 1,
        "events": [{"aid": k, "ts": 1_659_304_800_000 + k, "type": "clicks"} for k in range(500)],
    }
    (tmp_path / "train.jsonl").write_text(
        json.dumps(session) + "\n" + json.dumps(session | {"session": 2}) + "\n"
    )
    assert import_format("otto", [tmp_path / "train.jsonl"], tmp_path / "log").clicks == 1000


@pytest.mark.parametrize("only", ["2019*", "*.CSV", "*.csv.gz", ["2019-oct.*", "none"]])
def test_only_some_files_of_a_folder(tmp_path, only):
    """Patterns meet the name with and without .gz, in any case; files that are named themselves are all meant."""
    lines = "\n".join(ALL["rees46"].files["2019-Oct.csv"][:6]) + "\n"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "2019-Oct.csv.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "in" / "notes.txt").write_text("a,b\n1,2\n")
    data = {"format": "rees46", "touches": str(tmp_path / "in"), "read": {"only": only}}
    table = find("touches", [str(tmp_path / "in")], DataBlock.model_validate(data).read)
    assert [Path(file.path).name for file in table] == ["2019-Oct.csv.gz"]
    named = find("touches", [str(tmp_path / "in" / "notes.txt")], DataBlock.model_validate(data).read)
    assert [file.columns for file in named] == [("a", "b")]


def test_olist_looks_up_through_two_tables(tmp_path):
    """An item finds its customer by way of its order; of two payments of an order the first counts."""
    folder = write(ALL["olist"], tmp_path / "in")
    import_format("olist", [folder], tmp_path / "log", most_bad=1)
    found = [values for _, values in clicks(Log.open(tmp_path / "log"))]
    assert [values["user"] for values in found] == [0, 0, 0, 1]  # customers c1 and c2 are one person
    assert [values["item"] for values in found] == [0, 1, 0, 2]
    assert [values["customer_state"] for values in found] == [1, 1, 1, 0]  # MG, SP
    assert [values["payment_type"] for values in found] == [1, 1, 0, 2]  # boleto, credit card, none
    assert [values["product_category_name"] for values in found] == [1, 0, 1, 2]


@pytest.mark.parametrize("name", ["rees46", "criteo-search"])
def test_missing_values_are_an_id_of_their_own(tmp_path, name):
    import_format(name, [write(ALL[name], tmp_path / "in")], tmp_path / "log", most_bad=1)
    found = [values for _, values in clicks(Log.open(tmp_path / "log"))]
    if name == "rees46":
        assert [values["category_code"] for values in found] == [0, 1, 1]
        assert [values["brand"] for values in found] == [0, 1, 2]
        assert [values["user"] for values in found][:2] == [1, 0]
        assert found[2]["user"] == 2
    else:
        assert {values["product_age_group"] for values in found} == {0}
        assert [values["user"] for values in found] == [0, 0, 4, 1, 2]  # nobody known comes last
