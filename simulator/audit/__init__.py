"""The audit of delay policies: what is delivered depends on the past of each journey alone."""

from simulator.audit.futures import in_memory
from simulator.audit.judge import AuditReport, Leak, audit
from simulator.audit.model import AnyModel
from simulator.audit.shown import impressions_in_memory

__all__ = ["AnyModel", "AuditReport", "Leak", "audit", "impressions_in_memory", "in_memory"]
