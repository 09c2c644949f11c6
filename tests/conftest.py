"""A limit for the time that a long selection of tests may take, without failing what it has no time for."""

from __future__ import annotations

import time

import pytest

_BEGAN = time.monotonic()


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
