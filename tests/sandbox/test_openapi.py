"""The OpenAPI document holds: schemathesis sends what it allows and what it forbids to a running sandbox."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from billproof.sandbox.faults import NAMES, Fault
from tests.sandbox.running import Running
from tests.support import ROOT

DOCUMENT = json.loads((ROOT / "validator" / "billproof" / "sandbox" / "openapi.json").read_text("utf-8"))


def test_the_document_is_served_without_a_token(sandbox: Running) -> None:
    answer = sandbox.request("GET", "/openapi.json", token=None)
    assert (answer.status, answer.json) == (200, DOCUMENT)


def test_the_document_says_that_nothing_about_pelanor_follows() -> None:
    assert "are its own" in DOCUMENT["info"]["description"]
    assert "this document says nothing about it" in DOCUMENT["info"]["description"]


def test_the_document_names_every_fault() -> None:
    properties = DOCUMENT["components"]["schemas"]["Faults"]["properties"]["faults"]["items"]["properties"]
    assert properties["name"]["enum"] == list(NAMES)
    assert [name for name in NAMES if f"{name}: " not in properties["name"]["description"]] == []
    defaults = {name: one["default"] for name, one in properties.items() if "default" in one}
    assert Fault("delay")._asdict() == {"name": "delay", **defaults}


IN_THE_SANDBOX = """
[parameters]
"path.integration" = "int-EXAMPLE1"
"path.month" = "2025-10"
"""


@pytest.mark.soak
@pytest.mark.parametrize("selected", ["--exclude-operation-id=setFaults", "--include-operation-id=setFaults"])
def test_schemathesis_finds_no_difference(sandbox: Running, selected: str, tmp_path: Path) -> None:
    """Uploads apart from the faults that would meet them. Random bytes are no export, so they may well be refused."""
    (tmp_path / "schemathesis.toml").write_text(IN_THE_SANDBOX)
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{sandbox.url}/openapi.json", selected,
        "--phases=examples,coverage,fuzzing", "--max-examples=10", "--seed=1", "--generation-deterministic",
        "--exclude-checks=positive_data_acceptance", "--request-timeout=10", "--no-color",
        f"--header=Authorization: Bearer {sandbox.token}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    out = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, out
    assert int(re.findall(r"([0-9]+) generated, ([0-9]+) passed", out)[0][0]) > 30, out
