"""Files that exist whole or not at all, even if the machine stops: a draft is flushed to the disk, then named."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator

# What a file system answers that does not support a second name for a file.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


def put_new(path: str, chunks: Iterable[bytes]) -> None:
    """Writes a new file. Raises FileExistsError if it exists, OSError if it cannot be written."""
    with _draft(path, chunks) as draft:
        try:
            os.link(draft, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
            os.rename(draft, path)
    flush_folder(path)


def replace(path: str, chunks: Iterable[bytes]) -> None:
    """Writes a file, or replaces it. Raises OSError if it cannot be written."""
    with _draft(path, chunks) as draft:
        os.replace(draft, path)
    flush_folder(path)


@contextlib.contextmanager
def _draft(path: str, chunks: Iterable[bytes]) -> Iterator[str]:
    """A file in the same folder, flushed to the disk; what has not been renamed by the end is removed."""
    folder, name = os.path.split(path)
    # Machines that share a folder may also share process numbers.
    draft = os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        with open(draft, "wb") as stream:
            stream.writelines(chunks)
            stream.flush()
            os.fsync(stream.fileno())
        yield draft
    finally:
        with contextlib.suppress(OSError):
            os.unlink(draft)


def flush_folder(path: str) -> None:
    """Flushes the name itself to the disk, where folders can be flushed."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(folder)
