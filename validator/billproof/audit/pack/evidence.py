"""A month's evidence, gathered: its upload found, checked again, and every file of its pack."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack

from billproof.audit.pack.bundle import Content
from billproof.audit.pack.contents import config_bytes, receipts_of, ruleset_files
from billproof.audit.pack.find import attests, find_attestation, find_export, find_report, find_upload
from billproof.audit.pack.manifest import Manifest
from billproof.audit.pack.readme import render_readme
from billproof.audit.pack.replay import replay
from billproof.audit.signing.attestation import SUFFIX
from billproof.config.file import Integration
from billproof.config.settings import Settings
from billproof.delivery.ledger.integrity import contents
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.store import Ledger
from billproof.model.record import Record
from billproof.report.render import render
from billproof.rules.shipped import is_shipped

# What some file systems refuse, or take for a path.
_UNNAMEABLE = r'[\x00-\x1f\x7f<>:"/\\|?*]'


class Evidence(Record):
    """A month that can be packed: its upload, and every file of its pack by name."""

    receipt: Receipt
    manifest: Manifest
    files: dict[str, Content]


def gather(ledger: Ledger, integration: Integration, month: str, settings: Settings, held: ExitStack) -> Evidence:
    """What goes into the pack of a month. Raises Refused."""
    config = settings.config
    assert config is not None
    standing, receipt = find_upload(ledger, integration, month, settings.to or integration.to)
    export = find_export(receipt, config, held)
    again = replay(export.copy, receipt, settings)
    kept = find_report(receipt, [os.path.dirname(export.found_at), ".", os.path.dirname(config.path)])
    report = kept.report if kept else again.report
    data = kept.data if kept else render("json", report).encode("utf-8")
    attestation = find_attestation(export.found_at)
    fits = attestation is not None and attests(attestation, report, data)
    name = packed_name(receipt.file_name)
    files: dict[str, Content] = {name: export.copy.stream}
    if attestation is not None and fits:
        files[name + SUFFIX] = attestation
    files |= {"report.json": data, "report.html": render("html", report).encode("utf-8")}
    files |= receipts_of(ledger, standing, receipt)
    files |= ruleset_files(settings, again.ruleset)
    files["config/billproof.yaml"] = config_bytes(config)
    manifest = Manifest(
        integration.name, name, receipt, standing.receipts, report, "kept" if kept else "same" if again.same else "again",
        attestation is not None and not fits, len(contents(ledger).receipts), tuple(sorted([*files, "README.txt"])),
        _verify_options(name, receipt, settings),
    )  # fmt: skip
    files["README.txt"] = render_readme(manifest)
    return Evidence(receipt, manifest, files)


def packed_name(name: str) -> str:
    """A name for the export that every system can write: its own name, unless that is a very odd one."""
    import re

    plain = re.sub(_UNNAMEABLE, "_", name).strip(" .")
    return plain if plain.lower().endswith(".csv") and len(plain.encode()) <= 200 else "export.csv"


def _verify_options(name: str, receipt: Receipt, settings: Settings) -> str:
    """What `billproof verify` needs in the pack: the export, if it has another name, and the rule set, if it is not built in."""
    own = settings.ruleset.value or ""
    folder = "" if is_shipped(own) else f" --ruleset {shlex.quote(f'ruleset/{os.path.basename(os.path.abspath(own))}')}"
    return ("" if name == receipt.file_name else " FILE") + folder
