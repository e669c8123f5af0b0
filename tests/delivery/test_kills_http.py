"""An upload over HTTP that is killed (SIGKILL) at any step leaves the month whole, and running it again settles it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.delivery.killing_http import KILLS, integration, organization
from tests.sandbox.running import running_sandbox
from tests.sending import TOKEN
from tests.support import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not hasattr(os, "fork"), reason="kills need fork and signals")]

# Of the steps every fifteenth is struck, and in turn a first upload and one that replaces the month.
SHARDS, STEP = (1, 8), 15


@pytest.mark.parametrize("first", SHARDS)
def test_kills(tmp_path: Path, record_property: Callable[[str, object], None], first: int) -> None:
    steps = range(first, KILLS * STEP, STEP)
    with running_sandbox({integration(k): organization(k) for k in steps}, TOKEN) as sandbox:
        words = [str(tmp_path), sandbox.url, str(first), str(STEP), str(steps.stop)]
        command = [sys.executable, "-m", "tests.delivery.killing_http", *words]
        found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stderr
    kinds = json.loads(found.stdout)
    record_property("kills", kinds)
    assert {"before it began", "begun, not stored", "stored, no receipt"} <= set(kinds)
    assert sum(kinds.values()) >= 20
