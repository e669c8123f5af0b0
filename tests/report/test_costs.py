"""What the formats say of OpenAI's own record: a line that agrees or says by how much not, and on the page the projects."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from billproof.report.render import render
from billproof.report.render.html import render_html
from tests.report.render.pages import read
from tests.report.snapshots import Text
from tests.support import check, run

pytestmark = pytest.mark.usefixtures("at_root")

RULES = "rules/openai-cost"
AGREES = "OpenAI's record of 5 November 02:10 UTC agrees: 33 keys, 908.14 USD"
LESS = "OpenAI's record of 5 November 02:10 UTC differs: the file has 412.09 USD less than its 908.14 USD"
SAID = {
    ("OC801-as-exported", "OC801-record"): AGREES,
    ("OC801-one-project", "OC801-record"): LESS,
    ("OC802-one-more", "OC801-record"):
        "OpenAI's record of 5 November 02:10 UTC differs: the file has 12.34 USD more than its 908.14 USD",
    ("OC804-before-late-usage", "OC804-record"):
        "OpenAI's record of 1 November 06:00 UTC differs: the file has 0.50 USD less than its 908.14 USD",
    ("OC801-as-exported", "OC805-september"): "OpenAI's record of 5 October 02:10 UTC could not be compared with the file",
}  # fmt: skip


def asked(export: str, record: str) -> tuple[str, ...]:
    return f"{RULES}/{export}.csv", "--costs", f"{RULES}/{record}.json", "--month", "2025-10", "--as-of", "2025-11-10"


def report_of(export: str, record: str) -> Any:
    return json.loads(run("check", *asked(export, record), "--format", "json")[1])


@pytest.mark.parametrize("pair", SAID)
def test_every_format_that_people_read_has_the_line_once(pair: tuple[str, str]) -> None:
    report = report_of(*pair)
    assert run("check", *asked(*pair))[1].count(f"  {SAID[pair]}\n") == 1
    for format_ in ("markdown", "junit", "github"):
        assert render(format_, report).count(SAID[pair]) == 1, format_
    assert read(render_html(report)).text.count(f"{SAID[pair]}.") == 1


@pytest.mark.parametrize("pair", SAID)
def test_a_text(pair: tuple[str, str], snapshot: SnapshotAssertion) -> None:
    assert check(*asked(*pair)).out == snapshot(extension_class=Text)


def test_without_a_record_nothing_is_said_of_one() -> None:
    report = json.loads(run("check", f"{RULES}/OC801-as-exported.csv", "--month", "2025-10", "--format", "json")[1])
    for format_ in ("text", "markdown", "junit", "html"):
        assert not re.search("record of [0-9]+ ", render(format_, report)), format_


def test_the_page_lists_the_projects_that_differ_and_counts_the_others() -> None:
    said = read(render_html(report_of("OC801-one-project", "OC801-record"))).text
    section = said[said.index("Projects that differ") :]
    assert "proj_EXAMPLE1" not in section[: section.index("1 project has the same total")]
    support = section[: section.index("1 project has the same total")]
    for cell in ("Support", "proj_EXAMPLE2", "0.00", "412.09", "-412.09"):
        assert cell in support


def test_the_page_lists_no_project_where_the_record_agrees() -> None:
    assert "Projects that differ" not in read(render_html(report_of("OC801-as-exported", "OC801-record"))).text


def test_a_page_is_a_screen_of_projects_and_the_rest_is_counted() -> None:
    report = report_of("OC801-one-project", "OC801-record")
    costs = report["files"][0]["costs"]
    costs["by_project"] = [
        {"id": f"proj_{number:03}", "name": None, "file": "0", "record": str(1000 - number)} for number in range(50)
    ]
    costs |= {"projects": 1200, "projects_differing": 950}
    said = read(render_html(report)).text
    assert ("proj_019" in said, "proj_020" in said) == (True, False)
    assert "930 more projects differ; 250 projects have the same total" in said


def test_a_difference_below_a_cent_is_not_zero() -> None:
    report = report_of("OC801-one-project", "OC801-record")
    report["files"][0]["costs"] |= {"difference": "-0.00012"}
    assert "the file has 0.00012 USD less than its 908.14 USD" in render("text", report)


def test_equal_totals_are_no_agreement() -> None:
    report = report_of("OC801-one-project", "OC801-record")
    report["files"][0]["costs"] |= {"difference": "0"}
    assert "differs, although both totals are 908.14 USD" in render("text", report)


def test_a_record_from_elsewhere_is_not_called_openais() -> None:
    report = report_of("OC801-as-exported", "OC801-record")
    report["files"][0]["costs"]["record"] |= {"base_url": "http://127.0.0.1:8080"}
    assert "The record from http://127.0.0.1:8080 of 5 November 02:10 UTC agrees" in render("text", report)


def test_a_record_of_another_year_than_its_month_names_it() -> None:
    report = report_of("OC801-as-exported", "OC801-record")
    report["files"][0]["costs"]["read"] |= {"finished": "2026-01-05T02:10:00Z"}
    assert "OpenAI's record of 5 January 2026 02:10 UTC agrees" in render("text", report)


def test_the_report_says_whether_it_agrees_and_how_many_projects_differ() -> None:
    found = {pair: report_of(*pair)["files"][0]["costs"] for pair in SAID}
    values = [(costs["agrees"], costs["projects"], costs["projects_differing"]) for costs in found.values()]
    assert values == [(True, 2, 0), (False, 2, 1), (False, 2, 1), (False, 2, 1), (None, 0, 0)]


def test_the_digest_of_the_record_stands_among_the_digests(tmp_path: Path) -> None:
    report = report_of("OC801-as-exported", "OC801-record")
    assert report["files"][0]["costs"]["record"]["sha256"] in read(render_html(report)).text
