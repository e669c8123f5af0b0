"""The index of a page of several files: what is not ready and why, totals by month and organization, and every file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.model.record import Record
from billproof.model.values import month_name
from billproof.model.values import number as number_of
from billproof.report.render import summary
from billproof.report.render.html.elements import Element, Node, cell, element, head, prose, stamp
from billproof.report.render.phrases import in_cents, in_state, total
from billproof.report.render.verdicts import blockers, totals_of

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile

NO_CELL = "no file"
# Up to so many files, each has its part of the page; of more, only those that have something to say, the worst first.
EACH = 40
PARTS = 150
# More organizations than this would not fit side by side: then each has a row.
COLUMNS = 12
PATHS = 3


def anchor(number: int) -> str:
    """The id of a file's part of the page."""
    return f"file-{number}"


def in_full(report: Report) -> list[tuple[int, ReportFile]]:
    """The files that have a part of the page, each with its number."""
    numbered = list(enumerate(report["files"], 1))
    if len(numbered) <= EACH:
        return numbered
    return _worst_first([entry for entry in numbered if summary.says_more(entry[1], report)])[:PARTS]


def _worst_first(numbered: Sequence[tuple[int, ReportFile]]) -> list[tuple[int, ReportFile]]:
    return sorted(numbered, key=lambda entry: summary.WORST_FIRST.index(entry[1]["verdict"]))


def index(report: Report) -> Iterator[Element]:
    """The files that are not ready, by cause; a table of totals by month and organization for each currency; every file."""
    files, full = report["files"], {number for number, _ in in_full(report)}
    yield from (element("p", text, class_="weak") for text in summary.of_one_month(report))
    if len(files) > summary.FEW:
        yield from _causes(report, full)
    placed = [entry for number, file in enumerate(files, 1) if (entry := _placed(number, file, report, number in full))]
    for currency in sorted({entry.currency for entry in placed}):
        yield _matrix([entry for entry in placed if entry.currency == currency], currency)
    lines = [_line(number, file, report, full) for number, file in _worst_first(list(enumerate(files, 1)))]
    titles = head("Verdict", "File", "Month", "Rules with findings", figures=("Total",))
    yield from folded(element("table", element("caption", "Files, the worst first"), titles, element("tbody", *lines)), files)
    if len(full) < len(files):
        rest = number_of(len(files) - len(full), "file")
        yield element("p", f"{rest} only listed here; the JSON report has every rule for each.", class_="quiet")


def folded(table: Element, files: Sequence[object]) -> Iterator[Element]:
    """A table with a row for each file; folded where there are so many that they would bury the rest."""
    many = len(files) > EACH
    yield element("details", element("summary", f"All {len(files):,} files"), table) if many else table


def _causes(report: Report, full: Collection[int]) -> Iterator[Element]:
    numbers = {file["path"]: number for number, file in enumerate(report["files"], 1)}
    lines = []
    for group in summary.groups(report):
        paths: list[Node] = [_linked(file["path"], numbers[file["path"]], full, "div") for file in group.files[:PATHS]]
        rest = len(group.files) - PATHS
        paths += [element("div", f"and {rest:,} more", class_="quiet")] if rest > 0 else []
        which = element("th", element("code", group.name), f" {number_of(len(group.files), 'file')}", *paths, scope="row")
        texts = element("td", cell(group.why)), element("td", *prose(group.fix))
        lines.append(element("tr", element("td", stamp(group.verdict)), which, *texts))
    if lines:
        titles = head("Verdict", "Which", "Why", "What to do")
        caption = element("caption", "Not ready, the worst first")
        yield element("table", caption, titles, element("tbody", *lines), class_="causes")


def _linked(path: str, number: int, full: Collection[int], tag: str) -> Element:
    """A path that leads to its part of the page, if it has one."""
    return element(tag, element("a", cell(path), href=f"#{anchor(number)}") if number in full else cell(path))


def _line(number: int, file: ReportFile, report: Report, full: Collection[int]) -> Element:
    (_, amount), *_ = totals_of(file)
    return element(
        "tr", element("td", *_stamps(file, report)),
        element("th", _linked(file["path"], number, full, "span"), scope="row"),
        element("td", file["month"]["value"] or "unknown"),
        element("td", ", ".join(outcome["rule"] for outcome in in_state(file, "failed")) or "–"),
        element("td", in_cents(amount), class_="figure"),
    )  # fmt: skip


