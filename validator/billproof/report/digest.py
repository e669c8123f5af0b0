"""The name of report v1, and the digest of its result, in the canonical form of RFC 8785."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

SCHEMA: Final = "billproof/report/v1"


def result_sha256(report: Mapping[str, object]) -> str:
    """The digest of everything outside `run` and itself, in the canonical form of RFC 8785."""
    rest = {key: value for key, value in report.items() if key not in ("run", "result_sha256")}
    return hashlib.sha256(canonical(rest)).hexdigest()


def canonical(value: Any) -> bytes:
    """RFC 8785 for what a report contains: text, whole numbers, booleans, null; its keys are ASCII and it has no floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
