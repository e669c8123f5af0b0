"""The request for a shipment: settings and shipment to address, headers and frame of the body; the same each time.

The secret is {token} in it until it is sent, the value of a variable {env:NAME}. RFC 9530 describes Content-Digest, RFC 7578
the form; draft-ietf-httpapi-idempotency-key-header-06 the key, whose quotation marks are part of it.
"""

from __future__ import annotations

import base64
import re
import shlex
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote

from billproof import __version__
from billproof.config.destinations import PLACEHOLDERS, TOKEN, DestinationSettings, FormField, Token, written
from billproof.delivery.destinations.pelanor import PRESETS
from billproof.delivery.shipment import Request, Shipment
from billproof.io.secrets import Secret
from billproof.model.record import Record
from billproof.model.values import shown

CHUNK_BYTES = 65_536
_TOKEN = f"{{{TOKEN}}}"
_SECRETS = r"(\{(?:token|env:[A-Z0-9_]+)\})"


class Message(Record):
    """A request as it will be sent; `before` and `after` are what a form puts around the file. `headers` lack Content-Digest,
    which for a form is known only when the file is at hand.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    field: str | None
    boundary: str
    before: bytes
    after: bytes

    def content(self, file: BinaryIO) -> Iterator[bytes]:
        """The body, with `file` read from its start."""
        yield self.before
        file.seek(0)
        yield from iter(lambda: file.read(CHUNK_BYTES), b"")
        yield self.after


def message_of(settings: DestinationSettings, shipment: Shipment) -> Message:
    """The request that the settings, which must be filled in, make of a shipment."""
    assert settings.method is not None and settings.path is not None and settings.file is not None
    base_url = PRESETS[settings.preset].base_url if settings.preset else settings.base_url or ""
    url = base_url.rstrip("/") + _filled(settings.path, shipment) + _query(written(settings.query), shipment)
    field = settings.file.form_field if isinstance(settings.file, FormField) else None
    boundary = f"billproof-{shipment.sha256[:32]}"
    before = _form_head(boundary, field, shipment.name) if field else b""
    after = f"\r\n--{boundary}--\r\n".encode() if field else b""
    headers = {
        "Accept": "application/json, application/problem+json, */*;q=0.1",
        "Content-Type": f"multipart/form-data; boundary={boundary}" if field else "text/csv",
        "User-Agent": f"billproof/{__version__}",
    }
    given = {name: _filled(value, shipment) for name, value in written(settings.headers).items()}
    if not any(_TOKEN in value for value in given.values()):
        given["Authorization"] = f"Bearer {_TOKEN}"
    replaced = {name.lower() for name in given}
    headers = {name: value for name, value in headers.items() if name.lower() not in replaced} | given
    headers |= {
        "Accept-Encoding": "identity",
        "Content-Length": str(len(before) + shipment.size + len(after)),
        "Idempotency-Key": f'"{idempotency_key(url, shipment)}"',
    }
    return Message(settings.method, url, headers, field, boundary, before, after)


def idempotency_key(url: str, shipment: Shipment) -> str:
    """The same upload has the same key: these bytes, to this address, after what was accepted before."""
    parts = (url, shipment.organization, shipment.month, shipment.sha256, shipment.follows)
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(parts)))


def content_digest(sha256: bytes) -> str:
    """The header Content-Digest for a digest of the whole content."""
    return f"sha-256=:{base64.b64encode(sha256).decode('ascii')}:"


def request_of(message: Message, shipment: Shipment, token: Token | None) -> Request:
    """The request as a receipt keeps it and a dry run prints it; `token` says where the secret comes from."""
    body: dict[str, Any] = {"kind": "raw", "size": shipment.size, "sha256": shipment.sha256}
    headers = dict(message.headers)
    if message.field is None:
        headers["Content-Digest"] = content_digest(bytes.fromhex(shipment.sha256))
    else:
        body |= {"kind": "form", "field": message.field, "boundary": message.boundary, "file": shipment.name}
        headers["Content-Digest"] = "of the whole form, exactly as sent"
    headers = dict(sorted(headers.items()))
    description = {"method": message.method, "url": message.url, "headers": headers, "body": body}
    return Request(description, _curl(message, headers, shipment, token))


def revealed(text: str, secrets: Mapping[str, Secret], encoded: Callable[[str], str] = str) -> str:
    """`text` with each secret in its place, by what stands between the braces: `token` or `env:NAME`."""
    return re.sub(_SECRETS, lambda match: encoded(secrets[match[1][1:-1]].reveal()), text)


def _filled(text: str, shipment: Shipment) -> str:
    return _replaced(text, shipment, lambda value: quote(value, safe=""))


def _query(query: Mapping[str, str], shipment: Shipment) -> str:
    filled = {key: _replaced(value, shipment, str) for key, value in query.items()}
    pairs = (
        f"{quote(key, safe='')}={value if re.fullmatch(_SECRETS, value) else quote(value, safe='')}"
        for key, value in filled.items()
    )
    return f"?{'&'.join(pairs)}" if filled else ""


def _replaced(text: str, shipment: Shipment, encoded: Callable[[str], str]) -> str:
    values = {name: encoded(getattr(shipment, name) or "") for name in PLACEHOLDERS}
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), text)


def _form_head(boundary: str, field: str, name: str) -> bytes:
    disposition = f'form-data; name="{_form_text(field)}"; filename="{_form_text(name)}"'
    return f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: text/csv\r\n\r\n".encode("utf-8", "replace")


def _form_text(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _curl(message: Message, headers: Mapping[str, str], shipment: Shipment, token: Token | None) -> str:
    """The request for a POSIX shell. Headers with a secret come by standard input: arguments are seen by every process."""
    secret = [f"{name}: {value}" for name, value in headers.items() if re.search(_SECRETS, value)]
    left_out = {"content-length"} | ({"content-type", "content-digest"} if message.field else set())
    shown_headers = (f"{name}: {value}" for name, value in headers.items() if name.lower() not in left_out)
    open_headers = [header for header in shown_headers if header not in secret]
    path = shown(shipment.path or shipment.name, None)
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    form = f'{message.field}=@"{escaped}";type=text/csv'
    body = f"--form {shlex.quote(form)}" if message.field else f"--data-binary {shlex.quote('@' + path)}"
    lines = [
        f"printf '%s\\n' {' '.join(_quoted(header, token) for header in secret)} | curl --header @-",
        f"  --request {message.method} {_quoted(message.url, token)}",
        *(f"  --header {shlex.quote(header)}" for header in open_headers),
        f"  {body}",
    ]
    return " \\\n".join(lines)


def _quoted(text: str, token: Token | None) -> str:
    """A text for a shell, which puts the secrets into it."""
    pieces = re.split(_SECRETS, text)
    return "".join(f'"{_variable(piece, token)}"' if at % 2 else piece and shlex.quote(piece) for at, piece in enumerate(pieces))


def _variable(secret: str, token: Token | None) -> str:
    if secret != _TOKEN:
        return f"${secret[5:-1]}"
    if token is None:
        return "$TOKEN"
    if token.file is not None:
        return f"$(cat {shlex.quote(token.file)})"
    if token.env is not None:
        return f"${token.env}"
    return f"${{{token.id_env}}}:${{{token.secret_env}}}"
