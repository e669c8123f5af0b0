"""What a pack contains, and its `README.txt`: what was proved, and how to check it with the system's own tools.

Plain ASCII in short lines, readable anywhere; other letters are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from billproof.audit.signing.attestation import SUFFIX
from billproof.delivery.ledger.receipt import Receipt
from billproof.model.costs import OPENAI_URL
from billproof.model.record import Record
from billproof.model.values import cents, month_name, number, shown

_WIDTH = 96
_PROVENANCE = {
    True: "regenerated for this pack; its result is that of the upload (same file_result_sha256)",
    False: "regenerated for this pack; it agrees with the receipt, but its result is not that of the upload",
}
_ANSWERS = {"accepted": "accepted", "already_there": "already present", "refused": "refused", "unknown": "outcome unknown"}
_OTHER_RESULT = "That report.json has the result of the upload: its file_result_sha256 was {}."
_RECEIPTS = "a .begun file written before it and a .json receipt after it; receipt.json is a copy of the receipt of this upload"
_UNCHECKED = "In-toto statements in DSSE envelopes (Ed25519); the signature was not checked when this was packed."


class Manifest(Record):
    """What a pack contains. `files` are all that `SHA256SUMS` names; `ledger` is the number of receipts in the ledger; `same`
    means that the report has the result of the upload, `left_out` that the file next to the export does not attest this report;
    `verify_options` are what `billproof verify` needs in addition to the report.
    """

    integration: str
    export: str
    receipt: Receipt
    receipts: Sequence[Receipt]
    report: Mapping[str, Any]
    same: bool
    left_out: bool
    ledger: int
    files: Sequence[str]
    verify_options: str

    @property
    def provenance(self) -> str:
        """Where the report comes from."""
        return _PROVENANCE[self.same]

    @property
    def signature(self) -> str:
        """Whether the pack has signatures; none was checked."""
        if self.is_signed:
            return f"not checked, because pack has no public key; in the pack: {self.verify}"
        if self.left_out:
            text = "no: the file next to the export does not attest this report"
            return f"{text}; put the attestation that the upload wrote in its place, and pack again" if self.same else text
        return "no: the pack shows that these files belong together, not who made them"

    @property
    def verify(self) -> str:
        """The command that repeats the check, in the pack."""
        return "billproof verify report.json" + self.verify_options + (" --key public-key.pem" if self.is_signed else "")

    @property
    def signatures(self) -> list[str]:
        """The names of the files with signatures."""
        return [name for name in self.files if name.endswith(SUFFIX)]

    @property
    def is_signed(self) -> bool:
        """Whether the pack has an attestation of the export and the report; its signature was not checked."""
        return self.export + SUFFIX in self.files


def render_readme(manifest: Manifest) -> bytes:
    """The text, with lines that end with LF."""
    parts = (_title, _listing, _proved, _attempts, _not_proved, _commands)
    text = "\n".join(line.rstrip() for part in parts for line in (*part(manifest), ""))
    return text.encode("ascii", "backslashreplace")


def _title(manifest: Manifest) -> Iterator[str]:
    receipt = manifest.receipt
    yield from _text(f"EVIDENCE: OpenAI charges of {month_name(receipt.month)}, {manifest.integration} ({receipt.whose})")
    yield ""
    yield from _text(
        "This folder was made by billproof, a program that checks OpenAI cost exports before they are uploaded. "
        f"The destination {receipt.destination} accepted the export in this folder on {_instant(receipt.finished)} as "
        f"{month_name(receipt.month)}: {cents(receipt.amount):,f} {shown(receipt.currency)} (exactly {receipt.amount:f})."
    )
    if receipt.document["month_to_date"]:
        yield from _text(f"The month had not ended: this is the month to date, as of {_instant(receipt.as_of)}.")
    if receipt.document["ci"].get("commit"):
        yield from _text(f"A CI job uploaded it at commit {receipt.document['ci']['commit']}.")


def _record_of(manifest: Manifest, name: str) -> str:
    if name.endswith(SUFFIX):
        return "the signature of this record"
    base_url = manifest.report["files"][0]["costs"]["record"]["base_url"]
    whose = "OpenAI's own record of the costs"
    if base_url != OPENAI_URL:
        whose = f"the record of the costs from {base_url}, not OpenAI's"
    return f"{whose}, which the export was compared with"


def _listing(manifest: Manifest) -> Iterator[str]:
    ruleset = manifest.report["ruleset"]
    yield "CONTENTS"
    rows = [
        (manifest.export, "the export, byte for byte as uploaded. It may contain people's names and e-mail addresses."),
        ("receipt.json", "the record of this upload: what was sent, to which destination, and its response"),
        ("receipts/", f"every attempt for this month at this destination, {_RECEIPTS}"),
        ("report.json", f"the report, with the outcome of every rule. It was {manifest.provenance}."),
        ("report.html", "the same report as a page to read"),
        ("ruleset/", f"the rules and the table schema: {ruleset['name']} {ruleset['version']}, sha256 {ruleset['sha256']}"),
        ("config/billproof.yaml", "the configuration at the upload, with every waiver. It names where secrets are kept."),
        *((name, _record_of(manifest, name)) for name in manifest.files if name.startswith("costs-")),
        (
            "SHA256SUMS",
            f"the SHA-256 digests of the {len(manifest.files)} other files. A file that it does not list does not belong here.",
        ),
    ]
    if manifest.is_signed:
        text = f"the attestation: signed statements about the export and report.json. {_UNCHECKED}"
        rows.insert(1, (manifest.export + SUFFIX, text))
    for name, text in rows:
        yield f"  {name}"
        yield from _text(text, "      ")


def _proved(manifest: Manifest) -> Iterator[str]:
    yield "WHAT WAS PROVED WHEN THIS WAS PACKED"
    receipt = manifest.receipt
    for text in (
        f"The export has the size and the SHA-256 digest that its receipt names: {receipt.file_sha256}.",
        f"It was checked again as of {receipt.as_of}, with the rule set, the configuration and the earlier uploads of that time. "
        "It passes the upload policy, with the same total, days, projects and waivers as in the receipt.",
        f"The ledger, where all receipts are kept, had {number(manifest.ledger, 'receipt')}. None was "
        "modified, and no receipt that another one names is missing.",
    ):
        yield from _item(text)
    for waiver in receipt.document["waivers"]:
        by = f", approved by {shown(waiver['approved_by'])}" if waiver.get("approved_by") else ""
        text = f"{waiver['rule']} failed ({waiver['violations']}), waived by {waiver['owner']}{by} until {waiver['expires']}"
        yield from _item(f"{text}: {waiver['reason']}")


def _attempts(manifest: Manifest) -> Iterator[str]:
    yield "EVERY ATTEMPT FOR THIS MONTH AT THIS DESTINATION"
    for attempt in manifest.receipts:
        mark = "   <- this upload" if attempt is manifest.receipt or attempt.sha256 == manifest.receipt.sha256 else ""
        text = f"{attempt.n:04}  {_instant(attempt.finished)}  {_ANSWERS[attempt.status]:<16}  {cents(attempt.amount):>14,f}"
        yield f"  {text} {shown(attempt.currency)}  sha256 {attempt.file_sha256[:12]}{mark}"


def _not_proved(manifest: Manifest) -> Iterator[str]:
    yield "WHAT THIS DOES NOT PROVE"
    for text in (
        *manifest.report["does_not_prove"],
        "When it happened: all times are from the sender's clock, except answer.time in the receipt, which is the destination's.",
        "That this folder is unmodified, if someone changed files and SHA256SUMS together: ask the sender for the SHA-256 digest "
        "of SHA256SUMS through a separate channel.",
        "That no receipt is missing at the end of the ledger: compare with the destination's own records.",
        f"Whose signatures these are: none was checked when this was packed. Check them in this folder: {manifest.verify}"
        if manifest.is_signed
        else "Who made the report: it is not signed.",
        *(() if manifest.same else (_OTHER_RESULT.format(manifest.receipt.document["file_result_sha256"]),)),
    ):
        yield from _item(text)


def _commands(manifest: Manifest) -> Iterator[str]:
    here = Path(__file__).parent
    yield from (here / "digests.txt").read_text("utf-8").splitlines()
    if manifest.signatures:
        signed = "$(ls *.intoto.jsonl)" if manifest.is_signed else manifest.signatures[0]
        yield from ("", *(here / "signatures.txt").read_text("utf-8").replace("SIGNED", signed).splitlines())
    yield from ("", "With billproof, installed from its repository. It runs every rule again:", f"  {manifest.verify}")


def _instant(text: str) -> str:
    return f"{text[:10]} {text[11:16]} UTC"


def _item(text: str) -> Iterator[str]:
    lines = list(_text(text, "    "))
    yield from (f"  - {lines[0].lstrip()}", *lines[1:])


def _text(text: str, indent: str = "") -> list[str]:
    return wrap(shown(text, None), _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
