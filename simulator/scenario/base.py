"""What every block of a scenario shares: frozen, typed, no unknown keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Block(BaseModel):
    """A table of the scenario. Unknown keys are errors; defaults are validated like what a user writes."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)
