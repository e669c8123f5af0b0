"""Rule sets of users: what they may change in the shipped one, what the report says of it, and every fault of a rule file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from billproof.cli.rule_pages import MARK
from billproof.rules.compiled import load_ruleset
from billproof.rules.loader import read_ruleset
from billproof.rules.patterns import pattern_error
from tests.support import FIXTURES, ROOT, check, fixture, make_ready, run

STRICTER = ROOT / "tests" / "rulesets" / "stricter"
GOOD = FIXTURES / "good-h4"
HEADER = "start_time,end_time,amount_value,amount_currency,line_item,project_id,organization_id,project_name,organization_name"
ROW = "1759276800,1759363200,1.25,usd,whisper,proj_EXAMPLE1,org-EXAMPLE1,Search,Acme Research"

SET = {
    "name": "mine",
    "version": "1.0.0",
    "title": "Mine",
    "extends": "openai-cost",
}
RULE = {
    "id": "MY101",
    "name": "other-project",
    "asserts": "Every project is ours.",
    "level": "error",
    "since": '"1.0.0"',
    "scope": "row",
    "check": "{kind: one_of, column: project_id, values: [proj_EXAMPLE1]}",
    "message": '"{value} is not ours"',
    "why": "It would be booked nowhere.",
    "fix": "Ask whose it is.",
}


def rule_text(**changes: str) -> str:
    """A sound rule file of ten lines and its examples, with some keys changed or added (in line 11 and further)."""
    other = ROW.replace("proj_EXAMPLE1", "proj_EXAMPLE2")
    passing = f"  pass:\n    - csv: |\n        {HEADER}\n        {ROW}\n"
    failing = f'  fail:\n    - csv: |\n        {HEADER}\n        {other}\n      at: ["2:project_id"]\n'
    keys = {**RULE, **changes}
    return "".join(f"{key}: {value}\n" for key, value in keys.items()) + "examples:\n" + passing + failing


def own_set(folder: Path, *lines: str, rules: dict[str, str] | None = None, **changes: str) -> Path:
    """A set in `folder` that extends the shipped one: four lines, then `lines`; `rules` are texts by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    head = "".join(f"{key}: {value}\n" for key, value in {**SET, **changes}.items())
    (folder / "ruleset.yaml").write_text(head + "".join(f"{line}\n" for line in lines), "utf-8")
    for name, text in (rules or {}).items():
        (folder / name).write_text(text, "utf-8")
    return folder


def faults(folder: Path) -> list[str]:
    """What the loader says of a set, a line each, with paths from the set's folder; nothing may have been checked."""
    found = check(GOOD, "--ruleset", folder)
    assert (found.code, found.report) == (2, None), found.out
    assert "nothing was checked" in found.err
    prefix = f"{folder.as_posix()}/"
    return [line.strip().removeprefix(prefix) for line in found.err.splitlines()[1:]]


# What a set may change


def test_an_added_rule_is_judged_with_the_others(tmp_path: Path) -> None:
    folder = own_set(tmp_path / "set", rules={"MY101-other-project.yaml": rule_text()})
    found = check(GOOD, "--ruleset", folder)
    assert (found.code, found.failed) == (1, {"MY101"})
    assert found.outcome("MY101")["findings"][0]["message"] == "proj_EXAMPLE0000 is not ours"
    assert found.report is not None
    assert found.report["ruleset"]["name"] == "mine"
    assert {"CSV001", "MY101", "OC304"} <= {one["id"] for one in found.report["ruleset"]["rules"]}


def test_the_stricter_set_accepts_what_it_should() -> None:
    found = check(GOOD, "--ruleset", STRICTER)
    assert (found.code, found.failed) == (0, set())
    assert found.outcome("AC101")["state"] == "passed"


@pytest.mark.parametrize("case, rule", [("negative", "OC207"), ("some-without-project", "OC503")])
def test_a_warning_made_an_error_fails_the_file(case: str, rule: str) -> None:
    shipped = check(FIXTURES / case)
    assert (shipped.code, shipped.outcome(rule)["level"]) == (0, "warning")
    found = check(FIXTURES / case, "--ruleset", STRICTER)
    assert (found.code, found.failed, found.outcome(rule)["level"]) == (1, {rule}, "error")
    assert found.report is not None
    levels = {one["id"]: (one["level"], one["shipped_level"]) for one in found.report["ruleset"]["rules"]}
    assert levels[rule] == ("error", "warning")


def test_a_stricter_level_alone_is_not_weaker(tmp_path: Path) -> None:
    folder = own_set(tmp_path / "set", "rules:", "  OC207: {level: error}", rules={"MY101-other-project.yaml": rule_text()})
    found = check(FIXTURES / "good-h1", "--ruleset", folder, "--policy", "upload")
    assert found.report is not None
    assert "weaker_rules" not in {reason["code"] for reason in found.report["reasons"]}


