"""What receipts say of one month: which file is current, which were superseded, and what is in doubt."""

from __future__ import annotations

from billproof.delivery.ledger.receipt import Receipt
from billproof.model.record import Record


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
        """The digest of the last receipt that an upload of these bytes comes after: of one that the destination had, or of
        other bytes that may have arrived.
        """
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
