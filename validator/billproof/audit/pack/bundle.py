"""Folders with the digests of all their files in `SHA256SUMS`, written completely or not at all.

`SHA256SUMS` has the format of GNU coreutils, which `sha256sum -c` and `shasum -a 256 -c` read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from typing import BinaryIO

from billproof.io.durable import flush_folder
from billproof.model.errors import Unwritable

SUMS = "SHA256SUMS"
CHUNK_BYTES = 1 << 20

Content = bytes | BinaryIO


def write_bundles(path: str, bundles: Mapping[str, Mapping[str, Content]]) -> list[str]:
    """Creates the folder `path`, which must be new or empty, with one folder per entry of `bundles` (`.` is `path` itself).

    Returns the digest of each `SHA256SUMS`. Everything is written into a hidden folder next to `path`, which is renamed last.
    Raises Unwritable, and exits at SIGTERM; then `path` is unchanged, and the hidden folder is gone.
    """
    target = os.path.abspath(path)
    above, name = os.path.split(target)
    draft = os.path.join(above, f".{name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        os.makedirs(draft)
        digests = [_write_bundle(os.path.join(draft, folder), files) for folder, files in bundles.items()]
        # Windows does not rename a folder to an existing name, even if that folder is empty.
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(target)
        os.rename(draft, target)
        flush_folder(target)
    except OSError as error:
        raise Unwritable(f"{path} could not be written: {error.strerror or error}; nothing was packed") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)
    return digests


def _write_bundle(folder: str, files: Mapping[str, Content]) -> str:
    os.makedirs(folder, exist_ok=True)
    sums = {name: _write(os.path.join(folder, *name.split("/")), content) for name, content in files.items()}
    return _write(os.path.join(folder, SUMS), sums_of(sums))


def _write(path: str, content: Content) -> str:
    """Writes a file; returns the digest of what was written."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    digest = hashlib.sha256()
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    source.seek(0)
    with open(path, "xb") as stream:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    flush_folder(path)
    return digest.hexdigest()


def sums_of(digests: Mapping[str, str]) -> bytes:
    """`SHA256SUMS` from names and digests: one line each, sorted by name."""
    lines = []
    for name, digest in sorted(digests.items()):
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n")
        # A backslash in front says that the name is escaped.
        lines.append(f"{chr(92) if escaped != name else ''}{digest}  {escaped}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")
