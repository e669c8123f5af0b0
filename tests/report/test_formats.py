"""Every format, through the real command: snapshots of whole runs, each read by what reads it elsewhere, hostile files too."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from syrupy.assertion import SnapshotAssertion

from billproof import __version__
from billproof.model.results import FORMATS
from tests.report import readers
from tests.report.snapshots import Text
from tests.support import AS_OF, EACH_FORMAT, ROOT, fixture, make_ready, process, run

NAME = "cost_2025-10-01_2025-10-31.csv"
ORGANIZATION = "org-EXAMPLEacme01"
CONFIGURATION = f"""version: 1
integrations:
  - {{name: main, organization: {ORGANIZATION}}}
waivers:
  - {{rule: OC503, organization: {ORGANIZATION}, month: any, reason: known, owner: finops, expires: "2026-06-30"}}
"""
RULESET = """name: mine
version: 1.0.0
title: ours
extends: openai-cost
rules:
  OC206:
    off: {reason: amounts are rounded before they reach us, owner: finops}
"""
# Files of these runs, as their fixtures, and the arguments.
RUNS: dict[str, tuple[dict[str, str], list[str]]] = {
    "pass": ({NAME: "good-h1"}, [NAME, "--organization", ORGANIZATION]),
    "fail": ({"cost_2025-10-04_2025-11-03.csv": "default-31-days"}, ["cost_2025-10-04_2025-11-03.csv"]),
    "unproved": ({}, ["missing.csv"]),
    "nothing": ({}, []),
    "mixed": (
        {"a/good.csv": "good-h1", "b/gap.csv": "middle-gap", "b/months.csv": "two-months", "c/signed.csv": "some-without-project",
         "d/extra.csv": "good-unknown-columns", "d/negative.csv": "negative"},
        ["a", "b", "c", "d", "missing.csv", "--ruleset", "mine", "--max-findings", "2"],
    ),
}  # fmt: skip
EXITS = {"pass": 0, "fail": 1, "unproved": 3, "nothing": 3, "mixed": 3}
MACHINE = ("sarif", "junit", "github", "gitlab", "markdown")


class Markdown(Text):
    file_extension = "md"


class Xml(Text):
    file_extension = "xml"


class Json(Text):
    file_extension = "json"


SNAPSHOTS = {"sarif": Json, "junit": Xml, "github": Text, "gitlab": Json, "markdown": Markdown}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, without configuration, on a day that stands still."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("billproof.config.settings.clock", lambda: datetime(2025, 12, 1, tzinfo=UTC))
    return tmp_path


def prepared(name: str, folder: Path) -> list[str]:
    """The files of a run in `folder`; its arguments."""
    copies, arguments = RUNS[name]
    for path, case in copies.items():
        (folder / path).parent.mkdir(exist_ok=True)
        shutil.copy(fixture(case), folder / path)
    if name == "mixed":
        (folder / "billproof.yaml").write_text(CONFIGURATION, "utf-8")
        (folder / "mine").mkdir()
        (folder / "mine" / "ruleset.yaml").write_text(RULESET, "utf-8")
    return arguments


def printed(format_: str, *arguments: str | Path) -> tuple[int, str]:
    """`billproof check` in a format: exit code and standard output."""
    code, out, err = run("check", *map(str, arguments), "--as-of", AS_OF, "--format", format_)
    assert err == ""
    return code, out


def stable(format_: str, text: str) -> str:
    """A result without what changes with every version or wording of a rule: SARIF's rules but the first and the last two."""
    text = text.replace(f'"{__version__}"', '"VERSION"')
    if format_ != "sarif":
        return text
    log = json.loads(text)
    driver = log["runs"][0]["tool"]["driver"]
    driver["rules"] = [driver["rules"][0], *driver["rules"][-2:]]
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("format_", MACHINE)
def test_a_run_in_a_format(folder: Path, name: str, format_: str, snapshot: SnapshotAssertion) -> None:
    code, out = printed(format_, *prepared(name, folder))
    assert code == EXITS[name]
    assert stable(format_, out) == snapshot(extension_class=SNAPSHOTS[format_])


