"""Where `billproof.yaml` is: found upwards from where the command runs. Nearly the right name is an error, not nothing."""

from __future__ import annotations

import os
from pathlib import Path

from validator.errors import ConfigurationError, Fault, Unreadable

FILE_NAME = "billproof.yaml"

_SUFFIXES = {".yaml", ".yml", ".json", ".toml", ".ini", ".cfg"}


def find_config(start: Path) -> Path | None:
    """`billproof.yaml` in `start` or above it, up to the repository's root or home. Raises on near names."""
    home = Path.home()
    for folder in (start, *start.parents):
        try:
            names = sorted(one.name for one in folder.iterdir())
        except OSError:
            names = []
        near = [name for name in names if name != FILE_NAME and _is_near(name) and (folder / name).is_file()]
        if near:
            text = f"billproof reads {FILE_NAME} only; rename this file, or it would be ignored in silence"
            raise ConfigurationError([Fault(relative(folder / name), 1, text) for name in near])
        if FILE_NAME in names:
            return folder / FILE_NAME
        if ".git" in names or folder == home:
            return None
    return None


def _is_near(name: str) -> bool:
    stem = name.lower().lstrip(".").removesuffix(".txt")
    if stem == FILE_NAME:
        return True
    return Path(stem).suffix in _SUFFIXES and Path(stem).stem.replace("-", "").replace("_", "") in (
        "billproof", "billprof", "billproofs", "billproofconfig", "billproof.config", "billproofrc", "billprooof",
    )  # fmt: skip


def current_folder() -> Path:
    """The working folder. Raises Unreadable if it has been deleted."""
    try:
        return Path.cwd()
    except OSError as error:
        raise Unreadable(f"the working folder cannot be read: {error.strerror or error}") from None


def relative(path: Path) -> str:
    """A path from the working folder, so that a report does not depend on where the project lies."""
    try:
        return os.path.relpath(path).replace(os.sep, "/")
    except (ValueError, OSError):
        return path.as_posix()
