"""Formats: each renderer turns a report v1 into text. A new format is a module here and a line in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from validator.render.json import render_json
from validator.render.text import render_text

RENDERERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"text": render_text, "json": render_json}
