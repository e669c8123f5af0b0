"""The report itself, as JSON that people can read too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice


def render_json(document: Mapping[str, object]) -> str:
    """A document, such as a report or a status, as indented JSON, ending in one line feed."""
    pieces = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document)
    # Bit by bit: all pieces at once take several times the memory of the text.
    return "".join(iter(lambda: "".join(islice(pieces, 4096)), "")) + "\n"
