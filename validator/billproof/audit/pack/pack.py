"""`billproof pack`: what an auditor needs of a month that was uploaded, in one folder that can be checked without billproof.

The receipt says which bytes count. They are judged once more with what the upload was judged by. Only if that gives what the
receipt says is the month packed; of several months all are, or none.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from billproof.audit.pack.bundle import Content, write_bundles
from billproof.audit.pack.contents import config_bytes, open_values, receipts_of, ruleset_files
from billproof.audit.pack.find import NotFound, find_attestation, find_export, find_report, speaks_of
from billproof.audit.pack.readme import Contents, render_readme
from billproof.audit.pack.replay import NotAsThen, replay
from billproof.audit.signing.attestation import SUFFIX
from billproof.config.file import Config, Integration
from billproof.config.settings import Settings, parse_month
from billproof.delivery.ledger.integrity import contents, prove
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.store import Ledger, Month, NoLedger, Standing, open_ledger
from billproof.model.errors import BillproofError, UsageError
from billproof.model.record import Record
from billproof.model.values import cents, month_name, shown
from billproof.report.render import render
from billproof.rules.shipped import is_shipped

# What no file system takes, or takes for a path.
_UNNAMEABLE = r'[\x00-\x1f\x7f<>:"/\\|?*]'


class NotUploaded(BillproofError):
    """There is no receipt that says that the destination has the month."""


class NotPacked(BillproofError):
    """Months that cannot be packed, each with the reason and what to do."""

    def __init__(self, refused: Sequence[tuple[str, BillproofError]], of: int) -> None:
        count = f"{len(refused)} of {of} months cannot be" if of > 1 else "the month cannot be"
        super().__init__(f"UNPROVED  nothing was packed: {count}")
        self.refused = refused

    def lines(self) -> list[str]:
        return [self.message, *(line for month, error in self.refused for line in _told(month, error))]


def _told(month: str, error: BillproofError) -> Iterator[str]:
    yield f"  {month}  {error.message}"
    if error.help:
        yield f"           {error.help}"


class Evidence(Record):
    """A month that can be packed: its upload, and every file of its pack by name."""

    receipt: Receipt
    contents: Contents
    files: dict[str, Content]


def pack(whose: str, months: Sequence[str], output: str, settings: Settings) -> Iterator[str]:
    """Packs months of an organization (its id, or the integration's name) into the folder `output`; gives what to tell.

    Raises UsageError without a configuration, NoLedger or LedgerFault if nobody can say what was uploaded, NotPacked if a
    month cannot be proved, Unwritable; then nothing is written.
    """
    config = settings.config
    if config is None:
        raise UsageError("pack needs a billproof.yaml: it says whose receipts and files are where", "billproof init writes one.")
    integration = _integration(whose, config)
    wanted = list(dict.fromkeys(parse_month(one, settings.now, "pack").value or "" for one in months))
    ledger = _ledger(config)
    prove(ledger)
    values = open_values(config)
    with ExitStack() as held:
        found, refused = [], []
        for month in wanted:
            try:
                found.append(_evidence(ledger, integration, month, settings, held))
            except (NotUploaded, NotFound, NotAsThen) as error:
                refused.append((month, error))
        if refused:
            raise NotPacked(refused, len(wanted))
        folders = ["."] if len(found) == 1 else [f"evidence-{integration.name}-{one.receipt.month}" for one in found]
        sums = write_bundles(output, {folder: one.files for folder, one in zip(folders, found, strict=True)})
    for folder, one, digest in zip(folders, found, sums, strict=True):
        yield from _summary(os.path.normpath(os.path.join(output, folder)), one, digest)
    if values:
        text = f"config/billproof.yaml is packed as it is; look that none of these holds a secret: {'; '.join(values)}"
        yield f"  look     {shown(text, None)}"


def _integration(whose: str, config: Config) -> Integration:
    for one in config.file.integrations:
        if whose in (one.name, one.organization):
            return one
    known = ", ".join(f"{one.name} ({one.organization})" for one in config.file.integrations) or "none"
    raise UsageError(f"pack {whose}: no such organization or integration in {config.shown_path}", f"There are {known}.")


def _ledger(config: Config) -> Ledger:
    root = config.ledger()
    if root is None:
        raise NoLedger(
            "no ledger is configured, so nobody can say what was uploaded", "Restore it, and add `ledger:` to billproof.yaml."
        )
    return open_ledger(root)


def _evidence(ledger: Ledger, integration: Integration, month: str, settings: Settings, held: ExitStack) -> Evidence:
    """What goes into the pack of a month. Raises NotUploaded, NotFound or NotAsThen."""
    config = settings.config
    assert config is not None
    standing, one = _accepted(ledger, integration, month, settings.to or integration.to)
    export = find_export(one, config, held)
    again = replay(export.copy, one, settings)
    kept = find_report(one, [os.path.dirname(export.found_at), ".", os.path.dirname(config.path)])
    report = kept.report if kept else again.report
    data = kept.data if kept else render("json", report).encode("utf-8")
    attestation = find_attestation(export.found_at)
    fits = attestation is not None and speaks_of(attestation, report, data)
    name = _packed_name(one.file_name)
    files: dict[str, Content] = {name: export.copy.stream}
    if attestation is not None and fits:
        files[name + SUFFIX] = attestation
    files |= {"report.json": data, "report.html": render("html", report).encode("utf-8")}
    files |= receipts_of(ledger, standing, one)
    files |= ruleset_files(settings, again.ruleset)
    files["config/billproof.yaml"] = config_bytes(config)
    told = Contents(
        integration.name, name, one, standing.receipts, report, "kept" if kept else "same" if again.same else "again",
        attestation is not None and not fits, len(contents(ledger).receipts), tuple(sorted([*files, "README.txt"])),
        _verify_options(name, one, settings),
    )  # fmt: skip
    files["README.txt"] = render_readme(told)
    return Evidence(one, told, files)


def _accepted(ledger: Ledger, integration: Integration, month: str, to: str | None) -> tuple[Standing, Receipt]:
    """The receipts of a month at a destination, and the one that counts. Raises NotUploaded."""
    if to is None:
        raise NotUploaded("has no destination: its integration has no `to:`", "Say where it was sent: --to DESTINATION")
    standing = ledger.standing(Month(to, integration.organization, month))
    current = standing.current
    if current is None:
        months = [one for one in ledger.months() if one[1:] == (integration.organization, month)]
        held = [f"--to {one.destination}" for one in months if ledger.standing(one).current]
        raise NotUploaded(
            f"was never accepted by {to}, so there is no upload to prove",
            f"It was accepted elsewhere: {' or '.join(held)}"
            if held
            else f"billproof ledger list tells what was sent. To send it: billproof upload --only {integration.name} --to {to}",
        )  # fmt: skip
    if not standing.is_current(current.file_sha256):
        raise NotUploaded(
            f"may have been replaced: nobody heard what {to} answered to {standing.doubtful[-1].file_name}",
            "Run that upload again, so that it is known what the destination has.",
        )
    return standing, current


def _packed_name(name: str) -> str:
    """The name of the export as every system can write it; the name then, for all but very odd ones."""
    import re

    plain = re.sub(_UNNAMEABLE, "_", name).strip(" .")
    return plain if plain.lower().endswith(".csv") and len(plain.encode()) <= 200 else "export.csv"


def _verify_options(name: str, one: Receipt, settings: Settings) -> str:
    """What `billproof verify` must be told in the pack: the export under another name than then, and rules of one's own."""
    own = settings.ruleset.value or ""
    folder = "" if is_shipped(own) else f" --ruleset {shlex.quote(f'ruleset/{os.path.basename(os.path.abspath(own))}')}"
    return ("" if name == one.file_name else " FILE") + folder


def _summary(folder: str, one: Evidence, digest: str) -> Iterator[str]:
    receipt = one.receipt
    what = f"{one.contents.integration}, {month_name(receipt.month)}: {len(one.files)} files and SHA256SUMS"
    yield f"PACKED  {shown(folder, None)}  {what}"
    yield (
        f"  upload   {cents(receipt.amount):,f} {shown(receipt.currency)}, accepted by {receipt.destination} on "
        f"{receipt.finished[:16].replace('T', ' ')}"
    )
    yield f"  report   {one.contents.provenance}"
    yield f"  signed   {one.contents.signature}"
    yield f"  sums     sha256 of SHA256SUMS: {digest}"
