"""Elements of a page, and the one place where they become text: what is not an element is escaped, always.

No function here takes markup, so nothing that a report says can become any. There is no way to ask for event handlers, for
scripts or for addresses outside the page: `element` knows the attributes and tags of the page alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from billproof.model.record import Record
from billproof.model.values import number

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportDay, ReportOutcome

TAGS = frozenset((
    "article", "bdi", "body", "caption", "code", "dd", "details", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4", "header",
    "li", "main", "p", "pre", "section", "small", "span", "strong", "summary", "table", "tbody", "td", "tfoot", "th", "thead",
    "title", "tr", "ul", "a", "svg", "line", "rect", "text",
))  # fmt: skip
ATTRIBUTES = frozenset((
    "aria-hidden", "aria-label", "aria-labelledby", "class", "height", "href", "id", "role", "scope", "tabindex", "text-anchor",
    "width", "x", "x1", "x2", "y", "y1", "y2",
))  # fmt: skip
_IN_A_LINE = frozenset(("a", "bdi", "code", "small", "span", "strong"))


class Element(Record):
    """A tag with its attributes and content: elements, and text as it is meant to be read."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Node, ...]


Node: TypeAlias = Element | str


def element(tag: str, *children: Node | None, **attributes: str | None) -> Element:
    """An element. `None` as a child or an attribute is left out; `class_` is written class, `aria_label` aria-label.

    Raises ValueError for a tag or an attribute that the page does not use, and for a link that leaves the page.
    """
    named = tuple((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items() if value is not None)
    if tag not in TAGS or not ATTRIBUTES.issuperset(name for name, _ in named):
        raise ValueError(f"no element of this page: {tag} {dict(named)}")
    if any(name == "href" and not value.startswith("#") for name, value in named):
        raise ValueError("a link of this page leads to a place within it")
    return Element(tag, named, tuple(child for child in children if child is not None))


def prose(text: str) -> list[Node]:
    """Text of a rule or of the program itself: what stands between backticks is code."""
    parts = re.split("`([^`]+)`", text)
    return [element("code", part) if number % 2 else part for number, part in enumerate(parts)]


def document(title: str, style: str, body: Element) -> str:
    """A whole page. The policy in its head allows this one style sheet, by its digest, and nothing else: no script, no picture,
    no address.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"{write(element('title', title))}<style>{style}</style>\n</head>\n{write(body)}</html>\n"
    )


def write(node: Node) -> str:
    """A node as HTML, every text and every attribute escaped."""
    return "".join(_pieces(node))


def _pieces(node: Node) -> Iterator[str]:
    if isinstance(node, str):
        yield escape(node, quote=False)
        return
    yield f"<{node.tag}"
    for name, value in node.attributes:
        yield f' {name}="{escape(value)}"'
    yield ">"
    for child in node.children:
        yield from _pieces(child)
    yield f"</{node.tag}>"
    if node.tag not in _IN_A_LINE:
        yield "\n"


def head(*titles: str, figures: Iterable[Node] = ()) -> Element:
    """The head of a table: a row of column titles, those of figures last."""
    columns = [element("th", title, scope="col") for title in titles]
    columns += [element("th", title, scope="col", class_="figure") for title in figures]
    return element("thead", element("tr", *columns))


class Badge(Record):
    """How a state is shown: the class that colors it, a sign, and the word."""

    kind: str
    sign: str
    word: str


_VERDICTS = {
    "pass": Badge("good", "✓", "PASS"), "fail": Badge("bad", "✗", "FAIL"), "unproved": Badge("doubt", "?", "UNPROVED"),
}  # fmt: skip
_FAILED = {"error": Badge("bad", "✗", "failed"), "warning": Badge("doubt", "!", "warning"), "note": Badge("plain", "i", "note")}
_STATES = {
    "passed": Badge("good", "✓", "passed"),
    "waived": Badge("doubt", "✎", "waived"),
    "not_applicable": Badge("plain", "·", "not applicable"),
    "not_run": Badge("doubt", "?", "not run"),
    "blocked": Badge("doubt", "?", "skipped"),
    "crashed": Badge("bad", "✗", "crashed"),
    "off": Badge("doubt", "–", "disabled"),
}
_DAYS = {
    "charged": Badge("charged", "", "charges"),
    "empty": Badge("empty", "·", "no usage"),
    "missing": Badge("missing", "!", "missing"),
    "outside": Badge("outside", "×", "outside"),
    "open": Badge("open", "–", "not ended"),
}
_UNITS = {"cell": "row", "row": "row", "record": "row", "line": "line", "day": "day"}


def stamp(verdict: str, tag: str = "span") -> Element:
    """A verdict as a word in a frame."""
    state = _VERDICTS[verdict]
    return element(tag, element("span", state.sign, aria_hidden="true"), f" {state.word}", class_=f"stamp {state.kind}")


def stamps(verdict: str, blockers: str) -> Iterator[Element]:
    """The stamps of a file or run: its verdict and, if there are `blockers`, that it is not ready to upload."""
    yield stamp(verdict, "p")
    if verdict == "pass" and blockers:
        yield element("p", element("span", "!", aria_hidden="true"), " Not ready to upload", class_="stamp doubt")


def state_of(outcome: ReportOutcome) -> Badge:
    """The state of a rule's outcome."""
    return _FAILED[outcome["level"]] if outcome["state"] == "failed" else _STATES[outcome["state"]]


def day_state(day: ReportDay) -> Badge:
    """The state of a day of the calendar."""
    return _DAYS[day["state"]]


def evaluated(outcome: ReportOutcome) -> str:
    """How much a rule checked: `112 rows`, `31 days`, or `the file`."""
    unit = _UNITS.get(outcome["unit"])
    return number(outcome["evaluated"], unit) if unit else "the file"


def cell(text: str, class_: str | None = None) -> Element:
    """Text out of the file: it reads in its own direction and does not turn what is next to it."""
    return element("bdi", text, class_=class_)
