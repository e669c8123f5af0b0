"""Each way in which an admired tool fails open (ANCHORS.md, section 7), one test or more a line, named after it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from billproof.rules import compiled
from billproof.rules.checks import KINDS
from billproof.rules.compiled import load_ruleset
from billproof.rules.files import RuleFile
from billproof.rules.shipped import shipped
from fixtures import damage
from fixtures.exports import to_bytes
from tests.generations import LINE, ORGANIZATION, good
from tests.support import AS_OF, EACH_FORMAT, FIXTURES, Checked, check, fixture, process, run

RULES = {rule.id: rule for rule in load_ruleset().rules}
GOOD, FAILING, WARNED = fixture("good-h1"), fixture("middle-gap"), fixture("some-without-project")


def put(tmp_path: Path, data: bytes, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def unproved(found: Checked) -> None:
    """Exit code 3, and the report says so too."""
    assert found.code == 3
    assert found.report is not None
    assert (found.report["verdict"], found.report["exit_code"], found.report["proves"]) == ("unproved", 3, [])
    assert "Traceback" not in found.out + found.err


# --- 1: nothing to check ---


def test_01_no_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    found = check()
    unproved(found)
    assert "nothing was checked" in found.out


def test_01_empty_glob(tmp_path: Path) -> None:
    found = check(tmp_path / "*.csv")
    unproved(found)
    assert "no file matches" in found.out


def test_01_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no export\n")
    found = check(tmp_path)
    unproved(found)
    assert "no CSV file is in this folder" in found.file["error"]


def test_01_an_empty_directory_beside_a_good_file(tmp_path: Path) -> None:
    unproved(check(GOOD, tmp_path))


# --- 2: odd names ---


@pytest.mark.parametrize("name", ["data", "data.txt", "data.csv.bak", "data.CSV", ".csv", "100%.csv", "a b ü.csv", "-x.csv"])
def test_02_any_name_is_checked_as_csv(tmp_path: Path, name: str) -> None:
    good_one, bad_one = put(tmp_path, GOOD.read_bytes(), name), put(tmp_path, b"start_time,end_time\n", f"x{name}")
    assert check(good_one).code == 0
    assert check(bad_one).code == 1


# --- 3: nothing in it ---


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf", to_bytes(good("H4")[:1]), to_bytes(good("H4")[:1])[:-1], b" "])
def test_03_header_only_and_zero_byte_files_do_not_pass(tmp_path: Path, data: bytes) -> None:
    found = check(put(tmp_path, data))
    assert found.code == 1
    assert found.failed


def test_03_empty_standard_input_does_not_pass() -> None:
    done = process("check", "-", stdin=b"")
    assert done.returncode == 1
    assert b"CSV001" in done.stdout


# --- 4: broken bytes ---


@pytest.mark.parametrize(
    "case, rule, place",
    [
        ("unclosed-quote", "CSV007", "101:-"),
        ("control-character", "CSV005", "20:project_name"),
        ("ragged-short", "CSV008", "20:-"),
        ("ragged-long", "CSV008", "20:-"),
        ("spreadsheet-bom", "CSV003", "1:-"),
        ("bad-utf8", "CSV002", "20:project_name"),
        ("utf16", "CSV002", "-:-"),
        ("duplicate-column", "CSV013", "1:project_name"),
        ("missing-column", "OC104", "1:project_name"),
    ],
)
def test_04_broken_bytes_have_a_located_finding(case: str, rule: str, place: str) -> None:
    found = check(fixture(case))
    assert found.code == 1
    assert found.places(rule)[0] == place


def test_04_a_missing_header(tmp_path: Path) -> None:
    found = check(put(tmp_path, to_bytes(good("H1")[1:])))
    assert found.failed == {"OC104"}
    assert found.code == 1


# --- 5: no limit hides a fault ---


@pytest.mark.parametrize("cap", ["1", "2", "100"])
def test_05_a_cap_on_findings_hides_no_rule_and_no_count(tmp_path: Path, cap: str) -> None:
    table = damage.changed(good("H1"), "amount_currency", lambda _: "eur")
    table = damage.put(table, "organization_name", "", len(table))
    found = check(put(tmp_path, to_bytes(table)), "--max-findings", cap)
    charged = sum(1 for row in table[1:] if row[2])
    assert found.code == 1
    assert found.failed == {"OC203", "OC204"}
    assert found.outcome("OC203")["violations"] == charged
    assert len(found.outcome("OC203")["findings"]) == min(int(cap), charged)


def test_05_a_bad_row_after_many_thousands_of_distinct_good_ones_is_found(tmp_path: Path) -> None:
    """Values found good are remembered up to a bound; past it, every value is looked at again."""
    table = good("H1")
    day = [row for row in table[1:] if row[0] == table[LINE - 1][0]]
    many = [[*day[0][:2], f"0.{number:06}0000000001", "usd", f"item {number}", *day[0][5:]] for number in range(25_000)]
    many[24_500][2], many[24_600][3] = "n/a", "eur"
    rows = [row for row in table[1:] if row[0] < day[0][0]] + many + [row for row in table[1:] if row[0] > day[0][0]]
    found = check(put(tmp_path, to_bytes([table[0], *rows])))
    first = 2 + sum(1 for row in table[1:] if row[0] < day[0][0])
    assert found.failed == {"OC202", "OC203"}
    assert found.places("OC202") == [f"{first + 24_500}:amount_value"]
    assert found.places("OC203") == [f"{first + 24_600}:amount_currency"]


# --- 6: a check that raises ---

MOMENTS = {"at_header": "CSV012", "on_batch": "CSV007", "on_rows": "OC202", "at_end": "OC304", "start": "OC303"}


def broken(*_: object) -> None:
    raise KeyError("a secret cell")


@pytest.mark.parametrize("moment, rule", MOMENTS.items())
@pytest.mark.parametrize("path", [GOOD, fixture("eur")], ids=["good", "failing"])
def test_06_a_check_that_raises_is_crashed_and_the_others_still_speak(
    moment: str, rule: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untouched = check(path)
    monkeypatch.setattr(KINDS[RULES[rule].kind.kind], moment, broken)
    found = check(path)
    unproved(found)
    assert found.in_state("crashed") == {rule}
    assert "KeyError" in found.outcome(rule)["reason"]
    assert "secret" not in json.dumps(found.report) + found.out
    assert {one["rule"] for one in found.file["outcomes"]} == set(RULES)
    assert found.failed == untouched.failed
    assert found.in_state("passed") == untouched.in_state("passed") - {rule}


def test_06_a_file_that_crashes_a_check_does_not_stop_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["one_of"], "on_rows", broken)
    found = check(GOOD, FAILING)
    unproved(found)
    assert found.report is not None
    assert [one["verdict"] for one in found.report["files"]] == ["unproved", "unproved"]
    assert "OC304" in {one["rule"] for one in found.report["files"][1]["outcomes"] if one["state"] == "failed"}


def test_06_an_error_outside_the_checks_ends_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.engine.pipeline.infer_month", broken)
    code, out, err = run("check", str(GOOD), "--as-of", AS_OF)
    assert (code, out) == (3, "")
    assert "nothing was proved" in err
    assert "Traceback" not in err
    assert "secret" not in err


# --- 7: absent columns ---


@pytest.mark.parametrize("column", load_ruleset().schema.required)
def test_07_a_rule_whose_column_is_absent_is_blocked_not_green(column: str, tmp_path: Path) -> None:
    table = good("H4")
    found = check(put(tmp_path, to_bytes(damage.columns(table, [one for one in table[0] if one != column]))))
    ruleset = load_ruleset()
    # Without a record of OpenAI's costs there is nothing to compare a file with, whatever it lacks.
    reads = {
        rule.id
        for rule in ruleset.rules
        if column in rule.kind.columns(rule.parameters, ruleset.schema, ruleset.roles) and "costs" not in rule.file.needs
    }
    assert found.failed == {"OC104"}
    assert reads
    assert reads <= found.blocked.keys()
    assert set(found.blocked.values()) == {"OC104"}


# --- 8: blank cells ---

BLANK = {
    "start_time": "OC201", "end_time": "OC201", "amount_value": "OC204", "amount_currency": "OC204", "line_item": "OC501",
    "project_id": "OC503", "project_name": "OC503", "organization_id": "OC204", "organization_name": "OC204",
}  # fmt: skip


@pytest.mark.parametrize("column, rule", BLANK.items())
@pytest.mark.parametrize("blank", ["", " ", "\u00a0"], ids=["nothing", "blank", "no-break space"])
def test_08_a_blank_cell_is_never_implicitly_good(column: str, rule: str, blank: str, tmp_path: Path) -> None:
    found = check(put(tmp_path, to_bytes(damage.put(good("H4"), column, blank, LINE))), "--organization", ORGANIZATION)
    assert rule in found.failed
    assert found.failed - {rule} <= {"OC205"}
    assert found.code == (1 if found.failed - {"OC503"} else 0)


@pytest.mark.parametrize("blank", ["null", "NULL", "None", "N/A", "nan", "-"])
def test_08_a_word_for_nothing_is_not_an_amount(blank: str, tmp_path: Path) -> None:
    found = check(put(tmp_path, to_bytes(damage.put(good("H1"), "amount_value", blank, LINE))))
    assert found.failed == {"OC202"}


# --- 9: formats ---


@pytest.mark.parametrize("format_", EACH_FORMAT)
@pytest.mark.parametrize(
    "arguments, code",
    [
        ([GOOD], 0), ([WARNED], 0), ([WARNED, "--fail-on", "warning"], 1), ([FAILING], 1), ([GOOD, FAILING], 1),
        ([FIXTURES / "nowhere"], 3), ([FAILING, FIXTURES / "nowhere"], 3),
    ],
    ids=["pass", "warning", "warning that fails", "fail", "pass and fail", "unproved", "fail and unproved"],
)  # fmt: skip
def test_09_the_exit_code_is_the_same_for_every_format(arguments: list[Path | str], code: int, format_: str) -> None:
    found = check(*arguments, "--format", format_)
    assert found.code == code
    assert found.report is not None
    assert found.report["exit_code"] == code
    assert found.report["verdict"] == {0: "pass", 1: "fail", 3: "unproved"}[code]


# --- 10, 11: rule sets and YAML ---

RULE = """id: MY101
name: other-name
asserts: Names are known.
level: error
since: "0.1.0"
scope: row
check: {kind: one_of, column: organization_name, values: [Acme Research]}
when: charged
message: "{value} is unknown"
why: A name nobody knows.
fix: Export again.
examples: {pass: [], fail: []}
"""
SET = 'name: mine\nversion: "0.1.0"\ntitle: Mine\nextends: openai-cost\n'


def own_set(tmp_path: Path, rule: str = RULE, ruleset: str = SET, name: str = "MY101-other-name.yaml") -> Path:
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    (folder / "ruleset.yaml").write_text(ruleset)
    (folder / name).write_text(rule)
    return folder


def refused(folder: Path, path: Path | str = GOOD) -> str:
    """A rule set that must end the run with 2, before anything is read and without a report."""
    found = check(path, "--ruleset", folder)
    assert found.code == 2
    assert found.report is None
    assert found.out == ""
    assert "Traceback" not in found.err
    return found.err


def test_10_the_set_that_is_made_worse_below_is_sound(tmp_path: Path) -> None:
    found = check(GOOD, "--ruleset", own_set(tmp_path))
    assert found.code == 0
    assert found.outcome("MY101")["state"] == "passed"


FAULTS: dict[str, tuple[str, str]] = {
    "key": ("why: A", "because: A"),
    "kind": ("kind: one_of", "kind: one_off"),
    "parameter": ("values: [", "value: ["),
    "column": ("column: organization_name", "column: organisation"),
    "level": ("level: error", "level: fatal"),
    "scope": ("scope: row", "scope: cells"),
    "placeholder": ("{value}", "{valu}"),
    "id": ("id: MY101", "id: my101"),
    "rule": ("examples:", "blocked_by: [{rule: OC999, when: always, reach: row}]\nexamples:"),
}


@pytest.mark.parametrize("change", FAULTS.values(), ids=list(FAULTS))
def test_10_an_unknown_word_in_yaml_ends_with_2_before_any_data_is_read(change: tuple[str, str], tmp_path: Path) -> None:
    err = refused(own_set(tmp_path, RULE.replace(*change)), tmp_path / "there-is-no-such-file.csv")
    assert "MY101-other-name.yaml:" in err
    assert "there-is-no-such-file" not in err


def test_10_all_faults_at_once(tmp_path: Path) -> None:
    folder = own_set(tmp_path, RULE.replace("level: error", "level: fatal").replace("why: A", "because: A"))
    (folder / "MY102-two.yaml").write_text(RULE.replace("MY101", "MY102").replace("other-name", "two").replace("one_of", "x"))
    err = refused(folder)
    assert re.findall(r"(MY10\d-[a-z-]+\.yaml):(\d+)", err) == [
        ("MY101-other-name.yaml", "1"), ("MY101-other-name.yaml", "4"), ("MY101-other-name.yaml", "10"),
        ("MY102-two.yaml", "7"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "check_",
    [
        "{kind: decimal_number, column: amount_value, pattern: '[0-9.]+', below: many, above_zero_from: '1E-100'}",
        "{kind: decimal_number, column: amount_value, pattern: '[0-9.]+', below: '10', above_zero_from: ''}",
        "{kind: not_below, column: amount_value, minimum: nothing}",
        "{kind: decimal_number, column: amount_value, pattern: '(', below: '10', above_zero_from: '1'}",
        "{kind: whole_number, columns: [start_time], pattern: '[', minimum: 1, maximum: 2}",
        "{kind: whole_number, columns: [amount_value], pattern: '.+', minimum: 1, maximum: 2}",
        "{kind: file_name, pattern: 'cost_.*'}",
        "{kind: multiple_of, column: start_time, seconds: 0}",
    ],
)
def test_10_a_parameter_that_would_raise_later_is_refused_or_crashes_its_rule_alone(check_: str, tmp_path: Path) -> None:
    rule = re.sub("^check: .*$", f"check: {check_}", RULE, flags=re.MULTILINE).replace("{value}", "it")
    path = put(tmp_path, GOOD.read_bytes(), "cost_2025-10-01_2025-10-31.csv")
    found = check(path, "--ruleset", own_set(tmp_path, rule))
    assert found.code == 2 or (found.code == 3 and found.in_state("crashed") == {"MY101"})
    assert "Traceback" not in found.err


def touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Checked:
    """A check whose compiled rules are this text, above the shipped YAML files."""
    (tmp_path / compiled.FILE_NAME).write_text(text)
    for folder in ("csv", "openai-cost"):
        (tmp_path / folder).symlink_to(shipped("rules") / folder)
    monkeypatch.setattr(compiled, "_KEPT", {})
    shipped_folder = "billproof.rules.compiled.shipped_folder"
    monkeypatch.setattr(shipped_folder, lambda name: str(tmp_path if name == "rules" else shipped(name)))
    return check(FAILING)


# A compiled rule has what its file says by position.
WRITTEN = [name for name in RuleFile._fields if name not in ("check", "examples", "blocked_by", "node")]


def no_missing_day(ruleset: dict[str, Any]) -> None:
    ruleset["rules"] = [one for one in ruleset["rules"] if one["file"][WRITTEN.index("id")] != "OC304"]


def notes_only(ruleset: dict[str, Any]) -> None:
    for one in ruleset["rules"]:
        one["level"] = one["shipped_level"] = one["file"][WRITTEN.index("level")] = "note"


def other_parameters(ruleset: dict[str, Any]) -> None:
    (rule,) = (one["file"] for one in ruleset["rules"] if one["file"][WRITTEN.index("id")] == "OC304")
    rule[WRITTEN.index("when")] = {"line_item": "blank"}


@pytest.mark.parametrize("edit", [no_missing_day, notes_only, other_parameters])
def test_10_a_compiled_set_that_was_touched_is_not_believed(
    edit: Callable[[dict[str, Any]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiled form of the shipped rules is used only while it says what the YAML files say, whatever digest it claims."""
    plain = json.loads((shipped("rules") / compiled.FILE_NAME).read_text())
    ruleset = json.loads(plain["ruleset"])
    edit(ruleset)
    text = json.dumps(ruleset)
    found = touched(tmp_path, monkeypatch, json.dumps({**plain, "ruleset": text, "sha256": compiled.text_digest(text)}))
    assert found.failed == {"OC304"}
    assert found.code == 1


