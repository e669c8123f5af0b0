"""The days of an export as marks under a ruler, a line for each month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.model.values import number
from billproof.report.render.phrases import amount, has_undated_charges

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportDay, ReportFile

MONTH_LINES = 6

# What each state is called, behind its mark.
_LEGEND = {
    "charged": "# charges", "empty": ". no usage", "missing": "! missing", "outside": "x outside", "open": "- not ended",
}  # fmt: skip


def calendar(file: ReportFile) -> Iterator[str]:
    """The lines of a file's calendar; none for what is not a cost export."""
    months = days_by_month(file)
    if not months:
        return
    yield " " * 13 + "1   5    10   15   20   25   30"
    for month, days in list(months.items())[:MONTH_LINES]:
        marks = [" "] * 31
        for day in days:
            marks[int(day["date"][8:]) - 1] = _LEGEND[day["state"]][0]
        yield f"  {month}    {''.join(marks)}    {_legend(days, file)}"
    if len(months) > MONTH_LINES:
        yield f"  and {len(months) - MONTH_LINES} more months"


def days_by_month(file: ReportFile) -> dict[str, list[ReportDay]]:
    """The days of a file by their months; nothing for what is not a cost export."""
    months: dict[str, list[ReportDay]] = {}
    for day in file["days"] if file["export"] in ("cost", "no_usage") else ():
        months.setdefault(day["date"][:7], []).append(day)
    return months


def _legend(days: Sequence[ReportDay], file: ReportFile) -> str:
    parts = []
    for state, text in _LEGEND.items():
        of_state = [day for day in days if day["state"] == state]
        if of_state:
            detail = day_detail(state, of_state, file)
            parts.append(text + (detail and f"{':' if state == 'outside' else ''} {detail}"))
    return "   ".join(parts)


def day_detail(state: str, days: Sequence[ReportDay], file: ReportFile) -> str:
    """Which days are missing (`1 to 3`), or what is outside the month (`3 rows, 12.50 usd`); nothing for other states."""
    totals = file["totals"]
    if state == "missing":
        is_unsure = totals is None or totals["amount"] is None or has_undated_charges(file)
        return runs(days) + (", or unreadable" if is_unsure else "")
    if state != "outside":
        return ""
    amounts = [Decimal(day["amount"]) for day in days if day["amount"] is not None]
    text = number(sum(day["rows"] for day in days), "row")
    if len(amounts) == len(days) and totals is not None and totals["currency"]:
        text += f", {amount(str(sum(amounts)), totals['currency'])}"
    return text


def runs(days: Sequence[ReportDay]) -> str:
    """Days of one month as people say them, the first four runs of them: `1 to 3, 7 and 2 more`."""
    numbers = [int(day["date"][8:]) for day in days]
    spans: list[list[int]] = []
    for day in numbers:
        if spans and spans[-1][-1] == day - 1:
            spans[-1].append(day)
        else:
            spans.append([day])
    texts = [f"{span[0]} to {span[-1]}" if len(span) > 1 else str(span[0]) for span in spans]
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")
