"""Elements of a page, and the one place where they become text: what is not an element is escaped, always.

No function here takes markup, so nothing that a report says can become any. There is no way to ask for event handlers, for
scripts or for addresses outside the page: `element` knows the attributes and tags of the page alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import TypeAlias

from billproof.model.record import Record

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
