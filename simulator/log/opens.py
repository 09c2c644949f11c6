"""What may open a journey where a log holds several kinds of touches; light, since the command line reads it."""

from __future__ import annotations

from typing import Literal

Opens = Literal["view", "cart", "favourite"]