def test_the_compiled_set_is_used_while_nothing_was_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each start would read fifty YAML files, and nobody would notice."""
    assert compiled.read_compiled("openai-cost") is not None
    with monkeypatch.context() as patch:
        touched(tmp_path, patch, (shipped("rules") / compiled.FILE_NAME).read_text())
        assert compiled.read_compiled("openai-cost") is not None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"ruleset": 2}', '{"ruleset": ""}'])
def test_10_a_compiled_set_that_is_broken_is_passed_over(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert touched(tmp_path, monkeypatch, text).failed == {"OC304"}


YAML_FAULTS: dict[str, Callable[[str], str]] = {
    "a key twice": lambda text: text + "level: note\n",
    "a key twice, nested": lambda text: text.replace("{kind: one_of,", "{kind: one_of, kind: one_of,"),
    "no for text": lambda text: text.replace("name: other-name", "name: no"),
    "off for text": lambda text: text.replace("Acme Research", "off"),
    "a number for text": lambda text: text.replace("Acme Research", "1_000"),
    "a date for text": lambda text: text.replace("Acme Research", "2025-10-01"),
    "a sexagesimal for text": lambda text: text.replace("Acme Research", "12:30:00"),
    "an octal for text": lambda text: text.replace("Acme Research", "0o17"),
    "a version for text": lambda text: text.replace('"0.1.0"', "0.1"),
    "a tag": lambda text: text.replace("level: error", "level: !!str error"),
    "a tag that makes an object": lambda text: text.replace("Acme Research", "!!python/name:os.system"),
    "an anchor": lambda text: text.replace("level: error", "level: &level error"),
    "an alias": lambda text: text.replace("level: error", "level: *level"),
    "a merge": lambda text: text.replace("level: error", "level: error\n<<: {scope: row}"),
    "two documents": lambda text: text + "---\n" + text,
    "a list for a key": lambda text: text + "? [a, b]\n: c\n",
    "no YAML": lambda text: text + "\t- {\n",
    "a control character": lambda text: text.replace("Names", "Na\x07mes"),
    "deep nesting": lambda text: text + "refs: " + "[" * 5000 + "]" * 5000 + "\n",
    "deep mappings": lambda text: text + "refs:\n" + "".join("  " * n + " - a:\n" for n in range(200)),
    "too large": lambda text: text + "# " + "x" * 1_100_000 + "\n",
    "empty": lambda text: "",
    "a list": lambda text: "- 1\n",
    "a scalar": lambda text: "rule\n",
}


@pytest.mark.parametrize("change", YAML_FAULTS.values(), ids=list(YAML_FAULTS))
def test_11_what_yaml_misreads_is_refused_with_its_place(change: Callable[[str], str], tmp_path: Path) -> None:
    assert re.search(r"MY101-other-name\.yaml:\d+  ", refused(own_set(tmp_path, change(RULE))))


@pytest.mark.parametrize("change", YAML_FAULTS.values(), ids=list(YAML_FAULTS))
def test_11_what_yaml_misreads_is_refused_in_the_ruleset_file_too(change: Callable[[str], str], tmp_path: Path) -> None:
    text = change(SET + "proves: [Acme Research, Names]\nlevel: error\n")
    assert re.search(r"ruleset\.yaml:\d+  ", refused(own_set(tmp_path, ruleset=text)))


def test_11_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    folder = own_set(tmp_path)
    (folder / "MY101-other-name.yaml").write_bytes(RULE.replace("Acme", "Acm\ue000").encode().replace("\ue000".encode(), b"\xe9"))
    assert "MY101-other-name.yaml:7  " in refused(folder)


@pytest.mark.parametrize("text", ["version: 1\nversion: 1\n", "version: 1\nunknown: 1\n", "version: !!int 1\n", "version: 1_0\n"])
def test_11_the_configuration_too(text: str, tmp_path: Path) -> None:
    config = tmp_path / "billproof.yaml"
    config.write_text(text)
    found = check(GOOD, "--config", config)
    assert found.code == 2
    assert found.report is None
    assert "billproof.yaml:" in found.err


# --- 17 to 21: the report ---


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_17_the_physical_line_after_quoted_newlines(end: str, tmp_path: Path) -> None:
    """Header 1; the third row spans lines 4 to 6, so the row after it stands on line 7."""
    table = damage.put(good("H1"), "project_name", "three\nquoted\nlines", 4)
    data = to_bytes(damage.put(table, "amount_value", "n/a", 5))
    found = check(put(tmp_path, data.replace(b"\n", end.encode())))
    assert found.places("OC202") == ["7:amount_value"]


def test_18_counts_are_totals_and_every_rule_is_listed(tmp_path: Path) -> None:
    table = damage.changed(good("H4"), "amount_value", lambda _: "n/a")
    charged = sum(1 for row in table[1:] if row[4])
    found = check(put(tmp_path, to_bytes(table)), "--max-findings", "3")
    assert found.outcome("OC202")["violations"] == charged > 100
    assert found.places("OC202") == [f"{line}:amount_value" for line in (2, 3, 4)]
    assert [one["rule"] for one in found.file["outcomes"]] == sorted(RULES)
    assert all(one["evaluated"] >= 1 for one in found.file["outcomes"] if one["state"] == "passed")


@pytest.mark.parametrize("case", ["good-h4", "several-organizations", "unsorted", "spreadsheet-excel-german", "bad-utf8"])
def test_19_two_runs_give_the_same_bytes_outside_run(case: str, tmp_path: Path) -> None:
    """In processes of their own, with other seeds for Python's hashes, and machine report and text in the same run."""
    reports, texts = [], []
    for seed in ("1", "77"):
        path = tmp_path / f"{seed}.json"
        done = process("check", fixture(case), "--as-of", AS_OF, "--output", f"json={path}", PYTHONHASHSEED=seed)
        report = json.loads(path.read_bytes())
        report.pop("run")
        reports.append(json.dumps(report))
        texts.append(done.stdout)
    assert reports[0] == reports[1]
    assert texts[0] == texts[1] != b""


