"""The audit of delay policies: what is delivered depends on the past of each journey alone."""

from simulator.audit.futures import in_memory
from simulator.audit.judge import AuditReport, Leak, audit
from simulator.audit.model import AnyModel

__all__ = ["AnyModel", "AuditReport", "Leak", "audit", "in_memory"]
