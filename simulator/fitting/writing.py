"""The fitted world as a scenario: readable, commented, valid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.atomic import written_whole
from simulator.errors import ScenarioError
from simulator.fitting.estimates import Estimates, Key
from simulator.scenario.free import check_free
from simulator.scenario.load import load_scenario
from simulator.toml import toml
from simulator.units import DAY, format_duration
from simulator.windows import Windows

LIMITS = """\
What the numbers below can and cannot say:
- They describe shoppers as if all were alike; how users, items, categories and tastes differ, how fast tastes drift and how
  long items live is left at the preset's dials ([world.effects], [world.drift], [world.churn]).
- A wait is a mixture of exponentials inside the windows. What would come after them is not in the log, and the longest
  scale is a guess where it exceeds the window.
- Hours, weekdays and levels are those of ordinary days: none within 11 days before or 4 after a promotion, as long as the
  log has others. Days before the first attribution window has passed count for labels only.
- The drift of the common level contains whatever moves CVR from day to day.
- A promotion's waiting is read from carts per click above normal: without carts it is not known. The times over which
  effects fade are the defaults'; one sale does not tell them from their sizes. Refund wave, repurchases and discounts
  are those of its own clicks.
- Standard errors (s.e.) are of the measurement; levels may have been moved afterwards so that the world's own facts match
  the log's (see below)."""

_METHODS = ("pre-trained", "oracle", "waiting-window", "offline", "fnw", "es-dfm")


def scenario_text(
    estimates: Estimates,
    windows: Windows,
    source: str,
    title: str,
    matches: Mapping[str, tuple[float, float]],
) -> str:
    """Return the scenario file of a fitted world.

    ``matches`` says, per fact, what the log has and what the fitted world had when it was lived once.
    """
    lines = [f"# A world fitted to {source} by `sim.py fit`.", *(f"# {line}" for line in LIMITS.splitlines())]
    if matches:
        lines += ["# Facts of the log, and of the world when it was lived once:"]
        lines += [f"#   {name:<32} {log:>12.5g} {world:>12.5g}" for name, (log, world) in matches.items()]
    lines += ["", f"title = {toml(title)}", "", "[world]"]
    lines += _table(estimates.values, estimates.notes, "world")
    for values, notes in estimates.promotions:
        lines += ["", "[[world.promotion]]", *_table(values, notes, "world.promotion")]
    attribution, refund = (format_duration(w) for w in (windows.attribution, windows.refund))
    observation = format_duration(max(windows.attribution // 300, 1))
    lines += [
        "", "[windows]", f'attribution = "{attribution}"', f'refund = "{refund}"', f'observation = "{observation}"',
        "", "[stream]", *_stream(estimates.values["days",], windows),
    ]  # fmt: skip
    for method in _METHODS:
        lines += ["", "[[method]]", f'method = "{method}"']
    return "\n".join(lines) + "\n"


def write_scenario(text: str, out: Path, *, replace: bool) -> None:
    """Write the file once it is whole and valid.

    Raises
    ------
    ScenarioError : it exists and ``replace`` is not set, or it cannot be written.
    """
    check_free(out, replace=replace)
    try:
        with written_whole(out) as partial:
            partial.write_text(text, encoding="utf-8")
            load_scenario(partial)
    except OSError as error:
        raise ScenarioError(f"{out}: cannot be written ({error.strerror})") from None


def _table(values: Mapping[Key, Any], notes: Mapping[Key, str], name: str) -> list[str]:
    """Write one table and those below it; keys of the table itself come first."""
    lines = [_line(key[0], value, notes.get(key, "")) for key, value in values.items() if len(key) == 1]
    for block in dict.fromkeys(key[0] for key in values if len(key) > 1):
        lines += ["", f"[{name}.{block}]"]
        lines += [
            _line(key[1], value, notes.get(key, ""))
            for key, value in values.items()
            if len(key) > 1 and key[0] == block
        ]
    return lines


def _line(key: str, value: Any, note: str) -> str:
    line = f"{key} = {toml(value)}"
    return f"{line}  # {note}" if note else line


def _stream(days: int, windows: Windows) -> list[str]:
    """Divide the days: half of what the gap leaves is history, the rest is stream."""
    gap = -(-windows.attribution // DAY)
    history = max((days - gap) // 2, 0)
    segment = "2.4h" if days <= 60 else "1d"
    return [f'history = "{history}d"', f'gap = "{gap}d"', f'segment = "{segment}"']
