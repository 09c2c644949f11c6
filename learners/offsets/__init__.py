"""Offsets: numbers added to outputs, click by click. One file each."""

from __future__ import annotations

from learners.offsets.base import OFFSETS, KnownOffset, Offset

__all__ = ["OFFSETS", "KnownOffset", "Offset"]
