"""`billproof status` beside OpenAI's own record: which accepted months have one, and which differ from a newer one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from billproof.model.values import DAY_SECONDS, day_of, month_days
from billproof.openai.record import COSTS_PATH, place_of, sealed
from tests.delivery.test_status import RESEARCH, month, project, put, status, upload
from tests.support import ROOT, run
from tests.uploading import stand_still

__all__ = ["project"]
AMOUNT = "123.45678901200001"
READ = "2025-11-05T02:10:00Z"


@pytest.fixture(autouse=True)
def _records_are_kept(project: Path) -> None:
    text = Path("billproof.yaml").read_text("utf-8")
    Path("billproof.yaml").write_text(f"{text}costs: {{folder: costs/}}\n", "utf-8")


def recorded(
    amounts: dict[tuple[int, str], str] | None = None, read: str = READ, days: Iterable[int] | None = None, name: str = "2025-10",
    base_url: str = "https://api.openai.com",
) -> Path:  # fmt: skip
    """A record of research's month as its export is, but for these amounts by day of the month and project."""
    numbers = list(month_days(name))[: max(days or (31,))]
    said = {(day, "proj_EXAMPLE1"): AMOUNT for day in range(1, len(numbers) + 1)} | (amounts or {})
    buckets = [
        {
            "object": "bucket", "start_time": number * DAY_SECONDS, "end_time": (number + 1) * DAY_SECONDS,
            "results": [
                {"object": "organization.costs.result", "amount": {"value": value, "currency": "usd"},
                 "line_item": "whisper", "project_id": project_id}
                for (day, project_id), value in said.items() if numbers[day - 1] == number
            ],
        }
        for number in numbers
    ]  # fmt: skip
    start, end = numbers[0] * DAY_SECONDS, (numbers[-1] + 1) * DAY_SECONDS
    query = f"start_time={start}&end_time={end}&bucket_width=1d&limit=31&group_by%5B%5D=project_id&group_by%5B%5D=line_item"
    body = json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None})
    none = {"date": None, "x-request-id": None, "openai-organization": None}
    document: dict[str, Any] = {
        "schema": "billproof/costs/v1", "organization": RESEARCH, "confirmed": False, "month": name,
        "days": {"first": str(day_of(numbers[0])), "last": str(day_of(numbers[-1]))},
        "read": {"started": read, "finished": read}, "base_url": base_url,
        "answers": [{"path": f"{COSTS_PATH}?{query}", "status": 200, "headers": none, "body": body}],
    }  # fmt: skip
    path = Path(place_of("costs", document))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed(document))
    return path


def accepted(monkeypatch: pytest.MonkeyPatch, at: str = "2025-11-04T08:00:00Z") -> None:
    put("research", "2025-10")
    stand_still(monkeypatch, at)
    upload("exports/research")
    stand_still(monkeypatch, "2025-11-10T08:00:00Z")


def of(found: dict[str, Any]) -> tuple[str, bool]:
    return found["state"], found["due"]


def test_an_accepted_month_without_a_record_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    found = month("research", "--month", "2025-10")
    assert (*of(found), found["costs"], found["text"]) == ("accepted", False, None, "no record of OpenAI's costs")


def test_a_record_that_agrees_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded()
    found = month("research", "--month", "2025-10")
    assert of(found) == ("accepted", False)
    assert found["costs"] | {"sha256": ""} == {"sha256": "", "read": READ, "agrees": True, "difference": "0"}
    assert found["text"] == "OpenAI's record of 2025-11-05 02:10 UTC agrees"