def test_an_error_made_a_warning_passes_a_check_and_no_upload(tmp_path: Path) -> None:
    folder = own_set(tmp_path / "set", "rules:", "  OC304: {level: warning}")
    found = check(FIXTURES / "middle-gap", "--ruleset", folder)
    assert (found.code, found.failed, found.outcome("OC304")["level"]) == (0, {"OC304"}, "warning")
    upload = check(FIXTURES / "good-h4", "--ruleset", folder, "--policy", "upload", "--config", make_ready(tmp_path))
    assert upload.code == 3
    assert upload.report is not None
    texts = [reason["text"] for reason in upload.report["reasons"] if reason["code"] == "weaker_rules"]
    assert texts == ["OC304 missing-day is lowered from error to warning"]


def test_a_rule_that_is_off_stands_in_the_first_lines() -> None:
    found = check(GOOD, "--ruleset", STRICTER)
    outcome = found.outcome("OC206")
    assert (outcome["state"], outcome["evaluated"], outcome["findings"]) == ("off", 0, [])
    assert found.out.splitlines()[1].strip() == (
        "OC206 rounded-amounts is disabled by finops: amounts are rounded before they reach us (FIN-812)"
    )


def test_a_rule_that_is_off_lets_its_fault_pass_a_check() -> None:
    path = FIXTURES / "spreadsheet-rounded"
    assert check(path).failed == {"OC206"}
    found = check(path, "--ruleset", STRICTER)
    assert (found.code, found.failed) == (0, set())


def test_a_file_with_a_rule_off_is_not_ready_for_an_upload() -> None:
    found = check(GOOD, "--ruleset", STRICTER, "--policy", "upload", "--organization", "org-EXAMPLEacme01")
    assert found.code == 3
    assert found.report is not None
    assert ("off", "OC206") in {(reason["code"], reason["rule"]) for reason in found.report["reasons"]}


def test_a_rule_that_is_off_still_runs_where_others_lean_on_it(tmp_path: Path) -> None:
    folder = own_set(tmp_path / "set", "rules:", "  OC201: {off: {reason: we know, owner: finops}}")
    found = check(FIXTURES / "spreadsheet-scientific-times", "--ruleset", folder)
    assert found.code == 3
    assert found.outcome("OC201")["state"] == "off"
    assert found.outcome("OC304")["state"] == "blocked"


def test_a_set_may_extend_a_set_of_its_own(tmp_path: Path) -> None:
    own_set(tmp_path / "base", "rules:", "  OC207: {level: error}", rules={"MY101-other-project.yaml": rule_text()}, name="base")
    top = own_set(tmp_path / "top", "rules:", "  MY101: {level: note}", extends="../base")
    found = check(FIXTURES / "negative", "--ruleset", top)
    assert (found.code, found.failed) == (1, {"OC207", "MY101"})
    assert found.outcome("MY101")["level"] == "note"


@pytest.mark.parametrize("lines", [["roles: {day: end_time}"], ["table_schema: own.schema.json"]])
def test_a_set_with_its_own_schema_or_roles_is_not_the_shipped_set(tmp_path: Path, lines: list[str]) -> None:
    folder = own_set(tmp_path / "set", *lines)
    schema = (ROOT / "schemas" / "openai-cost.schema.json").read_text("utf-8")
    (folder / "own.schema.json").write_text(schema.replace('"column": "required"', '"column": "optional"'), "utf-8")
    found = check(FIXTURES / "good-h1", "--ruleset", folder, "--policy", "upload", "--config", make_ready(tmp_path))
    assert found.code == 3
    assert found.report is not None
    assert "weaker_rules" in {reason["code"] for reason in found.report["reasons"]}


def test_a_set_takes_no_claim_and_no_disclaimer_away(tmp_path: Path) -> None:
    """It adds, after those of the sets below; one of theirs stays under its condition, even if it is repeated without."""
    shipped = load_ruleset()
    lines = [
        "proves:",
        "  - {text: All is ours.}",
        f'  - {{text: "{shipped.proves[2].text}"}}',
        "does_not_prove: [Nothing is left open.]",
    ]
    own_set(tmp_path / "base", *lines, name="base")
    found = read_ruleset(str(own_set(tmp_path / "top", 'does_not_prove: ["Who pays."]', extends="../base")))
    assert found.does_not_prove == (*shipped.does_not_prove, "Nothing is left open.", "Who pays.")
    assert found.proves[: len(shipped.proves)] == shipped.proves
    assert [claim.text for claim in found.proves[len(shipped.proves) :]] == ["All is ours."]


