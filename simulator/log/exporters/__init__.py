"""Exporters: a log in the files of published data sets, or as one flat table; one small file each."""

from simulator.log.exporters import ali_ccp, ali_express, cascade, criteo, flat, trace
from simulator.log.exporters.base import EXPORTERS, Asked, Exported, Exporter, export_log

__all__ = [
    "EXPORTERS",
    "Asked",
    "Exported",
    "Exporter",
    "ali_ccp",
    "ali_express",
    "cascade",
    "criteo",
    "export_log",
    "flat",
    "trace",
]
