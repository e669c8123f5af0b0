"""An export held against OpenAI's own record: what differs is found by its rule and key, and what does not is not."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from billproof.config.settings import clock
from billproof.rules.comparison import agrees
from billproof.rules.compiled import load_ruleset
from tests.rules.checks.comparing import GOOD, Charge, export, pair, record
from tests.support import Checked, check, often

OCS = ("OC801", "OC802", "OC803", "OC804", "OC805")
COMPARED = OCS[:4]


def compared(folder: Path, file: Iterable[Charge] | bytes, costs: bytes | Sequence[Charge], *more: str) -> Checked:
    path, options = pair(folder, file, costs)
    return check(path, *options, *more)


def states(found: Checked) -> dict[str, str]:
    """The states of the rules that need a record."""
    return {rule: found.outcome(rule)["state"] for rule in OCS}


def messages(found: Checked, rule: str) -> list[str]:
    return [one["message"] for one in found.outcome(rule)["findings"]]


def claims(found: Checked) -> list[str]:
    """What the report says is proved by a record."""
    assert found.report is not None
    return [text for text in found.report["proves"] if "said at" in text]


def limits(found: Checked) -> set[str]:
    """What the report says is not proved, by its first words."""
    assert found.report is not None
    words = ("no project filter was on", "no amount was changed", "the invoice are equal", "the record is OpenAI's own")
    return {word for word in words for text in found.report["does_not_prove"] if word in text}


def test_the_same_charges_agree(tmp_path: Path) -> None:
    found = compared(tmp_path, GOOD, GOOD)
    assert found.code == 0
    assert states(found) == dict.fromkeys(OCS, "passed") | {"OC804": "not_applicable"}
    costs = found.file["costs"]
    assert (costs["keys"], costs["difference"]) == (len(GOOD), "0")
    (claim,) = claims(found)
    assert claim.startswith("Equal, day by day, project by project and line item by line item, to what OpenAI's Costs API said")
    assert limits(found) == {"the invoice are equal", "the record is OpenAI's own"}


def test_without_a_record_nothing_is_compared_and_one_that_is_demanded_is_missed(tmp_path: Path) -> None:
    path, _ = pair(tmp_path, GOOD, GOOD)
    assert states(check(path)) == dict.fromkeys(OCS, "not_applicable")
    found = check(path, "--costs-required")
    assert found.code == 3
    assert states(found) == dict.fromkeys(OCS, "not_run")


def test_a_rule_set_that_compares_nothing_says_nothing_of_a_record(tmp_path: Path) -> None:
    invoice = tmp_path / "invoice.csv"
    invoice.write_text("usage_date,cost\n" + "".join(f"2025-10-{day:02},1.23\n" for day in range(1, 32)))
    folder = tmp_path / "costs/org-EXAMPLE1/2025-10"
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(record(GOOD))
    (tmp_path / "billproof.yaml").write_text(
        "version: 1\nruleset: pelanor-invoice\nintegrations:\n"
        "  - {name: main, organization: org-EXAMPLE1, ruleset: pelanor-invoice, files: ., costs: {folder: costs}}\n"
    )
    config = ["--config", str(tmp_path / "billproof.yaml")]
    found = check(invoice, *config)
    assert found.code == 0, found.err
    assert ("costs" in found.file, "record of" in found.out) == (False, False)
    for option in (["--costs", str(folder / "record.json")], ["--costs-required"]):
        found = check(invoice, *config, *option)
        assert (found.code, option[0] in found.err) == (2, True)


@pytest.mark.parametrize("without", [(), ("OC801",), ("OC802",), ("OC803",), OCS])
def test_rules_that_do_not_compare_everything_agree_with_nothing(without: Sequence[str]) -> None:
    rules = [rule for rule in load_ruleset("openai-cost").rules if rule.id not in without]
    assert agrees(rules, {rule.id: "passed" for rule in rules}) is (None if without else True)


# --- one difference of each class ---


@given(at=st.integers(0, len(GOOD) - 1), cents=st.integers(1, 10_000), sign=st.sampled_from([1, -1]))
@examples(max_examples=often(40))
def test_one_difference_is_found_by_its_rule_and_key_alone(
    tmp_path_factory: pytest.TempPathFactory, at: int, cents: int, sign: int
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    one = GOOD[at]
    label, date = f"{one.project}, {one.item}", f"2025-10-{one.day:02}"
    more = Charge(one.day, one.project, "a new one", str(sign * cents / 100))
    other = one._replace(amount=f"{cents / 100 + 50:.2f}")
    assert only(compared(folder, GOOD, [*GOOD, more]), "OC801") == [
        f"{one.project}, a new one is missing on {date}: {sign * cents / 100:,.2f} USD"
    ]
    found = compared(folder, [*GOOD, more], GOOD)
    assert only(found, "OC802")[0].startswith(f"{one.project}, a new one has ")
    assert line_of(found, "OC802", [*GOOD, more]) == more
    changed = [*GOOD[:at], other, *GOOD[at + 1 :]]
    found = compared(folder, changed, GOOD)
    assert only(found, "OC803")[0].startswith(f"{label} has {float(other.amount):,.2f} USD on {date}; OpenAI has ")
    assert line_of(found, "OC803", changed) == other


def only(found: Checked, rule: str) -> list[str]:
    """The messages of the one rule that failed."""
    assert (found.code, found.failed - {"OC207"}, found.outcome(rule)["violations"]) == (1, {rule}, 1)
    return messages(found, rule)


def line_of(found: Checked, rule: str, charges: Iterable[Charge]) -> Charge:
    """The charge in whose row the first finding is."""
    (place,) = found.places(rule)
    line, column = place.split(":")
    assert column == ("start_time" if rule == "OC804" else "amount_value")
    return sorted(charges, key=lambda charge: charge.day)[int(line) - 2]


def test_a_project_that_is_missing_whole_is_one_finding(tmp_path: Path) -> None:
    found = compared(tmp_path, [one for one in GOOD if one.project != "proj_B"], GOOD)
    assert only(found, "OC801") == ["proj_B is missing: 106.50 USD on 6 days"]
    assert found.places("OC801") == ["-:-"]
    assert found.file["diagnosis"]["id"] == "project-filter"


@pytest.mark.parametrize("name", ["Search and recommendations", "A" * 300])
def test_the_money_is_shown_however_long_the_names_are(tmp_path: Path, name: str) -> None:
    project, item = "proj_EXAMPLE0123456789EXAMPLE", f"priority | {name}, output, long context"
    booked = [*GOOD, Charge(4, project, item, "1.01")]
    found = compared(tmp_path, [*GOOD, Charge(4, project, item, "77.12")], booked)
    money = "has 77.12 USD on 2025-10-04; OpenAI has 1.01 USD (+76.11 USD)"
    assert only(found, "OC803")[0].endswith(money)
    # The first lines of the text wrap a message; those that a cause explains included.
    assert found.file["diagnosis"]["id"] == "amounts-changed"
    assert money in " ".join(found.out.split())


def test_projects_that_are_missing_come_first_the_largest_at_the_top(tmp_path: Path) -> None:
    lost = [Charge(day, project, "x", amount) for day in (4, 5) for project, amount in (("proj_C", "1"), ("proj_D", "90"))]
    found = compared(tmp_path, GOOD, [*GOOD, *lost, Charge(2, "proj_B", "y", "500")])
    assert messages(found, "OC801") == [
        "proj_D is missing: 180.00 USD on 2 days", "proj_C is missing: 2.00 USD on 2 days",
        "proj_B, y is missing on 2025-10-02: 500.00 USD",
    ]  # fmt: skip


def test_amounts_that_moved_between_line_items_have_a_cause(tmp_path: Path) -> None:
    found = compared(tmp_path, [one._replace(item="all") for one in GOOD], GOOD)
    assert found.failed == {"OC801", "OC802"}
    assert found.file["diagnosis"]["id"] == "line-items-differ"


# --- the same and not the same ---

EDGES = [
    ("1", "1.000001", True),
    ("1", "1.0000010000000000000001", False),
    ("1", "0.999999", True),
    ("1", "0.99999899999", False),
    ("100000", "100000.0001", True),
    ("100000", "100000.00010000001", False),
    ("-100000", "-100000.0001", True),
    ("-100000", "-100000.0002", False),
    ("0", "0.000001", True),
    ("0", "0.0000011", False),
    ("0E-6176", "0", True),
    ("0", "-0.000002", False),
    # The share is of the record: 1.000000001 x 10^9 would still be the same by the file's.
    ("1000000000", "1000000001", True),
    ("999999999", "1000000000", False),
    ("123456789012.0000000000000000001", "123456789012", True),
    ("1E2", "100", True),
]


@pytest.mark.parametrize(("booked", "written", "same"), EDGES)
def test_the_tolerance_is_exact(tmp_path: Path, booked: str, written: str, same: bool) -> None:
    file = [*GOOD, Charge(4, "proj_A", "edge", written)]
    found = compared(tmp_path, file, [*GOOD, Charge(4, "proj_A", "edge", booked)])
    assert found.failed - {"OC207"} == (set() if same else {"OC803"})


def test_a_key_that_is_absent_counts_as_zero(tmp_path: Path) -> None:
    zero, tiny = Charge(4, "proj_C", "zero", "0"), Charge(4, "proj_C", "tiny", "0.000001")
    assert compared(tmp_path, [*GOOD, zero, tiny], GOOD).failed == set()
    assert compared(tmp_path, GOOD, [*GOOD, zero, tiny]).failed == set()


def test_several_of_one_key_are_summed_on_both_sides(tmp_path: Path) -> None:
    several = [Charge(4, "proj_A", "parts", amount) for amount in ("1.5", "2.25", "-0.75")]
    one = Charge(4, "proj_A", "parts", "3")
    assert compared(tmp_path, [*GOOD, *several], [*GOOD, one]).failed == {"OC207"}
    assert compared(tmp_path, [*GOOD, one], [*GOOD, *several]).failed == set()
    assert compared(tmp_path, [*GOOD, *several[:2]], [*GOOD, one]).failed == {"OC803"}


def test_null_is_a_key_and_blanks_around_one_are_none(tmp_path: Path) -> None:
    nulls = [Charge(4, "", "scale tier", "9"), Charge(4, "proj_A", "", "8"), Charge(4, "", "", "-7")]
    spaced = [Charge(4, "", " scale tier ", "9"), *nulls[1:]]
    found = compared(tmp_path, [*GOOD, *nulls], [*GOOD, *spaced])
    assert found.failed & set(OCS) == set()
    assert states(found)["OC801"] == "passed"
    found = compared(tmp_path, [*GOOD, *nulls[1:]], [*GOOD, *nulls])
    assert messages(found, "OC801") == ["scale tier is missing on 2025-10-04: 9.00 USD"]
    found = compared(tmp_path, [*GOOD, *nulls[:2]], [*GOOD, *nulls])
    assert messages(found, "OC801") == ["what has neither project nor line item is missing on 2025-10-04: -7.00 USD"]


# --- days that are settling ---


@pytest.mark.parametrize(
    ("day", "started", "settling"),
    [(31, "2025-11-02T23:59:59Z", True), (31, "2025-11-03T00:00:00Z", False), (30, "2025-11-01T23:59:59Z", True),
     (30, "2025-11-02T00:00:00Z", False), (31, "2025-11-01T00:00:00Z", True), (1, "2025-11-01T00:00:00Z", False)],
)  # fmt: skip
def test_a_day_settles_48_hours_after_its_end(tmp_path: Path, day: int, started: str, settling: bool) -> None:
    more, less = Charge(day, "proj_A", "late", "5"), Charge(day, "proj_C", "late", "6")
    found = compared(tmp_path, [*GOOD, more], record([*GOOD, less], started))
    assert found.failed == ({"OC804"} if settling else {"OC801", "OC802"})
    if settling:
        assert [one["line"] is not None for one in found.outcome("OC804")["findings"]] == [True]


@pytest.mark.parametrize(("file", "booked", "again"), [("5", "6", "Export"), ("6", "5", "Fetch")])
def test_a_settling_day_says_what_to_do_from_when(tmp_path: Path, file: str, booked: str, again: str) -> None:
    found = compared(
        tmp_path, [*GOOD, Charge(31, "proj_A", "late", file)],
        record([*GOOD, Charge(31, "proj_A", "late", booked)], "2025-11-01T06:00:00Z"),
    )  # fmt: skip
    (message,) = only_warning(found)
    assert message.startswith("2025-10-31 differs by ")
    assert message.endswith(f"{again} again from 2025-11-03 00:00 UTC")


def only_warning(found: Checked) -> list[str]:
    assert found.failed == {"OC804"}
    assert found.outcome("OC804")["level"] == "warning"
    return messages(found, "OC804")


def test_another_settling_time_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "billproof.yaml").write_text(
        "version: 1\nintegrations:\n  - {name: main, organization: org-EXAMPLE1, costs: {settles: 24h}}\n"
    )
    more = Charge(31, "proj_A", "late", "5")
    config = ["--config", str(tmp_path / "billproof.yaml")]
    assert compared(tmp_path, GOOD, record([*GOOD, more], "2025-11-02T00:00:00Z"), *config).failed == {"OC801"}
    assert compared(tmp_path, GOOD, record([*GOOD, more], "2025-11-01T23:59:59Z"), *config).failed == {"OC804"}


def test_a_month_to_date_is_compared_up_to_the_last_day_of_the_file(tmp_path: Path) -> None:
    file = [one for one in GOOD if one.day <= 15]
    booked = [*GOOD, Charge(16, "proj_C", "later", "7")]
    options = ["--month-to-date", "--as-of", "2025-10-16T06:00:00Z"]
    found = compared(tmp_path, file, record(booked, "2025-10-20T06:00:00Z"), *options)
    assert found.failed & set(OCS) == set()
    assert states(found)["OC801"] == "passed"
    # A record that is older than the last full day of the file cannot judge it.
    assert compared(tmp_path, file, record(booked, "2025-10-15T23:59:59Z"), *options).failed & set(OCS) == {"OC805"}
    found = compared(tmp_path, file[:-1], record(booked, "2025-10-20T06:00:00Z"), *options)
    assert found.failed & set(OCS) <= {"OC801"}


def test_charges_of_a_day_that_had_not_ended_are_not_called_unchanged(tmp_path: Path) -> None:
    options = ["--month-to-date", "--as-of", "2025-10-16T12:00:00Z"]
    file = [one for one in GOOD if one.day <= 15]
    today = Charge(16, "proj_A", "gpt-4o, input", "7.0000000001")
    for more, unproved in (([], set()), ([today], {"no project filter was on", "no amount was changed"})):
        found = compared(tmp_path, [*file, *more], record(file, "2025-10-16T06:00:00Z"), *options)
        assert (found.code, len(claims(found))) == (0, 1)
        assert limits(found) == {"the invoice are equal", "the record is OpenAI's own"} | unproved


# --- a record that cannot judge ---


@pytest.mark.parametrize(
    "costs",
    [record([], "2025-10-05T02:10:00Z", "2025-09"), record(GOOD, organization="org-EXAMPLE2"),
     record(GOOD, "2025-10-31T23:59:59Z"), record([one._replace(project="proj_other") for one in GOOD])],
)  # fmt: skip
def test_a_record_that_is_unfit_is_that_and_nothing_else(tmp_path: Path, costs: bytes) -> None:
    found = compared(tmp_path, GOOD, costs)
    assert (found.code, found.failed) == (1, {"OC805"})
    assert {rule: found.blocked[rule] for rule in COMPARED} == dict.fromkeys(COMPARED, "OC805")


def test_a_record_read_at_the_very_end_of_the_month_fits(tmp_path: Path) -> None:
    assert compared(tmp_path, GOOD, record(GOOD, "2025-11-01T00:00:00Z")).failed == set()


# --- precedence: one fault, one rule ---

TEXT = export(GOOD)


class Pin(NamedTuple):
    """A file, what fails, and which of the rules are blocked by it; options of the run."""

    file: bytes
    root: str
    blocked: Sequence[str] = COMPARED
    options: Sequence[str] = ()


def changed(old: bytes, new: bytes, count: int = 1) -> bytes:
    assert old in TEXT
    return TEXT.replace(old, new, count)


PINS = [
    Pin(changed(b"\n1759276800,", b"\n1.75E+09,"), "OC201"),
    Pin(changed(b"1.00010000000001,usd", b'"1,5",usd'), "OC202"),
    Pin(changed(b"1.00010000000001,usd", b"1.00010000000001,eur"), "OC203"),
    Pin(changed(b"1.00010000000001,usd", b",usd"), "OC204"),
    Pin(changed(b"1.00010000000001,usd", b"1.00010000000001,"), "OC204"),
    Pin(changed(b"1759276800,1759363200", b"1759276800,1759280400"), "OC301"),
    Pin(changed(b"1759276800,1759363200", b"1759280400,1759366800"), "OC302"),
    Pin(changed(b"org-EXAMPLE1", b"org-EXAMPLE2"), "OC401", COMPARED, ["--organization", "org-EXAMPLE1"]),
    Pin(changed(b"org-EXAMPLE1", b"org-EXAMPLE2"), "OC402"),
    Pin(export([one._replace(item="") for one in GOOD]), "OC501"),
    Pin(export([one._replace(project="") for one in GOOD]), "OC502"),
    Pin(changed(b'"gpt-4o, input"', b'"gpt-4o,\x07 input"'), "CSV005"),
    Pin(changed(b"proj_A", b"proj_\xe9"), "CSV002", OCS),
    Pin(changed(b",key_0", b",key_0,more"), "CSV008", OCS),
    Pin(TEXT[:-30], "CSV009", OCS),
    Pin(export(one for one in GOOD if one.day != 20), "OC304", ["OC801", "OC804"]),
    Pin(TEXT, "OC305", OCS, ["--as-of", "2025-10-20", "--month", "2025-10"]),
]


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: pin.root)
def test_what_keeps_a_comparison_from_being_made(tmp_path: Path, pin: Pin) -> None:
    found = compared(tmp_path, pin.file, record(GOOD), *pin.options)
    assert {rule: found.blocked.get(rule) for rule in pin.blocked} == dict.fromkeys(pin.blocked, pin.root)
    assert found.failed & set(OCS) == set()
    assert {rule for rule in OCS if rule in found.blocked} == set(pin.blocked)


def test_a_doubled_charge_blames_no_amount(tmp_path: Path) -> None:
    double = TEXT + TEXT.splitlines(keepends=True)[-1]
    found = compared(tmp_path, double, record(GOOD))
    assert found.failed == {"OC504"}
    assert {rule: root for rule, root in found.blocked.items() if rule in OCS} == {"OC803": "OC504", "OC804": "OC504"}


def test_no_row_in_the_month(tmp_path: Path) -> None:
    september = record([Charge(3, "proj_A", "x", "1")], "2025-10-05T02:10:00Z", "2025-09")
    found = compared(tmp_path, GOOD, september, "--month", "2025-09")
    assert found.failed == {"OC303"}
    assert {rule: found.blocked.get(rule) for rule in ("OC801", "OC804")} == {"OC801": "OC303", "OC804": "OC303"}


def test_a_control_character_elsewhere_blocks_nothing_of_these(tmp_path: Path) -> None:
    found = compared(tmp_path, changed(b"Acme Research", b"Acme\x07Research"), record(GOOD))
    assert found.failed == {"CSV005"}
    assert states(found)["OC801"] == "passed"


def test_one_blank_line_item_blocks_nothing(tmp_path: Path) -> None:
    one = Charge(4, "proj_A", "", "1")
    found = compared(tmp_path, [*GOOD, one], [*GOOD, one])
    assert found.failed == {"OC501"}
    assert states(found) == dict.fromkeys(OCS, "passed") | {"OC804": "not_applicable"}


WAIVED = """\
version: 1
integrations:
  - {name: main, organization: org-EXAMPLE1}
