"""FOCUS files judged by others' tools, each in an environment of its own: focus-data-toolkit (model of 1.4), and the official
focus-validator (model of 1.2), which needs Python 3.12 and 600 MB.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.environments import environment
from tests.spend.exports import convert
from tests.support import fixture
from tools.matrix import interpreters, starts

CASES = ("good-h1", "good-h2", "good-h3", "good-h4", "good-h4-by-line-item-only", "good-exponents", "good-odd-names", "negative")
TOOLKIT = ("focus-data-toolkit==0.14.1",)
OFFICIAL = ("focus-validator==2.2.1", "pyarrow<22")
# The model of 1.2 has both without their conditions: one forbids an invoice ID, the other requires one.
FORBIDS, REQUIRES = "InvoiceId-C-004-C", "InvoiceId-C-005-C"


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES)
def test_focus_data_toolkit_accepts_it_as_1_4(case: str, tmp_path: Path) -> None:
    folder, output = environment("focus-toolkit", TOOLKIT), tmp_path / "focus.csv"
    assert convert(fixture(case), "--to", "focus", "--output", output)[0] == 0
    toolkit = [str(word) for word in (folder / "bin" / "focus-toolkit", "validate", output, "--dataset", "cost-and-usage")]
    for more in ((), ("--supports", "SupportsUnitPricing")):
        done = subprocess.run([*toolkit, *more], capture_output=True, text=True, check=False)
        assert (done.returncode, "lint OK" in done.stdout) == (0, True), done.stdout + done.stderr
    # It is a judge that can say no.
    output.write_text(output.read_text("utf-8").replace(",USD,", ",usd,"), "utf-8")
    assert subprocess.run(toolkit, capture_output=True, check=False).returncode != 0


@pytest.mark.soak
@pytest.mark.parametrize("case, invoice", [("good-h1", ""), ("good-h4", ""), ("good-exponents", ""), ("good-h4", "INV-1")])
def test_the_official_validator_finds_nothing_but_its_own_contradiction(case: str, invoice: str, tmp_path: Path) -> None:
    python = next((found for found in interpreters(12) if starts(found, 12)), None)
    if python is None:
        pytest.skip("needs Python 3.12")
    folder, output = environment("focus-validator", OFFICIAL, python), tmp_path / "focus.csv"
    options = ("--invoice-id", invoice) if invoice else ()
    assert convert(fixture(case), "--to", "focus", "--focus-version", "1.2", *options, "--output", output)[0] == 0
    (packages,) = folder.glob("lib/python3.12/site-packages")  # it reads a file of its own relative to the working folder
    command: list[str | Path] = [
        folder / "bin" / "focus-validator",
        "--data-file",
        output,
        "--validate-version",
        "1.2",
        "--block-download",
    ]
    done = subprocess.run(command, cwd=packages, capture_output=True, text=True, check=False)
    # Its exit code is 0 whatever fails: its lines decide.
    assert re.findall(r"^❌ (\S+): FAIL", done.stdout, re.MULTILINE) == [FORBIDS if invoice else REQUIRES], done.stdout[-2000:]
    assert "Total: 578 | Pass: 136 | Fail: 1 | Skipped: 441" in done.stdout
