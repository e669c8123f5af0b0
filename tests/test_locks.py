"""The locks: exact versions that fit pyproject.toml, the lowest of what users may have, and no address of an index."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
FOR_USERS = [Requirement(line) for line in PROJECT["dependencies"]] + [
    Requirement(line) for extra, lines in EXTRAS.items() if extra != "dev" for line in lines
]
FOR_DEVELOPERS = [Requirement(line) for line in EXTRAS["dev"] if not line.startswith("billproof[")]


def locked(name: str) -> dict[str, str]:
    """The versions of a lock; every line is a package with one version, or a comment."""
    lines = (ROOT / name).read_text("ascii").splitlines()
    versions: dict[str, str] = {}
    for line in lines:
        if not line.lstrip().startswith("#"):
            match = re.fullmatch(r"([a-z0-9-]+)==([a-z0-9.+]+)(?: ; [a-z_ .0-9'<>=!]+)?", line, re.IGNORECASE)
            assert match, line
            versions[canonicalize_name(match[1])] = match[2]
    return versions


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-lowest.lock"])
def test_a_lock_names_no_index(name: str) -> None:
    assert not re.search(r"//|--|@|\bindex\b", (ROOT / name).read_text("ascii"))


def test_every_dependency_is_locked_at_a_version_that_fits() -> None:
    versions = locked("requirements.lock")
    for requirement in (*FOR_USERS, *FOR_DEVELOPERS):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_the_lowest_versions_are_those_that_users_may_have() -> None:
    floors: dict[str, str] = {}
    for requirement in FOR_USERS:
        (floor,) = (part.version for part in requirement.specifier if part.operator == ">=")
        floors[canonicalize_name(requirement.name)] = floor
    versions = locked("requirements-lowest.lock")
    assert versions.keys() == floors.keys()
    for name, floor in floors.items():
        assert (versions[name] + ".0").startswith(floor + "."), name
