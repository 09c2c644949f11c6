"""The versions that .ci/run installs are whole, and allowed by what the package asks for."""

import tomllib

from packaging.requirements import Requirement

from tests.commands import ROOT


def test_every_dependency_has_a_tested_version_that_is_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {name.lower(): version for name, version in pinned.items()}
    assert not any("+" in version for version in pinned.values())
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate():
            assert wanted.specifier.contains(pinned[wanted.name]), text