@pytest.mark.parametrize("name", RUNS)
def test_all_formats_at_once_are_what_each_prints(folder: Path, name: str) -> None:
    arguments = prepared(name, folder)
    outputs = [word for format_ in FORMATS for word in ("--output", f"{format_}=out.{format_}")]
    code, _, _ = run("check", *arguments, "--as-of", AS_OF, *outputs)
    assert code == EXITS[name]
    for format_ in MACHINE:
        written = (folder / f"out.{format_}").read_bytes()
        assert written.decode("utf-8") == printed(format_, *arguments)[1]
        assert b"\r" not in written
        assert written.endswith(b"\n")
        assert not written.startswith(b"\xef\xbb\xbf")


# --- each format, read by its reader ---


@pytest.mark.parametrize("name", RUNS)
def test_sarif_is_valid_and_never_looks_clean_unless_it_is(folder: Path, name: str) -> None:
    code, out = printed("sarif", *prepared(name, folder))
    found = readers.sarif(out)
    (invocation,) = found["invocations"]
    assert invocation["executionSuccessful"] is (code != 3)
    assert invocation["exitCode"] == code
    assert bool(invocation["toolExecutionNotifications"]) is (code == 3)
    assert bool(found["results"]) is (code != 0)
    assert any(one["ruleId"] == "UNPROVED" for one in found["results"]) is (code == 3)


def test_sarif_holds_failures_only_the_gravest_first(folder: Path) -> None:
    found = readers.sarif(printed("sarif", *prepared("mixed", folder))[1])
    # OC503 is waived; each OC303 and OC207 keeps two of 64 and of its rows; OC106 is a note.
    assert [(one["level"], one["ruleId"]) for one in found["results"]] == [
        ("error", "UNPROVED"), ("error", "OC304"), ("error", "OC303"), ("error", "OC304"), ("error", "OC303"),
        ("warning", "OC207"), ("note", "OC106"), ("note", "OC106"), ("error", "MORE"),
    ]  # fmt: skip


def places(found: dict[str, Any]) -> list[tuple[str, int]]:
    """Address and line of every result."""
    physical = [one["locations"][0]["physicalLocation"] for one in found["results"]]
    return [(one["artifactLocation"]["uri"], one["region"]["startLine"]) for one in physical]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("./x.csv", "x.csv"),
        ("a/../x y#1%.csv", "x%20y%231%25.csv"),
        ("Zürich.csv", "Z%C3%BCrich.csv"),
        ("a:b.csv", "a%3Ab.csv"),
    ],
)
def test_addresses_are_relative_and_encoded(folder: Path, path: str, uri: str) -> None:
    (folder / "a").mkdir()
    shutil.copy(fixture("header-only"), path)
    # CSV001 is about the whole file, which GitHub shows at its first line.
    assert places(readers.sarif(printed("sarif", path)[1])) == [(uri, 1)]
    assert readers.gitlab(printed("gitlab", path)[1])[0]["location"] == {"path": os.path.normpath(path), "lines": {"begin": 1}}


def test_a_path_from_the_root_is_a_file_address(folder: Path) -> None:
    shutil.copy(fixture("header-only"), "x y.csv")
    ((uri, _),) = places(readers.sarif(printed("sarif", folder / "x y.csv")[1]))
    assert uri == (folder / "x y.csv").as_uri()


@pytest.mark.parametrize("format_", FORMATS)
def test_standard_input_has_a_name(format_: str) -> None:
    done = process("check", "-", "--as-of", AS_OF, "--format", format_, stdin=fixture("header-only").read_bytes())
    assert done.returncode == 1
    out = done.stdout.decode("utf-8")
    if format_ == "sarif":
        assert places(readers.sarif(out)) == [("standard-input", 1)]
    elif format_ == "junit":
        assert {case.suite for case in readers.junit(out)} == {"standard-input"}
    elif format_ == "gitlab":
        assert [one["location"]["path"] for one in readers.gitlab(out)] == ["standard-input"]
    elif format_ == "github":
        assert ["file" in one.properties for one in readers.log_commands(out)] == [False]


def fingerprints(format_: str, path: str | Path) -> list[tuple[str, str]]:
    """Rule and fingerprint of every fault of a file."""
    out = printed(format_, path)[1]
    if format_ == "sarif":
        results = readers.sarif(out)["results"]
        return [(one["ruleId"], one["partialFingerprints"]["primaryLocationLineHash"]) for one in results]
    return [(one["check_name"][:5], one["fingerprint"]) for one in readers.gitlab(out)]


