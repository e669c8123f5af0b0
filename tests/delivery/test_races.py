"""Uploads of many processes into one ledger, killed and stopped at any time: no receipt is lost or doubled, and no file is
accepted twice. `tests/delivery/racing.py` runs the same, longer, and prints the numbers.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.environments import environment
from tests.objects import BUCKET, running_store
from tests.support import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL and SIGSTOP")]
TERM = ("--term", "2")


def raced(ledger: str, *options: str) -> dict[str, Any]:
    """What the audit found."""
    words = [sys.executable, "-m", "tests.delivery.racing", ledger, "--workers", "6", "--uploads", "5", *options]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    document: dict[str, Any] = json.loads(found.stdout)
    return document


def is_sound(found: dict[str, Any]) -> None:
    """What holds whatever happened; a file whose attempt was cut off may count as unknown."""
    for key in ("without_receipt", "accepted_twice", "sent_unrecorded", "forks", "overlaps"):
        assert found[key] == 0, (key, found)
    assert found["errors"] == []
    assert found["accepted"] + found["unknown"] >= found["wanted"] == 30, found


@contextmanager
def moto() -> Iterator[None]:
    """Another program's S3 with an empty bucket, in this environment."""
    server = environment("moto", ("moto[server]==5.2.5",)) / "bin" / "moto_server"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([server, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    settings = {
        "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "EXAMPLE",
    }  # fmt: skip
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", b"", method="PUT"))
                break
            except OSError:
                time.sleep(0.1)
        with patch.dict("os.environ", settings):
            yield
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("months", [(), ("--many",)], ids=["one month", "many months"])
def test_in_a_folder(tmp_path: Path, months: tuple[str, ...]) -> None:
    is_sound(raced(str(tmp_path / "ledger"), "--kills", "4", "--mortal", "0.04", *months))


@pytest.mark.parametrize("months", [(), ("--many",)], ids=["one month", "many months"])
def test_in_a_bucket(months: tuple[str, ...]) -> None:
    pytest.importorskip("obstore")
    with running_store():
        is_sound(raced(f"{BUCKET}/ledger", "--kills", "4", "--mortal", "0.03", *TERM, *months))


def test_in_a_bucket_that_fails_and_loses_answers() -> None:
    pytest.importorskip("obstore")
    chance = random.Random(3)
    mishaps = ["409 ConditionalRequestConflict", "503 SlowDown", "lost", *[""] * 9]
    with running_store() as store:
        store.mishap = lambda method, key: chance.choice(mishaps) if method == "PUT" else ""
        is_sound(raced(f"{BUCKET}/ledger", "--kills", "2", "--mortal", "0.01", "--term", "6", "--many"))


def test_in_a_bucket_with_standstills() -> None:
    """Whoever stands still while it sends cannot be fenced: such attempts have two receipts, and count as unknown."""
    pytest.importorskip("obstore")
    with running_store():
        found = raced(f"{BUCKET}/ledger", "--stops", "6", *TERM)
    assert found["overlaps"] <= found["two_receipts"]
    is_sound({**found, "overlaps": 0, "forks": 0})


def test_in_another_program_s_bucket() -> None:
    pytest.importorskip("obstore")
    with moto():
        is_sound(raced(f"{BUCKET}/ledger", "--kills", "4", "--mortal", "0.03", *TERM))
