"""Where results go: standard output, files that are written whole or not at all, notes and progress on standard error."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from billproof.config.discovery import is_near
from billproof.model.errors import Unwritable, UsageError
from billproof.model.results import FORMATS
from billproof.model.urls import in_bucket
from billproof.rules.shipped import is_shipped

if TYPE_CHECKING:
    from billproof.cli.progress import Line
    from billproof.config.settings import Settings

PATIENCE_SECONDS = 1.0
PAUSE_SECONDS = 0.1


def wanted_outputs(wanted: Sequence[str], formats: Sequence[str] = FORMATS) -> list[tuple[str, str]]:
    """`--output` as formats and paths."""
    outputs: list[tuple[str, str]] = []
    for text in wanted:
        format_, equals, path = text.partition("=")
        if not equals or not path or format_ not in formats:
            raise UsageError(f"--output {text}: expected FORMAT=PATH", f"Formats: {', '.join(formats)}")
        if in_bucket(path):
            raise UsageError(f"--output {text}: a report is written to this machine", "Copy it into the bucket afterwards.")
        if format_ != "csv" and os.path.realpath(path).lower().endswith(".csv"):
            raise UsageError(f"--output {text}: a report is not a CSV file", "Choose a name that does not end in .csv.")
        if is_near(os.path.basename(path)):
            raise UsageError(f"--output {text}: a later run would read it as a configuration", "Use a name such as report.json.")
        if any(os.path.realpath(path) == os.path.realpath(other) for _, other in outputs):
            raise UsageError(f"--output {text}: two reports in the same file")
        outputs.append((format_, path))
    return outputs


def refuse_to_overwrite(outputs: Sequence[tuple[str, str]], settings: Settings, key: str | None = None) -> None:
    """A report never replaces what the run reads: an export, the configuration, a rule, a key, or what standard streams lead
    to. Nor does an attestation, where a `key` is given to attest the exports with.
    """
    if not outputs:
        return
    read = [file.path for file in settings.inputs if file.path != "-"]
    wanted = [(f"--output {format_}={path}", path) for format_, path in outputs]
    if key is not None:
        from billproof.audit.signing.attestation import attestation_path

        wanted += [(f"--attest, which writes {path}", path) for path in map(attestation_path, read)]
        read.append(key)
    if settings.config:
        read.append(str(settings.config.path))
        tokens = (integration.token.file for integration in settings.config.file.integrations if integration.token)
        read += [settings.config.beside(file) for file in tokens if file]
    folder = settings.ruleset.value or ""
    if os.path.isdir(folder) and not is_shipped(folder):
        read += [os.path.join(folder, name) for name in os.listdir(folder)]
    taken = {identity for path in read if (identity := _identity(path)) is not None}
    taken |= {identity for stream in (0, 1) if (identity := _identity(stream)) is not None}
    for what, path in wanted:
        place = os.path.join(os.path.realpath(path), "")
        if any(place.startswith(os.path.join(os.path.realpath(folder), "")) for folder in _kept(settings)):
            raise UsageError(f"{what}: a ledger or a folder of uploads must contain nothing else", "Write it elsewhere.")
        if _identity(path) in taken:
            raise UsageError(f"{what}: this would overwrite a file that this run uses")
    if len({os.path.realpath(path) for _, path in wanted}) < len(wanted):
        raise UsageError("--attest and --output would write to the same file", "Write the report elsewhere.")


def refuse_folder(path: str, settings: Settings) -> None:
    """A folder that will be made must not be there or be empty, and lie where nothing else is looked for. Raises UsageError."""
    taken = _kept(settings)
    if settings.config:
        exports = (integration.files for integration in settings.config.file.integrations)
        taken += [settings.config.beside(files) for files in exports if files]
    inside = os.path.join(os.path.realpath(path), "")
    for kept in taken:
        if inside.startswith(os.path.join(os.path.realpath(kept), "")):
            text = f"--output {path}: is inside {kept}, and a ledger or a folder of exports or uploads must contain nothing else"
            raise UsageError(text, f"Name a folder outside of it, such as ../{os.path.basename(os.path.abspath(path))}")
    there = os.path.abspath(path)
    try:
        empty = os.path.isdir(there) and not os.path.islink(there) and not os.listdir(there)
    except OSError:
        empty = False
    if not path.strip() or (os.path.lexists(there) and not empty):
        raise UsageError(f"--output {path}: must be a new or empty folder", "billproof never overwrites a file.")


def _kept(settings: Settings) -> list[str]:
    """Folders in which only billproof's own files belong: the ledger, and what uploads go to."""
    config = settings.config
    if config is None:
        return []
    archives = (destination.path for destination in config.file.destinations.values() if destination.kind == "directory")
    folders = [config.beside(path) for path in archives if path]
    ledger = config.ledger()
    return folders if ledger is None else [*folders, ledger]


