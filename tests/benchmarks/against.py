"""Measure another revision and the working tree side by side: ``python -m tests.benchmarks.against REV [PART...]``.

REV is laid out in a temporary directory. Every part is measured in processes of its own, REV and the working tree by turns,
and what is printed is the median of each, their ratio, and the ratios of the single rounds: on a busy machine trust
processor time and the medians. Without a PART all of them are measured, which takes an hour.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from tests.benchmarks.measures import PARTS

ROOT = Path(__file__).parents[2]
Round = Mapping[str, float]
"""What was measured once, by name (the unit is its last word)."""


def lay_out(revision: str, folder: Path) -> Path:
    """Put the files of a revision into a folder, and return it."""
    done = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{revision!r} is no revision of this repository; `git log --oneline` lists them")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def measured(part: str, tree: Path, scratch: Path, overrides: Sequence[str]) -> Round | str:
    """Measure a part of a tree in a fresh process; a text says why it cannot be."""
    scratch.mkdir(exist_ok=True)
    # Code is compiled in the first round, whatever the surroundings say of compiled files.
    compiled = {"PYTHONPYCACHEPREFIX": str(scratch / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("measures.py"), part, tree, scratch, *overrides],
        cwd=scratch,
        env={**os.environ, **compiled, "PYTHONPATH": str(tree), "OMP_WAIT_POLICY": "passive"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return (done.stderr.strip() or done.stdout.strip() or "no reason told").splitlines()[-1]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def lines(old: Sequence[Round], new: Sequence[Round]) -> list[str]:
    """Return, for what both measured, the medians, the ratio of the new one to the old one, and the rounds' ratios."""
    told = []
    for name in old[0]:
        if name not in new[0]:
            continue
        before, after = ([found[name] for found in rounds] for rounds in (old, new))
        each = sorted(b / a for a, b in zip(before, after, strict=True) if a)
        spread = f"  ({each[0]:.2f} to {each[-1]:.2f})" if len(each) > 1 else ""
        ratio = f"{median(after) / median(before):.2f}" if median(before) else "-"
        told.append(f"  {name:44} {median(before):12.6g} {median(after):12.6g}   {ratio:>6}{spread}")
    return told


def compare(part: str, trees: Mapping[str, Path], rounds: int, overrides: Sequence[str]) -> None:
    """Measure a part of both trees by turns, and print what came of it."""
    found: dict[str, list[Round]] = {name: [] for name in trees}
    print(f"{part}:", flush=True)
    for turn in range(rounds):
        for name in sorted(trees, reverse=bool(turn % 2)):
            own = overrides if name == "new" else ()
            once = measured(part, trees[name], trees["old"].parent / f"{name}.scratch", own)
            if isinstance(once, str):
                print(f"  cannot be measured of the {name} one: {once}")
                return
            found[name].append(once)
    print("\n".join(lines(found["old"], found["new"])), flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Compare as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.against", description=__doc__)
    parser.add_argument("revision", metavar="REV", help="what is measured beside the working tree")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE",
                        help="a setting of the working tree's scenarios alone")  # fmt: skip
    told = parser.parse_args(argv)
    if strange := [part for part in told.parts if part not in PARTS]:
        parser.error(f"{strange[0]!r} is no part; allowed: {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="against-") as folder:
        old = Path(folder) / "old"
        trees = {"old": lay_out(told.revision, old), "new": ROOT}
        print(f"{'':46} {told.revision[:12]:>12} {'here':>12}   {'ratio':>6}")
        for part in told.parts or PARTS:
            compare(part, trees, told.rounds, told.overrides)


if __name__ == "__main__":
    main()
