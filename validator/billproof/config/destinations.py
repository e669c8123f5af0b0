"""The settings of destinations and of secrets in `billproof.yaml`, and what their form alone does not show to be wrong.

FILL-IN may stand wherever only the operator knows; a check does without it, and an upload asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from billproof.model.errors import FileError
from billproof.model.record import Record
from billproof.reading.decode import Spec

FILL_IN = "FILL-IN"
PLACEHOLDERS = ("organization", "month", "integration")
TOKEN = "token"

# What the request itself decides: a header of the configuration would contradict it.
_OWN_HEADERS = (
    "accept-encoding", "connection", "content-digest", "content-encoding", "content-length", "expect", "host", "idempotency-key",
    "transfer-encoding",
)  # fmt: skip
# In capitals, so that a token pasted in its place is refused, and nowhere shown as the name of a variable.
_VARIABLE = r"[A-Z_][A-Z0-9_]*"


class FormField(Record):
    """The name of a multipart form's field for the file."""

    form_field: str


class DestinationSettings(Record):
    """Where uploads go: a folder, or an API by configuration. FILL-IN stands where only the operator knows."""

    kind: Literal["http", "directory"]
    path: Annotated[str | None, Spec(doc="The folder, or the address after the host; may hold {integration}.")] = None
    preset: Annotated[Literal["pelanor-us", "pelanor-eu"] | None, Spec(doc="Fixes base URL and authorization.")] = None
    base_url: Annotated[str | None, Spec(pattern=r"https?://.+", secret=True)] = None
    method: Literal["POST", "PUT"] | None = None
    query: Annotated[Mapping[str, str] | None, Spec(secret=True)] = None
    file: Annotated[FormField | Literal["raw"] | None, Spec(doc="raw, or the form's field.")] = None
    headers: Annotated[Mapping[str, str] | None, Spec(secret=True, doc="{token} stands for the secret.")] = None
    success: Annotated[tuple[int, ...], Spec(doc="Status codes that mean accepted.")] = ()
    id_at: Annotated[str | None, Spec(doc="Where in the answer the upload's id stands, as a JSON pointer: /data/id.")] = None
    line: int = 1


class Token(Record):
    """Where the secret comes from: environment variables or a file, never this file itself."""

    env: Annotated[str | None, Spec(pattern=_VARIABLE)] = None
    file: str | None = None
    id_env: Annotated[str | None, Spec(pattern=_VARIABLE)] = None
    secret_env: Annotated[str | None, Spec(pattern=_VARIABLE)] = None


def check_destinations(destinations: Mapping[str, DestinationSettings], path: str, errors: list[FileError]) -> None:
    """Appends to `errors` what is wrong with the destinations of the configuration at `path`; no value that may be secret."""
    seen: dict[str, str] = {}
    for name, one in destinations.items():
        found = [*_name_errors(name, seen), *(_directory_errors(one) if one.kind == "directory" else _http_errors(one))]
        errors += [FileError(path, one.line, f"destination {name}: {text}") for text in found]
        seen[name.lower()] = name


def token_errors(token: Token) -> Iterator[str]:
    """What is wrong with where a secret is said to come from."""
    given = tuple(name for name in Token._fields if getattr(token, name) is not None)
    if given not in (("env",), ("file",), ("id_env", "secret_env")):
        yield "`token` needs exactly one of `env`, `file`, or `id_env` with `secret_env`"


def holes(text: str) -> list[str]:
    """The names of the placeholders in a text, in order; a brace that belongs to none is one without a name."""
    return [found[1] or "" for found in re.finditer(r"\{([^{}]*)\}|[{}]", text)]


def used_placeholders(settings: DestinationSettings) -> set[str]:
    """The placeholders that stand in path, query or headers."""
    texts = (settings.path or "", *(settings.query or {}).values(), *(settings.headers or {}).values())
    return {name for text in texts for name in holes(text)}


def open_keys(settings: DestinationSettings) -> list[str]:
    """The keys that an upload over HTTP needs and that nobody has filled in yet."""
    given: dict[str, str | None] = {
        "method": settings.method,
        "path": settings.path,
        "file": settings.file.form_field if isinstance(settings.file, FormField) else settings.file,
        "base_url": settings.base_url or "",
        "query": "".join((settings.query or {}).values()),
        "headers": "".join((settings.headers or {}).values()),
        "id_at": settings.id_at or "",
    }
    return [key for key, value in given.items() if value is None or FILL_IN in value]


def _name_errors(name: str, seen: Mapping[str, str]) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        yield "a name has letters, digits, `.`, `_` and `-` only: it becomes the name of a folder"
    elif name.lower() in seen:
        yield f"{seen[name.lower()]} differs in upper and lower case only, and both become names of folders"


