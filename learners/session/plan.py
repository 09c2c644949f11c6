"""From a scenario and its log to what will be run: policies, timeline, references."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from learners.catalog import ResolvedMethod
from learners.composed import composed_of, learners_of, with_composed
from learners.session.bidding import check_auction
from learners.session.logged import lost_of
from learners.session.references import scale_of
from simulator.calendar import Calendar
from simulator.errors import ScenarioError
from simulator.evaluation.ageing import check_entity
from simulator.evaluation.composed import Composed
from simulator.evaluation.tasks.impressions import judged_on_impressions
from simulator.log.meta import read_meta
from simulator.log.reader import Log
from simulator.log.source import Source
from simulator.log.upload import Uploaded
from simulator.log.without import NOTHING, LogWithout, Lost, Without
from simulator.policies import Policy
from simulator.program import program
from simulator.scenario.learner import attention_faults
from simulator.scenario.model import Scenario
from simulator.scenario.promotions import promotion_warnings
from simulator.scenario.resolve import config_hash
from simulator.scenario.ticks import tick_of
from simulator.scenario.timeline import Extent, Timeline, extent_of_world, timeline
from simulator.units import format_duration, parse_duration
from simulator.windows import Windows


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does on its log."""

    scenario: Scenario
    log: Log
    methods: Sequence[ResolvedMethod]
    """Those that learn."""
    policies: Mapping[str, Policy]
    """By key; methods with equal policies share one. None under the offline protocol, which delivers nothing."""
    policy_of: Mapping[str, str]
    """Policy key of each method."""
    timeline: Timeline
    windows: Windows
    calendar: Calendar
    scale: Mapping[str, tuple[str | None, str | None]]
    """Per task, the methods that are 0 and 100 of the relative improvement."""
    tick: int
    """Step of the replay: the scenario's, or by the log's density."""
    warnings: Sequence[str] = ()
    """What the results will not show of the promotions, and why."""
    composed: Mapping[str, Composed] = field(default_factory=dict)
    """By label, the methods that serve by others."""
    lost: Lost = NOTHING
    """What no method knows of the time before the stream, for a logging bidder did not win it."""

    @property
    def identity(self) -> str:
        """What tells the run from others, but for its seed (`identity_of`)."""
        return identity_of(self.scenario, self.methods, self.log.path)

    @property
    def replay_start(self) -> int:
        """Clicks of before the stream are replayed as far back as they can still deliver something into it."""
        return max(0, self.timeline.stream_start - self.windows.lifetime)

    @property
    def source(self) -> Source:
        """What is replayed: the log, with the arrival times that the scenario's upload makes."""
        upload = self.scenario.stream.upload
        return self.log if upload is None else Uploaded(self.log, upload.upload(self.scenario.seed))

    @property
    def known(self) -> tuple[Log | LogWithout, Source]:
        """What methods know of before the stream: the log, and with the arrival times that the scenario's upload makes."""
        if self.lost is NOTHING:
            return self.log, self.source
        return LogWithout(self.log, self.lost), Without(self.source, self.lost)

    def on_impressions(self, method: ResolvedMethod) -> tuple[str, ...]:
        """Return the tasks by which a method is judged on the log's impressions: none where there are none, nor for one that
        needs estimates to serve, which are of clicks alone.
        """
        if not self.log.has_impressions or method.link.estimates:
            return ()
        return judged_on_impressions(method.link.tasks, truth=self.log.has_exposure)

    @property
    def tasks(self) -> dict[str, tuple[str, ...]]:
        """What each method serves, by label and in the scenario's order."""
        return self._of_all({m.name: m.link.tasks for m in self.methods})

    @property
    def tasks_on_impressions(self) -> dict[str, tuple[str, ...]]:
        """The tasks by which each method is judged on the log's impressions."""
        return self._of_all({m.name: self.on_impressions(m) for m in self.methods})

    def _of_all(self, tasks: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        found = with_composed(tasks, self.composed)
        return {block.label: found[block.label] for block in self.scenario.method}

    @property
    def peeking(self) -> list[str]:
        """Methods whose policy reads the future, or whose auxiliary reads the truth; what is made of them does, too."""
        peeks = {method.name for method in self.methods if method.peeks}
        return [name for name in self.tasks if peeks.intersection(learners_of(name, self.composed))]

    def settings_of(self, method: ResolvedMethod) -> dict[str, Any]:
        """Return transport, capacity and publication of a method: its own, else the engine's, else the defaults."""
        block = next(b for b in self.scenario.method if b.label == method.name)
        engine = self.scenario.engine
        every = block.publish_every if block.publish_every is not None else engine.publish_every
        if every is None:
            every = (
                self.timeline.segment
                if method.publish_every is None
                else parse_duration(method.publish_every)
            )
        delay = block.transport_delay if block.transport_delay is not None else engine.transport_delay
        return {
            "publish_every": every,
            "transport_delay": delay or 0,
            "capacity": block.capacity if block.capacity is not None else engine.capacity,
        }


def identity_of(scenario: Scenario, methods: Sequence[ResolvedMethod], log: Path | None) -> str:
    """Return what identifies a run but for its seed: its configuration, and the content of what it reads.

    ``log`` is that of ``[data]``; a world's follows from the configuration.
    """
    log_read = [] if scenario.data is None or log is None else [read_meta(log).fingerprint]
    return config_hash(scenario, [*log_read, *read_by(methods).values()])


def read_by(methods: Sequence[ResolvedMethod]) -> dict[str, str]:
    """Return by name what identifies each thing that methods read beside the log, code of the user's own included."""
    parts = (part for method in methods for part in method.parts().values() if part is not None)
    return {name: found for part in parts for name, found in {**part.code(), **part.reads()}.items()}


def policy_key(policy: Policy) -> str:
    """Return a key that equal policies share: the kind, with the parameters if there are any."""
    parameters = policy.model_dump(mode="json", exclude_defaults=True)
    return f"{policy.kind}{json.dumps(parameters, sort_keys=True) if parameters else ''}"


def _check_networks(methods: Sequence[ResolvedMethod], log: Log) -> None:
    """Refuse networks and attention that name features which the log does not have."""
    faults = []
    for method in methods:
        try:
            method.network.reading(log.features)
        except ScenarioError as error:
            faults += [f"{method.key}.network: {fault}" for fault in error.faults]
        wrong = attention_faults(method.learner.attention, log.features)
        faults += [f"{method.key}.learner.attention.{fault}" for fault in wrong]
    if faults:
        raise ScenarioError(faults)


def plan_run(scenario: Scenario, methods: Sequence[ResolvedMethod], path: Path) -> Plan:
    """Lay the scenario's methods on a log.

    Raises
    ------
    ScenarioError : the stream does not fit the log, no click of the log is in it, or a network names a feature that it does
        not have.
    """
    log = Log.open(path, time_features=scenario.time_features)
    if scenario.stream.upload is not None and log.meta.arrivals:
        raise ScenarioError(
            f"stream.upload: the events of {path} say themselves when they became known (arrival_time), so no upload can be "
            "made up for them; leave it out"
        )
    _check_impressions(methods, log)
    at_rest = Extent.of(log.meta)
    line = timeline(scenario, at_rest)
    extent = extent_of_world(scenario) or at_rest  # a world is described before it is made
    if not any(len(clicks) for clicks in log.clicks(line.stream_start, line.stream_end, features=False)):
        raise ScenarioError(
            f"stream: no click of {path} lies between {format_duration(line.stream_start)} and "
            f"{format_duration(line.stream_end)} after the log's origin; see `{program()} describe` for what it holds"
        )
    _check_networks(methods, log)
    if scenario.evaluation.entity is not None:
        check_entity(log, scenario.evaluation.entity)
    if scenario.auction is not None:
        check_auction(scenario.auction, methods, log)
    # A policy that wants predictions listens to its own method's model, and in a closed loop to what its own method won, so
    # it cannot be shared.
    policy_of = {
        m.name: policy_key(m.policy)
        + (f"@{m.name}" if m.policy.asks or m.policy.tells or scenario.auction is not None else "")
        for m in (() if scenario.offline else methods)
    }
    windows, calendar = scenario.windows.windows(), scenario.calendar(log.clock)
    lost = NOTHING
    if scenario.auction is not None and scenario.auction.history == "won":
        lost = lost_of(scenario.auction, log, calendar, windows, line, scenario.seed)
    return Plan(
        scenario,
        log,
        methods,
        {policy_of[m.name]: m.policy for m in methods if m.name in policy_of},
        policy_of,
        line,
        windows,
        calendar,
        {} if scenario.offline else scale_of(methods),  # nobody is frozen, nobody knows more
        tick_of(scenario, extent),
        promotion_warnings(scenario, extent),
        composed_of(scenario),
        lost,
    )


def _check_impressions(methods: Sequence[ResolvedMethod], log: Log) -> None:
    """Refuse methods that learn from what the log does not hold."""
    for method in methods:
        if method.listens and not log.has_impressions:
            raise ScenarioError(
                f"method {method.name!r} learns from impressions, and the log {log.meta.name!r} has none"
            )
        if method.listens == "potential" and not log.has_exposure:
            raise ScenarioError(
                f"method {method.name!r} learns what clicks would have come to, which only the log of a generated world "
                f"says, not {log.meta.name!r}"
            )
