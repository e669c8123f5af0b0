"""Where the built-in rules, schemas and demo files are (inside an installed copy, or next to the package in a checkout),
and the digest of a rule set: over every file that decides what it says.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@cache
def shipped_folder(name: str) -> str:
    """The folder `rules`, `schemas` or `demo` of this copy of billproof."""
    installed = os.path.join(_PACKAGE, "shipped", name)
    if os.path.isdir(installed):
        return installed
    return os.path.join(os.path.dirname(os.path.dirname(_PACKAGE)), *(("fixtures", "demo") if name == "demo" else (name,)))


def is_shipped(ruleset: str) -> bool:
    """Whether a rule set of that name is built in. Such a name never means a folder; `./NAME` does."""
    plain = bool(ruleset) and ruleset.replace("-", "").isalnum()
    return plain and os.path.isfile(os.path.join(shipped_folder("rules"), ruleset, "ruleset.yaml"))


def shipped(name: str) -> Path:
    """The same as a Path, for what does not run at every start."""
    from pathlib import Path

    return Path(shipped_folder(name))


def schema_validator(name: str) -> Any:
    """A validator for the built-in JSON Schema `name`."""
    import json

    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((shipped("schemas") / f"{name}.schema.json").read_text("utf-8")))


def digest_line(path: str | os.PathLike[str]) -> str:
    """A file as it counts for the digest of its rule set: folder, name and digest."""
    folder, name = os.path.split(os.path.abspath(path))
    with open(path, "rb") as stream:
        return f"{os.path.basename(folder)}/{name} {hashlib.sha256(stream.read()).hexdigest()}"


def combined(digests: Iterable[str]) -> str:
    """The digest of a rule set: over those of all its files."""
    return hashlib.sha256("\n".join(sorted(set(digests))).encode()).hexdigest()
