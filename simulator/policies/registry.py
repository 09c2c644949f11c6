"""Three doors for a policy: the decorator, an entry point of the group ``afterclick.policies``, or "module:Class"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.parts import Registry
from simulator.policies.base import Policy

POLICIES: Registry[Policy] = Registry("policy", "policies", "simulator.policies", Policy)

policy = POLICIES.register


def policy_from(spec: str | Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Policy:
    """Build a policy from its name, or from a table with ``kind`` and the parameters of that kind.

    ``defaults`` fill in parameters that the policy has and the table leaves out (the observation window of the scenario).

    Raises
    ------
    ScenarioError : unknown policy, unknown parameter, or a value that is not allowed; all faults at once.
    """
    return POLICIES.parse(spec, "policy", fill=defaults)
