"""Many files on one screen: which are not ready, why and what to do, the worst first; several files of one month, by path."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from billproof.model.values import month_name
from billproof.report.render import render
from tests.report.render.pages import read
from tests.support import FIXTURES, check, fixture, make_ready

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

pytestmark = pytest.mark.usefixtures("at_root")

BAD = ("ungrouped-h2", "middle-gap", "not-a-csv-gzip", "bad-amount", "stray-quote", "eur", "iso-differs", "unsorted")
SCREEN = 24


@cache
def _checked() -> dict[str, Any]:
    found = check(*(fixture(name) for name in ("good-h1", *BAD)), "--month", "2025-10")
    assert found.report is not None
    return found.report


def many(good: int, bad: dict[str, int], organizations: int = 1) -> Report:
    """A report of as many files of each kind, each of its own organization and month."""
    report = copy.deepcopy(_checked())
    kinds = dict(zip(("good-h1", *BAD), report["files"], strict=True))
    files: list[dict[str, Any]] = []
    for name in ["good-h1"] * good + [name for name, count in bad.items() for _ in range(count)]:
        number = len(files)
        file = copy.deepcopy(kinds[name])
        path, organization = f"exports/{name}/{number:04}.csv", f"org-EXAMPLE{number % organizations:03}"
        month = f"{2000 + number // organizations // 12}-{number // organizations % 12 + 1:02}"
        file.update(path=path, organization={"value": organization, "source": "inferred"})
        file["month"]["value"] = month if file["month"]["value"] else None
        files.append(file)
    report["files"] = files
    report["reasons"] = [
        {"code": "failed", "file": file["path"], "rule": one["rule"], "text": "failed"}
        for file in files for one in file["outcomes"] if one["state"] == "failed" and one["level"] == "error"
    ]  # fmt: skip
    return cast("Report", report)


def screen(report: Report) -> list[str]:
    """The lines of a text from its summary on."""
    lines = render("text", report).splitlines()
    tally = next(number for number, line in enumerate(lines) if re.match("[0-9]+ files: ", line))
    begin = max(number for number, line in enumerate(lines[: tally - 1]) if not line)
    return lines[begin + 1 :]


def test_the_summary_of_many_files_fits_a_screen_and_says_which_why_and_what_to_do() -> None:
    report = many(240, dict.fromkeys(BAD, 12), 28)
    lines = screen(report)
    assert len(lines) <= SCREEN
    assert all(len(line) <= 112 for line in lines)
    first = ["exports/ungrouped-h2/0240.csv" in lines[0], lines[1].startswith("Why  "), lines[2].startswith("What to do ")]
    assert first == [True, True, True]
    assert lines[0].startswith("FAIL       OC501 not-by-line-item in 12 files: ")
    assert lines[0].endswith(" more")
    assert 'without "Group by: Line Item"' in lines[1]
    assert "export again with Group by: Line Item." in lines[2]
    assert "And " in lines[18]
    assert "in 12 files" in lines[18]
    assert "336 files: 240 passed, 96 failed, 0 unproved" in lines


def test_the_worst_is_first_and_then_what_concerns_most_files() -> None:
    report = many(2, {"ungrouped-h2": 1, "middle-gap": 2})
    lost: Any = copy.deepcopy(report["files"][0])
    lost.update(path="lost.csv", verdict="unproved", outcomes=[], error="lost.csv: cannot be read: Permission denied")
    report["files"].append(lost)
    report["reasons"].append({"code": "unreadable", "file": "lost.csv", "rule": None, "text": lost["error"]})
    warned: Any = copy.deepcopy(report["files"][0])
    warned["path"] = "warned.csv"
    finding = copy.deepcopy(report["files"][2]["outcomes"])
    warned["outcomes"] = [{**one, "level": "warning"} for one in finding if one["state"] == "failed"]
    report["files"].append(warned)
    heads = [line.split(":")[0] for line in screen(report) if re.match("UNPROVED|FAIL|PASS", line)]
    assert heads == [
        "UNPROVED   unreadable in 1 file", "FAIL       OC304 missing-day in 2 files",
        "FAIL       OC501 not-by-line-item in 1 file", "PASS       OC501 not-by-line-item in 1 file",
    ]  # fmt: skip
    page = read(render("html", report)).text
    assert page.index("unreadable 1 file") < page.index("OC304 missing-day 2 files") < page.index("OC501 not-by-line-item 1 file")


def test_of_many_files_those_that_passed_have_a_line_with_their_total() -> None:
    text = render("text", many(4, {}))
    lines = text.splitlines()
    for number, line in enumerate(lines[:4]):
        month = f"{month_name(f'2000-{number + 1:02}')}, 1,038.56 USD; not ready to upload: "
        assert line.startswith(f"PASS  exports/good-h1/{number:04}.csv has no errors for {month}")
    ready = many(4, {})
    ready["upload"]["ready"] = True
    assert render("text", ready).startswith("PASS  exports/good-h1/0000.csv is ready to upload as January 2000, 1,038.56 USD\n")
    assert lines[4] == ""
    assert text.count("A file cannot prove") == 1
    assert render("text", many(3, {})).count("  Organization ") == 3


def test_a_total_to_compare_with_is_asked_for_only_where_one_could_be_given() -> None:
    assert "--expect-total" in render("text", many(1, {}))
    assert "--expect-total" not in render("text", many(2, {}))
    agreeing = many(1, {})
    agreeing["files"][0]["costs"] = cast("Any", {
        "record": {"sha256": "0" * 64, "signed": False, "base_url": "https://api.openai.com"}, "agrees": True, "keys": 3,
        "read": {"started": "2025-12-01T00:00:00Z", "finished": "2025-12-01T00:00:00Z"}, "total": "1", "difference": "0",
    })  # fmt: skip
    assert "--expect-total" not in render("text", agreeing)


@pytest.mark.parametrize("format_", ["text", "markdown", "html", "github", "junit"])
def test_that_there_is_no_record_is_said_where_one_is_looked_for(tmp_path: Path, format_: str) -> None:
    config = make_ready(tmp_path, "costs: {folder: costs/}\n")
    given = (fixture("good-h1"), "--config", config, "--format", format_)
    assert "There is no record of OpenAI's costs for this month. An owner " in check(*given).out
    config.write_text(config.read_text("utf-8").replace("costs: {folder: costs/}\n", ""), "utf-8")
    assert "There is no record" not in check(*given).out.partition("All rules")[0].replace("there is no", "")


def test_of_many_files_those_without_a_record_are_counted() -> None:
    report = many(5, {})
    for file in cast("list[Any]", report["files"][:3]):
        file["outcomes"][0].update(state="not_applicable", reason="there is no record of OpenAI's costs for this month. Fetch it")
    text = " ".join(render("text", report).split())
    assert "There is no record of OpenAI's costs for 3 of 5 files. An owner can fetch them: billproof costs fetch" in text


@pytest.mark.parametrize("format_", ["text", "markdown", "html", "github"])
def test_two_files_of_a_month_are_named_at_the_top_with_their_paths(format_: str) -> None:
    paths = [str(fixture("good-h1")), str(fixture("good-h2"))]
    out = check(*paths, "--month", "2025-10", "--format", format_).out
    out = out[out.index("<main>") :] if format_ == "html" else out
    text = " ".join(re.sub(r"<[^>]+>|\*", " ", out.replace("\\", "")).split())
    said = text[: text.index("An upload replaces the month")]
    assert "Two files of one month, October 2025 of org-EXAMPLEacme01" in said
    assert all(path in said for path in paths)
    assert "has no errors" not in said
    other = check(*sorted((FIXTURES / "several-months-of-folder").rglob("*.csv")), "--format", format_).out
    assert "files of one month" not in other


def test_a_page_of_very_many_files_shows_in_full_only_what_has_something_to_say() -> None:
    report = many(90, {"middle-gap": 5, "ungrouped-h2": 5}, 25)
    page = render("html", report)
    reader = read(page)
    assert page.count('<article class="file"') == 10
    linked = {value[1:] for name, value in reader.attributes if name == "href"}
    assert linked == {f"file-{number}" for number in range(91, 101)} <= set(reader.ids)
    assert "90 files only listed here" in reader.text
    # 25 organizations do not fit beside each other, so each has a row.
    assert "what has no stamp passed Organization 2000-01 2000-02 2000-03 2000-04 Total" in reader.text
    assert "org-EXAMPLE000, Acme Research 1,038.56 ! NOT READY 1,038.56" in reader.text
    assert len(page) < 500_000
    assert render("html", many(38, {"middle-gap": 2})).count('<article class="file"') == 40
