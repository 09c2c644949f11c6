"""Everything that listens to a run: evaluation, costs, dumped samples, progress."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from simulator.evaluation.costs import CostMeter
from simulator.evaluation.ledger import Ledger
from simulator.learning import Predictions
from simulator.log.schema import Float64, Int64, Labels
from simulator.report.progress import Progress
from simulator.samples import SCHEMA, Samples


class Recorder:
    """The audience of a pipeline.

    Parameters
    ----------
    policies : the policy key of each method; costs are measured once per policy.
    samples_dir : where to write what each learner was fed, or None.
    """

    def __init__(
        self, ledger: Ledger, policies: Mapping[str, str], progress: Progress, samples_dir: Path | None = None
    ) -> None:
        self._ledger, self._progress = ledger, progress
        self.costs = {policy: CostMeter() for policy in dict.fromkeys(policies.values())}
        self._dumps = {} if samples_dir is None else {name: _Dump(samples_dir, name) for name in policies}

    def serve(self, row: int, click_id: Int64, time: Int64) -> None:
        """Enter served clicks."""
        self._ledger.serve(row, click_id, time)

    def predict(self, method: str, row: int, predictions: Predictions) -> None:
        """Enter predictions (called from the methods' threads)."""
        self._ledger.predict(method, row, predictions)

    def delivered(self, policy: str, samples: Samples) -> None:
        """Count what a policy delivered."""
        self.costs[policy].delivered(samples)

    def fed(self, method: str, samples: Samples) -> None:
        """Write down what a learner was fed."""
        if self._dumps:
            self._dumps[method].write(samples)

    def settle(self, row: int, labels: Labels, truth: Mapping[str, Float64] | None) -> None:
        """Enter final labels, and show the cells that they complete."""
        for meter in self.costs.values():
            meter.settle(row, labels)
        self._progress.cell(self._ledger.settle(row, labels, truth))

    def advance(self, time: int, items: int) -> None:
        """Move the progress view on."""
        self._progress.advance(time, items)

    def close(self) -> None:
        """Close the files."""
        for dump in self._dumps.values():
            dump.close()


class _Dump:
    """``samples/<method>.parquet``, one row group per segment."""

    def __init__(self, directory: Path, method: str) -> None:
        self._method = method
        self._writer = pq.ParquetWriter(directory / f"{method}.parquet", SCHEMA, compression="zstd")

    def write(self, samples: Samples) -> None:
        self._writer.write_table(samples.to_arrow(self._method))

    def close(self) -> None:
        self._writer.close()
