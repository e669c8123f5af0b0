"""A path, an object in a bucket or standard input as bytes, read exactly once: what is hashed is what is handed on.

Blocks end at a line end, so that a reader never meets half a line; only the last block of a file may.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from billproof.model.errors import Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.urls import in_bucket

BLOCK_BYTES = 196_608
MAX_LINE_BYTES = 32 * 1024 * 1024
COPY_IN_MEMORY_BYTES = 8 * 1024 * 1024
STANDARD_INPUT = "-"

# Path, bytes read so far, the total if it is known: reported after each block.
Seen = Callable[[str, int, int | None], None]


class Source:
    """The bytes of one file. `size` and `sha256` cover the bytes read so far; `complete` is True once the end was reached.
    `version` is the ID or e-tag of an object in a bucket.
    """

    def __init__(self, stream: BinaryIO, path: str, size_on_disk: int | None, version: str | None = None) -> None:
        self.path = path
        self.version = version
        self.name = "standard input" if path == STANDARD_INPUT else os.path.basename(path.rstrip("/\\")) or path
        self.size = 0
        self.complete = False
        self.seen: Seen | None = None
        self._stream = stream
        self._size_on_disk = size_on_disk
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the bytes handed out."""
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """The file in blocks that end with a line ending (LF, or CR where there is no LF).

        Raises Unreadable if the disk fails, a line is longer than 32 MiB, or the file grew or shrank meanwhile.
        """
        pending: list[bytes] = []
        pending_size = 0
        while chunk := self._read():
            cut = chunk.rfind(b"\n") + 1 or chunk.rfind(b"\r", 0, -1) + 1
            if cut:
                yield b"".join((*pending, chunk[:cut]))
                pending, pending_size = [chunk[cut:]], len(chunk) - cut
                continue
            pending.append(chunk)
            pending_size += len(chunk)
            if pending_size > MAX_LINE_BYTES:
                raise Unreadable(
                    f"{self.path}: a line is longer than {MAX_LINE_BYTES // 2**20} MiB; exports have no such lines",
                    "Check that this is the CSV that OpenAI's dashboard gave you.",
                )
        self._end()
        if pending_size:
            yield b"".join(pending)

    def whole(self, limit: int) -> bytes | None:
        """The file however long its lines are; None if it has more than `limit` bytes. Raises Unreadable as `blocks`."""
        parts: list[bytes] = []
        while chunk := self._read():
            parts.append(chunk)
            if self.size > limit:
                return None
        self._end()
        return b"".join(parts)

    def _end(self) -> None:
        if self._size_on_disk is not None and self.size != self._size_on_disk:
            raise Unreadable(
                f"{self.path}: the file changed while it was read ({self._size_on_disk:,} bytes became {self.size:,})",
                "Wait until the download has finished and run the same command again.",
            )
        self.complete = True

    def _read(self) -> bytes:
        try:
            chunk = self._stream.read(BLOCK_BYTES)
        except OSError as error:
            raise Unreadable(f"{self.path}: cannot be read: {error.strerror or error}") from None
        self._hash.update(chunk)
        self.size += len(chunk)
        if self.seen is not None:
            self.seen(self.path, self.size, self._size_on_disk)
        return chunk


class Copy(Record):
    """A file's bytes where no one else can change them: the bytes that are checked are the bytes that are sent."""

    path: str
    sha256: str
    size: int
    stream: BinaryIO
    version: str | None = None

    def source(self) -> Source:
        """The copy, to be read like the file itself."""
        self.stream.seek(0)
        return Source(self.stream, self.path, self.size, self.version)


@contextmanager
def private_copy(path: str, seen: Seen | None = None) -> Iterator[Copy]:
    """A copy of `path`, or of standard input, in memory or in a file without a name. Raises Unreadable."""
    stream: BinaryIO = io.BytesIO()
    try:
        with open_source(path) as source:
            source.seen = seen
            for block in source.blocks():
                if stream.tell() <= COPY_IN_MEMORY_BYTES < stream.tell() + len(block):
                    stream = _on_disk(stream)
                stream.write(block)
        yield Copy(path, source.sha256, source.size, stream, source.version)
    finally:
        stream.close()


def _on_disk(stream: BinaryIO) -> BinaryIO:
    """The same bytes in a file without a name."""
    import tempfile

    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - the copy closes it
    stream.seek(0)
    while chunk := stream.read(BLOCK_BYTES):
        file.write(chunk)
    stream.close()
    return file


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """`path`, which may be in a bucket, or standard input for `-`, opened for one read. Raises Unreadable with the reason."""
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise Unreadable("standard input is closed")
        yield Source(sys.stdin.buffer, path, None)
        return
    if in_bucket(path):
        from billproof.io.bucket import ObjectStream

        found = ObjectStream(path, BLOCK_BYTES)
        yield Source(cast(BinaryIO, found), path, found.size, found.version)
        return
    with _open_file(path) as source:
        yield source


def small_file(path: str, limit: int) -> bytes:
    """A file that is read for itself, whole. Raises Unreadable, also for what has more than `limit` bytes."""
    with _open_file(path) as source:
        data = source.whole(limit)
    if data is None:
        raise Unreadable(f"{path}: is larger than {limit:,} bytes, too large for a file of its kind")
    return data


@contextmanager
def _open_file(path: str) -> Iterator[Source]:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
            raise Unreadable(f"{path}: is {what}, not a file", "For a pipe use `-`, which reads standard input.")
        with open(path, "rb", buffering=0) as stream:
            yield Source(stream, path, os.fstat(stream.fileno()).st_size)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreadable(
            f"{path}: cannot be read: {reason}", "Check the name, and that you have permission to read it."
        ) from None


class ForeignStream:
    """A caller's binary file object, whose errors, whatever they are, are those of a file that cannot be read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """The next bytes. Raises OSError, and UsageError for a stream of text."""
        try:
            data = self._stream.read(size)
        except Exception as error:
            raise OSError(type(error).__name__) from error
        if not isinstance(data, bytes):
            raise UsageError(f"{type(data).__name__} was read, not bytes", "Open the file in binary mode.")
        return data
