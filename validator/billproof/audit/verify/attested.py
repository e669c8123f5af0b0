"""`billproof verify --key`: whether the attestation of each file is signed by the key and says what follows from the report."""

from __future__ import annotations

from os.path import lexists
from typing import TYPE_CHECKING

from billproof.audit.signing.attestation import MAX_BYTES, attestation_path, file_statements
from billproof.audit.signing.deviations import deviations
from billproof.audit.signing.dsse import PublicKey
from billproof.audit.verify.result import Signature, Step
from billproof.model.errors import Unreadable
from billproof.model.values import shown
from billproof.reading.source import small_file
from billproof.report.report_file import LoadedReport

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportFile

_ATTESTED = "attested"


def attested(file: ReportFile, path: str, report: LoadedReport, key: PublicKey) -> Step:
    """Whether the attestation of a file is signed by the key and says what follows from the report."""
    beside = attestation_path(path)
    try:
        data = small_file(beside, MAX_BYTES)
    except Unreadable as error:
        return Step(_ATTESTED, "unproved", shown(error.message, None))
    expected = file_statements(report.document, file, report.path, report.file_sha256)
    faults = deviations(data, key, expected)
    if faults:
        return Step(_ATTESTED, "differs", f"{shown(beside)} is not this key's attestation of this report and file", tuple(faults))
    return Step(_ATTESTED, "same", f"{shown(beside)} attests {expected[0]['predicate']['result']} for this file and this report")


def not_looked_at(path: str) -> Step | None:
    """A step that names the attestation of a file, if there is one and no key was given to check it."""
    beside = attestation_path(path)
    return Step(_ATTESTED, "same", f"not checked: {shown(beside)} exists; --key PUB checks it") if lexists(beside) else None


def signed_by(key: PublicKey, steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], Signature]:
    """The steps, and whether all attestations are valid. If there was none to check, the result is unproved."""
    checked = [step for step in steps if step.label == _ATTESTED]
    if not checked:
        steps = (*steps, Step(_ATTESTED, "unproved", "no attestation was checked"))
    holds = bool(checked) and all(step.state == "same" for step in checked)
    return steps, Signature(holds, f"{'by' if holds else 'not shown to be by'} the key {key.keyid}")
