"""What the shipped rules never ask of engine, rule sets and totals: rule sets made for the purpose."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from billproof.config import settings as given
from billproof.delivery.earlier import known
from billproof.engine.pipeline import check as check_files
from billproof.model.results import Policy, Sourced
from billproof.reading import source
from billproof.reading.inputs import Input
from fixtures import damage
from fixtures.exports import DAY, Table, to_bytes
from tests.generations import LINE, ORGANIZATION, good, later
from tests.support import ROOT, Checked, check, make_ready

START = 1_759_276_800  # 2025-10-01T00:00:00Z

RULE = """id: {id}
name: {name}
asserts: It is so.
level: {level}
since: "0.1.0"
scope: {scope}
check: {check}
{more}message: it is not so
why: It matters.
fix: Make it so.
examples: {{pass: [], fail: []}}
"""


def own_set(folder: Path, head: str, **rules: str) -> Path:
    """A rule set: `head` is its ruleset.yaml below the title, and each rule is its check and further lines."""
    folder.mkdir(exist_ok=True)
    (folder / "ruleset.yaml").write_text(f'name: mine\nversion: "0.1.0"\ntitle: Mine\n{head}')
    for id_, text in rules.items():
        check_, _, more = text.partition("\n")
        scope = "file" if "day_coverage" in check_ or "together" in check_ else "row"
        rule = RULE.format(id=id_, name="own", level="error", scope=scope, check=check_, more=more and more + "\n")
        (folder / f"{id_}-own.yaml").write_text(rule)
    return folder


EXTENDING = "extends: openai-cost\n"
# The CSV rules and what is added here; nothing looks at times or amounts.
BARE = (
    "extends: csv\ntable_schema: openai-cost.schema.json\nroles: {day: start_time, amount: amount_value, project: project_id}\n"
)
COVERAGE = "{kind: day_coverage, role: day, period: month}\nneeds: [month]"


def checked(tmp_path: Path, content: Table | bytes, *arguments: str | Path) -> Checked:
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else to_bytes(content))
    return check(path, *arguments)


def test_a_month_that_nobody_can_tell_and_no_fault_explains_is_unproved(tmp_path: Path) -> None:
    mine = own_set(tmp_path / "mine", BARE, MY101=COVERAGE)
    found = checked(tmp_path, damage.changed(good("H1"), "start_time", lambda _: "soon"), "--ruleset", mine)
    assert found.outcome("MY101")["state"] == "not_run"
    assert "--month" in found.outcome("MY101")["reason"]
    assert found.code == 3


@pytest.mark.parametrize("time", ["999999999999999", "-86400"])
def test_a_time_past_all_calendars_is_not_a_day(time: str, tmp_path: Path) -> None:
    mine = own_set(tmp_path / "mine", BARE, MY101=COVERAGE)
    found = checked(tmp_path, damage.put(good("H1"), "start_time", time, LINE), "--ruleset", mine)
    assert found.code == 0
    assert sum(one["rows"] for one in found.file["days"]) == len(good("H1")) - 2


@pytest.mark.parametrize("amount", ["1-2", "", "1.2.3", "e", "1e"])
def test_an_amount_that_no_rule_refuses_still_makes_no_total(amount: str, tmp_path: Path) -> None:
    mine = own_set(tmp_path / "mine", BARE, MY101=COVERAGE)
    found = checked(tmp_path, damage.put(good("H1"), "amount_value", amount, LINE), "--ruleset", mine)
    assert found.file["totals"]["amount"] is None


def test_amounts_whose_sum_is_not_exact_make_no_total(tmp_path: Path) -> None:
    """One and 10^-300 need 301 digits; the sums here have 200."""
    mine = own_set(tmp_path / "mine", BARE, MY101=COVERAGE)
    found = checked(tmp_path, damage.put(good("H1"), "amount_value", "1E-300", LINE), "--ruleset", mine)
    assert found.file["totals"]["amount"] is None
    assert (found.code, found.file["verdict"]) == (3, "unproved")
    assert found.file["error"].endswith("the amounts cannot be summed exactly in 200 digits")
    schema = json.loads((ROOT / "schemas" / "report.v1.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(found.report)


def test_more_days_than_are_remembered_are_still_told_apart(tmp_path: Path) -> None:
    """Ten thousand values of a time are kept; what comes after them is worked out again."""
    header = good("H1")[0]
    rest = ["1", "usd", "ada v2", "p", ORGANIZATION, "P", "A"]
    body = [[str(START + n), str(START + n + DAY), *rest] for n in range(10_500)]
    body += [[str(START + DAY), str(START + 2 * DAY), *rest]]
    found = checked(tmp_path, [header, *body])
    assert "OC302" in found.failed
    days = {one["date"]: (one["rows"], one["amount"]) for one in found.file["days"] if one["rows"]}
    assert days == {"2025-10-01": (10_500, "10500"), "2025-10-02": (1, "1")}


# --- blockers of a user's own ---


def waiver(tmp_path: Path) -> Path:
    config = tmp_path / "billproof.yaml"
    config.write_text(
        f"version: 1\nintegrations:\n  - {{name: main, organization: {ORGANIZATION}}}\nwaivers:\n"
        f'  - {{rule: OC304, organization: {ORGANIZATION}, month: "2025-10", reason: none then, owner: billing, '
        'expires: "2026-10-01", at_most: 9}\n'
    )
    return config


BLOCKED_BY_304 = (
    "{kind: one_of, column: organization_name, values: [Acme Research]}\nwhen: charged\nblocked_by:\n"
    "  - {rule: OC304, when: always, reach: file}"
)


def test_a_waived_failure_blocks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.config.settings.clock", lambda: datetime(2025, 12, 1, tzinfo=UTC))
    mine = own_set(tmp_path / "mine", EXTENDING, MY101=BLOCKED_BY_304)
    table = damage.without(good("H1"), date(2025, 10, 20), date(2025, 10, 20))
    arguments = ("--ruleset", mine, "--month", "2025-10")
    assert checked(tmp_path, table, *arguments).blocked == {"MY101": "OC304"}
    found = checked(tmp_path, table, *arguments, "--config", waiver(tmp_path))
    assert found.in_state("waived") == {"OC304"}
    assert found.outcome("MY101")["state"] == "passed"
    assert found.code == 0


def test_a_blocker_may_name_the_columns_that_count(tmp_path: Path) -> None:
    rule = (
        "{kind: one_of, column: organization_name, values: [Acme Research]}\nwhen: charged\nblocked_by:\n"
        "  - {rule: OC205, when: always, reach: cell, columns: [organization_name]}\n"
        "  - {rule: OC205, when: always, reach: row, columns: [project_id]}"
    )
    mine = own_set(tmp_path / "mine", EXTENDING, MY101=rule)
    by_column = {}
    for column in ("amount_currency", "project_id"):
        found = checked(tmp_path, damage.changed(good("H1"), column, "{} ".format, [LINE]), "--ruleset", mine)
        assert found.failed == {"OC205"}
        by_column[column] = found.outcome("MY101")["state"]
    assert by_column == {"amount_currency": "passed", "project_id": "blocked"}


def test_a_time_that_cannot_be_an_instant_is_reported_as_such(tmp_path: Path) -> None:
    """An own rule with nothing that keeps bad times from it."""
    mine = own_set(tmp_path / "mine", BARE, MY101="{kind: same_instant, pairs: {start_time_iso: start_time}}")
    found = checked(tmp_path, damage.put(good("H2"), "start_time", "soon", LINE), "--ruleset", mine)
    assert found.places("MY101") == [f"{LINE}:start_time_iso"]


# --- caps, across blocks ---


@pytest.mark.parametrize(
    "make, rule",
    [
        (lambda one: damage.changed(one, "project_id", lambda _: "", range(3, 30, 2)), "OC503"),
        (lambda one: damage.changed(one, "project_name", "{}\x00".format, [3, 4, 5, 40]), "CSV005"),
        (lambda one: [row[:-1] if n in (3, 9, 60) else row for n, row in enumerate(one)], "CSV008"),
        (lambda one: damage.changed(one, "amount_currency", lambda _: "eur"), "OC203"),
        (lambda one: [*one[:50], *[[*one[49][:2], *[""] * 7]] * 9, *one[50:]], "OC307"),
        (lambda one: later(one, ("start_time",), 60), "OC301"),
    ],
    ids=["OC503", "CSV005", "CSV008", "OC203", "OC307", "OC301"],
)  # fmt: skip
@pytest.mark.parametrize("block", [64, 65_536])
def test_a_cap_keeps_the_first_findings_and_the_count(
    make: Callable[[Table], Table], rule: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    content = make(good("H1"))
    everything = checked(tmp_path, content)
    capped = checked(tmp_path, content, "--max-findings", "2")
    assert capped.places(rule) == everything.places(rule)[:2]
    assert capped.outcome(rule)["violations"] == everything.outcome(rule)["violations"] > 2
    assert capped.failed == everything.failed


UNUSABLE = {"no currency": ("amount_currency", ""), "no amount": ("amount_value", ""), "euros": ("amount_currency", "eur")}


@pytest.mark.parametrize("column, cell", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("lacks", [True, False], ids=["lacks end_time", "has it twice"])
def test_a_total_that_is_unknown_crashes_no_rule(lacks: bool, column: str, cell: str, tmp_path: Path) -> None:
    """Which rows are charged depends on the times. Bad data was unproved: rules on the total ran, and there was none."""
    table = damage.put(good("H1"), column, cell, LINE)
    names = [name for name in table[0] if name != "end_time"]
    table = damage.columns(table, names) if lacks else damage.with_column(table, "end_time", "", 2)
    config = make_ready(tmp_path)
    found = checked(tmp_path, table, "--expect-total", "1", "--config", config, "--organization", ORGANIZATION)
    assert (found.code, found.failed, found.in_state("crashed")) == (1, {"OC104" if lacks else "CSV013"}, set())
    assert {found.blocked[rule] for rule in ("OC601", "OC602", "OC603")} == found.failed


def test_a_total_that_a_skipped_rule_makes_unknown_crashes_no_rule(tmp_path: Path) -> None:
    """OC204 is skipped for want of the organization, and leaves OC601 a charge without an amount."""
    table = damage.put(good("H1"), "amount_value", "", LINE)
    table = damage.columns(table, [name for name in table[0] if name != "organization_id"])
    config = make_ready(tmp_path)
    found = checked(tmp_path, table, "--expect-total", "1", "--config", config, "--organization", ORGANIZATION)
    assert (found.code, found.failed, found.in_state("crashed")) == (1, {"OC104"}, set())
    assert found.blocked["OC601"] == found.blocked["OC603"] == "OC104"


@pytest.mark.parametrize("spoiler, rule", [(b"\xcd", "CSV002"), (b"\t", "CSV005")], ids=["bad byte", "control character"])
def test_a_skipped_rule_that_looks_for_the_totals_blocks_nothing(spoiler: bytes, rule: str, tmp_path: Path) -> None:
    """Bad data was unproved: OC202 was skipped because of OC204, which OC104 had skipped."""
    data = to_bytes(good("H1")).replace(b"start_time", b"Start_time", 1).replace(b"proj_", b"proj" + spoiler, 1)
    found = checked(tmp_path, data)
    assert (found.code, found.failed) == (1, {rule, "OC104"})
    assert "OC204" not in found.blocked.values()


def test_a_bad_byte_in_the_header_and_no_last_line_end(tmp_path: Path) -> None:
    data = to_bytes(damage.with_column(good("H1"), "zone", "", 0)).replace(b"zone", b"zon\xfc", 1)
    assert checked(tmp_path, data[:-1]).failed == {"CSV002", "CSV009"}


# --- rule sets that cannot be read ---


@pytest.mark.parametrize(
    "head, rules, text",
    [
        ("", {}, "table_schema"),
        ("table_schema: openai-cost.schema.json\n", {}, "the rule set has no rules"),
        ("table_schema: nowhere.json\n", {}, "the Table Schema cannot be read"),
        ("extends: nowhere\n", {}, "no such rule set"),
        ("exten: csv\n", {}, "unknown key `exten`"),
    ],
)
def test_a_set_that_lacks_something(head: str, rules: dict[str, str], text: str, tmp_path: Path) -> None:
    found = checked(tmp_path, good("H1"), "--ruleset", own_set(tmp_path / "mine", head, **rules))
    assert found.code == 2
    assert found.report is None
    assert text in found.err


def test_faulty_diagnoses_are_faults_of_the_set(tmp_path: Path) -> None:
    mine = own_set(tmp_path / "mine", EXTENDING)
    (mine / "diagnoses.yaml").write_text("diagnoses: [{id: x}]\n")
    found = checked(tmp_path, good("H1"), "--ruleset", mine)
    assert found.code == 2
    assert "diagnoses.yaml:1" in found.err


def test_own_diagnoses_come_before_the_shipped_ones(tmp_path: Path) -> None:
    mine = own_set(tmp_path / "mine", EXTENDING)
    (mine / "diagnoses.yaml").write_text(
        "diagnoses:\n  - id: ours\n    when: [{all: [OC203]}]\n"
        + "    cause: Another currency.\n    fix: Ask.\n    rules: [OC203]\n"
    )
    found = checked(tmp_path, damage.put(good("H1"), "amount_currency", "eur", LINE), "--ruleset", mine)
    assert found.file["diagnosis"] == {"id": "ours", "cause": "Another currency.", "fix": "Ask.", "rules": ["OC203"]}


# --- the collector of circles ---


@pytest.mark.parametrize("collecting", [True, False])
def test_a_check_leaves_the_garbage_collector_as_it_was(collecting: bool, tmp_path: Path) -> None:
    before = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        assert checked(tmp_path, good("H1")).code == 0
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("wrong", [False, True])
def test_a_check_leaves_nothing_to_the_garbage_collector(wrong: bool, tmp_path: Path) -> None:
    """The command runs with the collector off: a circle in what a check builds would keep each file's rows to the end."""
    table = damage.put(good("H1"), "amount_value", "1,5", LINE) if wrong else good("H1")
    (tmp_path / "data.csv").write_bytes(to_bytes(table))
    settings = given.Settings(
        policy=Policy(), ruleset=Sourced("openai-cost", "default"),
        as_of=given.parse_as_of("2025-12-01"), as_of_source="--as-of", now=given.clock(),
        inputs=(Input(str(tmp_path / "data.csv")),),
    )  # fmt: skip
    gc.collect()
    gc.disable()
    try:
        run = check_files(settings, known())
        assert run.verdict.word == ("fail" if wrong else "pass")
        del run
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_good_file_has_the_total_that_anybody_gets(tmp_path: Path) -> None:
    table = good("H1")
    assert Decimal(checked(tmp_path, table).file["totals"]["amount"]) == sum(Decimal(row[2]) for row in table[1:] if row[2])
