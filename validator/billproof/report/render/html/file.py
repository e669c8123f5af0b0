"""One file on the page, in the order of the text: cause, what to do, calendar, findings, control totals, all rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from billproof.model.values import number
from billproof.report.render.comparison import COLUMNS, comparisons
from billproof.report.render.html.calendar import months
from billproof.report.render.html.elements import Element, Node, cell, element, head, prose
from billproof.report.render.html.record import record
from billproof.report.render.html.rules import all_rules, findings, not_evaluated
from billproof.report.render.phrases import amount, in_cents, total, unproved, what_to_do
from billproof.report.render.verdicts import TOP_GROUPS, concessions, facts, how_many, second_opinion, totals_of

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportGroup, ReportTotals

FIRST = 8
_KEYS = {
    "OpenAI's record": "record", "Compared with what was accepted": "accepted",
    "Skipped or not run": "not-judged", "What this proves": "proved", "What a file cannot prove": "what-no-file-can-prove",
}  # fmt: skip


def file_sections(file: ReportFile, report: Report, level: int, name: str) -> Iterator[Element]:
    """The sections of one file, their headings of this level, their ids beginning with `name`."""
    heading, below = f"h{level}", f"h{level + 1}"
    for title, content in (
        ("Why", _why(file, report)),
        ("Cause", _cause(file)),
        ("What to do", _fix(file, report)),
        ("Calendar", list(months(file))),
        ("Findings", list(findings(file, report, below))),
        ("Skipped or not run", list(not_evaluated(file))),
        ("OpenAI's record", list(record(file))),
        ("Compared with what was accepted", list(_compared(file))),
        ("Second opinion", _second_opinion(file)),
        ("Control totals", _totals(file)),
        ("All rules", list(all_rules(file, report)) if file["outcomes"] else []),
    ):
        if content:
            yield section(title, content, heading, f"{name}-{key(title)}")


def section(title: str, content: Sequence[Node], heading: str, name: str) -> Element:
    """A part of the page with its heading; one of the whole page is a landmark, which the heading names."""
    landmark = name if heading == "h2" else None
    return element("section", element(heading, title, id=name), *content, class_=key(title), aria_labelledby=landmark)


def key(title: str) -> str:
    """A heading as it is written in ids and classes, which do not change with the words."""
    return _KEYS.get(title, title.lower().replace(" ", "-"))


def beside_the_verdict(file: ReportFile, report: Report) -> list[Element]:
    """What weakens a verdict: rules that are waived or disabled, or count for less than in the built-in rule set."""
    return [element("p", text, class_="weak") for text in concessions(file, report)]


def _why(file: ReportFile, report: Report) -> list[Node]:
    if file["verdict"] != "unproved":
        return []
    return [element("p", *prose(text)) for reason, text in unproved(report) if reason["file"] in (file["path"], None)]


def _cause(file: ReportFile) -> list[Node]:
    return [element("p", *prose(line)) for line in file["diagnosis"]["cause"].splitlines()] if "diagnosis" in file else []


def _fix(file: ReportFile, report: Report) -> list[Node]:
    """The next step; indented lines are kept unchanged."""
    parts = groupby(what_to_do(file, report).splitlines(), key=lambda line: line.startswith(" "))
    return [
        element("pre", "\n".join(line.strip() for line in lines)) if indented else element("p", *prose(" ".join(lines)))
        for indented, lines in parts
    ]


def _second_opinion(file: ReportFile) -> list[Node]:
    opinion = file.get("second_opinion")
    if opinion is None:
        return []
    texts = [*opinion["disagreements"], *opinion["errors"]]
    return [
        element("p", f"{second_opinion(opinion)}."),
        element("ul", *(element("li", text) for text in texts)) if texts else element("p", "The two agree.", class_="quiet"),
    ]


def _compared(file: ReportFile) -> Iterator[Node]:
    for comparison in comparisons(file):
        yield element("p", f"{comparison.heading}.")
        for table in comparison.tables:
            lines = [
                element("tr", element("th", *_label(line.name, line.id or "(none)"), scope="row"),
                        *(element("td", text, class_="figure") for text in line.amounts))
                for line in table.lines
            ]  # fmt: skip
            titles = head(table.noun.capitalize(), figures=[text.capitalize() for text in COLUMNS])
            yield element("div", element("table", titles, element("tbody", *lines)), class_="groups")
            if table.rest:
                yield element("p", f"{table.rest}.", class_="quiet")


def _totals(file: ReportFile) -> list[Node]:
    totals = file["totals"]
    if file.get("error") and not file["bytes"]:
        return []
    lines = element("dl", *(element("div", element("dt", name), element("dd", *content)) for name, content in _facts(file)))
    if totals is None or totals["amount"] is None:
        return [lines]
    tables = (
        _groups("Line item", "line item", totals["by_line_item"], totals),
        _groups("Project", "project", totals["by_project"], totals),
    )
    return [lines, element("div", *tables, class_="beside") if any(tables) else element("p", "No charges.", class_="quiet")]


def _facts(file: ReportFile) -> Iterator[tuple[str, list[Node]]]:
    totals, known = file["totals"], dict(facts(file))
    if "Organization" in known:
        yield "Organization", [cell(known["Organization"])]
    if file["integration"] is not None:
        yield "Integration", [file["integration"]]
    if "Month" in known:
        yield "Month", [known["Month"]]
    if totals is None:
        yield "Total", ["unknown: the file cannot be read as a table"]
    elif totals["amount"] is None:
        yield "Total", ["unknown: an amount, a currency or a record could not be read"]
    else:
        for label, sum_ in totals_of(file):
            rounded = element("strong", f"{in_cents(sum_)} {totals['currency'] or ''}")
            exact = sum_ is None or in_cents(sum_).replace(",", "") == sum_
            yield label, [rounded] if exact else [rounded, " exactly ", element("span", sum_, class_="exact")]
    if "Expected" in known:
        yield "Expected total", [cell(known["Expected"])]
    if totals is not None:
        yield "Rows", [known["Rows"]]
    if "Last upload" in known:
        yield "Last upload", [known["Last upload"]]
    if file["unread_lines"]:
        yield "Unreadable lines", [f"{file['unread_lines']:,}"]
    yield "File", [f"{file['bytes']:,} bytes", "" if file["complete"] else ", not read to the end"]
    if file["sha256"] is not None:
        yield "SHA-256", [element("code", file["sha256"], class_="digest")]


def _groups(title: str, noun: str, entries: Sequence[ReportGroup], totals: ReportTotals) -> Element | None:
    """The groups with their amounts and shares; those after the eighth are folded. The total is known, so every amount is.

    None if there is no group. There are no shares where an amount is below zero.
    """
    if not entries:
        return None
    currency = totals["currency"]
    largest = max(abs(_value(group)) for group in entries[:TOP_GROUPS])
    whole = Decimal(totals["amount"] or 0) if all(_value(group) >= 0 for group in entries) else Decimal(0)
    lines = [_line(group, noun, largest, whole) for group in entries]
    first, rest = _table(title, lines[:FIRST], currency), entries[FIRST:]
    if not rest:
        return element("div", first, class_="groups")
    together = amount(total(map(_value, rest)), currency)
    more = number(how_many(entries) - FIRST, f"more {noun}")
    summary = element("summary", f"{more}, {together} in total")
    return element("div", first, element("details", summary, _table(f"Other {noun}s", lines[FIRST:], currency)), class_="groups")


def _value(group: ReportGroup) -> Decimal:
    return Decimal(group["amount"] or 0)


def _table(title: str, lines: Sequence[Element], currency: str | None) -> Element:
    return element("table", head(title, figures=(currency or "Amount", "Share")), element("tbody", *lines))


def _line(group: ReportGroup, noun: str, largest: Decimal, whole: Decimal) -> Element:
    value = _value(group)
    width = f"{min(abs(value) / largest, Decimal(1)) * 100:.1f}%" if largest else "0%"
    bar = element("svg", element("rect", width=width, height="5", class_="below" if value < 0 else None),
                  class_="bar", width="100%", height="5", aria_hidden="true")  # fmt: skip
    share = f"{value / whole * 100:.1f} %" if whole else "–"
    return element(
        "tr", element("th", *_name(group, noun), bar, scope="row"),
        element("td", in_cents(group["amount"]), class_="figure"), element("td", share, class_="figure"),
    )  # fmt: skip


def _name(group: ReportGroup, noun: str) -> list[Element]:
    if not group["id"]:
        return [element("span", f"(no {noun})")]
    return _label(group["name"], group["id"])


def _label(name: str | None, id_: str) -> list[Element]:
    return [cell(name), element("small", cell(id_))] if name else [cell(id_)]
