"""What the receipts of a month say: which upload is current, which are doubtful, and what superseded what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from billproof.delivery.address import Address
from billproof.delivery.ledger.receipt import Receipt
from billproof.model.record import Record
from billproof.model.values import cents


class Month(Record):
    """One month of one organization at one address: what an upload replaces."""

    address: Address
    organization: str
    month: str


class Standing(Record):
    """What the ledger knows of a month: its receipts in order, an attempt that was cut off among them as `unknown`."""

    receipts: tuple[Receipt, ...]

    @property
    def destination(self) -> str:
        """The name that the destination had at the last upload."""
        return self.receipts[-1].destination

    @property
    def current(self) -> Receipt | None:
        """The last upload that the destination had by its own word."""
        return next((receipt for receipt in reversed(self.receipts) if receipt.holds), None)

    @property
    def doubtful(self) -> tuple[Receipt, ...]:
        """Attempts since then whose outcome is unknown."""
        after = self.receipts[self.receipts.index(self.current) + 1 :] if self.current else self.receipts
        return tuple(receipt for receipt in after if receipt.status == "unknown")

    @property
    def refused(self) -> tuple[Receipt, ...]:
        """Attempts since then that were refused, but those with bytes that were there before: what is there is as it was."""
        after = self.receipts[self.receipts.index(self.current) + 1 :] if self.current else self.receipts
        return tuple(receipt for receipt in after if receipt.status == "refused" and receipt.file_sha256 not in self.seen)

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
    return f"{text} by {since.file_name} with {cents(since.amount):,f} {since.currency}; to upload it again, add --resend"


def date_of(receipt: Receipt) -> str:
    """When the outcome of an upload was known, to the minute."""
    return receipt.finished[:16].replace("T", " ")


class Chain(Record):
    """All receipts and attempts of a ledger, each after those that it names; `is_line` if each follows the one before it."""

    order: tuple[Receipt, ...]
    place: Mapping[str, int]
    is_line: bool

    def in_order(self, receipts: Collection[Receipt], last: Collection[str] = ()) -> list[Receipt]:
        """Some of them, each after those that it follows, directly or not. Of several that do not know each other, the one
        that finished later comes later, and those with a digest in `last` after all others. Clocks decide nothing else.
        """
        ordered = sorted(receipts, key=lambda receipt: self.place[receipt.sha256])
        if self.is_line or len(ordered) < 2:
            return ordered
        wanted = {receipt.sha256: receipt for receipt in ordered}
        between = self.order[self.place[ordered[0].sha256] : self.place[ordered[-1].sha256] + 1]
        followers = Counter(digest for receipt in between for digest in receipt.previous)
        known = {receipt.sha256: receipt for receipt in between}
        free = [receipt for receipt in between if not followers[receipt.sha256]]
        heads: list[Receipt] = []
        found: list[Receipt] = []
        while free or heads:
            if free:
                receipt = free.pop()
                if receipt.sha256 in wanted:
                    heads.append(wanted[receipt.sha256])
                    continue
            else:
                receipt = max(heads, key=lambda head: (head.sha256 in last, head.finished, head.n, head.sha256))
                heads.remove(receipt)
                found.append(receipt)
            for digest in receipt.previous:
                followers[digest] -= 1
                if not followers[digest] and digest in known:
                    free.append(known[digest])
        return found[::-1]


def chain_of(receipts: Iterable[Receipt]) -> Chain:
    """The receipts as a chain, whatever is missing from it."""
    by_digest = {receipt.sha256: receipt for receipt in receipts}
    following: dict[str, list[Receipt]] = defaultdict(list)
    waiting: dict[str, int] = {}
    for receipt in by_digest.values():
        before = {digest for digest in receipt.previous if digest in by_digest}
        waiting[receipt.sha256] = len(before)
        for digest in before:
            following[digest].append(receipt)
    order = [receipt for receipt in by_digest.values() if not waiting[receipt.sha256]]
    for receipt in order:
        for follower in following[receipt.sha256]:
            waiting[follower.sha256] -= 1
            if not waiting[follower.sha256]:
                order.append(follower)
    is_line = all(after.previous == (before.sha256,) for before, after in pairwise(order))
    return Chain(tuple(order), {receipt.sha256: place for place, receipt in enumerate(order)}, is_line)
