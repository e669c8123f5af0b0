"""One file on the page, in the order of the text: cause, what to do, calendar, findings, control totals, all rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from billproof.report.render.html.calendar import months
from billproof.report.render.html.elements import Element, Node, element
from billproof.report.render.html.groups import groups
from billproof.report.render.html.rules import all_rules, findings, not_evaluated
from billproof.report.render.html.words import cell
from billproof.report.render.phrases import in_cents, what_to_do
from billproof.report.render.verdicts import concessions, facts, second_opinion

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile


_KEYS = {
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
    """What weakens a verdict: rules that are disabled, or count for less than in the built-in rule set."""
    return [element("p", text, class_="weak") for text in concessions(file, report)]


def _why(file: ReportFile, report: Report) -> list[Node]:
    if file["verdict"] != "unproved":
        return []
    if file.get("error"):
        return [element("p", file["error"])]
    reasons = [reason for reason in report["reasons"] if reason["file"] in (file["path"], None) and reason["code"] != "failed"]
    return [element("p", reason["text"]) for reason in reasons]


def _cause(file: ReportFile) -> list[Node]:
    return [element("p", line) for line in file["diagnosis"]["cause"].splitlines()] if "diagnosis" in file else []


def _fix(file: ReportFile, report: Report) -> list[Node]:
    """The next step; indented lines are kept unchanged."""
    parts = groupby(what_to_do(file, report).splitlines(), key=lambda line: line.startswith(" "))
    return [
        element("pre", "\n".join(line.strip() for line in lines)) if indented else element("p", " ".join(lines))
        for indented, lines in parts
    ]


def _second_opinion(file: ReportFile) -> list[Node]:
    opinion = file.get("second_opinion")
    if opinion is None:
        return []
    texts = [*opinion["disagreements"], *opinion["errors"]]
    return [
        element("p", f"{second_opinion(file)}."),
        element("ul", *(element("li", text) for text in texts)) if texts else element("p", "The two agree.", class_="quiet"),
    ]


def _totals(file: ReportFile) -> list[Node]:
    totals = file["totals"]
    if file.get("error") and not file["bytes"]:
        return []
    lines = element("dl", *(element("div", element("dt", name), element("dd", *content)) for name, content in _facts(file)))
    if totals is None or totals["amount"] is None:
        return [lines]
    tables = (
        groups("Line item", "line item", totals["by_line_item"], totals),
        groups("Project", "project", totals["by_project"], totals),
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
        total = element("strong", f"{in_cents(totals['amount'])} {totals['currency'] or ''}")
        exact = in_cents(totals["amount"]).replace(",", "") == totals["amount"]
        yield "Total", [total] if exact else [total, " exactly ", element("span", totals["amount"], class_="exact")]
    if totals is not None:
        yield "Rows", [known["Rows"]]
    if "Last upload" in known:
        yield "Last upload", [known["Last upload"]]
    if file["unread_lines"]:
        yield "Unreadable lines", [f"{file['unread_lines']:,}"]
    yield "File", [f"{file['bytes']:,} bytes", "" if file["complete"] else ", not read to the end"]
    if file["sha256"] is not None:
        yield "SHA-256", [element("code", file["sha256"], class_="digest")]