@pytest.mark.parametrize("format_", ["sarif", "gitlab"])
def test_a_fingerprint_stays_when_rows_are_added_above(folder: Path, format_: str) -> None:
    lines = fixture("negative").read_text("utf-8").splitlines(keepends=True)
    Path(NAME).write_text("".join(lines), "utf-8")
    before = dict(fingerprints(format_, NAME))
    added = lines[1].replace("proj_EXAMPLE", "proj_EXAMPLEnew")
    assert added != lines[1]
    Path(NAME).write_text("".join([lines[0], added, *lines[1:]]), "utf-8")
    after = dict(fingerprints(format_, NAME))
    assert before.keys() == {"OC207"}
    assert after["OC207"] == before["OC207"]


@pytest.mark.parametrize("format_", ["sarif", "gitlab"])
def test_the_same_fault_in_two_files_has_two_fingerprints(folder: Path, format_: str) -> None:
    for name in ("a.csv", "b.csv"):
        shutil.copy(fixture("middle-gap"), name)
    (first,), (second,) = fingerprints(format_, "a.csv"), fingerprints(format_, "b.csv")
    assert first[0] == second[0] == "OC304"
    assert first[1] != second[1]


def test_junit_has_a_case_for_each_rule_and_file(folder: Path) -> None:
    arguments = prepared("mixed", folder)
    report = json.loads(printed("json", *arguments)[1])
    cases = readers.junit(printed("junit", *arguments)[1])
    wanted = [(one["path"], f"{outcome['rule']} {outcome['name']}") for one in report["files"] for outcome in one["outcomes"]]
    assert len(wanted) > 200
    assert [(case.suite, case.name) for case in cases if case.name != "UNPROVED"] == wanted
    assert [(case.suite, case.state) for case in cases if case.name == "UNPROVED"] == [("missing.csv", "error")]


def crash(*_: object) -> NoReturn:
    raise ZeroDivisionError