def test_a_record_from_elsewhere_is_not_called_openais(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded(base_url="http://127.0.0.1:8765")
    assert (
        month("research", "--month", "2025-10")["text"] == "The record from http://127.0.0.1:8765 of 2025-11-05 02:10 UTC agrees"
    )
    recorded({(7, "proj_EXAMPLE1"): "135.80"}, "2025-11-09T02:10:00Z", base_url="http://127.0.0.1:8765")
    text = month("research", "--month", "2025-10")["text"]
    assert text.startswith("due: the record from http://127.0.0.1:8765 of 2025-11-09 02:10 UTC has ")


@pytest.mark.parametrize(
    ("amounts", "how"),
    [
        ({(7, "proj_EXAMPLE1"): "135.80"}, "has 12.34 USD more"),
        ({(7, "proj_EXAMPLE1"): "100.45678901200001"}, "has 23.00 USD less"),
        ({(9, "proj_EXAMPLE2"): "41.5"}, "has 41.50 USD more"),
        ({(7, "proj_EXAMPLE1"): "0.00", (8, "proj_EXAMPLE1"): "246.91357802400002"}, "has the same total"),
        ({(7, "proj_EXAMPLE1"): "100.00", (7, "proj_EXAMPLE2"): "23.45678901200001"}, "has the same total"),
    ],
)
def test_a_month_that_differs_from_a_newer_record_is_due(
    monkeypatch: pytest.MonkeyPatch, amounts: dict[tuple[int, str], str], how: str
) -> None:
    accepted(monkeypatch)
    recorded()
    recorded(amounts, "2025-11-09T02:10:00Z")
    found = month("research", "--month", "2025-10")
    assert (*of(found), found["costs"]["agrees"]) == ("differs", True, False)
    assert f"OpenAI's record of 2025-11-09 02:10 UTC {how}" in found["text"]
    assert found["text"].endswith("export again")
    code, out, _ = run("status", "--month", "2025-10")
    assert code == 1
    assert how in out


def test_the_newest_record_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded({(7, "proj_EXAMPLE1"): "1"})
    recorded(read="2025-11-09T02:10:00Z")
    assert of(month("research", "--month", "2025-10")) == ("accepted", False)


def test_a_day_that_was_settling_may_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded({(31, "proj_EXAMPLE1"): "200"}, "2025-11-01T06:00:00Z")
    assert of(month("research", "--month", "2025-10")) == ("accepted", False)
    recorded({(31, "proj_EXAMPLE1"): "200"}, "2025-11-03T06:00:00Z")
    assert of(month("research", "--month", "2025-10")) == ("differs", True)


def test_a_record_read_before_the_month_had_ended_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded({(7, "proj_EXAMPLE1"): "1"}, "2025-10-25T02:10:00Z", days=range(1, 25))
    assert month("research", "--month", "2025-10")["costs"] is None


def test_a_damaged_record_is_unproved(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    path = recorded()
    path.write_bytes(path.read_bytes().replace(b"whisper", b"Whisper", 1))
    found = status("--month", "2025-10")
    assert found["exit_code"] == 3
    row = found["integrations"][0]
    assert row["months"][0]["state"] == "unproved"
    assert "its content does not match its digest" in row["unread"][0]


@pytest.mark.parametrize("amounts", [{}, {(7, "proj_EXAMPLE1"): "1"}])
def test_a_record_of_the_future_is_unproved(monkeypatch: pytest.MonkeyPatch, amounts: dict[tuple[int, str], str]) -> None:
    """Days would seem settled that may still change."""
    accepted(monkeypatch)
    recorded(amounts, "2025-11-12T02:10:00Z")
    found = status("--month", "2025-10")
    assert found["exit_code"] == 3
    assert found["integrations"][0]["months"][0]["state"] == "unproved"
    assert "which is later than this machine's clock" in found["integrations"][0]["unread"][0]


def test_a_record_of_which_every_day_may_still_change_agrees_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded({(7, "proj_EXAMPLE1"): "1"})
    text = Path("billproof.yaml").read_text("utf-8")
    Path("billproof.yaml").write_text(text.replace("{folder: costs/}", "{folder: costs/, settles: 999h}"), "utf-8")
    found = month("research", "--month", "2025-10")
    assert (*of(found), found["costs"]) == ("accepted", False, None)
    assert "agrees" not in found["text"]


def test_a_difference_that_the_upload_knew_of_is_not_due(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded({(7, "proj_EXAMPLE1"): "100"})
    waiver = (
        f'waivers:\n  - {{rule: OC803, organization: {RESEARCH}, month: "2025-10", at_most: 1, reason: credit, owner: finops,'
        ' expires: "2026-01-31"}\n'
    )
    text = Path("billproof.yaml").read_text("utf-8")
    Path("billproof.yaml").write_text(text + waiver, "utf-8")
    stand_still(monkeypatch, "2025-11-05T08:00:00Z")
    put("research", "2025-10")
    upload("exports/research", "--month", "2025-10")
    stand_still(monkeypatch, "2025-11-10T08:00:00Z")
    found = month("research", "--month", "2025-10")
    assert (*of(found), found["costs"]["agrees"]) == ("accepted", False, False)
    recorded({(7, "proj_EXAMPLE1"): "99"}, "2025-11-09T02:10:00Z")
    assert of(month("research", "--month", "2025-10")) == ("differs", True)


def test_several_months_are_a_grid_that_counts_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded({(7, "proj_EXAMPLE1"): "135.80"})
    code, out, _ = run("status", "--from", "2025-09", "--to", "2025-10")
    assert code == 1
    assert "x differs from OpenAI's record" in out
    assert "1 of 1 month accepted        3,827.16 USD  1 month with OpenAI's record" in out


def test_a_new_file_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded({(7, "proj_EXAMPLE1"): "135.80"})
    put("research", "2025-10", "124.45678901200001")
    assert month("research", "--month", "2025-10")["state"] == "newer"


def test_the_document_has_its_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted(monkeypatch)
    recorded({(7, "proj_EXAMPLE1"): "135.80"})
    schema = json.loads((ROOT / "schemas/status.v1.schema.json").read_text("utf-8"))
    jsonschema.validate(status("--from", "2025-09", "--to", "2025-10"), schema)