waivers:
  - {rule: OC502, organization: org-EXAMPLE1, month: "2025-10", at_most: 500, reason: none, owner: finops, expires: "%s"}
"""


def test_where_no_project_is_waived_the_keys_are_day_and_line_item(tmp_path: Path) -> None:
    (tmp_path / "billproof.yaml").write_text(WAIVED % (clock().date() + timedelta(days=300)))
    config = ["--config", str(tmp_path / "billproof.yaml")]
    without = [one._replace(project="") for one in GOOD]
    found = compared(tmp_path, without, record(GOOD), *config)
    assert (found.failed, found.in_state("waived")) == (set(), {"OC502"})
    assert states(found) == dict.fromkeys(OCS, "passed") | {"OC804": "not_applicable"}
    (claim,) = claims(found)
    assert claim.startswith("Equal, day by day and line item by line item, to what OpenAI's Costs API said")
    found = compared(tmp_path, without[:-1], record(GOOD), *config)
    assert messages(found, "OC801") == ["tts is missing on 2025-10-09: 4.00 USD"]


# --- amounts that no decimal128 can be ---


@pytest.mark.parametrize(
    ("amount", "failed"),
    [
        ("1." + "1" * 33, set()),
        ("1." + "1" * 34, {"OC211"}),
        ("1." + "1" * 33 + "0", {"OC211"}),
        ("0." + "0" * 20 + "1" * 34, set()),
        ("000" + "1." + "1" * 33, set()),
        ("0." + "0" * 60, set()),
        ("-1." + "1" * 34, {"OC211", "OC207"}),
        ("1." + "1" * 33 + "E3", set()),
        ("1." + "1" * 101, {"OC202"}),
    ],
)
def test_more_digits_than_openai_can_write(tmp_path: Path, amount: str, failed: set[str]) -> None:
    path = tmp_path / "cost_2025-10-01_2025-10-31.csv"
    path.write_bytes(export([*GOOD, Charge(4, "proj_A", "x", amount)]))
    found = check(path)
    assert found.failed == failed
    assert found.code == (1 if "OC202" in failed else 0)


# --- an independent reading of section 12 ---


class Verdicts(NamedTuple):
    """What differs: projects that are missing whole and keys, by rule; days."""

    lost: set[str]
    missing: set[tuple[int, str, str]]
    unknown: set[tuple[int, str, str]]
    differs: set[tuple[int, str, str]]
    settling: set[int]


def by_the_contract(file: Sequence[Charge], booked: Sequence[Charge], started: datetime) -> Verdicts:
    """The differences, in fractions, written from the contract and not from the program."""
    sides: list[dict[tuple[int, str, str], Fraction]] = []
    for charges in (file, booked):
        sums: defaultdict[tuple[int, str, str], Fraction] = defaultdict(Fraction)
        for day, project, item, amount in charges:
            sums[day, project.strip(), item.strip()] += Fraction(amount)
        sides.append(sums)
    own, theirs = sides
    verdicts = Verdicts(set(), set(), set(), set(), set())
    projects = {project for _, project, _ in own}
    for key in {*own, *theirs}:
        here, there = own.get(key), theirs.get(key)
        written, reckoned = here or Fraction(0), there or Fraction(0)
        if abs(written - reckoned) <= max(Fraction(1, 10**6), abs(reckoned) / 10**9):
            continue
        ended = datetime(2025, 10, 1, tzinfo=UTC) + timedelta(days=key[0])
        if started - ended < timedelta(hours=48):
            verdicts.settling.add(key[0])
        elif here is None and key[1] and key[1] not in projects:
            verdicts.lost.add(key[1])
        else:
            (verdicts.missing if here is None else verdicts.unknown if there is None else verdicts.differs).add(key)
    return verdicts


PROJECTS, ITEMS = ("proj_A", "proj_B", "proj_C", "proj_D", ""), ("gpt-4o, input", "whisper", "tts", "")
NUDGES = ("0.000001", "-0.000001", "0.0000010001", "-0.0000010001", "0.5", "-2", "0.00001", "1E-9", "0.0001")


AMOUNTS = ("0", "0E-6176", "3.5", "-4", "1234.567890123456789", "100000", "2000", "0.000001")


def anywhere(chance: random.Random, amounts: Sequence[str]) -> Charge:
    """A charge of any day, project and line item."""
    return Charge(chance.randint(1, 31), chance.choice(PROJECTS), chance.choice(ITEMS), chance.choice(amounts))


def random_pair(chance: random.Random) -> tuple[list[Charge], list[Charge], datetime]:
    """A file and what OpenAI booked, which differ in some ways or in none; and when that was read."""
    booked = [Charge(day, "proj_A", "gpt-4o, input", chance.choice(("1", "0.25", "1000", "100000"))) for day in range(1, 32)]
    for _ in range(chance.randrange(30)):
        booked.append(anywhere(chance, AMOUNTS))
    file = list(booked)
    for _ in range(chance.choice((0, 1, 1, 2, 5, 12))):
        what, at = chance.randrange(6), chance.randrange(len(file))
        one = file[at]
        if what == 0:
            file[at] = one._replace(amount=str(plus(one.amount, chance.choice(NUDGES))))
        elif what == 1 and at >= 31 and len(file) == len(booked):
            del booked[at], file[at]
        elif what == 2:
            file.append(anywhere(chance, ("7", "0", "-1")))
        elif what == 3:
            booked.append(anywhere(chance, ("7", "0", "-1")))
        elif what == 4:
            gone = chance.choice(PROJECTS[1:])
            file = [other for other in file if other.project != gone]
        else:
            file.append(Charge(one.day, one.project, one.item, "2.5"))
            booked.append(Charge(one.day, one.project, one.item, "2.5"))
    started = datetime(2025, 11, 1, tzinfo=UTC) + timedelta(hours=chance.choice((0, 1, 24, 47, 48, 49, 100)))
    return file, booked, started


def plus(amount: str, more: str) -> str:
    """A sum with all its digits, as an export would write it."""
    total = Fraction(amount) + Fraction(more)
    scaled = total * 10**24
    assert scaled.denominator == 1
    digits = f"{abs(scaled.numerator):025}"
    return f"{'-' if total < 0 else ''}{digits[:-24]}.{digits[-24:]}"


def found_by_the_program(found: Checked, file: Sequence[Charge]) -> Verdicts:
    rows = sorted(file, key=lambda charge: charge.day)
    verdicts = Verdicts(set(), set(), set(), set(), set())
    for message in messages(found, "OC801"):
        whole = re.fullmatch(r"(\S+) is missing: .* USD on (?:\S+|\d+ days)", message)
        part = re.fullmatch(r"(.*) is missing on 2025-10-(\d\d): .* USD", message)
        if part is None:
            assert whole is not None, message
            verdicts.lost.add(whole[1])
            continue
        label = "" if part[1] == "what has neither project nor line item" else part[1]
        project = next((one for one in PROJECTS if one and label.split(", ")[0] == one), "")
        verdicts.missing.add((int(part[2]), project, label.removeprefix(project).removeprefix(", ")))
    for rule, into in (("OC802", verdicts.unknown), ("OC803", verdicts.differs)):
        into.update((one.day, one.project, one.item) for one in (rows[found_["line"] - 2] for found_ in findings(found, rule)))
    verdicts.settling.update(int(message[8:10]) for message in messages(found, "OC804"))
    return verdicts


def findings(found: Checked, rule: str) -> list[dict[str, int]]:
    outcome = found.outcome(rule)
    assert len(outcome["findings"]) == outcome["violations"]
    return list(outcome["findings"])


def compare_with_the_contract(folder: Path, seeds: Iterable[int]) -> int:
    """How many of the pairs differ in some way."""
    differing = 0
    for seed in seeds:
        file, booked, started = random_pair(random.Random(seed))
        costs = record(booked, started.strftime("%Y-%m-%dT%H:%M:%SZ"))
        found = compared(folder, file, costs)
        expected = by_the_contract(file, booked, started)
        assert "OC805" not in found.failed, seed
        assert found_by_the_program(found, file) == expected, seed
        differing += any(expected)
    return differing


def test_random_pairs_are_judged_as_the_contract_says(tmp_path: Path) -> None:
    assert compare_with_the_contract(tmp_path, range(12)) >= 5


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_2_000_random_pairs_are_judged_as_the_contract_says(tmp_path: Path, part: int) -> None:
    assert compare_with_the_contract(tmp_path, range(part * 500, part * 500 + 500)) > 250
