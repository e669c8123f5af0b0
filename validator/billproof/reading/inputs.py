"""What the command line names as the files to check: files, folders, patterns, objects in buckets and standard input become a
list of paths.

Nothing is skipped silently: a name that leads to no file is in the list with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator

from billproof.model.errors import Unreadable
from billproof.model.record import Record
from billproof.model.urls import address_error, in_bucket, is_address, without_secrets
from billproof.reading.source import STANDARD_INPUT

NO_EXPORT = "no CSV file is in this folder or its subfolders"
NOTHING_OWN = "this folder contains only links to files of other integrations"


# Whose file a path leads to, where that makes a difference.
Holder = Callable[[str], object]


class Input(Record):
    """A path to check, or the reason why a name leads to no file; and the folder that was named, if it was found in one."""

    path: str
    error: str | None = None
    folder: str | None = None


def find_inputs(names: Iterable[str], own: Collection[str] = (), holder: Holder = lambda _: None) -> list[Input]:
    """The files behind `names`, in their order, each once for each of its holders. Folders are searched for *.csv in all their
    folders, but for hidden entries and the folders in `own`, real paths where billproof itself writes. A file that is named
    and found in a folder counts as named.
    """
    inputs: dict[tuple[str, object], Input] = {}
    for name in names:
        for entry in _expand(name, own):
            as_named = entry.path == STANDARD_INPUT or in_bucket(entry.path)
            try:
                real = entry.path if as_named else os.path.realpath(entry.path)
            except ValueError:  # a NUL or half a surrogate pair
                real, entry = entry.path, entry._replace(error="no file can have this name")
            except OSError:  # the working folder is gone, which reading will say
                real = entry.path
            if entry.error is None and _is_csv(entry.path) and not _is_csv(real):
                # Whoever may add a link could have any file's first lines shown, such as those of one with a password.
                entry = entry._replace(error="this link leads to a file whose name does not end in .csv, so it is not read")
            first = inputs.setdefault((real, holder(entry.path)), entry)
            if entry.folder is None and first.folder is not None:
                inputs[real, holder(entry.path)] = first._replace(folder=None)
    return list(inputs.values())


def _expand(name: str, own: Collection[str]) -> Iterator[Input]:
    if name == STANDARD_INPUT:
        yield Input(name)
    elif in_bucket(name):
        yield from _in_bucket(name, own)
    elif os.path.isdir(name):
        yield from _folder(name, own)
    elif os.path.lexists(name):
        yield Input(_slashes(name))
    else:
        yield from _absent(name, own)


def _in_bucket(url: str, own: Collection[str]) -> list[Input]:
    """An object, or the CSV files in a folder of a bucket, each by its whole key. It is a folder if something is below it."""
    if error := address_error(url):
        return [Input(without_secrets(url), error)]
    if _is_csv(url):
        return [Input(url)]
    try:
        from billproof.io.bucket import listed

        found = listed(url)
    except Unreadable as fault:
        return [Input(url, f"{fault.message.removeprefix(f'{url}: ')}. {fault.help}".removesuffix(". "))]
    start = f"{url.rstrip('/')}/"
    elsewhere = tuple(f"{place}/" for place in own if f"{place}/" != start)
    names = [key for key in found if not key.startswith(elsewhere) and "/." not in key.removeprefix(start[:-1]) and _is_csv(key)]
    if not names:
        return [Input(url, NO_EXPORT, url) if found or url.endswith("/") else Input(url)]
    return [Input(name, folder=url) for name in names]


def _absent(name: str, own: Collection[str]) -> Iterator[Input]:
    """What a pattern fits; or the name as it is, which leads to nothing."""
    import glob

    if is_address(name):
        yield Input(without_secrets(name), "billproof reads no such address, only s3://, gs:// and az:// of a bucket")
        return
    if not glob.has_magic(name):
        yield Input(_slashes(name))
        return
    yield from _closed_folders(name)
    matches = [match for match in sorted(glob.glob(name, recursive=True)) if not _is_inside(match, own)]
    if not matches:
        yield Input(_slashes(name), "no file matches this pattern")
    for match in matches:
        yield from _folder(match, own) if os.path.isdir(match) else (Input(_slashes(match)),)


def _closed_folders(pattern: str) -> Iterator[Input]:
    """Folders that the pattern leads through and that cannot be listed, so that their files would be skipped."""
    import glob

    above = os.path.dirname(pattern)
    while above and glob.has_magic(above):
        for folder in sorted(glob.glob(above, recursive=True)):
            if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
                yield Input(_slashes(folder), "this folder cannot be listed")
        above = os.path.dirname(above)


def _is_inside(path: str, folders: Collection[str]) -> bool:
    return any(os.path.join(os.path.realpath(path), "").startswith(os.path.join(folder, "")) for folder in folders)


def _folder(folder: str, own: Collection[str]) -> Iterator[Input]:
    unreadable: list[OSError] = []
    paths = []
    # Links are followed, each folder once: a link may lead back to a folder above it. What was named is searched in any case.
    walked = set(own) - {os.path.realpath(folder)}
    for parent, folders, files in os.walk(folder, onerror=unreadable.append, followlinks=True):
        real = os.path.realpath(parent)
        if real in walked:
            folders.clear()
            continue
        walked.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        visible = [os.path.join(parent, name) for name in files if not name.startswith(".")]
        # A link that leads nowhere may have led to a folder of exports.
        paths += [path for path in visible if _is_csv(path) or (os.path.islink(path) and not os.path.exists(path))]
    for error in unreadable:
        yield Input(_slashes(str(error.filename)), f"cannot be read: {error.strerror}", folder)
    if not paths and not unreadable:
        yield Input(_slashes(folder), NO_EXPORT, folder)
    for path in sorted(paths):
        yield Input(_slashes(path), folder=folder)


def _is_csv(path: str) -> bool:
    return path.lower().endswith(".csv")


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/") if os.sep != "/" else path
