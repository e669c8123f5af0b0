"""Exports and records of October 2025 for tests of the comparison, made of the same charges."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from billproof.model.values import DAY_SECONDS, day_of, month_days
from billproof.openai.record import SCHEMA, question, sealed
from fixtures.exports import to_bytes

ORGANIZATION = "org-EXAMPLE1"
HEADER = (
    "start_time", "end_time", "amount_value", "amount_currency", "line_item", "api_key_id", "project_id", "organization_id",
    "project_name", "organization_name",
)  # fmt: skip
# When every day of October had settled.
LATE = "2025-11-05T02:10:00Z"


class Charge(NamedTuple):
    """An amount of a day of the month (from 1), project and line item; blank is null."""

    day: int
    project: str
    item: str
    amount: str


# A charge on each day; on five of them a second project, and an item without a project.
GOOD = [
    *(Charge(day, "proj_A", "gpt-4o, input", f"{day}.{day:04}0000000001") for day in range(1, 32)),
    *(Charge(day, "proj_B", "whisper", "20.5") for day in range(3, 8)),
    Charge(9, "proj_B", "tts", "4"),
]


def export(charges: Iterable[Charge], month: str = "2025-10") -> bytes:
    """The charges as an export; each row has an API key of its own, so several may have one key."""
    first = month_days(month).start
    rows = [
        [str((first + day - 1) * DAY_SECONDS), str((first + day) * DAY_SECONDS), amount, "usd", item, f"key_{number}", project,
         ORGANIZATION, f"Name of {project}" if project else "", "Acme Research"]
        for number, (day, project, item, amount) in enumerate(sorted(charges, key=lambda charge: charge.day))
    ]  # fmt: skip
    return to_bytes([list(HEADER), *rows])


def record(charges: Sequence[Charge], started: str = LATE, month: str = "2025-10", organization: str = ORGANIZATION) -> bytes:
    """The charges as a record that was read at a time."""
    ended = int(day_number_of(started))
    days = range(month_days(month).start, min(month_days(month).stop, ended))
    buckets = [
        {
            "start_time": day * DAY_SECONDS, "end_time": (day + 1) * DAY_SECONDS,
            "results": [
                {
                    "amount": {"value": one.amount, "currency": "usd"}, "line_item": one.item or None,
                    "project_id": one.project or None,
                }
                for one in charges
                if days.start + one.day - 1 == day
            ],
        }
        for day in days
    ]  # fmt: skip
    body = json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None})
    headers = {"date": None, "x-request-id": None, "openai-organization": None}
    return sealed({
        "schema": SCHEMA, "organization": organization, "confirmed": False, "month": month,
        "days": {"first": day_of(days[0]).isoformat(), "last": day_of(days[-1]).isoformat()},
        "read": {"started": started, "finished": started}, "base_url": "https://api.openai.com",
        "answers": [{"path": question(days), "status": 200, "headers": headers, "body": body}],
    })  # fmt: skip


def day_number_of(started: str) -> int:
    """The number of the day in which an instant lies."""
    return next(day for day in month_days(started[:7]) if day_of(day).isoformat() == started[:10])


def pair(folder: Path, file: Iterable[Charge] | bytes, costs: bytes | Sequence[Charge]) -> tuple[Path, list[str]]:
    """An export and the option that names its record."""
    path, record_path = folder / "cost_2025-10-01_2025-10-31.csv", folder / "record.json"
    path.write_bytes(file if isinstance(file, bytes) else export(file))
    record_path.write_bytes(costs if isinstance(costs, bytes) else record(costs))
    return path, ["--costs", str(record_path), "--max-findings", "1000"]
