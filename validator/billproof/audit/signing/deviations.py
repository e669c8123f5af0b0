"""Where an attestation differs from the statements that follow from a report or a receipt, or from that on a record of costs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from billproof.audit.signing.attestation import (
    FETCHED,
    MAX_BYTES,
    STATEMENT,
    SUMMARY,
    TEST_RESULT,
    Statement,
    attestation_path,
)
from billproof.audit.signing.dsse import (
    SIGNATURE_BYTES,
    EnvelopeFault,
    PublicKey,
    lines_of,
    opened,
    parsed,
    read_public_key,
    unverified,
)
from billproof.model.canonical import canonical
from billproof.model.errors import Unreadable
from billproof.model.values import shown
from billproof.reading.source import small_file

_NAMES = {TEST_RESULT: "test result", SUMMARY: "verification summary"}


def deviations(data: bytes, keys: Sequence[PublicKey], expected: Sequence[Statement], more: int = 0) -> list[str]:
    """Where an attestation differs from exactly the expected statements, signed with one of the keys; empty if nowhere. Each may
    have `more` subjects: the report on one file of an upload does not know the report on all of them.
    """
    return _deviations(data, partial(opened, keys), expected, more)


def deviations_of_form(data: bytes, expected: Sequence[Statement], more: int = 0) -> list[str]:
    """Where a file differs in form from an attestation of the expected statements. No signature is checked: a file without
    deviations covers the right subjects, but may not be signed by anyone.
    """
    return _deviations(data, unsigned, expected, more)


def require_signed_record(key: str, path: str, data: bytes) -> None:
    """Raises Unreadable unless the attestation beside a record says that these bytes are from the Costs API, and is signed with
    the public `key`, a file.
    """
    beside = attestation_path(path)
    try:
        fault = record_fault(small_file(beside, MAX_BYTES), data, partial(opened, [read_public_key(key, "--costs-key")]))
    except Unreadable as error:
        fault = shown(error.message, None)
    if fault is not None:
        text = f"{path}: the record of OpenAI's costs is not signed with the key of --costs-key: {beside}: {fault}"
        raise Unreadable(text, "Fetch the month again with its private key: billproof costs fetch --attest KEY")


def record_fault(attestation: bytes, data: bytes, open_: Callable[[bytes], bytes]) -> str | None:
    """Why an attestation does not say that `data`, the bytes of a record, are from the Costs API; None if it does. `open_` gives
    the body of an envelope.
    """
    try:
        (line,) = lines_of(attestation)
        statement = parsed(open_(line))
        said = statement["predicateType"], statement["predicate"]["properties"], statement["subject"][0]["digest"]
    except EnvelopeFault as error:
        return error.message
    except (ValueError, LookupError, TypeError):
        return "it is not the attestation of a record"
    return None if said == (SUMMARY, [FETCHED], {"sha256": hashlib.sha256(data).hexdigest()}) else "it is of another file"


def unsigned(line: bytes) -> bytes:
    """The body of an envelope whose signature has the form of one, but is not checked. Raises EnvelopeFault."""
    body, signature = unverified(line)
    if len(signature) != SIGNATURE_BYTES:
        raise EnvelopeFault("its signature does not have the length of an Ed25519 signature")
    return body


def _deviations(data: bytes, open_: Callable[[bytes], bytes], expected: Sequence[Statement], more: int) -> list[str]:
    try:
        statements = [_read(open_(line)) for line in lines_of(data)]
    except EnvelopeFault as error:
        return [error.message]
    faults = []
    for statement in expected:
        kind = statement["predicateType"]
        same = [other for other in statements if other["predicateType"] == kind]
        if not same:
            faults.append(f"it has no {_NAMES[kind]}")
        else:
            faults += (f"its {_NAMES[kind]} differs: {text}" for text in _departures(same[0], statement, more))
    if len(statements) > len(expected):
        faults.append("it contains more than its statements")
    return faults


def _read(body: bytes) -> Statement:
    """A statement, if its bytes are the only ones that say it: those of RFC 8785."""
    statement = parsed(body)
    try:
        is_canonical = canonical(statement) == body
    except (ValueError, RecursionError):
        is_canonical = False
    if not is_canonical:
        raise EnvelopeFault("what is signed is not in billproof's canonical form")
    if not isinstance(statement, dict) or statement.keys() != {"_type", "subject", "predicateType", "predicate"}:
        raise EnvelopeFault("what is signed is not an in-toto statement")
    if statement["_type"] != STATEMENT:
        raise EnvelopeFault("what is signed is an in-toto statement of another type")
    return statement


def _departures(found: Statement, expected: Statement, more: int) -> Iterator[str]:
    subjects, wanted = _digests(found["subject"]), _digests(expected["subject"])
    if wanted - subjects or (subjects - wanted).total() > more:
        yield "its subjects are other files (sha256)"
    if not isinstance(found["predicate"], dict):
        yield "it has no predicate"
        return
    # As bytes, because 1 equals True in Python.
    here, there = ({key: canonical(value) for key, value in side["predicate"].items()} for side in (found, expected))
    for key in sorted(here.keys() | there.keys()):
        if here.get(key) != there.get(key):
            yield f"{key} is not the expected value"


def _digests(subjects: Any) -> Counter[bytes]:
    """The digests of a statement's subjects; none if the subjects are not in the only form that billproof writes."""
    if not isinstance(subjects, list) or not all(
        isinstance(subject, dict) and subject.keys() == {"name", "digest"} for subject in subjects
    ):
        return Counter()
    return Counter(canonical(subject["digest"]) for subject in subjects)
