"""A time limit for a whole HTTP exchange: a server that sends a byte now and then never exceeds the limit of a single read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


class Deadline:
    """Ends a connection of httpx2 after so many seconds; `text` says so from then on."""

    def __init__(self, seconds: float) -> None:
        self.text = ""
        self._seconds = seconds
        self._stream: Any = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore2 at each step; the steps that make a connection return it."""
        if hasattr(info.get("return_value"), "get_extra_info"):
            self._stream = info["return_value"]
            if self.text:
                self._end()

    def _end(self) -> None:
        self.text = f"no complete response within {self._seconds:g} s"
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if connection is not None:
            # Not the method of a TLS socket, which would take the encryption off first.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
