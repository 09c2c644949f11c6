"""Networks: embedded features to one raw output per head. One file each."""

from __future__ import annotations

from learners.networks.base import NETWORKS, Network

__all__ = ["NETWORKS", "Network"]
