"""A lock between processes of one machine, which ends with the process, however it ends."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from io import FileIO
from typing import TypeAlias

from billproof.model.errors import BillproofError, Unwritable

PATIENCE_SECONDS = 600
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
Waiting: TypeAlias = "Callable[[], None] | None"
# Raises BillproofError if another process may have the lock by now.
Still: TypeAlias = "Callable[[], None]"


class Busy(BillproofError):
    """Another process has been using the same thing for too long; nothing was done."""


@contextlib.contextmanager
def locked(path: str, waiting: Waiting = None, patience: float = PATIENCE_SECONDS) -> Iterator[Still]:
    """Keeps the lock on a file of a ledger; calls `waiting` once if another process has it. Raises Busy after `patience`
    seconds, and Unwritable if the file cannot be locked.
    """
    try:
        descriptor = os.open(path, _FLAGS, 0o666)
    except OSError as error:
        raise Unwritable(f"{path}: the ledger cannot be written: {error.strerror or error}") from None
    with open(descriptor, "r+b", buffering=0) as stream:
        # A pipe or device in its place is neither waited for nor written to.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unwritable(f"{path}: is a device or pipe, not a file; nothing was done", "Remove it; it is created again.")
        end = time.monotonic() + patience
        while not _has_lock(stream, path):
            if waiting is not None:
                waiting()
            waiting = None
            if time.monotonic() > end:
                raise Busy("another upload is using this ledger", "Wait until it ends, then run the command again.")
            time.sleep(0.02)
        yield lambda: None  # it ends with the process, so it is never lost


def _has_lock(stream: FileIO, path: str) -> bool:
    try:
        return _try_lock(stream.fileno())
    except OSError as error:
        text = f"{path}: cannot be locked: {error.strerror or error}; nothing was done"
        raise Unwritable(text, "Keep the ledger on a disk that supports file locks.") from None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
