"""What no file of the project may do: read the clock, draw from a global generator, trust a pickle, grow too long."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from simulator.plugins import SHIPPED
from tests.commands import ROOT

SOURCES = [
    ROOT / "sim.py",
    *sorted((ROOT / "simulator").rglob("*.py")),
    *sorted((ROOT / "learners").rglob("*.py")),
    *sorted((ROOT / "tests" / "matching").rglob("*.py")),
]
LONGEST, LONGEST_TEST = 300, 400
"""Lines of a file of the product, and of one of tests."""

CLOCKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns",
    "time.process_time", "time.localtime", "time.gmtime", "datetime.datetime.now", "datetime.datetime.utcnow",
    "datetime.datetime.today", "datetime.date.today",
}  # fmt: skip
MAY_READ_THE_CLOCK = {
    "learners/precision.py": 'which precision is faster here, for precision = "auto" alone, and written down',
    "learners/session/ending.py": "seconds by activity, for the summary",
    "learners/session/jobs.py": "how long a run of a sweep took, for its account",
    "simulator/live/listen.py": "which partition is idle, that a stream without records stands still for nobody",
    "simulator/live/topics.py": "how long a broker may take to say what it holds",
    "simulator/report/progress.py": "events per second and time left, for the eye",
    "simulator/report/live.py": "time spent, for the eye",
    "simulator/rundir.py": "when a run began and ended, for the manifest",
}
NUMPY_RANDOM = {"numpy.random.Generator", "numpy.random.SeedSequence", "numpy.random.PCG64DXSM"}
"""A bit generator made of a seed sequence, and its types; the rest of the module is global or seeded by accident."""
TORCH_DRAWS = {
    "rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson", "rand_like", "randn_like",
    "randint_like", "normal_", "uniform_", "bernoulli_", "exponential_", "random_", "geometric_", "cauchy_", "log_normal_",
}  # fmt: skip
TORCH_GLOBAL = {
    "torch.manual_seed", "torch.seed", "torch.set_rng_state", "torch.get_rng_state", "torch.default_generator",
    "torch.nn.functional.dropout", "torch.nn.Dropout",
}  # fmt: skip
UNPICKLING = {
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "dill.load",
    "joblib.load",
    "marshal.load",
    "shelve.open",
}
MAY_UNPICKLE = {
    "simulator/log/importers/mapping.py": "published mapping files, by a reader that can look up plain containers only",
}
ORDER_FREE = {"sorted", "len", "min", "max", "sum", "any", "all", "set", "frozenset", "bool"}
"""Calls whose result does not depend on the order of what they are given (sums of integers; floats have numpy's)."""

Finding = tuple[int, str]


class Names(ast.NodeVisitor):
    """What each name of a module was imported as."""

    def __init__(self, tree: ast.Module) -> None:
        self.known: dict[str, str] = {}
        self.visit(tree)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.known[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.known[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def full(self, node: ast.AST) -> str:
        """Return ``numpy.random.rand`` for ``np.random.rand``; an empty text for what is no imported name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.known:
            return ""
        return ".".join([self.known[node.id], *reversed(parts)])


def wall_clock(tree: ast.Module, names: Names) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and names.full(node) in CLOCKS:
            yield node.lineno, names.full(node)


def global_randomness(tree: ast.Module, names: Names) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            full = names.full(node)
            numpys = full.startswith("numpy.random.") and full not in NUMPY_RANDOM
            if full == "random" or full.startswith(("random.", "secrets.")) or full in TORCH_GLOBAL or numpys:
                yield node.lineno, full
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in TORCH_DRAWS
        ):
            in_place, full = node.func.attr.endswith("_"), names.full(node.func)
            if (in_place or full.startswith("torch.")) and "generator" not in {k.arg for k in node.keywords}:
                yield node.lineno, f"{node.func.attr} without a generator"
    imported = {name for name in names.known.values() if name.split(".")[0] in {"random", "secrets"}}
    yield from ((1, f"import of {name}") for name in sorted(imported))


def trusting(tree: ast.Module, names: Names) -> Iterator[Finding]:
    """What runs code or believes a file: eval, exec, unpickling, loads that would unpickle; and salted hashes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and names.full(node) in UNPICKLING:
            yield node.lineno, names.full(node)
        if not isinstance(node, ast.Call):
            continue
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        if isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec", "hash", "__import__"}:
            yield node.lineno, node.func.id
        if names.full(node.func) == "torch.load" and given.get("weights_only") != "True":
            yield node.lineno, "torch.load without weights_only=True"
        if names.full(node.func) == "numpy.load" and given.get("allow_pickle") != "False":
            yield node.lineno, "numpy.load without allow_pickle=False"


def order_of_sets(tree: ast.Module, _: Names) -> Iterator[Finding]:
    """Iterations over sets, whose order changes with the hash seed, unless the result cannot depend on it."""
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.Module):
            nodes = list(_own(scope))
            sets = {
                target.id
                for node in nodes
                if isinstance(node, ast.Assign) and _is_set(node.value, set())
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            free = {
                id(a)
                for n in nodes
                if isinstance(n, ast.Call) and ast.unparse(n.func) in ORDER_FREE
                for a in n.args
            }
            for node in nodes:
                for iterated in _iterated(node, free):
                    if _is_set(iterated, sets):
                        yield node.lineno, f"iterates over the set {ast.unparse(iterated)}"


def _own(scope: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Walk a function without the functions in it."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.expr | ast.stmt):
            yield child
        if not isinstance(child, ast.FunctionDef):
            yield from _own(child)


def _iterated(node: ast.AST, free: set[int]) -> Iterator[ast.expr]:
    if isinstance(node, ast.For):
        yield node.iter
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp) and id(node) not in free:
        yield from (g.iter for g in node.generators)
    if isinstance(node, ast.List | ast.Tuple) and id(node) not in free:
        yield from (e.value for e in node.elts if isinstance(e, ast.Starred))
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {
        "list",
        "tuple",
        "enumerate",
        "iter",
        "dict.fromkeys",
    }:
        yield from node.args
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"join", "extend"}
    ):
        yield from node.args


def _is_set(node: ast.expr, sets: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Name(id=name):
            return name in sets
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr() | ast.Sub() | ast.BitXor(), right=right):
            return _is_set(left, sets) or _is_set(right, sets)
    return False


def findings(rule: Callable[[ast.Module, Names], Iterator[Finding]]) -> list[str]:
    found = []
    for path in SOURCES:
        tree, place = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(ROOT).as_posix()
        found += [f"{place}:{line}: {what}" for line, what in rule(tree, Names(tree))]
    return found


def test_wall_time_decides_nothing():
    found = findings(wall_clock)
    assert {line.partition(":")[0] for line in found} == set(MAY_READ_THE_CLOCK), found


def test_nothing_is_unordered():
    assert findings(order_of_sets) == []


def test_nothing_is_drawn_globally():
    """The kit alone looks at the state of the global generator, to tell that nobody has drawn from it."""
    found = [line.rpartition(": ")[::2] for line in findings(global_randomness)]
    assert {(place.partition(":")[0], what) for place, what in found} == {
        ("learners/kit/networks.py", "torch.get_rng_state")
    }


def test_nothing_is_trusted():
    """The one unpickler is a subclass that decides itself what it looks up; nothing else unpickles."""
    allowed = dict.fromkeys(MAY_UNPICKLE, "pickle.Unpickler")
    found = [line.rpartition(": ")[::2] for line in findings(trusting)]
    assert [(place.partition(":")[0], what) for place, what in found] == list(allowed.items())


NO_NAMES_OF = re.compile(r"settlement|posterior|evidence", re.IGNORECASE)
"""Words of a method of our own, which comes in by the doors that are open to everybody."""
MAY_NAME_IT = {"simulator/plugins.py": "the one list of packages that are shipped"}


def test_the_generic_layers_do_not_know_the_method_of_the_house():
    """It would be the only one that can do what it does; the word that opens the doors is in one place."""
    shipped = [ROOT.joinpath(*package.split(".")) for package in SHIPPED]
    files = [p for p in SOURCES if not any(map(p.is_relative_to, shipped)) and "tests" not in p.parts]
    files += (ROOT / "simulator" / "report").glob("*.j2")
    named = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if NO_NAMES_OF.search(path.read_text(encoding="utf-8"))
    }
    assert named == set(MAY_NAME_IT)


