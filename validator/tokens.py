"""Secrets: read from the environment or a file when they are needed, and hidden from everything that prints."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from validator.errors import BillproofError


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
    """A secret that an upload needs is not there; nothing was sent."""


def from_environment(name: str, environment: Mapping[str, str] = os.environ) -> Secret:
    """The secret in an environment variable. Raises NoToken if it is missing or blank."""
    text = environment.get(name, "").strip()
    if not text:
        raise NoToken(f"the environment variable {name} is not set", "Set it where this command runs, never on its command line.")
    return Secret(text)


def from_file(path: Path) -> Secret:
    """The secret in a file, without blanks and line ends around it. Raises NoToken if there is none."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8"
        raise NoToken(f"the file {path.name} with the token cannot be read: {reason}") from None
    if not text:
        raise NoToken(f"the file {path.name} with the token is empty")
    return Secret(text)
