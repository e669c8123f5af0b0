"""Several files: each with its verdict, and the totals by month and organization."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.model.record import Record
from billproof.model.values import month_name
from billproof.report.render.html.elements import Element, Node, cell, element, head, stamp, total
from billproof.report.render.phrases import in_cents, in_state

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportFile

NO_CELL = "no file"


def anchor(number: int) -> str:
    """The id of a file's part of the page."""
    return f"file-{number}"


class Placed(Record):
    """A file with its number on the page, and the cell of the table that it is in."""

    number: int
    file: ReportFile
    month: str
    organization: str
    currency: str
    amount: str | None


def index(files: Sequence[ReportFile]) -> Iterator[Element]:
    """A table of totals by month and organization for each currency, and the list of files."""
    placed = [entry for number, file in enumerate(files, 1) if (entry := _placed(number, file))]
    for currency in sorted({entry.currency for entry in placed}):
        yield _matrix([entry for entry in placed if entry.currency == currency], currency)
    lines = [
        element(
            "tr", element("td", stamp(file["verdict"])),
            element("th", element("a", cell(file["path"]), href=f"#{anchor(number)}"), scope="row"),
            element("td", file["month"]["value"] or "unknown"),
            element("td", ", ".join(outcome["rule"] for outcome in in_state(file, "failed")) or "–"),
        )
        for number, file in enumerate(files, 1)
    ]  # fmt: skip
    titles = head("Verdict", "File", "Month", "Rules with findings")
    yield element("table", element("caption", "Files"), titles, element("tbody", *lines))


def _placed(number: int, file: ReportFile) -> Placed | None:
    """A file in its cell, with what the days of its month sum to: None if unknown. Days outside the month do not count."""
    month, totals = file["month"]["value"], file["totals"]
    if month is None or totals is None:
        return None
    organization = file["organization"]["value"] or "unknown organization"
    amounts = (Decimal(day["amount"]) for day in file["days"] if day["amount"] is not None and day["date"].startswith(month))
    amount = None if totals["amount"] is None else total(amounts)
    return Placed(number, file, month, organization, totals["currency"] or "", amount)


def _matrix(files: Sequence[Placed], currency: str) -> Element:
    organizations = sorted({entry.organization for entry in files})
    titles: list[Node] = [cell(name) for name in organizations]
    lines = [
        _months_line(month, organizations, [entry for entry in files if entry.month == month])
        for month in sorted({entry.month for entry in files})
    ]
    sums = [_sum([entry for entry in files if entry.organization == name]) for name in organizations]
    if len(organizations) > 1:
        titles.append("Total")
        sums.append(_sum(files))
    foot = element("tr", element("th", "Total", scope="row"), *sums)
    title = f"Totals by month and organization{f', {currency}' if currency else ''}"
    table = element(
        "table", element("caption", title), head("Month", figures=titles), element("tbody", *lines), element("tfoot", foot),
        class_="matrix",
    )  # fmt: skip
    return element("div", table, class_="scroll", role="region", tabindex="0", aria_label=title)


def _months_line(month: str, organizations: Sequence[str], files: Sequence[Placed]) -> Element:
    cells = [
        element("td", *_cell([entry for entry in files if entry.organization == name]), class_="figure") for name in organizations
    ]
    if len(organizations) > 1:
        cells.append(_sum(files))
    return element("tr", element("th", month_name(month), scope="row"), *cells)


def _cell(files: Sequence[Placed]) -> Iterator[Node]:
    if not files:
        yield element("span", NO_CELL, class_="quiet")
    for entry in files:
        link = element("a", in_cents(entry.amount), href=f"#{anchor(entry.number)}")
        yield element("div", link, " ", stamp(entry.file["verdict"]))


def _sum(files: Sequence[Placed]) -> Element:
    """The sum of files in a cell, with the worst verdict unless all passed.

    It is unknown if a file's is, and there is none where two of them are of one month and organization.
    """
    known = [Decimal(entry.amount) for entry in files if entry.amount is not None]
    text = in_cents(total(known) if len(known) == len(files) else None)
    if len({(entry.month, entry.organization) for entry in files}) < len(files):
        text = "not summed"
    verdicts = {entry.file["verdict"] for entry in files}
    worst = next((verdict for verdict in ("unproved", "fail") if verdict in verdicts), None)
    return element("td", text, *((" ", stamp(worst)) if worst else ()), class_="figure")