def _stamps(file: ReportFile, report: Report) -> Iterator[Node]:
    """The verdict on a file and, if it passed all the same, that it is not ready."""
    yield stamp(file["verdict"])
    if file["verdict"] == "pass" and not report["upload"]["ready"] and blockers(file, report):
        yield from (" ", element("span", element("span", "!", aria_hidden="true"), " NOT READY", class_="stamp doubt"))


class Placed(Record):
    """A file in the cell of the table that it is in: its link, if it has a part of the page, its stamps and its amount."""

    file: ReportFile
    link: str | None
    stamps: tuple[Node, ...]
    month: str
    organization: str
    currency: str
    amount: str | None


def _placed(number: int, file: ReportFile, report: Report, has_part: bool) -> Placed | None:
    """A file in its cell, with what the days of its month sum to: None if unknown. Days outside the month do not count."""
    month, totals = file["month"]["value"], file["totals"]
    if month is None or totals is None:
        return None
    organization = file["organization"]["value"] or "unknown organization"
    link = f"#{anchor(number)}" if has_part else None
    stamped = tuple(_stamps(file, report))
    return Placed(file, link, stamped, month, organization, totals["currency"] or "", totals_of(file)[0][1])


def _matrix(files: Sequence[Placed], currency: str) -> Element:
    """The totals, a row for each month; where there are many organizations, a row for each of them instead, and no stamp for what
    passed.
    """
    months, organizations = sorted({entry.month for entry in files}), sorted({entry.organization for entry in files})
    upright = len(organizations) <= COLUMNS
    rows, columns = (months, organizations) if upright else (organizations, months)
    cells: dict[tuple[str, str], list[Placed]] = {}
    for entry in files:
        key = (entry.month, entry.organization) if upright else (entry.organization, entry.month)
        passed = not upright and entry.file["verdict"] == "pass"
        cells.setdefault(key, []).append(entry._replace(stamps=entry.stamps[1:]) if passed else entry)
    names = _names(files)
    heads = [month_name(row) if upright else names[row] for row in rows]
    lines = [_row(title, [cells.get((row, column), []) for column in columns]) for title, row in zip(heads, rows, strict=True)]
    titles: list[Node] = [cell(names[name]) if upright else name for name in columns]
    sums = [_sum([entry for row in rows for entry in cells.get((row, column), [])]) for column in columns]
    if len(columns) > 1:
        titles.append("Total")
        sums.append(_sum(files))
    foot = element("tr", element("th", "Total", scope="row"), *sums)
    title = f"Totals by month and organization{f', {currency}' if currency else ''}"
    kind = "matrix" if upright else "matrix organizations"
    note = "" if upright else "; what has no stamp passed"
    table = element(
        "table", element("caption", title + note), head("Month" if upright else "Organization", figures=titles),
        element("tbody", *lines), element("tfoot", foot), class_=kind,
    )  # fmt: skip
    return element("div", table, class_="scroll", role="region", tabindex="0", aria_label=title)


def _names(files: Sequence[Placed]) -> dict[str, str]:
    """Each organization with every name that its files give it."""
    names: dict[str, list[str]] = {}
    for entry in files:
        known = names.setdefault(entry.organization, [])
        name = entry.file.get("organization_name")
        known += [name] if name and name not in known else []
    return {id_: f"{id_}, {' / '.join(known)}" if known else id_ for id_, known in names.items()}


def _row(title: str, cells: Sequence[Sequence[Placed]]) -> Element:
    found = [element("td", *_cell(files), class_="figure") for files in cells]
    if len(cells) > 1:
        found.append(_sum([entry for files in cells for entry in files]))
    return element("tr", element("th", cell(title), scope="row"), *found)


def _cell(files: Sequence[Placed]) -> Iterator[Node]:
    if not files:
        yield element("span", NO_CELL, class_="quiet")
    for entry in files:
        text = in_cents(entry.amount)
        yield element("div", element("a", text, href=entry.link) if entry.link else text, " ", *entry.stamps)


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
