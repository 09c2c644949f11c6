"""``sweep.toml``: which scenarios, seeds and values are run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from simulator.errors import ScenarioError, unknown
from simulator.scenario.base import Block
from simulator.scenario.layers import read_toml
from simulator.scenario.seeds import Seeds
from simulator.scenario.shipped import SHIPPED, typed
from simulator.sweep.values import Values


class Search(Block):
    """``[sweep.search]``: values are chosen one after another by what the runs before them reached (Optuna)."""

    objective: str = Field(pattern=r"^[^:]+:[^:]+:[^:]+$")
    """METHOD:TASK:METRIC, over the whole stream, as tables name them: ``es-dfm:cvr:regret_nll``. Its mean over seeds counts."""
    trials: PositiveInt
    """Points that are tried, each with all seeds."""


class Sweep(Block):
    """``[sweep]``: every scenario with every seed and every combination of values, or with some of them."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    """Scenario files, relative to this one, or names of shipped ones."""
    seeds: Seeds = (0,)
    """Of the runs: ``"0..19"`` or a list."""
    set: dict[str, Values] = Field(default_factory=dict)
    """By dotted key the values that it takes: a list, or from, to and steps."""
    random: PositiveInt | None = None
    """As many points are drawn, in the place of all combinations."""
    draw: NonNegativeInt = 0
    """Seed of these draws, and of the search."""
    search: Search | None = None
    """A study in the place of all combinations."""
    retries: NonNegativeInt = 2
    """How often a run is begun again that failed, or whose worker died; not where the scenario is at fault."""
    on_failure: Literal["go-on", "stop"] = "go-on"
    """What becomes of the others when a run has failed for good."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.random is not None and self.search is not None:
            raise ValueError("random and [sweep.search] both choose the points; leave one of them out")
        if self.search is not None and not self.set:
            raise ValueError("[sweep.search] needs values to choose from: write some under [sweep.set]")
        endless = [key for key, values in self.set.items() if not values.listed]
        if endless and self.random is None and self.search is None:
            raise ValueError(
                f"set.{endless[0]} has no steps, so no end of values; write steps = 4, random = 40 or [sweep.search]"
            )
        return self


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file; its scenarios become paths from the working directory.

    Raises
    ------
    ScenarioError : with every fault of the file.
    """
    data = read_toml(path)
    told: Any = data.pop("sweep", None)
    faults = [f"{path}: {unknown('table', name, ['sweep'])}" for name in data]
    if not isinstance(told, dict):
        raise ScenarioError([*faults, f"{path}: has no [sweep]; write one with scenarios = [...] and set"])
    try:
        sweep = Sweep.model_validate({**told, "set": _flat(told["set"])} if "set" in told else told)
    except ValidationError as error:
        raise ScenarioError([*faults, *(_fault(path, one) for one in error.errors())]) from None
    if faults:
        raise ScenarioError(faults)
    return sweep.model_copy(update={"scenarios": tuple(_scenario(path, name) for name in sweep.scenarios)})


def _scenario(path: Path, name: str) -> str:
    """Return the scenario beside the sweep file, else the shipped one of that name."""
    beside, shipped = path.parent / name, SHIPPED / Path(name).name
    by_name = Path(name).parent.as_posix() in (".", "scenarios") and shipped.is_file()
    return typed(shipped) if by_name and not beside.exists() else str(beside)


def _flat(table: Any, prefix: str = "") -> Any:
    """Write nested tables of ``set`` with dotted keys; a table of from, to and steps is a value."""
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict) and not {"from", "to"} & value.keys():
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _fault(path: Path, error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"] if part not in ("Span", "list"))
    if error["type"] == "extra_forbidden":
        block = Search if error["loc"][:1] == ("search",) else Sweep
        said = unknown("key", str(error["loc"][-1]), list(block.model_fields))
    else:
        said = error["msg"].removeprefix("Value error, ")
        said = said if error["type"] == "missing" or not error["loc"] else f"{error['input']!r}: {said}"
    return f"{path}: sweep{'.' + where if where else ''}: {said}"
