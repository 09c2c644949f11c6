"""The stream's impressions: predicted by the model published before, judged by labels that are final."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from simulator.engine import Engine
from simulator.log.schema import ImpressionLabels
from simulator.pieces import RowQueue
from simulator.pipeline import MethodRun, Pipeline, Stream
from simulator.pipeline.shown import ShownImpressions, judged
from simulator.policies import policy_from
from simulator.policies.base import Heard
from simulator.samples import Samples
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.doubles import Diary, Guestbook
from tests.simulator.shown import Told, known, told_log

WINDOWS = Windows(6 * HOUR, 2 * HOUR, click=HOUR)
START, END, SEGMENT = DAY, 3 * DAY, 6 * HOUR


def run(listens: Heard | Literal[""], *, tick: int = HOUR) -> tuple[Told, Guestbook, Diary]:
    log = told_log(11, WINDOWS, clicks=600, days=5)
    diary, audience = Diary(), Guestbook()
    method = MethodRun(
        "m",
        "p",
        diary,
        50,
        SEGMENT,
        listens=listens,
        judged_on_impressions=True,  # type: ignore[arg-type]
    )
    engine = {"exposures": bool(listens), "in_slice": listens == "slice"}
    pipeline = Pipeline(
        lambda advisors: Engine(
            log, WINDOWS, {"p": policy_from("never", {})},
            start=START - DAY, stream_start=START, features=True, advisors=advisors, **engine,
        ),
        [method],
        Stream(START, END, SEGMENT, tick, 8 * DAY),
        audience,
        shown=ShownImpressions(log, WINDOWS, START, END),
        potential=log.exposure(START - WINDOWS.click) if listens == "potential" else None,
    )  # fmt: skip
    pipeline.run()
    return log, audience, diary


def test_every_impression_of_the_stream_is_shown_predicted_and_judged_once() -> None:
    log, audience, _ = run("impressions")
    shown = log.impression
    assert shown is not None
    inside = np.flatnonzero((shown.time >= START) & (shown.time < END) & (shown.coin < 0))
    assert sum(len(time) for _, time in audience.shown) == len(inside)
    assert sum(len(values) for _, values in audience.foreseen["m"]) == len(inside)
    for told in (audience.shown, audience.foreseen["m"]):
        assert [place for place, _ in told] == np.cumsum([0, *(len(rest) for _, rest in told[:-1])]).tolist()
    places = [final.place for final in audience.exposed]
    lengths = [len(final.labels) for final in audience.exposed]
    assert places == np.cumsum([0, *lengths[:-1]]).tolist()
    assert sum(lengths) == len(inside)
    expected = [labels for _, labels in log.exposed(WINDOWS, START, END)]
    whole = ImpressionLabels.concatenate(expected)
    for name in ("clicked", "converted", "gmv", "first_pay"):
        found = np.concatenate([getattr(final.labels, name) for final in audience.exposed])
        np.testing.assert_array_equal(found, getattr(whole, name))
    would_pay = np.concatenate([final.labels.would_pay for final in audience.exposed])
    np.testing.assert_array_equal(would_pay, inside % 3 == 0)
    q = np.concatenate([final.truth["q"] for final in audience.exposed])
    np.testing.assert_array_equal(q, inside / 1e6)


def test_a_label_is_handed_out_when_it_is_final_and_the_truth_of_it_is_forgotten() -> None:
    log = told_log(11, WINDOWS, clicks=100, days=5)
    assert log.impression is not None
    time = log.impression.time[log.impression.coin < 0]
    stream = ShownImpressions(log, WINDOWS, START, END)
    first = int(time[time >= START][0])
    due = first + WINDOWS.click + WINDOWS.lifetime
    assert not list(stream.final(due))
    assert sum(len(final.labels) for final in stream.final(due + 1)) == np.sum(time == first)

    truth = RowQueue("exposure", log.exposure())
    (_, labels) = next(iter(log.exposed(WINDOWS)))
    assert judged(4, np.array([2]), labels[:1], truth).truth["q"] == 2 / 1e6
    assert judged(5, np.array([4, 6, 8]), labels[:3], truth).place == 5
    assert truth.start == 8


def test_a_segments_impressions_are_predicted_before_anything_is_learnt_of_it() -> None:
    _, audience, _ = run("impressions")
    fed = np.cumsum([0, *(len(samples) for samples in audience.meals["m"])])
    for n, (_, predicted) in enumerate(audience.foreseen["m"]):
        assert set(predicted) == {float(fed[n])}


@pytest.mark.parametrize("tick", [HOUR, 6 * HOUR])
@pytest.mark.parametrize("listens", ["impressions", "slice", "potential"])
def test_a_learner_is_fed_what_it_listens_to(listens: Heard, tick: int) -> None:
    log, audience, _ = run(listens, tick=tick)
    fed = Samples.concatenate(audience.meals["m"])
    told = [
        (int(time), int(place), role, clicked, converted)
        for time, place, role, clicked, converted in zip(
            fed.visible_time, fed.column("impression"), fed.role_names,
            np.nan_to_num(fed.column("clicked"), nan=-9.0), np.nan_to_num(fed.converted, nan=-9.0), strict=True,
        )
    ]  # fmt: skip
    expected = known(log, WINDOWS, START, END)
    if listens != "slice":
        expected = [entry for entry in expected if entry[2] != "slice"]
    if listens == "potential":
        expected = [
            (*entry[:4], float(entry[1] % 3 == 0)) if entry[2] == "impression" else entry
            for entry in expected
        ]
    assert sorted(told) == expected


def test_who_does_not_listen_is_fed_nothing_of_impressions() -> None:
    _, audience, _ = run("")
    assert "m" not in audience.meals
