"""The ledger as people read it, and as it is proved: `ledger init`, `list`, `show` and `verify`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime

from billproof.cli.arguments import config_of
from billproof.cli.output import say
from billproof.cli.parser import add_parsers, config_option
from billproof.config import settings as config_settings
from billproof.config.file import Config
from billproof.delivery.ledger.integrity import Contents, proved
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Month
from billproof.delivery.ledger.store import ATTESTATION, Ledger, LedgerError, open_ledger
from billproof.delivery.ledger.writer import make_ledger
from billproof.delivery.text import STATUSES
from billproof.delivery.visibility import seen_by, told
from billproof.engine.verdict import Exit
from billproof.model.errors import UsageError
from billproof.model.urls import in_bucket
from billproof.model.values import cents, is_month, number, shown

_UNPROVED = "3 the ledger is missing or could not be read"
_EXIT_CODES = {
    "init": "0 created; 2 usage or configuration error; 3 the ledger could not be created",
    "list": f"0 listed; 2 usage or configuration error; {_UNPROVED}",
    "show": f"0 shown; 2 usage or configuration error, or no such receipt; {_UNPROVED}",
    "verify": f"0 no error; 1 an error was found; 2 usage or configuration error; {_UNPROVED}",
}
_ACTIONS = {
    "init": "create an empty ledger at the path set in billproof.yaml",
    "list": "list all uploads, one per line",
    "show": "show the receipts of one month, and what to check if the upload is not to be seen",
    "verify": "verify all digests and the receipt chain; "
    "exit code 1 if a receipt was edited, added from elsewhere, or is missing",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions of `billproof ledger` and their arguments."""
    for name, action in add_parsers(parser, "action", _ACTIONS):
        action.epilog = f"exit codes: {_EXIT_CODES[name]}"
        config_option(action)
        if name == "list":
            action.add_argument("--organization", metavar="ORG", help="only this organization ID or integration name")
            action.add_argument("--month", metavar="YYYY-MM", help="only this month")
            action.add_argument(
                "--format", choices=("text", "json"), default="text", help="`json` prints the receipts. Default: text"
            )
        if name == "verify":
            text = "require every receipt to be signed by this key (PEM public key); repeat it if the key has changed"
            action.add_argument("--key", metavar="PUB", action="append", default=[], help=text)
        if name == "show":
            action.add_argument("organization", metavar="ORG", help="organization ID, or name of the integration")
            action.add_argument("month", metavar="MONTH", nargs="?", help="month such as 2025-10. Default: every month")


def run(options: argparse.Namespace) -> int:
    """Runs the action. Raises UsageError without a configuration, NoLedger without a ledger."""
    if options.action == "show" and options.month is None and is_month(options.organization):
        raise UsageError("billproof ledger show: needs ORG MONTH", "See billproof ledger show --help")
    config = config_of(options)
    if config is None:
        raise UsageError("ledger needs a billproof.yaml, which says where the ledger is", "billproof init FILE creates both.")
    root = config.ledger()
    if root is None:
        raise UsageError("no ledger is configured", "Add `ledger: .billproof/ledger` to billproof.yaml.")
    if options.action == "init":
        make_ledger(root)
        folder, bucket = "Keep it between runs: docs/ci/state.md shows how.", "docs/buckets.md says what to allow there."
        say(f"{shown(root, None)} is an empty ledger now. {bucket if in_bucket(root) else folder}")
        return Exit.PASS
    ledger = open_ledger(root)
    if options.action == "verify":
        return _verify(ledger, options.key)
    contents = proved(ledger)
    organization, month = _organization(config, contents, options.organization), options.month
    if options.action == "list":
        if month is not None and not is_month(month):
            raise UsageError(f"--month {month}: not a month", "Write it as 2025-10.")
        receipts = [receipt for key in _months(contents, organization, month) for receipt in contents.standing(key).receipts]
        documents = [receipt.document for receipt in receipts]
        as_json = options.format == "json"
        say(json.dumps(documents, indent=2, ensure_ascii=False) if as_json else "\n".join(listing(receipts)))
    else:
        say("\n".join(month_page(contents, organization or "", month, config, config_settings.clock())))
    return Exit.PASS


def _organization(config: Config, contents: Contents, name: str | None) -> str | None:
    """The id of an organization that is named by its integration or by itself. Raises UsageError if nothing has this name."""
    integrations = config.file.integrations
    ids = {integration.organization for integration in integrations}
    if name is None or name in ids or any(receipt.organization == name for receipt in contents.receipts.values()):
        return name
    for integration in integrations:
        if integration.name == name:
            return integration.organization
    known = ", ".join(integration.name for integration in integrations) or "none"
    raise UsageError(f"no integration is called {name}, and no organization has this ID", f"Integrations: {known}.")


def _months(contents: Contents, organization: str | None, month: str | None) -> list[Month]:
    """Every month, or those of one organization or calendar month, in the order of destination, organization and month."""
    return [key for key in contents.months() if organization in (None, key.organization) and month in (None, key.month)]


def listing(receipts: Sequence[Receipt]) -> Iterator[str]:
    """A line for each attempt below a line of titles."""
    if not receipts:
        yield "no uploads yet"
        return
    to = max(len("destination"), *(len(shown(receipt.destination)) for receipt in receipts))
    of = max(len("organization"), *(len(receipt.whose) for receipt in receipts))
    titles = f"{'destination':<{to}}  {'organization':<{of}}  month    no.   finished (UTC)    result                   amount"
    yield f"{titles}      file"
    for receipt in receipts:
        yield _line(receipt, "", to, of)


