"""The document as one page of HTML: no script, no network, both color schemes, fit to print and for a narrow screen.

Its parts are in the order in which people ask: how much, why, what happened, where, what a unit costs, and how that is proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import billproof.report.render.html as report_page
from billproof.model.values import number
from billproof.report.render.html.elements import Element, Node, cell, document, element
from billproof.spend.page.charts import MOST_LABELS, bar, days_chart, months_chart, tints
from billproof.spend.page.parts import exactly, figures, part, proof, under, unit_costs, where
from billproof.spend.phrases import (
    KIND_NAMES,
    SIGNS,
    Tree,
    because,
    effects,
    gaps,
    headline,
    in_cents,
    leading,
    lengths,
    missing,
    not_judged,
    scope,
    signed,
    signed_percent,
    why_title,
)


def render_html(spend: Tree) -> str:
    """The page, as an HTML document in UTF-8. The same document gives the same bytes."""
    styles = (Path(str(report_page.__file__)).with_name("style.css"), Path(__file__).with_name("style.css"))
    style = "".join(path.read_text("utf-8") for path in styles)
    footer = element("p", f"Made by billproof {spend['tool']['version']} from {spend['schema']}.")
    sections = (*_missing(spend), *_months(spend), *_why(spend), *_days(spend), *where(spend), *unit_costs(spend), *proof(spend))
    body = element("body", _header(spend), element("main", *sections), element("footer", footer))
    return document(f"Spend: {headline(spend)}", style, body)


def _header(spend: Tree) -> Element:
    why = because(spend)
    return element(
        "header", element("p", f"billproof {spend['tool']['version']} · spend", class_="tool"),
        element("h1", element("bdi", headline(spend))), element("p", cell(why), class_="because") if why else None,
        element("p", f"{scope(spend)}: together {in_cents(spend['amount'])} {spend['currency']} ", exactly(spend["amount"])),
        class_="verdict",
    )  # fmt: skip


def _missing(spend: Tree) -> Iterator[Element]:
    """What is not in the sums, before any number."""
    found = list(gaps(spend))
    if found:
        items = [element("li", element("bdi", f"{name}, {month}: {text}")) for name, month, text in found]
        yield part("Not in these sums, or not for certain", element("ul", *items), class_="gaps")


def _months(spend: Tree) -> Iterator[Element]:
    names = tints(spend)
    rows: list[list[Node]] = []
    for month in spend["months"]:
        percent = signed_percent(month["percent"]) or "–"
        rows.append([under(month["name"], missing(month)), in_cents(month["amount"]), signed(month["change"]), percent])
    titles = ("Month", spend["currency"], "Change", "")
    chart = element("div", months_chart(spend, names), _legend(spend, names))
    tables = [figures(titles, rows[-MOST_LABELS:], (1, 2, 3))]
    if earlier := rows[:-MOST_LABELS]:
        summary = element("summary", number(len(earlier), "earlier month"))
        tables.append(element("details", summary, figures(titles, earlier, (1, 2, 3))))
    yield part("Months", element("div", chart, element("div", *tables), class_="pair"), class_="months")


def _legend(spend: Tree, names: list[str]) -> Element:
    """Which tint is whose, where there are several, and what is hatched."""
    others = len(spend["integrations"]) - len(names)
    tinted = [*names, *([number(others, "other")] if others else [])] if len(spend["integrations"]) > 1 else []
    items = [
        element("li", element("span", class_=f"key tint-{at}", aria_hidden="true"), cell(name)) for at, name in enumerate(tinted)
    ]
    if any(month["without"] for month in spend["months"]):
        items.append(element("li", element("span", "/", class_="key", aria_hidden="true"), "no accepted file was read"))
    return element("ul", *items, class_="legend")


def _why(spend: Tree) -> Iterator[Element]:
    change = spend["change"]
    if change is None:
        return
    several = len(spend["integrations"]) > 1
    largest = max((abs(Decimal(line["change"])) for line in change["lines"]), default=Decimal(0))
    rows: list[list[Node]] = []
    for line in change["lines"]:
        moved = Decimal(line["change"])
        whose = f"{line['integration']}: {line['project_name']}" if several else line["project_name"]
        drawn = bar(moved, largest, "tint-0" if moved > 0 else "below")
        how = f"{line['word']}{f'; {effects(line)}' if effects(line) else ''}"
        rows.append([cell(whose), element("div", under(line["line_item"], how), drawn), signed(line["change"])])
    if change["others"]["count"]:
        rows.append([number(change["others"]["count"], "other"), "", signed(change["others"]["change"])])
    foot = ["All together", "the lines and the others add up to the change exactly", signed(change["change"])]
    notes = [element("p", lengths(change), class_="quiet")] if lengths(change) else []
    notes += [element("p", f"Left out: {other['integration']} ({other['text']})", class_="quiet") for other in change["left_out"]]
    titles = ("Project", "Line item", f"Change, {spend['currency']}")
    yield part(why_title(change), *notes, figures(titles, rows, (2,), foot), class_="why")


def _days(spend: Tree) -> Iterator[Element]:
    first, rest = leading(spend)
    several = len(spend["integrations"]) > 1
    axis = element("p", f"{spend['currency']} per day; weekends are lighter", class_="axis", aria_hidden="true")
    chart = element("div", axis, days_chart(spend), class_="days-chart")
    told: list[Node] = [_happened([*first], several)] if first else [element("p", "Nothing stands out.")]
    if rest:
        summary = element("summary", number(len(rest), "other finding"))
        told.append(element("details", summary, _happened(rest, several)))
    if spend["not_judged"]:
        told.append(_unjudged(spend))
    rows: list[list[Node]] = [[day["day"], day["amount"] or "no accepted file"] for day in spend["days"]]
    exact = figures(("Day", f"Exact amount, {spend['currency']}"), rows, (1,))
    told.append(element("details", element("summary", "Exact amount per day"), exact, class_="on-screen"))
    yield part("Days, and what happened", chart, *told, class_="happened")


def _unjudged(spend: Tree) -> Element:
    items = [element("li", cell(text)) for text in not_judged(spend)]
    summary = element("summary", "Days that are not judged")
    return element("details", summary, element("p", f"{spend['not_judged'][0]['text'].capitalize()}."), element("ul", *items))


def _happened(entries: list[Tree], several: bool) -> Element:
    rows: list[list[Node]] = []
    for entry in entries:
        sign = element("span", SIGNS[entry["kind"]], aria_hidden="true", class_="sign")
        kind = element("span", sign, KIND_NAMES[entry["kind"]], class_="kind")
        text = f"{entry['integration']}: {entry['text']}" if several else entry["text"]
        rows.append([element("div", element("span", entry["day"], class_="day"), " ", kind), cell(text)])
    return figures(("Day", "What"), rows, ())