def test_junit_says_what_became_of_a_rule(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.rules.checks.duplicates.UniqueRows.on_rows", crash)
    cases = {(case.suite, case.name[:5]): case for case in readers.junit(printed("junit", *prepared("mixed", folder))[1])}
    assert cases["a/good.csv", "OC304"].state == "passed"
    assert cases["b/gap.csv", "OC304"].state == "failure"
    assert cases["b/gap.csv", "OC304"].message == "error: 2025-10 has no row for 2025-10-12 to 2025-10-14 (3 days in all)"
    assert 'What to do: In OpenAI, open "Organization analytics"' in cases["b/gap.csv", "OC304"].text
    assert cases["a/good.csv", "OC206"].state == "skipped"
    assert "disabled" in cases["a/good.csv", "OC206"].message
    assert cases["a/good.csv", "OC209"].message == "not applicable: the file has no such column"
    assert cases["a/good.csv", "OC504"].state == "error"
    signed = cases["c/signed.csv", "OC503"]
    assert (signed.state, signed.printed) == ("passed", "waived by finops until 2026-06-30 (billproof.yaml:5): known")
    # A warning does not fail this run, so its case passes and says what it found.
    assert cases["d/negative.csv", "OC207"].state == "passed"
    assert cases["d/negative.csv", "OC207"].printed.startswith("warning: the amount -")


@pytest.mark.parametrize("format_", MACHINE)
def test_a_waiver_that_does_not_count_is_told(folder: Path, format_: str) -> None:
    (folder / "billproof.yaml").write_text(CONFIGURATION.replace("2026-06-30", "2025-11-01"), "utf-8")
    shutil.copy(fixture("some-without-project"), NAME)
    _, out = printed(format_, NAME)
    assert "the waiver at billproof.yaml:5 does not apply: it expired on 2025-11-01" in out


def test_junit_names_what_stood_in_the_way(folder: Path) -> None:
    cases = {case.name[:5]: case for case in readers.junit(printed("junit", fixture("header-only"))[1])}
    assert (cases["OC201"].state, cases["OC201"].text) == ("skipped", "skipped because CSV001 failed")


@pytest.mark.parametrize(
    ("case", "options", "ending"),
    [
        ("negative", ("--policy", "upload"), ": a warning stops an upload"),
        ("negative", ("--fail-on", "warning"), ": a warning fails it (--fail-on warning)"),
        ("middle-gap", ("--fail-on", "warning"), ""),
    ],
    ids=["upload", "fail-on", "an error too"],
)
@pytest.mark.parametrize("format_", ["text", "markdown", "junit", "github", "html"])
def test_a_file_that_warnings_alone_fail_says_so_with_its_verdict(
    folder: Path, case: str, options: tuple[str, str], ending: str, format_: str
) -> None:
    make_ready(folder)
    code, text = printed(format_, fixture(case), *options)
    assert code == 1
    assert re.search(rf" must not be uploaded as October 2025{re.escape(ending)}[\n<]", text)


def test_a_warning_that_fails_the_file_is_a_failure(folder: Path) -> None:
    code, out = printed("junit", fixture("negative"), "--fail-on", "warning")
    assert code == 1
    assert {case.name[:5] for case in readers.junit(out) if case.state == "failure"} == {"OC207"}


@pytest.mark.parametrize(("name", "found"), [("pass", 0), ("fail", 5), ("unproved", 1), ("nothing", 1)])
def test_gitlab_lists_every_fault(folder: Path, name: str, found: int) -> None:
    issues = readers.gitlab(printed("gitlab", *prepared(name, folder))[1])
    assert len(issues) >= 1 or name == "pass"
    assert bool(issues) is (found > 0)
    if EXITS[name] == 3:
        assert [one["severity"] for one in issues] == ["blocker"]


def test_gitlab_has_a_severity_for_every_level(folder: Path) -> None:
    issues = readers.gitlab(printed("gitlab", *prepared("mixed", folder))[1])
    assert {(one["check_name"][:5], one["severity"]) for one in issues} == {
        ("UNPRO", "blocker"), ("OC303", "major"), ("OC304", "major"), ("OC207", "minor"), ("OC106", "info"), ("MORE ", "major"),
    }  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_github_is_the_text_and_annotations(folder: Path, name: str) -> None:
    arguments = prepared(name, folder)
    text, out = printed("text", *arguments)[1], printed("github", *arguments)[1]
    assert out.startswith(text)
    assert readers.log_commands(text) == []
    assert len(readers.log_commands(out)) == len(out.removeprefix(text).splitlines())


def test_an_annotation_stands_where_the_fault_is(folder: Path) -> None:
    (found,) = readers.log_commands(printed("github", *prepared("fail", folder))[1])[1:2]
    assert found.name == "error"
    assert found.properties["file"] == "cost_2025-10-04_2025-11-03.csv"
    assert found.properties["title"] == "OC304 missing-day"
    assert found.text.startswith("2025-10 has no row for 2025-10-01 to 2025-10-03")
    assert '\nWhat to do: In OpenAI, open "Organization analytics"' in found.text


def test_an_annotation_names_any_file(folder: Path) -> None:
    name = "a,line=1: 100%2C.csv"
    shutil.copy(fixture("middle-gap"), folder / name)
    (found,) = [one for one in readers.log_commands(printed("github", name)[1]) if one.name == "error"]
    assert (found.properties["file"], found.properties["line"]) == (name, "40")


def with_bad_amounts(count: int) -> bytes:
    """The good month with some amounts that are none, as many as asked for."""
    header, *lines = fixture("good-h1").read_text("utf-8").splitlines(keepends=True)
    charged = next(line for line in lines if ",usd," in line)
    start, end, _, rest = charged.split(",", 3)
    bad = [f"{start},{end},bad{number},{rest.replace('proj_', f'proj_{number}', 1)}" for number in range(count)]
    return "".join([header, lines[0], *bad, *lines[1:]]).encode("utf-8")


@pytest.mark.parametrize(
    ("count", "last"), [(10, None), (11, "and 2 more errors"), (500, "and 491 more errors")], ids=["all", "one more", "many"]
)
def test_annotations_stay_within_what_github_shows(folder: Path, count: int, last: str | None) -> None:
    Path(NAME).write_bytes(with_bad_amounts(count))
    errors = [one for one in readers.log_commands(printed("github", NAME)[1]) if one.name == "error"]
    assert len(errors) == 10
    assert errors[-1].text == last if last else errors[-1].text.startswith('"bad9"')


@pytest.mark.parametrize(
    ("count", "kept", "shown", "last"),
    [(50, "999", 50, '"bad49" in amount_value'), (51, "999", 50, "and 2 more errors"), (51, "10", 11, "and 41 more errors")],
    ids=["all", "one more", "not all kept"],
)
@pytest.mark.parametrize("format_", ["sarif", "gitlab"])
def test_the_last_says_how_many_more_there_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, format_: str, count: int, kept: str, shown: int, last: str
) -> None:
    monkeypatch.setattr(f"billproof.report.render.{format_}.LIMIT", 50)
    Path(NAME).write_bytes(with_bad_amounts(count))
    out = printed(format_, NAME, "--max-findings", kept)[1]
    if format_ == "sarif":
        texts = [one["message"]["text"] for one in readers.sarif(out)["results"]]
    else:
        texts = [one["description"] for one in readers.gitlab(out)]
    assert len(texts) == shown
    assert texts[-1].startswith(last)


