"""Hypothesis for every test: the same examples each time, no clock, nothing kept on disk. And a project that uploads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.support import run
from tests.uploading import PLACES, World

settings.register_profile(
    "billproof", derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)  # fmt: skip
settings.load_profile("billproof")


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
