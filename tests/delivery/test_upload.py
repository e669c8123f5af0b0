"""`billproof upload` through the real command: what is sent, what is set aside, what is refused, and every line of it."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import check, process, run
from tests.uploading import ACME, LABS, LEDGER, MONTH, World, export, sha256, stand_still, verified

NOON = "2026-01-05T12:00:00Z"
TWO = f"""\
  - {{name: research, organization: {ACME}, files: exports/research/, to: archive}}
  - {{name: labs, organization: {LABS}, files: exports/labs/, to: archive}}"""
NOT_SENT = "NOTHING SENT 1 of 1 file not ready to upload; billproof sends nothing until all are"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch, NOON)


def nothing_happened(world: World) -> None:
    """Nothing was sent, and nothing written down."""
    assert world.place.current() is None
    assert world.place.versions() == []
    assert world.receipts() == []
    assert world.files(".begun") == []


def receipt_path(world: World, number: int = -1) -> str:
    return world.files()[number].relative_to(world.root).as_posix()


# --- sent, set aside, refused ---


def test_a_file_that_passes_is_accepted(world: World) -> None:
    found = world.upload(world.put(export("18402.165")))
    (one,) = world.receipts()
    assert found.code == 0
    assert found.lines == [
        f"research 2025-10 PASS 18,402.17 USD accepted id {one['answer']['id']} receipt {receipt_path(world)}",
        "ALL UPLOADED 1 accepted",
    ]
    assert found.err == ""
    assert world.place.current() == export("18402.165")
    assert (one["status"], one["started"], one["finished"], one["as_of"]) == ("accepted", NOON, NOON, NOON)
    assert verified() == (0, "PASS  1 receipt, 0 errors\n")


def test_the_same_bytes_again_are_set_aside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(export("100"))
    stand_still(monkeypatch, "2026-01-06T12:00:00Z")
    before = world.everything()
    for name in ("sent-again.csv", "another folder/with another name.csv"):
        world.put(export("100"), name)
        before = world.everything()
        found = world.upload(name)
        assert (found.code, found.report) == (0, None)
        assert found.lines == [
            "research 2025-10 - 100.00 USD already uploaded archive has had it since 2026-01-05 12:00",
            "NOTHING SENT 1 file already uploaded; nothing new",
        ]
        assert found.err == "no report: every file was skipped, so none was checked\n"
        assert world.everything() == before


def test_bytes_that_are_there_are_set_aside_even_if_they_would_not_pass_any_more(world: World) -> None:
    """They are there; that the month before has another project by now does not make that a fault."""
    name = world.put(export(projects={"proj_EXAMPLE1": "100"}))
    assert world.upload(name).code == 0
    world.send(export(month="2025-09", projects={"proj_EXAMPLE1": "50", "proj_EXAMPLE2": "50"}))
    assert check(name, "--policy", "upload", as_of=None).failed == {"OC602"}
    assert world.upload(name).code == 0


def test_bytes_that_were_replaced_since_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(export("100"))
    stand_still(monkeypatch, "2026-01-07T08:30:59Z")
    world.send(export("2100.5"))
    old = world.put(export("100"), "old.csv")
    before = world.everything()
    for arguments in ((), ("--dry-run",)):
        found = world.upload(old, *arguments)
        assert found.code == 1
        assert found.report is not None
        assert found.report["reasons"][0]["code"] == "replaced"
        assert found.report["upload"]["ready"] is False
        assert found.lines[-2:] == [
            "research 2025-10 FAIL 100.00 USD SUPERSEDED was accepted on 2026-01-05 12:00 with 100.00 USD and was superseded on "
            f"2026-01-07 08:30 by sent-{sha256(export('2100.5'))[:8]}.csv with 2,100.50 USD; to upload it again, add "
            "--resend",
            NOT_SENT,
        ]
        assert "waivers:" not in found.out, "no waiver applies to it"
        assert world.everything() == before


def test_a_refused_file_keeps_the_others_back(world: World) -> None:
    world.send(export("100"))
    world.send(export("110"))
    found = world.upload(world.put(export("100"), "old.csv"), world.put(export("50", month="2025-11"), "new.csv"))
    assert found.code == 1
    assert found.lines[-2:] == [
        "research 2025-11 PASS 50.00 USD not sent",
        "NOTHING SENT 1 of 2 files not ready to upload; billproof sends nothing until all are",
    ]
    assert world.place.versions("2025-11") == []


def test_resend_of_what_is_there(world: World) -> None:
    world.send(export("100"))
    found = world.upload(world.put(export("100")), "--resend")
    assert found.code == 0
    assert found.lines[-1] == "ALL UPLOADED 1 accepted"
    assert world.statuses() == ["accepted", "accepted"]
    assert world.place.versions() == [export("100"), export("100")]


def test_resend_of_what_was_replaced(world: World) -> None:
    for total in ("100", "100.5"):
        world.send(export(total))
    found = world.upload(world.put(export("100")), "--resend")
    assert found.code == 0
    assert world.place.current() == export("100")
    assert world.statuses() == ["accepted"] * 3
    assert world.upload(world.put(export("100"))).code == 0
    assert world.upload(world.put(export("100.5"))).code == 1


def test_resend_is_judged_like_everything(world: World) -> None:
    """Less than before is less than before: it needs a waiver."""
    for total in ("100", "102"):
        world.send(export(total))
    found = world.upload(world.put(export("100")), "--resend")
    assert found.code == 1
    assert found.reasons == {("failed", "OC601")}
    assert world.place.current() == export("102")


def test_a_dry_run_writes_nothing_and_needs_no_lock(world: World) -> None:
    name = world.put(export("100"))
    before = world.everything()
    from billproof.delivery.ledger.store import open_ledger
    from billproof.delivery.ledger.writer import LedgerWriter

    with LedgerWriter(open_ledger(LEDGER)).lock():
        (world.ledger / ".lock").unlink()
        found = world.upload(name, "--dry-run")
    assert found.code == 0
    assert found.lines[0] == "research 2025-10 PASS 100.00 USD ready to upload"
    assert found.lines[-1] == "NOTHING SENT dry run: 1 file ready to upload"
    assert "export.csv" in found.lines[1]
    assert world.everything() == {path: data for path, data in before.items() if not path.endswith(".lock")}


def test_a_dry_run_of_a_directory_shows_what_would_be_written(world: World) -> None:
    found = world.upload(world.put(export("100")), "--dry-run")
    if world.place.settings.startswith("{kind: directory"):
        target = f"archive/organization={ACME}/month=2025-10/N-{sha256(export('100'))}.csv"
        assert found.lines[1] == f"cp export.csv {target} # N: the next number"


def test_a_dry_run_of_what_may_not_be_sent(world: World) -> None:
    found = world.upload(world.put(export("100", days=30)), "--dry-run")
    assert found.code == 1
    assert found.lines[-1] == NOT_SENT
    nothing_happened(world)


def test_a_dry_run_does_not_settle_what_was_cut_off(world: World) -> None:
    world.send(export("100"))
    world.files()[0].unlink()
    before = world.everything()
    world.put(export("100"))
    assert world.upload("export.csv", "--dry-run").code == 0
    assert world.everything() == before | {"export.csv": export("100")}


# --- all or nothing ---


def test_two_files_of_a_month_are_named(world: World) -> None:
    one, other = world.put(export("100"), "one.csv"), world.put(export("110"), "other.csv")
    found = world.upload(one, other)
    assert (found.code, found.out, found.report) == (2, "", None)
    assert found.err.splitlines() == [
        "two files for 2025-10 of research: one.csv and other.csv; nothing was sent",
        "An upload replaces the month: name the file to upload, or move the other one out of the folder.",
    ]
    nothing_happened(world)


def test_a_file_that_is_there_and_a_new_one_of_its_month_are_two_of_a_month(world: World) -> None:
    world.put(export("100"), "exports/one.csv")
    assert world.upload("exports").code == 0
    world.put(export("110"), "exports/two.csv")
    found = world.upload("exports")
    assert (found.code, found.out) == (2, "")
    assert "exports/one.csv and exports/two.csv" in found.err
    assert world.statuses() == ["accepted"]


def test_all_are_judged_before_the_first_is_sent(world: World) -> None:
    good = [world.put(export("100", month=f"2025-0{n}"), f"{n}.csv") for n in (7, 8)]
    found = world.upload(*good, world.put(export("100", days=30), "short.csv"))
    assert found.code == 1
    assert found.out.splitlines()[0].startswith("PASS  7.csv")
    assert "FAIL  short.csv must not be uploaded as October 2025" in found.out
    assert found.lines[-4:] == [
        "research 2025-07 PASS 100.00 USD not sent",
        "research 2025-08 PASS 100.00 USD not sent",
        "research 2025-10 FAIL 100.00 USD not sent",
        "NOTHING SENT 1 of 3 files not ready to upload; billproof sends nothing until all are",
    ]
    for month in ("2025-07", "2025-08"):
        assert world.place.versions(month) == []
    nothing_happened(world)


def test_a_file_that_cannot_be_read_keeps_the_others_back(world: World) -> None:
    found = world.upload(world.put(export("100")), "missing.csv")
    assert found.code == 3
    assert found.lines[-3:] == [
        "research 2025-10 PASS 100.00 USD not sent",
        "missing.csv - UNPROVED - not sent",
        "NOTHING SENT 1 of 2 files not ready to upload; billproof sends nothing until all are",
    ]
    nothing_happened(world)


def test_several_organizations_and_months_in_one_run(world: World) -> None:
    world.configure(TWO)
    for organization, folder in ((ACME, "research"), (LABS, "labs")):
        for month, total in (("2025-09", "90"), ("2025-10", "1100")):
            world.put(export(total, month, organization), f"exports/{folder}/{month}.csv")
    assert world.upload("exports/labs/2025-09.csv").code == 0
    found = world.upload()
    assert found.code == 0
    assert [line.split(" id ")[0] for line in found.lines] == [
        "research 2025-09 PASS 90.00 USD accepted",
        "research 2025-10 PASS 1,100.00 USD accepted",
        "labs 2025-09 - 90.00 USD already uploaded archive has had it since 2026-01-05 12:00",
        "labs 2025-10 PASS 1,100.00 USD accepted",
        "ALL UPLOADED 3 accepted, 1 already uploaded",
    ]
    columns = {line.index("USD") for line in found.out.splitlines()[:4]}
    assert len(columns) == 1, "amounts stand below each other"
    assert found.report is not None
    assert [one["path"] for one in found.report["files"]] == [
        "exports/research/2025-09.csv", "exports/research/2025-10.csv", "exports/labs/2025-10.csv",
    ]  # fmt: skip
    for organization in (ACME, LABS):
        assert world.place.current("2025-10", organization) == export("1100", "2025-10", organization)
    assert verified() == (0, "PASS  4 receipts, 0 errors\n")
    assert world.upload().lines[-1] == "NOTHING SENT 4 files already uploaded; nothing new"


def test_only_one_integration(world: World) -> None:
    world.configure(TWO)
    world.put(export("100"), "exports/research/october.csv")
    world.put(export("70", days=3, organization=LABS), "exports/labs/october.csv")
    lying_about = world.put(export("70", organization=LABS), "labs-too.csv")
    found = world.upload("--only", "research")
    assert found.code == 0
    assert [line.split(" id ")[0] for line in found.lines] == [
        "research 2025-10 PASS 100.00 USD accepted",
        "ALL UPLOADED 1 accepted",
    ]
    found = world.upload("--only", "labs", lying_about)
    assert found.code == 0
    assert [one["integration"]["name"] for one in world.receipts()] == ["research", "labs"]


def test_only_passes_over_files_of_others_wherever_they_lie(world: World) -> None:
    world.configure(TWO)
    found = world.upload("--only", "research", world.put(export("70", organization=LABS), "october.csv"))
    assert found.code == 3
    assert found.reasons == {("unreadable", None)}
    assert "exports/research/: no file of research" in found.out


def test_only_does_not_pass_over_a_file_of_which_nobody_knows_whose_it_is(world: World) -> None:
    world.configure(TWO)
    mine, strange = world.put(export("100")), world.put(export("5", organization="org-EXAMPLEother"), "strange.csv")
    found = world.upload("--only", "research", mine, strange)
    assert found.code == 3
    assert found.lines[-2:] == ["strange.csv 2025-10 UNPROVED 5.00 USD not sent", NOT_SENT.replace("1 file", "2 files")]
    nothing_happened(world)


def test_month_to_date_and_then_the_whole_month(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch, "2025-10-11T12:00:00Z")
    part = world.put(export("100", days=10))
    found = world.upload(part)
    assert found.code == 1
    assert found.reasons == {("failed", "OC305")}
    found = world.upload(part, "--month-to-date")
    assert found.code == 0
    (one,) = world.receipts()
    assert (one["month_to_date"], len(one["totals"]["days"])) == (True, 10)
    stand_still(monkeypatch, NOON)
    world.send(export("300"))
    assert [(one["month_to_date"], len(one["totals"]["days"])) for one in world.receipts()] == [(True, 10), (False, 31)]
    for arguments in ((), ("--as-of", "2025-10-11T12:00:00Z")):
        found = world.upload(part, "--month-to-date", *arguments)
        assert found.code == 2, "a month that is over is never replaced by a part of it, whatever the clock is said to be"
        assert "October 2025 has ended" in found.err
    assert world.place.current() == export("300")


# --- wrong usage: 2 ---


def test_without_a_configuration(world: World) -> None:
    (world.root / "billproof.yaml").unlink()
    (world.root / ".git").mkdir()
    found = world.upload(world.put(export()))
    assert (found.code, found.out, found.report) == (2, "", None)
    assert found.err.splitlines() == [
        "upload needs a billproof.yaml, which says where each organization's files go", "billproof init FILE creates one.",
    ]  # fmt: skip


def test_without_a_destination(world: World) -> None:
    world.configure(f"  - {{name: research, organization: {ACME}}}")
    name = world.put(export())
    for arguments in ((), ("--dry-run",)):
        found = world.upload(name, *arguments)
        assert (found.code, found.out, found.report) == (2, "", None)
        assert found.err.splitlines() == [
            "no destination for research (billproof.yaml:6); nothing was sent",
            "Use --to NAME, or add `to: NAME` to the integration. Destinations: archive.",
        ]
    nothing_happened(world)
    assert world.upload(name, "--to", "archive").code == 0
    assert world.statuses() == ["accepted"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--to", "elsewhere"), "--to elsewhere: no such destination\nDestinations: archive.\n"),
        (("--only", "elsewhere"), "--only elsewhere: no such integration\nIntegrations: research.\n"),
        (
            ("--as-of", "2026-01-05T12:00:01Z"),
            "--as-of is later than the clock; an upload checks only what has ended\nLeave it out.\n",
        ),
    ],
)
def test_wrong_usage(world: World, arguments: tuple[str, ...], message: str) -> None:
    found = world.upload(world.put(export()), *arguments)
    assert (found.code, found.out, found.err, found.report) == (2, "", message, None)
    nothing_happened(world)


@pytest.mark.parametrize("as_of", [NOON, "2025-12-01"])
def test_an_earlier_as_of_is_judged_by(world: World, as_of: str) -> None:
    assert world.upload(world.put(export()), "--as-of", as_of).code == 0
    assert world.receipts()[0]["as_of"].startswith(as_of[:10])


def test_an_expected_total_speaks_of_one_file(world: World) -> None:
    found = world.upload(world.put(export("100")), world.put(export("100", "2025-09"), "other.csv"), "--expect-total", "100.00")
    assert found.code == 2
    nothing_happened(world)
    assert world.upload("export.csv", "--expect-total", "100.01").code == 1
    assert world.upload("export.csv", "--expect-total", "100.00").code == 0


# --- not proved: 3 ---


def test_an_organization_without_integration(world: World) -> None:
    found = world.upload(world.put(export(organization="org-EXAMPLEother")))
    assert found.code == 3
    assert found.report is not None
    assert "no_integration" in found.report["upload"]["because"]
    assert found.lines[-2:] == ["export.csv 2025-10 UNPROVED 100.00 USD not sent", NOT_SENT]
    nothing_happened(world)


def no_ledger(world: World) -> None:
    shutil.rmtree(world.ledger)


def an_empty_folder(world: World) -> None:
    shutil.rmtree(world.ledger)
    world.ledger.mkdir()


def a_file_in_its_place(world: World) -> None:
    shutil.rmtree(world.ledger)
    world.ledger.write_text("a ledger?")


def no_mark(world: World) -> None:
    (world.ledger / "ledger.json").unlink()


def damaged_mark(world: World) -> None:
    (world.ledger / "ledger.json").write_text('{"schema": "billproof/led')


def mark_of_something_else(world: World) -> None:
    (world.ledger / "ledger.json").write_text('{"schema": "billproof/ledger/v9", "id": "x"}')


def mark_without_id(world: World) -> None:
    (world.ledger / "ledger.json").write_text('{"schema": "billproof/ledger/v1"}')


def mark_with_half_a_character(world: World) -> None:
    (world.ledger / "ledger.json").write_text('{"schema": "billproof/ledger/v1", "id": "\\ud800"}')


def not_configured(world: World) -> None:
    world.configure(ledger=None)


@pytest.mark.parametrize(
    "lose",
    [
        no_ledger,
        an_empty_folder,
        a_file_in_its_place,
        no_mark,
        damaged_mark,
        mark_of_something_else,
        mark_without_id,
        mark_with_half_a_character,
        not_configured,
    ],
    ids=lambda lose: lose.__name__,
)
def test_without_a_ledger_nothing_is_sent_and_findings_are_shown(world: World, lose: Any) -> None:
    lose(world)
    before = world.everything()
    for data, failed in ((export("100"), False), (export("100", days=30), True)):
        name = world.put(data)
        before["export.csv"] = data
        for arguments in ((), ("--dry-run",)):
            found = world.upload(name, *arguments)
            assert found.code == 3
            assert {("not_run", "OC601"), ("not_run", "OC602")} <= found.reasons
            assert ("OC304" in found.out) is failed
            assert found.lines[-1] == NOT_SENT
            assert found.report is not None
            (why,) = {one["reason"] for one in found.report["files"][0]["outcomes"] if one["rule"] == "OC601"}
            assert "ledger" in why
            assert any(text in why for text in ("ledger init", "`ledger:`", "docs/ledger.md")), "it says what to do"
            assert world.everything() == before
    assert world.place.current() is None


def own_rules(world: World, rule: str, change: str) -> None:
    folder = world.root / "own"
    folder.mkdir()
    text = f'name: mine\nversion: "0.1.0"\ntitle: Mine\nextends: openai-cost\nrules:\n  {rule}: {change}\n'
    (folder / "ruleset.yaml").write_text(text)
    world.configure(more="ruleset: own")


def test_a_rule_that_is_off(world: World) -> None:
    own_rules(world, "OC207", "{off: {reason: we know, owner: billing}}")
    found = world.upload(world.put(export()))
    assert found.code == 3
    assert ("off", "OC207") in found.reasons
    nothing_happened(world)


def test_a_weaker_rule_set(world: World) -> None:
    own_rules(world, "OC503", "{level: note}")
    found = world.upload(world.put(export()))
    assert found.code == 3
    assert found.reasons == {("weaker_rules", None)}
    nothing_happened(world)


def test_a_stricter_rule_set(world: World) -> None:
    own_rules(world, "OC503", "{level: error}")
    assert world.upload(world.put(export())).code == 0
    assert world.receipts()[0]["ruleset"]["name"] == "mine"


def test_no_file_at_all(world: World) -> None:
    found = world.upload()
    assert found.code == 3
    assert found.reasons == {("nothing_to_check", None)}


@pytest.mark.parametrize("path", ["no/such/folder/report.json", "."])
def test_a_report_that_cannot_be_written_keeps_all_back(world: World, path: str) -> None:
    world.put(export())
    before = world.everything()
    code, out, err = run("upload", "export.csv", "--output", f"json={path}")
    assert (code, out) == (3, "")
    assert err.startswith(f"UNPROVED  the report {path} could not be written: ")
    assert {name: data for name, data in world.everything().items() if not name.endswith(".lock")} == before
    nothing_happened(world)


def test_standard_output_that_is_closed_keeps_all_back(world: World) -> None:
    """A JSON report goes out before anything is sent."""
    import subprocess
    import sys

    world.put(export())
    command = [sys.executable, "-m", "billproof", "upload", "export.csv", "--format", "json"]
    with open("/dev/full", "wb") as full:
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert found.returncode == 3
    assert b"standard output cannot be written" in found.stderr
    nothing_happened(world)


# --- warnings and waivers ---

CREDIT = export(projects={"proj_EXAMPLE1": "100", "proj_EXAMPLE2": "-1"})


def waiver(rule: str, **keys: str) -> str:
    fields = {"organization": ACME, "month": '"2025-10"', "reason": "credited", "owner": "billing team",
              "expires": '"2026-06-01"'} | keys  # fmt: skip
    return "waivers:\n  - {" + ", ".join([f"rule: {rule}", *(f"{key}: {value}" for key, value in fields.items())]) + "}"


def test_a_warning_keeps_the_file_back(world: World) -> None:
    name = world.put(CREDIT)
    assert check(name, as_of=None).code == 0
    found = world.upload(name)
    assert found.code == 1
    assert found.reasons == {("failed", "OC207")}
    assert found.lines[-2:] == ["research 2025-10 FAIL 99.00 USD not sent", NOT_SENT]
    assert found.report is not None
    assert found.report["upload"] == {"ready": False, "because": ["OC207"]}
    nothing_happened(world)


def test_a_waived_warning_stands_in_the_receipt(world: World) -> None:
    world.configure(more=waiver("OC207", month="any"))
    found = world.upload(world.put(CREDIT))
    assert found.code == 0
    (one,) = world.receipts()
    assert one["waivers"] == [
        {"rule": "OC207", "violations": 1, "reason": "credited", "owner": "billing team", "expires": "2026-06-01",
         "at": "billproof.yaml:8"},
    ]  # fmt: skip
    shown = run("ledger", "show", "research", MONTH)[1]
    assert "OC207 waived by billing team until 2026-06-01: credited" in shown


def test_a_waived_error_stands_in_the_receipt(world: World) -> None:
    more = waiver("OC304", at_most="3", approved_by="finance", reference="T-12")
    world.configure(more=more)
    lines = export("100").splitlines(keepends=True)
    data = b"".join([*lines[:10], *lines[13:]])  # line 2 is 1 October: without the 10th to the 12th
    found = world.upload(world.put(data), "--month", MONTH)
    assert found.code == 0, found.out
    (one,) = world.receipts()
    (signed,) = one["waivers"]
    assert (signed["rule"], signed["violations"], signed["approved_by"], signed["reference"]) == ("OC304", 3, "finance", "T-12")
    assert len(one["totals"]["days"]) == 28


def test_a_month_that_shrinks_can_be_waived(world: World) -> None:
    world.send(export("100"))
    name = world.put(export("90"))
    found = world.upload(name)
    assert found.code == 1
    paste = f'{{rule: OC601, organization: org-EXAMPLEacme01, month: "2025-10", sha256: {sha256(export("90"))}, reason: '
    assert paste in found.out
    world.configure(more=waiver("OC601", sha256=sha256(export("90"))))
    assert world.upload(name).code == 0
    assert world.receipts()[-1]["waivers"][0]["rule"] == "OC601"
    assert world.place.current() == export("90")


# --- the report ---


def test_the_report_of_an_upload(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world.upload(world.put(export("100")))
    assert found.report is not None
    assert found.report["policy"] == {"command": "upload", "policy": "upload", "fail_on": "error"}
    assert found.report["upload"] == {"ready": True, "because": []}
    assert (found.report["verdict"], found.report["exit_code"]) == ("pass", 0)
    assert "last_upload" not in found.report["files"][0]
    stand_still(monkeypatch, "2026-02-01T00:00:00Z")
    found = world.upload(world.put(export("110")))
    assert found.report is not None
    last = found.report["files"][0]["last_upload"]
    assert (last["destination"], last["finished"], last["sha256"]) == ("archive", NOON, sha256(export("100")))
    assert world.receipts()[-1]["result_sha256"] == found.report["result_sha256"]


def test_check_says_what_upload_will_do(world: World) -> None:
    """The same judgement, the same digest, whichever command asks."""
    world.send(export("100"))
    for data, ready in ((export("110"), True), (export("90"), False)):
        name = world.put(data)
        before = check(name, "--policy", "upload", as_of=None)
        assert before.report is not None
        assert before.report["upload"]["ready"] is ready
        assert f"Ready to upload: {'yes' if ready else 'no (OC601)'}" in before.out
        found = world.upload(name, "--dry-run")
        assert found.report is not None
        # The digest of an entry is also that of the settings, and those name the option.
        here, there = ([file | {"result_sha256": ""} for file in report["files"]] for report in (found.report, before.report))
        assert here == there
        assert found.code == before.code


def test_another_format_leaves_standard_output_to_the_report(world: World) -> None:
    code, out, err = run("upload", world.put(export()), "--format", "json")
    assert code == 0
    assert json.loads(out)["verdict"] == "pass"
    assert [" ".join(line.split()) for line in err.splitlines()][-1] == "ALL UPLOADED 1 accepted"


# --- names, standard input, processes ---


@pytest.mark.parametrize(
    "name",
    ["with space.csv", 'it\'s "quoted".csv', "Rechnungen für März, 2025.csv", "エクスポート.csv", "$(id)`;&.csv", "-n.csv"],
)
def test_names_of_every_kind(world: World, name: str) -> None:
    world.put(export(), name)
    dry = world.upload(f"./{name}", "--dry-run")
    assert dry.code == 0
    if world.place.settings.startswith("{kind: directory"):
        import shlex

        assert shlex.split(dry.out.splitlines()[1], comments=True)[1] == f"./{name}"
    assert world.upload(f"./{name}").code == 0
    assert world.receipts()[0]["file"]["name"] == name
    assert name in run("ledger", "show", "research", MONTH)[1]


def test_names_that_would_paint_the_terminal(world: World) -> None:
    name = "a\x1b[31mb\u202ec\nd.csv"
    world.put(export(), name)
    for arguments in (("--dry-run",), ()):
        found = world.upload(name, *arguments)
        assert found.code == 0
        assert not {"\x1b", "\u202e"} & set(found.out)
    assert len(found.lines) == 2
    assert world.receipts()[0]["file"]["name"] == r"a\u001B[31mb\u202Ec\u000Ad.csv"


def test_a_name_that_is_not_utf8(world: World) -> None:
    name = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    try:
        world.put(export(), name)
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    found = world.upload(name)
    assert found.code == 0
    assert world.receipts()[0]["file"]["name"] == r"caf\xE9.csv"


def test_standard_input(world: World) -> None:
    found = process("upload", "-", stdin=export("100"))
    assert found.returncode == 0, found.stderr
    assert found.stdout.decode().splitlines()[-1] == "ALL UPLOADED  1 accepted"
    assert world.place.current() == export("100")
    assert world.receipts()[0]["file"]["sha256"] == sha256(export("100"))
    again = process("upload", "-", stdin=export("100"))
    assert again.returncode == 0
    assert again.stdout.decode().splitlines()[-1] == "NOTHING SENT  1 file already uploaded; nothing new"
    empty = process("upload", "-", stdin=b"")
    assert empty.returncode == 3, "nobody can know whose month that would be"
    assert b"CSV001" in empty.stdout
    assert len(world.receipts()) == 1


def test_from_another_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledger and destination lie beside the configuration, wherever the command runs."""
    (world.root / ".git").mkdir()
    folder = world.root / "exports" / "deep"
    folder.mkdir(parents=True)
    (folder / "october.csv").write_bytes(export())
    monkeypatch.chdir(folder)
    assert world.upload("october.csv").code == 0
    assert world.place.current() == export()
    assert world.statuses() == ["accepted"]
    assert sorted(path.name for path in folder.iterdir()) == ["october.csv"]


