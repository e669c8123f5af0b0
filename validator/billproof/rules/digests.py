"""The digest of a rule set: over every file that decides what it says."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable


def digest_line(path: str | os.PathLike[str]) -> str:
    """A file as it counts for the digest of its rule set: folder, name and digest."""
    folder, name = os.path.split(os.path.abspath(path))
    with open(path, "rb") as stream:
        return f"{os.path.basename(folder)}/{name} {hashlib.sha256(stream.read()).hexdigest()}"


def combined(digests: Iterable[str]) -> str:
    """The digest of a rule set: over those of all its files."""
    return hashlib.sha256("\n".join(sorted(set(digests))).encode()).hexdigest()
