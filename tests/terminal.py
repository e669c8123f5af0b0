"""A terminal for tests: a real pseudo-terminal on which programs write, and what a reader would see on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyte

LINES = 200


class Terminal:
    """`slave` is for the program; `written` are its bytes, `screen()` is what they leave to be read."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.master, self.slave = pty.openpty()
        self.resize(columns)
        self.written = b""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def resize(self, columns: int) -> None:
        """Makes the window wider or narrower."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Presses keys."""
        os.write(self.master, keys)

    def _read(self) -> None:
        while True:
            try:
                found = os.read(self.master, 65536)
            except OSError:
                return
            self.written += found

    def close(self) -> None:
        """Ends the program's side; everything that was written is in `written` then."""
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1
            self._reading.join(10)

    def screen(self) -> list[str]:
        """The lines that can be read in the end, without blanks at their ends and empty lines below."""
        screen = pyte.Screen(self.columns, LINES)
        pyte.ByteStream(screen).feed(self.written)
        return "\n".join(line.rstrip() for line in screen.display).rstrip().split("\n")


@contextmanager
def terminal(columns: int = 80) -> Iterator[Terminal]:
    """A terminal of so many columns."""
    found = Terminal(columns)
    try:
        yield found
    finally:
        found.close()
        os.close(found.master)