def test_a_file_larger_than_what_is_kept_in_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.reading.source.COPY_IN_MEMORY_BYTES", 100)
    monkeypatch.setattr("billproof.delivery.destinations.directory.CHUNK_BYTES", 64)
    world.send(export("100"))
    assert world.place.current() == export("100")


# --- a destination that is not as it was left ---


def lone_version(world: World) -> Path:
    (found,) = (world.root / "archive").rglob("1-*.csv")
    return found


def directory_only(world: World) -> None:
    if not world.place.settings.startswith("{kind: directory"):
        pytest.skip("only a directory can be looked into")


def refused(world: World, data: bytes, *arguments: str) -> str:
    """What the destination said, in one line of the command's."""
    found = world.upload(world.put(data), *arguments)
    assert found.code == 4, found.out + found.err
    assert found.lines[-1] == (
        "NOT ALL UPLOADED 0 accepted, 1 not. Running the same command again is safe, but changes nothing until you fix "
        "what its line names, if that does not pass by itself."
    )
    assert world.statuses()[-1] == "refused"
    return found.lines[-2]


def test_a_version_that_the_ledger_does_not_know_is_not_replaced(world: World) -> None:
    directory_only(world)
    world.send(export("100"))
    shutil.rmtree(world.ledger)
    run("ledger", "init")
    line = refused(world, export("110"))
    assert f"the folder contains 1-{sha256(export('100'))}.csv, which is not in this ledger" in line
    assert world.place.current() == export("100")
    assert world.upload("export.csv", "--resend").code == 0
    assert world.place.current() == export("110")


