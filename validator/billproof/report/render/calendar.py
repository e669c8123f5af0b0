"""The days of an export as marks under a ruler, a line for each month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from billproof.report.render.phrases import Tree, cents, number

MONTH_LINES = 6

_MARKS = {"charged": "#", "empty": ".", "missing": "!", "outside": "x", "open": "-"}
_LEGEND = {"#": "# charges", ".": ". no usage", "!": "! missing", "x": "x outside", "-": "- not ended"}


def calendar(one: Tree) -> Iterator[str]:
    """The lines of a file's calendar; none for what is no cost export."""
    months: dict[str, list[Tree]] = {}
    for day in one["days"] if one["export"] in ("cost", "no_usage") else ():
        months.setdefault(day["date"][:7], []).append(day)
    if not months:
        return
    yield " " * 13 + "1   5    10   15   20   25   30"
    for month, days in list(months.items())[:MONTH_LINES]:
        marks = [" "] * 31
        for day in days:
            marks[int(day["date"][8:]) - 1] = _MARKS[day["state"]]
        yield f"  {month}    {''.join(marks)}    {_legend(days, one)}"
    if len(months) > MONTH_LINES:
        yield f"  and {len(months) - MONTH_LINES} more months"


def _legend(days: Sequence[Tree], one: Tree) -> str:
    parts = []
    for state, mark in _MARKS.items():
        of_state = [day for day in days if day["state"] == state]
        if not of_state:
            continue
        text = _LEGEND[mark]
        if state == "missing":
            text += f" {runs(of_state)}" + ("" if one["totals"]["amount"] is not None else ", or not readable")
        if state == "outside":
            amounts = [day["amount"] for day in of_state]
            rows = sum(day["rows"] for day in of_state)
            text += f": {number(rows, 'row')}"
            if None not in amounts and one["totals"]["currency"]:
                text += f", {cents(str(sum(map(Decimal, amounts))))} {one['totals']['currency']}"
        parts.append(text)
    return "   ".join(parts)


def runs(days: Sequence[Tree]) -> str:
    """Days of one month as people say them, the first four runs of them: `1 to 3, 7 and 2 more`."""
    numbers = [int(day["date"][8:]) for day in days]
    found: list[list[int]] = []
    for one in numbers:
        if found and found[-1][-1] == one - 1:
            found[-1].append(one)
        else:
            found.append([one])
    texts = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in found]
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")
