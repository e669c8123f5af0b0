"""The files that were found and not judged, in words: none is left out in silence, in any format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from billproof.model.values import number

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportSetAside

REASONS = {"other_month": "of other months", "already_current": "already uploaded"}


def sentences(files: Sequence[ReportSetAside], named: int | None = None) -> Iterator[str]:
    """A sentence for each reason: how many files, and the first `named` of them (all, if that is None), each with its month."""
    for reason, words in REASONS.items():
        names = [f"{file['path']} ({file['month'] or 'month unknown'})" for file in files if file["reason"] == reason]
        if names:
            listed = names if named is None or len(names) <= named + 1 else names[:named]
            more = f" and {len(names) - len(listed):,} more" if len(listed) < len(names) else ""
            yield f"Set aside: {number(len(names), 'file')} {words}: {', '.join(listed)}{more}"
