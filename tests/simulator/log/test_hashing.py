"""FarmHash comes from either package that claims its module, and only when a CASCADE file needs it."""

import subprocess
import sys
import types

import duckdb
import numpy as np
import pytest

from simulator.errors import RunError
from simulator.log.importers.hashing import NAMES, fingerprints, install

KNOWN = {
    "hello": 13009744463427800296,
    "é": 693143013273849025,
    "": 11160318154034397263,
    "x" * 200: 13938988265971950527,
}
"""What cityhash 0.4.10 (Fingerprint64) and pyfarmhash 0.5.1 (fingerprint64) both return."""


def _module(**functions: object) -> types.ModuleType:
    module = types.ModuleType("farmhash")
    module.__dict__.update(functions)
    return module


def test_the_installed_module_returns_the_known_values() -> None:
    assert fingerprints(KNOWN, len(KNOWN)).tolist() == list(KNOWN.values())


@pytest.mark.parametrize("name", NAMES)
def test_either_shape_of_the_module_will_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "farmhash", _module(hash64=None, **{name: KNOWN.__getitem__}))
    assert fingerprints(KNOWN, len(KNOWN)).tolist() == list(KNOWN.values())
    con = duckdb.connect()
    install(con)
    rows = con.execute("SELECT fingerprint64(x) FROM (VALUES ('hello'), (NULL), ('é')) t(x)").fetchall()
    assert rows == [(KNOWN["hello"],), (None,), (KNOWN["é"],)]
    assert fingerprints([], 0).dtype == np.uint64


def test_a_module_without_a_fingerprint_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "farmhash", _module(__file__="/there/farmhash.so", hash=hash))
    with pytest.raises(RunError, match=r"/there/farmhash\.so.*neither Fingerprint64 nor.*pip install.*city"):
        install(duckdb.connect())
    monkeypatch.setitem(sys.modules, "farmhash", None)
    with pytest.raises(RunError, match=r"cannot be loaded.*pip install.*cityhash"):
        install(duckdb.connect())


def test_what_needs_no_hash_never_loads_the_module() -> None:
    """A broken ``farmhash`` must not take `ls` down."""
    code = "import sys; sys.modules['farmhash'] = None; import sim; sim.app(['ls', 'importers'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cascade" in done.stdout
