"""A world of a format's preset goes out whole, and comes back with the clicks, events and labels that it had."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from simulator.errors import UsageError
from simulator.log.exporters import Asked, export_log
from simulator.log.exporters.placement import as_one, place
from simulator.log.importers import cascade, criteo, import_log, trace
from simulator.log.reader import Log
from simulator.units import DAY, MINUTE, SECOND
from simulator.windows import Windows
from simulator.worlds.generate import generate
from simulator.worlds.settings import WorldSettings

from .research import journeys, ranks, seconds

FORMATS = {
    "cascade": ("cascade", Windows(3 * DAY, 3 * DAY), cascade.RECORDED),
    "trace": ("trace", Windows(7 * DAY, 0), trace.WINDOW),
    "criteo": ("blend", Windows(3 * DAY, 0), criteo.RECORDED),
}


def there_and_back(form, folder, seed, days=4):
    preset, windows, _ = FORMATS[form]
    world = WorldSettings(preset=preset, days=days, clicks_per_day=400, users=300, items=200)
    generate(world, windows, 15 * MINUTE, seed, folder / "world")
    exported = export_log(folder / "world", folder / "file.txt", form, Asked())
    meta = import_log(form, exported.path, folder / "back")
    assert meta.quarantined == 0
    return Log.open(folder / "world"), Log.open(folder / "back"), exported


def terms(said):
    """Read a formula such as ``a + 4 * b``."""
    for term in said.split(" + "):
        weight, _, name = term.rpartition(" * ")
        yield int(weight or 1), name


def expected_features(log, exported, rows):
    """Yield each column with the features it says it holds, and the ids that follow."""
    held = journeys(log)[1]
    for column, said in exported.placed.items():
        value = sum(weight * held[name][rows].astype(np.int64) for weight, name in terms(said))
        yield column, [name for _, name in terms(said)], value


@pytest.mark.parametrize("form", FORMATS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=2, deadline=None)
def test_clicks_events_labels_and_the_end(form, seed):
    _, windows, recorded = FORMATS[form]
    with TemporaryDirectory() as name:
        log, back, exported = there_and_back(form, Path(name), seed)
        time, _, pays, refunds = journeys(log)
        rows = np.array([k for k, p in enumerate(pays) if p or form != "trace"])
        found = journeys(back)
        np.testing.assert_array_equal(found[0], seconds(time)[rows])
        for row, paid, refunded in zip(rows, found[2], found[3], strict=True):
            if form == "trace":
                assert paid == [(seconds(t), a) for t, a in pays[row]]
            else:
                assert paid == [(seconds(t), 1.0) for t, _ in pays[row][:1]]
            assert refunded == [seconds(t) for t in refunds[row][: form == "cascade"]]
        sizes = {feature.name for feature in log.features}
        placed = list(expected_features(log, exported, rows))
        assert {part for _, names, _ in placed for part in names} == sizes  # all went out
        for column, _, value in placed:
            given_ids = found[1][column]
            if form != "criteo":
                np.testing.assert_array_equal(given_ids, value)
            elif column.startswith("c"):
                assert given_ids.tolist() == ranks(value.tolist())
        assert back.meta.observed_until == int(found[0][-1]) + recorded
        labels = back.labelled(windows, 0, back.meta.observed_until + 1, features=False)
        converted = np.concatenate([batch[1].converted for batch in labels])
        delay = [p[0][0] - t if p else np.inf for t, p in zip(found[0], found[2], strict=True)]
        np.testing.assert_array_equal(converted, np.array(delay) <= windows.attribution)
        assert found[0][-1] + windows.lifetime <= back.meta.observed_until  # every label is final


def test_what_was_watched_for_less_than_the_format_says_is_told(tmp_path):
    log, _, exported = there_and_back("cascade", tmp_path, 1)
    (count,) = (n for what, n in exported.left_out.items() if "less than 15d before the end" in what)
    time = journeys(log)[0]
    assert count == int((time + cascade.RECORDED > log.meta.observed_until).sum()) > 0
    asked = Asked(windows=Windows(3 * DAY, 3 * DAY))
    told = export_log(log.path, tmp_path / "again.txt", "cascade", asked).left_out
    assert not any("before the end" in what for what in told)


def test_an_event_far_from_all_others_moves_no_end(tmp_path):
    lines = [f"{k * 3600}\t{k * 3600 + 60}\t-1\t" + "\t".join("0" * 22) for k in range(200)]
    lines += [f"{10**9 - 7}\t-1\t-1\t" + "\t".join("0" * 22)]
    (tmp_path / "file.txt").write_text("\n".join(lines) + "\n")
    meta = import_log("cascade", tmp_path / "file.txt", tmp_path / "log")
    assert meta.observed_until == 199 * 3600 * SECOND + 15 * DAY


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=9),
    capacities=st.lists(st.integers(1, 2000), min_size=1, max_size=6),
)
def test_shared_columns_hold_every_pair_of_ids(sizes, capacities):
    named = {f"x{k}": size for k, size in enumerate(sizes)}
    try:
        placed = place(named, capacities, form="f", preferred={"x0": 0})
    except UsageError:
        reject()
    assert sorted(name for held in placed for name in held) == sorted(named)
    assert len(named) == len(capacities) or "x0" not in placed[0] or len(placed[0]) == 1
    for held, capacity in zip(placed, capacities, strict=True):
        if held:
            ids = dict(
                zip(held, np.indices([named[name] for name in held]).reshape(len(held), -1), strict=True)
            )
            values = sum(weight * ids[name] for weight, name in terms(as_one(held, named)))
            assert len(np.unique(values)) == len(values)
            assert values.max() < capacity
