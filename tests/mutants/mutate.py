"""One-token faults of a module: what each of them changes, and the module's code with one of them planted.

Queries are code here, and the tools that there are do not plant faults in them: cosmic-ray 8.7.0 has no operator for texts, and
mutmut 3.8.1 puts plain ones in upper or lower case or between two XX, and leaves formatted ones as they are. In log/refunds.py
28 of our 40 faults are inside a query.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from types import CodeType

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"minimum": "maximum", "maximum": "minimum", "min": "max", "max": "min", "any": "all", "all": "any"}
WORDS = {"left": "right", "right": "left"}
SQL = re.compile(r"\b(SELECT|CASE|WHERE|ORDER BY|PARTITION BY|UPDATE|NOT|AND|count)\b|[<>]|\b\w+ = 0\b")
SQL_SWAPS = {
    "<=": "<", ">=": ">", "<": "<=", ">": ">=", " = 0": " = 1", " AND ": " OR ", " OR ": " AND ",
    "count(*) > 1": "count(*) > 2",
    "IS NULL": "IS NOT NULL", "IS NOT NULL": "IS NULL", "min(": "max(", "least(": "greatest(", "sum(amount)": "max(amount)",
    " - ": " + ", "NOT coalesce": "coalesce", "ANTI JOIN": "SEMI JOIN", "SEMI JOIN": "ANTI JOIN", "NOT BETWEEN": "BETWEEN",
    "NOT isfinite": "isfinite", "abs(": "(", "UNION ALL": "EXCEPT ALL",
}  # fmt: skip
"""Queries are code in strings: each of these texts in one is a place for a fault."""


@dataclass(frozen=True)
class Mutant:
    """A fault: ``name`` says where it is and what it changes, in words that outlast an edit elsewhere in the file."""

    name: str
    place: int
    """The node, in the order of a walk."""
    variant: int


class _Visitor:
    """Walks over what can hold a fault: no annotations, docstrings, decorators, messages, or statements for readers."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes: list[tuple[ast.AST, str]] = []
        self._visit(tree, "")

    def _visit(self, node: ast.AST, where: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            where = f"{where}.{node.name}".lstrip(".")
        self.nodes.append((node, where))
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list", "type_params"}:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _skipped(child):
                    self._visit(child, where)


def _skipped(node: ast.AST) -> bool:
    match node:
        case ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom() | ast.JoinedStr():
            # Parts of a formatted string are messages, but for queries.
            return not (isinstance(node, ast.JoinedStr) and SQL.search(ast.unparse(node)))
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.AnnAssign(value=None):
            return True
        case ast.Assign(value=ast.Subscript()) if all(isinstance(t, ast.Name) for t in node.targets):
            return isinstance(node.targets[0], ast.Name) and node.targets[0].id[:1].isupper()
    return False


def _variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield each way to make a node wrong: what it changes, and the node to put in its place."""

    def changed(**fields: object) -> ast.AST:
        other = deepcopy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return other

    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield _said(node, other := changed(ops=[SWAPS[type(op)]()])), other
        case ast.BinOp() if type(node.op) in SWAPS and not _texts(node):
            yield _said(node, other := changed(op=SWAPS[type(node.op)]())), other
        case ast.AugAssign() if type(node.op) in SWAPS:
            yield _said(node, other := changed(op=SWAPS[type(node.op)]())), other
        case ast.BoolOp():
            yield _said(node, other := changed(op=SWAPS[type(node.op)]())), other
        case ast.UnaryOp(op=ast.Not() | ast.Invert() | ast.USub()):
            yield _said(node, node.operand), node.operand
        case ast.IfExp():
            yield _said(node, other := changed(body=node.orelse, orelse=node.body)), other
        case ast.If() | ast.While():
            yield f"{_short(node.test)} -> not", changed(test=ast.UnaryOp(ast.Not(), node.test))
        case ast.Expr(value=ast.Call()):
            yield f"{_short(node)} -> pass", ast.Pass()
        case ast.Attribute(attr=name) if name in NAMES:
            yield _said(node, other := changed(attr=NAMES[name])), other
        case ast.Name(id=name) if name in NAMES:
            yield f"{name} -> {NAMES[name]}", changed(id=NAMES[name])
        case ast.Constant(value=bool() as value):
            yield f"{value} -> {not value}", changed(value=not value)
        case ast.Constant(value=int() | float() as number):
            yield f"{number} -> {number + 1}", changed(value=number + 1)
        case ast.Constant(value=str() as text) if text in WORDS:
            yield f"{text} -> {WORDS[text]}", changed(value=WORDS[text])
        case ast.Constant(value=str() as text) if SQL.search(text):
            for start, old, new in _in_query(text):
                wrong = text[:start] + new + text[start + len(old) :]
                around = re.sub(r"\s+", " ", text[max(0, start - 20) : start + len(old) + 20]).strip()
                yield f"'{around}': {old.strip()} -> {new.strip()}", changed(value=wrong)


def _in_query(text: str) -> Iterator[tuple[int, str, str]]:
    taken: set[int] = set()
    for old in sorted(SQL_SWAPS, key=len, reverse=True):
        for found in re.finditer(re.escape(old), text):
            span = set(range(*found.span()))
            if not span & taken:
                taken |= span
                yield found.start(), old, SQL_SWAPS[old]


def _texts(node: ast.BinOp) -> bool:
    """Whether it joins texts."""
    return any(
        isinstance(part, ast.JoinedStr) or (isinstance(part, ast.Constant) and isinstance(part.value, str))
        for part in (node.left, node.right)
    )


def _short(node: ast.AST) -> str:
    text = re.sub(r"\s+", " ", ast.unparse(node))
    return text if len(text) <= 90 else f"{text[:60]}...{text[-27:]}"


def _said(before: ast.AST, after: ast.AST) -> str:
    return f"{_short(before)} -> {_short(after)}"


def mutants(source: str) -> list[Mutant]:
    """Return all faults of a module, in the order of its text."""
    found, seen = [], Counter[str]()
    for place, (node, where) in enumerate(_Visitor(ast.parse(source)).nodes):
        for variant, (change, _) in enumerate(_variants(node)):
            name = f"{where or 'module'}: {change}"
            seen[name] += 1
            found.append(Mutant(name if seen[name] == 1 else f"{name} ({seen[name]})", place, variant))
    return found


def planted(source: str, mutant: Mutant, filename: str) -> CodeType:
    """Return the code of the module with one fault."""
    tree = ast.parse(source)
    target = _Visitor(tree).nodes[mutant.place][0]
    wrong = list(_variants(target))[mutant.variant][1]

    class Plant(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return ast.copy_location(wrong, node) if node is target else self.generic_visit(node)

    return compile(ast.fix_missing_locations(Plant().visit(tree)), filename, "exec", dont_inherit=True)
