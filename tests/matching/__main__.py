"""``python -m tests.matching PRESET [--seed N] [--step TEXT]``."""

from __future__ import annotations

import argparse
import sys

from simulator.errors import ScenarioError
from tests.matching import blend, cascade, taobao_mobile, trace
from tests.matching.engine import fit, report

_STEPS = {
    "blend": blend.steps,
    "cascade": cascade.steps,
    "trace": trace.steps,
    "taobao-mobile": taobao_mobile.steps,
}


def main(arguments: list[str] | None = None) -> None:
    """Fit every step of a preset; print moments before and after, and the constants for the preset's file."""
    parser = argparse.ArgumentParser(prog="python -m tests.matching", description=__doc__)
    parser.add_argument("preset", choices=sorted(_STEPS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", default="", help="only the steps whose name has this in it")
    chosen = parser.parse_args(arguments)
    try:
        for step in _STEPS[chosen.preset](chosen.seed):
            if chosen.step in step.name:
                print(report(fit(step)), flush=True)
    except ScenarioError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
