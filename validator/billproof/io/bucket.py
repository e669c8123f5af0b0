"""Objects in buckets of S3, GCS and Azure, by obstore: read, listed, created and swapped. Nothing is ever deleted.

Errors of a store may show its address, keys and signatures. Only the reasons below are told. To import this module without
obstore raises Unreadable.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

from billproof.model.errors import Missing, Unreadable, how_to_install
from billproof.model.urls import address_error

try:
    import obstore
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
    from obstore.store import from_url
except ImportError:
    raise Unreadable("what is in a bucket is read by obstore, which is not installed", how_to_install("cloud")) from None

LARGEST = 1 << 25
PATIENCE_SECONDS = 30.0
_RETRY = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}
_CLIENT = {"connect_timeout": timedelta(seconds=5), "read_timeout": timedelta(seconds=20), "timeout": timedelta(hours=1)}
_FAILURES = (BaseError, OSError, ValueError)

_ABSENT = "does not exist"
_BUSY = "the store answered with an error"
_UNREACHABLE = "the store cannot be reached"
_LATE = "the store did not answer in time"
_BETWEEN = "other writers came in between"
_REASONS = {
    r"NoSuchBucket|ContainerNotFound|specified bucket does not exist": "the bucket does not exist",
    r"ExpiredToken": "the credentials have expired",
    r"BadScheme": "its endpoint begins with http://, which is used only with AWS_ALLOW_HTTP=true",
    r"[Rr]edirect|AuthorizationHeaderMalformed": "the bucket is in another region; set AWS_REGION",
    r"169\.254\.169\.254|metadata\.google|MissingAccount": "no credentials were found; docs/buckets.md says where they can be",
    r"PermissionDenied|Unauthenticated|Unauthorized|AccessDenied|status: 40[13]": "access was denied",
    r"InvalidPath|Could not parse path": "a key there has an empty part, or a part that is . or ..",
    r"kind: Timeout|TimedOut|timed out": _LATE,
    r"kind: Connect|error sending request|HttpError": _UNREACHABLE,
}

# What a store says of one state of an object, to be given back to it.
Version = Mapping[str, str]


class ObjectStream:
    """The bytes of one version, by one request. `version` is its ID there, or its e-tag in a bucket without versions."""

    def __init__(self, url: str, chunk_size: int) -> None:
        """Raises Unreadable, or Missing."""
        self._url = url
        with _told(url):
            found = obstore.get(*_place(url))
        self.size: int = found.meta["size"]
        self.version = str(found.meta["version"] or found.meta["e_tag"] or "")
        self._chunks = iter(found.stream(min_chunk_size=chunk_size))

    def read(self, _: int = 0) -> bytes:
        """The next bytes, none at the end. Raises Unreadable."""
        with _told(self._url):
            return bytes(next(self._chunks, b""))


def read(url: str, limit: int = LARGEST) -> tuple[bytes, Version]:
    """An object of up to `limit` bytes, in one of its versions. Raises Unreadable, or Missing."""
    with _told(url):
        found = obstore.get(*_place(url))
        if found.meta["size"] <= limit:
            return bytes(found.bytes()), _version(found.meta)
    raise Unreadable(f"{url}: is larger than {limit // 2**20} MiB, more than billproof writes there")


def listed(url: str) -> dict[str, int]:
    """The size of everything in a folder of a bucket and below it, in the order of the addresses. Raises Unreadable."""
    root = "/".join(url.split("/", 3)[:3])
    with _told(url, "cannot be listed"):
        store, prefix = _place(url)
        found = [entry for page in obstore.list(store, prefix=prefix) for entry in page]
    return dict(sorted((f"{root}/{entry['path']}", entry["size"]) for entry in found))


def put_new(url: str, data: bytes) -> None:
    """Creates an object. Raises FileExistsError if it exists with other bytes, OSError with the reason."""
    if swap(url, data, None) is None:
        raise FileExistsError("it already exists with other content")


def swap(url: str, data: bytes, version: Version | None) -> Version | None:
    """Replaces an object that still has this version (None: that does not exist); gives its new version, or None if another
    writer was faster. Raises OSError with the reason; then nobody knows whether it was replaced.

    The bytes must be unlike all that were there before, since a version may be nothing but their digest.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        reason = _BETWEEN
        try:
            if (written := _put(url, data, version)) is not None:
                return written
            # It is there, or is ours and the answer was lost, or two writers met and neither won: only a look can tell.
            there, newest = read(url, max(len(data), LARGEST))
            if there == data:
                return newest
            if newest != version:
                return None
        except Missing:
            if version is not None:
                return None
        except Unreadable as error:
            raise OSError(error.message) from None
        except _FAILURES as error:
            reason = _reason(error)
        if time.monotonic() > end or reason not in (_BUSY, _UNREACHABLE, _LATE, _BETWEEN):
            raise OSError(reason)
        time.sleep(random.uniform(0.05, 0.5))


def honors_conditions(url: str) -> bool:
    """Whether the store refuses to write an object where it exists, and in a version that it does not have. It is written with
    its own bytes. Raises Unreadable.
    """
    data, _ = read(url)
    with _told(url, "cannot be written"):
        return _put(url, data, None) is None and _put(url, data, {"e_tag": f'"{0:032}"'}) is None


def _put(url: str, data: bytes, version: Version | None) -> Version | None:
    """The version that was written; None if the store refused to because of the condition."""
    store, key = _place(url)
    try:
        return _version(obstore.put(store, key, data, mode=version or "create", use_multipart=False))
    except (AlreadyExistsError, PreconditionError):
        return None


def _place(url: str) -> tuple[Any, str]:
    """The store of an address, the same in the whole process, and the key in it."""
    if error := address_error(url):
        raise ValueError(error)
    scheme, _, bucket, key = (*url.split("/", 3), "")[:4]
    return _store(f"{scheme}//{bucket}"), key.rstrip("/")


@cache
def _store(bucket: str) -> Any:
    is_s3 = bucket.startswith("s3:")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT") if is_s3 else ("AZURE_STORAGE_ENDPOINT",):
        # obstore panics at what is not an address.
        if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(?:/\S*)?|", os.environ.get(name, "")):
            raise ValueError(f"{name} is not an address; write it as https://s3.example.com")
    # Buckets that lock objects demand a checksum with each.
    more = {"config": {"checksum_algorithm": "SHA256"}} if is_s3 else {}
    allow_http = os.environ.get("AWS_ALLOW_HTTP" if is_s3 else "AZURE_ALLOW_HTTP", "").lower() == "true"
    return from_url(bucket, client_options={**_CLIENT, "allow_http": allow_http}, retry_config=_RETRY, **more)


def _version(meta: Mapping[str, Any]) -> Version:
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key)}


@contextmanager
def _told(url: str, what: str = "cannot be read") -> Iterator[None]:
    """Raises Unreadable, or Missing, for what fails inside."""
    try:
        yield
    except _FAILURES as error:
        reason = _reason(error)
        raise Missing(f"{url}: {reason}") if reason == _ABSENT else Unreadable(f"{url}: {what}: {reason}") from None


def _reason(error: Exception) -> str:
    """Why a request failed, in words of our own."""
    text = f"{type(error).__name__} {error}"
    otherwise = _ABSENT if isinstance(error, FileNotFoundError) else str(error) if type(error) is ValueError else _BUSY
    return next((reason for pattern, reason in _REASONS.items() if re.search(pattern, text)), otherwise)
