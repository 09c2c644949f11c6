"""Load a scenario: files, overrides, validation, all faults at once."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import ScenarioError, nearest
from simulator.log.schema import Feature
from simulator.report.trackers import missing
from simulator.scenario.derived import derived_faults
from simulator.scenario.faults import validate
from simulator.scenario.fields import leaves, written
from simulator.scenario.layers import Layers, read_layers
from simulator.scenario.model import Scenario
from simulator.scenario.overrides import apply_overrides
from simulator.scenario.upload import upload_fault
from simulator.worlds.presets import origin_of

_METHOD_KEY = re.compile(r"method\[(?P<index>\d+)\](?P<below>(?:\.\w+)*)")
DEFAULT = "default"
"""Origin of a key that nobody wrote."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid scenario and where it comes from.

    ``origins`` maps every dotted key to the file that wrote it, to the option (``--set``, ``--seed``,
    ``--out``), to the preset or kind of promotion that sets it, or to ``"default"``; ``resolved`` is the
    whole scenario as plain values, every default filled in (durations as text).
    """

    scenario: Scenario
    path: Path
    origins: dict[str, str]
    resolved: dict[str, Any]


def load_scenario(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    seed: int | None = None,
    out: str | None = None,
    check: Callable[[Scenario], object] | None = None,
) -> Loaded:
    """Read, layer, override and validate a scenario.

    Parameters
    ----------
    path : the TOML file; ``extends`` in it names a base, relative to the file (tables merge, arrays replace).
    overrides : ``a.b=c`` texts, applied in order after all files.
    seed, out : shorthands for ``seed`` and ``output.dir``, applied last.
    check : what else must hold of a scenario (the learners' check of methods); raises a `ScenarioError` whose faults
        begin with their key, such as ``method[2].objective``. Its faults are reported with all others.

    Raises
    ------
    ScenarioError : with every fault found; each names file, key, value, what is allowed, nearest spelling.
    """
    layers = read_layers(path)
    faults = apply_overrides(layers, list(overrides))
    if seed is not None:
        layers.replace(("seed",), seed, "--seed")
    if out is not None:
        layers.merge({"output": {"dir": out}}, "--out")
    if "name" not in layers.data:
        layers.data["name"] = re.sub(r"[^A-Za-z0-9._+-]+", "-", path.stem).lstrip("._+-")[:80] or "scenario"
    if "module_path" not in layers.data and _names_own(layers.data):
        layers.data["module_path"] = list(layers.folders)
    scenario, wrong = validate(layers, str(path))
    faults += wrong
    if scenario is not None:
        if not wrong:
            faults += [*_strange_values(layers, str(path)), *_between_blocks(scenario, layers, str(path))]
        if check is not None:
            faults += _checked(
                scenario, check, layers, str(path), partly=any("windows" in fault for fault in wrong)
            )
    if faults or scenario is None:
        raise ScenarioError(faults)
    resolved = scenario.model_dump(mode="json")
    origins = {written(key): _origin(layers, key) for key, _ in leaves(resolved)}
    return Loaded(scenario, path, origins, resolved)


def _names_own(data: Mapping[str, Any]) -> bool:
    """Tell whether modules of the user's own are named: plug-ins, or a ``module:Name``."""
    named = leaves({key: data[key] for key in ("plugins", "method", "evaluation") if key in data})
    return any(key[0] == "plugins" or (isinstance(text, str) and ":" in text) for key, text in named)


def _origin(layers: Layers, key: tuple[str | int, ...]) -> str:
    for length in range(len(key), 0, -1):
        if key[:length] in layers.origins:
            return layers.origins[key[:length]]
    if any(k[: len(key)] == key for k in layers.origins):
        return layers.origin(key, DEFAULT)
    return origin_of(key, layers.data.get("world")) or DEFAULT


def _checked(
    scenario: Scenario, check: Callable[[Scenario], object], layers: Layers, file: str, *, partly: bool
) -> list[str]:
    """Return what another check finds, each fault with the file that wrote its key.

    ``partly``: the windows are wrong, and what is said of them would be said of their defaults.
    """
    try:
        check(scenario)
    except ScenarioError as error:
        found = [fault for fault in error.faults if not partly or "windows" not in fault]
        return [_placed(fault, layers, file) for fault in found]
    return []


def _placed(fault: str, layers: Layers, file: str) -> str:
    """Put the file in front of a fault, and the method's name in place of its number."""
    match = _METHOD_KEY.match(fault)
    if match is None:
        return f"{file}: {fault}"
    key: tuple[str | int, ...] = ("method", int(match["index"]))
    below = tuple(part for part in match["below"].split(".") if part)
    written_in = {
        origin for known, origin in layers.origins.items() if known[: len(key + below)] == key + below
    }
    where = min(written_in, default=layers.origin((*key, *below), file))
    return f"{where}: {written(key, layers.data)}{match['below']}{fault[match.end() :]}"


def _strange_values(layers: Layers, file: str) -> list[str]:
    """Refuse in free tables (a policy's, say) what a resolved scenario could not hold unchanged."""
    faults = []
    for key, value in leaves(layers.data):
        if key[0] in ("promotion", "data"):  # instants may be dates
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dt.date | dt.time) or (isinstance(item, float) and not math.isfinite(item)):
                where, name = layers.origin(key, file), written(key, layers.data)
                faults.append(f"{where}: {name} = {item}: must be a finite number, text, or true or false")
    return faults


def _between_blocks(scenario: Scenario, layers: Layers, file: str) -> list[str]:
    """Rules that no block can check alone."""
    faults = []
    labels = [method.label for method in scenario.method]
    for i, label in enumerate(labels):
        if label in labels[:i]:
            where = layers.origin(("method", i), file)
            faults.append(
                f"{where}: method.{i}: a method called {label!r} is there already "
                f"(method.{labels.index(label)}); results go by name, so give this one another: name = ..."
            )
    if scenario.world is not None:  # what its log will have is known before it is made
        known = [Feature(*size) for size in scenario.world.sizes().items()]
        where = layers.origin(("features",), file)
        faults += [f"{where}: {said}" for said in derived_faults(scenario.features, known, scenario.added)]
    upload = scenario.stream.upload
    if upload is not None and (fault := upload_fault(upload, scenario.windows.lateness)) is not None:
        faults.append(f"{layers.origin(('stream', 'upload'), file)}: stream.upload: {fault}")
    if said := missing(scenario.output.tracker):
        faults.append(f"{layers.origin(('output', 'tracker'), file)}: {said}")
    for block in ("evaluation", "verdict"):
        baseline = getattr(scenario, block).baseline
        if baseline is not None and baseline not in labels:
            where = layers.origin((block, "baseline"), file)
            allowed = ", ".join(dict.fromkeys(labels))
            faults.append(
                f'{where}: {block}.baseline = "{baseline}": is no method of this scenario; '
                f"allowed: {allowed}.{nearest(baseline, labels)}"
            )
    if scenario.verdict.goal == "money" and not scenario.output.predictions:
        where = layers.origin(("verdict", "goal"), file)
        faults.append(
            f'{where}: verdict.goal = "money": is told from predictions; set output.predictions = true'
        )
    return faults
