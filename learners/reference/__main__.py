"""``python -m learners.reference [FOLDER]``: write the reference of scenario keys, and the schema for editors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from learners.reference.page import reference_page
from learners.reference.schema import scenario_schema

PAGE, SCHEMA = "reference.md", "scenario.schema.json"


def texts() -> dict[str, str]:
    """Return the text of each file."""
    schema = scenario_schema()
    return {PAGE: reference_page(schema), SCHEMA: json.dumps(schema, indent=1, ensure_ascii=False) + "\n"}


def main(folder: Path) -> None:
    """Write both files."""
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
