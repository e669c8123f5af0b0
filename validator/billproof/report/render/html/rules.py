"""What the rules found: those that failed with their findings, those that were waived, and then all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from billproof.model.values import number
from billproof.report.render.html.elements import Badge, Element, Node, cell, element, evaluated, head, prose, state_of
from billproof.report.render.phrases import failed_by_level, fix_of, in_state, skipped, waived_by, what_to_do
from billproof.report.render.verdicts import counts

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportFinding, ReportOutcome

Cell = Literal["line", "column", "value", "expected", "message"]

FIRST = 5
NAMED = 12
_PLACE: tuple[tuple[str, Cell], ...] = (
    ("Line", "line"), ("Column", "column"), ("Found", "value"), ("Expected", "expected"), ("Message", "message"),
)  # fmt: skip


def findings(file: ReportFile, report: Report, heading: str) -> Iterator[Node]:
    """An entry for each rule that failed, errors first, and for each that was waived."""
    leading = what_to_do(file, report)
    for outcome in failed_by_level(file):
        fix = fix_of(outcome, file, report)
        yield _entry(outcome, heading, fix if fix != leading else "")
    for outcome in in_state(file, "waived"):
        yield _entry(outcome, heading, "")


def _entry(outcome: ReportOutcome, heading: str, fix: str) -> Element:
    state = state_of(outcome)
    title = element(
        heading, element("code", outcome["rule"]), f" {outcome['name']} ", _mark(state),
        element("small", f" {number(outcome['violations'], outcome['unit'])}", class_="quiet"),
    )  # fmt: skip
    return element(
        "article", title, _waiver(outcome), element("p", *prose(outcome["reason"])) if outcome.get("reason") else None,
        *_places(outcome), element("p", element("strong", "What to do "), *prose(fix)) if fix else None,
        class_=f"finding {state.kind}",
    )  # fmt: skip


def _mark(state: Badge) -> Element:
    return element("span", element("span", state.sign, aria_hidden="true"), f" {state.word}", class_=f"mark {state.kind}")


def _waiver(outcome: ReportOutcome) -> Element | None:
    waiver = outcome.get("waiver")
    if waiver is None:
        return None
    approval = f"; approved by {waiver['approved_by']}" if "approved_by" in waiver else ""
    reference = f"; reference {waiver['reference']}" if "reference" in waiver else ""
    return element("p", f"{waived_by(outcome).replace('w', 'W', 1)}{approval}{reference}")


def _places(outcome: ReportOutcome) -> Iterator[Node]:
    """What all findings share is said once; what differs is in a table, or in a list if there are no lines to name."""
    findings = outcome["findings"]
    differing = [(title, name) for title, name in _PLACE if any(finding[name] != findings[0][name] for finding in findings)]
    if findings:
        yield from _shared(findings[0], [name for title, name in _PLACE if (title, name) not in differing])
    if differing and findings[0]["line"] is None:
        yield from _folded([element("li", finding["message"]) for finding in findings], lambda items: element("ul", *items))
    elif differing:
        lines = [element("tr", *(element("td", *_said(finding, at), class_=at) for _, at in differing)) for finding in findings]
        yield from _folded(lines, lambda lines: _table(differing, lines))
    if 1 < len(findings) < outcome["violations"]:
        total = number(outcome["violations"], outcome["unit"])
        yield element("p", f"Showing {len(findings):,} findings; {total} in all.", class_="quiet")


def _shared(finding: ReportFinding, names: Sequence[Cell]) -> Iterator[Element]:
    """The message, and where it is: `Line 2, column amount, found 1,5, expected …`."""
    if "message" in names:
        yield element("p", finding["message"])
    parts: list[Node] = []
    for title, name in _PLACE[:-1]:
        if name in names and finding[name] is not None:
            parts += [", " if parts else "", f"{title.lower() if parts else title} ", *_said(finding, name)]
    if parts:
        yield element("p", *parts, class_="quiet")


def _folded(items: Sequence[Element], wrap: Callable[[Sequence[Element]], Element]) -> Iterator[Element]:
    """The first five, and the others folded."""
    yield wrap(items[:FIRST])
    if len(items) > FIRST:
        yield element("details", element("summary", f"{len(items) - FIRST:,} more"), wrap(items[FIRST:]))


def _table(columns: Sequence[tuple[str, Cell]], lines: Sequence[Element]) -> Element:
    return element("table", head(*(title for title, _ in columns)), element("tbody", *lines), class_="places")


def _said(finding: ReportFinding, name: Cell) -> Iterator[Node]:
    value = finding[name]
    if value is None:
        return
    if name in ("column", "value"):
        yield cell(str(value), "cell")
        return
    yield str(value)
    if name == "line":
        others = [str(place["line"]) for place in finding["related"] if place["line"]]
        yield f", also {', '.join(others)}" if others else ""


def not_evaluated(file: ReportFile) -> Iterator[Node]:
    """The rules that said nothing: not run because a setting is missing, crashed, or skipped because another rule failed."""
    items = [
        element(
            "li", element("code", outcome["rule"]), f" {outcome['name']} ", _mark(state_of(outcome)), " ",
            *prose(outcome["reason"]),
        )
        for outcome in in_state(file, "not_run", "crashed")
    ]
    items += [element("li", text) for text in skipped(file, NAMED)]
    if items:
        yield element("ul", *items)


def all_rules(file: ReportFile, report: Report) -> Iterator[Element]:
    """How many rules came out how, and every rule with what it asserts and how it came out."""
    asserts = {rule["id"]: rule["asserts"] for rule in report["ruleset"]["rules"]}
    yield element("p", f"{counts(file)}.")
    lines = [_rule(outcome, asserts[outcome["rule"]]) for outcome in file["outcomes"]]
    yield element("table", head("Rule", "What it asserts", "Outcome"), element("tbody", *lines), class_="rules")


def _rule(outcome: ReportOutcome, asserts: str) -> Element:
    state = state_of(outcome)
    name = element("th", element("code", outcome["rule"]), " ", element("span", outcome["name"], class_="name"), scope="row")
    return element("tr", name, element("td", asserts), element("td", _mark(state), " ", _detail(outcome)), class_=state.kind)


def _detail(outcome: ReportOutcome) -> Element:
    if outcome["state"] in ("failed", "waived"):
        return element("small", number(outcome["violations"], outcome["unit"]))
    if outcome["state"] == "passed":
        return element("small", evaluated(outcome))
    if outcome["state"] == "blocked":
        return element("small", f"because {outcome['blocked_by']} failed")
    return element("small", *prose(outcome["reason"]))