def _line(receipt: Receipt, zone: str = " UTC", to: int = 0, of: int = 0) -> str:
    return (
        f"{shown(receipt.destination):<{to}}  {receipt.whose:<{of}}  {receipt.month}  {receipt.n:04}  "
        f"{receipt.finished[:16].replace('T', ' ')}{zone}  {STATUSES[receipt.status]:<15}  "
        f"{cents(receipt.amount):>14,f} {shown(receipt.currency)}  sha256 {receipt.file_sha256[:12]}…"
    )


def month_page(contents: Contents, organization: str, month: str | None, config: Config, now: datetime) -> Iterator[str]:
    """The receipts of one month, or of every month, at every destination, and by when the current upload should be seen. Raises
    UsageError if there is none.
    """
    months = _months(contents, organization, month)
    if not months:
        whose = next((one.whose for one in contents.receipts.values() if one.organization == organization), organization)
        raise UsageError(f"the ledger has no receipt for {month or 'any month'} of {whose}", "See billproof ledger list")
    for key in months:
        standing = contents.standing(key)
        for receipt in standing.receipts:
            answer = receipt.document["answer"]
            is_current = standing.is_current(receipt.file_sha256) and receipt == standing.current
            is_past = receipt.holds and receipt != standing.current
            yield _line(receipt) + ("   current" if is_current else "   superseded" if is_past else "")
            yield shown(f"    {answer['text']}" + (f"; id {answer['id']}" if answer["id"] else ""), None)
            for waiver in receipt.document["waivers"]:
                text = f"    {waiver['rule']} waived by {waiver['owner']} until {waiver['expires']}: {waiver['reason']}"
                yield shown(text, None)
            held = f"{number(len(receipt.days), 'day')}, {number(len(receipt.projects), 'project')}"
            path = contents.ledger.path(receipt)
            yield shown(f"    {receipt.file_name}, {held}; {path}", None)
            by = seen_by(receipt, config) if is_current else None
            if by is not None:
                yield shown(f"    {told(by, now, receipt)}", None)


def _verify(ledger: Ledger, keys: Sequence[str]) -> int:
    checked, errors, notes = verify(ledger, keys)
    for text in (*errors, *notes):
        say(shown(text, None))
    word = "FAIL" if errors else "PASS"
    say(f"{word}  {number(checked, 'receipt')}, {number(len(errors), 'error')}")
    return Exit.FAIL if errors else Exit.PASS


def verify(ledger: Ledger, keys: Sequence[str] = ()) -> tuple[int, list[str], list[str]]:
    """How many receipts there are; the ledger errors: receipts edited, missing, added from elsewhere or, with the files of
    public `keys`, not signed by one of them; and notes: forks. Raises UsageError if a file is not a key.
    """
    contents = Contents(ledger)
    errors = [*contents.errors, *_unanswered(contents)]
    if keys:
        errors += _unsigned(contents, keys)
    return len(contents.receipts), errors, list(_forks(contents))


def _unsigned(contents: Contents, paths: Sequence[str]) -> Iterator[str]:
    """Receipts without an attestation of one of the keys, and attestations that are not of their receipts."""
    from billproof.audit.signing.attestation import receipt_statement
    from billproof.audit.signing.deviations import deviations
    from billproof.audit.signing.dsse import read_public_key

    keys = [read_public_key(path) for path in paths]
    ledger = contents.ledger
    for receipt in contents.receipts.values():
        beside = ledger.path(receipt, ATTESTATION)
        try:
            data = ledger.attestation(receipt)
        except LedgerError as error:
            yield error.message
            continue
        if data is None:
            yield f"{beside}: missing, so the receipt is unsigned"
            continue
        for text in deviations(data, keys, [receipt_statement(receipt, os.path.basename(ledger.path(receipt)))]):
            yield f"{beside}: {text}"


def _unanswered(contents: Contents) -> Iterator[str]:
    """Attempts without a receipt."""
    for attempt in contents.attempts.values():
        yield (
            f"{contents.ledger.path(attempt, 'begun')}: has no receipt: the command was interrupted, or the receipt was removed. "
            "The next upload records its outcome as unknown"
        )


def _forks(contents: Contents) -> Iterator[str]:
    """Numbers that two machines gave to different uploads, and attempts whose outcome two machines wrote down."""
    attempts: dict[tuple[str, str, str, int], set[str | None]] = {}
    twice: dict[str | None, list[str]] = {}
    for receipt in contents.receipts.values():
        key = (receipt.destination, receipt.organization, receipt.month, receipt.n)
        attempts.setdefault(key, set()).add(receipt.attempt)
        if receipt.sha256 in contents.twice:
            twice.setdefault(receipt.attempt, []).append(contents.ledger.path(receipt))
    for (*month, n), same in sorted(attempts.items()):
        if len(same) > 1:
            yield f"fork: {' '.join(month)} has {len(same)} uploads with number {n}, from different machines; all are kept"
    for paths in sorted(twice.values()):
        yield f"fork: {' and '.join(sorted(paths))} are of one attempt; its outcome counts as unknown"
