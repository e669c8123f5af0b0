"""Where `billproof.yaml` is: found upwards from where the command runs. A nearly right name is an error."""

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
    """`billproof.yaml` in `start` or above it, up to the repository's root or home. Raises on near names."""
    home = os.path.expanduser("~")
    folder = start
    while True:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            # A folder that cannot be listed may still contain a configuration that can be read.
            names = [name for name in (FILE_NAME, ".git") if os.path.exists(os.path.join(folder, name))]
        near = [os.path.join(folder, name) for name in names if name != FILE_NAME and is_near(name)]
        near = [path for path in near if os.path.isfile(path)]
        if near:
            text = f"billproof reads only {FILE_NAME}; rename this file, or it would be silently ignored"
            raise ConfigurationError([FileError(relative(path), 1, text) for path in near])
        if FILE_NAME in names:
            return os.path.join(folder, FILE_NAME)
        above = os.path.dirname(folder)
        if ".git" in names or folder in (home, above):
            return None
        folder = above


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
