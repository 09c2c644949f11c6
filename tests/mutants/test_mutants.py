"""Of the faults that can be planted in the central modules, the nearest tests find nine in ten."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.commands import ROOT
from tests.mutants.modules import TESTS
from tests.mutants.mutate import mutants, planted
from tests.mutants.run import explained

SOURCE = """
def f(a, b: int | None = None):
    '''Whether 1 < 2.'''
    g(a)
    if not a and b <= 3:
        raise ValueError(f"{a + b}")
    a += 1 if b else -2
    return np.minimum(a, b), search(a, side="left"), True, "SELECT x FROM t WHERE time <= 4 AND y = 0"
"""
FAULTS = [
    "g(a) -> pass",
    "not a and b <= 3 -> not",
    "not a and b <= 3 -> not a or b <= 3",
    "not a -> a",
    "b <= 3 -> b < 3",
    "3 -> 4",
    "a += 1 if b else -2 -> a -= 1 if b else -2",
    "1 if b else -2 -> -2 if b else 1",
    "1 -> 2",
    "-2 -> 2",
    "2 -> 3",
    "np.minimum -> np.maximum",
    "left -> right",
    "True -> False",
    "'x FROM t WHERE time <= 4 AND y = 0': <= -> <",
    "'OM t WHERE time <= 4 AND y = 0': AND -> OR",
    "'HERE time <= 4 AND y = 0': = 0 -> = 1",
]


@pytest.mark.mutants
@pytest.mark.parametrize("module", TESTS)
def test_faults_are_found(module):
    """A sample by a fixed seed; ``python -m tests.mutants --all`` tries every fault."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", module], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", TESTS)
def test_what_is_explained_is_there(module):
    """Survivors that are explained are faults that can be planted, and each has a reason."""
    names = {mutant.name for mutant in mutants((ROOT / module).read_text(encoding="utf-8"))}
    assert names
    assert all((ROOT / test.partition("::")[0]).is_file() for test in TESTS[module])
    assert explained(module).keys() <= names
    assert all(explained(module).values())


def test_every_kind_of_fault_is_planted():
    """In code and in queries, but not in docstrings, annotations and messages."""
    found = mutants(SOURCE)
    assert sorted(mutant.name.removeprefix("f: ") for mutant in found) == sorted(FAULTS)
    for mutant in found:
        planted(SOURCE, mutant, "f.py")