@pytest.mark.parametrize("level", ["error", "warning", "note"])
@pytest.mark.parametrize("reach", ["file", "row"])
@pytest.mark.parametrize("off", ["", ", off: {reason: later, owner: finops}"])
def test_a_rule_that_an_own_rule_blocks_never_passes(off: str, reach: str, level: str, tmp_path: Path) -> None:
    """MY101 fails on every row, and OC203 is told to be silent there: the currency is not dollars."""
    changes = [f"  OC203: {{blocked_by: [{{rule: MY101, when: always, reach: {reach}}}]}}", f"  MY101: {{level: {level}{off}}}"]
    folder = own_set(tmp_path / "set", "rules:", *changes, rules={"MY101-other-project.yaml": rule_text()})
    found = check(FIXTURES / "eur", "--ruleset", folder, "--config", make_ready(tmp_path))
    assert found.code in (1, 3)
    assert found.report is not None
    assert not found.report["upload"]["ready"]


CATASTROPHIC = [
    "(a+)+", "(?:a|aa)*b", "(a*)*", "([0-9]+-?)*x", ".*.*.*.*x", "(?:(?:a?){50}){50}", "(x+x+)+y", "(.*)(?=.*.*.*x)",
    "(?:.+)*?x", "(?>(a+)+)b", "(?:(a+)+b)*+", ".*.*(?>.{0,9}.{0,9}.{0,9}Z)", "(?:(?:(?:.*+Z|.)*+Z|.)*+Z|.)*+Z",
]  # fmt: skip
HARMLESS = [
    "(?:a++)*+", "[0-9]{1,15}(\\.[0-9]{1,100})?([eE][+-]?[0-9]{1,4})?", "(?>a+)*", "(?:[0-9]+-?)*+", "(abc)*", "[a-z]+_.*",
    "(a|bc|def)x*",
]  # fmt: skip


@pytest.mark.parametrize("pattern", CATASTROPHIC)
@pytest.mark.parametrize(
    "check_",
    [
        "{{kind: decimal_number, column: amount_value, pattern: '{}', below: '10', above_zero_from: '1'}}",
        "{{kind: whole_number, columns: [start_time], pattern: '{}', minimum: 1, maximum: 2}}",
        "{{kind: file_name, pattern: '(?P<first>a)(?P<last>b){}'}}",
        "{{kind: known_columns, also: '{}'}}",
    ],
)
def test_a_pattern_that_could_take_forever_is_refused(tmp_path: Path, check_: str, pattern: str) -> None:
    text = rule_text(check=check_.format(pattern)).replace("{value}", "it")
    (found,) = faults(own_set(tmp_path / "set", rules={"MY101-other-project.yaml": text}))
    assert "could take forever on some values" in found


def test_a_pattern_is_not_tried_on_a_text_that_is_too_long_to_be_right(tmp_path: Path) -> None:
    """On 130,000 digits two repeats next to each other would take an hour."""
    check_ = "{kind: decimal_number, column: amount_value, pattern: '[0-9]*[0-9]*x', below: '10', above_zero_from: '1'}"
    text = rule_text(check=check_).replace("{value}", "it")
    path = tmp_path / "data.csv"
    path.write_text(f"{HEADER}\n{ROW.replace('1.25', '1' * 130_000)}\n")
    found = check(path, "--ruleset", own_set(tmp_path / "set", rules={"MY101-other-project.yaml": text}))
    assert {"MY101", "OC202"} <= found.failed


@pytest.mark.parametrize(
    "parameters, bad",
    [
        ("pattern: '[0-9.]+', below: '1.25', above_zero_from: '0'", ["1.25", "2.5"]),
        ("pattern: '[0-9.]+', below: '1e15', above_zero_from: '2'", ["1.25"]),
        # A pattern that goes on over a line ending took the next amount for a part of this one.
        ("pattern: '1[^x]*', below: '1e15', above_zero_from: '0'", ["2.5"]),
    ],
)
def test_every_amount_is_compared_with_the_bounds_of_a_users_rule(parameters: str, bad: list[str], tmp_path: Path) -> None:
    rule = f"{{kind: decimal_number, column: amount_value, {parameters}}}"
    folder = own_set(tmp_path / "set", rules={"MY101-other-project.yaml": rule_text(check=rule).replace("{value}", "it")})
    path = tmp_path / "data.csv"
    path.write_text("\n".join([HEADER, ROW, ROW.replace("1.25", "2.5"), ""]))
    found = check(path, "--ruleset", folder)
    assert [finding["value"] for finding in found.outcome("MY101")["findings"]] == bad


@pytest.mark.parametrize("pattern", HARMLESS)
def test_a_pattern_that_ends_soon_is_accepted(pattern: str) -> None:
    assert pattern_error(pattern, ()) is None


