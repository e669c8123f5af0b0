"""What `billproof costs fetch` asks OpenAI for, answered from exports in a folder: costs by day, and the names of projects.

A fault changes an answer as OpenAI's own, or one on its way, may differ from the documented form.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from starlette.datastructures import QueryParams

from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.values import BLANKS, DAY_SECONDS, EXACT, amount_of, day_of, shown
from billproof.sandbox.faults import Problem

Row = Mapping[str, str]
_GROUPS = ("project_id", "line_item", "user_id", "api_key_id", "api_source")
_UNDOCUMENTED = ("organization_id", "organization_name", "project_name", "user_email")
_AGAIN = "page_again"
# So many organizations are named when a folder has several.
_SHOWN = 3


class Exported(Record):
    """The charges of one organization by day (its number), and the names of its projects."""

    days: Mapping[int, Sequence[Row]]
    names: Mapping[str, str]


def read_exports(folder: str) -> Exported:
    """The exports in a folder. Raises UsageError if there is none, or for one that no record could be made of."""
    if not os.path.isdir(folder):
        raise UsageError(f"--costs-from {folder}: no such folder", "Name the folder of an organization's exports.")
    read = {name: _rows(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.lower().endswith(".csv")}
    charged = [row for rows in read.values() for row in rows if row["amount_value"]]
    if not charged:
        hint = "Name the folder that has the exports of one organization; its subfolders are not read."
        raise UsageError(f"--costs-from {folder}: no {'charge in its CSV files' if read else 'CSV file in it'}", hint)
    if len(found := sorted({shown(row["organization_id"]) for row in charged})) > 1:
        text = f"--costs-from {folder}: the exports are of {len(found)} organizations ({', '.join(found[:_SHOWN])}"
        text += ", …)" if len(found) > _SHOWN else ")"
        raise UsageError(text, "An admin key is of one organization: put the exports of each into a folder of its own.")
    days: defaultdict[int, list[Row]] = defaultdict(list)
    files: dict[int, str] = {}
    for name, rows in read.items():
        for row in rows:
            day = int(row["start_time"]) // DAY_SECONDS
            if files.setdefault(day, name) != name:
                raise UsageError(f"--costs-from {folder}: {files[day]} and {name} both have {day_of(day)}", "Remove one of them.")
            if row["amount_value"]:
                days[day].append(row)
    projects = {row["project_id"]: row["project_name"] for row in charged if row["project_id"]}
    return Exported(days, dict(sorted(projects.items())))


def _rows(path: str) -> Sequence[Row]:
    if not os.path.isfile(path):
        raise UsageError(f"--costs-from: {path} is not a file", "Move it out of the folder.")
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = [{key or "": str(value or "").strip(BLANKS) for key, value in row.items()} for row in csv.DictReader(stream)]
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"--costs-from: {path} cannot be read: {error}") from None
    columns = {"start_time", "amount_value", "amount_currency", "line_item", "project_id", "project_name", "organization_id"}
    for row in rows:
        if not columns <= row.keys() or not re.fullmatch("[0-9]{9,10}", row["start_time"]):
            raise UsageError(f"--costs-from: {path} is not a cost export by line item", f"billproof check {path}")
        if row["amount_value"] and amount_of(row["amount_value"]) is None:
            raise UsageError(f"--costs-from: {path} has an amount that is not a number", f"billproof check {path}")
    return rows


def costs_page(exported: Exported, query: QueryParams, fault: str | None, key: str) -> str:
    """The answer to `GET /v1/organization/costs`, as text. Raises Problem 400 for another question."""
    start, end, limit = _number(query, "start_time"), _number(query, "end_time"), _number(query, "limit", 7)
    if query.get("bucket_width") != "1d" or not 1 <= limit <= 180 or not start < end:
        raise Problem(400, "bad-question", "Ask for bucket_width=1d, a limit of 1 to 180, and an end_time after start_time.")
    days = range(start // DAY_SECONDS, -(-end // DAY_SECONDS))
    first, shown = _first(query.get("page"), days, fault), limit if fault != "repeated_token" else 1
    page = days[first : first + shown]
    results = {day: [_result(row, query, fault) for row in exported.days.get(day, ())] for day in page}
    _change(results, fault)
    more = first + shown < len(days)
    token = _AGAIN if fault == "repeated_token" else f"page_{first + shown}" if more or fault == "needless_page" else None
    answer = {
        "object": "page", "data": [_bucket(day, results[day], fault) for day in page], "has_more": token is not None,
        "next_page": token,
    }  # fmt: skip
    if fault == "echoed_key":
        answer["request"] = {"authorization": f"Bearer {key}"}
    return _as_text(answer, fault)


def _first(token: str | None, days: range, fault: str | None) -> int:
    """Where a page begins, in days of those that were asked for."""
    match = re.fullmatch("page_([0-9]{1,6})", token or "page_0")
    if match is not None and int(match[1]) < len(days):
        return int(match[1])
    if token == _AGAIN and fault == "repeated_token":
        return 0
    raise Problem(400, "bad-question", "The page token is invalid.")


def _bucket(day: int, results: list[dict[str, Any]], fault: str | None) -> dict[str, Any]:
    bucket = {"object": "bucket", "start_time": day * DAY_SECONDS, "end_time": (day + 1) * DAY_SECONDS, "results": results}
    if fault == "undocumented_fields":
        bucket |= {name: f"{day_of(day + later)}T00:00:00+00:00" for later, name in enumerate(("start_time_iso", "end_time_iso"))}
    return bucket


def _result(row: Row, query: QueryParams, fault: str | None) -> dict[str, Any]:
    asked = query.getlist("group_by[]") + query.getlist("group_by") if fault != "not_grouped" else []
    known = {name: row.get(name) or None if name in asked else None for name in _GROUPS}
    more = {name: row.get(name) or None for name in _UNDOCUMENTED} if fault == "undocumented_fields" else {}
    # An amount is text here, and a number in the answer: no float has its digits.
    amount = {"value": str(Decimal(row["amount_value"])), "currency": row["amount_currency"].lower()}
    return {"object": "organization.costs.result", "amount": amount, "quantity": None, "quantity_unit": None, **known, **more}


def _change(results: dict[int, list[dict[str, Any]]], fault: str | None) -> None:
    """Changes what is answered of the charges, as the fault has it."""
    charged = [day for day in results if results[day]]
    if not charged:
        return
    first, last = results[charged[0]][0], results[charged[-1]]
    if fault == "project_hidden":
        for day, found in results.items():
            results[day] = [result for result in found if result["project_id"] != first["project_id"]]
    elif fault == "amount_changed":
        first["amount"]["value"] = str(EXACT.add(Decimal(first["amount"]["value"]), Decimal(1)))
    elif fault in ("late_amount", "tiny_zero"):
        last.append({**last[-1], "amount": {**last[-1]["amount"], "value": "1.25" if fault == "late_amount" else "0E-6176"}})


def _as_text(answer: Mapping[str, Any], fault: str | None) -> str:
    text = json.dumps(answer)
    if fault == "duplicate_name":
        return text.replace("{", '{"object": "page", ', 1)
    if fault == "not_a_number":
        return re.sub(r'"value": "[^"]*"', '"value": NaN', text, count=1)
    return text if fault == "text_amounts" else re.sub(r'"value": "([^"]*)"', r'"value": \1', text)


def projects_page(exported: Exported, query: QueryParams) -> str:
    """The answer to `GET /v1/organization/projects`, as text. Raises Problem 400 for another question."""
    limit, after = _number(query, "limit", 20), query.get("after", "")
    if not 1 <= limit <= 100:
        raise Problem(400, "bad-question", "Ask for a limit from 1 to 100.")
    left = [{"object": "organization.project", "id": id, "name": name} for id, name in exported.names.items() if id > after]
    page = left[:limit]
    ids = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return json.dumps({"object": "list", "data": page, **ids, "has_more": len(left) > limit})


def _number(query: QueryParams, name: str, default: int | None = None) -> int:
    text = query.get(name, "" if default is None else str(default))
    if not re.fullmatch("[0-9]{1,10}", text):
        raise Problem(400, "bad-question", f"{name} is not a whole number.")
    return int(text)