def test_bytes_that_are_there_though_the_ledger_does_not_know_it(world: World) -> None:
    directory_only(world)
    world.send(export("100"))
    shutil.rmtree(world.ledger)
    run("ledger", "init")
    found = world.upload(world.put(export("100")))
    assert found.code == 0
    assert "already present" in found.lines[0]
    assert found.lines[-1] == "ALL UPLOADED 1 accepted"
    assert world.statuses() == ["already_there"]
    assert len(world.place.versions()) == 1


def test_bytes_that_were_damaged_there_are_not_called_there(world: World) -> None:
    directory_only(world)
    world.send(export("100"))
    lone_version(world).write_bytes(b"damaged")
    world.files()[0].unlink()  # as if it had been cut off: the command asks the destination again
    found = world.upload(world.put(export("100")))
    assert found.code == 0
    assert world.statuses() == ["unknown", "accepted"]
    assert world.place.current() == export("100")


def test_a_pointer_to_what_is_not_there_is_told(world: World) -> None:
    directory_only(world)
    world.send(export("100"))
    lone_version(world).unlink()
    line = refused(world, export("110"))
    assert f"/current names 1-{sha256(export('100'))}.csv, which does not exist" in line


def test_a_pointer_with_strange_text_paints_nothing(world: World) -> None:
    directory_only(world)
    world.send(export("100"))
    (lone_version(world).parent / "current").write_bytes(b"\x1b[31m\xff../../x\n")
    line = refused(world, export("110"))
    assert "\x1b" not in line
    assert r"\u001B[31m" in line


