"""Expected errors: what went wrong, what to do next, and the exit code that is documented for it."""

from __future__ import annotations

from collections.abc import Iterable

from billproof.model.record import Record


class BillproofError(Exception):
    """An error that the program expects; `help` is the next step for the user, `exit_code` the documented code."""

    exit_code = 3

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def lines(self) -> list[str]:
        """What to print, line by line; a line feed inside a line came from outside and is shown as such."""
        return [self.message, *([self.help] if self.help else [])]


def how_to_install(extra: str) -> str:
    """What to type for an extra. billproof is not on PyPI, and what somebody put there under its name would not be ours."""
    return f"In your copy of billproof's repository: pip install '.[{extra}]'"


class UsageError(BillproofError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class Unreadable(BillproofError):
    """A file cannot be opened or read to its end: nothing is known about it."""


class Missing(Unreadable):
    """The file does not exist."""


class Unwritable(BillproofError):
    """A result could not be written, so nobody would see it."""


class FileError(Record):
    """One error in a configuration or rule file, at a 1-based line."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}  {self.text}"


class ConfigurationError(BillproofError):
    """The errors of `billproof.yaml` or of a rule set: all that were found, each with file and line."""

    exit_code = 2

    def __init__(self, errors: Iterable[FileError]) -> None:
        self.errors = sorted(set(errors))
        count = len(self.errors)
        super().__init__(f"CONFIGURATION  {count} error{'s' if count != 1 else ''}; nothing was checked")

    def lines(self) -> list[str]:
        return [self.message, *(f"  {error}" for error in self.errors)]
