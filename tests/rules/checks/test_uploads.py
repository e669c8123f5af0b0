"""Kinds of check against what was uploaded before: OC601 month-shrinks and OC602 projects-lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from fixtures import damage
from fixtures.exports import to_bytes
from tests.generations import LINE, good
from tests.support import Checked, check
from tests.uploading import ACME, LABS, MONTH, World, export, sha256, stand_still

ONE, TWO, THREE = "proj_EXAMPLE1", "proj_EXAMPLE2", "proj_EXAMPLE3"
BEFORE = "2025-09"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch, "2026-01-05T12:00:00Z")


def checked(world: World, data: bytes, *arguments: str) -> Checked:
    return check(world.put(data), *arguments)


def message(found: Checked, rule: str) -> str:
    (one,) = found.outcome(rule)["findings"]
    text = one["message"]
    assert isinstance(text, str)
    return text


def signed(world: World, *rules: str) -> None:
    """Anything may be uploaded as the month before the one that is tested."""
    keys = 'month: any, reason: credits, owner: billing, expires: "2026-06-01"'
    waivers = [f"  - {{rule: {rule}, organization: {ACME}, {keys}}}" for rule in rules]
    world.configure(more="\n".join(["waivers:", *waivers]))


# --- OC601: days and total ---


@pytest.mark.parametrize(
    "before, now, failed",
    [
        ("100", "100", False),
        ("100", "99.01", False),
        ("100", "99", False),
        ("100", "99.0000000000000000000000000000000000", False),
        ("100", "98.9999999999999999999999999999999999", True),
        ("100", "98.99", True),
        ("100", "150", False),
        ("0.03", "0.0297", False),
        ("0.03", "0.02969999999999999999999999999999999999", True),
        ("999999999999999.99", "989999999999999.9901", False),
        ("999999999999999.99", "989999999999999.9900999", True),
        ("0", "0", False),
        ("0", "-0.01", True),
        ("0", "5", False),
        ("-100", "-100", False),
        ("-100", "-101", False),
        ("-100", "-101.01", True),
        ("-100", "50", False),
        ("100", "0", True),
        ("100", "-100", True),
    ],
)
def test_the_total_may_fall_by_one_percent(world: World, before: str, now: str, failed: bool) -> None:
    signed(world, "OC207")
    world.send(export(before))
    found = checked(world, export(now))
    assert found.outcome("OC601")["state"] == ("failed" if failed else "passed")


@pytest.mark.parametrize(
    "before, now, text",
    [
        ("100", "98.99", "from 100.00 to 98.99 USD (-1.01%)"),
        ("18402.17", "9201.085", "from 18,402.17 to 9,201.09 USD (-50.00%)"),
        ("100", "-100", "from 100.00 to -100.00 USD (-200.00%)"),
        ("-100", "-150", "from -100.00 to -150.00 USD (-50.00%)"),
        ("0", "-5", "from 0.00 to -5.00 USD (from 0)"),
    ],
)
def test_the_message_names_both_totals(world: World, before: str, now: str, text: str) -> None:
    signed(world, "OC207")
    world.send(export(before))
    found = checked(world, export(now))
    assert message(found, "OC601") == f"2025-10 shrinks {text}, compared with the upload that archive accepted on 2026-01-05"
    assert found.places("OC601") == ["-:-"]
    assert (found.outcome("OC601")["violations"], found.outcome("OC601")["evaluated"]) == (1, 1)


@pytest.mark.parametrize("before, now", [("1e-90", "-5"), ("999999999999999", "-999999999999999"), ("1e-99", "-999999999999999")])
def test_however_far_it_falls_it_fails_and_does_not_crash(world: World, before: str, now: str) -> None:
    signed(world, "OC207")
    world.send(export(before))
    assert checked(world, export(now)).outcome("OC601")["state"] == "failed"


@pytest.mark.parametrize("days, failed", [(12, False), (13, False), (11, True), (2, True)])
def test_fewer_days_fail_even_with_a_higher_total(world: World, monkeypatch: pytest.MonkeyPatch, days: int, failed: bool) -> None:
    stand_still(monkeypatch, "2025-10-13T00:00:00Z")
    world.send(export("100", days=12), "--month-to-date")
    found = checked(world, export("200", days=days), "--month-to-date", "--as-of", "2025-10-13")
    assert ("OC601" in found.failed) is failed
    if failed:
        assert message(found, "OC601") == (
            f"2025-10 shrinks from 12 to {days} days, compared with the upload that archive accepted on 2025-10-13"
        )


def test_fewer_days_and_a_lower_total_are_one_finding(world: World) -> None:
    world.send(export("100"))
    found = checked(world, export("50", days=30))
    assert message(found, "OC601") == (
        "2025-10 shrinks from 31 to 30 days and from 100.00 to 50.00 USD (-50.00%), "
        "compared with the upload that archive accepted on 2026-01-05"
    )
    assert found.failed == {"OC304", "OC601"}


def test_the_first_upload_has_nothing_to_be_compared_with(world: World) -> None:
    found = checked(world, export("100"))
    for rule in ("OC601", "OC602"):
        assert found.outcome(rule)["state"] == "not_applicable"
    assert found.outcome("OC601")["reason"] == "archive has no October 2025 yet: nothing is replaced"
    assert found.outcome("OC602")["reason"] == "archive has neither this month nor the month before yet"
    assert found.code == 0
    assert found.report is not None
    assert found.report["upload"] == {"ready": True, "because": []}


def test_another_month_organization_or_destination_is_not_history(world: World) -> None:
    folder = world.place.settings.replace("archive/", "elsewhere/")
    world.configure(
        f"  - {{name: research, organization: {ACME}, to: archive}}\n  - {{name: labs, organization: {LABS}, to: archive}}"
    )
    text = (world.root / "billproof.yaml").read_text()
    (world.root / "billproof.yaml").write_text(text.replace("integrations:", f"  elsewhere: {folder}\nintegrations:"))
    for data, arguments in (
        (export("500", month="2025-11"), ()), (export("500", organization=LABS), ()), (export("500"), ("--to", "elsewhere")),
    ):  # fmt: skip
        world.send(data, *arguments)
    assert checked(world, export("5")).outcome("OC601")["state"] == "not_applicable"
    world.send(export("5"))
    assert checked(world, export("4")).outcome("OC601")["state"] == "failed"


def test_the_last_accepted_upload_counts(world: World) -> None:
    for total in ("100", "99.5", "99"):
        world.send(export(total))
    assert checked(world, export("98.01")).outcome("OC601")["state"] == "passed"
    assert checked(world, export("98")).outcome("OC601")["state"] == "failed"
    # A receipt that is lost is an upload of unknown result: the one before it counts.
    world.files()[-1].unlink()
    assert checked(world, export("98.01")).outcome("OC601")["state"] == "failed"
    assert message(checked(world, export("98.01")), "OC601").startswith("2025-10 shrinks from 99.50 to 98.01 USD")


# --- OC602: projects ---


def projects(**amounts: str) -> Mapping[str, str]:
    return {f"proj_EXAMPLE{name.removeprefix('p')}": amount for name, amount in amounts.items()}


@pytest.mark.parametrize(
    "before, lost",
    [
        (projects(p1="99", p2="1"), {TWO}),
        (projects(p1="99.0000000000000000000000000000000001", p2="0.9999999999999999999999999999999999"), set()),
        (projects(p1="98.99", p2="1.01"), {TWO}),
        (projects(p1="99.01", p2="0.99"), set()),
        (projects(p1="98", p2="1", p3="1"), {TWO, THREE}),
        (projects(p1="100", p2="0"), set()),
        (projects(p1="100", p2="-5"), set()),
        # Credits: shares are of the total; where they eat it up, of the charges alone.
        (projects(p1="-98", p2="99", p3="1"), {TWO, THREE}),
        (projects(p1="-100", p2="99", p3="1"), {TWO, THREE}),
        (projects(p1="-200", p2="99.01", p3="0.99"), {TWO}),
        (projects(p1="-5"), set()),
        (projects(p1="0", p2="0"), set()),
    ],
)
def test_a_project_counts_from_one_percent_on(world: World, before: Mapping[str, str], lost: set[str]) -> None:
    signed(world, "OC207")
    world.send(export(projects=before))
    found = checked(world, export("1000", projects=projects(p1="1000")))
    assert {one["value"] for one in found.outcome("OC602")["findings"]} == lost
    assert found.outcome("OC602")["state"] == ("failed" if lost else "passed")
    assert found.outcome("OC602")["violations"] == len(lost)


def test_the_message_names_project_share_and_month(world: World) -> None:
    world.send(export(projects=projects(p1="99", p2="1.005")))
    found = checked(world, export("1000"))
    assert message(found, "OC602") == (
        "project proj_EXAMPLE2 has no charges; it had 1.01 USD, 1.00% of October 2025 as accepted on 2026-01-05"
    )
    assert found.places("OC602") == ["-:project_id"]
    assert found.code == 0, "a warning"


def test_the_month_before_counts_too(world: World) -> None:
    world.send(export(month=BEFORE, projects=projects(p1="50", p2="50")))
    found = checked(world, export("1000"))
    assert found.outcome("OC601")["state"] == "not_applicable"
    assert message(found, "OC602") == (
        "project proj_EXAMPLE2 has no charges; it had 50.00 USD, 50.00% of September 2025 as accepted on 2026-01-05"
    )


def test_a_project_is_reported_once_and_by_the_month_itself_first(world: World) -> None:
    signed(world, "OC602")
    world.send(export(month=BEFORE, projects=projects(p1="50", p2="20", p3="30")))
    world.send(export(projects=projects(p1="90", p2="10")))
    texts = [one["message"] for one in checked(world, export("1000")).outcome("OC602")["findings"]]
    assert texts == [
        "project proj_EXAMPLE2 has no charges; it had 10.00 USD, 10.00% of October 2025 as accepted on 2026-01-05",
        "project proj_EXAMPLE3 has no charges; it had 30.00 USD, 30.00% of September 2025 as accepted on 2026-01-05",
    ]


def test_two_months_before_do_not_count(world: World) -> None:
    world.send(export(month="2025-08", projects=projects(p1="50", p2="50")))
    assert checked(world, export("1000")).outcome("OC602")["state"] == "not_applicable"


def test_the_month_before_january_is_december(world: World) -> None:
    world.send(export(month="2024-12", projects=projects(p1="50", p2="50")))
    assert checked(world, export("1000", month="2025-01")).failed == {"OC602"}


def test_a_project_with_any_row_is_kept(world: World) -> None:
    """A charge of zero is a row; whether it is too little says OC601."""
    world.send(export(projects=projects(p1="50", p2="50")))
    assert checked(world, export(projects=projects(p1="100", p2="0"))).outcome("OC602")["state"] == "passed"


STRANGE = [
    "proj_EXAMPLE\u202e2", "proj_EXAMPLE\u200b2", "proj_\u0627\u0644", "proj_EX\u00adAMPLE", "somebody@example.com",
    "プロジェクト", "proj_" + "x" * 300, "proj_" + "y" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("project", STRANGE, ids=range(len(STRANGE)))
def test_ids_that_cannot_be_shown_as_they_are(world: World, project: str) -> None:
    """They are stored as they are shown, and found again."""
    world.send(export(projects={ONE: "50", project: "50"}))
    assert checked(world, export(projects={ONE: "50", project: "50.5"})).outcome("OC602")["state"] == "passed"
    found = checked(world, export("1000"))
    (one,) = found.outcome("OC602")["findings"]
    assert found.failed == {"OC602"}
    for text in (one["message"], found.out, json.dumps(world.receipts(), ensure_ascii=False)):
        assert not {"\u202e", "\u200b", "\u00ad"} & set(text)
        assert "somebody@example.com" not in text


def test_charges_without_a_project_are_not_a_project(world: World) -> None:
    signed(world, "OC503")
    world.send(export(projects={ONE: "50", "": "50"}))
    (receipt,) = world.receipts()
    assert [one["id"] for one in receipt["totals"]["projects"]] == ["", ONE]
    assert checked(world, export("1000")).outcome("OC602")["state"] == "passed"


# --- without a ledger ---


def test_without_a_ledger_both_say_what_to_do(world: World) -> None:
    shutil.rmtree(world.ledger)
    found = checked(world, export("100"))
    for rule in ("OC601", "OC602"):
        assert found.outcome(rule)["state"] == "not_run"
        assert found.outcome(rule)["reason"] == (
            "not compared with an earlier upload: the ledger .billproof/ledger does not exist. If nothing was ever uploaded, "
            "create it with `billproof ledger init`. Otherwise restore the ledger from where it is kept; docs/ledger.md shows "
            "how."
        )
    assert found.code == 0
    assert found.report is not None
    assert found.report["upload"] == {"ready": False, "because": ["OC601", "OC602"]}


@pytest.mark.parametrize(
    "integrations, ledger, reason",
    [
        (None, None, "no ledger is configured: add `ledger:` to billproof.yaml"),
        (
            f"  - {{name: research, organization: {ACME}}}", ".billproof/ledger",
            "no destination is configured for its organization",
        ),
        (
            f"  - {{name: labs, organization: {LABS}, to: archive}}", ".billproof/ledger",
            "no destination is configured for its organization",
        ),
    ],
)  # fmt: skip
def test_without_a_destination_neither_runs(world: World, integrations: str | None, ledger: str | None, reason: str) -> None:
    world.configure(integrations, ledger=ledger)
    found = checked(world, export("100"))
    for rule in ("OC601", "OC602"):
        assert (found.outcome(rule)["state"], found.outcome(rule)["reason"]) == (
            "not_run", f"not compared with an earlier upload: {reason}",
        )  # fmt: skip


def test_a_ledger_that_was_edited_is_not_believed(world: World) -> None:
    world.send(export("100"))
    (path,) = world.files()
    path.write_bytes(path.read_bytes().replace(b'"100"', b'"10"'))
    found = checked(world, export("50"))
    for rule in ("OC601", "OC602"):
        assert found.outcome(rule)["state"] == "not_run"
        assert f"{path.name}: was changed after it was written" in found.outcome(rule)["reason"]
        assert "billproof ledger verify" in found.outcome(rule)["reason"]
    assert "was changed after it was written" in " ".join(found.out.split())


# --- blocked: where the file does not say what its month holds ---


@pytest.mark.parametrize(
    "damaged, by",
    [
        (damage.put(good("H1"), "amount_value", "n/a", LINE), {"OC601": "OC202"}),
        (damage.put(good("H1"), "amount_currency", "eur", LINE), {"OC601": "OC203"}),
        (damage.put(good("H1"), "amount_value", "", LINE), {"OC601": "OC204"}),
        (damage.put(good("H1"), "amount_currency", "", LINE), {"OC601": "OC204"}),
        (damage.put(good("H1"), "organization_name", "", LINE), {}),
    ],
)
def test_a_total_that_nobody_knows_is_not_compared(world: World, damaged: list[list[str]], by: dict[str, str]) -> None:
    world.send(export("1"))
    found = checked(world, to_bytes(damaged))
    assert {rule: root for rule, root in found.blocked.items() if rule in ("OC601", "OC602")} == by


def test_another_month_is_not_compared(world: World) -> None:
    world.send(export("100"))
    found = checked(world, export("50", month="2025-09"), "--month", MONTH)
    assert found.blocked["OC601"] == found.blocked["OC602"] == "OC303"


def test_another_organization_is_not_compared(world: World) -> None:
    world.send(export("100"))
    found = checked(world, export("50", organization=LABS), "--organization", ACME)
    assert found.blocked["OC601"] == found.blocked["OC602"] == "OC401"


# --- the report ---


def test_the_report_shows_what_was_there(world: World) -> None:
    assert "last_upload" not in checked(world, export("100")).file
    world.send(export(projects=projects(p1="60", p2="40")))
    last = checked(world, export("120")).file["last_upload"]
    assert last["destination"] == "archive"
    assert last["finished"] == "2026-01-05T12:00:00Z"
    assert last["sha256"] == sha256(export(projects=projects(p1="60", p2="40")))
    assert (last["amount"], last["currency"]) == ("100", "USD")
    assert [(one["id"], one["amount"]) for one in last["by_project"]] == [(ONE, "60"), (TWO, "40")]
    assert [one["date"] for one in last["days"]] == [f"2025-10-{day:02}" for day in range(1, 32)]
    assert [one["amount"] for one in last["days"]] == ["100", *["0"] * 30]


def test_the_report_does_not_depend_on_where_the_ledger_lies(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(export("100"))
    name = world.put(export("120"))
    here = check(name).report
    other = Path(world.root.parent, "other")
    shutil.copytree(world.root, other)
    monkeypatch.chdir(other)
    there = check(name).report
    assert here is not None and there is not None
    assert here["result_sha256"] == there["result_sha256"]
