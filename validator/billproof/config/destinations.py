"""The settings of destinations and secrets in `billproof.yaml`, and the errors that their types alone do not exclude.

FILL-IN is allowed wherever only the operator knows the value; a check works without it, and an upload requires it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from billproof.io.secrets import without_keys
from billproof.model.errors import FileError
from billproof.model.record import Record
from billproof.model.urls import address_error
from billproof.reading.decode import Spec

FILL_IN = "FILL-IN"
PLACEHOLDERS = ("organization", "month", "integration")
TOKEN = "token"

# What the request itself decides: a header of the configuration would contradict it.
_OWN_HEADERS = (
    "accept-encoding", "connection", "content-digest", "content-encoding", "content-length", "expect", "host", "idempotency-key",
    "transfer-encoding",
)  # fmt: skip
# Headers and parameters whose values are not secrets, in lower case; every other value comes from a variable.
_HARMLESS = (
    "accept", "accept-charset", "accept-language", "api-version", "api_version", "cache-control", "content-type",
    "currency", "date", "dry_run", "format", "lang", "language", "mode", "month", "overwrite", "period", "prefer", "provider",
    "replace", "source", "type", "user-agent", "v", "version", "x-api-version", "x-ms-version", "x-requested-with", "year",
)  # fmt: skip
_SCHEMES = {"apikey", "basic", "bearer", "key", "token"}
_KEY_IN_ADDRESS = "`{}` has a part that looks like a key; write {{integration}} for an ID, and send a secret in a header"
# In capitals, so that a token pasted in its place is refused, and never shown as the name of a variable.
VARIABLE = r"[A-Z_][A-Z0-9_]*"
# No file can have another name.
PATH = r"[^\x00\ud800-\udfff]*"


class FormField(Record):
    """The name of a multipart form's field for the file."""

    form_field: str


class Variable(Record):
    """A value that an environment variable has when it is sent, and that is never shown."""

    env: Annotated[str, Spec(pattern=VARIABLE)]


Values = Mapping[str, str | Variable]


class DestinationSettings(Record):
    """Where uploads go: a folder, a bucket, or an API by configuration. FILL-IN is a value that only the operator knows."""

    kind: Literal["http", "directory", "bucket"]
    path: Annotated[str | None, Spec(PATH, "The folder, or the address after the host; may contain {integration}.")] = None
    url: Annotated[str | None, Spec(secret=True, doc="The folder in a bucket: s3://, gs:// or az://.")] = None
    preset: Annotated[Literal["pelanor-us", "pelanor-eu"] | None, Spec(doc="Fixes base URL and authorization.")] = None
    base_url: Annotated[str | None, Spec(pattern=r"https?://.+", secret=True)] = None
    method: Literal["POST", "PUT"] | None = None
    query: Annotated[Values | None, Spec(secret=True, doc="Each value is harmless or {env: NAME}.")] = None
    file: Annotated[FormField | Literal["raw"] | None, Spec(doc="raw, or the form field.")] = None
    headers: Annotated[Values | None, Spec(secret=True, doc="As in query; {token} stands for the secret.")] = None
    success: Annotated[tuple[int, ...], Spec(doc="Status codes that mean accepted.")] = ()
    id_at: Annotated[str | None, Spec(doc="JSON pointer to the upload's ID in the response, such as /data/id.")] = None
    visible_after: Annotated[str | None, Spec(r"[0-9]{1,3}h", "How long until an upload is shown. A preset: 12h.")] = None
    line: int = 1


class Token(Record):
    """Where the secret comes from: environment variables or a file, never this file itself."""

    env: Annotated[str | None, Spec(pattern=VARIABLE)] = None
    file: Annotated[str | None, Spec(pattern=PATH)] = None
    id_env: Annotated[str | None, Spec(pattern=VARIABLE)] = None
    secret_env: Annotated[str | None, Spec(pattern=VARIABLE)] = None


def check_destinations(destinations: Mapping[str, DestinationSettings], path: str, errors: list[FileError]) -> None:
    """Appends to `errors` what is wrong with the destinations of the configuration at `path`; no value that may be secret."""
    seen: dict[str, str] = {}
    for name, settings in destinations.items():
        of_kind = _http_errors(settings) if settings.kind == "http" else _archive_errors(settings)
        errors += [
            FileError(path, settings.line, f"destination {name}: {text}") for text in (*_name_errors(name, seen), *of_kind)
        ]
        seen[name.lower()] = name


