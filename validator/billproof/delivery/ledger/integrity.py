"""A ledger as it was read, all of it at once, and whether it is as it was written: every file is a receipt or attempt under its
own digest, none is missing that another names, and each receipt is what its attempt began.

The ledger alone cannot show that its last upload is missing with all its files, nor that the outcome of its last upload was
changed: only a signature or the destination can.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise

from billproof.delivery.ledger.form import is_beginning
from billproof.delivery.ledger.receipt import Receipt, ReceiptError
from billproof.delivery.ledger.receipt import read as read_receipt
from billproof.delivery.ledger.standing import Chain, Month, Standing, chain_of
from billproof.delivery.ledger.store import BEGUN, RECEIPT, RESOLVE, Ledger, LedgerError, attested_by, file_name
from billproof.model.errors import Unreadable


class Contents:
    """What a ledger contains: the receipts and the attempts without one, each by its digest, and what shows that a file was
    edited, removed or added from elsewhere.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Reads all of it. Raises LedgerError if a folder cannot be listed."""
        self.ledger = ledger
        self.receipts: dict[str, Receipt] = {}
        self.attempts: dict[str, Receipt] = {}
        months, self.errors = ledger.listing()
        numbers = [self._read_month(folder, names) for folder, names in months.items()]
        self.errors += (*self._missing(), *(text for paths in numbers for text in _gaps(paths)))

    def add(self, written: Receipt) -> None:
        """Adds a receipt or an attempt that was just written."""
        if written.attempt is None:
            self.attempts[written.sha256] = written
        else:
            self.attempts.pop(written.attempt, None)
            self.receipts[written.sha256] = written
        for name in ("chain", "twice", "_by_month"):
            self.__dict__.pop(name, None)

    @cached_property
    def chain(self) -> Chain:
        """All receipts and attempts, each after those that it names."""
        return chain_of((*self.receipts.values(), *self.attempts.values()))

    @cached_property
    def twice(self) -> set[str]:
        """Digests of receipts whose attempt has another one, too: two machines wrote down what became of it."""
        counts = Counter(receipt.attempt for receipt in self.receipts.values())
        return {receipt.sha256 for receipt in self.receipts.values() if counts[receipt.attempt] > 1}

    @property
    def heads(self) -> list[str]:
        """Digests of the receipts that no other receipt names as previous: the ends of the chain."""
        named = {digest for receipt in self.receipts.values() for digest in receipt.previous}
        return sorted(self.receipts.keys() - named)

    @cached_property
    def _by_month(self) -> dict[tuple[str, str], list[Receipt]]:
        found = defaultdict(list)
        for receipt in self.chain.order:
            found[receipt.organization, receipt.month].append(receipt)
        return found

    def months(self) -> list[Month]:
        """Every month at every address, in the order of destinations, organizations and months."""
        found = dict.fromkeys(
            (receipt.destination, receipt.organization, receipt.month, receipt.address) for receipt in self.chain.order
        )
        return list(dict.fromkeys(Month(place[3], *place[1:3]) for place in sorted(found, key=lambda place: place[:3])))

    def months_of(self, file_sha256: str) -> list[Month]:
        """The months that a file was sent as."""
        sent = (receipt for receipt in self.chain.order if receipt.file_sha256 == file_sha256)
        return list(dict.fromkeys(Month(receipt.address, receipt.organization, receipt.month) for receipt in sent))

    def standing(self, month: Month, known: set[str] | None = None) -> Standing:
        """What is known of a month, or was when only the receipts `known` were there. An attempt with two receipts has an
        unknown outcome, whatever they say, until an upload that follows both.
        """
        receipts = [
            receipt._replace(status="unknown") if receipt.sha256 in self.twice else receipt
            for receipt in self._by_month.get((month.organization, month.month), ())
            if (known is None or receipt.sha256 in known) and receipt.address == month.address
        ]
        return Standing(tuple(self.chain.in_order(receipts, self.twice)))

    def known_before(self, sha256: str) -> set[str]:
        """Digests of the receipts that existed when the upload with that receipt was checked: what it follows, directly or not.

        A run checks all its files before it sends the first, so receipts of the same run do not count.
        """
        run = self.receipts[sha256].result_sha256
        followed: set[str] = set()
        waiting = list(self.receipts[sha256].previous)
        while waiting:
            digest = waiting.pop()
            if digest not in followed:
                followed.add(digest)
                waiting += self.receipts[digest].previous
        return {digest for digest in followed if self.receipts[digest].result_sha256 != run}

    def _read_month(self, folder: str, names: list[str]) -> dict[int, str]:
        """Reads the files of a month, and notes what is wrong with them; gives the file that has each number."""
        begun: dict[str, tuple[bytes, str]] = {}
        numbers: dict[int, str] = {}
        answered: set[str] = set()
        broken: set[str] = set()
        for name in sorted(names, key=lambda name: not name.endswith(".begun")):
            path = f"{folder}{self.ledger.separator}{name}"
            attested = attested_by(name) if name.endswith(".jsonl") else None
            if attested is not None:
                if attested not in names:
                    self.errors.append(f"{path}: attests a receipt that is missing: removed or edited")
                continue
            try:
                data, digest = self._unchanged(path, name)
                if name.endswith(".begun"):
                    begun[name] = data, digest
                    continue
                receipt = self._receipt(data, digest, path, folder, name)
            except (Unreadable, ReceiptError) as error:
                broken.add(name.partition("-")[0])
                self.errors.append(error.message)
                continue
            numbers[receipt.n] = path
            self.receipts[receipt.sha256] = receipt
            beginning = file_name(receipt.n, receipt.attempt or "", "begun")
            answered.add(beginning)
            self.errors += _unlike(receipt, path, beginning, *begun.get(beginning, (b"", "")))
        for name, (data, digest) in begun.items():
            path = f"{folder}{self.ledger.separator}{name}"
            if name not in answered:
                try:
                    attempt = self._receipt(data, digest, path, folder, name)
                except ReceiptError as error:
                    self.errors.append(error.message)
                    continue
                if name.partition("-")[0] not in broken:
                    self.attempts[attempt.sha256] = attempt
            numbers.setdefault(int(name.partition("-")[0]), path)
        return numbers

    def _receipt(self, data: bytes, digest: str, path: str, folder: str, name: str) -> Receipt:
        """The receipt or attempt in a file. Raises ReceiptError if it is neither, or is not of this place."""
        receipt = read_receipt(data, digest, path)
        if name not in (file_name(receipt.n, receipt.sha256, "json"), file_name(receipt.n, receipt.sha256, "begun")):
            raise ReceiptError(f"{path}: is number {receipt.n}, which its name does not say")
        if name.endswith(".begun") != (receipt.attempt is None) or (receipt.attempt is None and receipt.status != "unknown"):
            raise ReceiptError(f"{path}: a receipt names the attempt that it answers, and an attempt has no outcome yet")
        if receipt.ledger != self.ledger.id:
            raise ReceiptError(f"{path}: belongs to another ledger")
        if self.ledger.folder(receipt.destination, receipt.organization, receipt.month) != folder:
            text = f"is the receipt of {receipt.destination}, {receipt.organization}, {receipt.month}, and was moved here"
            raise ReceiptError(f"{path}: {text}")
        return receipt

    def _unchanged(self, path: str, name: str) -> tuple[bytes, str]:
        """The bytes of a file and their digest, which its name fits. Raises Unreadable, or ReceiptError."""
        match = RECEIPT.fullmatch(name) or BEGUN.fullmatch(name)
        if match is None:
            raise ReceiptError(f"{path}: is not a receipt, nor named like one")
        data = self.ledger.listed(path)
        digest = hashlib.sha256(data).hexdigest()
        if not digest.startswith(match[2]):
            raise ReceiptError(f"{path}: was changed after it was written: its digest does not match its name")
        return data, digest

    def _missing(self) -> Iterator[str]:
        """The receipts that others name and that are missing."""
        for receipt in (*self.receipts.values(), *self.attempts.values()):
            for digest in receipt.previous:
                if digest not in self.receipts:
                    path = self.ledger.path(receipt, "json" if receipt.attempt else "begun")
                    yield f"{path}: follows the receipt {digest[:12]}…, which is missing: removed or edited"


def _gaps(paths: Mapping[int, str]) -> Iterator[str]:
    """Missing numbers of a month, each gap once, however wide."""
    for before, n in pairwise((0, *sorted(paths))):
        if n - before == 2:
            yield f"{paths[n]}: the receipt with number {n - 1} before it is missing: it was removed"
        elif n - before > 2:
            yield f"{paths[n]}: the receipts with numbers {before + 1} to {n - 1} before it are missing: they were removed"


def proved(ledger: Ledger) -> Contents:
    """What a ledger contains. Raises LedgerError, which names a file, if it cannot be relied on."""
    contents = Contents(ledger)
    if contents.errors:
        more = f" (and {len(contents.errors) - 1} more)" if len(contents.errors) > 1 else ""
        raise LedgerError(f"{contents.errors[0]}{more}", RESOLVE)
    return contents


def _unlike(receipt: Receipt, path: str, name: str, data: bytes, digest: str) -> Iterator[str]:
    """Where a receipt is not what its attempt began: they are the same in all but the outcome."""
    if digest != receipt.attempt:
        yield f"{path}: its attempt {name} is missing: removed or edited"
    elif not (data.startswith(receipt.data[: receipt.known]) and is_beginning(data[receipt.known :])):
        try:
            document = read_receipt(data, digest, name).document
            keys = [key for key, value in receipt.document.items() if document.get(key) != value]
        except ReceiptError as error:
            yield error.message
            return
        differing = ", ".join(key for key in keys if key not in ("attempt", "status", "answer", "finished"))
        yield f"{path}: differs from its attempt {name} in {differing or 'its form'}: one of them was edited"
