"""Where the rules, schemas and demo files lie: inside an installed copy, or beside the package in a checkout."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

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
    """Whether a rule set of that name is shipped. Such a name never means a folder; `./NAME` does."""
    plain = bool(ruleset) and ruleset.replace("-", "").isalnum()
    return plain and os.path.isfile(os.path.join(shipped_folder("rules"), ruleset, "ruleset.yaml"))


def shipped(name: str) -> Path:
    """The same as a Path, for what does not run at every start."""
    from pathlib import Path

    return Path(shipped_folder(name))