def test_the_gravest_faults_are_never_the_ones_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.report.render.sarif.LIMIT", 50)
    Path("a.csv").write_bytes(fixture("negative").read_bytes())
    Path("b.csv").write_bytes(with_bad_amounts(50))
    results = readers.sarif(printed("sarif", "a.csv", "b.csv", "missing.csv")[1])["results"]
    assert [results[0]["ruleId"], results[-1]["ruleId"]] == ["UNPROVED", "MORE"]
    assert {one["ruleId"] for one in results[1:-1]} == {"OC202"}
    assert results[-1]["message"]["text"].startswith("and 2 more errors, 1 more warning;")


def test_markdown_begins_with_the_worst_and_fits_into_a_summary(folder: Path) -> None:
    page = readers.markdown(printed("markdown", *prepared("mixed", folder))[1])
    assert page.text.lstrip().startswith("UNPROVED: 7 files: 4 passed, 2 failed, 1 unproved")
    begin = page.cells.index(["File", "Verdict", "Month", "Total"])
    assert [row[:3] for row in page.cells[1:begin]] == [
        ["UNPROVED", "1 file: missing.csv", "unreadable"], ["FAIL", "1 file: b/gap.csv", "OC304 missing-day"],
        ["FAIL", "1 file: b/months.csv", "OC303 outside-month"], ["PASS", "1 file: d/negative.csv", "OC207 negative-amount"],
    ]  # fmt: skip
    assert [row[:2] for row in page.cells[begin + 1 : begin + 4]] == [
        ["missing.csv", "UNPROVED"], ["b/gap.csv", "FAIL"], ["b/months.csv", "FAIL"],
    ]  # fmt: skip
    found = "2025-10 has no row for 2025-10-12 to 2025-10-14 (3 days in all)"
    assert ["OC304 missing-day", "error", found, "gap.csv:40:start_time"] in page.cells
    assert "Configuration: billproof.yaml" in page.text


def test_markdown_of_very_many_files_says_what_it_leaves_out(folder: Path) -> None:
    names = [f"{number:04}-{'long' * 50}.csv" for number in range(1_500)]
    code, out = printed("markdown", *names)
    assert code == 3
    assert 400_000 < len(out.encode("utf-8")) < 2**20
    assert "1500 files: 0 passed, 0 failed, 1500 unproved" in out
    assert re.search(r"^and [0-9]+ more files, left out to stay below GitHub's limit for a summary$", out, re.MULTILINE)


# --- hostile files ---

HOSTILE = (
    "=<script>alert(1)</script>", "::error::pwned", " ::stop-commands::x", "x##vso[task.complete]y", "##[add-mask]a", "]]><x a>",
    "\x1b[31mred\x1b[0m", "\u202eevil\u200f", "[a](http://evil.example.com)", "@team | `x` |", "{0} {{1}}", "<!-- &lt; &amp; -->",
    "www.evil.example.com https://evil.example.com", "\ufffe\uffff", "![i](http://e.example.com) ~~a~~ *b* _c_", "$x$ #1 | \\| a",
)  # fmt: skip
FORBIDDEN = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"