@pytest.mark.parametrize("path", [GOOD, FAILING, fixture("unclosed-quote"), FIXTURES / "nowhere.csv"], ids=lambda path: path.name)
def test_20_json_is_valid_by_the_shipped_schema(path: Path) -> None:
    schema = json.loads((shipped("schemas") / "report.v1.schema.json").read_text())
    found = check(path)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found.report, schema)
    assert found.report is not None
    assert found.report["schema"] == "billproof/report/v1"
    broken_report: dict[str, Any] = {**found.report, "verdict": "perhaps"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken_report, schema)


@pytest.fixture
def _in_december(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waivers expire by the clock, too; here it stands still."""
    monkeypatch.setattr("billproof.config.settings.clock", lambda: datetime(2025, 12, 1, tzinfo=UTC))


WAIVER = {
    "rule": "OC304", "organization": ORGANIZATION, "month": '"2025-10"', "reason": "no usage then", "owner": "billing",
    "expires": '"2026-10-01"', "at_most": "9",
}  # fmt: skip


def waived(tmp_path: Path, **changes: str | None) -> Checked:
    """The file with three days missing, under a configuration with one waiver."""
    fields = {key: value for key, value in (WAIVER | changes).items() if value is not None}
    config = tmp_path / "billproof.yaml"
    config.write_text(
        f"version: 1\nintegrations:\n  - {{name: main, organization: {ORGANIZATION}}}\n"
        f"waivers:\n  - {{{', '.join(f'{key}: {value}' for key, value in fields.items())}}}\n"
    )
    return check(FAILING, "--config", config, "--month", "2025-10")


@pytest.mark.usefixtures("_in_december")
def test_21_a_waiver_with_everything_counts_and_stands_in_the_report(tmp_path: Path) -> None:
    found = waived(tmp_path)
    assert found.code == 0
    assert found.in_state("waived") == {"OC304"}
    assert found.outcome("OC304")["waiver"]["owner"] == "billing"
    assert found.outcome("OC304")["waiver"]["reason"] == "no usage then"
    assert found.outcome("OC304")["waiver"]["expires"] == "2026-10-01"
    assert "OC304" in found.out


@pytest.mark.parametrize("key", ["rule", "organization", "month", "reason", "owner", "expires", "at_most"])
@pytest.mark.usefixtures("_in_december")
def test_21_a_waiver_that_lacks_something_is_refused(key: str, tmp_path: Path) -> None:
    found = waived(tmp_path, **{key: None})
    assert found.code == 2
    assert found.report is None


@pytest.mark.parametrize(
    "changes", [{"at_most": "2"}, {"month": '"2025-09"'}, {"organization": "org-EXAMPLEother"}],
    ids=["over-full", "another month", "another organization"],
)  # fmt: skip
@pytest.mark.usefixtures("_in_december")
def test_21_a_waiver_that_does_not_fit_does_not_count(changes: dict[str, str], tmp_path: Path) -> None:
    found = waived(tmp_path, **changes)
    assert found.code == 1
    assert found.failed == {"OC304"}


@pytest.mark.usefixtures("_in_december")
def test_21_an_expired_waiver_does_not_count_and_is_reported(tmp_path: Path) -> None:
    found = waived(tmp_path, expires='"2025-11-30"')
    assert found.code == 1
    assert found.failed == {"OC304"}
    assert "expired" in found.outcome("OC304")["reason"]


# --- 25: words ---

WITHOUT_FAULT = ("good-", "demo", "__", "several-months", "month-to-date")
FAILING_CASES = sorted({path.parent.name for path in FIXTURES.glob("*/*.csv") if not path.parent.name.startswith(WITHOUT_FAULT)})


@pytest.mark.parametrize("case", FAILING_CASES)
def test_25_every_message_tells_what_where_and_what_to_do(case: str) -> None:
    path = fixture(case)
    arguments = (path.parent / "args.txt").read_text().splitlines() if (path.parent / "args.txt").is_file() else []
    found = check(path, *arguments)
    rules = {one["id"]: one for one in (found.report or {})["ruleset"]["rules"]}
    messages = 0
    for outcome in found.file["outcomes"]:
        for finding in outcome["findings"]:
            messages += 1
            assert len(finding["message"].split()) >= 3
            assert not re.search(r"\{\w*\}|rule .* failed|Traceback|None", finding["message"])
            assert finding["column"] is None or finding["line"] is None or finding["line"] >= 1
        assert rules[outcome["rule"]]["fix"]
    assert messages
    assert "Traceback" not in found.out + found.err


@pytest.mark.parametrize("case", FAILING_CASES)
def test_25_an_id_never_stands_without_its_name_where_a_rule_is_introduced(case: str) -> None:
    path = fixture(case)
    arguments = (path.parent / "args.txt").read_text().splitlines() if (path.parent / "args.txt").is_file() else []
    found = check(path, *arguments)
    loud = {one for one in found.failed if RULES[one].level == "error"}
    assert all(f"{rule} {RULES[rule].file.name}" in found.out for rule in loud), found.out
