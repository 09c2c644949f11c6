"""`init`: a first scenario from files, with all that was guessed said in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.atomic import written_whole
from simulator.commands.account import print_account
from simulator.commands.console import stdout, table, warn
from simulator.commands.describe import Check
from simulator.errors import AfterclickError, ScenarioError
from simulator.program import program
from simulator.scenario.free import check_free
from simulator.scenario.load import Loaded

if TYPE_CHECKING:
    from simulator.log.guess.draft import Draft
    from simulator.log.guess.guess import Guess

SHAPES = {
    "touches": "one table of actions",
    "rows": "one row a click, with what followed in columns",
    "purchases": "purchases without clicks: the first one opens the journey",
    "events": "clicks, and events that name their click",
}


def init_scenario(
    sources: Sequence[str],
    out: Path,
    shape: str | None,
    opens: str | None,
    *,
    replace: bool,
    load: Callable[[str], Loaded],
    check: Check,
) -> int:
    """Look at files, print what they were taken for, and write a scenario; return the exit code.

    ``load`` and ``check`` are what `validate` checks a scenario by.

    Raises
    ------
    ScenarioError : ``out`` is in the way, or the scenario is written but something must be filled in first.
    UsageError, LogError : the files cannot be read.
    """
    from simulator.log.guess.guess import guess

    check_free(out, replace=replace, example="my.toml")
    if not sources:
        raise ScenarioError("init: name the files: one source, or two (clicks and events)")
    found = guess(sources, out, shape=shape, opens=opens)
    _print(found)
    faults = _write(found, sources, out, load, check)
    if faults:
        raise ScenarioError([f"{out}: written, but it cannot run yet: {faults[0]}", *faults[1:]])
    stdout().print(
        f"{out}: written and valid. Look at what was guessed, then: {program()} validate {out}; {program()} {out}",
        soft_wrap=True,
    )
    return 0


def _write(
    found: Guess,
    sources: Sequence[str],
    out: Path,
    load: Callable[[str], Loaded],
    check: Check,
) -> list[str]:
    """Write the scenario, checked as `validate` does where nothing is lacking; return why it cannot run yet."""
    from simulator.log.guess.write import scenario_text

    title = f"{Path(sources[0]).name.split('.')[0] or 'log'}: a first look"
    told = " and ".join(sources[:3]) + (f" and {len(sources) - 3} more" if sources[3:] else "")
    faults = list(found.faults)
    with written_whole(out) as partial:
        partial.write_text(
            scenario_text(found.draft, found.plan, title, told, faults, out.parent), encoding="utf-8"
        )
        if not found.draft.lacking and not faults:
            faults = _check(partial, out, load, check)
            if faults:
                partial.write_text(
                    scenario_text(found.draft, found.plan, title, told, faults, out.parent), encoding="utf-8"
                )
    return [_said(found.draft, k) for k in range(len(found.draft.lacking))] + faults


def _said(draft: Draft, index: int) -> str:
    one = draft.lacking[index]
    table_ = "[data]" if one.table == "data" else f"[data.{one.table}]"
    return f"fill in {table_} {one.key}: {one.why}"


def _check(partial: Path, out: Path, load: Callable[[str], Loaded], check: Check) -> list[str]:
    """Return what `validate` would refuse; print the account of the log otherwise."""
    try:
        loaded = load(str(partial))
        opened = check(loaded)
    except AfterclickError as error:
        faults = (
            error.faults if isinstance(error, ScenarioError) else str(error).splitlines() and [str(error)]
        )
        return [fault.replace(str(partial), str(out)) for fault in faults]
    if opened is not None:
        print_account(*opened[:2])
        warn(opened[2])
    return []


def _print(found: Guess) -> None:
    """Print what the files hold and what each column is taken for; then what is not sure."""
    console = stdout()
    draft = found.draft
    for source in draft.profiles:
        shown = table("", "column", "holds", "none", "distinct", "such as", "taken for")
        shown.title = None
        for column in source.columns.values():
            shown.add_row(
                column.name, _holds(column.looks, column.kind), f"{column.share_none:.0%}" if column.none else "",
                f"{column.distinct:,}", _short(column.example), draft.roles.get((source.key, column.name), "not used"),
            )  # fmt: skip
        lines = f", {len(source.table.files):,} files" if source.table.files[1:] else ""
        console.print(
            f"{source.told}: {source.table.rows:,} rows, {len(source.columns)} columns{lines}", soft_wrap=True
        )
        for note in source.notes:
            console.print(note, soft_wrap=True)
        console.print(shown)
        console.print()
    console.print(_taken(found), soft_wrap=True)
    if draft.unsure:
        console.print("unsure:", style="bold")
        for text in draft.unsure:
            console.print(f"  - {text}", soft_wrap=not console.is_terminal)
    console.print()


def _taken(found: Guess) -> str:
    draft = found.draft
    told = f"shape: {draft.shape} ({SHAPES[draft.shape]})"
    if found.known is not None:
        told = (
            f"format: {found.known.name} ({found.known.title}); {program()} import {found.known.name} SOURCE --out data/NAME "
            "would give the log a name"
        )
    if found.span is not None:
        from simulator.log.meta import from_epoch

        first, last = (from_epoch(instant) for instant in found.span)
        told += f"; {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC ({(last - first).total_seconds() / 86_400:.1f} days)"
    return told


def _holds(looks: str, kind: str) -> str:
    names = {
        "stamp": "times",
        "integer": "integers",
        "number": "numbers",
        "objects": "structures",
        "tags": "lists",
    }
    plain = names.get(looks, looks)
    return plain if kind == "VARCHAR" else f"{plain} ({kind[:20]})"


def _short(text: str, most: int = 32) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