def test_a_directory_that_cannot_be_written(world: World) -> None:
    directory_only(world)
    (world.root / "archive").write_text("a file in its place")
    line = refused(world, export("110"))
    assert "cannot be written: " in line
    (world.root / "archive").unlink()
    assert world.upload("export.csv").code == 0


def test_a_pointer_that_cannot_be_written_is_not_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    directory_only(world)
    from billproof.io import durable

    real = durable.replace

    def replace(path: str, chunks: Any) -> None:
        raise OSError(28, "No space left on device") if path.endswith("current") else AssertionError

    world.put(export("100"))
    monkeypatch.setattr(durable, "replace", replace)
    found = world.upload("export.csv")
    monkeypatch.setattr(durable, "replace", real)
    assert found.code == 4
    assert "outcome unknown" in found.lines[0]
    assert "may not have been written: No space left on device" in found.lines[0]
    assert world.statuses() == ["unknown"]
    assert world.upload("export.csv").code == 0
    assert world.statuses() == ["unknown", "accepted"]
    assert world.place.versions() == [export("100")], "the version that was left there is taken"


def test_one_is_accepted_and_one_refused(world: World) -> None:
    directory_only(world)
    month = world.root / "archive" / f"organization={ACME}" / "month=2025-09"
    month.parent.mkdir(parents=True)
    month.write_text("a file in its place")
    one, other = world.put(export("90", "2025-09"), "9.csv"), world.put(export("100"), "10.csv")
    found = world.upload(one, other)
    assert found.code == 4
    assert [line.split()[5] for line in found.lines[:2]] == ["refused", "accepted"]
    assert found.lines[2].startswith("NOT ALL UPLOADED 1 accepted, 1 not. ")
    assert world.statuses() == ["refused", "accepted"]
    month.unlink()
    found = world.upload(one, other)
    assert found.code == 0
    assert found.lines[-1] == "ALL UPLOADED 1 accepted, 1 already uploaded"


