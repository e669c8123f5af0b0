"""Where `billproof.yaml` is: found upwards from where the command runs. Nearly the right name is an error, not nothing."""

from __future__ import annotations

import os
import re

from billproof.model.errors import ConfigurationError, FileError, Unreadable

FILE_NAME = "billproof.yaml"

_SUFFIXES = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg")
_WORD = "billproof"
_NEAR = {_WORD, "billproofs", "billproofconfig", "billproof.config", "billproofrc"}


def find_config(start: str) -> str | None:
    """`billproof.yaml` in `start` or above it, up to the repository's root or home. Raises on near names."""
    home = os.path.expanduser("~")
    folder = start
    while True:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            # A folder that may not be listed may still hold a configuration that can be read.
            names = [name for name in (FILE_NAME, ".git") if os.path.exists(os.path.join(folder, name))]
        near = [os.path.join(folder, name) for name in names if name != FILE_NAME and is_near(name)]
        near = [path for path in near if os.path.isfile(path)]
        if near:
            text = f"billproof reads {FILE_NAME} only; rename this file, or it would be ignored in silence"
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
    return plain == FILE_NAME or suffix in _SUFFIXES and (stem in _NEAR or _is_misspelt(stem))


def _is_misspelt(stem: str) -> bool:
    """A letter left out or doubled, or two letters swapped. `billproof2` is no mistake: somebody may keep two."""
    splits = [(_WORD[:cut], _WORD[cut:]) for cut in range(len(_WORD))]
    return (
        any(stem in (left + right[1:], left + right[0] + right) for left, right in splits)
        or any(stem == left + right[1] + right[0] + right[2:] for left, right in splits[:-1])
    )  # fmt: skip


def current_folder() -> str:
    """The working folder. Raises Unreadable if it has been deleted."""
    try:
        return os.getcwd()
    except OSError as error:
        raise Unreadable(f"the working folder cannot be read: {error.strerror or error}") from None


def relative(path: str | os.PathLike[str]) -> str:
    """A path from the working folder, so that a report does not depend on where the project lies."""
    try:
        return os.path.relpath(path).replace(os.sep, "/")
    except (ValueError, OSError):
        return os.fspath(path).replace(os.sep, "/")