def test_files_stay_short():
    most = dict.fromkeys((ROOT / "tests").rglob("*.py"), LONGEST_TEST) | dict.fromkeys(SOURCES, LONGEST)
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in most}
    assert {path: n for path, n in lengths.items() if n > most[path]} == {}


def test_every_exception_from_the_linter_has_its_reason():
    written = [
        (path.relative_to(ROOT).as_posix(), line)
        for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"#.*\bnoqa\b", line)
    ]
    reasoned = re.compile(r"# (ruff: )?noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \w")
    assert [
        place
        for place in written
        if place[0] != "tests/test_conventions.py" and not reasoned.search(place[1])
    ] == []
    lint = (
        (ROOT / "pyproject.toml")
        .read_text(encoding="utf-8")
        .partition("[tool.ruff.lint]")[2]
        .partition("[tool.mypy]")[0]
    )
    codes = re.findall(r'^ +"[A-Z]+\d*",.*$', lint, re.MULTILINE)
    assert len(codes) > 30
    assert [line for line in codes if not re.fullmatch(r' +"[A-Z]+\d*",  # \w.+', line)] == []


BAD = """
import random, time, pickle, torch
import numpy as np
from datetime import datetime as d
from time import perf_counter

def f(x, names):
    a, b = time.time(), perf_counter()
    d.now()
    np.random.seed(1)
    np.random.default_rng()
    torch.manual_seed(0)
    torch.randn(3)
    x.normal_(0, 1)
    random.random()
    eval("1")
    pickle.load(x)
    torch.load(x)
    np.load(x)
    chosen = {n for n in names}
    for n in chosen:
        print(n)
    return [n for n in set(names)], ", ".join({1, 2}), hash("a")
"""
GOOD = """
import torch
import numpy as np

def f(x, names, rng: np.random.Generator, generator):
    x.normal_(0, 1, generator=generator)
    torch.load(x, weights_only=True)
    rng.normal()
    chosen = {n for n in names}
    return sorted(n for n in chosen), max(len(n) for n in chosen), [n for n in names if n in chosen]
"""


@pytest.mark.parametrize(
    ("rule", "count"), [(wall_clock, 3), (global_randomness, 8), (trusting, 5), (order_of_sets, 3)]
)
def test_the_rules_see_what_they_forbid(rule, count):
    for text, expected in ((BAD, count), (GOOD, 0)):
        tree = ast.parse(text)
        found = list(rule(tree, Names(tree)))
        assert len(found) == expected, found
