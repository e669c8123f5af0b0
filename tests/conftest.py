"""Hypothesis for every test: the same examples each time, no clock, nothing kept on disk. And a project that uploads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from billproof.rules import compiled
from billproof.rules.rule import RuleSet
from tests.support import SOAK, run
from tests.uploading import PLACES, World

settings.register_profile(
    "billproof", derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate), max_examples=25,
)  # fmt: skip
settings.register_profile(SOAK, settings.get_profile("billproof"), max_examples=100)
settings.load_profile("billproof")
# Their fixtures start browsers, or install billproof by pip.
SLOW_FIXTURES = {"window", "served", "installed"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a slow fixture is for `make soak`."""
    for item in items:
        if isinstance(item, pytest.Function) and SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.soak)


@pytest.fixture(scope="session")
def built_in() -> RuleSet:
    """The built-in rules, read once."""
    return compiled.load_ruleset()


@pytest.fixture(autouse=True)
def _rules_are_read_once(built_in: RuleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of commands in one process need not read the same rules again; a command in a process of its own does."""
    monkeypatch.setattr(compiled, "_KEPT", {built_in.name: built_in})


@pytest.fixture(params=list(PLACES))
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project with an empty ledger and a destination of each kind, in turn."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    made = World(root, PLACES[request.param](root))
    made.configure()
    code, _, err = run("ledger", "init")
    assert code == 0, err
    return made
