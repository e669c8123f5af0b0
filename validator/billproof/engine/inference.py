"""The month and the organization of a file, when they are not given: read from its rows, and marked as inferred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from billproof.model.results import Sourced
from billproof.model.values import month_days, month_end, month_of

INFERRED = "inferred"


def infer_month(days: Collection[int], as_of: datetime) -> Sourced:
    """The only month whose every day has a row; else, of the months over at `as_of` (of all, if none is), the one with
    most days, ties the later. `days` are day numbers. No day, no month.
    """
    counts = Counter(month_of(day) for day in days)
    if not counts:
        return Sourced(None, INFERRED)
    whole = [month for month, count in counts.items() if count == len(month_days(month))]
    if len(whole) == 1:
        return Sourced(whole[0], INFERRED)
    over = [month for month in counts if month_end(month) <= as_of]
    return Sourced(max(over or counts, key=lambda month: (counts[month], month)), INFERRED)


def infer_organization(counts: Mapping[str, int], configured: Iterable[tuple[str, Sourced]]) -> Sourced:
    """The configured organization with the most charged rows (ties: the first); else the file's only id; else none.

    `counts` are charged rows by id; `configured` are ids with where they are configured, in order.
    """
    best: Sourced | None = None
    most = 0
    for organization, sourced in configured:
        if counts.get(organization, 0) > most:
            best, most = sourced, counts[organization]
    if best is not None:
        return best
    named = [organization for organization in counts if organization]
    return Sourced(named[0] if len(named) == 1 else None, INFERRED)
