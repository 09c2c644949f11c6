"""What ``sim.py check`` prints, and its exit code."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.commands.console import stdout
from simulator.conformance import Check


def print_checks(name: str, checks: Iterable[Check]) -> int:
    """Print each check of a part as it is made; return 0 where all were passed, else 1."""
    console = stdout()
    console.print(name, style="bold", soft_wrap=True)
    failed = 0
    for check in checks:
        failed += bool(check.fault)
        console.print(
            f"{'failed' if check.fault else 'passed':>8}",
            style="bold red" if check.fault else "green",
            end="  ",
        )
        console.print(f"{check.name}: {check.fault}" if check.fault else check.name, soft_wrap=True)
    return int(failed > 0)
