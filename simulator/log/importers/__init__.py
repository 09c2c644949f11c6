"""Importers of public logs in their original formats; one small file each."""

from simulator.log.importers import ali_ccp, ali_express, cascade, criteo, online_retail, trace
from simulator.log.importers.base import IMPORTERS, Choices, Importer, Journeys, import_log

__all__ = [
    "IMPORTERS",
    "Choices",
    "Importer",
    "Journeys",
    "ali_ccp",
    "ali_express",
    "cascade",
    "criteo",
    "import_log",
    "online_retail",
    "trace",
]
