"""Secrets: read from the environment or a file when they are needed, and hidden from everything that prints."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from errno import EFBIG, EINVAL
from pathlib import Path
from stat import S_ISREG

from billproof.model.errors import BillproofError

# This many letters and digits of a secret in a row are hidden: servers like to quote its beginning. Shorter words are common.
_PIECE = 8
_SHORTEST = 4
# A letter or digit, plain, percent-encoded (also several times), or escaped for a program, JSON or HTML, in any base.
_SIGN = (
    r"(?:%(?:25)*(?:u00)?|\\(?:x|u00|U000000|u\{0{0,6})|0x|&#[xX]0{0,30})([0-9A-Fa-f]{2})|&#0{0,30}([0-9]{2,3})(?![0-9])"
    r"|\\([01][0-7]{2})|&[A-Za-z]{2,8};|\\[nrt]|[A-Za-z0-9]"
)
_BASES = (16, 10, 8)
# No header may be longer at any server that is known.
_LARGEST = 1 << 16

# What looks like a key: a private key, what well-known makers' keys begin with, a pair with a colon, a long unbroken word.
_LOOKS_SECRET = (
    r"-----BEGIN(?:(?!-----END)[\s\S])*+(?:-----END[^-]*+-*)?|(?<![\w-])(?:sk-|ghp_|gho_|ghs_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza|eyJ)[\w.~+/-]{12,}+=*"
    r"|(?<![\w~.-])[\w~.-]{8,}+:[\w~.=+/-]{8,}+|(?<![A-Za-z0-9+])[A-Za-z0-9+]{32,}+=*"
)


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
    """The secret in a regular file, without spaces and line endings around it. Raises NoToken if there is none."""
    try:
        # Without waiting for whoever may one day write into a pipe.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as stream:
            if not S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise OSError(EINVAL, "it is not a file")
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise OSError(EFBIG, f"it is larger than {_LARGEST:,} bytes")
        text = data.decode("utf-8").strip()
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


def without_keys(text: str) -> str:
    """`text` with `<secret>` for what looks like a key, whoever it belongs to: for errors that quote what people typed."""
    return re.sub(_LOOKS_SECRET, lambda key: "<secret>" if re.search("^-|[0-9]", key[0]) else key[0], text)


def redact(text: str, *secrets: Secret) -> str:
    """`text` with `<token>` for the secrets: each whole, its parts between colons, and pieces of either.

    Only letters and digits count, in any case, so that no escape, separator or line break hides a secret; its forms in hex,
    base64 and base64url are found, too.
    """
    parts = [part for secret in secrets for part in _parts(secret.reveal())]
    for part in parts:
        if len(_letters(part)[0]) <= _SHORTEST:
            text = text.replace(part, "<token>")
    hidden = bytearray(len(text))
    letters, spans = _letters(text)
    for part in parts:
        pieces = set(_pieces(part))
        for length in {len(piece) for piece in pieces}:
            for at in range(len(letters) - length + 1):
                if letters[at : at + length] in pieces:
                    start, end = spans[at][0], spans[at + length - 1][1]
                    hidden[start:end] = b"\x01" * (end - start)
    kept = (letter if not hidden[at] else "<token>" if at == 0 or not hidden[at - 1] else "" for at, letter in enumerate(text))
    return "".join(kept)


def contains(text: str, secret: Secret) -> bool:
    """Whether the whole secret is in a text of any length: as it is, escaped, in hex or in base64."""
    from urllib.parse import unquote

    plain = secret.reveal()
    in_base64 = [*_base64_forms(plain)]
    forms = (plain, plain.encode().hex(), *in_base64, *(form.replace("+", "-").replace("/", "_") for form in in_base64))
    unescaped = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text).replace("\\", "")
    places = (text.lower(), unescaped.lower(), unquote(text).lower())
    return any(form.lower() in place for place in places for form in forms)


def _parts(text: str) -> tuple[str, ...]:
    # Too short a part would hide half of every sentence.
    return tuple(part for part in {text, *text.split(":")} if len(part) >= _SHORTEST)


def _letters(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The letters, in lower case, and digits of a text once nothing is escaped, and where each is."""
    letters, spans = [], []
    for match in re.finditer(_SIGN, text):
        kind = match.lastindex
        letter = chr(int(match[kind], _BASES[kind - 1])) if kind else match[0]
        if len(letter) == 1 and letter.isascii() and letter.isalnum():
            letters.append(letter.lower())
            spans.append(match.span())
    return "".join(letters), spans


def _pieces(part: str) -> Iterator[str]:
    """What shows something of a secret: 8 letters and digits in a row, plain, in hex or in base64."""
    yield from _windows(part, _PIECE)
    yield from _windows(part.encode().hex(), 2 * _PIECE)
    for encoded in _base64_forms(part):
        yield from _windows(encoded, _PIECE)


def _base64_forms(part: str) -> Iterator[str]:
    """A text in base64 as it appears after so many other bytes: the characters that depend on those are left out."""
    import base64

    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + part.encode()).decode("ascii").rstrip("=")
        yield encoded[(8 * before + 5) // 6 : len(encoded) - ((before + len(part)) % 3 > 0)]


def _windows(text: str, width: int) -> Iterator[str]:
    letters, _ = _letters(text)
    if len(letters) > _SHORTEST:
        yield from (letters[at : at + width] for at in range(max(1, len(letters) - width + 1)))
