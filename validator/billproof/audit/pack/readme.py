"""`README.txt` of a pack: what lies there, what was proved, and how anybody checks it with what the system has.

Plain ASCII in short lines, so that it can be read anywhere; what has other letters is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from billproof.audit.pack.manifest import Manifest
from billproof.model.values import cents, month_name, shown

_WIDTH = 96
_ANSWERS = {"accepted": "accepted", "already_there": "there already", "refused": "not accepted", "unknown": "answer not heard"}
_OTHER_REPORT = (
    "That report.json is the report of the upload: the one written then has the result_sha256 {}. It was about more files, "
    "told with other options, or the export lay elsewhere."
)
_RECEIPTS = ".begun written before it, .json after it; receipt.json is a copy of the one that counts"
_UNCHECKED = "In the form of in-toto and DSSE (Ed25519); the signature was not checked when this was packed."


def render_readme(one: Manifest) -> bytes:
    """The text, its lines ended by LF."""
    parts = (_title(one), _listing(one), _proved(one), _attempts(one), _not_proved(one), _commands(one))
    text = "\n".join(line.rstrip() for part in parts for line in (*part, ""))
    return text.encode("ascii", "backslashreplace")


def _title(one: Manifest) -> Iterator[str]:
    receipt = one.receipt
    yield f"EVIDENCE: OpenAI charges of {month_name(receipt.month)}, {one.integration} ({shown(receipt.organization)})"
    yield ""
    yield from _text(
        f"The export in this folder was accepted by the destination {receipt.destination} on {_instant(receipt.finished)} as "
        f"{month_name(receipt.month)}: {cents(receipt.amount):,f} {shown(receipt.currency)} (exactly {receipt.amount:f})."
    )
    if receipt.document["month_to_date"]:
        yield from _text(f"The month was not over then: this is a part of it, as of {_instant(receipt.as_of)}.")
    if receipt.document["ci"].get("commit"):
        yield from _text(f"It was uploaded by a CI job at the commit {receipt.document['ci']['commit']}.")


def _listing(one: Manifest) -> Iterator[str]:
    ruleset = one.report["ruleset"]
    yield "WHAT IS HERE"
    rows = [
        (one.export, "the export, byte for byte as it was uploaded. It may hold people's names and e-mail addresses."),
        ("receipt.json", "what was sent, where to, and what the destination answered"),
        ("receipts/", f"every attempt for this month at this destination, {_RECEIPTS}"),
        ("report.json", f"what every rule found: {one.provenance}"),
        ("report.html", "the same for people"),
        ("ruleset/", f"the rules and the table schema: {ruleset['name']} {ruleset['version']}, sha256 {ruleset['sha256']}"),
        ("config/billproof.yaml", "the configuration as it was, with every waiver. Secrets stand elsewhere; it names where."),
        ("SHA256SUMS", f"the digests of the {len(one.files)} other files. What it does not name does not belong here."),
    ]
    if one.is_signed:
        rows.insert(1, (f"{one.export}.intoto.jsonl", f"signed statements about the export and report.json. {_UNCHECKED}"))
    for name, text in rows:
        yield f"  {name}"
        yield from _text(text, "      ")


def _proved(one: Manifest) -> Iterator[str]:
    yield "WHAT WAS PROVED WHEN THIS WAS PACKED"
    receipt = one.receipt
    for text in (
        f"The export has the size and sha256 that its receipt names: {receipt.file_sha256}.",
        f"Judged again as of {receipt.as_of}, with the rule set, the configuration and the earlier uploads of then, it passes as "
        "an upload has to, with the same total, days, projects and waivers as in the receipt.",
        f"The ledger had {one.ledger} receipt{'s' * (one.ledger != 1)}, each as it was written, and lacked none that another "
        "one names.",
    ):
        yield from _item(text)
    for waiver in receipt.document["waivers"]:
        by = f", approved by {shown(waiver['approved_by'])}" if waiver.get("approved_by") else ""
        text = f"{waiver['rule']} failed ({waiver['violations']}), signed for by {waiver['owner']}{by} until {waiver['expires']}"
        yield from _item(f"{text}: {waiver['reason']}")


def _attempts(one: Manifest) -> Iterator[str]:
    yield "EVERY ATTEMPT FOR THIS MONTH AT THIS DESTINATION"
    for each in one.receipts:
        mark = "   <- this one" if each is one.receipt or each.sha256 == one.receipt.sha256 else ""
        text = f"{each.n:04}  {_instant(each.finished)}  {_ANSWERS[each.status]:<16}  {cents(each.amount):>14,f}"
        yield f"  {text} {shown(each.currency)}  sha256 {each.file_sha256[:12]}{mark}"


def _not_proved(one: Manifest) -> Iterator[str]:
    yield "WHAT THIS DOES NOT PROVE"
    for text in (
        *one.report["does_not_prove"],
        "When it happened: the times are of the sender's own clock, but for answer.time in the receipt, the destination's.",
        "That this folder is as it was packed, if somebody changed files and SHA256SUMS together: ask for the sha256 of "
        "SHA256SUMS in another way.",
        "That the ledger lost none of its last receipts: compare with the destination.",
        f"Whose signatures these are: pack has no public key and checked none. In this folder: {one.verify}"
        if one.is_signed
        else "Who made the report: nobody signed it.",
        *(() if one.origin != "again" else (_OTHER_REPORT.format(one.receipt.document["result_sha256"]),)),
    ):
        yield from _item(text)


def _commands(one: Manifest) -> Iterator[str]:
    rules = "t=$(mktemp); find ruleset -type f | while IFS= read -r f; do d=${f%/*}"
    yield "CHECK IT YOURSELF, in this folder"
    yield "Linux:"
    yield "  sha256sum -c SHA256SUMS"
    yield "macOS:"
    yield "  shasum -a 256 -c SHA256SUMS"
    yield "Windows, in PowerShell:"
    yield "  Get-Content -Encoding UTF8 SHA256SUMS | ForEach-Object {"
    yield "    $sum, $name = $_ -split '  ', 2"
    yield '    if ((Get-FileHash -Algorithm SHA256 -LiteralPath $name).Hash -eq $sum) { "OK     $name" } else { "WRONG  $name" }'
    yield "  }"
    yield "Windows, one file without PowerShell (compare with its line in SHA256SUMS):"
    yield "  certutil -hashfile report.json SHA256"
    yield "Each .json and .begun in receipts/ bears the first 12 characters of its own sha256 in its name."
    yield ""
    yield "The digest of the rule set, as report.json and receipt.json name it (Linux; macOS: shasum -a 256):"
    yield f"  {rules}"
    yield '    printf \'%s/%s %s\\n\' "${d##*/}" "${f##*/}" "$(sha256sum < "$f" | cut -c1-64)"'
    yield '  done | LC_ALL=C sort -u > $t; printf %s "$(cat $t)" | sha256sum'
    if one.signatures:
        yield ""
        yield from _signature(one)
    yield ""
    yield "With billproof, installed from its repository, which runs every rule again:"
    yield f"  {one.verify}"


def _signature(one: Manifest) -> Iterator[str]:
    yield "The signatures, with OpenSSL 3 (Windows: in Git Bash). Get public-key.pem from the signer, not from whoever gave"
    yield "you this folder: nothing was checked with it when this was packed. Every line of a .intoto.jsonl is a signed"
    yield "statement; this looks at the first of one file:"
    yield f"  f={'$(ls *.intoto.jsonl)' if one.is_signed else one.signatures[0]}"
    yield '  t=$(mktemp -d); sed -n 1p "$f" > $t/line'
    yield '  sed \'s/.*"payload": "\\([^"]*\\)".*/\\1/\' $t/line | openssl base64 -d -A > $t/statement'
    yield '  sed \'s/.*"sig": "\\([^"]*\\)".*/\\1/\' $t/line | openssl base64 -d -A > $t/signature'
    yield "  (printf 'DSSEv1 28 application/vnd.in-toto+json %d ' $(wc -c < $t/statement); cat $t/statement) > $t/signed"
    yield "  openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in $t/signed -sigfile $t/signature"
    yield "  cat $t/statement"
    yield 'The digests under "subject" must stand in SHA256SUMS: of the export and report.json, or of the export and a receipt.'


def _instant(text: str) -> str:
    return f"{text[:10]} {text[11:16]} UTC"


def _item(text: str) -> Iterator[str]:
    lines = list(_text(text, "    "))
    yield from (f"  - {lines[0].lstrip()}", *lines[1:])


def _text(text: str, indent: str = "") -> list[str]:
    return wrap(shown(text, None), _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
