"""The audit proves that what is delivered up to t is a function of the events that are known up to t.

Every policy is replayed again on logs whose future, after some instant, was cut off or scrambled. Whatever was visible
up to that instant must be the same bit for bit. Where it is not, the future event that made the difference is
found by bisection and shown as a witness. A policy that reads data of its own, past the engine, is out of reach.

What a policy remembers of journeys outside its ``own`` is not kept in their order, so that it may know too early what
comes later in a tick: that is found, too, by what it holds itself and by replays in other ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from simulator.audit.outside import Outside, look_outside
from simulator.audit.replays import Other, Setting, Ticks, of_policy, replays
from simulator.audit.shown import NAME, hear_again
from simulator.audit.witness import first_difference, told, witness
from simulator.calendar import Calendar
from simulator.errors import PeekError
from simulator.log.memory import MemoryLog
from simulator.log.schema import ImpressionBatch
from simulator.policies.base import Policy
from simulator.samples import Samples
from simulator.windows import Windows

How = Literal["cut", "scrambled", "read", "state", "ticks"]


@dataclass(frozen=True, slots=True)
class Leak:
    """A sample that depended on its future, or on something else than its journey's past."""

    policy: str
    cut: int
    """When the other future began; of a reading or a memory, when it was seen."""
    how: How
    """What was another in the second replay: the future was cut off or scrambled, or the log was cut into other ticks. Or,
    without comparison: the policy read ``at.future``, or kept state outside ``own``."""
    before: str
    """The sample as delivered with the true future ("nothing" where it was missing); empty where none was compared."""
    after: str
    """The sample as delivered in the other replay."""
    witness: str
    """The future event that changed it, what was read, or what was remembered."""

    def __str__(self) -> str:
        return f"{self.before} became {self.after} without {self.witness}" if self.before else self.witness


@dataclass(slots=True)
class AuditReport:
    """What was compared, and what was found."""

    cuts: list[int]
    compared: dict[str, int] = field(default_factory=dict)
    """Samples compared, by policy."""
    declared: list[str] = field(default_factory=list)
    """Policies that declare that they read the future, and so were not judged."""
    leaks: list[Leak] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    """A sentence on each feature that is a function of what events say later."""
    note: str = ""
    """What was not replayed, and why, where that is so."""


def audit(
    log: MemoryLog,
    windows: Windows,
    policies: Mapping[str, Policy],
    *,
    start: int,
    until: int,
    cuts: Sequence[int],
    tick: int,
    segment: int,
    calendar: Calendar | None = None,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
    impressions: ImpressionBatch | None = None,
) -> AuditReport:
    """Compare every policy's samples under several futures, and what is heard of impressions.

    All policies are replayed together, as in a run. Another future begins after a cut, so what was replayed before
    need not be replayed again: a copy of the engine goes on from the start of the cut's segment. For the last cut all
    is replayed from the very start.

    Parameters
    ----------
    cuts : instants after which the future is changed.
    tell : is told which policy is looked at.
    impressions : what was shown from ``start`` on, where somebody listens to it.
    """
    setting = Setting(log, windows, calendar or Calendar(), start, until, tick, segment)
    report = AuditReport(sorted(cuts), declared=[key for key, policy in policies.items() if policy.peeks])
    judged = {key: policy for key, policy in policies.items() if not policy.peeks}
    for key in judged:
        tell(key)
        report.compared[key] = 0
    while judged:
        try:
            outside = look_outside(setting, judged, report.cuts)
            true, others = replays(setting, judged, report.cuts, seed)
        except PeekError as error:  # the others are judged without it
            report.leaks.append(Leak(error.policy, error.time, "read", "", "", error.what))
            del judged[error.policy]
            continue
        for key, policy in judged.items():
            report.leaks += (
                _remembered(key, true, outside)
                or list(_foreseen(setting, policy, key, true, others))
                or _cut_otherwise(key, true, outside)
            )
            report.compared[key] = sum(
                len(_until(of_policy(true, key, other.begin), other.cut))
                for other in others
                if other.how == "cut"
            )
        break
    if impressions is not None:
        tell(NAME)
        _judge_impressions(report, setting, impressions, seed)
    return report


def _judge_impressions(report: AuditReport, setting: Setting, shown: ImpressionBatch, seed: int) -> None:
    """What methods hear of impressions comes from no policy; it is compared as one."""
    report.compared[NAME] = 0
    for heard in hear_again(
        shown, setting.windows, setting.start, setting.until, report.cuts, setting.tick, seed
    ):
        report.compared[NAME] += len(heard.true) if heard.how == "cut" else 0
        place = first_difference(heard.true, heard.other)
        if place is not None:
            said = told(heard.true, heard.other, place)
            report.leaks.append(Leak(NAME, heard.cut, heard.how, *said, heard.why))


_SCRAMBLED = "some event after the cut (its time, kind or amount was changed)"
_LEFT = "what an earlier replay left behind, outside `own`"
_TICKS = "how the replay is cut into ticks: it remembers something outside `own`, or knows of later items of its tick"


def _foreseen(
    setting: Setting, policy: Policy, key: str, true: Ticks, others: Sequence[Other]
) -> Iterator[Leak]:
    """Yield what was another under another future."""
    for other in others:
        known, found = (
            _until(of_policy(true, key, other.begin), other.cut),
            _until(other.samples[key], other.cut),
        )
        place = first_difference(known, found)
        if place is not None:
            cut = other.how == "cut"
            before = len(_until(of_policy(true, key), other.cut)) - len(known)
            why = witness(setting, policy, other.cut, before + place) if cut else _SCRAMBLED
            yield Leak(key, other.cut, other.how, *told(known, found, place), why)


def _remembered(key: str, true: Ticks, outside: Outside) -> list[Leak]:
    """Return what says that a policy keeps state outside its own values."""
    if key in outside.changed:
        time, name = outside.changed[key]
        return [Leak(key, time, "state", "", "", f"its {name!r}, which changed with the items of a tick")]
    return _compared(key, true, outside.first[key], outside.first_until, "state", _LEFT)


def _cut_otherwise(key: str, true: Ticks, outside: Outside) -> list[Leak]:
    return _compared(key, true, outside.otherwise[key], outside.until, "ticks", _TICKS)


def _compared(key: str, true: Ticks, samples: Samples, until: int, how: How, why: str) -> list[Leak]:
    known, found = _until(of_policy(true, key), until), _until(samples, until)
    place = first_difference(known, found)
    return [] if place is None else [Leak(key, until, how, *told(known, found, place), why)]


def _until(samples: Samples, time: int) -> Samples:
    return samples[samples.visible_time <= time]
