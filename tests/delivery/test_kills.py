"""An upload that is killed (SIGKILL) at any step leaves nothing half done, and running it again ends as if nothing had been."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.delivery.killing import SCENARIOS
from tests.support import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills need fork and signals")

# Every step of the upload that replaces a month, in two halves; of the others every fifth or so; and kills at any time.
WAYS = [
    ("replace", "steps", 0, 2), ("replace", "steps", 1, 2), ("first", "steps", 2, 5), ("after a cut", "steps", 3, 6),
    ("other bytes after a cut", "steps", 1, 6), ("replace", "time", 0, 2), ("first", "time", 1, 2),
    ("attested", "steps", 1, 3), ("attested", "time", 0, 4),
]  # fmt: skip
AT_LEAST = {"steps": 30, "time": 5}


def test_some_kills(tmp_path: Path) -> None:
    """Every twenty-fifth step; all others are for `make soak`."""
    assert killed(tmp_path, "replace", "steps", 11, 25) >= 5


@pytest.mark.soak
@pytest.mark.parametrize("scenario, way, shard, shards", WAYS)
def test_kills(
    tmp_path: Path, record_property: Callable[[str, object], None], scenario: str, way: str, shard: int, shards: int
) -> None:
    kills = killed(tmp_path, scenario, way, shard, shards)
    record_property("kills", kills)
    assert kills >= AT_LEAST[way] * (2 if scenario == "replace" and way == "steps" else 1)


def killed(tmp_path: Path, scenario: str, way: str, shard: int, shards: int) -> int:
    """How many uploads were killed; none of them left anything half done."""
    assert scenario in SCENARIOS
    command = [sys.executable, "-m", "tests.delivery.killing", str(tmp_path), scenario, way, str(shard), str(shards)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stderr
    return int(found.stdout)
