"""Both sides of a month that an upload replaces: what was accepted before, and what is in this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.model.values import cents

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportFile

LINES = 8


def comparison(file: ReportFile) -> Iterator[str]:
    """Days and projects that differ from the last accepted upload, the largest falls first; nothing if nothing fell."""
    before, totals = file.get("last_upload"), file["totals"]
    if before is None or totals is None or totals["amount"] is None:
        return
    days = {day["date"]: Decimal(day["amount"]) for day in file["days"] if day["rows"] and day["amount"] is not None}
    projects = {group["id"]: Decimal(group["amount"] or 0) for group in totals["by_project"]}
    accepted_days = {day["date"]: Decimal(day["amount"]) for day in before["days"]}
    accepted_projects = {group["id"]: Decimal(group["amount"]) for group in before["by_project"]}
    if len(totals["by_project"]) < len(accepted_projects) and any(name.startswith("other (") for name in projects):
        accepted_projects = {name: amount for name, amount in accepted_projects.items() if name in projects}
    tables = (("day", accepted_days, days), ("project", accepted_projects, projects))
    lines = [line for title, old, new in tables for line in _table(title, old, new)]
    if lines:
        accepted = f"Accepted by {before['destination']} on {before['finished'][:10]}"
        yield f"  {accepted}, compared with this file ({before['currency']}):"
        yield from lines


def _table(title: str, old: Mapping[str, Decimal], new: Mapping[str, Decimal]) -> Iterator[str]:
    names = sorted({*old, *new}, key=lambda name: (new.get(name, Decimal(0)) - old.get(name, Decimal(0)), name))
    differing = [name for name in names if old.get(name) != new.get(name)]
    if not any(new.get(name, Decimal(0)) < old[name] or name not in new for name in old):
        return
    width = max(len(name) for name in (*differing, title))
    yield f"    {title:<{width}}  {'accepted':>14}  {'this file':>14}  {'difference':>14}"
    for name in differing[:LINES]:
        yield f"    {name or '(none)':<{width}}  {_sum(old, name):>14}  {_sum(new, name):>14}  {_difference(old, new, name):>14}"
    rest, same = len(differing) - LINES, len(names) - len(differing)
    parts = [f"{rest} more {title}{'s' if rest != 1 else ''} differ{'s' if rest == 1 else ''}"] if rest > 0 else []
    parts += [f"{same} {title}{'s are' if same != 1 else ' is'} unchanged"] if same else []
    if parts:
        yield "    " + "; ".join(parts)


def _sum(amounts: Mapping[str, Decimal], name: str) -> str:
    return f"{cents(amounts[name]):,f}" if name in amounts else "no row"


def _difference(old: Mapping[str, Decimal], new: Mapping[str, Decimal], name: str) -> str:
    return f"{cents(new.get(name, Decimal(0)) - old.get(name, Decimal(0))):+,f}"
