"""Files that billproof itself wrote: small, and never links, devices or pipes."""

from __future__ import annotations

import os
import stat

from billproof.model.errors import Missing, Unreadable

# Windows has neither O_NOFOLLOW nor O_NONBLOCK; `lstat` sees a link there.
_OWN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# One read gets the whole of nearly every receipt.
_SMALL = 1 << 16


def own_bytes(path: str, limit: int) -> bytes:
    """The bytes of a file of our own, which is small and not a link; never waits for a pipe or device. Raises Unreadable, or
    Missing if it does not exist.
    """
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise Unreadable(f"{path}: is a link, and billproof does not follow it")
        with open(os.open(path, _OWN_FLAGS), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise Unreadable(f"{path}: is a folder, device or pipe, not a file")
            data = stream.read(limit + 1)
    except FileNotFoundError:
        raise Missing(f"{path}: does not exist") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > limit:
        raise Unreadable(f"{path}: is larger than {limit // 2**20} MiB, more than billproof writes there")
    return data


def listed_bytes(path: str, limit: int) -> bytes:
    """The bytes of a file that its folder listed as a regular one, and whose digest is known: at half the cost of `own_bytes`,
    and it never waits or follows a link either. Raises Unreadable.
    """
    try:
        descriptor = os.open(path, _OWN_FLAGS)
        try:
            data = os.read(descriptor, _SMALL)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read: {error.strerror or error}") from None
    return data if len(data) < _SMALL else own_bytes(path, limit)
