"""What a log holds: facts phase by phase, and one fact sheet for real and synthetic logs alike."""

from simulator.log.facts.phases import PhaseFacts, day_facts, facts_table, phase_facts
from simulator.log.facts.sheet import FactSheet, fact_sheet
from simulator.log.facts.tables import sheet_tables

__all__ = ["FactSheet", "PhaseFacts", "day_facts", "fact_sheet", "facts_table", "phase_facts", "sheet_tables"]
