"""Whether a ledger is as it was written: every file is a receipt under its own digest, and none is missing that another names.

The ledger alone cannot show that its last upload is missing with all its files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from itertools import pairwise

from billproof.delivery.ledger.receipt import Month, Receipt, month_of
from billproof.delivery.ledger.store import RESOLVE, Ledger, LedgerError, attested_by, file_name
from billproof.model.record import Record


class LedgerContents(Record):
    """What a ledger contains, by digest, and what shows that a file was edited, removed or added from elsewhere."""

    receipts: Mapping[str, Receipt]
    attempts: Mapping[str, Receipt]
    errors: tuple[str, ...]


def contents(ledger: Ledger) -> LedgerContents:
    """Everything in a ledger, all of it read. Raises LedgerError if a folder cannot be listed."""
    receipts: dict[str, Receipt] = {}
    attempts: dict[str, Receipt] = {}
    errors: list[str] = []
    files = ledger.all_files()
    places = set(files)
    for folder, name in files:
        attested = attested_by(name)
        if attested is not None:
            errors += _attestation_errors(os.path.join(folder, name), (folder, attested) in places)
            continue
        try:
            receipt = ledger.read(folder, name)
        except LedgerError as error:
            errors.append(error.message)
        else:
            (attempts if name.endswith(".begun") else receipts)[receipt.sha256] = receipt
    errors += (*_missing(ledger, receipts, attempts), *_gaps(ledger, receipts, attempts))
    return LedgerContents(receipts, attempts, tuple(errors))


def known_before(receipts: Mapping[str, Receipt], sha256: str) -> set[str]:
    """Digests of the receipts that existed when the upload with that receipt was checked: what it follows, directly or not.

    A run checks all its files before it sends the first, so receipts of the same run do not count.
    """
    run = receipts[sha256].document["result_sha256"]
    followed: set[str] = set()
    waiting = list(receipts[sha256].previous)
    while waiting:
        digest = waiting.pop()
        if digest not in followed:
            followed.add(digest)
            waiting += receipts[digest].previous
    return {digest for digest in followed if receipts[digest].document["result_sha256"] != run}


def prove(ledger: Ledger) -> None:
    """Raises LedgerError, which names a file, if the ledger cannot be relied on."""
    errors = contents(ledger).errors
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise LedgerError(f"{errors[0]}{more}", RESOLVE)


def _missing(ledger: Ledger, receipts: Mapping[str, Receipt], attempts: Mapping[str, Receipt]) -> Iterator[str]:
    """The files that receipts name and that are missing."""
    for receipt in (*receipts.values(), *attempts.values()):
        path = ledger.path(receipt, "json" if receipt.sha256 in receipts else "begun")
        for digest in receipt.previous:
            if digest not in receipts:
                yield f"{path}: follows the receipt {digest[:12]}…, which is missing: removed or edited"
        if receipt.attempt is not None and receipt.attempt not in attempts:
            yield f"{path}: its attempt {file_name(receipt.n, receipt.attempt, 'begun')} is missing: removed or edited"


def _attestation_errors(path: str, has_receipt: bool) -> Iterator[str]:
    """What is wrong with the attestation of a receipt as a file; checking what it says needs a key."""
    if not has_receipt:
        yield f"{path}: attests a receipt that is missing: removed or edited"
    elif not stat.S_ISREG(os.lstat(path).st_mode):
        yield f"{path}: is a link, device or pipe, which a ledger's files never are"


def _gaps(ledger: Ledger, receipts: Mapping[str, Receipt], attempts: Mapping[str, Receipt]) -> Iterator[str]:
    """Missing numbers of a month, each gap once, however wide."""
    months: dict[Month, dict[int, str]] = {}
    for suffix, documents in (("begun", attempts), ("json", receipts)):
        for receipt in documents.values():
            months.setdefault(month_of(receipt), {})[receipt.n] = ledger.path(receipt, suffix)
    for _, paths in sorted(months.items()):
        for before, n in pairwise((0, *sorted(paths))):
            if n - before == 2:
                yield f"{paths[n]}: the receipt with number {n - 1} before it is missing: it was removed"
            elif n - before > 2:
                yield f"{paths[n]}: the receipts with numbers {before + 1} to {n - 1} before it are missing: they were removed"