def hostile(folder: Path) -> Path:
    """An export whose cells, column and name attack what shows them, with 10,000 bad amounts."""
    header, *_ = fixture("good-h1").read_text("utf-8").splitlines()
    lines = [f"{header},::error::<b>x|`c`]]>"]
    for number in range(10_000):
        text = HOSTILE[number % len(HOSTILE)]
        start = 1759276800 + 86400 * (number * 31 // 10_000)
        ids = f"proj_EXAMPLE{number},{ORGANIZATION}"
        lines.append(f'{start},{start + 86400},"{text}",usd,"{text}",{ids},"{text}",Acme Research,"{text}"')
    path = folder / "::error file=x,line=1::<b>]]>&amp;`|[x](y)\u202e 100%25 ##[group]1.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such name")
@pytest.mark.parametrize("kept", ["100", pytest.param("10000", marks=pytest.mark.soak)])
def test_a_hostile_file_is_text_in_every_format(folder: Path, kept: str) -> None:
    outputs = [word for format_ in FORMATS for word in ("--output", f"{format_}=out.{format_}")]
    code, out, err = run("check", hostile(folder).name, "--max-findings", kept, "--as-of", AS_OF, *outputs)
    assert (code, err) == (1, "")
    results = {format_: (folder / f"out.{format_}").read_text("utf-8") for format_ in FORMATS}
    for format_, text in (*results.items(), ("text", out)):
        assert "alert(1)" in text, format_
        assert not re.search(FORBIDDEN, text), format_
        assert format_ == "github" or readers.log_commands(text) == [], format_
    read = {format_: getattr(readers, format_)(results[format_]) for format_ in ("sarif", "junit", "gitlab", "markdown")}
    # Five rules fail at far more than 100 places and OC106 at one; the last result tells the rest.
    assert len(read["sarif"]["results"]) == (5_000 if kept == "10000" else 5 * 100 + 1 + 1)
    assert len(read["junit"]) == 55
    commands = readers.log_commands(results["github"])
    assert [one.name for one in commands] == ["error"] * 10 + ["warning"] * 10 + ["notice"]
    assert {tuple(one.properties)[-1] for one in commands} == {"title"}


def elements(page: readers.Page) -> set[str]:
    return set(page.elements)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("{0}", '"{{0}}" in'),
        ("[a](http://evil.example.com)", '"\\[a\\](http://evil.example.com)" in'),
        ("[1]", '"[1]" in'),
    ],
)
def test_text_in_sarif_is_no_placeholder_and_no_link(folder: Path, cell: str, text: str) -> None:
    """SARIF 2.1.0, 3.11.5 and 3.11.6: braces are doubled, and a bracket that could begin a link has a backslash."""
    Path(NAME).write_bytes(with_bad_amounts(1).replace(b",bad0,", f",{cell},".encode()))
    (result,) = readers.sarif(printed("sarif", NAME)[1])["results"]
    assert result["message"]["text"].startswith(text)


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such name")
def test_hostile_text_is_no_markup_in_markdown(folder: Path) -> None:
    page = readers.markdown(printed("markdown", hostile(folder).name)[1])
    assert elements(page) <= {"h1", "h2", "p", "strong", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.attributes <= {"lang"}
    assert {len(row) for row in page.cells} == {2, 4}
    assert "<b>x|`c`]]>" in page.text


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_any_text_as_it_stands(text: str) -> None:
    from billproof.model.values import shown
    from billproof.report.render.phrases import escaped, fenced

    safe = shown(text)
    page = readers.markdown(f"| a | b |\n|---|---|\n| {escaped(safe)} | {escaped(safe)} |")
    assert elements(page) == {"table", "thead", "tbody", "tr", "th", "td"}
    assert [cell.replace("\u200b", "") for cell in page.cells[1]] == [safe.strip()] * 2
    assert elements(readers.markdown("\n".join(fenced(f"{safe}\n```\n{safe}")))) == {"pre", "code"}
    assert not re.search(r"[@#][A-Za-z0-9]", page.text), "a mention or a reference"


# --- what is the same for all formats ---


@pytest.mark.parametrize("format_", EACH_FORMAT)
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_no_console_makes_a_format_fail(folder: Path, format_: str, encoding: str) -> None:
    path = folder / "Zürich 数据.csv"
    shutil.copy(fixture("middle-gap"), path)
    done = process("check", path.name, "--as-of", AS_OF, "--format", format_, PYTHONIOENCODING=encoding)
    assert done.returncode == 1
    assert done.stderr == b""
    assert b"\r\n" not in done.stdout
    text = done.stdout.decode(encoding if format_ == "text" else "utf-8")
    name = "Z%C3%BCrich" if format_ == "sarif" else "Z\\xfcrich" if format_ == "text" and encoding == "ascii" else "Zürich"
    assert name in text


def test_a_format_is_loaded_only_when_it_is_asked_for() -> None:
    program = (
        "import sys; from billproof.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, sorted(name for name in sys.modules"
        " if name.startswith('billproof.report.render.') or name in ('xml', 'json')))"
    )
    loaded = {}
    for format_ in ("text", "gitlab"):
        command = [sys.executable, "-c", program, "check", str(fixture("good-h1")), "--as-of", AS_OF, "--format", format_]
        # The measuring of coverage loads modules of its own.
        plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=plain).stdout
        loaded[format_] = {name.rpartition(".")[2] for name in re.findall(r"'([\w.]+)'", out.splitlines()[-1])}
    assert loaded == {
        "text": {"text", "verdicts", "phrases", "calendar", "json"},
        "gitlab": {"gitlab", "aside", "entries", "phrases", "json"},
    }


