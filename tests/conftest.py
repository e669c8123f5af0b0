"""Hypothesis for every test: the same examples each time, no clock, nothing kept on disk. And a project that uploads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from billproof.io.locking import locked
from billproof.rules import compiled
from billproof.rules.loader import read_ruleset
from billproof.rules.rule import RuleSet
from tests.support import ROOT, SOAK, run
from tests.uploading import PLACES, World
from tools import page
from tools.dist import build

settings.register_profile(
    "billproof", derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate), max_examples=25,
)  # fmt: skip
settings.register_profile(SOAK, settings.get_profile("billproof"), max_examples=100)
settings.load_profile("billproof")
# Their fixtures start browsers, install billproof by pip, or build the page.
SLOW_FIXTURES = {"window", "served", "installed", "built_page"}


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


@pytest.fixture(scope="session")
def _invoice_rules() -> RuleSet:
    return read_ruleset("pelanor-invoice")


@pytest.fixture
def invoice_rules(_invoice_rules: RuleSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules of custom invoices are read once, too."""
    monkeypatch.setitem(compiled._KEPT, _invoice_rules.name, _invoice_rules)


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


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    return next(once(tmp_path_factory, "dist", lambda folder: build(ROOT, folder)).glob("billproof-*.whl"))


@pytest.fixture(scope="session")
def built_page(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page `billproof.html`. Skipped where npm does not give Pyodide."""
    try:
        return once(tmp_path_factory, "page", lambda folder: page.write(folder, wheel)) / "billproof.html"
    except page.NoPyodide as error:
        pytest.skip(str(error))


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that is made once for all processes of a test run."""
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    folder.mkdir(exist_ok=True)
    with locked(str(folder / "lock"), None, 300):
        if not (folder / "made").is_dir():
            (folder / "making").mkdir(exist_ok=True)
            make(folder / "making")
            (folder / "making").rename(folder / "made")
    return folder / "made"
