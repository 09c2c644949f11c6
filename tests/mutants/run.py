"""Plant faults one at a time, each in a process of its own, and see whether the nearest tests fail."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import random
import resource
import signal
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.modules import TESTS
from tests.mutants.mutate import Mutant, mutants, planted

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "numpy", "scipy.stats", "sklearn.metrics", "pyarrow.parquet", "pyarrow.compute", "duckdb", "pydantic", "simpy", "torch",
    "hypothesis.strategies", "pytest", "rich.console", "jinja2",
)  # fmt: skip
"""What the tests load anyway: loaded once, before the processes part. Nothing of ours is among them."""
SEED = 0
EXAMPLES = 30
"""At most so many of every property test: most faults fail on the first few."""
PATIENCE = 4.0
"""A fault that makes the tests take this many times the processor's time counts as found: that of the clock on the wall
depends on what else the computer does."""
LONGEST = 3600.0
"""Seconds of the clock on the wall that the tests may take without a fault; with one, `PATIENCE` squared times their own."""


class _Planting(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Gives one module its faulty code when it is imported."""

    def __init__(self, name: str, path: Path, mutant: Mutant | None) -> None:
        self._name, self._path, self._mutant = name, path, mutant

    def find_spec(self, fullname, path=None, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def get_filename(self, fullname):
        return str(self._path)

    def get_data(self, path):
        return Path(path).read_bytes()

    def get_code(self, fullname):
        source = self._path.read_text(encoding="utf-8")
        if self._mutant is None:
            return compile(source, str(self._path), "exec", dont_inherit=True)
        return planted(source, self._mutant, str(self._path))


@dataclass
class Outcome:
    """What became of a module's faults."""

    module: str
    tried: int
    every: int
    """How many faults there are."""
    survivors: list[str] = field(default_factory=list)

    @property
    def equivalent(self) -> list[str]:
        """Survivors that are known to change nothing."""
        return [name for name in self.survivors if name in explained(self.module)]

    @property
    def missed(self) -> list[str]:
        """Survivors that a test should have found."""
        return [name for name in self.survivors if name not in explained(self.module)]

    @property
    def killed(self) -> float:
        """Share of the faults that change anything which the tests found."""
        real = self.tried - len(self.equivalent)
        return 1.0 if not real else 1 - len(self.missed) / real

    def __str__(self) -> str:
        said = f"{self.module}: {100 * self.killed:.0f} % of {self.tried - len(self.equivalent)} killed"
        return said + f" ({len(self.equivalent)} equivalent, {self.tried} of {self.every} tried)"


def explained(module: str) -> dict[str, str]:
    """Return the faults of a module that no test can find, with the reasons."""
    text = Path(__file__).with_name("survivors.toml").read_text(encoding="utf-8")
    found: dict[str, str] = tomllib.loads(text).get(module, {})
    return found


def check(module: str, most: int | None = None, *, only: Sequence[str] = ()) -> Outcome:
    """Try the faults of a module, or ``most`` of them drawn by a fixed seed; ``only`` those named.

    Raises
    ------
    AssertionError : the tests fail without any fault.
    """
    for name in HEAVY:
        importlib.import_module(name)
    source = (ROOT / module).read_text(encoding="utf-8")
    every = mutants(source)
    chosen = every if most is None or most >= len(every) else random.Random(SEED).sample(every, most)
    chosen = [mutant for mutant in chosen if not only or mutant.name in only]
    start = time.monotonic()
    passed, spent = _passes(module, None, LONGEST, LONGEST)
    assert passed, f"{module}: its tests fail as it is: {' '.join(TESTS[module])}"
    busy, waiting = max(10.0, PATIENCE * spent), max(60.0, PATIENCE**2 * (time.monotonic() - start))
    outcome = Outcome(module, len(chosen), len(every))
    outcome.survivors = [mutant.name for mutant in chosen if _passes(module, mutant, busy, waiting)[0]]
    return outcome


def _passes(module: str, mutant: Mutant | None, busy: float, waiting: float) -> tuple[bool, float]:
    """Run the tests in a process of their own; whether they pass in time, and the processor time that they took.

    Parameters
    ----------
    busy, waiting : seconds that they may take, of the processor and of the clock on the wall.
    """
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (int(busy) + 1, int(busy) + 1))
        os._exit(_tests(module, mutant))
    deadline = time.monotonic() + waiting
    while time.monotonic() < deadline:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0, used.ru_utime + used.ru_stime
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False, busy


def _tests(module: str, mutant: Mutant | None) -> int:
    import hypothesis
    import pytest

    for name in [name for name in sys.modules if name.split(".")[0] in {"simulator", "learners"}]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Planting(module.removesuffix(".py").replace("/", "."), ROOT / module, mutant))
    os.chdir(ROOT)
    with TemporaryDirectory() as folder, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        # Whether is asked, not the smallest example.
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutants", phases=phases, database=None, derandomize=True, deadline=None
        )
        _few_examples(hypothesis.settings)
        words = [
            "-x",
            "-q",
            "--tb=no",
            "--hypothesis-profile=mutants",
            f"--basetemp={folder}/t",
            *TESTS[module],
        ]
        try:
            return int(pytest.main(words))
        except BaseException:  # noqa: BLE001 - whatever ends the tests is a failure
            return 1


def _few_examples(settings):
    made = settings.__init__

    def init(self, parent=None, **given):
        if isinstance(most := given.get("max_examples"), int):
            given["max_examples"] = min(most, EXAMPLES)
        made(self, parent, **given)

    settings.__init__ = init
