"""``[stream] upload``: when conversions become known, on worlds and on logs that do not say it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, PositiveFloat, model_validator

from simulator.log.upload import Batches, Lags, Upload
from simulator.scenario.base import Block
from simulator.units import DAY, Duration, Period, PositiveDuration, format_duration

_OF_KIND = {
    "every": {"every", "at"},
    "exponential": {"mean", "longest"},
    "lognormal": {"median", "sigma", "longest"},
}


class UploadBlock(Block):
    """``[stream] upload``: ``"1d"`` is short for ``{ every = "1d" }``, "none" is none. What belongs to another kind is
    refused.
    """

    kind: Literal["every", "exponential", "lognormal"] = "every"
    """At fixed instants, or each event after a random lag."""
    every: Period | None = None
    """All that happened becomes known this often."""
    at: Duration | None = None
    """How long after the log's midnight, say."""
    mean: PositiveDuration | None = None
    """Mean lag, of an exponential."""
    median: PositiveDuration | None = None
    """Median lag, of a lognormal."""
    sigma: PositiveFloat | None = None
    """Shape of a lognormal, default 1."""
    longest: PositiveDuration | None = None
    """Longest lag, default 1d."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = {
            name for name in ("every", "at", "mean", "median", "sigma", "longest") if getattr(self, name)
        }
        if foreign := sorted(given - _OF_KIND[self.kind]):
            allowed = ", ".join(sorted(_OF_KIND[self.kind]))
            raise ValueError(f"upload of kind {self.kind!r} takes no {foreign[0]}; allowed: {allowed}")
        need = {"every": "every", "exponential": "mean", "lognormal": "median"}[self.kind]
        if need not in given:
            raise ValueError(f'upload of kind {self.kind!r} needs {need}, such as {need} = "6h"')
        if self.every is not None and (self.at or 0) >= self.every:
            raise ValueError(
                f"at ({format_duration(self.at or 0)}) must be shorter than every ({format_duration(self.every)})"
            )
        middle = self.mean or self.median
        if middle is not None and middle > self._longest_lag:
            raise ValueError(
                f"{need} ({format_duration(middle)}) must not be longer than the longest lag "
                f"({format_duration(self._longest_lag)}); give longest"
            )
        return self

    @property
    def _longest_lag(self) -> int:
        return DAY if self.longest is None else self.longest

    def upload(self, seed: int) -> Upload:
        """Return when events become known."""
        if self.every is not None:
            return Batches(self.every, self.at or 0)
        if self.kind == "exponential":
            return Lags("exponential", self.mean or 0, 0.0, self._longest_lag, seed)
        return Lags("lognormal", self.median or 0, self.sigma or 1.0, self._longest_lag, seed)


def _from_period(value: Any) -> Any:
    if value == "none":
        return None
    return {"every": value} if isinstance(value, str) else value


UploadSetting = Annotated[
    UploadBlock | None,
    BeforeValidator(_from_period, json_schema_input_type=Literal["none"] | Period | UploadBlock),
]
"""A table, or a period in its place; "none" takes the upload of a base scenario away."""


def upload_fault(upload: UploadBlock, lateness: int) -> str | None:
    """Say that labels would be taken for final before all that counts is known; None where they would not."""
    longest = upload.upload(0).longest
    if lateness >= longest:
        return None
    needed = format_duration(longest)
    return (
        f"windows.lateness ({format_duration(lateness)}) is shorter than what an upload can take ({needed}): labels would "
        f'be taken for final before all that counts is known. Write [windows] lateness = "{needed}" (or longer), or '
        f"--set windows.lateness={needed}"
    )
