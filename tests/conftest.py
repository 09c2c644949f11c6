"""A limit for the time that a long selection of tests may take, without failing what it has no time for; and one thread for
each of several processes that test side by side.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

_BEGAN = time.monotonic()
if "PYTEST_XDIST_WORKER" in os.environ:
    # As many threads as cores in each of them would wait for each other, spinning.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--begin-within",
        type=float,
        default=float("inf"),
        metavar="SECONDS",
        help="skip, each by its name, the tests that have not begun after so many seconds",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if time.monotonic() - _BEGAN >= item.config.getoption("--begin-within"):
        pytest.skip(f"{item.nodeid} was not begun: the time is over")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the whole first: they are the longest, and of two processes neither shall wait for the last file."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)