@pytest.mark.parametrize("pattern", ["(" * 5_000 + ")" * 5_000, "a{1,99999999999999999999}", "(?P<first>a"])
def test_a_pattern_that_cannot_be_compiled_is_refused(tmp_path: Path, pattern: str) -> None:
    check_ = f"{{kind: known_columns, also: '{pattern}'}}"
    (found,) = faults(
        own_set(tmp_path / "set", rules={"MY101-other-project.yaml": rule_text(check=check_).replace("{value}", "it")})
    )
    assert "not a valid regular expression" in found


def test_the_digest_changes_with_any_file_of_the_set(tmp_path: Path) -> None:
    def digest(folder: Path) -> str:
        report = check(GOOD, "--ruleset", folder).report
        assert report is not None
        found: str = report["ruleset"]["sha256"]
        return found

    first = own_set(tmp_path / "a" / "set", rules={"MY101-other-project.yaml": rule_text()})
    again = own_set(tmp_path / "b" / "set", rules={"MY101-other-project.yaml": rule_text()})
    other = own_set(tmp_path / "c" / "set", rules={"MY101-other-project.yaml": rule_text(why="Another reason.")})
    assert digest(first) == digest(again) != digest(other)


def test_the_configuration_may_name_the_set(tmp_path: Path) -> None:
    own_set(tmp_path / "rules", rules={"MY101-other-project.yaml": rule_text()})
    (tmp_path / "billproof.yaml").write_text("version: 1\nruleset: rules\n", "utf-8")
    found = check(GOOD, "--config", tmp_path / "billproof.yaml")
    assert (found.code, found.failed) == (1, {"MY101"})


# What is wrong with a set: exit 2 before any file is read, with file and line

RULE_FAULTS = [
    ("an unknown key", {"levle": "error"}, 11, "unknown key `levle`; did you mean `level`?"),
    ("an unknown level", {"level": "fatal"}, 4, "`level` is `fatal`; expected one of error, warning, note"),
    ("an unknown scope", {"scope": "table"}, 6, "`scope` is `table`; expected one of cell, row, file"),
    ("an unknown kind", {"check": "{kind: one_off, column: project_id, values: [a]}"}, 7, "unknown kind `one_off`"),
    ("no kind", {"check": "{column: project_id}"}, 7, "`check` needs a `kind`"),
    ("an unknown parameter", {"check": "{kind: has_charges, column: project_id}"}, 7, "unknown key `column`"),
    ("a missing parameter", {"check": "{kind: one_of, column: project_id}"}, 7, "the key `values` is missing"),
    ("an unknown column", {"check": "{kind: one_of, column: project, values: [a]}"}, 7, "no column `project`"),
    ("an unknown role", {"check": "{kind: day_coverage, role: date, period: month}"}, 7, "`role` is `date`; expected day"),
    ("no column", {"check": "{kind: together, columns: [], fails_when: some_rows}"}, 7, "`check` reads no column"),
    ("neither columns nor cells", {"check": "{kind: filled}"}, 7, "`check` reads no column"),
    ("an unknown column in when", {"when": "{project: filled}"}, 11, "no column `project`"),
    ("an unknown placeholder", {"message": '"{found} is not ours"'}, 8, "`message` has the unknown placeholder {found}"),
    ("a placeholder with a format", {"message": '"{value!r} is not ours"'}, 8, "`message` has the unknown placeholder {value}"),
    ("a placeholder that is not closed", {"message": '"{value is not ours"'}, 8, "`message`:"),
    ("a missing blocker", {"blocked_by": "[{rule: OC999, when: always, reach: file}]"}, 11, "`blocked_by` names OC999"),
    ("a way in which it never fails", {"blocked_by": "[{rule: OC104, when: every_row, reach: file}]"}, 11, "never fails"),
    ("a version that YAML reads as a number", {"since": "1.0"}, 5, "`since` is 1.0; expected text that matches"),
    ("a name that YAML reads as a boolean", {"name": "no"}, 2, '`name` is no, which YAML may not read as text'),
    ("an id of another form", {"id": "my101"}, 1, "`id` is `my101`; expected text that matches"),
]  # fmt: skip


@pytest.mark.parametrize("changes, line, text", [one[1:] for one in RULE_FAULTS], ids=[one[0] for one in RULE_FAULTS])
def test_a_faulty_rule_file(tmp_path: Path, changes: dict[str, str], line: int, text: str) -> None:
    name = f"{changes.get('id', 'MY101')}-{changes.get('name', 'other-project')}.yaml"
    found = faults(own_set(tmp_path / "set", rules={name: rule_text(**changes)}))
    assert len(found) == 1
    assert found[0].startswith(f"{name}:{line}  ")
    assert text in found[0]


