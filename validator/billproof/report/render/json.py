"""The report itself, as JSON that people can read too."""

from __future__ import annotations

import json
from collections.abc import Mapping


def render_json(document: Mapping[str, object]) -> str:
    """A document, such as a report or a status, as indented JSON, ending in one line feed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
