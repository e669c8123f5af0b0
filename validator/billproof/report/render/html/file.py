"""One file on the page, in the order of the text: cause, what to do, calendar, findings, control totals, all rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from billproof.report.render.html.calendar import months
from billproof.report.render.html.elements import Element, Node, element
from billproof.report.render.html.groups import groups
from billproof.report.render.html.rules import all_rules, found, not_evaluated
from billproof.report.render.html.words import cell
from billproof.report.render.phrases import in_cents, what_to_do
from billproof.report.render.verdicts import concessions, facts, second_opinion

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile


_KEYS = {
    "Skipped or not run": "not-judged", "What this proves": "proved", "What a file cannot prove": "what-no-file-can-prove",
}  # fmt: skip


def file_sections(one: ReportFile, report: Report, level: int, name: str) -> Iterator[Element]:
    """The sections of one file, their headings of this level, their ids beginning with `name`."""
    heading, below = f"h{level}", f"h{level + 1}"
    for title, content in (
        ("Why", _why(one, report)),
        ("Cause", _cause(one)),
        ("What to do", _fix(one, report)),
        ("Calendar", list(months(one))),
        ("Findings", list(found(one, report, below))),
        ("Skipped or not run", list(not_evaluated(one))),
        ("Second opinion", _second_opinion(one)),
        ("Control totals", _totals(one)),
        ("All rules", list(all_rules(one, report)) if one["outcomes"] else []),
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


def beside_the_verdict(one: ReportFile, report: Report) -> list[Element]:
    """What weakens a verdict: rules that are disabled, or count for less than in the built-in rule set."""
    return [element("p", text, class_="weak") for text in concessions(one, report)]


def _why(one: ReportFile, report: Report) -> list[Node]:
    if one["verdict"] != "unproved":
        return []
    if one.get("error"):
        return [element("p", one["error"])]
    reasons = [reason for reason in report["reasons"] if reason["file"] in (one["path"], None) and reason["code"] != "failed"]
    return [element("p", reason["text"]) for reason in reasons]


def _cause(one: ReportFile) -> list[Node]:
    return [element("p", line) for line in one["diagnosis"]["cause"].splitlines()] if "diagnosis" in one else []


def _fix(one: ReportFile, report: Report) -> list[Node]:
    """The next step; indented lines are kept unchanged."""
    parts = groupby(what_to_do(one, report).splitlines(), key=lambda line: line.startswith(" "))
    return [
        element("pre", "\n".join(line.strip() for line in lines)) if indented else element("p", " ".join(lines))
        for indented, lines in parts
    ]


def _second_opinion(one: ReportFile) -> list[Node]:
    opinion = one.get("second_opinion")
    if opinion is None:
        return []
    texts = [*opinion["disagreements"], *opinion["errors"]]
    return [
        element("p", f"{second_opinion(one)}."),
        element("ul", *(element("li", text) for text in texts)) if texts else element("p", "The two agree.", class_="quiet"),
    ]


def _totals(one: ReportFile) -> list[Node]:
    totals = one["totals"]
    if one.get("error") and not one["bytes"]:
        return []
    lines = element("dl", *(element("div", element("dt", name), element("dd", *said)) for name, said in _facts(one)))
    if totals is None or totals["amount"] is None:
        return [lines]
    tables = (
        groups("Line item", "line item", totals["by_line_item"], totals),
        groups("Project", "project", totals["by_project"], totals),
    )
    return [lines, element("div", *tables, class_="beside") if any(tables) else element("p", "No charges.", class_="quiet")]


def _facts(one: ReportFile) -> Iterator[tuple[str, list[Node]]]:
    totals, known = one["totals"], dict(facts(one))
    if "Organization" in known:
        yield "Organization", [cell(known["Organization"])]
    if one["integration"] is not None:
        yield "Integration", [one["integration"]]
    if "Month" in known:
        yield "Month", [known["Month"]]
    if totals is None:
        yield "Total", ["unknown: the file cannot be read as a table"]
    elif totals["amount"] is None:
        yield "Total", ["unknown: an amount, a currency or a record could not be read"]
    else:
        total = element("strong", f"{in_cents(totals['amount'])} {totals['currency'] or ''}")
        exact = in_cents(totals["amount"]).replace(",", "") == totals["amount"]
        yield "Total", [total] if exact else [total, " exactly ", element("span", totals["amount"], class_="exact")]
    if totals is not None:
        yield "Rows", [known["Rows"]]
    if "Last upload" in known:
        yield "Last upload", [known["Last upload"]]
    if one["unread_lines"]:
        yield "Unreadable lines", [f"{one['unread_lines']:,}"]
    yield "File", [f"{one['bytes']:,} bytes", "" if one["complete"] else ", not read to the end"]
    if one["sha256"] is not None:
        yield "SHA-256", [element("code", one["sha256"], class_="digest")]
