"""The receipts, rules and configuration of an upload, each with the digest that the ledger, receipt or report has for it."""

from __future__ import annotations

import hashlib
import os

from billproof.audit.pack.bundle import Content
from billproof.audit.pack.find import Refused
from billproof.audit.signing.attestation import receipt_statement
from billproof.audit.signing.deviations import deviations_of_form
from billproof.config.destinations import FILL_IN
from billproof.config.file import Config
from billproof.config.settings import Settings
from billproof.delivery.ledger.receipt import Receipt, Standing
from billproof.delivery.ledger.store import ATTESTATION, Ledger, file_name
from billproof.rules.rule import RuleSet
from billproof.rules.shipped import combined

_NOTHING_BUT_TOKEN = {"{token}", "Bearer {token}", "Basic {token}"}


def receipts_of(ledger: Ledger, standing: Standing, current: Receipt) -> dict[str, Content]:
    """Every attempt for the month, unmodified from the ledger, with receipts and attestations.

    Raises Refused for what is no attestation of its receipt or cannot be read, LedgerError for what is no file of a ledger.
    """
    files: dict[str, Content] = {"receipt.json": _proved(ledger.path(current), current.sha256)}
    for receipt in standing.receipts:
        # An interrupted attempt has no receipt, only the file written before it.
        suffix = "json" if receipt.attempt else "begun"
        files[f"receipts/{file_name(receipt.n, receipt.sha256, suffix)}"] = _proved(ledger.path(receipt, suffix), receipt.sha256)
        if receipt.attempt:
            begun = file_name(receipt.n, receipt.attempt, "begun")
            files[f"receipts/{begun}"] = _proved(os.path.join(os.path.dirname(ledger.path(receipt)), begun), receipt.attempt)
        attested = ledger.attestation(receipt)
        if attested is not None:
            _hold_to_receipt(attested, receipt, ledger)
            files[f"receipts/{file_name(receipt.n, receipt.sha256, ATTESTATION)}"] = attested
    return files


def _hold_to_receipt(attested: bytes, receipt: Receipt, ledger: Ledger) -> None:
    """Raises Refused if the file next to a receipt is not its attestation."""
    faults = deviations_of_form(attested, [receipt_statement(receipt, os.path.basename(ledger.path(receipt)))])
    if faults:
        raise Refused(
            f"{ledger.path(receipt, ATTESTATION)} is not an attestation of its receipt: {faults[0]}",
            "Restore it from a copy of the ledger; see billproof ledger verify --key.",
        )


def ruleset_files(settings: Settings, ruleset: RuleSet) -> dict[str, Content]:
    """The files of a rule set under their folders' names. Raises Refused if they changed since the rule set was read."""
    from billproof.rules.loader import ruleset_paths

    files: dict[str, Content] = {}
    homes: dict[str, str] = {}
    lines = []
    for path in ruleset_paths(settings.ruleset.value or ""):
        folder, name = os.path.split(os.path.abspath(path))
        if folder not in homes:
            home = f"ruleset/{os.path.basename(folder)}"
            while home in homes.values():
                home = f"ruleset/extended/{home.removeprefix('ruleset/')}"
            homes[folder] = home
        data = _read(path)
        files[f"{homes[folder]}/{name}"] = data
        lines.append(f"{os.path.basename(folder)}/{name} {hashlib.sha256(data).hexdigest()}")
    if combined(lines) != ruleset.sha256:
        raise Refused("the rule set changed while it was packed", "Run the same command again.")
    return files


def config_bytes(config: Config) -> bytes:
    return _proved(config.path, config.sha256)


def _proved(path: str | os.PathLike[str], sha256: str) -> bytes:
    """The bytes of a file with that digest. Raises Refused if they have changed."""
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Refused(f"{os.fspath(path)} changed while it was packed", "Run the same command again.")
    return data


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise Refused(f"{os.fspath(path)} cannot be read: {error.strerror or error}") from None


def open_values(config: Config) -> list[str]:
    """Where the configuration, which is packed unmodified, has values that only people can tell from a secret."""
    values = ["its comments"] if b"#" in config_bytes(config) else []
    for name, destination in config.file.destinations.items():
        values += [f"{name}: base_url"] if destination.base_url else []
        values += [f"{name}: path"] if destination.kind == "http" and destination.path and FILL_IN not in destination.path else []
        for part, pairs in (("header", destination.headers), ("query", destination.query)):
            values += [f"{name}: {part} {key}" for key, value in (pairs or {}).items() if value not in _NOTHING_BUT_TOKEN]
    return values