def _identity(path: str | int) -> tuple[int, int] | None:
    """Device and number of a regular file, whatever name leads to it."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def write(path: str, text: str) -> None:
    """Writes a result whole or not at all; a device or a pipe is written to as it is."""
    odd = os.path.exists(path) and _identity(path) is None
    target = path if odd else os.path.realpath(path)
    draft = target if odd else f"{target}.{os.getpid()}.part"
    try:
        with open(draft, "wb", opener=_opened if odd else None) as stream:
            stream.write(text.encode("utf-8"))
        if not odd:
            os.replace(draft, target)
    except OSError as error:
        if not odd:
            with contextlib.suppress(OSError):
                os.unlink(draft)
        raise Unwritable(f"UNPROVED  the report {path} could not be written: {error.strerror or error}") from None


def _opened(path: str, flags: int) -> int:
    """A descriptor of a device or a pipe. Raises OSError if nobody begins to read the pipe, which may never happen."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            descriptor = os.open(path, flags & ~os.O_CREAT | getattr(os, "O_NONBLOCK", 0))
            os.set_blocking(descriptor, True)
            return descriptor
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > end:
                raise OSError(error.errno, "no program reads this pipe") from None
        time.sleep(PAUSE_SECONDS)


def say(text: str, end: str = "\n") -> None:
    """Something of the result, for standard output, in letters that it can show; names stand in it as `values.shown` has them."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    say_bytes((text + end).encode(encoding, "backslashreplace"))


def note(text: str) -> None:
    """Something beside the result, for standard error; names stand in it as `values.shown` has them."""
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    # Standard error may be closed or full: the result and the exit code still speak.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def say_bytes(data: bytes) -> None:
    """The result as it is. Raises Unwritable if nobody would see it."""
    if sys.stdout is None:
        raise Unwritable("UNPROVED  standard output is closed, so the result cannot be shown")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would be written, and fail, once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unwritable(f"UNPROVED  standard output cannot be written to: {error.strerror or error}") from None


class _Progress:
    """How far a run is, on a terminal. Nothing is loaded or shown before it has taken a second."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._due = time.monotonic() + PATIENCE_SECONDS

    def __call__(self, number: int, count: int, path: str, read: int, size: int | None) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        if self._line is None:
            from billproof.cli.progress import Line

            self._line = Line(sys.stderr)
        self._line.draw(number, count, path, read, size)
        self._due = now + PAUSE_SECONDS

    def wipe(self) -> None:
        if self._line is not None:
            self._line.wipe()


@contextlib.contextmanager
def progress(settings: Settings, quiet: bool) -> Iterator[Settings]:
    """The settings, with what shows how far the files are read if somebody would see it. Whatever ends this wipes the line."""
    if quiet or not _is_watched():
        yield settings
        return
    watch = _Progress()
    try:
        yield settings._replace(watch=watch)
    finally:
        watch.wipe()


def _is_watched() -> bool:
    """Whether standard error is a terminal on which a line can be drawn again, with somebody before it."""
    if os.environ.get("TERM") == "dumb" or os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False  # standard error is closed


_COLOURS: Mapping[str, str] = {
    "PASS": "\x1b[32m", "FAIL": "\x1b[31m", "UNPROVED": "\x1b[33m",
    "ALL UPLOADED": "\x1b[32m", "NOT ALL UPLOADED": "\x1b[31m", "NOTHING SENT": "\x1b[33m",
    "AGREES": "\x1b[32m", "AGREES, BUT UNSIGNED": "\x1b[32m", "DIFFERS": "\x1b[31m",
}  # fmt: skip


def painted(text: str) -> str:
    """Colour for the verdicts, on a terminal that wants it."""
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        word = line.split("  ", 1)[0]
        if word in _COLOURS:
            lines[number] = f"{_COLOURS[word]}{word}\x1b[0m{line[len(word) :]}"
    return "\n".join(lines)
