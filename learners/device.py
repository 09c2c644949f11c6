"""Where dense layers are computed: on the processor, or on an accelerator beside it. Loads torch where that is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simulator.errors import RunError, ScenarioError
from simulator.scenario.learner import LearnerBlock

if TYPE_CHECKING:
    import torch

    from learners.catalog import ResolvedMethod

PROCESSOR = ("auto", "cpu")
"""What `[learner] device` calls the processor."""


def place_of_layers(learner: LearnerBlock) -> torch.device:
    """Return torch's name of the device of the dense layers."""
    import torch

    return torch.device("cpu" if learner.device in PROCESSOR else learner.device)


def device_faults(learner: LearnerBlock) -> list[str]:
    """Return why the device cannot be had, or not for these settings; nothing where it can."""
    if learner.device in PROCESSOR:
        return []
    import torch

    if not torch.cuda.is_available():
        why = "sees none" if torch.version.cuda else f"{torch.__version__} was built for processors"
        return [
            f'device = "{learner.device}": there is no such accelerator, torch {why}; take "auto" or "cpu"'
        ]
    if learner.attention:
        return [f'device = "{learner.device}": attention is computed on the processor alone; take "auto"']
    return []


def check_devices(methods: Sequence[ResolvedMethod]) -> None:
    """Check that every method's device is there.

    Raises
    ------
    ScenarioError : a device is not, or attention is to be computed on an accelerator.
    """
    faults = {fault: None for method in methods for fault in device_faults(method.learner)}
    if faults:
        raise ScenarioError([f"learner.{fault}" for fault in faults])


@contextmanager
def telling(device: torch.device, rows: int) -> Iterator[None]:
    """Say in one sentence that an accelerator ran out of memory, or failed.

    Raises
    ------
    RunError : it did, with so many rows.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise RunError(
            f"device {device} has no memory left for a batch of {rows} rows; smaller batches or layers, fewer "
            'engine.workers, or learner.device = "cpu" need less'
        ) from error
    except torch.AcceleratorError as error:
        what = str(error).splitlines()[0]
        raise RunError(
            f'device {device} failed on a batch of {rows} rows ({what}); learner.device = "cpu" does without it'
        ) from error
