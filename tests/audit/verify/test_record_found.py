"""`verify` finds the record of OpenAI's costs that a report names: by its digest, whatever its file is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rules.checks.comparing import GOOD, ORGANIZATION, export, record
from tests.support import run

NAME = "cost_2025-10-01_2025-10-31.csv"
RECORD = record(GOOD)
FOLDER = Path("costs", ORGANIZATION, "2025-10")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose report is in a folder of its own, made with a record in the folder of records."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / NAME).write_bytes(export(GOOD))
    (tmp_path / "billproof.yaml").write_text(
        f"version: 1\nintegrations:\n  - {{name: main, organization: {ORGANIZATION}, costs: {{folder: costs}}}}\n"
    )
    FOLDER.mkdir(parents=True)
    (FOLDER / "a.json").write_bytes(RECORD)
    Path("reports").mkdir()
    assert run("check", NAME, "--as-of", "2025-11-10", "--output", "json=reports/report.json")[0] == 0
    return tmp_path


def verified(*options: str) -> tuple[int, str]:
    """Exit code, and the line on the record."""
    code, out, _ = run("verify", "reports/report.json", NAME, *options)
    return code, next(line for line in out.splitlines() if line.lstrip().startswith("costs "))


@pytest.mark.parametrize("place", [FOLDER / "b.json", Path("reports/november.json")])
def test_by_its_digest(project: Path, place: Path) -> None:
    (FOLDER / "a.json").rename(place)
    (place.parent / "a.json").write_bytes(record(GOOD, "2025-11-06T02:10:00Z"))
    # A copy that was edited, but still ends with the digest, hides nothing.
    (place.parent / "0.json").write_bytes(RECORD.replace(b"20.5", b"20.6", 1))
    assert verified()[0] == 0


def test_where_the_run_had_it(project: Path) -> None:
    Path("billproof.yaml").unlink()
    Path("kept").mkdir()
    (FOLDER / "a.json").rename("kept/a.json")
    command = ("check", NAME, "--costs", "kept/a.json", "--as-of", "2025-11-10", "--output", "json=reports/report.json")
    assert run(*command)[0] == 0
    assert verified()[0] == 0
    Path("kept/a.json").rename("a.txt")
    assert verified()[0] == 3
    assert verified("--costs", "a.txt")[0] == 0


def test_another_configuration_says_nothing_of_where_it_is(project: Path) -> None:
    with open("billproof.yaml", "a") as stream:
        stream.write("# changed\n")
    code, line = verified()
    assert (code, "was not found" in line) == (3, True)


def test_missing_damaged_or_another(project: Path) -> None:
    other = record(GOOD, "2025-11-06T02:10:00Z")
    sha256 = json.loads(RECORD)["sha256"]
    (FOLDER / "a.json").unlink()
    assert verified()[0] == 3
    (FOLDER / "a.json").write_bytes(RECORD.replace(b"20.5", b"20.6", 1))
    code, line = verified()
    assert (code, "not a valid record" in line) == (3, True)
    (FOLDER / "a.json").rename(FOLDER / f"20251105T021000Z-{sha256[:12]}.json")
    (FOLDER / f"20251105T021000Z-{sha256[:12]}.json").write_bytes(other)
    code, line = verified()
    assert (code, "is another record" in line) == (1, True)
