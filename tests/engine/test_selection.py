"""`--only` and `--month` over folders: what is chosen, what is set aside, and what is lacking by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import billproof
from billproof.model.results import FORMATS
from tests.support import Checked, check, run
from tests.uploading import ACME, LABS, export

EUROPE = "org-EXAMPLEeurope03"
CONFIGURATION = f"""\
version: 1
ledger: .billproof/ledger
destinations: {{archive: {{kind: directory, path: archive/}}}}
integrations:
  - {{name: research, organization: {ACME}, files: exports/research/, to: archive}}
  - {{name: europe, organization: {EUROPE}, files: exports/europe/, to: archive}}
  - {{name: labs, organization: {LABS}, files: exports/labs/, to: archive}}
"""


def put(name: str, data: bytes) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(data)
    return name


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three organizations with August to October each, in folders of their own; the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("billproof.yaml").write_text(CONFIGURATION)
    assert run("ledger", "init")[0] == 0
    for folder, organization in (("research", ACME), ("europe", EUROPE), ("labs", LABS)):
        for month in ("2025-08", "2025-09", "2025-10"):
            put(f"exports/{folder}/{month}.csv", export("100", month, organization))


def paths(found: Checked) -> list[str]:
    assert found.report is not None, found.err
    return [one["path"].removeprefix("exports/") for one in found.report["files"]]


def aside(found: Checked) -> list[str]:
    """Path and month of what was set aside."""
    assert found.report is not None, found.err
    entries: list[dict[str, Any]] = found.report.get("set_aside", [])
    assert {one["reason"] for one in entries} <= {"other_month"}
    return [f"{one['path'].removeprefix('exports/')} {one['month']}" for one in entries]


def errors(found: Checked) -> list[str]:
    assert found.report is not None, found.err
    return [one["error"] for one in found.report["files"] if "error" in one]


@pytest.mark.usefixtures("three")
def test_a_month_selects_among_the_files_of_folders_and_lists_the_others() -> None:
    for names in ((), ("exports",), ("exports/research", "exports/europe/", "exports/labs")):
        found = check(*names, "--month", "2025-10")
        assert found.code == 0
        assert paths(found) == ["research/2025-10.csv", "europe/2025-10.csv", "labs/2025-10.csv"] or names == ("exports",)
        assert len(aside(found)) == 6
        assert "research/2025-09.csv 2025-09" in aside(found)
    found = check("exports/research", "--month", "last", as_of="2025-11-10")
    assert (found.code, paths(found)) == (0, ["research/2025-10.csv"])
    assert aside(found) == ["research/2025-08.csv 2025-08", "research/2025-09.csv 2025-09"]
    assert "Set aside: 2 files of other months: exports/research/2025-08.csv (2025-08), " in found.out


@pytest.mark.usefixtures("three")
def test_a_file_that_is_named_is_judged_as_that_month() -> None:
    found = check("exports/research/2025-09.csv", "--month", "2025-10")
    assert (found.code, found.failed) == (1, {"OC303"})
    found = check("exports/research", "exports/research/2025-09.csv", "--month", "2025-10")
    assert (found.code, paths(found)) == (1, ["research/2025-09.csv", "research/2025-10.csv"])
    assert aside(found) == ["research/2025-08.csv 2025-08"]


@pytest.mark.usefixtures("three")
def test_a_month_without_a_file_is_unproved_by_name() -> None:
    Path("exports/europe/2025-10.csv").unlink()
    for names in ((), ("exports",)):
        found = check(*names, "--month", "2025-10")
        assert found.code == 3
        assert errors(found) == [
            "exports/europe/: no file of europe for October 2025. "
            f"An owner of {EUROPE} can export it: billproof guide --month 2025-10"
        ]
    found = check("--month", "2024-01")
    assert found.code == 3
    assert [one.split(". ")[0] for one in errors(found)] == [
        f"exports/{name}/: no file of {name} for January 2024" for name in ("research", "europe", "labs")
    ]
    assert len(aside(found)) == 8


@pytest.mark.usefixtures("three")
def test_without_a_configuration_each_folder_must_have_a_file_of_the_month() -> None:
    Path("billproof.yaml").unlink()
    Path("exports/europe/2025-10.csv").unlink()
    found = check("exports/research", "exports/europe", "--month", "2025-10")
    assert found.code == 3
    assert errors(found) == ["exports/europe: no file for October 2025. "
        "An owner of the organization can export it: billproof guide --month 2025-10"]
    assert check("exports", "--month", "2025-10").code == 0
    assert errors(check("exports", "--month", "2024-10"))[0].startswith("exports: no file for October 2024")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("data", "failed"),
    [
        (export("100", "2025-09", ACME).replace(b"1756", b"x756").replace(b"1757", b"x757").replace(b"1758", b"x758")
         .replace(b"1759", b"x759"), "OC201"),
        (b"PK\x03\x04 a workbook", "CSV012"),
        (b"", "CSV001"),
    ],
)  # fmt: skip
def test_a_file_whose_month_nobody_can_tell_is_not_set_aside(data: bytes, failed: str) -> None:
    put("exports/research/broken.csv", data)
    found = check("exports/research", "--month", "2025-10")
    assert (found.code, paths(found)) == (1, ["research/2025-10.csv", "research/broken.csv"])
    assert found.report is not None
    assert failed in {one["rule"] for one in found.report["files"][1]["outcomes"] if one["state"] == "failed"}
    assert found.report["files"][1]["month"] == {"value": "2025-10", "source": "--month"}


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("start", "failed"), [(b"\nx17", "OC201"), (b"\n1,17", "CSV008")])
def test_rows_whose_day_nobody_can_read_may_be_of_the_month(start: bytes, failed: str) -> None:
    header, *october = export("100", "2025-10", ACME).splitlines(keepends=True)
    september = export("100", "2025-09", ACME).splitlines(keepends=True)[1:]
    spoilt = b"".join([header, september[-1], *october]).replace(b"\n17", start).replace(start, b"\n17", 1)
    put("exports/research/spoilt.csv", spoilt)
    found = check("exports/research", "--month", "2025-10")
    assert (found.code, paths(found)) == (1, ["research/2025-10.csv", "research/spoilt.csv"])
    assert found.report is not None
    assert failed in {one["rule"] for one in found.report["files"][1]["outcomes"] if one["state"] == "failed"}
    # A few of them change nothing: whatever they are, September has more days.
    put("exports/research/spoilt.csv", b"".join([header, *september]).replace(b"\n17", start).replace(start, b"\n17", 20))
    found = check("exports/research", "--month", "2025-10")
    assert (found.code, paths(found)) == (0, ["research/2025-10.csv"])
    assert "research/spoilt.csv 2025-09" in aside(found)


@pytest.mark.usefixtures("three")
def test_a_file_that_cannot_be_read_is_not_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("exports/research/gone.csv").symlink_to("nowhere.csv")
    found = check("exports/research", "--month", "2025-10")
    assert (found.code, paths(found)) == (3, ["research/2025-10.csv", "research/gone.csv"])


@pytest.mark.usefixtures("three")
def test_only_is_repeatable_and_chooses_the_folders() -> None:
    found = check("--only", "labs", "--only", "research", "--month", "2025-10")
    assert (found.code, paths(found)) == (0, ["research/2025-10.csv", "labs/2025-10.csv"])
    found = check("exports", "--only=labs", "--only=labs")
    assert (found.code, len(paths(found)), aside(found)) == (0, 3, [])


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    "command", [("check",), ("upload",), ("upload", "--dry-run"), ("status",), ("costs", "fetch")], ids=" ".join
)
def test_a_name_that_no_integration_has_is_refused_with_those_there_are(command: tuple[str, ...]) -> None:
    for name in ("resaerch", "", "RESEARCH"):
        code, out, err = run(*command, "--only", "labs", "--only", name)
        assert (code, out) == (2, "")
        assert err == f"--only {name}: no such integration\nIntegrations: research, europe, labs.\n"


def test_only_needs_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = check(put("october.csv", export()), "--only", "research")
    assert found.code == 2
    assert found.err.startswith("--only needs a billproof.yaml")


@pytest.mark.usefixtures("three")
def test_what_only_asks_for_and_has_no_file_is_unproved_by_name() -> None:
    found = check("exports/labs", "--only", "labs", "--only", "europe")
    assert found.code == 3
    assert errors(found) == ["exports/europe/: no file of europe"]
    elsewhere = put("downloads/labs.csv", export("7", "2025-11", LABS))
    found = check(elsewhere, "--only", "research")
    assert (found.code, errors(found), len(paths(found))) == (3, ["exports/research/: no file of research"], 1)
    assert check(elsewhere, "--only", "labs").code == 0


@pytest.mark.usefixtures("three")
def test_an_integration_without_a_folder_is_asked_for_by_only_alone() -> None:
    path = Path("billproof.yaml")
    path.write_text(path.read_text().replace(" files: exports/labs/,", ""))
    assert check("--month", "2025-10").code == 0
    found = check("--only", "labs")
    assert found.code == 3
    assert errors(found)[0].startswith("labs: no file of labs; the integration has no `files` in billproof.yaml")


@pytest.mark.usefixtures("three")
def test_status_shows_the_chosen_integrations() -> None:
    code, out, _ = run("status", "--month", "2025-10", "--as-of", "2025-11-10", "--only", "labs", "--only", "europe")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines() if "2025-10 " in line] == ["europe", "labs"]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_says_what_was_set_aside(format_: str) -> None:
    code, out, _ = run("check", "exports/research", "--month", "2025-10", "--format", format_)
    assert code == 0
    assert "exports/research/2025-08.csv" in out
    assert "exports/research/2025-09.csv" in out


@pytest.mark.usefixtures("three")
def test_upload_takes_the_month_and_sets_the_others_aside() -> None:
    """It said "two files of one month", for it took September for October."""
    for names in (("exports/",), ()):
        code, out, err = run("upload", *names, "--month", "2025-10", "--only", "research", "--only", "europe")
        assert (code, err) == (0, "")
        assert out.splitlines()[0] == "Set aside: 4 files of other months"
    assert "2 files already uploaded" in out
    code, out, err = run("upload", "--month", "2025-10")
    assert (code, out.splitlines()[-1]) == (0, "ALL UPLOADED  1 accepted, 2 already uploaded")
    code, out, _ = run("upload", "--only", "labs", "--output", "json=report.json")
    assert (code, out.splitlines()[-1]) == (0, "ALL UPLOADED  2 accepted, 1 already uploaded")
    report = json.loads(Path("report.json").read_text())
    assert report["set_aside"] == [{"path": "exports/labs/2025-10.csv", "month": "2025-10", "reason": "already_current"}]


@pytest.mark.usefixtures("three")
def test_upload_of_a_month_that_lacks_a_file_sends_nothing() -> None:
    Path("exports/europe/2025-10.csv").unlink()
    code, out, _ = run("upload", "--month", "2025-10")
    assert code == 3
    assert "no file of europe for October 2025" in out
    assert not Path("archive").exists()


@pytest.mark.usefixtures("three")
def test_upload_of_everything_here_leaves_the_archive_out() -> None:
    assert run("upload", ".")[0] == 0
    assert Path("archive").is_dir()
    code, out, _ = run("upload", ".")
    assert (code, out.splitlines()[-1]) == (0, "NOTHING SENT  9 files already uploaded; nothing new")


@pytest.mark.usefixtures("three")
def test_an_expected_total_is_compared_with_no_other_month() -> None:
    """September was compared with October's total, because it was already uploaded with another one."""
    put("exports/research/2025-10.csv", export("250", "2025-10", ACME))
    assert run("upload", "--only", "research", "--month", "2025-09")[0] == 0
    code, out, _ = run("upload", "exports/research/", "--month", "2025-10", "--expect-total", "250.01")
    assert (code, "OC603 total-differs" in out) == (1, True)
    assert run("upload", "exports/research/", "--month", "2025-10", "--expect-total", "250")[0] == 0
    for total, expected in (("250", 0), ("250.01", 1)):
        assert run("upload", "exports/research", "--month", "2025-10", "--expect-total", total)[0] == expected
    Path("exports/research/2025-08.csv").unlink()
    code, _, err = run("upload", "exports/research", "--expect-total", "999")
    assert (code, err.splitlines()[0]) == (2, "--expect-total accepts one file only")
    put("exports/research/2025-11.csv", export("70", "2025-11", ACME))
    assert run("upload", "exports/research", "--expect-total", "70")[0] == 0


