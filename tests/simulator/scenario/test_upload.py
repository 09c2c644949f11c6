"""`[stream] upload` and the windows it needs: what is read, and what is refused with which words."""

import numpy as np
import pytest

from simulator.errors import ScenarioError
from simulator.log.upload import Batches, Lags
from simulator.scenario.load import load_scenario
from simulator.units import DAY, HOUR
from simulator.windows import Windows
from tests.simulator.scenario.test_load import BASE

LATE = "windows.lateness=1d"


@pytest.fixture
def load(tmp_path):
    def load(*overrides):
        path = tmp_path / "s.toml"
        path.write_text(BASE)
        return load_scenario(path, [*overrides]).scenario

    return load


@pytest.mark.parametrize(
    ("written", "upload"),
    [
        ("1d", Batches(DAY)),
        ('{ every = "6h", at = "2h" }', Batches(6 * HOUR, 2 * HOUR)),
        ('{ kind = "exponential", mean = "6h" }', Lags("exponential", 6 * HOUR, 0.0, DAY, 3)),
        (
            '{ kind = "lognormal", median = "2h", sigma = 0.5, longest = "20h" }',
            Lags("lognormal", 2 * HOUR, 0.5, 20 * HOUR, 3),
        ),
    ],
)
def test_uploads(load, written, upload):
    assert load(LATE, f"stream.upload={written}").stream.upload.upload(3) == upload
    assert load("stream.upload=none").stream.upload is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2d", r"windows\.lateness \(1d\) is shorter than what an upload can take \(2d\).*lateness = \"2d\""),
        ('{ every = "6h", at = "6h" }', r"at \(6h\) must be shorter than every"),
        ('{ kind = "exponential", median = "6h" }', "takes no median; allowed: longest, mean"),
        ('{ kind = "lognormal", sigma = 2.0 }', "needs median"),
        ('{ kind = "lognormal", median = "3d" }', r"median \(3d\) must not be longer than the longest lag"),
        ('{ evry = "6h" }', "Did you mean 'every'"),
        ("soon", "'soon' is not a duration"),
    ],
)
def test_wrong_uploads(load, written, said):
    with pytest.raises(ScenarioError, match=said):
        load(LATE, f"stream.upload={written}")


def test_lags_are_those_of_their_distribution_and_depend_on_the_event_alone():
    ids, time = np.arange(200_000), np.full(200_000, 5 * DAY)
    for upload, quantile in (
        (Lags("exponential", HOUR, 0, DAY, 0), -np.log(1 - np.array([0.1, 0.5, 0.9]))),
        (Lags("lognormal", HOUR, 0.7, DAY, 0), np.exp(0.7 * np.array([-1.2816, 0, 1.2816]))),
    ):
        lag = upload.arrivals(time, ids) - time
        np.testing.assert_allclose(np.quantile(lag / HOUR, [0.1, 0.5, 0.9]), quantile, rtol=0.02)
        assert lag.min() >= 0
        assert lag.max() <= DAY
        np.testing.assert_array_equal(upload.arrivals(time[:7], ids[7:0:-1]), (time + lag)[7:0:-1])
    assert not np.array_equal(Lags("exponential", HOUR, 0, DAY, 1).arrivals(time, ids), time + lag)


def test_batches_come_at_the_next_multiple():
    upload = Batches(DAY, 3 * HOUR)
    time = np.array([0, 3 * HOUR, 3 * HOUR + 1, DAY, 2 * DAY + 5])
    assert upload.arrivals(time, time).tolist() == [
        3 * HOUR,
        3 * HOUR,
        DAY + 3 * HOUR,
        DAY + 3 * HOUR,
        2 * DAY + 3 * HOUR,
    ]


def test_windows_block(load):
    scenario = load("windows.lateness=6h", "windows.edges=exclusive")
    assert scenario.windows.windows() == Windows(
        scenario.windows.attribution, scenario.windows.refund, 6 * HOUR, "exclusive"
    )
    with pytest.raises(ScenarioError, match="'inclusive' or 'exclusive'"):
        load("windows.edges=open")
