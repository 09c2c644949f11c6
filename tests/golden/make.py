"""Run golden scenarios and write their summaries anew: python -m tests.golden.make [NAME ...]; default: all of them."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.commands import ROOT, run_directory, sim, summary_of
from tests.golden.compare import golden_of, write

FAST = ("minimal",)
"""Compared in every run of the tests."""
LONG = ("daily_upload", "flash_sale", "long_delay", "other_shop", "refund_wave", "time_features")
"""Compared with the tests that take minutes."""


def run(name: str, out: Path) -> dict[str, Any]:
    """Run a shipped scenario and return its summary."""
    scenario = ROOT / "scenarios" / f"{name}.toml"
    sim(scenario, "--out", out / "runs", "--set", f"output.cache={out / 'cache'}", "--progress", "none")
    return summary_of(run_directory(out / "runs"))


def main() -> None:
    for name in sys.argv[1:] or [*FAST, *LONG]:
        with TemporaryDirectory() as folder:
            write(name, golden_of(run(name, Path(folder))))
        print(name, flush=True)


if __name__ == "__main__":
    main()
