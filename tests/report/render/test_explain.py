"""`--explain`: the text says for each failed rule why it matters, what to do and where that is from; nothing else changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from billproof.model.results import FORMATS
from billproof.report.render.phrases import WIDTH
from billproof.report.render.text import render_text
from tests.support import AS_OF, FIXTURES, ROOT, check, fixture, make_ready, run

pytestmark = pytest.mark.usefixtures("at_root")

GAP = fixture("middle-gap")
SPREADSHEET = FIXTURES / "demo" / "Costs October.csv"


def rule(id_: str) -> dict[str, Any]:
    """A rule's file, read by another parser than ours."""
    (path,) = (ROOT / "rules").glob(f"*/{id_}-*.yaml")
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_failed_rule_is_explained() -> None:
    out = check(GAP, "--explain").out
    assert (
        """
  OC304 missing-day  error  2025-10 has no row for 2025-10-12 to 2025-10-14 (3 days in all)
        fixtures/middle-gap/cost_2025-10-01_2025-10-31.csv:40:start_time""".replace("fixtures", str(FIXTURES))
        in out
    )
    assert """
        Why        An upload replaces the whole month, so the costs of a missing day disappear. OpenAI writes a
                   row even for a day without usage; a missing day was not exported.
        What to do Export again with the first and last day of the month as Start date and End date; the End
                   date is included.
        See        Pelanor OpenAI integration: does the file cover the entire billing month?
                   Real OpenAI cost exports of 2025 and 2026: every day of the range is present; a day without
                   usage is one empty row

""" in out  # fmt: skip


def test_each_failed_rule_is_and_no_other() -> None:
    found = check(SPREADSHEET, "--explain")
    assert found.failed == {"CSV003", "CSV004", "OC201", "OC206"}
    text = in_one_line(found.out)
    for outcome in found.file["outcomes"]:
        words = rule(outcome["rule"])
        assert (in_one_line(f"Why {words['why']} What to do {words['fix']} See {' '.join(words['refs'])}") in text) == (
            outcome["state"] == "failed"
        ), outcome["rule"]


def test_without_it_nothing_is_explained() -> None:
    assert "Why  " not in check(SPREADSHEET).out
    assert "Why  " not in check(SPREADSHEET, "--verbose").out


def test_what_is_said_above_is_not_repeated() -> None:
    found = check(fixture("some-without-project"), "--explain")
    assert found.failed == {"OC503"}
    words = rule("OC503")
    assert in_one_line(found.out).count(in_one_line(words["fix"])) == 1
    assert in_one_line(f"Why {words['why']} See {' '.join(words['refs'])}") in in_one_line(found.out)


def test_what_is_waived_is_not_explained(tmp_path: Path) -> None:
    config = make_ready(
        tmp_path,
        'waivers: [{rule: OC304, organization: org-EXAMPLEacme01, month: "2025-10", at_most: 3, reason: known, owner: billing, '
        'expires: "2026-06-30"}]\n',
    )
    found = check(GAP, "--explain", "--config", config)
    assert found.in_state("waived") == {"OC304"}
    assert "Why  " not in found.out


def test_every_failed_rule_is_shown() -> None:
    """However many there are: usually the text ends the list after twelve."""
    report: Any = check(GAP).report
    assert report is not None
    (failed,) = [one for one in report["files"][0]["outcomes"] if one["state"] == "failed"]
    ids = [one["id"] for one in report["ruleset"]["rules"]][:15]
    report["files"][0]["outcomes"] = [failed | {"rule": id_, "name": rule(id_)["name"]} for id_ in ids]
    assert "and 3 more rules" in render_text(report)
    explained = render_text(report, explain=True)
    assert "more rules" not in explained
    assert explained.count("        Why        ") == 15


def test_every_rule_has_lines_that_fit() -> None:
    report: Any = check(GAP).report
    assert report is not None
    (failed,) = [one for one in report["files"][0]["outcomes"] if one["state"] == "failed"]
    for one in report["ruleset"]["rules"]:
        report["files"][0]["outcomes"] = [failed | {"rule": one["id"], "name": one["name"]}]
        text = render_text(report, explain=True)
        explanation = text[text.index("        Why        ") :].split("\n\n")[0].splitlines()
        assert max(map(len, explanation)) <= WIDTH
        assert [
            line for line in explanation if not re.match(r"        (Why        |What to do |See        |           )\S", line)
        ] == []


@pytest.mark.parametrize("format_", [one for one in FORMATS if one != "text"])
def test_other_formats_do_not_change(format_: str, tmp_path: Path) -> None:
    plain = run("check", str(SPREADSHEET), "--as-of", AS_OF, "--format", format_, "--output", f"{format_}={tmp_path / 'plain'}")
    explained = run(
        "check", str(SPREADSHEET), "--as-of", AS_OF, "--format", format_, "--explain", "--output", f"{format_}={tmp_path / 'e'}"
    )
    assert explained == plain
    assert (tmp_path / "e").read_bytes() == (tmp_path / "plain").read_bytes()
    assert plain[1].encode() == (tmp_path / "plain").read_bytes()


def test_a_text_in_a_file_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    check(GAP, "--explain", "--quiet", "--output", f"text={path}")
    assert "\n        Why        An upload replaces the whole month" in path.read_text("utf-8")


def test_only_the_verdicts_stay_only_the_verdicts() -> None:
    assert check(GAP, "--explain", "--quiet").out == check(GAP, "--quiet").out


def test_an_upload_explains_what_stopped_it(tmp_path: Path) -> None:
    config = make_ready(tmp_path)
    code, out, _ = run("upload", str(GAP), "--as-of", AS_OF, "--dry-run", "--config", str(config), "--explain")
    assert code == 1
    assert "\n        Why        An upload replaces the whole month" in out