# --- Microsoft's multitool with GitHub's rules; 100 MB, so only where it was installed: make multitool ---

MULTITOOL = os.environ.get("BILLPROOF_MULTITOOL", "")
needs_multitool = pytest.mark.skipif(not MULTITOOL, reason="BILLPROOF_MULTITOOL names no Sarif.Multitool: make multitool")


def multitool(path: Path) -> dict[str, str]:
    """What Microsoft's validator says of a SARIF file by the standard's and GitHub's rules: rule and level of each remark."""
    told = path.with_suffix(".told")
    command = [MULTITOOL, "validate", str(path), "--rule-kind", "Sarif;Ghas", "--output", str(told)]
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return {one["ruleId"]: one.get("level", "warning") for one in json.loads(told.read_text("utf-8-sig"))["runs"][0]["results"]}


@needs_multitool
@pytest.mark.parametrize("name", [*RUNS, "hostile"])
def test_multitool_finds_nothing_but_the_missing_home_page(folder: Path, name: str) -> None:
    arguments = [hostile(folder).name, "--max-findings", "10000"] if name == "hostile" else prepared(name, folder)
    run("check", *arguments, "--as-of", AS_OF, "--output", "sarif=out.sarif")
    assert multitool(folder / "out.sarif") == {"SARIF2005": "warning"}


@needs_multitool
def test_multitool_would_see_what_github_refuses(folder: Path) -> None:
    run("check", *prepared("fail", folder), "--as-of", AS_OF, "--output", "sarif=out.sarif")
    log = json.loads((folder / "out.sarif").read_text("utf-8"))
    for result in log["runs"][0]["results"]:
        result["locations"] = []
    (folder / "out.sarif").write_text(json.dumps(log), "utf-8")
    assert "error" in multitool(folder / "out.sarif").values()


# --- what a pass still lacks, and what it adds up to ---

READ_BY_PEOPLE = ("text", "github", "markdown", "html", "junit", "sarif")


@pytest.mark.parametrize("format_", READ_BY_PEOPLE)
def test_a_first_pass_says_in_words_what_an_upload_still_needs(format_: str) -> None:
    out = printed(format_, str(fixture("good-h1")))[1]
    assert "not compared with your organization yet, nor with an earlier upload (OC401, OC601, OC602)" in " ".join(out.split())


