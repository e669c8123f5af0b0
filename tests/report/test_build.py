"""Report v1 (DESIGN.md, section 7): its schema, its digest, its order, its sums, and what never stands in it."""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
import rfc8785

from billproof.model.canonical import canonical
from fixtures import damage
from fixtures.exports import Export, Organization, rows, to_bytes
from tests.rules.test_loader import own_set, rule_text
from tests.support import AS_OF, FIXTURES, READY, ROOT, Checked, check, fixture, process, run

SCHEMA = json.loads((ROOT / "schemas" / "report.v1.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)
FILES = sorted(FIXTURES.glob("*/*.csv"))
GOOD = fixture("good-h1")
VERDICTS = {"pass": 0, "fail": 1, "unproved": 3}

Report = dict[str, Any]


@pytest.fixture(scope="module")
def checked() -> dict[Path, Checked]:
    """Every fixture file, checked once with the arguments of its folder."""
    return {path: check(path, *arguments(path)) for path in FILES}


def arguments(path: Path) -> list[str]:
    found = path.parent / "args.txt"
    return found.read_text("utf-8").split() if found.is_file() else []


def report_of(found: Checked) -> Report:
    assert found.report is not None, found.err
    return found.report


def faults(report: Report) -> list[str]:
    return [f"{one.instance_path}: {one.message}" for one in VALIDATOR.iter_errors(report)]


def every(value: Any) -> Iterator[Any]:
    """A value of a report and all that is in it, keys too."""
    yield value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from every(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every(inner)


def written(path: Path, table: list[list[str]]) -> Path:
    path.write_bytes(to_bytes(table))
    return path


# --- the schema ---


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    for one in every(schema):
        if isinstance(one, dict) and "properties" in one and one.get("type") == "object":
            yield one


def test_every_object_is_closed_and_every_field_described() -> None:
    assert len(list(objects(SCHEMA))) > 20
    for one in objects(SCHEMA):
        assert one["additionalProperties"] is False
        assert one["description"]
        for name, field in one["properties"].items():
            defined = SCHEMA["$defs"].get(field.get("$ref", "").removeprefix("#/$defs/"), {})
            assert field.get("description") or defined.get("description"), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_fixture_is_valid(checked: dict[Path, Checked], path: Path) -> None:
    assert faults(report_of(checked[path])) == []


def test_rarer_reports_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    waiver = (
        'rule: OC304, organization: org-EXAMPLEacme01, month: "2025-10", reason: known, owner: me, '
        'expires: "2026-12-01", at_most: 3, approved_by: you, reference: X-1'
    )
    (tmp_path / "billproof.yaml").write_text(
        "version: 1\nintegrations:\n  - {name: main, organization: org-EXAMPLEacme01}\nwaivers:\n  - {" + waiver + "}\n"
    )
    rare = [
        check(),
        check("missing.csv"),
        check(GOOD, "missing.csv"),
        check(fixture("middle-gap")),
        check(GOOD, "--month", "2025-10", "--policy", "upload"),
        check(GOOD, "--organization", "org-EXAMPLEother", "--policy", "upload"),
        check(GOOD, "--month-to-date", "--expect-total", "1038.5600"),
        check(GOOD, "--second-opinion"),
        check(fixture("bad-amount"), "--second-opinion"),
        check(fixture("hourly"), "--max-findings", "1", as_of=None),
    ]
    for found in rare:
        assert faults(report_of(found)) == []
    assert {report_of(found)["verdict"] for found in rare} == set(VERDICTS)
    assert rare[3].outcome("OC304")["state"] == "waived"


def change(*path: str | int, to: Any) -> Callable[[Report], None]:
    def apply(report: Report) -> None:
        inner: Any = report
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = to

    return apply


REFUSED: dict[str, Callable[[Report], None]] = {
    "another schema": change("schema", to="billproof/report/v2"),
    "a verdict of another word": change("verdict", to="valid"),
    "a pass with exit code 1": change("exit_code", to=1),
    "a pass with a reason": change("reasons", to=[{"code": "failed", "file": None, "rule": None, "text": "x"}]),
    "a pass of nothing": change("files", to=[]),
    "an unknown key": change("extra", to=1),
    "an unknown key of a file": change("files", 0, "extra", to=1),
    "ready, with something in the way": change("upload", "ready", to=True),
    "money as a number": change("files", 0, "totals", "amount", to=1038.56),
    "money with an exponent": change("files", 0, "totals", "amount", to="1E+3"),
    "money with trailing zeros": change("files", 0, "totals", "amount", to="1038.50"),
    "money with a bare point": change("files", 0, "totals", "amount", to="1038."),
    "money below zero that is zero": change("files", 0, "totals", "amount", to="-0"),
    "money with zeros before it": change("files", 0, "totals", "amount", to="01.5"),
    "a day that is none": change("files", 0, "days", 0, "date", to="2025-13-01"),
    "an unknown state of a day": change("files", 0, "days", 0, "state", to="closed"),
    "a digest in capitals": change("files", 0, "sha256", to="A" * 64),
    "a digest that is too short": change("result_sha256", to="a" * 63),
    "an unknown state": change("files", 0, "outcomes", 0, "state", to="ok"),
    "a pass of a rule that looked at nothing": change("files", 0, "outcomes", 0, "evaluated", to=0),
    "a pass of a rule that left something out": change("files", 0, "outcomes", 0, "left_out", to=1),
    "a pass of a rule with faults": change("files", 0, "outcomes", 0, "violations", to=1),
    "a failure without a fault": change("files", 0, "outcomes", 0, "state", to="failed"),
    "a waived rule without a waiver": change("files", 0, "outcomes", 0, "state", to="waived"),
    "a blocked rule without its root": change("files", 0, "outcomes", 0, "state", to="blocked"),
    "a rule that is off without a reason": change("files", 0, "outcomes", 0, "state", to="off"),
    "a file of a pass without outcomes": change("files", 0, "outcomes", to=[]),
    "a file of a pass with an error": change("files", 0, "error", to="unreadable"),
    "a long cell": change("files", 0, "header", 0, to="x" * 81),
    "a control character": change("files", 0, "name", to="a\x1b[31m"),
    "a bidi character": change("files", 0, "name", to="a\u202eb"),
    "a local time": change("run", "started", to="2025-12-01T00:00:00+01:00"),
}


@pytest.mark.parametrize("apply", REFUSED.values(), ids=REFUSED)
def test_the_schema_refuses(checked: dict[Path, Checked], apply: Callable[[Report], None]) -> None:
    report = copy.deepcopy(report_of(checked[GOOD]))
    assert faults(report) == []
    apply(report)
    assert faults(report) != []


# --- the same again, and its digest ---


def outside_run(json_text: bytes) -> bytes:
    head, found, _ = json_text.partition(b'"run": {')
    assert found
    return head


@pytest.mark.parametrize("case", ["good-h4", "hourly", "several-organizations", "personal-data", "good-thousand-projects"])
def test_two_runs_are_the_same_byte_for_byte(case: str) -> None:
    command = ("check", fixture(case), "--as-of", AS_OF, "--format", "json")
    first = process(*command, PYTHONHASHSEED="1", GITHUB_ACTOR="one", TZ="UTC")
    second = process(*command, PYTHONHASHSEED="2", GITHUB_ACTOR="two", TZ="Asia/Tokyo", LC_ALL="C")
    assert first.stdout != second.stdout
    assert outside_run(first.stdout) == outside_run(second.stdout)


def test_the_clock_changes_nothing_outside_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for day in (4, 5):
        monkeypatch.setattr("billproof.config.settings.clock", lambda day=day: datetime(2025, 12, day, 1, 2, 3, tzinfo=UTC))
        found.append(report_of(check(GOOD, as_of=None)))
    assert found[0]["run"]["as_of"] == "2025-12-04T01:02:03Z"
    assert found[1]["run"]["as_of"] == "2025-12-05T01:02:03Z"
    assert found[0]["settings"]["as_of"] == {"value": None, "source": "clock"}
    assert found[0]["result_sha256"] == found[1]["result_sha256"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_digest_is_that_of_rfc_8785(checked: dict[Path, Checked], path: Path) -> None:
    report = copy.deepcopy(report_of(checked[path]))
    told = report.pop("result_sha256")
    del report["run"]
    assert hashlib.sha256(rfc8785.dumps(report)).hexdigest() == told


def test_the_digest_holds_for_any_text(tmp_path: Path) -> None:
    names = ('R&D "Alpha" \\ 数据 🙂', "\u2028 é e\u0301 \x7f /", "Search")
    path = written(tmp_path / "🙂.csv", rows(replace(Export(), project_names=names)))
    report = report_of(check(path))
    told = report.pop("result_sha256")
    del report["run"]
    assert hashlib.sha256(rfc8785.dumps(report)).hexdigest() == told


def test_the_digest_of_a_file_is_that_of_its_entry_with_rule_set_and_settings(checked: dict[Path, Checked]) -> None:
    for found in checked.values():
        report = copy.deepcopy(report_of(found))
        (file,) = report["files"]
        told = file.pop("result_sha256")
        whole = {"file": file, "ruleset": report["ruleset"], "settings": report["settings"]}
        assert hashlib.sha256(rfc8785.dumps(whole)).hexdigest() == told


def test_the_digest_of_a_file_does_not_depend_on_the_other_files(tmp_path: Path) -> None:
    paths = [FILES[0], FILES[1]]
    alone = [report_of(check(path))["files"][0]["result_sha256"] for path in paths]
    assert [file["result_sha256"] for file in report_of(check(*paths))["files"]] == alone
    assert report_of(check(paths[0], "--max-findings", "7"))["files"][0]["result_sha256"] != alone[0], "other settings"


def test_the_rule_set_is_encoded_no_more_often_for_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is larger than most entries: once for the digests of all files, once for that of the report."""
    encoded: list[bytes] = []

    def counted(value: Any) -> bytes:
        encoded.append(canonical(value))
        return encoded[-1]

    monkeypatch.setattr("billproof.report.build.canonical", counted)
    report = report_of(check(*FILES[:5]))
    assert len(report["files"]) == 5
    assert sum(b'"waivable":' in data for data in encoded) == 2


def test_the_digest_covers_everything_outside_run(checked: dict[Path, Checked]) -> None:
    assert len({report_of(found)["result_sha256"] for found in checked.values()}) == len(FILES)
    assert report_of(check(GOOD, "--month", "2025-10"))["result_sha256"] != report_of(checked[GOOD])["result_sha256"]


def test_standard_output_and_a_file_hold_the_same(tmp_path: Path) -> None:
    code, out, _ = run("check", str(GOOD), "--as-of", AS_OF, "--format", "json", "--output", f"json={tmp_path / 'r'}")
    assert code == 0
    assert (tmp_path / "r").read_bytes() == out.encode("utf-8")
    assert out.endswith("}\n")
    assert "\r" not in out


# --- verdict, rules, outcomes, findings ---


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_report_says_what_the_exit_code_says(checked: dict[Path, Checked], path: Path) -> None:
    found, report = checked[path], report_of(checked[path])
    assert report["exit_code"] == found.code == VERDICTS[report["verdict"]]
    assert found.file["verdict"] == report["verdict"]
    failed = [one for one in found.file["outcomes"] if one["state"] == "failed" and one["level"] == "error"]
    assert (report["verdict"] == "fail") == bool(failed)
    assert [one["rule"] for one in report["reasons"]] == [one["rule"] for one in failed]
    assert bool(report["proves"]) == (found.code == 0)
    assert len(report["does_not_prove"]) == 2
    assert report["upload"]["ready"] is False


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_rule_stands_once_and_in_order(checked: dict[Path, Checked], path: Path) -> None:
    report = report_of(checked[path])
    rules = [one["id"] for one in report["ruleset"]["rules"]]
    assert len(rules) > 40
    assert rules == sorted(set(rules))
    assert [one["rule"] for one in checked[path].file["outcomes"]] == rules
    named = {one["id"]: (one["name"], one["level"]) for one in report["ruleset"]["rules"]}
    assert {one["rule"]: (one["name"], one["level"]) for one in checked[path].file["outcomes"]} == named


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_findings_stand_in_order_of_place(checked: dict[Path, Checked], path: Path) -> None:
    for outcome in checked[path].file["outcomes"]:
        places = [(one["line"] or 0, one["column_number"] or 0) for one in outcome["findings"]]
        assert places == sorted(places)
        assert len(places) <= 100
        for one in outcome["findings"]:
            assert one["line"] is None or one["line"] <= one["end_line"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_finding_names_the_cell_that_stands_there(checked: dict[Path, Checked], path: Path) -> None:
    if checked[path].failed & {"CSV002", "CSV004", "CSV006", "CSV007"} or not checked[path].file["header"]:
        assert checked[path].file["verdict"] == "fail"
        return
    lines = path.read_text("utf-8-sig").splitlines()
    header = checked[path].file["header"]
    for outcome in checked[path].file["outcomes"]:
        for one in outcome["findings"]:
            if one["column_number"] is not None and outcome["rule"] != "CSV013":
                assert header[one["column_number"] - 1] == one["column"]
            if one["value"] and one["line"] and one["line"] > 1 and "\\" not in one["value"]:
                assert one["value"] in lines[one["line"] - 1]


def test_files_stand_as_given() -> None:
    wanted = [fixture("middle-gap"), GOOD, fixture("eur"), fixture("good-h2")]
    report = report_of(check(*wanted))
    assert [one["path"] for one in report["files"]] == [path.as_posix() for path in wanted]
    assert [one["verdict"] for one in report["files"]] == ["fail", "pass", "fail", "pass"]
    assert [one["file"] for one in report["reasons"]] == [wanted[0].as_posix(), wanted[2].as_posix()]


def test_a_file_named_twice_stands_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURES)
    report = report_of(check("good-h1", "good-h2", f"./good-h1/{GOOD.name}", GOOD, "good-h[12]"))
    assert [one["path"] for one in report["files"]] == [f"good-h1/{GOOD.name}", f"good-h2/{GOOD.name}"]


def test_paths_are_as_given_or_from_the_working_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURES)
    report = report_of(check("good-h1", "./good-h2", "good-h3/../good-h3"))
    name = "cost_2025-10-01_2025-10-31.csv"
    assert [one["name"] for one in report["files"]] == [name] * 3
    assert [one["path"] for one in report["files"]] == [f"good-h1/{name}", f"./good-h2/{name}", f"good-h3/../good-h3/{name}"]
    assert str(FIXTURES) not in json.dumps({**report, "run": None})


UNITS = {
    **dict.fromkeys(["CSV001", "CSV003", "CSV006", "CSV009", "CSV012", "OC101", "OC102", "OC103", "OC107"], "file"),
    **dict.fromkeys(["OC206", "OC305", "OC308", "OC309", "OC502", "OC601", "OC603"], "file"),
    **dict.fromkeys(["CSV002", "CSV005", "CSV011", "OC201", "OC202", "OC204", "OC205", "OC208", "OC209"], "cell"),
    **dict.fromkeys(["CSV008", "OC203", "OC207", "OC301", "OC302", "OC303", "OC306", "OC307", "OC310", "OC401"], "row"),
    **dict.fromkeys(["OC501", "OC503", "OC504", "OC701"], "row"),
    **dict.fromkeys(["CSV013", "OC104", "OC106"], "column"),
    **dict.fromkeys(["CSV004", "CSV010"], "line"),
    **dict.fromkeys(["OC402", "OC403"], "id"),
    "CSV007": "record",
    "OC602": "project",
    "OC304": "day", "OC211": "cell",
    **dict.fromkeys(["OC801", "OC802", "OC803"], "key"), "OC804": "day", "OC805": "file",
}  # fmt: skip


def test_units_are_those_of_the_table(checked: dict[Path, Checked]) -> None:
    found = {one["rule"]: one["unit"] for one in checked[GOOD].file["outcomes"]}
    assert {rule: unit for rule, unit in found.items() if UNITS.get(rule) != unit} == {}
    assert found.keys() == UNITS.keys()


@pytest.mark.parametrize(
    ("case", "evaluated"),
    [
        ("good-h2", {"CSV003": 1, "CSV004": 113, "CSV010": 113, "OC101": 1, "OC201": 112, "OC202": 108, "OC304": 31}),
        ("good-h1", {"CSV001": 1, "OC206": 1, "OC207": 108, "OC305": 1, "OC307": 112, "OC402": 1, "OC502": 1, "OC501": 108}),
        ("no-project", {"OC502": 1}),
        ("month-to-date", {"OC304": 20, "OC303": 68}),
        ("zero-bytes", {"CSV001": 1, "CSV012": 1}),
        ("header-only", {"CSV001": 1}),
    ],
)
def test_on_how_much_a_rule_looked(checked: dict[Path, Checked], case: str, evaluated: dict[str, int]) -> None:
    found = checked[fixture(case)]
    assert {rule: found.outcome(rule)["evaluated"] for rule in evaluated} == evaluated


@pytest.mark.parametrize(
    ("case", "rule", "violations"),
    [
        ("spreadsheet-quoted-all", "CSV011", 933),  # 113 lines of nine cells, less 84 with a comma
        ("hourly", "OC301", 31 * 24),  # 24 rows a day, on the four empty days too
        ("ungrouped-h2", "OC501", 27),  # one row on each of 27 days with usage
        ("eur", "OC203", 108),
        ("spreadsheet-scientific-times", "OC201", 2 * 112),
        ("default-31-days", "OC303", 12),  # three days of four rows
        ("middle-gap", "OC304", 3),
        ("spreadsheet-crlf", "CSV004", 113),
        ("minutely-shift", "OC302", 112),
    ],
)
def test_violations_are_the_true_total(checked: dict[Path, Checked], case: str, rule: str, violations: int) -> None:
    one, many = (check(fixture(case), "--max-findings", number) for number in ("1", "1000"))
    assert one.outcome(rule)["violations"] == many.outcome(rule)["violations"] == violations
    assert len(one.outcome(rule)["findings"]) == 1
    kept = many.outcome(rule)["findings"]
    assert len(kept) == (1 if rule in ("OC304", "CSV004") else violations)
    assert one.outcome(rule)["findings"] == kept[:1]
    assert len(checked[fixture(case)].outcome(rule)["findings"]) == min(len(kept), 100)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_cap_changes_findings_only(checked: dict[Path, Checked], path: Path) -> None:
    def rest(found: Checked) -> list[dict[str, Any]]:
        return [{key: value for key, value in one.items() if key != "findings"} for one in found.file["outcomes"]]

    capped = check(path, *arguments(path), "--max-findings", "1")
    assert rest(capped) == rest(checked[path])
    assert capped.code == checked[path].code
    assert capped.file["totals"] == checked[path].file["totals"]
    assert capped.file.get("diagnosis") == checked[path].file.get("diagnosis")


def test_keys_stay_when_rows_are_added_elsewhere(tmp_path: Path) -> None:
    table = rows(Export())
    bad = damage.put(damage.put(table, "amount_value", "n/a", 60), "organization_name", "", 61)
    shorter = [bad[0], *bad[5:]]
    keys = [
        [
            (one["rule"], finding["key"])
            for one in check(written(tmp_path / name, found)).file["outcomes"]
            for finding in one["findings"]
            if one["rule"] in ("OC202", "OC204")
        ]
        for name, found in (("whole.csv", bad), ("shorter.csv", shorter))
    ]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 2


# --- totals, summed once more by hand ---

TIMES = {"start_time", "end_time", "start_time_iso", "end_time_iso"}
UNKNOWN = {
    "bad-amount", "broken-download-mid-row", "eur", "missing-cells", "ragged-long", "ragged-short", "renamed-column",
    "spreadsheet-decimal-comma", "spreadsheet-excel-german", "stray-quote", "unclosed-quote", "unclosed-quote-last-row",
}  # fmt: skip
SUMMED = [path for path in FILES if path.parent.name not in UNKNOWN]


def charges(path: Path) -> list[dict[str, str]] | None:
    """The charged rows of a file that is a table with amounts; cells without blanks around them."""
    if path.parent.name.startswith("not-a-csv"):
        return None
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    table = list(csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter))
    if not table or "amount_value" not in table[0]:
        return None
    found = [{key: cell.strip() for key, cell in row.items()} for row in table]
    return [row for row in found if any(cell for key, cell in row.items() if key not in TIMES)]


def plain(amounts: list[str]) -> str:
    with localcontext(prec=400):
        text = f"{sum(map(Decimal, amounts), Decimal(0)):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


@pytest.mark.parametrize("path", SUMMED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_total_is_the_sum_of_the_charges(checked: dict[Path, Checked], path: Path) -> None:
    totals, found = checked[path].file["totals"], charges(path)
    if found is None:
        assert totals is None or totals["amount"] in (None, "0")
        assert checked[path].code == 1
        return
    assert totals["amount"] == plain([row["amount_value"] for row in found])
    assert totals["charged_rows"] == len(found)
    days = [one for one in checked[path].file["days"] if one["rows"]]
    if "OC201" not in checked[path].failed:
        assert plain([one["amount"] for one in days]) == totals["amount"]
        assert totals["days"] == len(days)


@pytest.mark.parametrize("path", SUMMED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_groups_are_sums_of_their_charges(checked: dict[Path, Checked], path: Path) -> None:
    totals, found = checked[path].file["totals"], charges(path)
    if found is None:
        groups = [] if totals is None else totals["by_project"] + totals["by_line_item"]
        assert {one["amount"] for one in groups} <= {None}
        return
    for groups, column in (("by_project", "project_id"), ("by_line_item", "line_item")):
        amounts: dict[str, list[str]] = {}
        for row in found:
            amounts.setdefault(row[column], []).append(row["amount_value"])
        told = {one["id"]: (one["amount"], one["rows"]) for one in totals[groups] if not one["id"].startswith("other (")}
        assert told.items() <= {key: (plain(one), len(one)) for key, one in amounts.items()}.items()
        assert len(told) == min(len(amounts), 50)
        assert plain([one["amount"] for one in totals[groups]]) == totals["amount"]
        assert sum(one["rows"] for one in totals[groups]) == totals["charged_rows"]
        largest = [Decimal(one["amount"]) for one in totals[groups][:50]]
        assert largest == sorted(largest, reverse=True)


def test_beyond_fifty_projects_is_one_other(checked: dict[Path, Checked]) -> None:
    path = fixture("good-thousand-projects")
    amounts: Counter[str] = Counter()
    for row in charges(path) or []:
        amounts[row["project_id"]] += Decimal(row["amount_value"])  # type: ignore[assignment]
    *top, other = checked[path].file["totals"]["by_project"]
    wanted = sorted(amounts, key=lambda one: (-amounts[one], one))
    assert [one["id"] for one in top] == wanted[:50]
    assert other["id"] == f"other ({len(amounts) - 50:,})"
    assert other["name"] is None
    with localcontext(prec=400):
        assert Decimal(other["amount"]) == sum(Decimal(amounts[one]) for one in wanted[50:])


@pytest.mark.parametrize("case", sorted(UNKNOWN - {"renamed-column"}))
def test_a_total_that_is_not_known_is_null(checked: dict[Path, Checked], case: str) -> None:
    found = checked[fixture(case)].file
    assert found["totals"]["amount"] is None
    assert {one["amount"] for key in ("by_project", "by_line_item") for one in found["totals"][key]} <= {None}
    assert {one["amount"] for one in found["days"]} <= {None}


def test_padded_money_is_still_money(tmp_path: Path) -> None:
    table = damage.put(rows(Export()), "amount_currency", "usd ", 20)
    path = written(tmp_path / "x.csv", damage.changed(table, "amount_value", " {}".format, [21]))
    found = check(path, "--expect-total", "1038.56")
    assert found.failed == {"OC205"}
    assert found.file["totals"]["amount"] == "1038.564891296399966"
    assert found.file["totals"]["currency"] == "USD"


def test_money_is_exact_and_plain(tmp_path: Path) -> None:
    tiny, large = "0." + "0" * 98 + "12", "999999999999999.5"
    table = rows(replace(Export(), per_day=1))
    table = damage.put(damage.put(table, "amount_value", tiny, 3), "amount_value", large, 4)
    table = damage.put(damage.put(table, "amount_value", "1E-7", 2), "amount_value", "0E-6176", 7)
    path = written(tmp_path / "x.csv", table)
    amount = check(path).file["totals"]["amount"]
    assert amount == plain([row["amount_value"] for row in charges(path) or []])
    assert amount.endswith("12")
    assert len(amount.partition(".")[2]) == 100


def test_no_number_of_a_report_is_a_float(checked: dict[Path, Checked]) -> None:
    for found in checked.values():
        assert not [one for one in every(found.report) if isinstance(one, float)]


# --- days ---


def states(found: Checked) -> str:
    marks = {"charged": "#", "empty": ".", "missing": "!", "outside": "x", "open": "-"}
    return "".join(marks[one["state"]] for one in found.file["days"])


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("good-h1", "###..############..############"),
        ("default-31-days", "!!!..############..############" + "xxx"),
        ("middle-gap", "###..######!!!###..############"),
        ("partial-month", "###..##########!!!!!!!!!!!!!!!!"),
        ("month-to-date", "###..############..#-----------"),
        ("month-not-over", "###..############..#-----------"),
        ("no-usage-full-header", "." * 31),
        ("several-organizations", "###..############..############"),
        ("wrong-month", "!" * 30 + "x" * 31),
        ("header-only", ""),
    ],
)
def test_every_day_has_its_state(checked: dict[Path, Checked], case: str, wanted: str) -> None:
    found = checked[fixture(case)]
    assert states(found) == wanted
    dates = [date.fromisoformat(one["date"]) for one in found.file["days"]]
    assert all(later - one == timedelta(1) for one, later in pairwise(dates))
    for one in found.file["days"]:
        assert (one["rows"] > 0) == (one["state"] in ("charged", "empty", "outside"))


# --- what is shown, and how ---

ADDRESS = "person0001@example.com"


def told(found: Checked) -> str:
    """All that a check says: report, text, standard error."""
    return json.dumps(found.report, ensure_ascii=False) + found.out + found.err


def all_told(path: Path | str, *arguments: str | Path) -> str:
    return "".join(told(check(path, *arguments, detail)) for detail in ("--quiet", "--verbose")) + told(check(path, *arguments))


def addresses(text: str) -> list[str]:
    return re.findall(r"[^\s\"]*[@＠][^\s\"]*\.[a-z]+", text)


def test_no_address_of_a_person_is_shown() -> None:
    path = fixture("personal-data")
    assert path.read_text("utf-8").count("@example.com") == 108
    found = check(path)
    assert found.failed == {"OC701"}
    assert found.outcome("OC701")["violations"] == 108
    assert [(one["line"], one["value"]) for one in found.outcome("OC701")["findings"]][:1] == [(None, None)]
    assert addresses(all_told(path)) == []
    assert "person0001" not in all_told(path)


HOSTILE: dict[str, Callable[[list[list[str]]], list[list[str]]]] = {
    "a project's name": lambda table: damage.changed(table, "project_name", lambda _: f"={ADDRESS}", range(20, 90)),
    "two names of a project": lambda table: damage.changed(table, "project_name", lambda _: ADDRESS, range(60, 90)),
    "a project's id": lambda table: damage.changed(table, "project_id", lambda _: ADDRESS),
    "a line item": lambda table: damage.changed(table, "line_item", lambda _: f"+{ADDRESS}"),
    "an organization's id": lambda table: damage.changed(table, "organization_id", lambda _: ADDRESS),
    "another organization's id": lambda table: damage.put(table, "organization_id", ADDRESS, 20),
    "an organization's name": lambda table: damage.changed(table, "organization_name", lambda _: ADDRESS),
    "a currency": lambda table: damage.put(table, "amount_currency", ADDRESS, 20),
    "an amount": lambda table: damage.put(table, "amount_value", ADDRESS, 20),
    "a time": lambda table: damage.put(table, "start_time", ADDRESS, 20),
    "an ISO time": lambda table: damage.with_column(table, "start_time_iso", ADDRESS, 2),
    "a padded cell": lambda table: damage.put(table, "project_id", f" {ADDRESS}", 20),
    "an unknown column": lambda table: damage.with_column(table, "contact", ADDRESS, 3),
    "a column's name": lambda table: damage.with_column(table, ADDRESS, "x", 3),
    "a column's name twice": lambda table: damage.with_column(damage.with_column(table, ADDRESS, "x", 3), ADDRESS, "x", 3),
    "a control character beside it": lambda table: damage.put(table, "project_name", f"\x07{ADDRESS}", 20),
    "a tab beside it": lambda table: damage.put(table, "project_name", f"{ADDRESS}\t", 20),
    "a quote beside it": lambda table: damage.put(table, "project_name", f'="{ADDRESS}"', 20),
    "a long text before it": lambda table: damage.put(table, "project_name", "=" + "x" * 60 + f" {ADDRESS}", 20),
    "a zero-width character in it": lambda table: damage.put(table, "project_name", "=person0001@\u200bexample.com", 20),
    "a full-width sign": lambda table: damage.put(table, "project_name", "=person0001＠example.com", 20),
}


@pytest.mark.parametrize("change_", HOSTILE.values(), ids=HOSTILE)
def test_no_address_anywhere_in_a_file_is_shown(tmp_path: Path, change_: Callable[[list[list[str]]], list[list[str]]]) -> None:
    path = written(tmp_path / "cost_2025-10-01_2025-10-31.csv", change_(rows(Export())))
    text = all_told(path)
    assert "example.com" not in text
    assert "person0001" not in text


def test_no_address_in_a_broken_file_is_shown(tmp_path: Path) -> None:
    data = to_bytes(damage.with_column(rows(Export()), "contact", ADDRESS, 3))
    for name, bad in {
        "cut": data[:-30],
        "quote": damage.in_line(data, 20, b"person", b'per"son'),
        "short": damage.in_line(data, 20, b",Acme Research", b""),
        "semicolon": data.replace(b",", b";"),
        "bytes": damage.in_line(data, 20, b"person0001", b"person\xfc0001"),
        "text": ADDRESS.encode(),
        "line": f"{ADDRESS},{ADDRESS}\n{ADDRESS}\n".encode(),
    }.items():
        path = tmp_path / name
        path.write_bytes(bad)
        text = all_told(path)
        assert "example.com" not in text, name


def test_no_address_in_a_path_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / f"of {ADDRESS}"
    folder.mkdir()
    (folder / "empty").mkdir()
    path = folder / f"cost {ADDRESS}.csv"
    path.write_bytes(GOOD.read_bytes())
    for one in (f"{ADDRESS}.csv", path.relative_to(tmp_path), folder / "empty", folder / "*.nothing"):
        assert "example.com" not in all_told(one)
    for words in (["check", "--month", ADDRESS], ["check", "--ruleset", ADDRESS], ["check", "--output", ADDRESS], [ADDRESS],
                  ["check", "--config", ADDRESS], ["check", str(GOOD), "--output", f"json={ADDRESS}/x"],
                  ["init", f"{ADDRESS}.csv"], ["rules", "show", ADDRESS], ["check", f"--{ADDRESS}"]):  # fmt: skip
        code, out, err = run(*words)
        assert code in (2, 3)
        assert "example.com" not in out + err, words


def test_no_address_in_a_configuration_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    waiver = (
        f'rule: OC304, organization: org-EXAMPLEacme01, month: "2025-10", reason: "ask {ADDRESS}", owner: {ADDRESS}, '
        f'expires: "2027-11-01", at_most: 3, approved_by: {ADDRESS}, reference: "mailto:{ADDRESS}"'
    )
    (tmp_path / "billproof.yaml").write_text("version: 1\nwaivers:\n  - {" + waiver + "}\n")
    monkeypatch.setattr("billproof.config.settings.clock", lambda: datetime(2026, 11, 1, tzinfo=UTC))
    found = check(fixture("middle-gap"))
    assert found.outcome("OC304")["state"] == "waived"
    assert "example.com" not in all_told(fixture("middle-gap"))


EVIL = "\x1b[31m\u202egnp\u200b\x00\x85\u2066\ufeff"


def bad_characters(text: str) -> set[str]:
    return set(re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]", text))


@pytest.mark.parametrize("column", [*Export().header])
@pytest.mark.parametrize("everywhere", [False, True], ids=["one cell", "every cell"])
def test_strange_characters_in_cells_are_escaped(tmp_path: Path, column: str, everywhere: bool) -> None:
    table = damage.changed(rows(Export()), column, lambda text: f"={EVIL}{text}", () if everywhere else [20])
    found = check(written(tmp_path / "x.csv", table), "--verbose")
    assert found.code == 1
    assert bad_characters(told(found)) == set()
    assert "\\u202E" in found.out
    assert "\\u001B[31m" in found.out


def test_strange_characters_in_columns_names_and_paths_are_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "cost\u202e\x1b[31m\n.csv"
    table = damage.with_column(damage.with_column(rows(Export()), f"a{EVIL}", "x", 3), "b\u202e", "y", 3)
    written(tmp_path / name, table)
    for found in (check(name, "--verbose"), check("gone\u202e\x1b[31m\n.csv"), check("gone*\u202e\x1b[31m\n.csv")):
        assert bad_characters(told(found)) == set()
        assert "\\u202E\\u001B[31m\\u000A.csv" in found.out
    assert '"a\\\\u001B[31m\\\\u202Egnp' in json.dumps(check(name).report)


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--month", "x\u202e\x1b[31m\ny"],
        ["check", "--ruleset", "x\u202e\x1b[31m\ny"],
        ["check", "--config", "x\u202e\x1b[31m\ny"],
        ["check", str(GOOD), "--output", "json=x\u202e\x1b[31m\ny/z"],
        ["x\u202e\x1b[31m\ny"],
        ["rules", "show", "x\u202e\x1b[31m\ny"],
        ["guide", "--as-of", "x\u202e\x1b[31m\ny"],
    ],
    ids=lambda words: " ".join(words[:2])[:20],
)
def test_strange_characters_in_arguments_are_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert code in (2, 3)
    assert bad_characters(out + err) == set()
    assert "\ny" not in err, "an argument makes no line of its own"


NAME = f"{EVIL.replace(chr(0), '')} {ADDRESS}\nPASS  9 receipts, 0 faults"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_strange_characters_in_names_are_escaped_by_every_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = Path("billproof.yaml")
    config.write_text(READY.replace("path: .billproof/archive", f"path: {json.dumps(NAME)}").replace(
        "ledger: .billproof/ledger", f"ledger: {json.dumps(f'ledger {NAME}')}"), "utf-8")  # fmt: skip
    Path(f"{NAME}.yaml").write_bytes(config.read_bytes())
    Path(f"{NAME}.csv").write_bytes(GOOD.read_bytes())
    text = json.dumps(f"{EVIL} {ADDRESS}")  # the texts of a rule may have several lines
    rule = {"MY101-other-project.yaml": rule_text(asserts=text, message=text)}
    own_set(tmp_path / "own", f"guide: [{json.dumps(NAME)}]", rules=rule, title=json.dumps(NAME))
    for code, *words in (
        (0, "ledger", "init"),
        (0, "upload", f"{NAME}.csv", "--dry-run"),
        (0, "upload", f"{NAME}.csv", "--dry-run", "--format", "json"),
        (0, "upload", f"{NAME}.csv"),
        (0, "upload", f"{NAME}.csv"),
        (0, "ledger", "list"),
        (0, "ledger", "show", "main", "2025-10"),
        (0, "status", "--month", "2025-10", "--config", f"{NAME}.yaml"),
        (0, "pack", "main", "2025-10", "--output", f"pack {NAME}"),
        (1, "rules", "docs", "--output", NAME, "--check"),
        (0, "rules", "docs", "--output", f"docs {NAME}"),
        (0, "rules", "list", "--ruleset", "own"),
        (0, "rules", "show", "MY101", "--ruleset", "own"),
        (0, "guide", "--ruleset", "own"),
        (1, "ledger", "verify"),
    ):
        if words[1] == "verify":
            Path(f"ledger {NAME}", NAME).touch()
        found, out, err = run(*words)
        assert found == code, (words, out, err)
        if "json" not in words:
            assert bad_characters(out + err) == set(), words
            assert "example.com" not in out + err, words
            assert "\nPASS  9" not in out + err, words
        assert bad_characters(err) == set(), words


def test_bad_bytes_are_shown_as_such(tmp_path: Path) -> None:
    found = check(fixture("bad-utf8"), "--verbose")
    assert found.failed == {"CSV002"}
    assert "Recherche Z\\xFCrich" in found.out
    assert found.outcome("CSV002")["findings"][0]["value"] == "Recherche Z\\xFCrich"
    assert bad_characters(told(found)) == set()
    path = tmp_path / "x.csv"
    path.write_bytes(damage.in_line(GOOD.read_bytes(), 1, b"project_name", b"project_n\xe9me"))
    found = check(path, "--verbose")
    assert "project_n\\xE9me" in told(found)
    assert bad_characters(told(found)) == set()


def test_bad_bytes_of_a_path_are_shown_as_such(tmp_path: Path) -> None:
    name = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    (tmp_path / name).write_bytes(GOOD.read_bytes())
    done = process("check", tmp_path / name, tmp_path / f"no{name}", "--as-of", AS_OF)
    assert done.returncode == 3
    assert b"caf\\xE9.csv" in done.stdout
    assert b"nocaf\\xE9.csv" in done.stdout
    assert faults(report_of(check(tmp_path / name, tmp_path / f"no{name}"))) == []


@pytest.mark.parametrize("column", [*Export().header])
def test_long_cells_are_cut(tmp_path: Path, column: str) -> None:
    long = "=" + "ab" * 500
    found = check(written(tmp_path / "x.csv", damage.put(rows(Export()), column, long, 20)), "--verbose")
    cut = long[:79] + "…"
    assert f'"{cut}"' in told(found)
    assert "ab" * 41 not in told(found)


def test_long_column_names_are_cut_and_many_are_counted(tmp_path: Path) -> None:
    table = rows(Export())
    for number in range(300):
        table = damage.with_column(table, f"{number:03}" + "x" * 200, "y", 9)
    found = check(written(tmp_path / "x.csv", table))
    assert found.file["columns"] == 309
    assert len(found.file["header"]) == 200
    assert max(map(len, found.file["header"])) == 80
    assert found.outcome("OC106")["violations"] == 300
    assert "x" * 81 not in told(found)
    assert faults(report_of(found)) == []


def test_a_cell_over_several_lines_stays_on_one(tmp_path: Path) -> None:
    found = check(written(tmp_path / "x.csv", damage.put(rows(Export()), "project_name", "=A1\nB2", 20)), "--verbose")
    (finding,) = found.outcome("OC208")["findings"]
    assert (finding["line"], finding["end_line"]) == (20, 21)
    assert finding["value"] == "=A1\\u000AB2"
    assert "B2" not in [line.strip() for line in found.out.splitlines()]


# --- run ---


def test_run_says_when_where_and_by_whom() -> None:
    done = process(
        "check", GOOD, "--as-of", AS_OF, "--format", "json", GITHUB_REPOSITORY="acme/billing", GITHUB_SHA="abc123",
        GITHUB_ACTOR="bot", GITHUB_RUN_ID="7", GITHUB_SERVER_URL="https://example.com",
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["run"]["ci"] == {
        "repository": "acme/billing", "commit": "abc123", "actor": "bot", "url": "https://example.com/acme/billing/actions/runs/7",
    }  # fmt: skip
    assert report["run"]["as_of"] == "2025-12-01T00:00:00Z"
    assert report["run"]["started"] <= report["run"]["finished"]
    assert set(report["run"]["host"]) == {"name", "system", "python"}
    assert faults(report) == []


def test_run_leaves_the_host_out_where_it_is_not_wanted() -> None:
    report = json.loads(process("check", GOOD, "--format", "json", BILLPROOF_NO_HOST="1").stdout)
    assert report["run"]["host"] is None
    assert faults(report) == []


def test_nothing_of_the_machine_stands_outside_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    report = report_of(check(GOOD.relative_to(ROOT), fixture("hourly").relative_to(ROOT)))
    text = json.dumps({**report, "run": None})
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


def test_an_unreadable_file_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = check("missing.csv")
    assert found.file["sha256"] is None
    assert found.file["outcomes"] == []
    assert found.file["complete"] is False
    assert "No such file" in found.file["error"]
    assert report_of(found)["reasons"][0]["code"] == "unreadable"
    assert report_of(found)["proves"] == []


def test_totals_of_two_organizations_are_of_both(tmp_path: Path) -> None:
    other = rows(replace(Export(), organization=Organization("org-EXAMPLEother", "Acme Labs"), seed=2))
    table = [*rows(Export()), *(row for row in other[1:] if row[2])]
    path = written(tmp_path / "x.csv", [table[0], *sorted(table[1:], key=lambda row: row[0])])
    assert check(path).file["totals"]["amount"] == plain([row["amount_value"] for row in charges(path) or []])
