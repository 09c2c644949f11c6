"""Offsets: numbers added to outputs, click by click. One file each."""

from __future__ import annotations

from learners.offsets.base import OFFSETS, FixedOffset, KnownOffset, Offset, Terms

__all__ = ["OFFSETS", "FixedOffset", "KnownOffset", "Offset", "Terms"]