@pytest.mark.usefixtures("three")
def test_an_expected_total_of_several_files_is_refused() -> None:
    for command in ("check", "upload"):
        for names in (("exports/research/2025-09.csv", "exports/research/2025-10.csv"), ("exports/research",), ()):
            code, out, err = run(command, *names, "--expect-total", "100")
            assert (code, out) == (2, "")
            assert err.startswith("--expect-total accepts one file only\nThere are ")
            assert "`totals:`" in err


@pytest.mark.usefixtures("three")
def test_python_sets_aside_too() -> None:
    report = billproof.check("exports/research", month="2025-10", as_of="2025-12-01")
    assert [file.path for file in report.files] == ["exports/research/2025-10.csv"]
    assert [one["month"] for one in report.as_dict()["set_aside"]] == ["2025-08", "2025-09"]
    other = billproof.check("exports/labs", month="2025-10", as_of="2025-12-01")
    merged = billproof.merge([report, other]).as_dict()
    assert len(merged["set_aside"]) == 4
    chosen = billproof.check("exports", config="billproof.yaml", only=["labs"], as_of="2025-12-01")
    assert {file.integration for file in chosen.files} == {"labs"}


@pytest.mark.usefixtures("three")
def test_a_report_with_files_set_aside_is_verified() -> None:
    assert run("check", "exports/research", "--month", "2025-10", "--output", "json=report.json")[0] == 0
    assert run("verify", "report.json")[0] == 0