def token_errors(token: Token) -> Iterator[str]:
    """What is wrong with where a secret is said to come from."""
    given = tuple(name for name in Token._fields if getattr(token, name) is not None)
    if given not in (("env",), ("file",), ("id_env", "secret_env")):
        yield "`token` needs exactly one of `env`, `file`, or `id_env` with `secret_env`"


def holes(text: str) -> list[str]:
    """The names of the placeholders in a text, in order; a stray brace counts as a placeholder without a name."""
    return [match[1] or "" for match in re.finditer(r"\{([^{}]*)\}|[{}]", text)]


def used_placeholders(settings: DestinationSettings) -> set[str]:
    """The placeholders in path, query and headers."""
    texts = (settings.path or "", *written(settings.query).values(), *written(settings.headers).values())
    return {name for text in texts for name in holes(text)}


def written(values: Values | None) -> dict[str, str]:
    """Headers or parameters as texts, with {env:NAME} for what a variable has."""
    return {name: f"{{env:{value.env}}}" if isinstance(value, Variable) else value for name, value in (values or {}).items()}


def variables(settings: DestinationSettings) -> list[str]:
    """The names of the environment variables in query and headers."""
    values = (*(settings.query or {}).values(), *(settings.headers or {}).values())
    return [value.env for value in values if isinstance(value, Variable)]


def lacks_id(settings: DestinationSettings, integration: str | None) -> bool:
    """Whether requests contain the integration's ID at the destination, and `integration` cannot be one."""
    return "integration" in used_placeholders(settings) and (integration or FILL_IN) in (FILL_IN, ".", "..")


def open_keys(settings: DestinationSettings) -> list[str]:
    """The keys that an upload over HTTP needs and that are not filled in yet."""
    given: dict[str, str | None] = {
        "method": settings.method,
        "path": settings.path,
        "file": settings.file.form_field if isinstance(settings.file, FormField) else settings.file,
        "base_url": settings.base_url or "",
        "query": "".join(written(settings.query).values()),
        "headers": "".join(written(settings.headers).values()),
        "id_at": settings.id_at or "",
    }
    return [key for key, value in given.items() if value is None or FILL_IN in value]


def _name_errors(name: str, seen: Mapping[str, str]) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        yield "a name may contain only letters, digits, `.`, `_` and `-`, because it becomes a folder name"
    elif name.lower() in seen:
        yield f"{seen[name.lower()]} differs only in case, and both become folder names"


def _archive_errors(settings: DestinationSettings) -> Iterator[str]:
    """What is wrong with a destination that keeps files, in a folder or in a bucket."""
    if settings.kind == "directory" and (settings.path is None or not settings.path.strip()):
        yield "a directory needs `path`, the folder"
    if settings.kind == "bucket" and settings.url is None:
        yield "a bucket needs `url`, such as s3://bucket/exports"
    elif settings.kind == "bucket" and (error := address_error(settings.url or "")):
        yield f"`url` {error}"
    for key in ("preset", "base_url", "method", "query", "file", "headers", "success", "id_at"):
        if getattr(settings, key):
            yield f"`{key}` applies only to kind http; this is a {settings.kind}"
    for key, kind in (("path", "bucket"), ("url", "directory")):
        if getattr(settings, key) is not None and settings.kind == kind:
            yield f"`{key}` does not apply to kind {kind}"


def _http_errors(settings: DestinationSettings) -> Iterator[str]:
    if settings.url is not None:
        yield "`url` applies only to kind bucket; kind http has `base_url`"
    if (settings.preset is None) == (settings.base_url is None):
        yield "kind http needs exactly one of `preset` and `base_url`"
    if settings.base_url is not None:
        yield from _base_url_errors(settings.base_url)
    if settings.path is not None:
        yield from _path_errors(settings.path)
    for key, value in (settings.query or {}).items():
        yield from _value_errors(f"`query` {without_keys(key)}", key, value, PLACEHOLDERS)
    yield from _header_errors(settings)
    if isinstance(settings.file, FormField) and not re.fullmatch(r"[^\x00-\x1f\x7f]+", settings.file.form_field):
        yield "`form_field` is empty or contains a control character"
    if [code for code in settings.success if not 200 <= code <= 299]:
        yield "`success` may contain only codes from 200 to 299, because no other can mean accepted"
    if settings.id_at is not None and not re.fullmatch(r"(?:/(?:[^~/]|~[01])*)*", settings.id_at):
        yield "`id_at` is not a JSON pointer; write it as /data/id"


