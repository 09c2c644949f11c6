"""Everything that listens to a run: evaluation, costs, dumped samples, progress."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from simulator.evaluation.cells import Grid
from simulator.evaluation.costs import CostMeter
from simulator.evaluation.ledger import Ledger
from simulator.evaluation.push import PushMeter
from simulator.learning import Predictions
from simulator.log.schema import Float64, Int64, Labels
from simulator.policies import Policy
from simulator.report.progress import Progress
from simulator.samples import Samples, schema


class Recorder:
    """The audience of a pipeline.

    Parameters
    ----------
    policies : by key; costs are measured once per policy.
    policy_of : the policy key of each method.
    samples_dir : where to write what each learner was fed, or None.
    grid : the cells in which the beliefs of policies that have any are audited; None: they are not.
    """

    def __init__(
        self,
        ledger: Ledger,
        policies: Mapping[str, Policy],
        policy_of: Mapping[str, str],
        progress: Progress,
        samples_dir: Path | None = None,
        grid: Grid | None = None,
    ) -> None:
        self._ledger, self._progress = ledger, progress
        self.costs = {policy: CostMeter(ledger.grid.calendar.clock) for policy in policies}
        self._pushes = {} if grid is None else {policy: PushMeter(grid) for policy in self.costs}
        self._dumps = {
            name: _Dump(samples_dir / f"{name}.parquet", policies[policy])
            for name, policy in policy_of.items()
            if samples_dir is not None
        }

    def serve(self, row: int, click_id: Int64, time: Int64) -> None:
        """Enter served clicks."""
        self._ledger.serve(row, click_id, time)

    def predict(self, method: str, row: int, predictions: Predictions) -> None:
        """Enter predictions (called from the methods' threads)."""
        self._ledger.predict(method, row, predictions)

    def delivered(self, policy: str, samples: Samples) -> None:
        """Count what a policy delivered."""
        self.costs[policy].delivered(samples)
        if self._pushes:
            self._pushes[policy].delivered(samples)

    def fed(self, method: str, samples: Samples) -> None:
        """Write down what a learner was fed."""
        if self._dumps:
            self._dumps[method].write(samples)

    def finalise(self, row: int, labels: Labels, truth: Mapping[str, Float64] | None) -> None:
        """Enter final labels, and show the cells that they complete."""
        for meter in self.costs.values():
            meter.finalise(row, labels)
        self._progress.cell(self._ledger.finalise(row, labels, truth))

    def advance(self, time: int, items: int) -> None:
        """Move the progress view on."""
        self._progress.advance(time, items)

    def audited(self, policy: str) -> dict[str, Any]:
        """Return the costs of a policy, with the audit of its beliefs where it has any."""
        push = self._pushes[policy].summary() if self._pushes else None
        return {**self.costs[policy].summary(), **({} if push is None else {"push": push})}

    def close(self) -> None:
        """Close the files."""
        for dump in self._dumps.values():
            dump.close()


class _Dump:
    """``samples/<method>.parquet``, one row group per segment."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._writer = pq.ParquetWriter(path, schema(policy.carries), compression="zstd")

    def write(self, samples: Samples) -> None:
        self._writer.write_table(samples.to_arrow())

    def close(self) -> None:
        self._writer.close()
