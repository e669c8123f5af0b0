"""Where `billproof.yaml` is: found upwards from where the command runs, within the repository or home."""

from __future__ import annotations

import os
import re

from billproof.model.errors import ConfigurationError, FileError, Unreadable

FILE_NAME = "billproof.yaml"

_SUFFIXES = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg")
_STEMS = {"billproof", "billproofs", "billproofconfig", "billproof.config", "billproofrc"}
# The likeliest slips of the hand. `billproof2` is not a mistake: a team may keep two.
_MISSPELLED = {"bilproof", "billprof", "billproo", "billpoof", "billporof", "billprooof"}


def find_config(start: str) -> str | None:
    """`billproof.yaml` in `start` or above it, up to the repository's root or home; outside both, in `start` only.

    Raises ConfigurationError for a near name, and for a configuration above `start` that belongs to another account.
    """
    for folder in searched_folders(start):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            # A folder that cannot be listed may still contain a configuration that can be read.
            names = [FILE_NAME] if os.path.lexists(os.path.join(folder, FILE_NAME)) else []
        near = [os.path.join(folder, name) for name in names if name != FILE_NAME and is_near(name)]
        near = [path for path in near if os.path.isfile(path)]
        if near:
            text = f"billproof reads only {FILE_NAME}; rename this file, or it would be silently ignored"
            raise ConfigurationError([FileError(relative(path), 1, text) for path in near])
        if FILE_NAME in names:
            path = os.path.join(folder, FILE_NAME)
            if folder != start and os.lstat(path).st_uid not in _trusted_accounts(start):
                text = "belongs to another account, so it is not used from a folder below; if it is yours, name it with --config"
                raise ConfigurationError([FileError(relative(path), 1, text)])
            return path
    return None


def searched_folders(start: str) -> list[str]:
    """The folders from `start` up to the repository's root or home, whichever is nearer; outside both, `start` alone."""
    folders = [start]
    while not os.path.lexists(os.path.join(folders[-1], ".git")) and not _is_home(folders[-1]):
        above = os.path.dirname(folders[-1])
        if above == folders[-1]:
            return [start]
        folders.append(above)
    return folders


def _is_home(folder: str) -> bool:
    """Whether a folder is home, however HOME is spelled. The root of the disk, which every folder is in, is nobody's home."""
    home = os.path.expanduser("~")
    real = os.path.realpath(home)
    try:
        return os.path.isabs(home) and real != os.path.dirname(real) and os.path.samefile(folder, real)
    except OSError:
        return False


def _trusted_accounts(start: str) -> set[int]:
    """Who may have written a configuration above `start`: its owner, whoever runs this, and root."""
    return {0, os.stat(start).st_uid, *([os.geteuid()] if hasattr(os, "geteuid") else [])}


def is_near(name: str) -> bool:
    """Whether a file of that name would be meant as a configuration."""
    plain = name.lower().strip(" .").removesuffix("~")
    if not plain.lstrip("-_").startswith("b"):
        return False
    for ending in (".txt", ".bak", ".old", ".orig"):
        plain = plain.removesuffix(ending)
    plain = re.sub(r"( ?\([0-9]+\)|-[0-9]+| - copy)(?=\.)", "", plain)
    if name != FILE_NAME and plain in (FILE_NAME, f"{FILE_NAME}.yaml"):
        return True
    stem, suffix = os.path.splitext(plain)
    stem = stem.replace("-", "").replace("_", "")
    return plain == FILE_NAME or (suffix in _SUFFIXES and stem in _STEMS | _MISSPELLED)


def current_folder() -> str:
    """The working folder. Raises Unreadable if it has been deleted."""
    try:
        return os.getcwd()
    except OSError as error:
        raise Unreadable(f"the working folder cannot be read: {error.strerror or error}") from None


def relative(path: str | os.PathLike[str]) -> str:
    """A path from the working folder, so that a report does not depend on where the project is."""
    try:
        return os.path.relpath(path).replace(os.sep, "/")
    except (ValueError, OSError):
        return os.fspath(path).replace(os.sep, "/")