def origin_errors(base_url: str) -> Iterator[str]:
    """What is wrong with the address of a server that is asked at fixed paths."""
    from urllib.parse import urlsplit

    errors = list(_base_url_errors(base_url))
    yield from errors
    if not errors and urlsplit(base_url).path.strip("/"):
        yield "`base_url` has a path; write only the scheme and the host"


def _base_url_errors(base_url: str) -> Iterator[str]:
    from urllib.parse import urlsplit

    try:
        address = urlsplit(base_url)
        host, _ = (address.hostname or "").encode("idna").decode("ascii"), address.port
    except ValueError:
        host = ""
    if not host or re.search(r'[^!-~]|[{}\\"<>^`|]|/\.\.?(?:/|$)', base_url):
        yield "`base_url` is not an address; write it as https://api.example.com"
    elif "@" in address.netloc:
        yield "`base_url` contains credentials; put them where `token` says, never in this file"
    elif "?" in base_url or "#" in base_url:
        yield "`base_url` contains a query or a fragment; parameters belong in `query`"
    elif without_keys(address.path) != address.path:
        yield _KEY_IN_ADDRESS.format("base_url")
    elif address.scheme == "http" and not _is_loopback(host):
        yield "`base_url` is http://, so the token would be sent unencrypted; write https:// (http:// is for this machine only)"


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine however it is looked up: other spellings of an address may be names of other machines."""
    byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    return host in ("localhost", "::1") or re.fullmatch(rf"127(?:\.{byte}){{3}}", host) is not None


def _path_errors(path: str) -> Iterator[str]:
    if not path.startswith("/") or not re.fullmatch(r"[!-~]+", path) or re.search(r'[][?#\\"<>^`|]', path):
        yield "`path` must begin with / and contain no spaces, ? or #; parameters belong in `query`"
    elif re.search(r"%(?![0-9A-Fa-f]{2})", path) or any(part in (".", "..") for part in path.split("/")):
        yield "`path` contains a % that does not begin a %XX code, or a part that is . or .."
    elif any(without_keys(part) != part for part in path.split("/")):
        yield _KEY_IN_ADDRESS.format("path")
    yield from _placeholder_errors("`path`", path, PLACEHOLDERS)


def _placeholder_errors(where: str, text: str, known: tuple[str, ...]) -> Iterator[str]:
    if not set(holes(text)) <= {*known}:
        allowed = ", ".join(f"{{{name}}}" for name in known)
        yield f"{where} contains an unknown placeholder; allowed are {allowed}"


def _header_errors(settings: DestinationSettings) -> Iterator[str]:
    headers = settings.headers or {}
    if len({name.lower() for name in headers}) != len(headers):
        yield "`headers` contains a name twice"
    for name, text in written(headers).items():
        where = f"header {without_keys(name)}"
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            yield "`headers` contains an invalid header name"
        elif name.lower() in _OWN_HEADERS or (name.lower() == "content-type" and isinstance(settings.file, FormField)):
            yield f"{where} is set by billproof itself"
        elif not re.fullmatch(r"[!-~](?:[ -~]*[!-~])?", text):
            yield f"{where} is empty, or contains a line ending or a character outside ASCII"
        elif settings.preset is not None and (name.lower() == "authorization" or TOKEN in holes(text)):
            yield f"{where}: the preset fixes how the token is sent"
        else:
            yield from _value_errors(where, name, headers[name], (*PLACEHOLDERS, TOKEN))


def _value_errors(where: str, name: str, value: str | Variable, known: tuple[str, ...]) -> Iterator[str]:
    """A value in plain text may be a secret, unless its name is that of something harmless or it is made of placeholders."""
    if isinstance(value, Variable):
        return
    yield from _placeholder_errors(where, value, known)
    rest = re.sub(r"\{[^{}]*\}", " ", value).replace(FILL_IN, " ")
    harmless = name.lower() in _HARMLESS and without_keys(value) == value
    if not harmless and not {word.lower() for word in re.findall(r"\w+", rest)} <= _SCHEMES:
        yield f"{where} has its value in plain text, which may be a secret; write {{env: NAME}}, and set that variable"
