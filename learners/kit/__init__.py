"""The conformance kit: what every part must hold, built-in or somebody's own (`sim.py check`)."""

from learners.kit.parts import FAMILIES_CHECKED, check_part, found_parts

__all__ = ["FAMILIES_CHECKED", "check_part", "found_parts"]
