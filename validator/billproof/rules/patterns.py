"""Whether a regular expression of a rule file ends soon on any text: Python's may try more ways than there is time for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import prod
from typing import Any

from billproof.rules.checks.base import LONGEST_MATCHED

_MOST_WAYS = 1_000_000
_FEW_WAYS = 1_000


def pattern_error(pattern: str, groups: Iterable[str]) -> str | None:
    """What is wrong with a pattern that must have these groups; None if it can be used."""
    try:
        compiled = re.compile(pattern)
        ways = _ways(re._parser.parse(pattern))  # type: ignore[attr-defined]
    except (re.error, RecursionError, OverflowError) as error:
        return f"is not a valid regular expression: {error}"
    if lacking := [group for group in groups if group not in compiled.groupindex]:
        return f"needs a group named {' and one named '.join(lacking)}"
    if ways > _MOST_WAYS:
        return "could take forever on some values; make repeats possessive, such as `[0-9]++` or `(-[0-9]++)*+`"
    return None


def _ways(items: Iterable[tuple[Any, Any]]) -> int:
    """An upper bound of the ways in which Python may try to match, up to a little more than the most allowed."""
    return min(prod(_ways_of(str(kind), value) for kind, value in items), _MOST_WAYS + 1)


def _ways_of(kind: str, value: Any) -> int:
    match kind:
        case "BRANCH":
            return sum(map(_ways, value[1]))
        case "GROUPREF_EXISTS":
            return sum(_ways(items) for items in value[1:] if items)
        case "SUBPATTERN" | "ASSERT" | "ASSERT_NOT":
            return _ways(value[-1])
        case "POSSESSIVE_REPEAT" | "ATOMIC_GROUP":
            # Once it has matched, it is not tried in another way.
            inner = _ways(value[-1] if kind == "POSSESSIVE_REPEAT" else value)
            return 1 if inner <= _FEW_WAYS else inner
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = min(value[0], LONGEST_MATCHED), min(value[1], LONGEST_MATCHED), _ways(value[2])
            return int((most - least + 1) * inner**most)
        case _:
            return 1
