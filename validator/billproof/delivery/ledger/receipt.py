"""Receipts: what was sent, to which destination, and its answer; one document per attempt (`schemas/receipt.v1.schema.json`).

A receipt is never changed. Its file is named after its own digest, and it names the receipts before it, so that an edited
or removed one is noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from billproof.delivery.shipment import Answer, Request, Shipment, Status
from billproof.model.errors import BillproofError
from billproof.model.record import Record
from billproof.model.results import FileResult, Sum, sums_by_project
from billproof.model.values import cents, decimal, money, shown

SCHEMA = "billproof/receipt/v1"
CUT_OFF = Answer("unknown", "the command ended before the destination responded", attempts=0)


class ReceiptError(BillproofError):
    """A file of a ledger is not a receipt, or not the one that was written."""


class Receipt(Record):
    """A receipt as the program reads it. `sha256` is the digest of its file, `file_sha256` that of the export."""

    sha256: str
    n: int
    ledger: str
    destination: str
    organization: str
    month: str
    status: Status
    finished: str
    as_of: str
    file_name: str
    file_sha256: str
    amount: Decimal
    currency: str
    days: Mapping[str, Sum]
    projects: Mapping[str, Sum]
    previous: tuple[str, ...]
    attempt: str | None
    document: Mapping[str, Any]

    @property
    def holds(self) -> bool:
        """Whether the destination confirmed that it has the file."""
        return self.status in ("accepted", "already_there")


class Month(Record):
    """One month of one organization at one destination: what an upload replaces."""

    destination: str
    organization: str
    month: str


def month_of(receipt: Receipt) -> Month:
    """The month that a receipt is about."""
    return Month(receipt.destination, receipt.organization, receipt.month)


class Standing(Record):
    """What the ledger knows of a month: its receipts in order, an attempt that was cut off among them as `unknown`."""

    receipts: tuple[Receipt, ...]

    @property
    def current(self) -> Receipt | None:
        """The last upload that the destination had by its own word."""
        return next((receipt for receipt in reversed(self.receipts) if receipt.holds), None)

    @property
    def doubtful(self) -> tuple[Receipt, ...]:
        """Attempts since then whose outcome is unknown."""
        after = self.receipts[self.receipts.index(self.current) + 1 :] if self.current else self.receipts
        return tuple(receipt for receipt in after if receipt.status == "unknown")

    def is_current(self, sha256: str) -> bool:
        """Whether the destination certainly has these bytes."""
        accepted = self.current is not None and self.current.file_sha256 == sha256
        return accepted and all(receipt.file_sha256 == sha256 for receipt in self.doubtful)

    def replaced(self, sha256: str) -> tuple[Receipt, Receipt] | None:
        """If these bytes were superseded: the upload of these, and that of the others."""
        arrived = self._arrived
        mine = [receipt for receipt in arrived if receipt.file_sha256 == sha256]
        if not mine:
            return None
        since = [receipt for receipt in arrived[arrived.index(mine[-1]) + 1 :] if receipt.file_sha256 != sha256]
        return (mine[-1], since[-1]) if since else None

    def follows(self, sha256: str) -> str:
        """The digest of the last receipt before an upload of these bytes: one that holds, or of other bytes that may have."""
        before = (receipt for receipt in reversed(self._arrived) if receipt.holds or receipt.file_sha256 != sha256)
        return next((receipt.sha256 for receipt in before), "")

    @property
    def seen(self) -> set[str]:
        """Digests of every file that may have been at the destination."""
        return {receipt.file_sha256 for receipt in self._arrived}

    @property
    def _arrived(self) -> list[Receipt]:
        """The uploads that arrived, or may have."""
        return [receipt for receipt in self.receipts if receipt.holds or receipt.status == "unknown"]


def replacement(mine: Receipt, since: Receipt) -> str:
    """That a file was uploaded and superseded by another since, with both dates and totals."""
    had = "was accepted" if mine.holds else "was sent (outcome unknown)"
    other = "was superseded" if since.holds else "may have been superseded (outcome unknown)"
    text = f"{had} on {date_of(mine)} with {cents(mine.amount):,f} {mine.currency} and {other} on {date_of(since)}"
    return f"{text} by {since.file_name} with {cents(since.amount):,f} {since.currency}; to upload it again: upload --resend"


def date_of(receipt: Receipt) -> str:
    """When the outcome of an upload was known, to the minute."""
    return receipt.finished[:16].replace("T", " ")


def describe(file: FileResult, report: Mapping[str, Any], shipment: Shipment, request: Request) -> dict[str, Any]:
    """What is known of an upload before it begins: the file, its totals, the rules it was checked by, and the request."""
    totals = file.totals
    assert totals is not None and totals.amount is not None
    days = [{"date": day.date, "rows": day.rows, "amount": money(day.amount or Decimal(0))} for day in file.days if day.rows]
    projects = [
        {"id": id_, "name": name, "rows": sum_.rows, "amount": money(sum_.amount)}
        for id_, (name, sum_) in sums_by_project(totals.projects).items()
    ]
    entry = next(entry for entry in report["files"] if entry["sha256"] == file.sha256)
    return {
        "integration": {"name": file.integration, "id": shipment.integration},
        "file": {"name": shown(file.name, None), "bytes": file.bytes, "sha256": file.sha256},
        "totals": {
            "amount": money(totals.amount), "currency": totals.currency, "charged_rows": totals.charged_rows,
            "empty_days": totals.empty_days, "days": days, "projects": projects,
        },
        "waivers": [
            {"rule": outcome["rule"], "violations": outcome["violations"], **outcome["waiver"]}
            for outcome in entry["outcomes"] if outcome["state"] == "waived"
        ],
        "result_sha256": report["result_sha256"],
        "file_result_sha256": entry["result_sha256"],
        "ruleset": {key: report["ruleset"][key] for key in ("name", "version", "sha256")},
        "tool": report["tool"],
        "settings": report["settings"],
        "config": report["settings"]["config"],
        "as_of": report["run"]["as_of"],
        "month_to_date": file.month_to_date,
        "request": {"sha256": request.sha256, "description": request.description},
        "ci": report["run"]["ci"],
        "host": report["run"]["host"],
    }  # fmt: skip


def begun(
    described: Mapping[str, Any], n: int, ledger: str, destination: str, shipment: Shipment, previous: Sequence[str], now: str
) -> dict[str, Any]:
    """The document that is on disk before the first byte goes out: as yet its outcome is unknown."""
    document = {
        "schema": SCHEMA, "ledger": ledger, "n": n, "destination": destination, "organization": shipment.organization,
        "month": shipment.month, "started": now, **described, "previous": list(previous),
    }  # fmt: skip
    return concluded(document, None, CUT_OFF, now)


def concluded(document: Mapping[str, Any], attempt: str | None, answer: Answer, now: str) -> dict[str, Any]:
    """The same with the destination's answer. `attempt` is the digest of the document that was there before the sending."""
    return {
        **document,
        "attempt": attempt,
        "status": answer.status,
        "answer": {
            "text": answer.text, "id": answer.id, "time": answer.time, "code": answer.code, "attempts": answer.attempts,
            "retry_after": answer.retry_after,
        },
        "finished": now,
    }  # fmt: skip


