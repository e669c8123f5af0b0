"""What the numbers rest on: the accepted file of each month, and the days that nothing is said of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billproof.model.values import day_of, money, number, shown
from billproof.spend.accepted import Accepted
from billproof.spend.organization import MonthRead, Organization
from billproof.spend.tally import total

Entry = dict[str, Any]


def not_judged(organization: Organization, wanted: range) -> list[Entry]:
    """The days in `wanted` that are not judged, and why."""
    return [
        {
            "integration": organization.integration.name, "from": day_of(days.start).isoformat(),
            "to": day_of(days.stop - 1).isoformat(), "text": "a day is judged when the 28 days before it are known",
        }
        for days in organization.unjudged(wanted)
    ]  # fmt: skip


def proof(organization: Organization, months: Sequence[str]) -> Entry:
    """An organization with each month: the file that was accepted, and whether it was read."""
    integration = organization.integration
    read = [organization.months[month] for month in months if month in organization.months]
    return {
        "name": integration.name, "organization": shown(integration.organization),
        "organization_name": shown(organization.name), "amount": money(total(month.amount for month in read)),
        "months": [_proof(organization, month) for month in months],
    }  # fmt: skip


def _proof(organization: Organization, month: str) -> Entry:
    """A month of an organization: the file that was accepted, and whether it was read."""
    read = organization.months.get(month)
    if read is not None:
        return {"month": month, "state": "read", **_receipt(read.accepted), "path": shown(read.path, None), **_amounts(read)}
    if month in organization.lost:
        accepted, text = organization.lost[month]
        return {"month": month, "state": "not_found", **_receipt(accepted), "text": shown(text, None)}
    return {"month": month, "state": "not_accepted", "text": "no accepted file"}


def _receipt(accepted: Accepted) -> Entry:
    receipt = accepted.receipt
    document = receipt.document
    return {
        "file": receipt.file_name, "sha256": receipt.file_sha256, "accepted": receipt.finished,
        "destination": receipt.destination, "receipt_sha256": receipt.sha256,
        "waived": sorted({waiver["rule"] for waiver in document["waivers"]}), "doubtful": accepted.doubtful,
    }  # fmt: skip


def _amounts(read: MonthRead) -> Entry:
    days = {"missing_days": read.missing_days, "rows": read.rows, "amount": money(read.amount)}
    return {**days, "text": f"{number(read.missing_days, 'day')} missing" if read.missing_days else ""}
