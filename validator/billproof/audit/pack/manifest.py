"""What a pack contains, and what of it is signed and verified how: for its README and for the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from billproof.delivery.ledger.receipt import Receipt
from billproof.model.record import Record

_PROVENANCE = {
    "kept": "found in a file: its result_sha256, as_of, CI job and host are those of the receipt",
    "same": "regenerated for this pack; its result is that of the upload (same result_sha256)",
    "again": "regenerated for this pack; it agrees with the receipt, but is not the report written at the upload",
}


class Manifest(Record):
    """What a pack contains. `files` are all that `SHA256SUMS` names; `ledger` is the number of receipts in the ledger; `left_out`
    means that the file next to the export does not attest this report; `verify_options` are what `billproof verify` needs in
    addition to the report.
    """

    integration: str
    export: str
    receipt: Receipt
    receipts: Sequence[Receipt]
    report: Mapping[str, Any]
    origin: Literal["kept", "same", "again"]
    left_out: bool
    ledger: int
    files: Sequence[str]
    verify_options: str

    @property
    def provenance(self) -> str:
        """Where the report comes from."""
        return _PROVENANCE[self.origin]

    @property
    def signature(self) -> str:
        """Whether the pack has signatures; none was checked."""
        if self.is_signed:
            return f"not checked, because pack has no public key; in the pack: {self.verify}"
        if self.left_out:
            return "no: the file next to the export does not attest this report; add the report that it attests, and pack again"
        return "no: the pack shows that these files belong together, not who made them"

    @property
    def verify(self) -> str:
        """The command that repeats the check, in the pack."""
        return "billproof verify report.json" + self.verify_options + (" --key public-key.pem" if self.is_signed else "")

    @property
    def signatures(self) -> list[str]:
        """The names of the files with signatures."""
        return [name for name in self.files if name.endswith(".intoto.jsonl")]

    @property
    def is_signed(self) -> bool:
        """Whether the pack has an attestation of the export and the report; its signature was not checked."""
        return f"{self.export}.intoto.jsonl" in self.files
