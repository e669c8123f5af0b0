"""A newcomer with three organizations, 36 months and twelve things wrong, from the downloads to everything uploaded."""

from __future__ import annotations

from calendar import monthrange
from pathlib import Path

import pytest

from billproof.config.settings import clock
from billproof.sandbox.command import PATH
from tests.sandbox.running import running_sandbox
from tests.sending import TOKEN
from tests.support import fixture, run
from tests.uploading import export

ORGANIZATIONS = {
    "research": ("org-EXAMPLEacme01", "Acme Research"), "europe": ("org-EXAMPLEacme02", "Acme Europe"),
    "labs": ("org-EXAMPLEacme03", "Acme Labs"),
}  # fmt: skip
PROJECTS = {"proj_EXAMPLE1": "100.12345678901234567", "proj_EXAMPLE2": "60.2345678901234567"}
AS_OF = "2026-01-10"


def data(whose: str, month: int, days: int | None = None) -> bytes:
    organization, name = ORGANIZATIONS[whose]
    made = export(month=f"2025-{month:02}", organization=organization, days=days, projects=PROJECTS)
    return made.replace(b"Acme Research", name.encode())


def path(whose: str, month: int) -> Path:
    last = monthrange(2025, month)[1]
    return Path(f"downloads/{whose}/cost_2025-{month:02}-01_2025-{month:02}-{last}.csv")


def spoil() -> None:
    """Twelve of the 36 months."""
    for month, damaged in {
        2: data("research", 2).replace(b"\n", b"\r\n"), 5: b"\xef\xbb\xbf" + data("research", 5).replace(b",", b";"),
        8: data("research", 8, 20), 11: data("labs", 11),
    }.items():  # fmt: skip
        path("research", month).write_bytes(damaged)
    path("europe", 1).write_bytes(data("europe", 1)[:-40])
    path("europe", 3).write_bytes(b"")
    path("europe", 6).write_bytes(data("europe", 7))
    path("europe", 9).unlink()
    path("labs", 4).with_name("cost_2025-04-01_2025-04-30 (1).csv").write_bytes(data("labs", 4).replace(b"60.2", b"61.2"))
    path("labs", 7).write_bytes(fixture("activity-completions-2025").read_bytes())
    path("labs", 10).write_bytes(data("labs", 10).replace(b"whisper", b""))
    path("labs", 12).write_bytes(b"PK\x03\x04 a workbook")


def export_again() -> None:
    """What the check asks for, as far as the newcomer has access: two exports only others can make."""
    for whose, months in {"research": (2, 5, 8), "europe": (1, 3, 6), "labs": (7, 10, 12)}.items():
        for month in months:
            path(whose, month).write_bytes(data(whose, month))
    path("labs", 4).with_name("cost_2025-04-01_2025-04-30 (1).csv").unlink()
    path("research", 11).unlink()


def fill_in(url: str) -> None:
    """What only who has the login of the destination can know: its address, and the IDs there."""
    text = Path("billproof.yaml").read_text("utf-8")
    text = text.replace("preset: pelanor-eu", f'base_url: "{url}"\n    id_at: /id').replace("/FILL-IN/{integration}", PATH)
    text = text.replace("form_field: FILL-IN", "form_field: file")
    for whose in sorted(ORGANIZATIONS):  # as they come in the folder
        text = text.replace("integration: FILL-IN", f"integration: int-{whose}", 1)
    Path("billproof.yaml").write_text(text, "utf-8")


@pytest.mark.soak
def test_thirty_six_months_of_three_organizations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for whose in ORGANIZATIONS:
        for month in range(1, 13):
            path(whose, month).parent.mkdir(parents=True, exist_ok=True)
            path(whose, month).write_bytes(data(whose, month))
    spoil()
    ids = {f"int-{whose}": organization for whose, (organization, _) in sorted(ORGANIZATIONS.items())}
    with running_sandbox(integrations=ids, token=TOKEN, now=clock()) as sandbox:
        code, out, err = run("init", "downloads")
        assert (code, err) == (0, "")
        assert "acme-europe" in out
        fill_in(sandbox.url)
        for name in ("ACME_EUROPE", "ACME_LABS", "ACME_RESEARCH"):
            monkeypatch.setenv(f"PELANOR_TOKEN_{name}", TOKEN)
        code, out, _ = run("check", "--as-of", AS_OF)
        assert code == 1
        assert "36 files: 27 passed, 9 failed, 0 unproved" in out
        assert "Two files of one month, April 2025 of acme-labs (org-EXAMPLEacme03, Acme Labs)" in out
        assert "Two files of one month, July 2025 of acme-europe" in out
        assert "charges of org-EXAMPLEacme03 (Acme Labs); only those of org-EXAMPLEacme01 are" in " ".join(out.split())
        export_again()
        code, out, err = run("upload")
        assert (code, err) == (0, "")
        assert out.splitlines()[-1] == "ALL UPLOADED  34 accepted"
        assert len(sandbox.uploads) == 34
        code, out, _ = run("status", "--from", "2025-01", "--to", "2025-12", "--as-of", AS_OF)
        due = [" ".join(line.split()[:3]) for line in out.splitlines() if "due:" in line]
        assert (code, due) == (1, ["acme-europe 2025-09 MISSING", "acme-research 2025-11 MISSING"])
        for asked, name, organization in (
            ("2025-09", "europe", "org-EXAMPLEacme02"),
            ("2025-11", "research", "org-EXAMPLEacme01"),
        ):
            code, out, _ = run("check", "--month", asked, "--as-of", AS_OF)
            assert code == 3
            told = " ".join(out.split())
            assert f"no file of acme-{name} for " in told
            assert f"An owner of {organization} can export it: billproof guide --month {asked}" in told
