"""A request's body: counted and hashed on its way in, never longer than the limit, the file of it in a private copy."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from starlette.datastructures import Headers, UploadFile
from starlette.requests import Request
from starlette.types import Message, Receive

from billproof.model.record import Record
from billproof.sandbox.faults import Problem

FIELD = "file"
RAW_NAME = "upload.csv"
IN_MEMORY = 1024 * 1024
_DIGEST = re.compile(r"([a-z0-9_.*-]+)=:((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?):")


class SentFile(Record):
    """The file of an upload, at its start."""

    stream: BinaryIO
    name: str
    size: int
    sha256: str


class Body:
    """Stands before `receive`: whoever reads the request reads through it. Raises Problem 413 beyond the limit."""

    def __init__(self, receive: Receive, headers: Headers, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._size = 0
        self._headers = headers
        self._hashes = {"sha-256": hashlib.sha256(), "sha-512": hashlib.sha512()}
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise self._too_large()

    async def __call__(self) -> Message:
        """The next message of the request."""
        message = await self._receive()
        data = message.get("body", b"")
        self._size += len(data)
        if self._size > self._limit:
            raise self._too_large()
        for digest in self._hashes.values():
            digest.update(data)
        return message

    def verify(self) -> None:
        """Raises Problem 400 if what came is not what Content-Digest (RFC 9530) says; unknown algorithms are passed over."""
        for name, wanted in _digests(self._headers.getlist("content-digest")):
            if name in self._hashes and self._hashes[name].digest() != wanted:
                raise Problem(400, "digest-differs", f"The body's {name} differs from Content-Digest; nothing was stored.")

    def _too_large(self) -> Problem:
        return Problem(413, "too-large", f"A request may be at most {self._limit:,} bytes.")


def _digests(fields: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for field in filter(None, (part.strip() for part in ",".join(fields).split(","))):
        match = _DIGEST.fullmatch(field)
        if match is None:
            raise Problem(400, "digest-malformed", "Write Content-Digest as sha-256=:<base64>:")
        yield match[1], base64.b64decode(match[2])


async def read_file(request: Request, body: Body) -> SentFile:
    """The file of an upload: the form's field `file`, or the body itself as text/csv. The caller closes its stream."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "encoded", "Send the unmodified bytes, without Content-Encoding.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _of_form(Request(request.scope, body))
    if kind == "text/csv":
        return await _raw(Request(request.scope, body))
    raise Problem(415, "no-csv", f"Send multipart/form-data with the field {FIELD}, or text/csv.")


async def _of_form(request: Request) -> SentFile:
    form = await request.form(max_files=1, max_fields=0)
    sent = form.get(FIELD)
    if not isinstance(sent, UploadFile):
        await form.close()
        raise Problem(400, "no-file", f"The form has no file in the field {FIELD}.")
    # The names of some browsers and programs are whole paths.
    name = re.split(r"[/\\]", sent.filename or "")[-1] or RAW_NAME
    return _hashed(sent.file, name)


async def _raw(request: Request) -> SentFile:
    copy = tempfile.SpooledTemporaryFile(IN_MEMORY, prefix="billproof-")  # noqa: SIM115
    try:
        async for chunk in request.stream():
            copy.write(chunk)
    except BaseException:
        copy.close()
        raise
    return _hashed(copy, RAW_NAME)  # type: ignore[arg-type]


def _hashed(stream: BinaryIO, name: str) -> SentFile:
    stream.seek(0)
    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    size = stream.tell()
    stream.seek(0)
    return SentFile(stream, name, size, sha256)
