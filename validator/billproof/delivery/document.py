"""An upload as a document for programs (`schemas/delivery.v1.schema.json`): what came of each file, and of the command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billproof.config.settings import Settings
from billproof.delivery.plan import Plan, not_begun
from billproof.delivery.shipment import UploadResult
from billproof.delivery.text import headline, seen_by
from billproof.delivery.visibility import when_visible
from billproof.engine.verdict import Exit
from billproof.model.values import money, rfc3339, shown

SCHEMA = "billproof/delivery/v1"
NOT_ENDED = "the command has not ended, or it was killed: what it sent is in the ledger"


def delivery(
    plan: Plan | None, results: Sequence[UploadResult], settings: Settings, dry_run: bool, code: int | None, error: str = ""
) -> dict[str, Any]:
    """The document at the end of the command, with its exit code and why it ended early, if it did; before that (`code` is
    None), a file that may be sent from now on has the status `unknown`.
    """
    items = plan.items if plan else ()
    rest = [item if isinstance(item, UploadResult) else not_begun(item) for item in items[len(results) :]]
    if code is None or error:
        # Before the command ends, any of them may be sent; when an error has ended it, the one at hand may have been.
        sealed = [number for number, item in enumerate(items[len(results) :]) if not isinstance(item, UploadResult)]
        for number in sealed if code is None else sealed[:1]:
            rest[number] = rest[number]._replace(status="unknown")
    every = (*results, *rest)
    return {
        "schema": SCHEMA,
        "exit_code": int(Exit.UNPROVED if code is None else code),
        "dry_run": dry_run,
        "verdict": plan.run.verdict.word if plan and plan.run else None,
        "summary": "\n".join((headline(every, dry_run), *seen_by(every, settings))) if every else "",
        "error": NOT_ENDED if code is None else error or None,
        "files": [_file(result, settings) for result in every],
        "set_aside": [
            {"path": shown(one.path, None), "month": one.month, "reason": one.reason}
            for one in (plan.set_aside if plan else ()) if one.reason != "already_current"
        ],
    }  # fmt: skip


def _file(result: UploadResult, settings: Settings) -> dict[str, Any]:
    to, by = when_visible(result, settings)
    return {
        "path": shown(result.path, None), "sha256": result.sha256, "integration": result.integration,
        "organization": None if result.organization is None else shown(result.organization), "month": result.month,
        "destination": to, "verdict": result.verdict,
        "amount": None if result.amount is None else money(result.amount),
        "currency": None if result.currency is None else shown(result.currency),
        "status": result.status, "text": shown(result.text, None),
        "id": None if result.id is None else shown(result.id, None),
        "receipt": None if result.receipt is None else shown(result.receipt.replace("\\", "/"), None),
        "finished": result.finished, "retry_after": result.retry_after,
        "visible_by": None if by is None else rfc3339(by),
    }  # fmt: skip