def test_a_file_name_that_is_not_id_and_name(tmp_path: Path) -> None:
    found = faults(own_set(tmp_path / "set", rules={"MY101-project.yaml": rule_text()}))
    assert found == ["MY101-project.yaml:1  the file must be named after its id and name: MY101-other-project.yaml"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("guide: ['From {start}']", "`guide` has the unknown placeholder {start}"),
        ("guide: ['From {first']", "`guide`: expected '}' before end of string"),
        ("proves: [{text: 'Equal to {invoice}', costs: true}]", "`proves` has the unknown placeholder {invoice}"),
        ("proves: [{text: 'It has {0} keys', costs: true}]", "`proves` has the unknown placeholder {0}"),
        ("proves: [{text: 'All is well', rules: [OC999]}]", "`proves` names OC999, which is not in this rule set"),
    ],
)
def test_words_of_a_set_that_nothing_could_fill_in(tmp_path: Path, line: str, text: str) -> None:
    found = faults(own_set(tmp_path / "set", line))
    assert len(found) == 1
    assert text in found[0]


def test_a_duplicate_id(tmp_path: Path) -> None:
    rules = {"MY101-other-project.yaml": rule_text(), "MY101-project.yaml": rule_text(name="project")}
    found = faults(own_set(tmp_path / "set", rules=rules))
    assert len(found) == 1
    assert found[0].startswith("MY101-project.yaml:1  the id MY101 is already used by ")
    assert found[0].endswith("MY101-other-project.yaml")


def test_an_id_of_the_set_below(tmp_path: Path) -> None:
    found = faults(own_set(tmp_path / "set", rules={"OC304-other-project.yaml": rule_text(id="OC304")}))
    assert found == ["OC304-other-project.yaml:1  the id OC304 is already used by rules/openai-cost/OC304-missing-day.yaml"]


def test_a_duplicate_key(tmp_path: Path) -> None:
    found = faults(own_set(tmp_path / "set", rules={"MY101-other-project.yaml": rule_text() + "level: note\n"}))
    line = len(rule_text().splitlines()) + 1
    assert found == [f"MY101-other-project.yaml:{line}  the key `level` appears a second time; keys must be unique"]


def test_a_circle_of_blockers(tmp_path: Path) -> None:
    def leaning(rule: str, on: str) -> str:
        return rule_text(id=rule, blocked_by=f"[{{rule: {on}, when: always, reach: file}}]")

    rules = {"MY101-other-project.yaml": leaning("MY101", "MY102"), "MY102-other-project.yaml": leaning("MY102", "MY101")}
    found = faults(own_set(tmp_path / "set", rules=rules))
    assert found == ["MY101-other-project.yaml:11  `blocked_by` is circular: MY101 > MY102 > MY101"]


def test_an_example_with_two_texts(tmp_path: Path) -> None:
    both = rule_text().replace("      at:", "      csv_file: gone.csv\n      at:")
    found = faults(own_set(tmp_path / "set", rules={"MY101-other-project.yaml": both}))
    assert [one.partition("  ")[2] for one in found] == ["an example needs either `csv` or `csv_file`"]


@pytest.mark.parametrize("key, value", [("csv_file", "gone.csv"), ("before", "[gone.csv]")])
def test_only_what_runs_examples_needs_their_files(tmp_path: Path, key: str, value: str) -> None:
    text = rule_text()
    start, end = text.index("    - csv: |", text.index("  fail:")), text.index("      at:")
    kept = text[start:end] if key == "before" else ""
    entry = f"{kept}      {key}: {value}\n" if kept else f"    - {key}: {value}\n"
    folder = own_set(tmp_path / "set", rules={"MY101-other-project.yaml": text[:start] + entry + text[end:]})
    assert check(GOOD, "--ruleset", folder).outcome("MY101")["state"] == "failed"
    assert run("rules", "list", "--ruleset", str(folder))[0] == 0
    assert run("rules", "show", "MY101", "--ruleset", str(folder))[0] == 0
    for action in (("test",), ("docs", "--output", str(tmp_path / "docs"))):
        code, _, err = run("rules", *action, "--ruleset", str(folder))
        assert code == 2
        assert "MY101-other-project.yaml:" in err
        assert "there is no file gone.csv next to the rule" in err


