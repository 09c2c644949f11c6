"""The truth of a synthetic world in the place of estimates."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from learners.auxiliary.base import AUXILIARIES, Estimator
from learners.auxiliary.windows import TwoWindows
from learners.heads import SMALLEST
from simulator.errors import ScenarioError
from simulator.log.reader import Log
from simulator.log.schema import Float64, Int64
from simulator.log.without import LogWithout
from simulator.pieces import RowQueue
from simulator.samples import Samples
from simulator.units import format_duration, parse_duration
from simulator.worlds.observed import lacks_observed, with_observed

if TYPE_CHECKING:
    from learners.history import History
    from learners.materials import Materials
    from simulator.learning import Clicks
    from simulator.scenario.model import Scenario

Truth = Mapping[str, Float64]


def _over(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


Estimates = Mapping[str, tuple[tuple[str, ...], Callable[[Truth], Float64]]]
ESTIMATES: Estimates = {
    "p_dp": (("p_pay", "p_pay_observed"), lambda t: t["p_pay"] - t["p_pay_observed"]),
    "p_rn": (("p_pay", "p_pay_observed"), lambda t: _over(1 - t["p_pay"], 1 - t["p_pay_observed"])),
    "late_pay": (("p_pay", "p_pay_observed"), lambda t: 1 - _over(t["p_pay_observed"], t["p_pay"])),
    "late_refund": (
        ("p_refund", "p_refund_observed"),
        lambda t: 1 - _over(t["p_refund_observed"], t["p_refund"]),
    ),
    "q_pay": (("p_pay",), lambda t: t["p_pay"]),
    "inw_pay": (("p_pay_observed",), lambda t: t["p_pay_observed"]),
    "tn_pay": (("p_pay", "p_pay_observed"), lambda t: _over(1 - t["p_pay"], 1 - t["p_pay_observed"])),
    "q_refund": (("p_refund",), lambda t: t["p_refund"]),
    "inw_refund": (("p_refund_observed",), lambda t: t["p_refund_observed"]),
    "tn_refund": (
        ("p_refund", "p_refund_observed"),
        lambda t: _over(1 - t["p_refund"], 1 - t["p_refund_observed"]),
    ),
}
"""Per estimate the columns of the truth that it needs, and how it follows from them."""


@AUXILIARIES.register("oracle")
class Oracle(TwoWindows):
    """Exact probabilities of each click from the world that made it, hidden intent and promotions to come included.

    ``p_dp`` = P(pays after the observation window), ``p_rn`` = P(never pays | no pay inside it); ``late_pay`` and
    ``late_refund`` as in the auxiliary ``late``, the rest as in ``tesla-frozen``. The truth knows the scenario's observation
    window alone (of the click, and the same of the pay), so a policy with another one cannot be served.
    """

    peeks = True
    estimates = tuple(ESTIMATES)

    def misfit(self, scenario: Scenario) -> str:
        if scenario.world is None:
            return ""  # a log that is only named here may be a world's: `prepare` looks
        return self._other_window(scenario.windows.observation)

    def _other_window(self, known: int) -> str:
        asked = {"window": self.window, "refund_window": self.refund_window}
        for name, window in asked.items():
            if window is not None and window != known:
                return (
                    f'auxiliary "oracle" is asked about a {name} of {format_duration(window)}, but the truth of the '
                    f"world knows its observation window of {format_duration(known)} only; allowed: a policy with "
                    f'that {name}, or [windows] observation = "{format_duration(window)}"'
                )
        return ""

    def prepare(self, materials: Materials) -> Estimator:
        """Look into the log.

        Raises
        ------
        ScenarioError : the log has no truth, or one for other windows than the scenario's.
        """
        history = materials.history
        whole = history.log.whole if isinstance(history.log, LogWithout) else history.log
        if isinstance(whole, Log) and lacks_observed(whole.meta):
            log = with_observed(whole, materials.observation, materials.cache)
            history = replace(history, log=log)
        columns = {column for columns, _ in ESTIMATES.values() for column in columns}
        if missing := sorted(columns - set(history.log.meta.truth)):
            raise ScenarioError(
                f'auxiliary "oracle" needs {", ".join(missing)} of the truth, which the log {history.log.meta.name!r} does '
                "not have; only the log of a generated world ([world]) has one"
            )
        if fault := self._misfit_of_log(history):
            raise ScenarioError(fault)
        return TrueEstimates(history, ESTIMATES)

    def _misfit_of_log(self, history: History) -> str:
        made = history.log.meta.provenance.get("windows")
        if not isinstance(made, Mapping):
            return ""
        asked = {"attribution": history.windows.attribution, "refund": history.windows.refund}
        for name, window in asked.items():
            known = format_duration(parse_duration(str(made[name])))
            if known != format_duration(window):
                return (
                    f'auxiliary "oracle": the truth of the log {history.log.meta.name!r} is for [windows] {name} = "{known}", '
                    f'not "{format_duration(window)}"'
                )
        return self._other_window(parse_duration(str(made["observation"])))


class TrueEstimates(Estimator):
    """Reads the truth along with the stream, and keeps the rows of open journeys.

    Parameters
    ----------
    estimates : per estimate the columns of the truth that it needs, and how it follows from them.
    since : from when on rows are asked for; by default from the first question on.
    """

    def __init__(self, history: History, estimates: Estimates, since: int | None = None) -> None:
        self._log, self._lifetime = history.log, history.windows.lifetime
        self._estimates = estimates
        self._held: RowQueue | None = None if since is None else RowQueue("truth", self._read(since))
        self._marks: deque[tuple[int, int]] = deque()
        """Click times that were asked about, and their rows, ascending: what they make forgettable later."""

    def of_samples(self, samples: Samples) -> Mapping[str, Float64]:
        return self._of(samples.row, samples.click_time, int(samples.event_time.min()))

    def of_clicks(self, clicks: Clicks) -> Mapping[str, Float64]:
        return self._of(clicks.row, clicks.time, int(clicks.time.min()))

    def _of(self, row: Int64, time: Int64, now: int) -> dict[str, Float64]:
        """Return the truth of rows. Before more is read that of clicks whose lifetime is over is forgotten: the stream will
        not ask for it any more, and whoever goes over the same clicks again reads nothing new.
        """
        oldest = max(0, now - self._lifetime)
        if self._held is None:
            self._held = RowQueue("truth", self._read(oldest))
        newest = int(np.argmax(row))
        reads_on = self._held.stop is None or row[newest] >= self._held.stop
        while reads_on and self._marks and self._marks[0][0] < oldest:
            self._held.drop(self._marks.popleft()[1])
        if not self._marks or self._marks[-1][1] < row[newest]:
            self._marks.append((int(time[newest]), int(row[newest])))
        return self._held.of(row)

    def _read(self, start: int) -> Iterator[tuple[int, dict[str, Float64]]]:
        for row, truth in self._log.truth(start):
            yield (
                row,
                {
                    name: np.clip(of(truth), SMALLEST, 1 - SMALLEST)
                    for name, (_, of) in self._estimates.items()
                },
            )
