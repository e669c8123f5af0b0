"""JSON in its one canonical form, for digests."""

from __future__ import annotations

import json
from typing import Any


def canonical(value: Any) -> bytes:
    """RFC 8785 for what billproof writes: text, whole numbers, booleans, null; its keys are ASCII and it has no floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
