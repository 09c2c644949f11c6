"""Measure how many planted faults the tests find: python -m tests.mutants [--all | --most N] [MODULE ...]."""

from __future__ import annotations

import argparse
import sys

from tests.mutants.modules import TESTS
from tests.mutants.run import check


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="paths, or what is in them; default: all central modules")
    parser.add_argument("--all", action="store_true", help="try every fault")
    parser.add_argument("--most", type=int, default=25, help="else so many of each module (default 25)")
    parser.add_argument("--least", type=float, default=0.9, help="share that must be killed (default .9)")
    options = parser.parse_args()
    modules = [m for m in TESTS if not options.modules or any(word in m for word in options.modules)]
    failed = False
    for module in modules:
        outcome = check(module, None if options.all else options.most)
        print(outcome, *(f"  {name}" for name in outcome.missed), sep="\n", flush=True)
        failed |= outcome.killed < options.least
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
