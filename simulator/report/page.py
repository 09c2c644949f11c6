"""A self-contained page: a template of this package, and figures, which `chart.js` draws; it loads nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.atomic import write_text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_HERE = Path(__file__).parent
_SHORT = 4
"""Lists of as many items stay where they are."""


def write_page(path: Path, template: str, drawn: Mapping[str, Figure | None], **values: Any) -> None:
    """Write a self-contained page from a template of this package, with its figures by name; aside, then renamed."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    shown = {name: figure.to_plotly_json() for name, figure in drawn.items() if figure is not None}
    lists: dict[str, int] = {}
    lean = _lean(shown, lists)
    page = environment.get_template(template).render(
        figures=shown,
        lists_json=f"[{','.join(map(_script_safe, lists))}]",
        figures_json=_script_safe(_json(lean)),
        **values,
    )
    write_text(path, page)


def _lean(value: Any, lists: dict[str, int]) -> Any:
    """Put plain lists of figures among the ``lists`` of a page, each once: many lines share their instants."""
    if isinstance(value, Mapping):
        return {key: _lean(item, lists) for key, item in value.items()}
    if not isinstance(value, list | tuple):
        return value
    if len(value) > _SHORT and not any(isinstance(item, Mapping | list | tuple) for item in value):
        return {"$": lists.setdefault(_json(value), len(lists))}
    return [_lean(item, lists) for item in value]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _script_safe(text: str) -> str:
    """Make JSON safe inside a script element: no text in it can end the element or open a comment."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
