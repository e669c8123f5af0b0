"""A project whose half-year was accepted: uploaded once for all tests of this room, then copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fixtures.half_year import RESEARCH, half_year
from tests.spend.project import CONFIGURATION, stand_still
from tests.support import run


@pytest.fixture(scope="session")
def _accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("half-year")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        stand_still(patch)
        (root / ".git").mkdir()
        (root / "billproof.yaml").write_text(CONFIGURATION, "utf-8")
        for file in half_year():
            folder = root / "exports" / ("research" if file.organization == RESEARCH else "europe")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file.name).write_bytes(file.data)
        for command in (["ledger", "init"], ["upload"]):
            code, out, err = run(*command)
            assert code == 0, out + err
    return root


@pytest.fixture
def project(_accepted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: the project with eleven accepted months, on 3 November 2026."""
    root = tmp_path / "project"
    shutil.copytree(_accepted, root)
    monkeypatch.chdir(root)
    stand_still(monkeypatch)
    return root
