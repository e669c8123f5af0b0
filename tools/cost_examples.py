"""The examples of the rules on OpenAI's own record: exports of October 2025, and records of the Costs API about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from billproof.model.values import DAY_SECONDS, day_of, month_days
from billproof.openai.record import COSTS_PATH, PROJECTS_PATH, SCHEMA, sealed

HEADER = "start_time,end_time,amount_value,amount_currency,line_item,project_id,organization_id,project_name,organization_name"
NAMES = {"proj_EXAMPLE1": "Search", "proj_EXAMPLE2": "Support"}
DAYS = month_days("2025-10")
# Day of the month, project and line item, to the amount as OpenAI writes it.
Charges = Mapping[tuple[int, str, str], str]

EXPORTED: Charges = {
    **{(day, "proj_EXAMPLE1", "gpt-4o-2024-08-06, input"): f"{day}.{day:04}00000000000001" for day in range(1, 32)},
    (5, "proj_EXAMPLE2", "whisper"): "200.5",
    (6, "proj_EXAMPLE2", "whisper"): "211.59",
}


def examples() -> dict[str, str]:
    """Every file, by its name beside the rules."""
    key = (7, "proj_EXAMPLE1", "gpt-4o-2024-08-06, input")
    last = (31, "proj_EXAMPLE1", "gpt-4o-2024-08-06, input")
    return {
        "OC801-as-exported.csv": _export(EXPORTED),
        "OC801-one-project.csv": _export({place: amount for place, amount in EXPORTED.items() if place[1] == "proj_EXAMPLE1"}),
        "OC801-record.json": _record(EXPORTED, "2025-11-05T02:10:00Z"),
        "OC802-one-more.csv": _export({**EXPORTED, (7, "proj_EXAMPLE1", "whisper"): "12.34"}),
        "OC803-other-amount.csv": _export({**EXPORTED, key: "70.0007"}),
        "OC804-before-late-usage.csv": _export({**EXPORTED, last: "30.5"}),
        "OC804-record.json": _record(EXPORTED, "2025-11-01T06:00:00Z"),
        "OC805-september.json": _record({}, "2025-10-05T02:10:00Z", "2025-09"),
    }


def _export(charges: Charges) -> str:
    rows = [
        f"{start},{start + DAY_SECONDS},{amount},usd,{_cell(item)},{project},org-EXAMPLE1,{NAMES[project]},Acme Research"
        for (day, project, item), amount in sorted(charges.items())
        for start in [(DAYS.start + day - 1) * DAY_SECONDS]
    ]
    return "\n".join((HEADER, *rows, ""))


def _cell(text: str) -> str:
    return f'"{text}"' if "," in text else text


def _record(charges: Charges, read: str, month: str = "2025-10") -> str:
    days = month_days(month)
    buckets = [
        {
            "object": "bucket", "start_time": day * DAY_SECONDS, "end_time": (day + 1) * DAY_SECONDS,
            "results": [
                {
                    "object": "organization.costs.result", "amount": {"value": amount, "currency": "usd"},
                    "line_item": item, "project_id": project, "organization_id": "org-EXAMPLE1",
                }
                for (at, project, item), amount in sorted(charges.items())
                if days.start + at - 1 == day
            ],
        }
        for day in days
    ]  # fmt: skip
    query = f"start_time={days.start * DAY_SECONDS}&end_time={days.stop * DAY_SECONDS}&bucket_width=1d&limit=31"
    bodies = {
        f"{COSTS_PATH}?{query}&group_by%5B%5D=project_id&group_by%5B%5D=line_item":
            {"object": "page", "data": buckets, "has_more": False, "next_page": None},
        f"{PROJECTS_PATH}?limit=100&include_archived=true":
            {"object": "list", "data": [{"id": id_, "name": name} for id_, name in NAMES.items()], "has_more": False},
    }  # fmt: skip
    date = format_datetime(datetime.fromisoformat(read), usegmt=True)
    document = {
        "schema": SCHEMA, "organization": "org-EXAMPLE1", "confirmed": bool(charges), "month": month,
        "days": {"first": day_of(days[0]).isoformat(), "last": day_of(days[-1]).isoformat()},
        "read": {"started": read, "finished": read}, "base_url": "https://api.openai.com",
        "answers": [
            {
                "path": path, "status": 200, "body": json.dumps(body),
                "headers": {"date": date, "x-request-id": f"req_EXAMPLE{number}", "openai-organization": "acme-research"},
            }
            for number, (path, body) in enumerate(bodies.items(), 1)
        ],
    }  # fmt: skip
    return sealed(document).decode("utf-8")
