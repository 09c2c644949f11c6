"""Everything that listens to a run: evaluation, costs, dumped samples, progress."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from simulator.evaluation.costs import CostMeter
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.meters import Section, sections_of
from simulator.evaluation.selection import Selection
from simulator.evaluation.task import TASKS
from simulator.exposures import CARRIED
from simulator.learning import Predictions
from simulator.log.schema import Float64, Int64, Labels
from simulator.pipeline.shown import Final
from simulator.policies import Policy
from simulator.report.progress import Progress
from simulator.samples import Samples
from simulator.samples_file import SamplesFile


class Recorder:
    """The audience of a pipeline.

    Parameters
    ----------
    policies : by key; costs are measured once per policy.
    policy_of : the policy key of each method.
    samples_dir : where to write what each learner was fed, or None.
    shown : the ledger of the stream's impressions, where they are judged.
    listening : methods that are fed impressions as well.
    selection : who judges predictions also on what each method won, where there are auctions.
    """

    def __init__(
        self,
        ledger: Ledger,
        policies: Mapping[str, Policy],
        policy_of: Mapping[str, str],
        progress: Progress,
        samples_dir: Path | None = None,
        shown: Ledger | None = None,
        listening: Collection[str] = (),
        selection: Selection | None = None,
    ) -> None:
        self._selection = selection
        self._ledger, self._progress, self._shown = ledger, progress, shown
        self.costs = {policy: CostMeter(ledger.grid.calendar.clock) for policy in policies}
        self._policy_of = dict(policy_of)
        self._meters = {key: list(policy.meters(ledger.grid)) for key, policy in policies.items()}
        self._dumps = {
            name: SamplesFile(
                samples_dir / f"{name}.parquet",
                {**policies[policy].carries, **(CARRIED if name in listening else {})},
            )
            for name, policy in policy_of.items()
            if samples_dir is not None
        }

    def serve(self, row: int, click_id: Int64, time: Int64) -> None:
        """Enter served clicks."""
        self._ledger.serve(row, click_id, time)
        if self._selection is not None:
            self._selection.serve(row, click_id, time)

    def predict(self, method: str, row: int, predictions: Predictions) -> None:
        """Enter predictions (called from the methods' threads)."""
        if method in self._ledger.methods:  # one that serves nothing of clicks is judged on impressions alone
            read = _read(self._ledger.methods[method], predictions)
            self._ledger.predict(method, row, read)
            if self._selection is not None:
                self._selection.predict(method, row, read)

    def delivered(self, policy: str, samples: Samples) -> None:
        """Count what a policy delivered."""
        self.costs[policy].delivered(samples)
        for meter in self._meters[policy]:
            meter.delivered(samples)

    def fed(self, method: str, samples: Samples) -> None:
        """Write down what a learner was fed."""
        if self._dumps:
            self._dumps[method].write(samples)

    def finalise(self, row: int, labels: Labels, truth: Mapping[str, Float64] | None) -> None:
        """Enter final labels, and show the cells that they complete."""
        for meter in self.costs.values():
            meter.finalise(row, labels)
        if self._selection is not None:
            self._selection.finalise(row, labels, truth)
        self._progress.cell(self._ledger.finalise(row, labels, truth))

    def show(self, place: int, impression_id: Int64, time: Int64) -> None:
        """Enter shown impressions."""
        if self._shown is not None:
            self._shown.serve(place, impression_id, time)

    def predict_shown(self, method: str, place: int, predictions: Predictions) -> None:
        """Enter predictions of impressions: each task that is judged on them reads one that is served."""
        if self._shown is not None:
            self._shown.predict(method, place, _read(self._shown.methods[method], predictions))

    def finalise_shown(self, final: Final) -> None:
        """Enter final labels of impressions."""
        if self._shown is not None:
            self._shown.finalise(final.place, final.labels, final.truth)

    def advance(self, time: int, items: int) -> None:
        """Move the progress view on."""
        self._progress.advance(time, items)

    def measured(self, policy: str) -> dict[str, Any]:
        """Return the costs of a policy, with what its own meters found."""
        found = {meter.name: meter.summary() for meter in self._meters[policy]}
        own = {name: summary for name, summary in found.items() if summary is not None}
        return {**self.costs[policy].summary(), **own}

    def sections(self) -> list[Section]:
        """Return what the report shows of the policies' own meters."""
        return sections_of({method: self._meters[policy] for method, policy in self._policy_of.items()})

    @property
    def dumps(self) -> bool:
        """Whether what learners are fed is written down."""
        return bool(self._dumps)

    def close(self) -> None:
        """Close the files."""
        for dump in self._dumps.values():
            dump.close()


def _read(tasks: Iterable[str], predictions: Predictions) -> Predictions:
    """Return what each task judges: the prediction of its name, or the one that it reads."""
    return {task: predictions[TASKS[task].reads or task] for task in tasks}