SET_FAULTS = [
    ("an unknown key", ["rulez: {}"], {}, 5, "unknown key `rulez`; did you mean `rules`?"),
    ("an unknown role", ["roles: {date: start_time}"], {}, 5, "unknown role `date`; expected one of day, amount"),
    ("a role of no column", ["roles:", "  day: start"], {}, 6, "role day: the Table Schema has no column start"),
    ("a change to a rule that is not there", ["rules:", "  OC999: {level: note}"], {}, 6, "`rules` names OC999"),
    ("an unknown level", ["rules:", "  OC304: {level: info}"], {}, 6, "`level` is `info`; expected one of"),
    ("off without an owner", ["rules:", "  OC206: {off: {reason: rounded}}"], {}, 6, "the key `owner` is missing"),
    ("off without a reason", ["rules:", "  OC206: {off: {owner: finops}}"], {}, 6, "the key `reason` is missing"),
    ("off with an empty reason", ["rules:", '  OC206: {off: {reason: " ", owner: finops}}'], {}, 6, "`reason` is empty"),
    ("off with an empty owner", ["rules:", '  OC206: {off: {reason: rounded, owner: ""}}'], {}, 6, "`owner` is empty"),
    ("a set that is not there", [], {"extends": "openai-costs"}, 4, "extends openai-costs: no such rule set"),
    ("no table schema", ["table_schema: gone.json"], {}, 1, "the Table Schema cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize("lines, changes, line, text", [one[1:] for one in SET_FAULTS], ids=[one[0] for one in SET_FAULTS])
def test_a_faulty_ruleset_file(tmp_path: Path, lines: list[str], changes: dict[str, str], line: int, text: str) -> None:
    found = faults(own_set(tmp_path / "set", *lines, rules=None, **changes))
    assert len(found) == 1
    assert f":{line}  " in found[0]
    assert text in found[0]


def test_a_set_that_extends_itself(tmp_path: Path) -> None:
    own_set(tmp_path / "a", extends="../b")
    own_set(tmp_path / "b", extends="../a")
    found = faults(tmp_path / "a")
    assert len(found) == 1
    assert found[0].endswith("the rule set extends itself")


def test_a_diagnosis_of_a_rule_that_is_not_there(tmp_path: Path) -> None:
    text = dedent("""\
        diagnoses:
          - id: mine
            when: [{any: [OC999]}]
            cause: "Nobody knows {who}."
            fix: Ask.
            rules: [OC304]
        """)
    found = faults(own_set(tmp_path / "set", rules={"diagnoses.yaml": text}))
    assert {one.partition("  ")[2].partition(";")[0] for one in found} == {
        "diagnosis mine names OC999, which is not in this rule set",
        "`cause` has the unknown placeholder {who}",
    }


def test_how_to_export_again_is_written_once(tmp_path: Path) -> None:
    text = "diagnoses:\n  - {id: mine, when: [{any: [OC203]}], cause: C., fix: 'Ask. {export}', rules: []}\n"
    found = faults(own_set(tmp_path / "without", rules={"diagnoses.yaml": text}))
    assert ["unknown placeholder {export}" in one for one in found] == [True]
    own = own_set(tmp_path / "with", rules={"diagnoses.yaml": text + "export: Export {month} again.\n"})
    path = tmp_path / "eur.csv"
    path.write_bytes(fixture("good-h4").read_bytes().replace(b",usd,", b",eur,"))
    assert check(path, "--ruleset", own).file["diagnosis"]["fix"] == "Ask. Export 2025-10 again."


@pytest.mark.parametrize(
    "change, text",
    [
        ({"type": "geopoint"}, "type must be one of integer, number, string, date"),
        ({"constraints": {"required": True, "minimum": 0}}, "the only constraint allowed is required: true"),
        ({"format": "any"}, "`format` is not supported"),
        ({"x-billproof": {"column": "required", "cell": "always", "role": "tag"}}, "role must be one of time, measure"),
        ({"x-billproof": {"column": "required"}}, "x-billproof needs column, cell, role"),
    ],
)
def test_a_table_schema_with_what_nobody_implements(tmp_path: Path, change: dict[str, object], text: str) -> None:
    schema = json.loads((ROOT / "schemas" / "openai-cost.schema.json").read_text("utf-8"))
    schema["fields"][0] |= change
    folder = own_set(tmp_path / "set", "table_schema: own.schema.json")
    (folder / "own.schema.json").write_text(json.dumps(schema, indent=1), "utf-8")
    found = faults(folder)
    assert len(found) == 1
    assert found[0].startswith("own.schema.json:")
    assert text in found[0]


def test_all_faults_at_once(tmp_path: Path) -> None:
    rules = {
        "MY101-other-project.yaml": rule_text(levle="error"),
        "MY102-other-project.yaml": rule_text(id="MY102", check="{kind: one_off}"),
        "MY103-other-project.yaml": rule_text(id="MY103", message='"{who}"'),
        "MY104-project.yaml": rule_text(id="MY104"),
        "MY105-other-project.yaml": rule_text(id="MY105", blocked_by="[{rule: OC999, when: always, reach: file}]"),
        "MY106-other-project.yaml": rule_text(id="MY106", check="{kind: one_of, column: project, values: [a]}"),
    }
    found = faults(own_set(tmp_path / "set", "rules:", "  OC304: {level: info}", rules=rules))
    assert [one.partition(":")[0] for one in found] == [*rules, "ruleset.yaml"]


def test_a_faulty_set_is_found_before_any_file_is_looked_for(tmp_path: Path) -> None:
    folder = own_set(tmp_path / "set", "rulez: {}")
    code, out, err = run("check", str(tmp_path / "missing.csv"), "--ruleset", str(folder))
    assert (code, out) == (2, "")
    assert "unknown key `rulez`" in err


def test_a_set_that_is_not_there() -> None:
    code, _, err = run("check", str(GOOD), "--ruleset", "openai-costs")
    assert code == 2
    assert "--ruleset openai-costs: no such rule set" in err
    assert "csv, openai-cost, pelanor-invoice" in err


# billproof rules


def test_list_has_a_line_for_each_rule() -> None:
    code, out, _ = run("rules", "list")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == sorted(
        path.name.partition("-")[0]
        for folder in ("csv", "openai-cost")
        for path in (ROOT / "rules" / folder).glob("*[0-9][0-9][0-9]-*.yaml")
    )
    assert next(line for line in lines if line.startswith("OC304")).split()[1:3] == ["missing-day", "error"]


def test_list_of_a_users_set_shows_its_changes() -> None:
    code, out, _ = run("rules", "list", "--ruleset", str(STRICTER))
    assert code == 0
    levels = {line.split()[0]: line.split()[2] for line in out.splitlines()[1:]}
    assert (levels["AC101"], levels["OC207"], levels["OC206"]) == ("error", "error", "off")


def test_show_has_everything_a_user_needs() -> None:
    code, out, _ = run("rules", "show", "oc304")
    assert code == 0
    assert out.startswith("# OC304 missing-day\n\n> Every day of the month has at least one row.\n")
    headings = [line for line in out.splitlines() if line.startswith("## ")]
    assert headings == ["## Message", "## Why", "## What to do", "## Skipped when", "## Examples", "## References"]


def test_show_of_a_rule_that_is_not_there() -> None:
    code, out, err = run("rules", "show", "OC999")
    assert (code, out) == (2, "")
    assert "openai-cost has no rule OC999" in err


def test_kinds_tells_parameters_and_placeholders() -> None:
    code, out, _ = run("rules", "kinds")
    assert code == 0
    blocks = out.split("\none_of: ")
    assert len(blocks) == 2
    assert "    column: name of a column\n" in blocks[1]
    assert "    message may use: {values}" in blocks[1]


@pytest.mark.soak
def test_rules_test_is_green_with_a_rule_off() -> None:
    code, out, _ = run("rules", "test", "--ruleset", str(STRICTER))
    assert code == 0, out


@pytest.mark.parametrize(
    "old, new, text",
    [
        ('at: ["2:project_id"]', 'at: ["3:project_id"]', "fail example 1: found at 2:project_id, expected at 3:project_id"),
        ("values: [proj_EXAMPLE1]", "values: [proj_EXAMPLE1, proj_EXAMPLE2]", "fail example 1: is passed, expected failed"),
        ("values: [proj_EXAMPLE1]", "values: [proj_EXAMPLE2]", "pass example 1: is failed, expected passed"),
    ],
)
def test_rules_test_is_red_for_a_wrong_example(tmp_path: Path, old: str, new: str, text: str) -> None:
    sound = own_set(tmp_path / "sound", rules={"MY101-other-project.yaml": rule_text()}, extends="csv")
    assert run("rules", "test", "--ruleset", str(sound))[0] == 0
    lying = own_set(tmp_path / "lying", rules={"MY101-other-project.yaml": rule_text().replace(old, new)}, extends="csv")
    code, out, _ = run("rules", "test", "--ruleset", str(lying))
    assert code == 1
    assert f"MY101 other-project, {text}" in out.splitlines()


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a set of its own in `sets/own`, named in `billproof.yaml`, seen from a folder inside it."""
    (tmp_path / ".git").mkdir()
    own_set(tmp_path / "sets" / "own", rules={"MY101-other-project.yaml": rule_text()}, extends="csv")
    (tmp_path / "billproof.yaml").write_text("version: 1\nruleset: sets/own\n", "utf-8")
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    return tmp_path


def test_rules_are_those_of_the_configuration(configured: Path) -> None:
    code, out, err = run("rules", "list")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines() if line.startswith("MY")] == ["MY101"]
    assert run("rules", "show", "my101")[0] == 0
    assert run("rules", "docs", "--output", "pages")[0] == 0
    assert (configured / "inside" / "pages" / "MY101-other-project.md").is_file()
    code, out, _ = run("rules", "test")
    assert code == 0
    assert out.endswith(" rules of mine: 0 failed; ../billproof.yaml is valid\n")
    assert "MY101" not in run("rules", "list", "--ruleset", "csv")[1]


def test_rules_take_another_configuration(configured: Path) -> None:
    (configured / "other.yaml").write_text("version: 1\nruleset: csv\n", "utf-8")
    assert "MY101" not in run("rules", "list", "--config", "../other.yaml")[1]
    code, _, err = run("rules", "test", "--config", "../missing.yaml")
    assert code == 2
    assert "../missing.yaml:1  cannot be read: No such file or directory" in err


def test_rules_that_know_no_month_say_none(configured: Path) -> None:
    code, out, _ = run("check", str(fixture("good-h4")), "--ruleset", "csv")
    assert code == 0
    assert out.startswith(f"PASS  {fixture('good-h4').name} has no errors; not ready to upload: a relaxed rule set; ")


def test_rules_test_looks_through_the_waivers(configured: Path) -> None:
    waiver = '{rule: MY102, organization: org-EXAMPLE1, month: any, reason: r, owner: o, expires: "2026-01-01"}'
    (configured / "billproof.yaml").write_text(f"version: 1\nruleset: sets/own\nwaivers:\n  - {waiver}\n", "utf-8")
    code, out, err = run("rules", "test")
    assert (code, out) == (2, "")
    assert "../billproof.yaml:4  there is no rule MY102 to waive" in err
    assert run("rules", "list")[0] == 0


def test_kinds_need_no_configuration(configured: Path) -> None:
    (configured / "billproof.yaml").write_text("version: 2\n", "utf-8")
    assert run("rules", "kinds")[0] == 0
    assert run("rules", "list")[0] == 2


@pytest.mark.parametrize("command", [["rules", "test"], ["check", str(GOOD)]])
def test_a_set_that_the_configuration_names_lies_beside_it(configured: Path, command: list[str]) -> None:
    (configured / "sets").rename(configured / "inside" / "sets")
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert "../billproof.yaml:2  `ruleset: sets/own` is neither a built-in rule set nor a folder next to this file" in err


def test_a_rule_that_is_not_in_the_set_says_which_set_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own_set(tmp_path / "rules", rules={"MY101-other-project.yaml": rule_text()}, extends="csv")
    assert run("rules", "show", "MY101", "--ruleset", "rules")[0] == 0
    told = "openai-cost has no rule MY101\nSee billproof rules list. For another set, add --ruleset NAME|FOLDER\n"
    assert run("rules", "show", "MY101") == (2, "", told)
    assert run("rules", "show", "MY9", "--ruleset", "rules")[2].endswith("See billproof rules list --ruleset rules\n")


def test_after_rules_test_a_set_is_read_again(configured: Path) -> None:
    assert run("rules", "test")[0] == 0
    (configured / "sets" / "own" / "ruleset.yaml").write_text("name: 1\n", "utf-8")
    assert run("check", str(GOOD))[0] == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_docs_never_waits_for_a_pipe(tmp_path: Path) -> None:
    for name in ("OC304-missing-day.md", "OC999-ours.md"):
        os.mkfifo(tmp_path / name)
    ended = subprocess.run(
        [sys.executable, "-m", "billproof", "rules", "docs", "--output", tmp_path], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert b"OC304-missing-day.md is not a page made by billproof; nothing was written" in ended.stderr


def test_docs_writes_a_page_for_each_rule_and_tells_stale_ones(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    assert run("rules", "docs", "--output", str(folder))[0] == 0
    assert run("rules", "docs", "--output", str(folder), "--check") == (0, "", "")
    page = folder / "OC304-missing-day.md"
    page.write_text(page.read_text("utf-8") + "more\n", "utf-8")
    (folder / "OC305-month-not-over.md").unlink()
    (folder / "OC999-gone.md").write_text(f"# OC999 gone\n\n{MARK}\n", "utf-8")
    (folder / "CHANGELOG.md").write_text("mine\n", "utf-8")
    code, out, _ = run("rules", "docs", "--output", str(folder), "--check")
    assert code == 1
    stale = {line.rpartition("/")[2] for line in out.splitlines()}
    assert stale == {"OC304-missing-day.md", "OC305-month-not-over.md", "OC999-gone.md"}
    assert run("rules", "docs", "--output", str(folder))[0] == 0
    assert run("rules", "docs", "--output", str(folder), "--check")[0] == 0
    assert (folder / "CHANGELOG.md").read_text("utf-8") == "mine\n"


def test_docs_never_replaces_a_page_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine\n", "utf-8")
    code, _, err = run("rules", "docs", "--output", str(tmp_path))
    assert code == 2
    assert "README.md is not a page made by billproof" in err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
