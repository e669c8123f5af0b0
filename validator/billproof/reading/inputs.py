"""What the command line names as the files to check: files, folders, patterns and standard input become a list of paths.

Nothing is skipped silently: a name that leads to no file is in the list with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from billproof.model.record import Record
from billproof.reading.source import STANDARD_INPUT

NO_EXPORT = "this folder contains no file whose name ends in .csv"


class Input(Record):
    """A path to check, or the reason why a name leads to no file."""

    path: str
    error: str | None = None


def find_inputs(names: Iterable[str]) -> list[Input]:
    """The files behind `names`, in their order, each once; folders are searched for *.csv, hidden entries left out."""
    inputs: list[Input] = []
    seen: set[str] = set()
    for name in names:
        for entry in _expand(name):
            try:
                real = entry.path if entry.path == STANDARD_INPUT else os.path.realpath(entry.path)
            except ValueError:  # a NUL or half a surrogate pair
                real, entry = entry.path, Input(entry.path, "no file can have this name")
            if real not in seen:
                seen.add(real)
                inputs.append(entry)
    return inputs


def _expand(name: str) -> Iterator[Input]:
    if name == STANDARD_INPUT:
        yield Input(name)
    elif os.path.isdir(name):
        yield from _folder(name)
    elif os.path.lexists(name):
        yield Input(_slashes(name))
    else:
        yield from _absent(name)


def _absent(name: str) -> Iterator[Input]:
    """What a pattern fits; or the name as it is, which leads to nothing."""
    import glob

    if not glob.has_magic(name):
        yield Input(_slashes(name))
        return
    yield from _closed_folders(name)
    matches = sorted(glob.glob(name, recursive=True))
    if not matches:
        yield Input(_slashes(name), "no file matches this pattern")
    for match in matches:
        yield from _folder(match) if os.path.isdir(match) else (Input(_slashes(match)),)


def _closed_folders(pattern: str) -> Iterator[Input]:
    """Folders that the pattern leads through and that cannot be listed, so that their files would be skipped."""
    import glob

    above = os.path.dirname(pattern)
    while above and glob.has_magic(above):
        for folder in sorted(glob.glob(above, recursive=True)):
            if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
                yield Input(_slashes(folder), "this folder cannot be listed")
        above = os.path.dirname(above)


def _folder(folder: str) -> Iterator[Input]:
    unreadable: list[OSError] = []
    paths = []
    walked: set[str] = set()
    for parent, folders, files in os.walk(folder, onerror=unreadable.append, followlinks=True):
        # Links are followed, each folder once: a link may lead back to a folder above it.
        if os.path.realpath(parent) in walked:
            folders.clear()
            continue
        walked.add(os.path.realpath(parent))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [os.path.join(parent, name) for name in files if name.lower().endswith(".csv") and not name.startswith(".")]
    for error in unreadable:
        yield Input(_slashes(str(error.filename)), f"cannot be read: {error.strerror}")
    if not paths and not unreadable:
        yield Input(_slashes(folder), NO_EXPORT)
    for path in sorted(paths):
        yield Input(_slashes(path))


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/") if os.sep != "/" else path
