"""Importers of public logs in their original formats; one small file each."""

from simulator.log.importers import online_retail, retailrocket, taobao
from simulator.log.importers.base import IMPORTERS, Importer, Journeys, import_log

__all__ = ["IMPORTERS", "Importer", "Journeys", "import_log", "online_retail", "retailrocket", "taobao"]
