"""Whether a regular expression of a rule file ends soon on any text: Python may try more ways to match than it has time for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from billproof.rules.checks.base import LONGEST_MATCHED

_MOST_STEPS = 1_000_000


def pattern_error(pattern: str, groups: Iterable[str]) -> str | None:
    """What is wrong with a pattern that must have these groups; None if it can be used."""
    try:
        compiled = re.compile(pattern)
        _, steps = _cost(re._parser.parse(pattern))  # type: ignore[attr-defined]
    except (re.error, RecursionError, OverflowError) as error:
        return f"is not a valid regular expression: {error}"
    if lacking := [group for group in groups if group not in compiled.groupindex]:
        return f"needs a group named {' and one named '.join(lacking)}"
    if steps > _MOST_STEPS:
        return "could take forever on some values; make repeats possessive, such as `[0-9]++` or `(-[0-9]++)*+`"
    return None


def _cost(items: Iterable[tuple[Any, Any]]) -> tuple[int, int]:
    """Upper bounds of the ways in which a sequence may match, and of the steps in which Python tries all of them. Both end a
    little above the most allowed.
    """
    ways, steps = 1, 1
    for kind, value in items:
        own_ways, own_steps = _cost_of(str(kind), value)
        ways, steps = ways * own_ways, steps + ways * own_steps
    return min(ways, _MOST_STEPS + 1), min(steps, _MOST_STEPS + 1)


def _cost_of(kind: str, value: Any) -> tuple[int, int]:
    match kind:
        case "BRANCH" | "GROUPREF_EXISTS":
            costs = [_cost(items or ()) for items in (value[1] if kind == "BRANCH" else value[1:])]
            return sum(ways for ways, _ in costs), sum(steps for _, steps in costs)
        case "SUBPATTERN":
            return _cost(value[-1])
        case "ATOMIC_GROUP" | "ASSERT" | "ASSERT_NOT":
            # Once it has matched, it is not tried in another way.
            return 1, _cost(value if kind == "ATOMIC_GROUP" else value[-1])[1]
        case "POSSESSIVE_REPEAT":
            return 1, min(value[1], LONGEST_MATCHED) * _cost(value[2])[1]
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most = (min(bound, LONGEST_MATCHED) for bound in value[:2])
            ways, steps = _cost(value[2])
            after = [ways**count for count in range(most + 1)]
            return sum(after[least:]), steps * sum(after[:-1])
        case "GROUPREF":
            return 1, LONGEST_MATCHED
        case _:
            return 1, 1
