"""One line of a terminal that says how far the reading is: drawn again and again, then wiped. Loaded after a second only.

Nothing but text, spaces and carriage returns is written: every terminal understands them. The cursor
rests at the beginning of the line, so that what a terminal does to the line when it is resized is overwritten, too.
"""

from __future__ import annotations

import os
from typing import TextIO

from billproof.model.values import shown
from billproof.reading.source import STANDARD_INPUT

USUAL_COLUMNS = 80
BAR_COLUMNS = 20
NAME_COLUMNS = 12


class Line:
    """The last line of a terminal. A terminal that is gone is not an error: the line would not be seen."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = 0

    def draw(self, number: int, count: int, path: str, read: int, size: int | None) -> None:
        """File `number` of `count`, of which `read` of `size` bytes were read."""
        room = self._columns() - 1
        if self._drawn > room:
            self.wipe()  # the terminal is narrower now, so the old line may take several of its lines
        encoding = self._stream.encoding or "ascii"
        name = shown("standard input" if path == STANDARD_INPUT else path, None)
        text = line(number, count, name.encode(encoding, "backslashreplace").decode(encoding), read, size, room)
        length = columns(text)
        self._write(text + " " * (self._drawn - length))
        self._drawn = length

    def wipe(self) -> None:
        """Leaves an empty line, with the cursor at its beginning."""
        if self._drawn:
            self._write(" " * self._drawn)
        self._drawn = 0

    def _write(self, text: str) -> None:
        self._drawn = max(self._drawn, columns(text))
        try:
            self._stream.write(f"\r{text}\r")
            self._stream.flush()
        except (OSError, ValueError):
            self._drawn = 0

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or USUAL_COLUMNS
        except (OSError, ValueError):
            return USUAL_COLUMNS


def line(number: int, count: int, name: str, read: int, size: int | None, room: int) -> str:
    """`2 of 5   47 %  [#########...........]  110.2 of 235.4 MB  cost.csv`: as much of it as has room, what counts most first."""
    parts = [f"{number:,} of {count:,}"] if count > 1 else []
    if size:
        share = min(read / size, 1.0)
        done = int(share * BAR_COLUMNS)
        parts += [f"{int(share * 100):3} %", f"[{'#' * done}{'.' * (BAR_COLUMNS - done)}]"]
        whole = f"{size / 1e6:,.1f}"
        parts.append(f"{read / 1e6:>{len(whole)},.1f} of {whole} MB")
    elif read:
        parts.append(f"{read / 1e6:,.1f} MB read")
    while parts and len("  ".join(parts)) > room:
        parts.pop()
    rest = room - len("  ".join(parts)) - 2
    if name and rest >= NAME_COLUMNS:
        parts.append(_end_of(name, rest))
    return "  ".join(parts)


def _end_of(name: str, room: int) -> str:
    """A name that fits, cut at its beginning: exports differ at the end."""
    if columns(name) <= room:
        return name
    while columns(name) > room - 3:
        name = name[1:]
    return f"...{name}"


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: two for wide letters, none for marks over letters."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)
