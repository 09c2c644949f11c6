"""What ``sim.py audit`` prints, and its exit code."""

from __future__ import annotations

from simulator.audit import AuditReport, Leak
from simulator.commands.console import stdout
from simulator.units import SECOND, format_instant

LEAK_FOUND = 3
_FUTURE = ("it depended on", "the future began at")
_VERDICT = {
    "cut": ("peeks", "depends on the future", "without that future", *_FUTURE),
    "scrambled": ("peeks", "depends on the future", "with it scrambled", *_FUTURE),
    "read": ("peeks", "reads the future and does not declare peeks = True", "", "it read", "at"),
    "state": ("keeps", "keeps state outside `own`", "in another replay", "it keeps", "seen at"),
    "ticks": ("shifts", "depends on more than its journeys", "in other ticks", "it depended on", "up to"),
}
"""By what was found: the verdict in a word and in a sentence, and what the lines below it are called."""


def _first(report: AuditReport, policy: str) -> Leak:
    return next(leak for leak in report.leaks if leak.policy == policy)


def print_audit(report: AuditReport) -> int:
    """Print the verdict on every policy, with a witness for each that peeks, and on features; return the exit code."""
    console = stdout()
    leaking = {leak.policy for leak in report.leaks}
    if report.cuts:
        first, last = (format_instant(cut // SECOND * SECOND) for cut in (report.cuts[0], report.cuts[-1]))
        console.print(
            f"The future was cut off and scrambled at {len(report.cuts)} instants from {first} to {last}."
        )
    if report.note:
        console.print(report.note, soft_wrap=True)
    for policy in dict.fromkeys([*report.compared, *sorted(leaking)]):
        verdict = "causal" if policy not in leaking else _VERDICT[_first(report, policy).how][0]
        console.print(f"{verdict:>8}", style="bold red" if policy in leaking else "green", end="  ")
        console.print(f"{policy} ({report.compared[policy]:,} samples compared)", soft_wrap=True)
    for policy in report.declared:
        console.print("  marked", style="yellow", end="  ")
        console.print(
            f"{policy} declares that it reads the future: an upper bound, not judged", soft_wrap=True
        )
    for policy in sorted(leaking):
        leak = _first(report, policy)
        _, fault, without, on, when = _VERDICT[leak.how]
        console.print()
        console.print(f"{policy} {fault}:", style="bold", soft_wrap=True)
        lines = {
            "as it is": leak.before,
            without: leak.after,
            on: leak.witness,
            when: format_instant(leak.cut),
        }
        for what, said in lines.items():
            if what and said:
                console.print(f"  {what:<22}  {said}", soft_wrap=True)
    for message in report.features:
        console.print("   leaks", style="bold red", end="  ")
        console.print(message, soft_wrap=True)
    return LEAK_FOUND if report.leaks or report.features else 0
