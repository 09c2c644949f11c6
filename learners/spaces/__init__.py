"""Space corrections: how conversions are learnt when most impressions were never clicked. One file each."""

from __future__ import annotations

from learners.spaces.base import SPACES, Space

__all__ = ["SPACES", "Space"]