@pytest.mark.parametrize("format_", READ_BY_PEOPLE)
def test_a_waived_missing_day_that_would_not_be_uploaded_says_so_first(folder: Path, format_: str) -> None:
    who = 'organization: org-EXAMPLEacme01, month: "2025-10", reason: x, owner: me, expires: "2026-12-31"'
    make_ready(folder, f"waivers:\n  - {{rule: OC304, at_most: 3, {who}}}\n")
    code, out = printed(format_, str(fixture("middle-gap")))
    assert code == 0
    why = "the month was read from the rows, and a missing day is waived: set --month"
    assert why in " ".join(out.split()).replace("\\", "")
    if format_ in ("text", "github", "markdown"):
        assert why in out.replace("\\", "").splitlines()[0]
    if format_ == "html":
        first_screen = out.partition("</header>")[0]
        assert "Not ready to upload" in first_screen and "OC304 missing-day is waived by me" in first_screen
    ready = printed(format_, str(fixture("middle-gap")), "--month", "2025-10")[1]
    assert "ot ready to upload" not in ready


def test_every_reason_that_keeps_a_pass_from_an_upload_is_in_its_first_line(folder: Path) -> None:
    """Also those that are no rule's: no destination, no integration, two files of one month."""
    config = make_ready(folder)
    given = config.read_text("utf-8")
    for edit, words in (
        (given.replace(", to: archive", ""), "not compared with an earlier upload (OC601, OC602); no destination"),
        (given.replace("acme01", "other"), "not compared with your organization, nor with an earlier upload"),
    ):
        config.write_text(edit, "utf-8")
        assert f"not ready to upload: {words}" in printed("text", str(fixture("good-h1")))[1].splitlines()[0]
    config.write_text(given, "utf-8")
    both = [str(fixture("good-h1")), str(fixture("good-h2"))]
    lines = printed("text", *both, "--month", "2025-10", "--quiet")[1].splitlines()
    assert [line.partition("; ")[2] for line in lines[:2]] == ["not ready to upload: two files of one month"] * 2
    assert "Not ready to upload" in printed("html", *both, "--month", "2025-10")[1].partition("<main")[0]


@pytest.mark.parametrize("format_", ["text", "github", "markdown", "html"])
def test_a_file_with_days_of_another_month_has_two_totals(format_: str) -> None:
    """917.49 USD in October and 121.07 USD in November, added up by hand from the rows of the fixture."""
    out = printed(format_, str(fixture("default-31-days")), "--month", "2025-10")[1]
    texts = re.sub(r"<[^>]+>|\|", " ", out)
    assert re.search(r"Month total\s+917\.49 USD", texts)
    assert re.search(r"File total\s+1,038\.56 USD", texts)


def test_in_a_list_of_files_both_totals_are_named() -> None:
    out = printed("markdown", str(fixture("default-31-days")), str(fixture("good-h1")), "--month", "2025-10")[1]
    assert "| FAIL | 2025-10 | 917.49 USD (whole file: 1,038.56) |" in out
    assert "| PASS | 2025-10 | 1,038.56 USD |" in out


def test_a_count_is_said_once(folder: Path) -> None:
    """A message that has the count of its rule is not given it again; every other is, also that of lines."""
    for name, message in (
        ("some-without-project", "this charge lacks project_id or project_name; 3 of 108 charges do"),
        ("personal-data", "rows with an e-mail address in user_email: 108"),
        ("missing-cells", "a charge has no amount_currency (3 cells in all)"),
        ("trailing-blank-line", "line 114 is empty; an unmodified export has no empty lines (2 lines in all)"),
    ):
        copy = folder / f"{name}.csv"
        copy.write_bytes(fixture(name).read_bytes() + (b"\n" if name == "trailing-blank-line" else b""))
        assert f"  {message}\n" in printed("text", copy)[1], name


def test_quiet_is_quiet_in_the_log_of_a_job_and_gives_a_reason_for_each_file() -> None:
    names = ("default-31-days", "bad-amount", "good-h1")
    files = [str(fixture(name)) for name in names]
    text, log = (printed(name, *files, "--quiet")[1] for name in ("text", "github"))
    assert [line for line in log.splitlines() if not line.startswith("::")] == text.splitlines()
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")][:3] == ["FAIL", "FAIL", "PASS"]
    assert lines[1].startswith("  The export has the dashboard's 31-day range")
    assert lines[3 if lines[2].startswith("FAIL") else 4].startswith("  OC202 bad-amount: ")
    assert "could not be checked\n  missing.csv: " in printed("text", "missing.csv", "--quiet")[1]
