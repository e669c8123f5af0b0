"""`billproof verify --key`: whether the attestation beside each file is of the key, and says what follows from the report."""

from __future__ import annotations

from os.path import lexists
from typing import TYPE_CHECKING

from billproof.audit.signing.attestation import MAX_BYTES, attestation_path, deviations, file_statements
from billproof.audit.signing.dsse import PublicKey
from billproof.audit.verify.report_file import LoadedReport
from billproof.audit.verify.result import Signature, Step
from billproof.model.errors import Unreadable
from billproof.model.values import shown
from billproof.reading.source import small_file

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportFile

_ATTESTED = "attested"


def attested(one: ReportFile, path: str, report: LoadedReport, key: PublicKey) -> Step:
    """Whether the attestation beside a file was signed with the key, and says what follows from the report."""
    beside = attestation_path(path)
    try:
        data = small_file(beside, MAX_BYTES)
    except Unreadable as error:
        return Step(_ATTESTED, "unproved", shown(error.message, None))
    expected = file_statements(report.document, one, report.path, report.file_sha256)
    found = deviations(data, key, expected)
    if found:
        return Step(_ATTESTED, "differs", f"{shown(beside)} is not what this key signs for this report and file", tuple(found))
    return Step(_ATTESTED, "same", f"{shown(beside)} says {expected[0]['predicate']['result']} of this file and this report")


def not_looked_at(path: str) -> Step | None:
    """That there is an attestation beside a file, where no key was given to check it with."""
    beside = attestation_path(path)
    return Step(_ATTESTED, "same", f"not looked at: {shown(beside)} is there; --key PUB checks it") if lexists(beside) else None


def signed_by(key: PublicKey, steps: tuple[Step, ...]) -> tuple[tuple[Step, ...], Signature]:
    """What the attestations come to. Where a key was given and none was looked at, nothing agrees."""
    looked_at = [one for one in steps if one.label == _ATTESTED]
    if not looked_at:
        steps = (*steps, Step(_ATTESTED, "unproved", "no attestation was looked at"))
    holds = bool(looked_at) and all(one.state == "same" for one in looked_at)
    return steps, Signature(holds, f"{'of' if holds else 'not shown to be of'} the key {key.keyid}")