# --- is there: only what is ---


def test_what_the_folder_has_lost_is_sent_again(world: World) -> None:
    world.send(export("100"))
    shutil.rmtree(world.root / "archive")
    found = world.upload(world.put(export("100")))
    assert (found.code, found.lines[-1]) == (0, "ALL UPLOADED 1 accepted")
    assert world.place.current() == export("100")


def test_a_total_that_was_expected_is_asked_of_what_is_there_too(world: World) -> None:
    world.send(export("100"))
    name = world.put(export("100"))
    assert world.upload(name, "--expect-total", "100").code == 0
    found = world.upload(name, "--expect-total", "100.01")
    assert found.code == 1
    assert ("failed", "OC603") in found.reasons


def test_a_folder_of_many_files_needs_few_descriptors(world: World) -> None:
    resource = pytest.importorskip("resource")
    months = [f"20{year}-{month:02}" for year in (20, 21, 22, 23) for month in range(1, 13)]
    for month in months:
        world.put(export("100", month=month), f"many/{month}.csv")
    used = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 20, hard))
    try:
        found = world.upload("many", "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.code == 0, found.err
    assert found.lines[-1] == f"ALL UPLOADED {len(months)} accepted"


def test_a_check_says_of_replaced_bytes_what_an_upload_would(world: World) -> None:
    for total in ("100.5", "100"):
        world.send(export(total))
    old = world.put(export("100.5"), "old.csv")
    found = check(old, "--policy", "upload", as_of=None)
    assert found.code == 1
    assert found.report is not None
    assert found.report["upload"] == {"ready": False, "because": ["replaced"]}
    assert [one["code"] for one in found.report["reasons"]] == ["replaced"]
    assert "--resend" in found.out
    assert check(old, as_of=None).code == 0, "nothing is wrong with the file itself"


def test_a_check_says_of_two_files_of_a_month_what_an_upload_would(world: World) -> None:
    one, other = world.put(export("100"), "one.csv"), world.put(export("110"), "other.csv")
    found = check(one, other, "--policy", "upload", as_of=None)
    assert found.report is not None
    assert (found.code, found.report["verdict"]) == (3, "unproved")
    assert found.report["upload"] == {"ready": False, "because": ["two_files"]}
    assert [(reason["code"], reason["file"]) for reason in found.report["reasons"]] == [
        ("two_files", "one.csv"), ("two_files", "other.csv"),
    ]  # fmt: skip
    assert "UNPROVED  one.csv: two files for 2025-10 of research: one.csv and other.csv\n" in found.out
    told = check(one, other, as_of=None)
    assert told.code == 0, "each of them is good"
    assert told.report is not None and told.report["upload"] == {"ready": False, "because": ["two_files"]}
    assert told.out.endswith("Ready to upload: no (two files of one month)\n")


def test_a_check_judges_no_later_than_the_clock_what_an_upload_would(world: World) -> None:
    path, later = world.put(export("100")), "2026-01-05T12:00:01Z"
    found = check(path, "--policy", "upload", as_of=later)
    message = "--as-of is later than the clock; an upload checks only what has ended\nLeave it out.\n"
    assert (found.code, found.out, found.err, found.report) == (2, "", message, None)
    told = check(path, as_of=later)
    assert told.code == 0, "a check may ask what will be"
    assert told.report is not None and told.report["upload"] == {"ready": False, "because": ["later_than_clock"]}
    assert told.out.endswith("Ready to upload: no (--as-of is later than the clock)\n")
    assert check(path, "--policy", "upload", as_of="2026-01-05T12:00:00Z").code == 0


def test_a_month_at_another_address_is_not_there(world: World) -> None:
    world.send(export("100"))
    text = (world.root / "billproof.yaml").read_text("utf-8")
    (world.root / "billproof.yaml").write_text(text.replace("path: archive", "path: elsewhere"), "utf-8")
    found = world.upload(world.put(export("100")))
    assert (found.code, found.lines[-1]) == (0, "ALL UPLOADED 1 accepted")
    assert len(list((world.root / "elsewhere").rglob("*.csv"))) == 1


def test_after_a_pass_the_last_upload_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch, "2025-11-05T07:12:00Z")
    world.send(export("1537.5"))
    later = world.put(export("1600.25"), "later.csv")
    found = check(later)
    assert found.code == 0
    assert "\n  Last upload   1,537.50 USD, 31 days, accepted by archive on 2025-11-05\n" in found.out
    markdown = check(later, "--format", "markdown").out
    assert "| Last upload | 1,537.50 USD, 31 days, accepted by archive on 2025-11-05 |" in markdown
    assert "<dt>Last upload</dt>" in check(later, "--format", "html").out


