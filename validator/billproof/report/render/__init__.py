"""Formats: each renderer turns a report v1 into text. A new format is a module here and a name in FORMATS of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report


def render(format_: str, report: Report) -> str:
    """The report in one of FORMATS. Its module, `<format>.py`, is loaded only now that it is asked for."""
    from importlib import import_module

    module = import_module(f"billproof.report.render.{format_}")
    renderer: Callable[[Report], str] = getattr(module, f"render_{format_}")
    return renderer(report)
