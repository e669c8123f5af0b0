"""What attackers got through once, each as a test: none of it may come back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.exports import Export, Organization, rows, to_bytes
from tests.support import check, run

NAME = "cost_2025-10-01_2025-10-31.csv"
GOOD = to_bytes(rows(Export()))
FOREIGN = to_bytes(rows(Export(organization=Organization("org-EXAMPLEother", "Other"))))
CONFIGURATION = "version: 1\nintegrations:\n  - {name: research, organization: org-EXAMPLEacme01, files: exports/research/}\n"


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a configuration, in which the command runs."""
    (tmp_path / ".git").mkdir()
    put(tmp_path / "billproof.yaml", CONFIGURATION.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_amount_of_two_lines_fails(tmp_path: Path) -> None:
    lines = GOOD.split(b"\n")
    cells = lines[4].split(b",")
    cells[2] = b'"1.50\n99999.50"'
    lines[4] = b",".join(cells)
    found = check(put(tmp_path / NAME, b"\n".join(lines)))
    assert found.code == 1
    assert "OC202" in found.failed


def test_a_link_to_a_foreign_export_in_the_folder_fails(project: Path) -> None:
    put(project / "elsewhere" / NAME, FOREIGN)
    (project / "exports" / "research").mkdir(parents=True)
    (project / "exports" / "research" / NAME).symlink_to(project / "elsewhere" / NAME)
    found = check()
    assert found.code == 1
    assert found.failed == {"OC401"}


@pytest.mark.parametrize("arguments", [["exports"], [], ["exports/*/*.csv"], [f"exports/research/{NAME}"]])
def test_nothing_of_a_file_that_a_link_calls_an_export_is_shown(project: Path, arguments: list[str]) -> None:
    (project / ".env").write_text("SECRET,hunter2\n1,2\n")
    (project / "exports" / "research").mkdir(parents=True)
    (project / "exports" / "research" / NAME).symlink_to(project / ".env")
    for format_ in ("text", "json", "html"):
        code, out, err = run("check", *arguments, "--format", format_)
        assert code == 3
        assert "this link leads to a file" in " ".join(out.split())
        assert "hunter2" not in out + err and "SECRET" not in out + err


@pytest.mark.parametrize("arguments", [["exports"], [], ["exports/*/*.csv"]], ids=["folder", "configured", "pattern"])
def test_a_report_never_replaces_an_export_through_a_link(project: Path, arguments: list[str]) -> None:
    export = put(project / "exports" / "research" / "data.csv", GOOD)
    (project / "report.json").hardlink_to(export)
    code, _, err = run("check", *arguments, "--output", "json=report.json")
    assert code == 2
    assert "would overwrite" in err
    assert export.read_bytes() == GOOD


def test_a_report_never_replaces_the_configuration(project: Path) -> None:
    put(project / "exports" / "research" / NAME, GOOD)
    assert run("check", "--output", "json=billproof.yaml")[0] == 2
    assert (project / "billproof.yaml").read_text("utf-8") == CONFIGURATION


@pytest.mark.parametrize("folder", [".", "exports"])
def test_a_folder_never_stands_in_for_a_shipped_set(project: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    put(project / "billproof.yaml", b"version: 1\n")
    weak = "name: openai-cost\nversion: 0.1.0\ntitle: weak\nextends: openai-cost\nrules: {OC304: {level: note}}\n"
    put(project / "openai-cost" / "ruleset.yaml", weak.encode())
    short = b"\n".join(line for line in GOOD.split(b"\n") if not line.startswith(b"1760"))
    put(project / "exports" / NAME, short)
    monkeypatch.chdir(project / folder)
    found = check(project / "exports" / NAME)
    assert "OC304" in found.failed
    assert found.code == 1


def test_a_rule_that_counts_for_less_is_reported_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weak = "name: mine\nversion: 0.1.0\ntitle: weak\nextends: openai-cost\nrules: {OC304: {level: note}}\n"
    put(tmp_path / "mine" / "ruleset.yaml", weak.encode())
    found = check(put(tmp_path / NAME, GOOD), "--ruleset", "mine")
    assert "OC304 missing-day: note instead of the built-in error" in found.out


def test_only_what_holds_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    short = b"\n".join(line for line in GOOD.split(b"\n") if not line.startswith(b"1760054400"))
    path = put(tmp_path / NAME, short)
    waiver = (
        'waivers:\n  - {rule: OC304, organization: org-EXAMPLEacme01, month: "2025-10", reason: none, owner: finops,'
        ' at_most: 1, expires: "2026-01-01"}\n'
    )
    put(tmp_path / "billproof.yaml", ("version: 1\n" + waiver).encode())
    monkeypatch.setattr("billproof.config.settings.clock", lambda: datetime(2025, 12, 1, tzinfo=UTC))
    found = check(path)
    assert found.code == 0
    assert found.outcome("OC304")["state"] == "waived"
    assert found.report is not None
    assert not any("Every day" in claim for claim in found.report["proves"])


def test_a_month_to_date_has_no_charges_after_a_hole_that_has_not_ended(tmp_path: Path) -> None:
    kept = [line for line in GOOD.split(b"\n") if not b"1759795200" <= line[:10] <= b"1761350400"]
    found = check(put(tmp_path / "data.csv", b"\n".join(kept)), "--month-to-date", "--as-of", "2025-10-06")
    assert found.code == 1
    assert found.failed == {"OC310"}


def test_a_configuration_in_a_folder_that_cannot_be_listed_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(project / "exports" / "research" / NAME, FOREIGN)
    real = os.listdir

    def listed(folder: str = ".") -> list[str]:
        if folder == str(project):
            raise PermissionError
        return real(folder)

    monkeypatch.setattr("os.listdir", listed)
    assert check(path).failed == {"OC401"}


def test_a_pattern_never_passes_over_a_closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "open" / NAME, GOOD)
    put(tmp_path / "closed" / NAME, GOOD)
    real = os.access
    monkeypatch.setattr("os.access", lambda path, mode: "closed" not in str(path) and real(path, mode))
    assert check("*/*.csv").code == 3


def test_addresses_are_never_shown_whatever_rule_finds_them(tmp_path: Path) -> None:
    table = rows(Export(generation="H4", users=1, emails=True))
    at = table[0].index("user_email")
    for row in table[5:9]:
        row[at] = '"alice secret"@example.com\t'
    found = check(put(tmp_path / NAME, to_bytes(table)), "--verbose")
    assert found.failed == {"CSV005"}
    assert "secret" not in found.out + str(found.report)


def test_a_workflow_command_in_a_name_is_broken_up(tmp_path: Path) -> None:
    found = check(put(tmp_path / "::error title=x::y.csv", GOOD[:-1]))
    assert not any(line.lstrip().startswith("::") for line in found.out.splitlines())


def test_projects_are_counted_to_the_last(tmp_path: Path) -> None:
    table = rows(Export(projects=60, per_day=60))
    assert len({row[5] for row in table[1:] if row[5]}) == 60
    assert "in 60 projects" in check(put(tmp_path / NAME, to_bytes(table))).out
