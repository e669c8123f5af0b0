"""The HTML page: what stands on it and in which order, and that nothing in a report can become markup, style or script."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from syrupy.assertion import SnapshotAssertion

from billproof.report.render.html import render_html
from billproof.report.render.html.elements import ATTRIBUTES, TAGS, element, prose, write
from tests.report.render.pages import HOSTILE, hostile_export, page_of, read
from tests.report.snapshots import Text
from tests.support import FIXTURES, check, run

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

pytestmark = pytest.mark.usefixtures("at_root")

# What only the head and the frame of the page hold; `elements` knows none of it.
FRAME = {"html", "head", "meta", "style"}
FRAME_ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name"}


class Page(Text):
    """The body of a page, one element a line."""

    file_extension = "html"


def body(page: str) -> str:
    """A page from its body on, without what changes with every wording of a rule and with every version."""
    page = page[page.index("<body>") :]
    return re.sub(r"(billproof|openai-cost) [0-9.]+[0-9]", r"\1 N", page)


SNAPSHOTS: dict[str, tuple[str, ...]] = {
    "pass": ("fixtures/good-h4",),
    "fail": ("fixtures/default-31-days", "--max-findings", "7"),
    "unproved": ("fixtures/no-such-folder",),
    "mixed": ("fixtures/demo", "fixtures/no-such-file.csv", "--max-findings", "3"),
}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_page(name: str, snapshot: SnapshotAssertion) -> None:
    page = body(page_of(*SNAPSHOTS[name]))
    page = re.sub(r'(?s)<table class="rules">.*?</table>', "(all rules)", page)
    assert re.sub(r"[0-9a-f]{64}", "(sha256)", page) == snapshot(extension_class=Page)


@pytest.mark.parametrize("case", sorted({path.parent.name for path in FIXTURES.glob("*/*.csv")}))
def test_every_fixture_gives_a_sound_page(case: str) -> None:
    page = page_of(f"fixtures/{case}")
    reader = read(page)
    assert reader.tags <= TAGS | FRAME
    assert {name for name, _ in reader.attributes} <= ATTRIBUTES | FRAME_ATTRIBUTES
    assert all(value.startswith("#") for name, value in reader.attributes if name == "href")
    assert len(reader.ids) == len(set(reader.ids))
    assert {value for name, value in reader.attributes if name == "aria-labelledby"} <= set(reader.ids)
    assert reader.headings[0] == 1
    assert reader.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(reader.headings, reader.headings[1:], strict=False))
    for word in ("blocked", "not_run", "evaluated", "not_applicable"):
        assert word not in reader.text


def test_commands_are_code_and_not_in_backticks() -> None:
    page = page_of("fixtures/good-h1")
    assert "<code>billproof init</code>" in page
    assert "`" not in page
    assert write(element("p", *prose("write `<b>`, not a lone `"))) == "<p>write <code>&lt;b&gt;</code>, not a lone `</p>\n"


def test_nothing_to_check_is_a_page_too(tmp_path: Path) -> None:
    report = report_of(tmp_path)
    said = read(render_html(report)).text
    assert "? UNPROVED" in said
    assert "All rules" not in said
    report["files"] = []
    report["reasons"] = [{"code": "nothing_to_check", "file": None, "rule": None, "text": "no file was named"}]
    said = read(render_html(report)).text
    assert "? UNPROVED no file was named Name a file or a folder: billproof check cost_2025-10-01_2025-10-31.csv" in said


def test_what_makes_a_verdict_weaker_stands_beside_it() -> None:
    report = report_of("fixtures/good-h1")
    report["files"][0]["outcomes"][0].update(state="off", evaluated=0, reason="disabled by finops: not needed")
    report["ruleset"]["rules"][1]["level"] = "note"
    said = read(render_html(report)).text
    assert said.index("CSV001 empty-file is disabled by finops: not needed") < said.index("Calendar")
    assert said.index("CSV002 not-utf8: note instead of the built-in error; not ready to upload") < said.index("Calendar")
    assert "CSV001 empty-file The file has a header and at least one row. – disabled" in said


def test_a_day_that_may_not_have_been_readable_is_not_called_missing_alone() -> None:
    for case in ("broken-download-mid-row", "spreadsheet-excel-english"):
        assert re.search(r"missing: [^×]*, or unreadable", read(page_of(f"fixtures/{case}", "--month", "2025-10")).text)


def test_the_places_of_findings() -> None:
    report = report_of("fixtures/duplicate-row")
    outcome = next(one for one in report["files"][0]["outcomes"] if one["state"] == "failed" and one["findings"][0]["related"])
    finding = outcome["findings"][0]
    assert f"Line {finding['line']}, also {finding['related'][0]['line']}" in read(render_html(report)).text
    whole = {**finding, "line": None, "column": None, "value": None, "expected": None, "related": []}
    outcome["findings"] = [{**whole, "message": "one thing"}, {**whole, "message": "another thing"}]
    assert "<ul><li>one thing</li>\n<li>another thing</li>\n</ul>" in render_html(report)


def test_what_an_upload_and_a_configured_run_say() -> None:
    report = report_of("fixtures/good-h1")
    report["upload"] = {"ready": True, "because": []}
    report["files"][0]["integration"] = "research"
    report["run"]["host"] = {"name": "builder", "system": "linux", "python": "3.11.7"}
    report["run"]["ci"]["actor"] = "somebody"
    report["settings"]["config"] = {"path": "billproof.yaml", "sha256": "0" * 64}
    said = read(render_html(report)).text
    assert "PASS cost_2025-10-01_2025-10-31.csv is ready to upload as October 2025" in said
    assert "Ready to upload yes" in said
    assert "Integration research" in said
    assert "Machine builder, linux, Python 3.11.7" in said
    assert "Actor somebody" in said
    assert "billproof.yaml configuration " + "0" * 64 in said


def test_an_unknown_total_has_no_parts() -> None:
    page = page_of("fixtures/bad-amount")
    assert "Total unknown: an amount, a currency or a record could not be read" in read(page).text
    assert '<div class="groups">' not in page


def test_a_long_file_shows_six_months() -> None:
    report = report_of("fixtures/good-h1")
    one = report["files"][0]
    one["days"] = [{"date": f"2025-{month:02}-01", "state": "outside", "rows": 1, "amount": "1"} for month in range(1, 9)]
    page = render_html(report)
    assert page.count('<table class="days">') == 6
    assert "and 2 more months" in read(page).text
    assert '<div class="chart">' not in page


def test_large_amounts_are_short_on_the_axis() -> None:
    report = report_of("fixtures/good-h1")
    for number, day in enumerate(report["files"][0]["days"]):
        day.update(state="charged", rows=1, amount=str(30_000_000 if number else 1))
    ticks = re.findall(r'text-anchor="end">([^<]*)<', render_html(report))
    assert ticks == ["0", "10M", "20M", "30M"]


def test_a_broken_check_is_told() -> None:
    report = report_of("fixtures/good-h1")
    outcome = report["files"][0]["outcomes"][0]
    outcome.update(state="crashed", evaluated=0, reason="the check broke down: ZeroDivisionError")
    report["files"][0]["verdict"] = report["verdict"] = "unproved"
    path, text = report["files"][0]["path"], "CSV001 broke down"
    report["reasons"] = [{"code": "crashed", "file": path, "rule": "CSV001", "text": text}]
    said = read(render_html(report)).text
    assert "Why CSV001 broke down" in said
    assert "CSV001 empty-file ✗ crashed the check broke down: ZeroDivisionError" in said


def test_the_order_is_that_of_the_text() -> None:
    page = page_of("fixtures/default-31-days")
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert titles == [
        "Cause", "What to do", "Calendar", "Findings", "Skipped or not run", "Control totals", "All rules", "Digests",
        "What a file cannot prove", "Settings", "Run",
    ]  # fmt: skip
    assert "<title>FAIL cost_2025-10-04_2025-11-03.csv must not be uploaded as October 2025</title>" in page


def test_the_page_says_what_the_report_says() -> None:
    found = check("fixtures/default-31-days")
    assert found.report is not None
    said = read(render_html(cast("Report", found.report))).text
    for outcome in found.file["outcomes"]:
        assert f"{outcome['rule']} {outcome['name']}" in said
    for rule in found.report["ruleset"]["rules"]:
        assert rule["asserts"] in said
    for finding in found.outcome("OC303")["findings"]:
        assert finding["message"] in said
    for day in found.file["days"]:
        assert day["amount"] is None or day["amount"] in said
    for group in found.file["totals"]["by_project"] + found.file["totals"]["by_line_item"]:
        assert group["id"] in said
    for digest in (found.file["sha256"], found.report["ruleset"]["sha256"], found.report["result_sha256"]):
        assert digest in said


def test_a_calendar_shows_each_day() -> None:
    page = page_of("fixtures/default-31-days")
    october, november = re.findall(r'(?s)<table class="days">.*?</table>', page)
    weeks = re.findall(r"(?s)<tr>(.*?)</tr>", october)[1:]
    # October 2025 began on a Wednesday: two empty cells, then the three missing days.
    assert re.findall(r'<td class="(\w+)">', weeks[0]) == ["none", "none", "missing", "missing", "missing", "empty", "empty"]
    assert len(weeks) == 5
    assert [november.count(f'<td class="{kind}">') for kind in ("outside", "charged", "missing")] == [3, 0, 0]
    assert "3 days missing: 1 to 3" in read(page).text
    assert "3 days outside the month: 12 rows, 121.07 USD" in read(page).text


def report_of(*arguments: str | Path) -> Any:
    found = check(*arguments)
    assert found.report is not None, found.err
    return found.report


def test_columns_are_as_high_as_their_amounts() -> None:
    report = report_of("fixtures/good-h1")
    for number, day in enumerate(report["files"][0]["days"]):
        day.update(state="charged", rows=1, amount={0: "100", 1: "50", 2: "-100"}.get(number, "0"))
    heights = re.findall(r'<rect x="[^"]*" y="([0-9.]+)" width="[^"]*" height="([0-9.]+)"', render_html(report))
    # From 100 down to -100 there are 102 pixels, from 10 to 112: zero lies in the middle, at 61.
    assert heights[:3] == [("10.0", "51.0"), ("35.5", "25.5"), ("61.0", "51.0")]


def test_bars_are_as_long_as_their_amounts_and_shares_are_of_the_total() -> None:
    report = report_of("fixtures/good-h1")
    totals = report["files"][0]["totals"]
    totals["amount"] = "400"
    totals["by_project"] = [
        {"id": "proj_EXAMPLE1", "name": "One", "amount": "300", "rows": 2},
        {"id": "", "name": None, "amount": "100", "rows": 1},
    ]
    totals["by_line_item"] = []
    page = render_html(report)
    assert re.findall(r'<rect width="([0-9.]+)%"', page) == ["100.0", "33.3"]
    said = read(page).text
    assert "One proj_EXAMPLE1 300.00 75.0 %" in said
    assert "(no project) 100.00 25.0 %" in said


def test_no_share_where_an_amount_is_below_zero() -> None:
    report = report_of("fixtures/good-h1")
    totals = report["files"][0]["totals"]
    totals["by_project"] = [
        {"id": "proj_EXAMPLE1", "name": None, "amount": "500", "rows": 2},
        {"id": "proj_EXAMPLE2", "name": None, "amount": "-100", "rows": 1},
    ]
    page = render_html(report)
    assert "proj_EXAMPLE1 500.00 – proj_EXAMPLE2 -100.00 –" in read(page).text
    assert '<rect width="20.0%" height="5" class="below">' in page


def test_many_groups_are_folded_and_counted() -> None:
    said = read(page_of("fixtures/good-thousand-projects")).text
    # 8 of 1,000 projects stand open; the report lists 50 and sums up 950.
    assert "992 more projects, 10,281.98 USD in total" in said
    assert "other (950)" in said


def test_findings_of_the_same_kind_say_once_what_they_share() -> None:
    said = read(page_of("fixtures/default-31-days")).text
    assert said.count("expected a day from 2025-10-01 to 2025-10-31") == 1
    assert "7 more" in said
    assert "Showing 100 findings; 224 cells in all." in read(page_of("fixtures/spreadsheet-scientific-times")).text


def test_a_signed_rule_shows_who_signed(tmp_path: Path) -> None:
    config = tmp_path / "billproof.yaml"
    config.write_text(
        "version: 1\nwaivers:\n  - {rule: OC207, organization: org-EXAMPLEacme01, month: any, reason: a credit, owner: finops,\n"
        '     approved_by: controlling, reference: FIN-812, expires: "2026-01-31"}\n',
        "utf-8",
    )
    said = read(page_of("fixtures/negative", "--config", config)).text
    assert "OC207 negative-amount ✎ waived 1 row" in said
    assert re.search(r"Waived by finops until 2026-01-31 \(.*billproof.yaml:3\): a credit; approved by controlling; "
                     "reference FIN-812", said)  # fmt: skip


def test_a_second_opinion_stands_on_the_page() -> None:
    report = report_of("fixtures/good-h1")
    report["files"][0]["second_opinion"] = {"tool": "other 1.0", "valid": True, "errors": [], "disagreements": []}
    assert "Second opinion other 1.0 found no errors. The two agree." in read(render_html(report)).text
    report["files"][0]["second_opinion"].update(valid=False, errors=["row 3"], disagreements=["other finds a fault in row 3"])
    assert "other 1.0 found 1 error. other finds a fault in row 3 row 3" in read(render_html(report)).text


def test_the_index_sums_by_month_and_organization() -> None:
    report = report_of("fixtures/several-months-of-folder")
    said = read(render_html(report)).text
    assert "Totals by month and organization, USD" in said
    passed = "✓ PASS ! NOT READY"
    months = f"August 2025 1,172.45 {passed} September 2025 1,088.46 {passed} October 2025 1,038.56 {passed}"
    assert f"{months} Total 3,299.48" in said
    other = report["files"][1]
    other["organization"] = {"value": "org-EXAMPLEacme02", "source": "inferred"}
    said = read(render_html(report)).text
    assert "Month org-EXAMPLEacme01, Acme Research org-EXAMPLEacme02, Acme Research Total" in said
    assert f"September 2025 no file 1,088.46 {passed} 1,088.46" in said
    assert "Total 2,211.02 1,088.46 3,299.48" in said
    other["verdict"], other["totals"]["amount"] = "fail", None
    assert "Total 2,211.02 unknown ✗ FAIL unknown ✗ FAIL" in read(render_html(report)).text


def test_the_index_sums_no_month_twice() -> None:
    said = read(page_of("fixtures/demo")).text
    # 476.08 is October alone; the file's total of 533.66 holds three days of November too.
    assert "October 2025 537.87 ✓ PASS ! NOT READY 476.08 ✗ FAIL Total not summed" in said


def test_only_the_last_section_differs_from_run_to_run() -> None:
    report = report_of("fixtures/default-31-days")
    first = render_html(report)
    report["run"].update(started="2030-01-01T00:00:00Z", finished="2030-01-01T00:00:01Z", host=None)
    report["run"]["ci"]["url"] = "javascript:alert(1)"
    second = render_html(report)
    start = first.index('<section class="run"')
    assert first != second
    assert first[:start] == second[: second.index('<section class="run"')]
    assert render_html(report) == second


def test_the_policy_allows_the_one_style_sheet_and_nothing_else() -> None:
    page = page_of("fixtures/good-h1")
    (style,) = re.findall(r"(?s)<style>(.*?)</style>", page)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert not re.search(r"url\(|@import|<", style)


def test_a_hostile_export_stays_text(tmp_path: Path) -> None:
    page = page_of(hostile_export(tmp_path))
    reader = read(page)
    assert reader.tags <= TAGS | FRAME
    assert "<img" not in page
    assert "<script" not in page
    assert "<img src=x onerror=alert(1)>&amp;.csv" in reader.text
    assert "found <b>12</b>" in reader.text
    assert "<svg/onload=alert(1)>" in reader.text
    for text in HOSTILE[:4]:
        assert text in reader.text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", page)


@pytest.mark.soak
def test_ten_thousand_findings_stand_on_the_page(tmp_path: Path) -> None:
    reader = read(page_of(hostile_export(tmp_path, 10_000), "--max-findings", "20000"))
    assert reader.tags <= TAGS | FRAME
    assert "<i>0</i>" in reader.text
    assert "<i>9999</i>" in reader.text
    assert "OC202 bad-amount ✗ failed 10,000 cells" in reader.text


def test_an_element_escapes_whatever_it_is_given() -> None:
    made = element("p", '<b title="x">&</b>', element("bdi", "</p>"), class_='"><script>')
    assert write(made) == '<p class="&quot;&gt;&lt;script&gt;">&lt;b title="x"&gt;&amp;&lt;/b&gt;<bdi>&lt;/p&gt;</bdi></p>\n'


@pytest.mark.parametrize("tag, attributes", [
    ("script", {}), ("style", {}), ("iframe", {}), ("p", {"style": "color:red"}), ("p", {"onclick": "x"}),
    ("a", {"href": "javascript:alert(1)"}), ("a", {"href": "//example.com"}),
])  # fmt: skip
def test_an_element_refuses_what_the_page_does_not_use(tag: str, attributes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="page"):
        element(tag, "x", **attributes)


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    code, out, _ = run("check", "fixtures/good-h1", "--as-of", "2025-12-01", "--format", "html", "--output", f"html={target}")
    assert code == 0
    assert out == target.read_text("utf-8")
    assert out.startswith("<!doctype html>\n")


def test_a_setting_of_one_is_a_number() -> None:
    assert "Findings kept per rule 1 --max-findings" in read(page_of("fixtures/good-h1", "--max-findings", "1")).text
