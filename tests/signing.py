"""What tests of attestations need: keys, a signed check, and readers that are not ours."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support import AS_OF, run


class Keys(NamedTuple):
    """A pair of keys: the files of both, and the private one at work."""

    private: Path
    public: Path
    key: Ed25519PrivateKey


class Signed(NamedTuple):
    """What a check with `--attest` gave: exit code, the report's file, and the attestation beside the export."""

    code: int
    err: str
    report: Path
    beside: Path

    @property
    def document(self) -> dict[str, Any]:
        """The report."""
        found: dict[str, Any] = json.loads(self.report.read_text("utf-8"))
        return found

    @property
    def test_result(self) -> dict[str, Any]:
        """The first statement."""
        return statements(self.beside.read_bytes())[0]

    @property
    def summary(self) -> dict[str, Any]:
        """The second statement."""
        return statements(self.beside.read_bytes())[1]


def make_keys(folder: Path, name: str = "key") -> Keys:
    """A new pair of keys in two files, as openssl writes them."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(pem(key))
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return Keys(private, public, key)


def pem(key: Any, password: bytes | None = None) -> bytes:
    """A private key of any kind as PKCS#8, locked if there is a password."""
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    found: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return found


def signed(keys: Keys, path: Path, *arguments: str) -> Signed:
    """`billproof check --attest` of a file, its report in the file's folder."""
    report = path.parent / "report.json"
    words = ("--as-of", AS_OF, "--attest", str(keys.private), "--output", f"json={report}", "--quiet")
    code, _, err = run("check", str(path), *arguments, *words)
    return Signed(code, err, report, Path(f"{path}.intoto.jsonl"))


def statements(data: bytes) -> list[dict[str, Any]]:
    """What an attestation says, its signatures not looked at."""
    return [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in data.splitlines()]


def envelope(key: Ed25519PrivateKey, body: bytes, payload_type: str = "application/vnd.in-toto+json") -> dict[str, Any]:
    """An envelope, written here after DSSE's protocol.md and not with our code."""
    kind = payload_type.encode()
    message = b" ".join((b"DSSEv1", str(len(kind)).encode(), kind, str(len(body)).encode(), body))
    return {
        "payload": base64.b64encode(body).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": "", "sig": base64.b64encode(key.sign(message)).decode()}],
    }


def canonical(statement: Any) -> bytes:
    """A statement as bytes, by a library that is not ours."""
    import rfc8785

    return rfc8785.dumps(statement)