def totals(*lines: str) -> None:
    path = Path("billproof.yaml")
    path.write_text(path.read_text().replace("research/, to: archive", f"research/, totals: {{{', '.join(lines)}}}, to: archive"))


@pytest.mark.usefixtures("three")
def test_totals_of_the_configuration_are_compared_by_integration_and_month() -> None:
    totals('2025-09: "100.00"', '"2025-10": "$1,100.00"')
    found = check("exports/research", "--output", "json=report.json")
    assert found.report is not None
    states = {
        one["path"].removeprefix("exports/"): next(two["state"] for two in one["outcomes"] if two["rule"] == "OC603")
        for one in found.report["files"]
    }
    assert {path: state for path, state in states.items() if state != "not_applicable"} == {
        "research/2025-09.csv": "passed", "research/2025-10.csv": "failed",
    }  # fmt: skip
    expected = {one["path"]: one["expected_total"] for one in found.report["files"] if "expected_total" in one}
    assert expected == {
        f"exports/research/{month}.csv": {"value": amount, "source": "billproof.yaml:5"}
        for month, amount in (("2025-09", "100"), ("2025-10", "1100"))
    }
    for more in ([], ["--config", "billproof.yaml"]):
        assert run("verify", "report.json", *more)[0] == 0
    assert check("exports/research/2025-10.csv", "--expect-total", "100").code == 0
    said = check("exports/research/2025-09.csv").out
    assert "Expected      100.00 USD (set in billproof.yaml:5)" in said
    assert "--expect-total" not in said


@pytest.mark.usefixtures("three")
def test_a_total_that_differs_stops_an_upload_also_of_what_is_there() -> None:
    assert run("upload", "--only", "research")[0] == 0
    totals('2025-10: "100"')
    assert run("upload", "--only", "research")[0] == 0
    path = Path("billproof.yaml")
    path.write_text(path.read_text().replace('2025-10: "100"', '2025-09: "100.01"'))
    code, out, _ = run("upload", "--only", "research")
    assert (code, "OC603" in out) == (1, True)
    assert run("upload", "--only", "research", "--month", "2025-10")[0] == 0


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('2025-13: "100"', "2025-13 is not a month; write it as 2025-10"),
        ('October: "100"', "October is not a month"),
        ('2025-10: "1,5"', '1,5 is not an amount; write it as "18402.17"'),
        ('2025-10: ""', " is not an amount"),
        ("2025-10: 100.5", 'put it in quotes: "100.5"'),
    ],
)
def test_totals_that_are_none_are_refused(line: str, told: str) -> None:
    totals(line)
    found = check()
    assert (found.code, told in found.err) == (2, True), found.err
