"""Sources that are not what they claim to be: one clear message, and nothing left behind."""

import gzip

import pytest

from simulator.errors import LogError
from simulator.log.formats import format_names
from simulator.log.importers import IMPORTERS

from .importing import RETAIL, RETAILROCKET, import_log

GOOD = f"{RETAILROCKET}\n1430622000000,1,view,2,\n"


def refused(tmp_path, content, message, *, name="events.csv", form="retailrocket", **options):
    source = tmp_path / name
    if content is not None:
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(tmp_path.iterdir())
    with pytest.raises(LogError, match=message) as caught:
        import_log(form, source, tmp_path / "log", **options)
    assert sorted(tmp_path.iterdir()) == before
    return str(caught.value)


def test_the_formats():
    assert sorted(IMPORTERS) == ["ali-ccp", "ali-express", "cascade", "criteo", "online-retail", "trace"]
    assert {"retailrocket", "taobao"} <= set(format_names())
    assert not set(IMPORTERS) & set(format_names())
    assert all(importer.description for importer in IMPORTERS.values())


def test_unknown_format(tmp_path):
    refused(
        tmp_path, GOOD, "unknown log format 'retailrockt'.*Did you mean 'retailrocket'", form="retailrockt"
    )


def test_no_file_or_no_rows(tmp_path):
    refused(tmp_path, None, "no such file")
    refused(tmp_path, "", "is empty")
    refused(tmp_path, "\n\n", "is empty")
    refused(tmp_path, f"{RETAILROCKET}\n", "has no row that can be read")
    refused(tmp_path, gzip.compress(b""), "is empty", name="e.csv.gz")
    (tmp_path / "folder").mkdir()
    refused(tmp_path, None, "is a directory", name="folder", form="online-retail")
    refused(tmp_path, None, "the folder holds no data file", name="folder")


def test_names_that_lie(tmp_path):
    refused(tmp_path, GOOD, r"is named \.gz but is not gzip", name="events.csv.gz")
    refused(tmp_path, b"PK\x03\x04rest", "zip archive", name="events.csv")
    text = (GOOD + "".join(f"1430622000000,{i * i},view,{i**3},\n" for i in range(50_000))).encode()
    refused(tmp_path, gzip.compress(text)[:-9000], "cannot be read", name="cut.csv.gz")
    refused(tmp_path, gzip.compress(text)[:5], "cannot be read", name="cut.csv.gz")


def test_gzip_is_known_by_its_content(tmp_path):
    (tmp_path / "events.csv").write_bytes(gzip.compress(GOOD.encode()))
    assert import_log("retailrocket", tmp_path / "events.csv", tmp_path / "log").clicks == 1


def test_another_format_than_was_said(tmp_path):
    refused(
        tmp_path, GOOD, "its first line is 'timestamp,visitorid.*expected 'InvoiceNo", form="online-retail"
    )
    refused(tmp_path, f"{RETAIL}\n", "its first line has 8 columns; .*names 5", form="taobao")
    refused(tmp_path, GOOD.replace("visitorid", "visitor"), "has no such column.*Did you mean 'visitor'")
    refused(tmp_path, bytes(range(256)) * 20, "column 2 has no name in the first line")


def test_only_bad_rows(tmp_path):
    refused(
        tmp_path,
        f"{RETAILROCKET}\nx,y,z,w,v\n",
        "holds text such as 'x' there, but time_unit = 'ms' needs a number",
    )
    refused(tmp_path, f"{RETAILROCKET}\nx,y\n", "has no row that can be read")
    refused(tmp_path, "1,2,3,pv,0\n", "time outside the span", form="taobao")
    bad = f"{RETAIL}\n1,A,CUP,-1,2011-01-03 09:00:00,1,7,France\n"
    refused(tmp_path, bad, "no click is left", form="online-retail")


def test_on_bad_row_fail(tmp_path):
    text = refused(tmp_path, GOOD + "x,1,view,2,\n", "1 bad row,", on_bad_row="fail")
    assert "null or unreadable value in a required column (timestamp): 1, such as" in text


def test_windows_must_be_positive(tmp_path):
    refused(tmp_path, GOOD, "longer than 0s", attribution=0)


def test_an_existing_log_is_kept(tmp_path):
    (tmp_path / "events.csv").write_text(GOOD)
    import_log("retailrocket", tmp_path / "events.csv", tmp_path / "log")
    refused(tmp_path, GOOD, "exists already")
    import_log("retailrocket", tmp_path / "events.csv", tmp_path / "log", replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.csv", "log"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "events.csv").write_text(GOOD)
    with pytest.raises(LogError, match="cannot be written"):
        import_log("retailrocket", tmp_path / "events.csv", tmp_path / "file" / "log")


def test_bom_and_windows_line_ends(tmp_path):
    (tmp_path / "events.csv").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    meta = import_log("retailrocket", tmp_path / "events.csv", tmp_path / "log")
    assert (meta.clicks, meta.quarantined) == (1, 0)


def test_only_a_log_is_replaced(tmp_path):
    (tmp_path / "events.csv").write_text(GOOD)
    home = tmp_path / "home"
    home.mkdir()
    (home / "letters.txt").write_text("dear")
    with pytest.raises(LogError, match=r"home: exists already.*--replace"):
        import_log("retailrocket", tmp_path / "events.csv", home)
    with pytest.raises(LogError, match="something else than a log"):
        import_log("retailrocket", tmp_path / "events.csv", home, replace=True)
    assert (home / "letters.txt").read_text() == "dear"
    for _ in range(2):
        assert import_log("retailrocket", tmp_path / "events.csv", tmp_path / "log", replace=True).clicks == 1
    (tmp_path / "log" / "meta.toml").unlink()  # a damaged log is still nothing but a log
    assert import_log("retailrocket", tmp_path / "events.csv", tmp_path / "log", replace=True).clicks == 1


def test_bad_sources_are_named_with_what_is_wrong_in_them(tmp_path):
    told = refused(
        tmp_path, f"{RETAILROCKET}\nx,1,view,2,\nx,2,view,2,\n1430622000000,1,transaction,2,\n", "no click"
    )
    assert str(tmp_path / "events.csv") in told
    assert "2: null or unreadable value in a required column (timestamp)" in told
    told = refused(tmp_path, f"{GOOD}x,1,view,2,\n", "on_bad_row is 'fail'", on_bad_row="fail")
    assert told.startswith(f"{tmp_path / 'events.csv'}: 1 bad row,")
