"""``live.toml``: what is listened to, and what is delivered."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from simulator.deliver.order import refuse
from simulator.errors import ScenarioError, UsageError
from simulator.live.avro import from_avro
from simulator.live.records import KINDS, Reading, from_json
from simulator.live.seam import is_address
from simulator.policies import policy_from
from simulator.policies.base import Policy
from simulator.scenario.base import Block
from simulator.scenario.sentences import sentences
from simulator.units import Duration
from simulator.windows import Windows

_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000}


class LiveWindows(Block):
    """The windows of the labels, as in a scenario."""

    attribution: Duration = "3d"  # type: ignore[assignment]
    refund: Duration = "3d"  # type: ignore[assignment]
    edges: Literal["inclusive", "exclusive"] = "inclusive"


class LiveColumns(Block):
    """What records call what they hold, as in ``[data.columns]``."""

    kind: str = "kind"
    click_id: str = "click_id"
    event_id: str = "event_id"
    time: str = "time"
    amount: str = "amount"
    kinds: dict[str, Literal["click", "cart", "pay", "refund", "ignore"]] = Field(default_factory=dict)
    """What ``kind`` says there to kind; default: kinds by their own names."""
    time_unit: Literal["us", "ms", "s"] = "us"


class Live(Block):
    """What is listened to.

    ``events`` is a file of JSON lines that grows, ``samples`` and ``aside`` are files that are appended to, or addresses at a
    broker (`simulator.live.seam.Address`). Paths are those of the file's folder.

    Parameters
    ----------
    idle : after this long without a record a partition is no longer waited for; without it, all are waited for.
    avro : a schema; records are values of it, instead of JSON.
    avro_header : bytes before each; 5 where a schema registry numbers schemas.
    policies : several policies by name, instead of one; each sample then says whose it is.
    """

    events: str
    samples: str
    aside: str = "aside.jsonl"
    lateness: Duration = "10m"  # type: ignore[assignment]
    tick: Duration = "1m"  # type: ignore[assignment]
    idle: Duration | None = None
    policy: str | dict[str, Any] | None = None
    policies: dict[str, str | dict[str, Any]] = Field(default_factory=dict)
    windows: LiveWindows = Field(default_factory=LiveWindows)
    columns: LiveColumns = Field(default_factory=LiveColumns)
    avro: str | None = None
    avro_header: int = Field(default=0, ge=0)

    @field_validator("tick")
    @classmethod
    def _positive(cls, value: int) -> int:
        if value <= 0:
            raise ValueError("must be longer than 0")
        return value

    def reading(self) -> Reading:
        """Return how records are read.

        Raises
        ------
        ScenarioError : there is no such schema.
        UsageError : what reads Avro is not installed, or records are lines of a file, which Avro cannot be.
        """
        decode: Callable[[bytes], Any] = from_json
        if self.avro is not None:
            if not is_address(self.events):
                raise UsageError(f"{self.events}: records of Avro are not lines; allowed: redis://, kafka://")
            decode = from_avro(Path(self.avro), self.avro_header)
        names = self.columns.model_dump(include={"kind", "click_id", "event_id", "time", "amount"})
        kinds = {name: KINDS[kind] for name, kind in self.columns.kinds.items()} or KINDS
        return Reading(decode, **names, kinds=kinds, unit=_UNITS[self.columns.time_unit])

    def label_windows(self) -> Windows:
        """Return the windows as the engine has them."""
        return Windows(self.windows.attribution, self.windows.refund, 0, self.windows.edges)

    @model_validator(mode="after")
    def _some_policy(self) -> Self:
        if (self.policy is None) == (not self.policies):
            raise ValueError("says either 'policy' or 'policies'")
        return self

    def made_policies(self) -> dict[str, Policy]:
        """Return the policies by name; the name of a single one is empty.

        Raises
        ------
        ScenarioError : there is no such policy, or a parameter is wrong.
        UsageError : one needs a model, or reads the future.
        """
        named = self.policies or {"": self.policy or ""}
        policies = {name: policy_from(policy) for name, policy in named.items()}
        for policy in policies.values():
            refuse(policy)
            if policy.peeks:
                raise UsageError(f"policy {policy.kind!r} reads the future, which nobody knows of a stream")
        return policies


def read_live(path: Path) -> Live:
    """Read ``live.toml``.

    Raises
    ------
    ScenarioError : it cannot be read, or something in it is wrong; all faults at once.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: is not readable as TOML ({error})") from None
    if set(document) != {"live"} or not isinstance(document["live"], dict):
        raise ScenarioError(f"{path}: must hold one table, [live]")
    try:
        live = Live.model_validate(document["live"])
    except ValidationError as error:
        raise ScenarioError(sentences(error, Live, document["live"], "live", "[live]")) from None
    given = {name: getattr(live, name) for name in ("events", "samples", "aside", "avro")}
    places = {
        name: place if is_address(place) else str(path.parent / place)
        for name, place in given.items()
        if place is not None
    }
    return live.model_copy(update=places)
