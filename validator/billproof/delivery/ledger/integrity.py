"""Whether a ledger is as it was written: every file a receipt under its own digest, and none gone that another speaks of.

What nobody can see from the ledger alone is the loss of its last upload, all files of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from itertools import pairwise

from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.store import Ledger, LedgerFault, Month, attested_by, file_name, month_of
from billproof.model.record import Record


class Contents(Record):
    """What a ledger holds, by digest, and what shows that a file was edited, removed or brought in."""

    receipts: Mapping[str, Receipt]
    attempts: Mapping[str, Receipt]
    faults: tuple[str, ...]


def contents(ledger: Ledger) -> Contents:
    """Everything in a ledger, all of it read. Raises LedgerFault if a folder cannot be listed."""
    receipts: dict[str, Receipt] = {}
    attempts: dict[str, Receipt] = {}
    faults: list[str] = []
    files = ledger.all_files()
    there = set(files)
    for folder, name in files:
        attested = attested_by(name)
        if attested is not None:
            faults += _attestation_faults(os.path.join(folder, name), (folder, attested) in there)
            continue
        try:
            one = ledger.read(folder, name)
        except LedgerFault as error:
            faults.append(error.message)
        else:
            (attempts if name.endswith(".begun") else receipts)[one.sha256] = one
    faults += (*_missing(ledger, receipts, attempts), *_gaps(ledger, receipts, attempts))
    return Contents(receipts, attempts, tuple(faults))


def known_before(receipts: Mapping[str, Receipt], sha256: str) -> set[str]:
    """Digests of the receipts that were there when the upload with that receipt was judged: what it follows, directly or not.

    A run judges all its files before it sends the first, so receipts of the same run do not count.
    """
    run = receipts[sha256].document["result_sha256"]
    found: set[str] = set()
    waiting = list(receipts[sha256].previous)
    while waiting:
        digest = waiting.pop()
        if digest not in found:
            found.add(digest)
            waiting += receipts[digest].previous
    return {one for one in found if receipts[one].document["result_sha256"] != run}


def prove(ledger: Ledger) -> None:
    """Raises LedgerFault, which names a file, if the ledger cannot be relied on."""
    faults = contents(ledger).faults
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise LedgerFault(f"{faults[0]}{more}", "Nothing can be sent before this is cleared up: billproof ledger verify")


def _missing(ledger: Ledger, receipts: Mapping[str, Receipt], attempts: Mapping[str, Receipt]) -> Iterator[str]:
    """What receipts name and is not there."""
    for one in (*receipts.values(), *attempts.values()):
        path = ledger.path(one, "json" if one.sha256 in receipts else "begun")
        for digest in one.previous:
            if digest not in receipts:
                yield f"{path}: follows the receipt {digest[:12]}…, which is not there: removed or edited"
        if one.attempt is not None and one.attempt not in attempts:
            yield f"{path}: its attempt {file_name(one.n, one.attempt, 'begun')} is not there: removed or edited"


def _attestation_faults(path: str, has_receipt: bool) -> Iterator[str]:
    """What is wrong with the attestation of a receipt as a file; what it says takes a key."""
    if not has_receipt:
        yield f"{path}: attests a receipt that is not there: it was removed or edited"
    elif not stat.S_ISREG(os.lstat(path).st_mode):
        yield f"{path}: is a link, device or pipe, and no file of a ledger is"


def _gaps(ledger: Ledger, receipts: Mapping[str, Receipt], attempts: Mapping[str, Receipt]) -> Iterator[str]:
    """Numbers of a month that are left out, each gap once, however wide."""
    months: dict[Month, dict[int, str]] = {}
    for suffix, found in (("begun", attempts), ("json", receipts)):
        for one in found.values():
            months.setdefault(month_of(one), {})[one.n] = ledger.path(one, suffix)
    for _, paths in sorted(months.items()):
        for before, n in pairwise((0, *sorted(paths))):
            if n - before == 2:
                yield f"{paths[n]}: there is no receipt with number {n - 1} before it: it was removed"
            elif n - before > 2:
                yield f"{paths[n]}: there are no receipts with numbers {before + 1} to {n - 1} before it: they were removed"
