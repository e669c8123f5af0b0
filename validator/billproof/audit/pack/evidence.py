"""A month's evidence: its upload found and checked again, every file of its pack gathered, and written with its digest.

The receipts, rules and configuration each have the digest that the ledger, receipt or report has for them. `SHA256SUMS` has the
format of GNU coreutils, which `sha256sum -c` and `shasum -a 256 -c` read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import BinaryIO

from billproof.audit.pack.find import Refused, find_attestation, find_export, find_upload
from billproof.audit.pack.readme import Manifest, render_readme
from billproof.audit.pack.replay import replay
from billproof.audit.signing.attestation import SUFFIX, receipt_statement
from billproof.audit.signing.deviations import deviations_of_form
from billproof.config.destinations import FILL_IN
from billproof.config.file import Config, Integration
from billproof.config.settings import Settings
from billproof.delivery.ledger.integrity import Contents
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Standing
from billproof.delivery.ledger.store import ATTESTATION, Ledger, file_name
from billproof.io.durable import flush_folder
from billproof.model.errors import Unreadable, Unwritable
from billproof.report.render import render
from billproof.rules.rule import RuleSet
from billproof.rules.shipped import combined, is_shipped

# What some file systems refuse, or take for a path.
_UNNAMEABLE = r'[\x00-\x1f\x7f<>:"/\\|?*]'


def gather(
    contents: Contents, integration: Integration, month: str, settings: Settings, held: ExitStack
) -> tuple[Manifest, dict[str, Content]]:
    """A month that can be packed: its upload, and every file of its pack by name. Raises Refused."""
    config = settings.config
    assert config is not None
    standing, receipt = find_upload(contents, integration, config, month, settings.to or integration.to)
    copy, found_at = find_export(receipt, config, held)
    replayed = replay(copy, receipt, settings)
    report = replayed.report
    data = render("json", report).encode("utf-8")
    attestation, is_other = find_attestation(found_at, report, data)
    name = packed_name(receipt.file_name)
    files: dict[str, Content] = {name: copy.stream}
    if attestation is not None:
        files[name + SUFFIX] = attestation
    files |= {"report.json": data, "report.html": render("html", report).encode("utf-8")}
    if replayed.costs is not None:
        packed = f"costs-{replayed.costs.record.sha256[:12]}.json"
        files[packed] = replayed.costs.data
        if replayed.costs.attestation is not None:
            files[packed + SUFFIX] = replayed.costs.attestation
    files |= _receipts(contents.ledger, standing, receipt)
    files |= _ruleset_files(settings, replayed.ruleset)
    files["config/billproof.yaml"] = _proved(_read(config.path), config.path, config.sha256)
    manifest = Manifest(
        integration.name, name, receipt, standing.receipts, report, replayed.same,
        is_other, len(contents.receipts), tuple(sorted([*files, "README.txt"])),
        _verify_options(name, receipt, settings),
    )  # fmt: skip
    files["README.txt"] = render_readme(manifest)
    return manifest, files


def packed_name(name: str) -> str:
    """A name for the export that every system can write: its own name, unless that is a very odd one."""
    plain = re.sub(_UNNAMEABLE, "_", name).strip(" .")
    return plain if plain.lower().endswith(".csv") and len(plain.encode()) <= 200 else "export.csv"


def _verify_options(name: str, receipt: Receipt, settings: Settings) -> str:
    """What `billproof verify` needs in the pack: the export, if it has another name, and the rule set, if it is not built in."""
    own = settings.ruleset.value or ""
    folder = "" if is_shipped(own) else f" --ruleset {shlex.quote(f'ruleset/{os.path.basename(os.path.abspath(own))}')}"
    return ("" if name == receipt.file_name else " FILE") + folder


def _receipts(ledger: Ledger, standing: Standing, current: Receipt) -> dict[str, Content]:
    """Every attempt for the month, unmodified from the ledger, with receipts and attestations.

    Raises Refused for an attestation that is invalid or cannot be read, LedgerError for a file that is not a ledger's.
    """
    files: dict[str, Content] = {"receipt.json": _of_ledger(ledger, ledger.path(current), current.sha256)}
    for receipt in standing.receipts:
        # An interrupted attempt has no receipt, only the file written before it.
        suffix = "json" if receipt.attempt else "begun"
        path = ledger.path(receipt, suffix)
        files[f"receipts/{file_name(receipt.n, receipt.sha256, suffix)}"] = _of_ledger(ledger, path, receipt.sha256)
        if receipt.attempt:
            begun = file_name(receipt.n, receipt.attempt, "begun")
            files[f"receipts/{begun}"] = _of_ledger(ledger, f"{os.path.dirname(path)}{ledger.separator}{begun}", receipt.attempt)
        attested = ledger.attestation(receipt)
        if attested is not None:
            faults = deviations_of_form(attested, [receipt_statement(receipt, os.path.basename(ledger.path(receipt)))])
            if faults:
                raise Refused(
                    f"{ledger.path(receipt, ATTESTATION)} is not an attestation of its receipt: {faults[0]}",
                    "Restore it from a copy of the ledger; see billproof ledger verify --key.",
                )
            files[f"receipts/{file_name(receipt.n, receipt.sha256, ATTESTATION)}"] = attested
    return files


def _ruleset_files(settings: Settings, ruleset: RuleSet) -> dict[str, Content]:
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


def _of_ledger(ledger: Ledger, path: str, sha256: str) -> bytes:
    """The bytes of a receipt or attempt with that digest. Raises Refused if they have changed."""
    try:
        return _proved(ledger.own(path), path, sha256)
    except Unreadable as error:
        raise Refused(error.message, error.help) from None


def _proved(data: bytes, path: str | os.PathLike[str], sha256: str) -> bytes:
    """The bytes of a file, which has that digest. Raises Refused if they have changed."""
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
    values = ["its comments"] if b"#" in _proved(_read(config.path), config.path, config.sha256) else []
    for name, destination in config.file.destinations.items():
        values += [f"{name}: base_url"] if destination.base_url else []
        values += [f"{name}: path"] if destination.kind == "http" and destination.path and FILL_IN not in destination.path else []
    return values


SUMS = "SHA256SUMS"
CHUNK_BYTES = 1 << 20

Content = bytes | BinaryIO


def write_bundles(path: str, bundles: Mapping[str, Mapping[str, Content]]) -> list[str]:
    """Creates the folder `path`, which must be new or empty, with one folder per entry of `bundles` (`.` is `path` itself).

    Returns the digest of each `SHA256SUMS`. Everything is written into a hidden folder next to `path`, which is renamed last.
    Raises Unwritable, and exits at SIGTERM and SIGHUP; then `path` is unchanged, and the hidden folder is gone. One that was
    left by a process that was killed is removed by the next.
    """
    target = os.path.abspath(path)
    above, name = os.path.split(target)
    draft = os.path.join(above, f".{name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, lambda number, frame: sys.exit(128 + number)) for number in numbers}
    try:
        os.makedirs(above, exist_ok=True)
        _remove_leftovers(above, name)
        os.mkdir(draft)
        digests = [_write_bundle(os.path.join(draft, folder), files) for folder, files in bundles.items()]
        # Windows does not rename a folder to an existing name, even if that folder is empty.
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(target)
        os.rename(draft, target)
        flush_folder(target)
    except OSError as error:
        raise Unwritable(f"{path} could not be written: {error.strerror or error}; nothing was packed") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        for number, handler in before.items():
            signal.signal(number, handler)
    return digests


def _remove_leftovers(above: str, name: str) -> None:
    """Removes the hidden folders of this machine's processes that wrote the same pack and were killed."""
    for entry in os.listdir(above):
        match = re.fullmatch(rf"\.{re.escape(name)}\.([0-9]{{1,9}})-[0-9a-f]{{8}}\.part", entry)
        if match is None or os.name == "nt":
            continue
        try:
            os.kill(int(match[1]), 0)
        except ProcessLookupError:
            shutil.rmtree(os.path.join(above, entry), ignore_errors=True)
        except OSError:
            continue  # it runs, and is somebody else's


def _write_bundle(folder: str, files: Mapping[str, Content]) -> str:
    os.makedirs(folder, exist_ok=True)
    sums = {name: _write(os.path.join(folder, *name.split("/")), content) for name, content in files.items()}
    return _write(os.path.join(folder, SUMS), sums_of(sums))


def _write(path: str, content: Content) -> str:
    """Writes a file; returns the digest of what was written."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    digest = hashlib.sha256()
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    source.seek(0)
    with open(path, "xb") as stream:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    flush_folder(path)
    return digest.hexdigest()


def sums_of(digests: Mapping[str, str]) -> bytes:
    """`SHA256SUMS` from names and digests: one line each, sorted by name."""
    lines = []
    for name, digest in sorted(digests.items()):
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n")
        # A backslash in front says that the name is escaped.
        lines.append(f"{chr(92) if escaped != name else ''}{digest}  {escaped}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")