def test_before_the_first_upload_none_is_named(world: World) -> None:
    assert "Last upload" not in check(world.put(export("1537.5"))).out


def test_a_file_whose_times_cannot_be_read_is_not_compared_by_day(world: World) -> None:
    world.send(export(projects={"proj_EXAMPLE1": "60", "proj_EXAMPLE2": "40"}))
    damaged = export(projects={"proj_EXAMPLE1": "55.5", "proj_EXAMPLE2": "40"})
    found = check(world.put(damaged.replace(b"1759276800,1759363200,", b"1.76E+09,1.76E+09,")), "--month", "2025-10")
    assert found.code == 1
    assert "! missing 1, or unreadable" in found.out
    lines = [" ".join(line.split()) for line in found.out.splitlines()]
    assert "Name of proj_EXAMPLE1 (proj_EXAMPLE1) 60.00 55.50 -4.50" in lines
    assert not any(line.startswith("2025-10-01") for line in lines)


def test_a_month_that_shrinks_shows_both_sides_by_day_and_by_project(world: World) -> None:
    world.send(export(projects={"proj_EXAMPLE1": "60", "proj_EXAMPLE2": "40", "proj_EXAMPLE3": "7"}))
    found = world.upload(world.put(export(projects={"proj_EXAMPLE1": "55.5", "proj_EXAMPLE3": "6.996"})))
    assert found.code == 1
    lines = [" ".join(line.split()) for line in found.out.splitlines()]
    assert any(line.startswith("Accepted by archive on ") and line.endswith(", compared with this file (USD):") for line in lines)
    for line in (
        "day accepted this file difference", "2025-10-01 107.00 62.50 -44.50", "30 days are unchanged",
        "project accepted this file difference", "Name of proj_EXAMPLE2 (proj_EXAMPLE2) 40.00 no row -40.00",
        "Name of proj_EXAMPLE1 (proj_EXAMPLE1) 60.00 55.50 -4.50", "Name of proj_EXAMPLE3 (proj_EXAMPLE3) 7.00 7.00 below 0.01",
    ):  # fmt: skip
        assert line in lines, line


