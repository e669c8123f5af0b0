"""`billproof status`: what was accepted, what lies there besides, what is due; after real uploads to a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest

from billproof.model.results import unread
from billproof.model.values import month_days
from billproof.reading.inputs import Input
from fixtures.exports import HEADERS
from tests.support import ROOT, run
from tests.uploading import stand_still

RESEARCH, EUROPE, LABS = "org-EXAMPLEacme01", "org-EXAMPLEacme02", "org-EXAMPLEacme03"
CONFIGURATION = f"""\
version: 1
ledger: .ledger
destinations:
  archive: {{kind: directory, path: archive}}
  second: {{kind: directory, path: second}}
integrations:
  - {{name: research, organization: {RESEARCH}, files: exports/research, to: archive}}
  - {{name: europe, organization: {EUROPE}, files: exports/europe, to: archive}}
  - {{name: labs, organization: {LABS}, files: exports/labs, to: archive}}
"""
NAMES = {"research": RESEARCH, "europe": EUROPE, "labs": LABS}
PAGE = (ROOT / "docs" / "status.md").read_text("utf-8")
NOVEMBER_3 = "2025-11-03T00:00:00Z"  # 48 hours after October


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three integrations with empty folders and an empty ledger, on the fourth of November 2025."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    stand_still(monkeypatch, "2025-11-04T08:00:00Z")
    Path("billproof.yaml").write_text(CONFIGURATION, "utf-8")
    for name in NAMES:
        Path("exports", name).mkdir(parents=True)
    assert run("ledger", "init")[0] == 0
    return tmp_path


def put(name: str, month: str, amount: str = "123.45678901200001", days: int | None = None, at: str = "") -> Path:
    """An export with one charge a day; `days` leaves out the days after it."""
    lines = [",".join(HEADERS["H1"])]
    for day in list(month_days(month))[:days]:
        start, organization = day * 86_400, NAMES[name]
        lines.append(f"{start},{start + 86_400},{amount},usd,whisper,proj_EXAMPLE1,{organization},Search,Acme")
    numbers = list(month_days(month))
    first, last = (date(1970, 1, 1) + timedelta(numbers[n]) for n in (0, (days or len(numbers)) - 1))
    path = Path(at or f"exports/{name}/cost_{first}_{last}.csv")
    path.write_text("\n".join(lines) + "\n", "utf-8", newline="")
    return path


def upload(*arguments: str) -> None:
    code, out, err = run("upload", *arguments)
    assert code == 0, out + err


def status(*arguments: str) -> dict[str, Any]:
    """The status as JSON; the exit code is that which stands in it."""
    code, out, err = run("status", *arguments, "--format", "json")
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    assert code == found["exit_code"]
    return found


def month(name: str, *arguments: str) -> dict[str, Any]:
    """The first month of an integration."""
    found: dict[str, Any] = next(one for one in status(*arguments)["integrations"] if one["name"] == name)["months"][0]
    return found


def receipts(pattern: str) -> list[Path]:
    return sorted(Path(".ledger/archive", RESEARCH).rglob(pattern))


# --- one month ---


def test_one_month_is_a_line_an_integration(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("research", "2025-10")
    put("europe", "2025-10", "1.0000000000000001")
    stand_still(monkeypatch, "2025-11-03T07:12:00Z")
    upload("exports/research", "exports/europe")
    put("research", "2025-10", "123.45678901300001")
    stand_still(monkeypatch, "2025-11-04T08:00:00Z")
    code, out, err = run("status", "--month", "2025-10")
    assert (code, err) == (1, "")
    # 31 x 123.45678901200001 = 3827.16045937200031; 31 x 1.0000000000000001 = 31.0000000000000031
    assert out.splitlines() == [
        "  research  2025-10  accepted 2025-11-03      3,827.16 USD   newer file in exports/research/ not uploaded",
        "  europe    2025-10  accepted 2025-11-03         31.00 USD",
        "  labs      2025-10  MISSING               due: the month ended 3 days ago",
        "DUE  2 of 3 months, as of 2025-11-04 08:00 UTC",
        "Configuration: billproof.yaml",
    ]
    assert out in PAGE


def test_nothing_is_due_when_every_month_was_accepted(project: Path) -> None:
    for name in NAMES:
        put(name, "2025-10")
    upload()
    code, out, _ = run("status")
    assert code == 0
    assert out.splitlines()[-2] == "NOTHING DUE  3 months, as of 2025-11-04 08:00 UTC"
    found = month("research")
    assert (found["month"], found["state"], found["amount"], found["text"]) == ("2025-10", "accepted", "3827.16045937200031", "")
    assert found["accepted"] == "2025-11-04T08:00:00Z"
    assert Path(found["receipt"]).is_file()


@pytest.mark.parametrize(
    ("as_of", "state", "text"),
    [
        ("2025-10-31T23:59:59Z", "open", "open until 2025-11-03 00:00 UTC"),
        ("2025-11-02T23:59:59Z", "open", "open until 2025-11-03 00:00 UTC"),
        ("2025-11-03T00:00:00Z", "missing", "due: the month ended 2 days ago"),
        ("2025-12-01T00:00:00Z", "missing", "due: the month ended 30 days ago"),
    ],
)
def test_a_month_is_due_from_48_hours_after_its_end(project: Path, as_of: str, state: str, text: str) -> None:
    found = status("--month", "2025-10", "--as-of", as_of)
    assert found["due"] is (state == "missing")
    assert {(one["months"][0]["state"], one["months"][0]["text"]) for one in found["integrations"]} == {(state, text)}


def test_last_is_the_last_month_that_is_over_at_as_of(project: Path) -> None:
    assert month("labs", "--as-of", "2025-12-01")["month"] == "2025-11"
    assert month("labs", "--as-of", "2025-11-30T23:59:59Z")["month"] == "2025-10"
    assert month("labs", "--month", "last", "--as-of", "2026-01-05")["month"] == "2025-12"


def test_a_missing_month_whose_file_lies_there_says_so(project: Path) -> None:
    put("labs", "2025-10")
    found = month("labs")
    assert (found["state"], found["due"]) == ("missing", True)
    assert found["text"] == "due: the month ended 3 days ago; file in exports/labs/ not uploaded"
    assert [one["verdict"] for one in found["newer"]] == ["pass"]


# --- provisional ---


def test_a_month_to_date_is_due_once_the_month_is_settled(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("research", "2025-10", days=19)
    stand_still(monkeypatch, "2025-10-20T00:00:00Z")
    upload("exports/research", "--month-to-date")
    early = month("research", "--month", "2025-10", "--as-of", "2025-11-02T23:59:59Z")
    assert (early["state"], early["due"]) == ("provisional", False)
    assert "due from 2025-11-03 00:00 UTC" in early["text"]
    late = month("research", "--month", "2025-10", "--as-of", NOVEMBER_3)
    assert (late["state"], late["due"]) == ("provisional", True)
    stand_still(monkeypatch, "2025-11-04T08:00:00Z")
    put("research", "2025-10")
    upload("exports/research/cost_2025-10-01_2025-10-31.csv")
    assert month("research")["state"] == "accepted"


@pytest.mark.parametrize(("at", "state"), [("2025-11-02T23:59:59Z", "provisional"), (NOVEMBER_3, "accepted")])
def test_a_file_that_was_judged_too_early_is_provisional(
    project: Path, monkeypatch: pytest.MonkeyPatch, at: str, state: str
) -> None:
    waiver = f'waivers:\n  - {{rule: OC309, organization: {RESEARCH}, month: any, reason: r, owner: o, expires: "2025-12-31"}}\n'
    Path("billproof.yaml").write_text(CONFIGURATION + waiver, "utf-8")
    put("research", "2025-10")
    stand_still(monkeypatch, at)
    upload("exports/research")
    found = month("research", "--as-of", "2025-11-04")
    assert (found["state"], found["due"]) == (state, state == "provisional")
    put("research", "2025-10", "124.00000000000001")
    found = month("research", "--month", "2025-10", "--as-of", "2025-11-02T23:59:59Z")
    assert (found["state"], found["due"]) == ("newer", True), "it could be sent now"


# --- newer files ---


def test_bytes_that_were_replaced_are_no_newer_file(project: Path) -> None:
    old, path = put("research", "2025-10").read_bytes(), put("research", "2025-10")
    upload("exports/research")
    new = put("research", "2025-10", "123.50000000000001").read_bytes()
    upload("exports/research")
    path.write_bytes(old)
    assert month("research")["state"] == "accepted"
    path.write_bytes(new.replace(b"123.5", b"123.6"))
    assert month("research")["state"] == "newer"


def test_a_newer_file_that_fails_its_check_is_named(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research")
    put("research", "2025-10", "200.00000000000001", days=30)
    found = month("research")
    assert (found["state"], found["due"]) == ("newer", True)
    assert found["text"] == "newer file exports/research/cost_2025-10-01_2025-10-30.csv fails: OC304, OC601"
    assert found["newer"][0]["verdict"] == "fail"
    assert found["newer"][0]["because"] == ["OC304", "OC601"]


def test_a_newer_file_is_judged_as_an_upload_would(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research")
    put("research", "2025-10", "130.5")  # OC206 is a warning
    assert month("research")["newer"][0]["because"] == ["OC206"]
    assert month("research")["newer"][0]["verdict"] == "fail"


def test_a_newer_file_of_a_month_that_is_not_settled_is_due_only_if_it_could_be_sent(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("research", "2025-10", days=19)
    stand_still(monkeypatch, "2025-10-20T00:00:00Z")
    upload("exports/research", "--month-to-date")
    put("research", "2025-10", "200.00000000000001", days=19)
    early = month("research", "--month", "2025-10", "--as-of", "2025-10-20")
    assert (early["state"], early["due"]) == ("newer", False)
    assert month("research", "--month", "2025-10", "--as-of", NOVEMBER_3)["due"] is True


def test_two_newer_files_are_counted(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research")
    put("research", "2025-10", "130.00000000000001", at="exports/research/a.csv")
    put("research", "2025-10", "131.00000000000001", at="exports/research/b.csv")
    assert month("research")["text"] == "2 newer files in exports/research/ not uploaded"


def test_a_file_of_another_month_says_nothing_of_this_one(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research")
    put("research", "2025-09")
    assert month("research", "--month", "2025-10")["state"] == "accepted"
    assert month("research", "--month", "2025-09")["state"] == "missing"


def test_bytes_that_the_ledger_knows_are_not_judged_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("research", "2025-10")
    upload("exports/research")

    def never(*_: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr("billproof.delivery.status.check_input", never)
    assert month("research")["state"] == "accepted"


def test_a_link_to_a_file_of_another_integration_is_no_file_of_this_one(project: Path) -> None:
    put("labs", "2025-10")
    Path("exports/research/linked.csv").symlink_to("../labs/cost_2025-10-01_2025-10-31.csv")
    assert [len(one["months"][0]["newer"]) for one in status()["integrations"]] == [0, 0, 1]


def test_what_a_destination_keeps_in_the_folder_is_no_newer_file(project: Path) -> None:
    Path("billproof.yaml").write_text(CONFIGURATION.replace("path: archive}", "path: exports/labs/archive}"), "utf-8")
    put("labs", "2025-10")
    upload("exports/labs")
    assert Path("exports/labs/archive").is_dir()
    assert (month("labs")["state"], month("labs")["newer"]) == ("accepted", [])


def test_a_file_of_no_month_is_due(project: Path) -> None:
    for name in NAMES:
        put(name, "2025-10")
    upload()
    Path("exports/labs/notes.csv").write_text("a,b\n1,2\n", "utf-8")
    code, out, _ = run("status")
    assert code == 1
    assert "  labs      exports/labs/notes.csv has no readable month; due: billproof check says why" in out.splitlines()
    assert [one["path"] for one in status()["integrations"][2]["unplaced"]] == ["exports/labs/notes.csv"]


def test_without_a_folder_newer_files_are_not_looked_for_and_that_is_said(project: Path) -> None:
    Path("billproof.yaml").write_text(CONFIGURATION.replace("files: exports/labs, ", ""), "utf-8")
    _, out, _ = run("status")
    assert "  labs      has no `files` in billproof.yaml, so newer files are not found" in out.splitlines()
    assert status()["integrations"][2]["files"] is None


# --- not known, refused, no destination ---


def test_an_upload_without_an_answer_is_not_known(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research")
    (receipt,) = receipts("*.json")
    receipt.unlink()  # as if the command had been cut off: what was begun is there
    found = month("research")
    assert (found["state"], found["due"], found["amount"]) == ("not_known", True, None)
    assert found["text"] == "due: the outcome of the upload on 2025-11-04 is unknown; run the upload again"
    assert "  research  2025-10  OUTCOME UNKNOWN       due: the outcome" in run("status")[1]
    upload("exports/research")
    assert month("research")["state"] == "accepted"
    put("research", "2025-10", "130.00000000000001")
    upload("exports/research")
    receipts("0003-*.json")[0].unlink()
    assert month("research")["state"] == "not_known", "nobody knows which of the two it has"


def test_a_resend_of_the_same_bytes_without_an_answer_leaves_no_doubt(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research")
    upload("exports/research", "--resend")
    receipts("0002-*.json")[0].unlink()
    assert month("research")["state"] == "accepted"


def test_an_upload_that_was_not_accepted_is_due(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research")
    Path(".ledger").rename(".lost")
    assert run("ledger", "init")[0] == 0
    put("research", "2025-10", "130.00000000000001")
    assert run("upload", "exports/research")[0] == 4  # the folder holds what the new ledger does not know
    found = month("research")
    assert (found["state"], found["due"], found["accepted"]) == ("refused", True, None)
    assert found["text"].startswith("due: the upload on 2025-11-04 was refused: the folder contains 1-")
    assert "  research  2025-10  REFUSED " in run("status")[1]
    upload("exports/research", "--resend")
    assert month("research")["state"] == "accepted"


def test_an_integration_without_a_destination_is_due_whatever_the_month(project: Path) -> None:
    Path("billproof.yaml").write_text(CONFIGURATION.replace("exports/labs, to: archive", "exports/labs"), "utf-8")
    found = month("labs", "--month", "2025-12")
    assert (found["state"], found["due"]) == ("no_destination", True)
    assert found["text"] == "due: add `to:` to the integration (billproof.yaml:9)"


def test_an_upload_to_another_destination_does_not_count_and_is_told(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research", "--to", "second")
    found = status()
    assert found["integrations"][0]["months"][0]["state"] == "missing"
    assert status("--month", "2025-09")["elsewhere"] == []
    assert found["elsewhere"] == [{"destination": "second", "organization": RESEARCH, "organization_name": "Acme", "months": 1}]
    assert f"  Not shown: 1 month of {RESEARCH}, Acme at second" in run("status")[1].splitlines()


# --- several months ---


def test_a_year_is_a_grid_totals_and_what_is_due(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in (3, 4, 6, 7):
        put("research", f"2025-{n:02}", "100.00000000000001")
    put("europe", "2025-07", "100000.0000000001")
    put("labs", "2025-09", "1.0000000000000001")
    stand_still(monkeypatch, "2025-10-20T12:00:00Z")
    upload()
    put("research", "2025-10", "100.00000000000001", days=19)
    upload("exports/research/cost_2025-10-01_2025-10-19.csv", "--month-to-date")
    put("research", "2025-04", "100.00000000000002")
    code, out, _ = run("status", "--from", "2025-01", "--to", "2025-12", "--as-of", "2025-11-04T08:00:00Z")
    assert code == 1
    # 31 + 30 + 30 + 31 + 19 = 141 days of 100.00000000000001; 31 days of 100000.0000000001; 30 days of 1.0000000000000001
    assert out.splitlines() == [
        "  2025      01 02 03 04 05 06 07 08 09 10 11 12",
        "  research        #  +  !  #  #  !  !  ~  .  .",
        "  europe                      #  !  !  !  .  .",
        "  labs                              #  !  .  .",
        "  # accepted  ~ provisional  + newer file  ! missing, refused  . not due yet  blank: before the first upload",
        "",
        "  research   5 of 8 months accepted      14,100.00 USD",
        "  europe     1 of 4 months accepted   3,100,000.00 USD",
        "  labs       1 of 2 months accepted          30.00 USD",
        "",
        "  research  2025-04  accepted 2025-10-20      3,000.00 USD   newer file in exports/research/ not uploaded",
        "  research  2025-05  MISSING               due: the month ended 156 days ago",
        "  research  2025-08  MISSING               due: the month ended 64 days ago",
        "  research  2025-09  MISSING               due: the month ended 34 days ago",
        "  research  2025-10  accepted 2025-10-20      1,900.00 USD   provisional, checked too early: due",
        "  europe    2025-08  MISSING               due: the month ended 64 days ago",
        "  europe    2025-09  MISSING               due: the month ended 34 days ago",
        "  europe    2025-10  MISSING               due: the month ended 3 days ago",
        "  labs      2025-10  MISSING               due: the month ended 3 days ago",
        "DUE  9 of 14 months, 6 months not due yet, as of 2025-11-04 08:00 UTC",
        "Configuration: billproof.yaml",
    ]
    assert out in PAGE
    assert max(map(len, out.splitlines())) <= 112
    total = status("--from", "2025-01", "--to", "2025-12")["integrations"][0]["totals"]
    assert total == [{"currency": "USD", "amount": "14100.00000000000141", "months": 5}]


def test_each_year_of_a_longer_range_has_its_block(project: Path) -> None:
    lines = run("status", "--from", "2024-11", "--to", "2025-02")[1].splitlines()
    assert lines[0] == "  2024      11 12"
    assert lines[1:4] == ["  research  !  !", "  europe    !  !", "  labs      !  !"], "nothing was ever uploaded"
    assert lines[4] == "  2025      01 02"


def test_a_month_before_the_first_upload_is_due_only_if_its_file_lies_there(project: Path) -> None:
    put("research", "2025-09")
    upload("exports/research")
    assert month("research", "--month", "2025-08")["state"] == "before"
    put("research", "2025-08")
    assert month("research", "--month", "2025-08")["state"] == "missing"
    assert "blank" not in run("status", "--from", "2025-09", "--to", "2025-10")[1]


def test_a_month_to_date_does_not_excuse_the_month_before_it(project: Path) -> None:
    put("research", "2025-11", days=3)
    upload("exports/research", "--month-to-date")
    assert month("research", "--month", "2025-10")["state"] == "missing"


def test_from_alone_ends_with_the_last_month(project: Path) -> None:
    found = status("--from", "2025-08")
    assert (found["from"], found["to"]) == ("2025-08", "2025-10")
    assert [one["month"] for one in found["integrations"][0]["months"]] == ["2025-08", "2025-09", "2025-10"]


@pytest.mark.parametrize(
    ("arguments", "headline"),
    [
        (["--from", "2025-11", "--to", "2026-10"], "NOTHING DUE  36 months not due yet, as of 2025-11-04 08:00 UTC"),
        (["--from", "2025-10", "--to", "2025-12"], "DUE  3 of 3 months, 6 months not due yet, as of 2025-11-04 08:00 UTC"),
        (["--month", "2025-11"], "NOTHING DUE  3 months not due yet, as of 2025-11-04 08:00 UTC"),
    ],
)
def test_months_that_have_not_come_are_counted_apart(project: Path, arguments: list[str], headline: str) -> None:
    out = run("status", *arguments)[1]
    assert out.splitlines()[-2] == headline
    if arguments[0] == "--from":
        come = "0 months" if arguments[1] == "2025-11" else "1 month"
        assert f"  labs       0 of {come} accepted" in out.splitlines()


def test_files_of_no_month_are_not_counted_as_months(project: Path) -> None:
    """Else two of one month could be due."""
    for name in ("a", "b"):
        Path(f"exports/labs/{name}.csv").write_text("a,b\n1,2\n", "utf-8")
    found = "DUE  3 of 3 months, 2 files without a readable month, as of 2025-11-04 08:00 UTC"
    assert run("status")[1].splitlines()[-2] == found
    found = "DUE  2 files without a readable month, 3 months not due yet, as of 2025-11-04 08:00 UTC"
    assert run("status", "--month", "2025-11")[1].splitlines()[-2] == found
    for name in NAMES:
        put(name, "2025-10")
        upload(f"exports/{name}/cost_2025-10-01_2025-10-31.csv")
    assert run("status")[1].splitlines()[-2] == "DUE  2 files without a readable month, as of 2025-11-04 08:00 UTC"


def test_several_files_that_are_not_ready_are_one_short_phrase(project: Path) -> None:
    for name in ("a", "b", "c"):
        put("labs", "2025-10", "130.5", at=f"exports/labs/{name}.csv")
    text = "due: the month ended 3 days ago; 3 files in exports/labs/ are not ready to upload; billproof check says why"
    assert month("labs")["text"] == text
    put("labs", "2025-10", at="exports/labs/d.csv")
    assert month("labs")["text"] == text.replace("; 3", "; file in exports/labs/ not uploaded; 3")


def test_a_month_that_went_elsewhere_says_where(project: Path) -> None:
    put("research", "2025-10")
    upload("exports/research", "--to", "second")
    found = month("research")
    assert (found["state"], found["due"]) == ("missing", True)
    assert found["text"] == "due: the month ended 3 days ago; uploaded to second, but `to:` is archive"
    assert month("europe")["text"] == "due: the month ended 3 days ago"


# --- what cannot be known ---


def spoilt(kind: str) -> Iterator[str]:
    """Damages the ledger; gives what the message must name."""
    first = receipts("*.json")[0]
    if kind == "missing":
        Path(".ledger").rename(".lost")
        yield "the ledger .ledger does not exist"
    elif kind == "edited":
        first.write_bytes(first.read_bytes().replace(b"3827", b"3826"))
        yield "its digest does not match its name"
    elif kind == "removed":
        first.unlink()
        receipts("0001-*.begun")[0].unlink()
        yield "which is missing: removed or edited"
    else:
        Path("billproof.yaml").write_text(CONFIGURATION.replace("ledger: .ledger\n", ""), "utf-8")
        yield "no ledger is configured"


@pytest.mark.parametrize("kind", ["missing", "edited", "removed", "not configured"])
def test_without_a_ledger_that_can_be_relied_on_nothing_is_shown(project: Path, kind: str) -> None:
    put("research", "2025-10")
    upload("exports/research")
    put("research", "2025-10", "123.50000000000001")
    upload("exports/research")
    (text,) = spoilt(kind)
    code, out, err = run("status")
    assert (code, out) == (3, "")
    assert text in err


def test_a_file_that_cannot_be_read_leaves_nothing_fine(project: Path) -> None:
    for name in NAMES:
        put(name, "2025-10")
    upload()
    Path("exports/labs/broken.csv").symlink_to("nowhere.csv")
    code, out, _ = run("status")
    assert code == 3
    lines = out.splitlines()
    assert lines[1].startswith("  europe    2025-10  accepted 2025-11-04")
    assert lines[2].startswith("  labs      2025-10  UNPROVED ")
    assert lines[3].startswith("  labs      exports/labs/broken.csv: cannot be read")
    assert lines[4] == "UNPROVED  some files could not be read, as of 2025-11-04 08:00 UTC"
    assert month("labs")["due"] is True


def test_a_folder_that_is_not_there_is_not_an_empty_one(project: Path) -> None:
    put("labs", "2025-10")
    upload("exports/labs")
    Path("exports/labs").rename("exports/lab")
    found = status("--as-of", "2025-11-04")
    assert found["exit_code"] == 3
    assert found["integrations"][2]["months"][0]["state"] == "unproved"
    assert found["integrations"][2]["unread"][0].startswith("exports/labs/: cannot be read")


def test_a_folder_that_may_not_be_listed_is_not_an_empty_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("labs", "2025-10")
    upload("exports/labs")
    denied = "cannot be read: denied"
    monkeypatch.setattr("billproof.delivery.status.find_inputs", lambda names, own: [Input(f"{names[0]}2024", denied)])
    found = status()
    assert found["exit_code"] == 3
    assert found["integrations"][2]["unread"] == ["exports/labs/2024: cannot be read: denied"]


def test_a_file_that_the_engine_cannot_finish_leaves_nothing_fine(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("labs", "2025-10")
    upload("exports/labs")
    put("labs", "2025-10", "130.00000000000001")
    check_input = "billproof.delivery.status.check_input"
    monkeypatch.setattr(check_input, lambda one, *_: unread(one.path, f"{one.path}: cannot be summed"))
    found = status()
    assert found["exit_code"] == 3
    assert found["integrations"][2]["unread"] == ["exports/labs/cost_2025-10-01_2025-10-31.csv: cannot be summed"]


# --- the command ---


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--from", "2025-11", "--to", "2025-10"], "--from 2025-11 is later than --to 2025-10"),
        (["--to", "2025-10"], "--to needs --from"),
        (["--month", "2025-10", "--from", "2025-09"], "--month is one month"),
        (["--month", "2025-13"], "--month 2025-13: not a month"),
        (["--from", "October"], "--from October: not a month"),
        (["--as-of", "soon"], "--as-of soon"),
        (["--format", "html"], "--format"),
        (["exports"], "unrecognized arguments"),
    ],
    ids=" ".join,
)
def test_wrong_usage(project: Path, arguments: list[str], text: str) -> None:
    code, out, err = run("status", *arguments)
    assert (code, out) == (2, "")
    assert text in err


@pytest.mark.parametrize(
    ("configuration", "text"), [(None, "status needs a billproof.yaml"), ("version: 1\n", "billproof.yaml has no integration")]
)
def test_without_integrations_there_is_nothing_to_show(project: Path, configuration: str | None, text: str) -> None:
    Path("billproof.yaml").unlink()
    if configuration is not None:
        Path("billproof.yaml").write_text(configuration, "utf-8")
    code, out, err = run("status")
    assert (code, out) == (2, "")
    assert text in err


def test_the_json_has_its_schema_and_is_the_same_again(project: Path) -> None:
    schema = json.loads((ROOT / "schemas" / "status.v1.schema.json").read_text("utf-8"))
    put("research", "2025-10")
    put("europe", "2025-09")
    upload("exports/research", "exports/europe")
    put("research", "2025-10", "124.00000000000001")
    put("labs", "2025-10", days=20)
    Path("exports/labs/notes.csv").write_text("a,b\n1,2\n", "utf-8")
    Path("exports/europe/broken.csv").symlink_to("nowhere")
    before = {path: path.lstat().st_mtime_ns for path in Path().rglob("*")}
    arguments = ("status", "--from", "2025-08", "--to", "2025-12", "--format", "json", "--as-of", "2025-11-20")
    code, out, _ = run(*arguments)
    assert code == 3
    jsonschema.Draft202012Validator(schema).validate(json.loads(out))
    assert run(*arguments)[1] == out
    assert {path: path.lstat().st_mtime_ns for path in Path().rglob("*")} == before, "nothing is written"
