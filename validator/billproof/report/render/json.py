"""The report itself, as JSON that people can read too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def render_json(report: Mapping[str, Any]) -> str:
    """The report as indented JSON in UTF-8, ending in one line feed."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