def _directory_errors(one: DestinationSettings) -> Iterator[str]:
    if one.path is None or not one.path.strip():
        yield "a directory needs `path`, the folder"
    for key in ("preset", "base_url", "method", "query", "file", "headers", "success", "id_at"):
        if getattr(one, key):
            yield f"`{key}` is for kind http; this is a directory"


def _http_errors(one: DestinationSettings) -> Iterator[str]:
    if (one.preset is None) == (one.base_url is None):
        yield "kind http needs exactly one of `preset` and `base_url`"
    if one.base_url is not None:
        yield from _base_url_errors(one.base_url)
    if one.path is not None:
        yield from _path_errors(one.path)
    for key, value in (one.query or {}).items():
        yield from _placeholder_errors(f"`query` {key}", value, PLACEHOLDERS)
        if _is_secret(key):
            yield f"`query` {key} holds a secret, and addresses are kept in logs; send it in a header, as {{token}}"
    yield from _header_errors(one)
    if isinstance(one.file, FormField) and not re.fullmatch(r"[^\x00-\x1f\x7f]+", one.file.form_field):
        yield "`form_field` is empty or holds a control character"
    if [code for code in one.success if not 200 <= code <= 299]:
        yield "`success` takes codes from 200 to 299 only: no other can mean accepted"
    if one.id_at is not None and not re.fullmatch(r"(?:/(?:[^~/]|~[01])*)*", one.id_at):
        yield "`id_at` is no JSON pointer; write it as /data/id"


def _base_url_errors(base_url: str) -> Iterator[str]:
    from urllib.parse import urlsplit

    try:
        found = urlsplit(base_url)
        host, _ = (found.hostname or "").encode("idna").decode("ascii"), found.port
    except ValueError:
        host = ""
    if not host or re.search(r'[^!-~]|[{}\\"<>^`|]|/\.\.?(?:/|$)', base_url):
        yield "`base_url` is no address; write it as https://api.example.com"
    elif "@" in found.netloc:
        yield "`base_url` holds credentials; put them where `token` says, and never into this file"
    elif "?" in base_url or "#" in base_url:
        yield "`base_url` holds a query or a fragment; parameters belong into `query`"
    elif found.scheme == "http" and not _is_loopback(host):
        yield "`base_url` is http://, and a token would travel in the clear; write https:// (http:// is for this machine only)"


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(?:\.[0-9]{1,3}){3}", host) is not None


def _path_errors(path: str) -> Iterator[str]:
    if not path.startswith("/") or not re.fullmatch(r"[!-~]+", path) or re.search(r'[][?#\\"<>^`|]', path):
        yield "`path` begins with / and has no blanks, ? or #; parameters belong into `query`"
    elif re.search(r"%(?![0-9A-Fa-f]{2})", path) or any(part in (".", "..") for part in path.split("/")):
        yield "`path` has a % that is no %XX, or a part that is . or .."
    yield from _placeholder_errors("`path`", path, PLACEHOLDERS)


def _placeholder_errors(where: str, text: str, known: tuple[str, ...]) -> Iterator[str]:
    unknown = sorted({one for one in holes(text) if one not in known})
    if unknown:
        allowed = ", ".join(f"{{{one}}}" for one in known)
        yield f"{where} holds a placeholder that is not known; known are {allowed}"


def _header_errors(one: DestinationSettings) -> Iterator[str]:
    headers = one.headers or {}
    if len({name.lower() for name in headers}) != len(headers):
        yield "`headers` names one twice"
    for name, value in headers.items():
        where = f"header {name}"
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            yield "`headers` holds a name that is none"
        elif name.lower() in _OWN_HEADERS or (name.lower() == "content-type" and isinstance(one.file, FormField)):
            yield f"{where} is set by billproof itself"
        elif not re.fullmatch(r"[!-~](?:[ -~]*[!-~])?", value):
            yield f"{where} is empty, or holds a line end or a character outside ASCII"
        elif one.preset is not None and (TOKEN in holes(value) or name.lower() == "authorization"):
            yield f"{where}: the preset fixes how the token is sent"
        elif _is_secret(name) and TOKEN not in holes(value) and FILL_IN not in value:
            yield f"{where} holds a secret in plain text; write {{token}} where it belongs, and put it where `token` says"
        else:
            yield from _placeholder_errors(where, value, (*PLACEHOLDERS, TOKEN))


def _is_secret(name: str) -> bool:
    words = r"(?i)(?:.*[-_])?(?:authorization|cookie|password|secret|token|auth|signature|(?:api|access|auth)[-_]?key)"
    return re.fullmatch(words, name) is not None
