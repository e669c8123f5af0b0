"""Secrets: read from the environment or a file when they are needed, and hidden from everything that prints."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

from billproof.model.errors import BillproofError

# This many characters of a secret in a row are hidden: servers like to quote its beginning.
_PIECE = 8


class Secret:
    """A secret text. Nothing that prints or stores an object shows it; `reveal` gives it to the request alone."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"


class NoToken(BillproofError):
    """A secret that an upload needs is missing; nothing was sent."""


def from_environment(name: str, environment: Mapping[str, str] = os.environ) -> Secret:
    """The secret in an environment variable. Raises NoToken if it is missing, empty, or cannot be sent in a header."""
    text = environment.get(name, "").strip()
    if not text:
        raise NoToken(
            f"the environment variable {name} is not set", "Set it in the environment of this command, never on its command line."
        )
    return _usable(text, f"the environment variable {name}")


def from_file(path: Path) -> Secret:
    """The secret in a file, without spaces and line endings around it. Raises NoToken if there is none."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8"
        raise NoToken(f"the file {path.name} with the token cannot be read: {reason}") from None
    if not text:
        raise NoToken(f"the file {path.name} with the token is empty")
    return _usable(text, f"the file {path.name}")


def _usable(text: str, where: str) -> Secret:
    if not all("!" <= character <= "~" for character in text):
        raise NoToken(
            f"{where} does not contain a valid token: it has a space, a line ending or a character outside ASCII",
            "Copy the token again, on one line and without quotation marks.",
        )
    return Secret(text)


def redact(text: str, secret: Secret | None) -> str:
    """`text` with `<token>` for the secret: the whole of it, its halves, pieces of either, also in base64 or percent-encoded."""
    if secret is None:
        return text
    pieces = {form[at : at + _PIECE].lower() for form in _forms(secret.reveal()) for at in range(max(1, len(form) - _PIECE + 1))}
    lengths = {len(piece) for piece in pieces if piece}
    folded = text.translate(str.maketrans(ascii_uppercase, ascii_lowercase))
    hidden = bytearray(len(text))
    for at in range(len(text)):
        for length in lengths:
            if len(piece := folded[at : at + length]) == length and piece in pieces:
                hidden[at : at + length] = b"\x01" * length
    kept = (letter if not hidden[at] else "<token>" if at == 0 or not hidden[at - 1] else "" for at, letter in enumerate(text))
    return "".join(kept)


def _forms(text: str) -> Iterator[str]:
    import base64
    import html
    from urllib.parse import quote

    # Too short a half would hide half of every sentence.
    for part in (text, *(half for half in text.split(":") if len(half) >= 4)):
        yield from (part, quote(part, safe=""), html.escape(part))
        for before in range(3):
            # As it appears in base64 after so many other bytes: the characters that depend on those are left out.
            encoded = base64.b64encode(b"\0" * before + part.encode()).decode("ascii").rstrip("=")
            inner = encoded[(8 * before + 5) // 6 : len(encoded) - (0 if (before + len(part)) % 3 == 0 else 1)]
            yield from (inner, inner.replace("+", "-").replace("/", "_"))
