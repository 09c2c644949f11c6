"""Plant faults one at a time, each in a process of its own, and see whether the nearest tests fail."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

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
PATIENCE = 10.0
"""A fault that makes the tests this many times as slow counts as found."""

_LOG = "tests/simulator/log/"
_EVALUATION = "tests/simulator/evaluation/"
_POLICIES = "tests/simulator/policies/"
TESTS: dict[str, tuple[str, ...]] = {
    **{
        f"simulator/policies/{name}.py": (_POLICIES + "test_golden_deliveries.py", _POLICIES + "test_closed_form.py")
        for name in (
            "complete", "duplicate", "elapsed_time", "fake_negative", "in_window", "multi_window", "oracle", "real_negative",
            "satellites", "waiting_window",
        )
    },
    **{
        f"simulator/policies/{name}.py": (_POLICIES + "test_golden_gmv.py", _POLICIES + "test_closed_form.py")
        for name in ("partial_gmv", "windowed_gmv")
    },
    **{
        f"learners/objectives/{name}.py": ("tests/learners/test_objectives.py", f"tests/learners/{test}.py")
        for name, test in {
            **dict.fromkeys(("bi_defuse", "ddfm", "defer", "defuse", "dfm", "es_dfm", "fnw"), "test_cvr_objectives"),
            **dict.fromkeys(("dfsn", "fsiw", "miss"), "test_cvr_objectives"),
            **dict.fromkeys(("hurdle", "log_mae", "quantile", "reader", "routed_log_mae", "ziln"), "test_gmv_objectives"),
            **dict.fromkeys(("ranking", "tesla"), "test_tesla"),
            "cascade": "test_cascade",
        }.items()
    },
    "learners/batch.py": ("tests/learners/test_objectives.py", "tests/learners/test_cvr_objectives.py"),
    "learners/journal.py": ("tests/learners/test_journal.py",),
    "simulator/evaluation/metrics.py": (_EVALUATION + "test_metrics.py", _EVALUATION + "test_amounts.py"),
    "simulator/evaluation/cells.py": (_EVALUATION + "test_cells.py", _EVALUATION + "test_ledger.py"),
    "simulator/engine/waves.py": ("tests/simulator/engine/test_order.py", "tests/simulator/engine/test_engine.py"),
    "simulator/pipeline/mailbox.py": ("tests/simulator/pipeline/test_pipeline.py",),
    "simulator/log/quarantine.py": (_LOG + "test_reasons.py", _LOG + "test_ingest.py"),
    "simulator/log/refunds.py": (_LOG + "test_refunds.py", _LOG + "test_reasons.py"),
}  # fmt: skip
"""The central modules, and the nearest tests of each, the fastest first."""


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
    assert _survives(module, None, 600.0), f"{module}: its tests fail as it is: {' '.join(TESTS[module])}"
    limit = max(30.0, PATIENCE * (time.monotonic() - start))
    outcome = Outcome(module, len(chosen), len(every))
    outcome.survivors = [mutant.name for mutant in chosen if _survives(module, mutant, limit)]
    return outcome


def _survives(module: str, mutant: Mutant | None, limit: float) -> bool:
    """Run the tests in a process of their own; whether they pass in time."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        os._exit(_tests(module, mutant))
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


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
