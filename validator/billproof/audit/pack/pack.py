"""`billproof pack`: everything an auditor needs to check an uploaded month, in one folder, without billproof.

The receipt says which bytes were uploaded. They are checked again with what the upload was checked with. The month is packed only
if the result is what the receipt says; of several months, all are packed or none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from billproof.audit.pack.evidence import gather, open_values, write_bundles
from billproof.audit.pack.find import Refused
from billproof.audit.pack.readme import Manifest
from billproof.config.file import Config, Integration
from billproof.config.rulesets import for_integration
from billproof.config.settings import Settings, parse_month
from billproof.delivery.ledger.integrity import proved
from billproof.delivery.ledger.store import NoLedger, open_ledger
from billproof.model.errors import BillproofError, UsageError
from billproof.model.values import cents, month_name, shown


class NotPacked(BillproofError):
    """Months that cannot be packed, each with the reason and what to do."""

    def __init__(self, refused: Sequence[tuple[str, BillproofError]], of: int) -> None:
        super().__init__("UNPROVED  nothing was packed" + (f": {len(refused)} of {of} months cannot be packed" if of > 1 else ""))
        self.refused = refused

    def lines(self) -> list[str]:
        lines = [self.message]
        for month, error in self.refused:
            lines += [f"  {month}  {error.message}", *([f"           {error.help}"] if error.help else [])]
        return lines


def pack(whose: str, months: Sequence[str], output: str, settings: Settings) -> Iterator[str]:
    """Packs months of an organization (its ID, or the integration's name) into the folder `output`; yields the lines to print.

    Raises UsageError without a configuration, NoLedger or LedgerError if it is unknown what was uploaded, NotPacked if a month
    cannot be proved, Unwritable; then nothing is written.
    """
    config = settings.config
    if config is None:
        raise UsageError(
            "pack needs a billproof.yaml, which says where receipts and exports are", "billproof init FILE creates one."
        )
    integration = _integration(whose, config)
    settings = for_integration(settings, integration)
    wanted = list(dict.fromkeys(parse_month(month, settings.now, "pack").value or "" for month in months))
    root = config.ledger()
    if root is None:
        text = "no ledger is configured, so it is unknown what was uploaded"
        raise NoLedger(text, "Restore it, and add `ledger:` to billproof.yaml.")
    contents = proved(open_ledger(root))
    values = open_values(config)
    with ExitStack() as held:
        packed, refused = [], []
        for month in wanted:
            try:
                packed.append(gather(contents, integration, month, settings, held))
            except Refused as error:
                refused.append((month, error))
        if refused:
            raise NotPacked(refused, len(wanted))
        names = [f"evidence-{integration.name}-{manifest.receipt.month}" if len(packed) > 1 else "." for manifest, _ in packed]
        sums = write_bundles(output, {name: files for name, (_, files) in zip(names, packed, strict=True)})
    for name, (manifest, _), digest in zip(names, packed, sums, strict=True):
        yield from _summary(os.path.normpath(os.path.join(output, name)), manifest, digest)
    if values:
        text = f"config/billproof.yaml is packed unchanged; make sure that none of these is a secret: {'; '.join(values)}"
        yield f"  config   {shown(text, None)}"


def _integration(whose: str, config: Config) -> Integration:
    for integration in config.file.integrations:
        if whose in (integration.name, integration.organization):
            return integration
    known = ", ".join(f"{integration.name} ({integration.organization})" for integration in config.file.integrations) or "none"
    raise UsageError(f"pack {whose}: no such organization or integration in {config.shown_path}", f"Configured: {known}.")


def _summary(folder: str, manifest: Manifest, digest: str) -> Iterator[str]:
    receipt = manifest.receipt
    what = f"{manifest.integration}, {month_name(receipt.month)}: {len(manifest.files)} files and SHA256SUMS"
    yield f"PACKED  {shown(folder, None)}  {what}"
    yield (
        f"  upload   {cents(receipt.amount):,f} {shown(receipt.currency)}, accepted by {receipt.destination} on "
        f"{receipt.finished[:16].replace('T', ' ')}"
    )
    yield f"  report   {manifest.provenance}"
    yield f"  signed   {manifest.signature}"
    yield f"  digest   sha256 of SHA256SUMS: {digest}"
