"""Write tests/golden/minimal.out anew from a finished run: python tests/golden/make.py RUN."""

from __future__ import annotations

import json
import sys
from pathlib import Path

METRICS = ("auc", "prauc", "nll", "pcoc", "regret_nll")


def main(run: Path) -> None:
    found = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    lines = ["# scenarios/minimal.toml: method task metric value; task - is a count of the policy's costs"]
    for method, tasks in found["methods"].items():
        for task, values in tasks.items():
            lines += [f"{method} {task} {metric} {values[metric]:.4f}" for metric in METRICS]
        lines += [
            f"{method} - {name} {found['costs'][method][name]}" for name in ("samples", "clicks", "steps")
        ]
    Path(__file__).with_name("minimal.out").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
