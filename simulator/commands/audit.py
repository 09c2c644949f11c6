"""What ``sim.py audit`` prints, and its exit code."""

from __future__ import annotations

from simulator.audit import AuditReport
from simulator.commands.console import stdout
from simulator.units import SECOND, format_instant

LEAK_FOUND = 3


def print_audit(report: AuditReport) -> int:
    """Print the verdict on every policy, with a witness for each that peeks, and on features; return the exit code."""
    console = stdout()
    leaking = {leak.policy for leak in report.leaks}
    first, last = (format_instant(cut // SECOND * SECOND) for cut in (report.cuts[0], report.cuts[-1]))
    console.print(
        f"The future was cut off and scrambled at {len(report.cuts)} instants from {first} to {last}."
    )
    for policy, samples in report.compared.items():
        verdict = "peeks" if policy in leaking else "causal"
        style = "bold red" if policy in leaking else "green"
        console.print(f"{verdict:>8}", style=style, end="  ")
        console.print(f"{policy} ({samples:,} samples compared)", soft_wrap=True)
    for policy in report.declared:
        console.print("  marked", style="yellow", end="  ")
        console.print(
            f"{policy} declares that it reads the future: an upper bound, not judged", soft_wrap=True
        )
    for policy in sorted(leaking):
        leak = next(found for found in report.leaks if found.policy == policy)
        console.print()
        console.print(f"{policy} depends on the future:", style="bold", soft_wrap=True)
        console.print(f"  with the true future    {leak.before}", soft_wrap=True)
        how = "without it" if leak.how == "cut" else "scrambled"
        console.print(f"  {how:<22}  {leak.after}", soft_wrap=True)
        console.print(f"  it depended on          {leak.witness}", soft_wrap=True)
        console.print(f"  the future began at     {format_instant(leak.cut)}", soft_wrap=True)
    for message in report.features:
        console.print("   leaks", style="bold red", end="  ")
        console.print(message, soft_wrap=True)
    return LEAK_FOUND if report.leaks or report.features else 0