def encoded(document: Mapping[str, Any]) -> bytes:
    """A document as it is written: JSON, one line per part."""
    parts = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in document.items())
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode("utf-8")


def read(data: bytes, name: str) -> Receipt:
    """A receipt from the bytes of its file. Raises ReceiptError, which names the file as `name`."""
    try:
        document = json.loads(data)
        if document["schema"] != SCHEMA:
            raise ReceiptError(f"{name}: is not a receipt of this version ({shown(str(document['schema']))})")
        totals = document["totals"]
        texts = [document[key] for key in ("ledger", "destination", "organization", "month", "status", "finished", "as_of")]
        texts += [document["file"]["name"], document["file"]["sha256"], totals["currency"], *document["previous"]]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a text was expected")
        if type(document["n"]) is not int or document["n"] < 1:
            raise ValueError("a number from 1 was expected")
        return Receipt(
            sha256=hashlib.sha256(data).hexdigest(), n=document["n"], ledger=document["ledger"],
            destination=document["destination"], organization=document["organization"], month=document["month"],
            status=cast(Status, document["status"]), finished=document["finished"], as_of=document["as_of"],
            file_name=document["file"]["name"], file_sha256=document["file"]["sha256"],
            amount=_amount(totals["amount"]), currency=totals["currency"],
            days={day["date"]: Sum(day["rows"], _amount(day["amount"])) for day in totals["days"]},
            projects={project["id"]: Sum(project["rows"], _amount(project["amount"])) for project in totals["projects"]},
            previous=tuple(document["previous"]), attempt=document["attempt"], document=document,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ReceiptError(f"{name}: is not a receipt ({type(error).__name__})") from None


def _amount(text: str) -> Decimal:
    amount = decimal(text)
    if amount is None:
        raise ValueError(text)
    return amount
