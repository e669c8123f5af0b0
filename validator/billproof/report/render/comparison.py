"""What an upload replaces beside what is in the file: days and projects, by name, as OC601 and OC602 compared them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.model.record import Record
from billproof.model.values import cents, month_before, month_name, number
from billproof.report.render.phrases import has_undated_charges, in_state

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportEarlierUpload, ReportFile

LINES = 8
COLUMNS = ("accepted", "this file", "difference")
Amounts = Mapping[str, Decimal]


class Line(Record):
    """A day or a project: its name, if it has one, its ID, and both amounts with their difference as texts."""

    name: str | None
    id: str
    amounts: tuple[str, str, str]

    @property
    def label(self) -> str:
        """The name with the ID, or what there is of them."""
        return f"{self.name} ({self.id})" if self.name else self.id or "(none)"


class Table(Record):
    """Days or projects (`noun`) that differ, the largest falls first; `rest` says how many more differ and how many do not."""

    noun: str
    lines: tuple[Line, ...]
    rest: str


class Comparison(Record):
    """The tables of one accepted upload, below a sentence that names it."""

    heading: str
    tables: tuple[Table, ...]


def comparisons(file: ReportFile) -> list[Comparison]:
    """The last accepted upload of the month, if a day or a project fell, and that of the month before, if a project was lost
    that it has; nothing where amounts are unknown, and no days where charges are of none.
    """
    last, before, totals, month = file.get("last_upload"), file.get("upload_before"), file["totals"], file["month"]["value"]
    if totals is None or totals["amount"] is None or month is None:
        return []
    projects = {group["id"]: Decimal(group["amount"] or 0) for group in totals["by_project"]}
    names = {group["id"]: group["name"] for group in totals["by_project"]}
    found = []
    if last is not None:
        days = {day["date"]: Decimal(day["amount"]) for day in file["days"] if day["rows"] and day["amount"] is not None}
        accepted = {day["date"]: Decimal(day["amount"]) for day in last["days"]}
        by_day = None if has_undated_charges(file) else _table("day", accepted, days, {})
        both = by_day, _table("project", _known(last, projects), projects, _names(last, names))
        tables = tuple(table for table in both if table is not None)
        heading = f"{_accepted(last)}, compared with this file ({last['currency']})"
        found += [Comparison(heading, tables)] if tables else []
    if before is not None:
        known = {group["id"] for group in last["by_project"]} if last is not None else set()
        gone = {group["id"]: Decimal(group["amount"]) for group in before["by_project"] if group["id"] in _lost(file) - known}
        table = _table("project", gone, {}, _names(before, names))
        heading = f"{_accepted(before)} as {month_name(month_before(month))}, and not in this file ({before['currency']})"
        found += [Comparison(heading, (table,))] if table else []
    return found


def _lost(file: ReportFile) -> set[str | None]:
    """The projects that a rule misses."""
    outcomes = (outcome for outcome in in_state(file, "failed", "waived") if outcome["unit"] == "project")
    return {finding["value"] for outcome in outcomes for finding in outcome["findings"]}


def lines_of(file: ReportFile) -> Iterator[str]:
    """The comparisons as lines of text."""
    for comparison in comparisons(file):
        yield f"  {comparison.heading}:"
        for table in comparison.tables:
            width = max(len(text) for text in (*(line.label for line in table.lines), table.noun))
            for label, amounts in ((table.noun, COLUMNS), *((line.label, line.amounts) for line in table.lines)):
                yield f"    {label:<{width}}" + "".join(f"  {text:>14}" for text in amounts)
            if table.rest:
                yield f"    {table.rest}"


def _accepted(upload: ReportEarlierUpload) -> str:
    return f"Accepted by {upload['destination']} on {upload['finished'][:10]}"


def _known(upload: ReportEarlierUpload, projects: Amounts) -> Amounts:
    """The projects of an upload: where the report sums up the file's small ones as `other (950)`, those that it names."""
    accepted = {group["id"]: Decimal(group["amount"]) for group in upload["by_project"]}
    if len(projects) < len(accepted) and any(name.startswith("other (") for name in projects):
        return {name: amount for name, amount in accepted.items() if name in projects}
    return accepted


def _names(upload: ReportEarlierUpload, names: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """The name of each project: as the file has it, else as it was at the upload."""
    return {**{group["id"]: group["name"] for group in upload["by_project"]}, **names}


def _table(noun: str, old: Amounts, new: Amounts, names: Mapping[str, str | None]) -> Table | None:
    """Both sides; None if nothing fell."""
    none = Decimal(0)
    ids = sorted({*old, *new}, key=lambda id_: (new.get(id_, none) - old.get(id_, none), id_))
    differing = [id_ for id_ in ids if old.get(id_) != new.get(id_)]
    if not any(new.get(id_, none) < old[id_] or id_ not in new for id_ in old):
        return None
    lines = []
    for id_ in differing[:LINES]:
        difference = cents(new.get(id_, none) - old.get(id_, none))
        told = f"{difference:+,f}" if difference else "below 0.01"
        lines.append(Line(names.get(id_), id_, (_amount(old, id_), _amount(new, id_), told)))
    rest, same = len(differing) - LINES, len(ids) - len(differing)
    parts = [f"{number(rest, f'more {noun}')} differ{'s' if rest == 1 else ''}"] if rest > 0 else []
    parts += [f"{number(same, noun)} {'are' if same != 1 else 'is'} unchanged"] if same else []
    return Table(noun, tuple(lines), "; ".join(parts))


def _amount(amounts: Amounts, id_: str) -> str:
    return f"{cents(amounts[id_]):,f}" if id_ in amounts else "no row"
