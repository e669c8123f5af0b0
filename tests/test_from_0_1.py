"""What 0.1 wrote keeps working: a configuration, a ledger with signed receipts, reports, and the pack of a month."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from billproof import __version__
from tests.support import ROOT, run

MADE_BY_0_1 = ROOT / "tests" / "from_0_1"
AS_OF = ("--as-of", "2025-12-01")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project as 0.1 left it, as the working folder."""
    folder = tmp_path / "project"
    shutil.copytree(MADE_BY_0_1, folder)
    monkeypatch.chdir(folder)
    return folder


def test_the_ledger_is_intact(project: Path) -> None:
    code, out, err = run("ledger", "verify")
    assert (code, err) == (0, "")
    assert out.startswith("PASS  3 receipts")
    assert "  org-EXAMPLEacme01  2025-08  0001  " in run("ledger", "list")[1]


def test_an_upload_with_no_signature_is_still_found(project: Path) -> None:
    code, out, _ = run("ledger", "verify", "--key", "public.pem")
    assert code == 1
    assert "2025-10/0001-dc75d9cfc3ef.json.intoto.jsonl" in out


def test_uploads_are_remembered(project: Path) -> None:
    code, out, _ = run("upload", *AS_OF)
    assert code == 0
    assert out.count("\n  research  2025-") + out.startswith("  research  2025-") == 3
    assert "NOTHING SENT" in out


def test_a_smaller_month_is_noticed(project: Path) -> None:
    export = project / "exports" / "research" / "cost_2025-08-01_2025-08-31.csv"
    lines = export.read_text("utf-8").splitlines(keepends=True)
    export.write_text("".join(lines[:20] + lines[60:]), "utf-8")
    code, out, _ = run("check", str(export), *AS_OF)
    assert code == 1
    assert "OC601" in out


@pytest.mark.parametrize("report", ["check.json", "fail.json", "upload-2025-08.json", "upload-2025-09.json", "pack/report.json"])
@pytest.mark.parametrize("options", [[], ["--key", "public.pem"]], ids=["unsigned", "signed"])
def test_a_report_is_verified_with_what_made_it(project: Path, report: str, options: list[str]) -> None:
    """Nothing is said about the report, but with what to verify it: it says what 0.1 said."""
    code, out, err = run("verify", report, *options)
    assert (code, err) == (3, ""), out
    assert out.startswith("UNPROVED\n")
    assert f"billproof 0.1.0 wrote it, and this is {__version__}." in out
    assert "git checkout v0.1.0 && pip install ." in out
    assert "differs" not in out


def test_an_edited_report_is_found_out(project: Path) -> None:
    report = project / "check.json"
    report.write_text(report.read_text("utf-8").replace('"evaluated": 31', '"evaluated": 30'), "utf-8")
    code, out, _ = run("verify", "check.json")
    assert code == 1, out


def test_the_pack_is_whole(project: Path) -> None:
    lines = (project / "pack" / "SHA256SUMS").read_text("utf-8").splitlines()
    names = {line.partition("  ")[2] for line in lines}
    there = {path.relative_to(project / "pack").as_posix() for path in (project / "pack").rglob("*") if path.is_file()}
    assert names == there - {"SHA256SUMS"}
    for line in lines:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((project / "pack" / name).read_bytes()).hexdigest() == digest, name


def test_a_month_of_0_1_cannot_be_packed_any_more(project: Path) -> None:
    code, out, err = run("pack", "research", "2025-09", "--output", "new-pack")
    assert (code, out) == (3, "")
    assert "openai-cost 0.1.0" in err
    assert not (project / "new-pack").exists()


def test_the_next_upload_goes_on_in_the_ledger(project: Path) -> None:
    export = project / "exports" / "research" / "cost_2025-10-01_2025-10-31.csv"
    corrected = export.read_text("utf-8").replace("3.84991200", "3.94991200", 1)
    export.write_text(corrected, "utf-8")
    code, out, err = run("upload", *AS_OF)
    assert (code, err) == (0, ""), out
    assert "1 accepted" in out
    assert run("ledger", "verify")[0] == 0
    assert len(list(project.glob("ledger/archive/org-EXAMPLEacme01/2025-10/0002-*.json"))) == 1
