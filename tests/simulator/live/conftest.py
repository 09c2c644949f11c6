"""What tests of streams share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def monkeypatch_each():
    """Patches that an example of a property makes and undoes."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
