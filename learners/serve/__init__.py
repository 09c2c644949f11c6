"""Links: from the raw outputs of the published network to what is served. One file each."""

from __future__ import annotations

from learners.serve.base import LINKS, Link

__all__ = ["LINKS", "Link"]
