"""Several files: each with its verdict, and what they hold by month and organization."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from billproof.model.values import month_name
from billproof.report.render.html.elements import Element, Node, element
from billproof.report.render.html.words import cell, stamp, total
from billproof.report.render.phrases import Tree, cents, failed

NO_CELL = "no file"


def anchor(number: int) -> str:
    """The id of a file's part of the page."""
    return f"file-{number}"


def index(files: Sequence[Tree]) -> Iterator[Element]:
    """A table of totals by month and organization for each currency, and the list of files."""
    numbered = list(enumerate(files, 1))
    for currency in sorted({_currency(one) for one in files if _has_place(one)}):
        yield _matrix([(number, one) for number, one in numbered if _has_place(one) and _currency(one) == currency], currency)
    head = (element("th", title, scope="col") for title in ("Verdict", "File", "Month", "Rules that found something"))
    lines = [
        element(
            "tr", element("td", stamp(one["verdict"])),
            element("th", element("a", cell(one["path"]), href=f"#{anchor(number)}"), scope="row"),
            element("td", one["month"]["value"] or "unknown"),
            element("td", ", ".join(outcome["rule"] for outcome in failed(one)) or "–"),
        )
        for number, one in numbered
    ]  # fmt: skip
    yield element("table", element("caption", "Files"), element("thead", element("tr", *head)), element("tbody", *lines))


def _has_place(one: Tree) -> bool:
    return one["month"]["value"] is not None and one["totals"] is not None


def _currency(one: Tree) -> str:
    return (one["totals"] or {}).get("currency") or ""


def of_month(one: Tree) -> str | None:
    """What the days of the file's month sum to; None if that is unknown. Days outside the month do not count."""
    if one["totals"]["amount"] is None:
        return None
    days = [day for day in one["days"] if day["date"].startswith(one["month"]["value"])]
    return total(day["amount"] for day in days if day["amount"] is not None)


def _matrix(files: Sequence[tuple[int, Tree]], currency: str) -> Element:
    months = sorted({one["month"]["value"] for _, one in files})
    organizations = sorted({_organization(one) for _, one in files})
    head = [
        element("th", "Month", scope="col"),
        *(element("th", cell(name), scope="col", class_="figure") for name in organizations),
    ]
    lines = [_months_line(month, organizations, files) for month in months]
    sums = [_sum([one for _, one in files if _organization(one) == name]) for name in organizations]
    edges = len(organizations) > 1
    if edges:
        head.append(element("th", "Together", scope="col", class_="figure"))
        sums.append(_sum([one for _, one in files]))
    foot = element("tr", element("th", "Together", scope="row"), *sums)
    title = f"Totals by month and organization{f', {currency}' if currency else ''}"
    table = element(
        "table", element("caption", title),
        element("thead", element("tr", *head)), element("tbody", *lines), element("tfoot", foot), class_="matrix",
    )  # fmt: skip
    return element("div", table, class_="scroll", role="region", tabindex="0", aria_label=title)


def _organization(one: Tree) -> str:
    return one["organization"]["value"] or "unknown organization"


def _months_line(month: str, organizations: Sequence[str], files: Sequence[tuple[int, Tree]]) -> Element:
    of = [(number, one) for number, one in files if one["month"]["value"] == month]
    cells = [
        element("td", *_cell([(n, one) for n, one in of if _organization(one) == name]), class_="figure")
        for name in organizations
    ]
    if len(organizations) > 1:
        cells.append(_sum([one for _, one in of]))
    return element("tr", element("th", month_name(month), scope="row"), *cells)


def _cell(files: Sequence[tuple[int, Tree]]) -> Iterator[Node]:
    if not files:
        yield element("span", NO_CELL, class_="quiet")
    for number, one in files:
        yield element("div", element("a", cents(of_month(one)), href=f"#{anchor(number)}"), " ", stamp(one["verdict"]))


def _sum(files: Sequence[Tree]) -> Element:
    """The sum of files in a cell, with the worst verdict unless all passed.

    It is unknown if a file's is, and there is none where two of them are of one month and organization.
    """
    amounts = [of_month(one) for one in files]
    places = {(one["month"]["value"], _organization(one)) for one in files}
    known = [amount for amount in amounts if amount is not None]
    text = cents(total(known) if len(known) == len(files) else None)
    if len(places) < len(files):
        text = "not summed"
    verdicts = {one["verdict"] for one in files}
    worst = next((verdict for verdict in ("unproved", "fail") if verdict in verdicts), None)
    return element("td", text, *((" ", stamp(worst)) if worst else ()), class_="figure")
