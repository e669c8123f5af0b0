"""A record of costs that covers less than it seems to: it proves nothing, however well it is sealed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import billproof
from billproof.model.values import DAY_SECONDS, calendar_date, day_number
from billproof.openai.record import question, sealed

EXPORT = "fixtures/good-h1/cost_2025-10-01_2025-10-31.csv"
ORGANIZATION = "org-EXAMPLEacme01"


def record(last: str = "2025-10-31", started: str = "2025-11-05T00:00:00Z", path: str | None = None) -> dict[str, Any]:
    """A record of 1 October to `last`, with the amounts of the export."""
    start, stop = (day_number(calendar_date(text)) for text in ("2025-10-01", last))  # type: ignore[arg-type]
    days = range(start, stop + 1)
    lines = Path(EXPORT).read_text("utf-8").splitlines()[1:]
    buckets = [
        {"start_time": day * DAY_SECONDS, "end_time": (day + 1) * DAY_SECONDS, "results": results(lines, day)} for day in days
    ]
    headers = {"date": None, "x-request-id": None, "openai-organization": None}
    answer = {"path": path or question(days), "status": 200, "headers": headers, "body": json.dumps({"data": buckets})}
    return {
        "schema": "billproof/costs/v1", "organization": ORGANIZATION, "confirmed": False, "month": "2025-10",
        "days": {"first": "2025-10-01", "last": last}, "read": {"started": started, "finished": started},
        "base_url": "https://api.openai.com", "answers": [answer],
    }  # fmt: skip


def results(lines: list[str], day: int) -> list[dict[str, Any]]:
    import csv

    rows = [row for row in csv.reader(lines) if int(row[0]) == day * DAY_SECONDS and row[2]]
    return [
        {"amount": {"value": amount, "currency": "usd"}, "line_item": item, "project_id": project or None}
        for _, _, amount, _, item, project, *_ in rows
    ]


@pytest.fixture
def check(tmp_path: Path) -> Callable[[dict[str, Any]], billproof.Report]:
    def check(document: dict[str, Any]) -> billproof.Report:
        path = tmp_path / "record.json"
        path.write_bytes(sealed(document))
        return billproof.check(EXPORT, organization=ORGANIZATION, as_of="2025-11-10", costs=path)

    return check


def test_a_record_of_the_whole_month_agrees(check: Callable[[dict[str, Any]], billproof.Report]) -> None:
    report = check(record())
    assert report.exit_code == 0
    assert any(text.startswith("Equal, day by day") for text in report.as_dict()["proves"])


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(record(last="2025-10-03"), id="three days, read in November"),
        pytest.param(record(last="2025-10-30"), id="all days but the last"),
        pytest.param(record(started="9999-12-31T23:59:59Z"), id="a year that no report can name"),
        pytest.param(record(path="/v1/organization/costs2?start_time=1"), id="another path"),
        pytest.param(record(path="/v1/organization/costs?start_time=1759276800&bucket_width=1d"), id="another question"),
        pytest.param(record(path=question(range(20362, 20393)) + "&project_ids%5B%5D=proj_EXAMPLE0000"), id="some projects only"),
    ],
)
def test_what_covers_less_is_no_record(document: dict[str, Any], check: Callable[[dict[str, Any]], billproof.Report]) -> None:
    report = check(document)
    assert report.exit_code == 3
    assert "is not a valid record of OpenAI's costs" in report.as_dict()["reasons"][0]["text"]


@pytest.mark.parametrize("options", [{"costs": 5}, {"costs": b"record.json"}, {"costs_required": "no"}], ids=str)
def test_an_option_of_another_type_is_refused_in_words(options: dict[str, Any]) -> None:
    with pytest.raises(billproof.UsageError, match="expected"):
        billproof.check(EXPORT, **options)


def test_the_newest_record_is_that_which_was_read_last_whatever_its_name(tmp_path: Path) -> None:
    """One that was fetched with --output has any name; it does not outlast those that are fetched later."""
    config = tmp_path / "billproof.yaml"
    integration = f"{{name: main, organization: {ORGANIZATION}, costs: {{folder: costs}}}}"
    config.write_text(f"version: 1\nintegrations:\n  - {integration}\n", "utf-8")
    folder = tmp_path / "costs" / ORGANIZATION / "2025-10"
    folder.mkdir(parents=True)
    older, newer = record(started="2025-11-03T00:00:00Z"), record(started="2025-11-05T00:00:00Z")
    (folder / "october.json").write_bytes(sealed(older))
    (folder / "20251105T000000Z-000000000000.json").write_bytes(sealed(newer))
    report = billproof.check(EXPORT, config=config, as_of="2025-11-10")
    assert report.as_dict()["files"][0]["costs"]["read"]["started"] == "2025-11-05T00:00:00Z"
