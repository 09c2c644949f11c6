"""The setting of torch that is made before torch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("given", "kept"), [(None, "1"), ("0", "0")])
def test_large_tensors_lie_in_large_pages_unless_the_environment_says_otherwise(given, kept):
    name = "THP_MEM_ALLOC_ENABLE"
    environment = {key: value for key, value in os.environ.items() if key != name}
    environment |= {} if given is None else {name: given}
    code = f"import learners, os, sys; print(os.environ[{name!r}], 'torch' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True
    )
    assert said.stdout.split() == [kept, "False"]
