"""DSSE envelopes signed with Ed25519, and the keys for it: statements in, lines of JSON out, and the way back.

The protocol is DSSE 1.0.2 (github.com/secure-systems-lab/dsse, protocol.md and envelope.md). What is accepted here is
narrower: one signature, plain base64, no duplicate keys, so that no two programs can read one envelope differently.
`cryptography` (extra `attest`) is loaded only to sign or to verify a signature.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

from billproof.model.errors import BillproofError, Unreadable, UsageError, how_to_install
from billproof.model.record import Record
from billproof.model.values import shown
from billproof.reading.source import small_file
from billproof.rules.table_schema import unique_keys

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_KEY_BYTES = 65_536
# RFC 8032, section 5.1.6.
SIGNATURE_BYTES = 64

_MAKE = "openssl genpkey -algorithm ed25519 -out private.pem"
_PUBLISH = "openssl pkey -in private.pem -pubout -out public.pem"
_PRIVATE, _PUBLIC = b"-----BEGIN PRIVATE KEY-----", b"-----BEGIN PUBLIC KEY-----"


class EnvelopeFault(BillproofError):
    """An envelope is not in the form that billproof writes, or its signature is not by the key."""


class Signer(Record):
    """A private key: a function that signs, and the key ID that is written next to each signature."""

    sign: Callable[[bytes], bytes]
    keyid: str
    public: PublicKey


class PublicKey(Record):
    """A public key: a function that raises an error if a signature is not by the key, and the key ID."""

    verify: Callable[[bytes, bytes], None]
    keyid: str


def pre_authentication_encoding(body: bytes) -> bytes:
    """The bytes that are signed: `DSSEv1`, then payload type and body, each after its length."""
    kind = PAYLOAD_TYPE.encode("ascii")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def sealed(signer: Signer, body: bytes) -> bytes:
    """An envelope around `body`: a line of JSON."""
    envelope = {
        "payload": base64.b64encode(body).decode("ascii"),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": signer.keyid, "sig": base64.b64encode(signer.sign(pre_authentication_encoding(body))).decode("ascii")}
        ],
    }
    return json.dumps(envelope).encode("ascii") + b"\n"


def opened(keys: Sequence[PublicKey], line: bytes) -> bytes:
    """The body of an envelope that was signed with one of the keys. Raises EnvelopeFault; then nothing in it can be trusted."""
    body, signature = unverified(line)
    for key in keys:
        with contextlib.suppress(Exception):
            key.verify(signature, pre_authentication_encoding(body))
            return body
    by = "this key" if len(keys) == 1 else "any of these keys"
    raise EnvelopeFault(f"its signature is not by {by}, or the signed content was changed")


def unverified(line: bytes) -> tuple[bytes, bytes]:
    """The body of an envelope and its signature, which is not checked. Raises EnvelopeFault."""
    envelope = parsed(line)
    if not isinstance(envelope, dict) or envelope.keys() != {"payload", "payloadType", "signatures"}:
        raise EnvelopeFault("it is not a DSSE envelope with payload, payloadType and signatures")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise EnvelopeFault(f"its payload is not of type {PAYLOAD_TYPE}")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise EnvelopeFault("it does not have exactly one signature")
    # The key ID is not signed, so it decides nothing.
    if not isinstance(signatures[0], dict) or not {"sig"} <= signatures[0].keys() <= {"sig", "keyid"}:
        raise EnvelopeFault("its signature is not in DSSE's form")
    if not isinstance(signatures[0].get("keyid", ""), str):
        raise EnvelopeFault("its signature is not in DSSE's form")
    return _decoded(envelope["payload"]), _decoded(signatures[0]["sig"])


def lines_of(data: bytes) -> list[bytes]:
    """The envelopes of an attestation, one per line, at least one."""
    return data.removesuffix(b"\n").split(b"\n")


def parsed(data: bytes) -> Any:
    """JSON that can be read in one way only. Raises EnvelopeFault for a duplicate key and for what is not JSON."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError):
        raise EnvelopeFault("it is not JSON, or a key appears twice") from None


def _decoded(text: Any) -> bytes:
    """Bytes from base64 in its one plain form: padded, no other letters, nothing in between."""
    try:
        data = base64.b64decode(text.encode("ascii"))
    except (ValueError, AttributeError):
        raise EnvelopeFault("it is not in plain base64") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise EnvelopeFault("it is not in plain base64")
    return data


def read_signer(path: str) -> Signer:
    """The private key in a PEM file. Raises UsageError, which never shows the file's content."""
    data = _pem(path, "--attest", "a private key", _MAKE)
    name, help = f"--attest {shown(path)}", f"Make one with: {_MAKE}"
    if data.startswith(_PUBLIC):
        raise UsageError(f"{name}: this is a public key; signing needs the private key", help)
    if b" ENCRYPTED " in data.partition(b"\n")[0]:
        text = f"{name}: this key is protected by a password, which billproof cannot ask for"
        raise UsageError(
            text, "Remove the password from a copy that only the signing job can read: openssl pkey -in KEY -out private.pem"
        )
    if not data.startswith(_PRIVATE):
        raise UsageError(f"{name}: this is not a private key in PEM (PKCS#8)", help)
    key = _loaded(data, "private", name, help)
    public = _public_key(key.public_key())
    return Signer(key.sign, public.keyid, public)


def read_public_key(path: str, flag: str = "--key") -> PublicKey:
    """The public key in a PEM file. Raises UsageError, which never shows the file's content."""
    data = _pem(path, flag, "a public key", _PUBLISH)
    name, help = f"{flag} {shown(path)}", f"The signer makes it with: {_PUBLISH}"
    if b"PRIVATE KEY" in data.partition(b"\n")[0]:
        text = f"{name}: this is a private key, which only its owner should have; verifying needs the public key"
        raise UsageError(text, f"Its owner makes it with: {_PUBLISH}")
    if not data.startswith(_PUBLIC):
        raise UsageError(f"{name}: this is not a public key in PEM", help)
    return _public_key(_loaded(data, "public", name, help))


def _loaded(data: bytes, kind: Literal["private", "public"], name: str, help: str) -> Any:
    """The Ed25519 key in a PEM file. Raises UsageError."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        text = f"{name.partition(' ')[0]} needs cryptography, which is not installed"
        raise UsageError(text, how_to_install("attest")) from None
    try:
        private = kind == "private"
        key = serialization.load_pem_private_key(data, None) if private else serialization.load_pem_public_key(data)
    except Exception:
        raise UsageError(f"{name}: this {kind} key is damaged", help) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        raise UsageError(f"{name}: this is not an Ed25519 key", help)
    return key


def _public_key(key: Any) -> PublicKey:
    """The key with its ID: the SHA-256 digest of its DER, as printed by `openssl pkey -pubin -outform DER | sha256sum`."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return PublicKey(key.verify, hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest())


def _pem(path: str, flag: str, what: str, how: str) -> bytes:
    """The bytes of a key file. A name that does not exist is not shown: it may be the key itself, pasted by mistake."""
    problem = "there is no such file"
    if os.path.exists(path):
        try:
            data = small_file(path, MAX_KEY_BYTES).lstrip()
        except Unreadable as error:
            problem = shown(error.message, None)
        else:
            if data.count(b"-----BEGIN ") <= 1:
                return data
            problem = f"{shown(path, None)}: contains more than one key"
    raise UsageError(f"{flag}: {problem}", f"It needs the path of {what}, made with: {how}")
