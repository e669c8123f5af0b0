"""Where the rules, schemas and demo files lie: inside an installed copy, or beside the package in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def shipped(name: str) -> Path:
    """The folder `rules`, `schemas` or `demo` of this copy of billproof."""
    installed = _PACKAGE / "shipped" / name
    if installed.is_dir():
        return installed
    return _PACKAGE.parent / ("fixtures/demo" if name == "demo" else name)
