"""Delay policies: when is which label delivered, and how is it corrected later."""

from simulator.policies.base import Policy, Windowed
from simulator.policies.registry import POLICIES, policy, policy_from

__all__ = ["POLICIES", "Policy", "Windowed", "policy", "policy_from"]