PEOPLE = ("text", "github", "markdown", "html", "junit")


@pytest.mark.parametrize("format_", PEOPLE)
def test_every_format_for_people_compares_projects_by_name(world: World, format_: str) -> None:
    """The file lost one project, and another has less; each has its name, the lost one as its receipt has it."""
    world.send(export(projects={"proj_EXAMPLE1": "60", "proj_EXAMPLE2": "40", "proj_EXAMPLE3": "7"}))
    found = check(world.put(export(projects={"proj_EXAMPLE1": "55.5", "proj_EXAMPLE3": "7"})), "--format", format_)
    text = " ".join(re.sub(r"<[^>]+>|[|()]", " ", found.out.replace("\\", "")).split())
    assert "Accepted by archive on " in text
    assert "Name of proj_EXAMPLE2 proj_EXAMPLE2 40.00 no row -40.00" in text
    assert "Name of proj_EXAMPLE1 proj_EXAMPLE1 60.00 55.50 -4.50" in text
    assert "1 project is unchanged" in text
    assert found.file["last_upload"]["by_project"][1]["name"] == "Name of proj_EXAMPLE2"


@pytest.mark.parametrize("format_", PEOPLE)
def test_a_project_that_only_the_month_before_had_is_named_too(world: World, format_: str) -> None:
    world.send(export(month="2025-09", projects={"proj_EXAMPLE1": "60", "proj_EXAMPLE2": "40"}))
    found = check(world.put(export("1000")), "--format", format_)
    assert found.failed == {"OC602"}
    text = " ".join(re.sub(r"<[^>]+>|[|()]", " ", found.out.replace("\\", "")).split())
    assert "as September 2025, and not in this file" in text
    assert "Name of proj_EXAMPLE2 proj_EXAMPLE2 40.00 no row -40.00" in text
    assert "proj_EXAMPLE1 60.00" not in text


def test_where_nothing_fell_nothing_is_compared(world: World) -> None:
    world.send(export(projects={"proj_EXAMPLE1": "60", "proj_EXAMPLE2": "40"}))
    name = world.put(export(projects={"proj_EXAMPLE1": "60", "proj_EXAMPLE2": "45"}))
    assert all("Accepted by archive" not in check(name, "--format", format_).out for format_ in PEOPLE)
