"""Exports of every generation, opened and saved by real programs: it is seen, or it changes no amount that matters.

The programs are those of the benchmarks, in an environment of their own, and LibreOffice where it is installed. What no test can
run (Excel, Google Sheets, Numbers) is written by hand in `fixtures/damage.py`.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from fixtures.exports import to_bytes
from tests.environments import environment
from tests.generations import GENERATIONS, good
from tests.support import ROOT, Checked, check

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
PROGRAMS = {
    "pandas": "import pandas; pandas.read_csv(old).to_csv(new, index=False)",
    "polars": "import polars; polars.read_csv(old, infer_schema_length=None).write_csv(new)",
    "pyarrow": "from pyarrow import csv; csv.write_csv(csv.read_csv(old), new)",
    "duckdb": "import duckdb; duckdb.sql(f\"COPY (FROM read_csv('{old}', sample_size=-1)) TO '{new}' (HEADER)\")",
}
PEERS = (ROOT / "benchmarks" / "requirements-peers.txt").read_text("utf-8").split()
pytestmark = pytest.mark.soak


def amounts(data: bytes) -> list[Decimal]:
    """The amounts of an export, in its order."""
    table = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    return [Decimal(row["amount_value"]) for row in table if row["amount_value"]]


def assert_seen(old: bytes, found: Checked, path: Path) -> None:
    """The file is refused, or a warning says that a program may have changed it."""
    assert path.read_bytes() != old
    cause = found.file["diagnosis"]
    assert cause["id"] in ("saved-by-spreadsheet", "git-changed-line-ends", "broken-download")
    assert "lost" not in cause["cause"]
    if found.code == 0:
        assert "may have" in cause["cause"]


def assert_harmless(old: bytes, path: Path) -> None:
    """No amount differs by more than the last digit of a binary float."""
    pairs = list(zip(amounts(old), amounts(path.read_bytes()), strict=True))
    assert len(pairs) > 100
    assert all(abs(one - other) <= abs(one) * Decimal("2e-16") for one, other in pairs)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_data_people(program: str, generation: str, tmp_path: Path) -> None:
    old, new = tmp_path / "cost_2025-10-01_2025-10-31.csv", tmp_path / "saved.csv"
    old.write_bytes(to_bytes(good(generation)))
    script = f"import sys; old, new = sys.argv[1:]; {PROGRAMS[program]}"
    packages = tuple(peer for peer in PEERS if peer.partition("==")[0] in PROGRAMS)
    python = environment("data-people", packages) / "bin" / "python"
    subprocess.run([python, "-c", script, old.name, new.name], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    found = check(new, "--month", "2025-10")
    if "quantity" in good(generation)[0] or "diagnosis" in found.file:
        assert_seen(old.read_bytes(), found, new)
    else:
        assert found.code == 0
        assert_harmless(old.read_bytes(), new)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_csv_writer(generation: str, tmp_path: Path) -> None:
    script = "import csv, sys; csv.writer(open('saved.csv', 'w', newline='')).writerows(csv.reader(open('old.csv', newline='')))"
    (tmp_path / "old.csv").write_bytes(to_bytes(good(generation)))
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=60)
    found = check(tmp_path / "saved.csv", "--month", "2025-10")
    assert found.failed == {"CSV004"}
    assert found.file["diagnosis"]["id"] == "git-changed-line-ends"
    assert "scripts" in found.file["diagnosis"]["cause"]


@pytest.mark.skipif(OFFICE is None, reason="needs LibreOffice")
@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("by_way_of", [[], ["xlsx"]], ids=["csv to csv", "by way of xlsx"])
def test_libreoffice(by_way_of: list[str], generation: str, tmp_path: Path) -> None:
    source = tmp_path / "old.csv"
    source.write_bytes(to_bytes(good(generation)))
    for number, kind in enumerate([*by_way_of, "csv"]):
        command = [str(OFFICE), "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--convert-to", kind,
                   "--outdir", f"step{number}", source.name if number == 0 else str(source)]  # fmt: skip
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=180, check=True)
        source = tmp_path / f"step{number}" / f"old.{kind}"
    assert_seen(to_bytes(good(generation)), check(source, "--month", "2025-10"), source)
