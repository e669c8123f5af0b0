"""Receipts: what was sent, to which destination, and its answer; one document per attempt (`schemas/receipt.v1.schema.json`).

A receipt is never changed. Its file is named after its own digest, and it names the receipts before it, so that an edited
or removed one is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from billproof.delivery.address import Address, address_in
from billproof.delivery.ledger.form import split, text_of
from billproof.delivery.shipment import Answer, Request, Shipment, Status
from billproof.model.errors import BillproofError
from billproof.model.record import Record
from billproof.model.results import FileResult, Sum, sums_by_project
from billproof.model.values import money, shown, with_name

SCHEMA = "billproof/receipt/v1"
CUT_OFF = Answer("unknown", "the command ended before the destination responded", attempts=0)


class ReceiptError(BillproofError):
    """A file of a ledger is not a receipt, or not the one that was written."""


class Receipt(Record):
    """A receipt as the program reads it. `sha256` is the digest of its file, `file_sha256` that of the export; `data` are the
    bytes of its file, of which the first `known` were there before the answer. `status` is what its outcome counts as.
    """

    sha256: str
    n: int
    ledger: str
    destination: str
    organization: str
    month: str
    status: Status
    finished: str
    file_sha256: str
    result_sha256: str
    previous: tuple[str, ...]
    attempt: str | None
    data: bytes
    known: int

    @property
    def holds(self) -> bool:
        """Whether the destination confirmed that it has the file."""
        return self.status in ("accepted", "already_there")

    @property
    def document(self) -> Mapping[str, Any]:
        """The whole receipt."""
        return _document(self.data)

    @property
    def address(self) -> Address:
        """Where its file went."""
        return address_in(self.document)

    @property
    def as_of(self) -> str:
        """The time as of which the file was checked."""
        return str(self.document["as_of"])

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return str(self.document["file"]["name"])

    @property
    def organization_name(self) -> str:
        """The name, or names, that the file gives the organization; empty if it gives none."""
        return shown(self.document["file"].get("organization_name", ""), None)

    @property
    def whose(self) -> str:
        """The organization's ID with its name, as it may be shown."""
        return shown(with_name(self.organization, self.organization_name))

    @property
    def amount(self) -> Decimal:
        """The total of the file."""
        return Decimal(self.document["totals"]["amount"])

    @property
    def currency(self) -> str:
        """The currency of all amounts."""
        return str(self.document["totals"]["currency"])

    @property
    def days(self) -> Mapping[str, Sum]:
        """What the file has of each day."""
        return {day["date"]: Sum(day["rows"], Decimal(day["amount"])) for day in self.document["totals"]["days"]}

    @property
    def projects(self) -> Mapping[str, Sum]:
        """What the file has of each project, by its ID."""
        return {one["id"]: Sum(one["rows"], Decimal(one["amount"])) for one in self.document["totals"]["projects"]}

    @property
    def names(self) -> Mapping[str, str]:
        """The names of the projects that have one, by ID."""
        return {one["id"]: one["name"] for one in self.document["totals"]["projects"] if one["name"]}


@lru_cache(maxsize=8)
def _document(data: bytes) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(data)
    return document


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
        "file": {
            "path": shown(file.path, None), **_given(version=file.version, organization_name=file.organization_name),
            "name": shown(file.name, None), "bytes": file.bytes, "sha256": file.sha256,
        },
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
        "costs": _record_of(entry.get("costs")),
        "ruleset": {key: report["ruleset"][key] for key in ("name", "version", "sha256")},
        "tool": report["tool"],
        "settings": report["settings"],
        "config": report["settings"]["config"],
        "as_of": report["run"]["as_of"],
        "month_to_date": file.month_to_date,
        "run": {key: report["run"][key] for key in ("started", "finished")},
        "request": {"sha256": request.sha256, "description": request.description},
        "ci": report["run"]["ci"],
        "host": report["run"]["host"],
    }  # fmt: skip


def _given(**texts: str | None) -> dict[str, str]:
    return {key: shown(text, None) for key, text in texts.items() if text is not None}


def _record_of(costs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Which record of OpenAI's costs the file was compared with, and what came of it."""
    if costs is None:
        return None
    return {
        "sha256": costs["record"]["sha256"], "signed": costs["record"]["signed"], "base_url": costs["record"]["base_url"],
        "read": costs["read"]["finished"], "keys": costs["keys"], "total": costs["total"], "difference": costs["difference"],
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


def read(data: bytes, sha256: str, name: str) -> Receipt:
    """A receipt, or an attempt, from the bytes of its file and their digest. Raises ReceiptError, which names the file."""
    try:
        text = data.decode("utf-8")
        given, known = split(text)
    except ValueError as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ReceiptError(f"{name}: is not a receipt: {reason}") from None
    texts = (text_of(given[key]) for key in ("ledger", "destination", "organization", "month", "status", "finished"))
    ledger, destination, organization, month, status, finished = texts
    previous = tuple(given["previous"][2:-2].split('", "')) if given["previous"] != "[]" else ()
    attempt = None if given["attempt"] == "null" else given["attempt"][1:-1]
    return Receipt(
        sha256, int(given["n"]), ledger, destination, organization, month, cast(Status, status), finished, given["file_sha256"],
        given["result_sha256"][1:-1], previous, attempt, data, known if text.isascii() else len(text[:known].encode()),
    )  # fmt: skip
