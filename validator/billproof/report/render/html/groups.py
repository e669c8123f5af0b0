"""Spend by line item and by project: a table with a bar in each line, largest first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.report.render.html.elements import Element, element
from billproof.report.render.html.words import cell, total
from billproof.report.render.phrases import amount, in_cents, number

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportGroup, ReportTotals

FIRST = 8
TOP = 50


def groups(title: str, noun: str, entries: Sequence[ReportGroup], totals: ReportTotals) -> Element | None:
    """The groups with their amounts and shares; those after the eighth are folded. The total is known, so every amount is.

    None if there is no group. There are no shares where an amount is below zero.
    """
    if not entries:
        return None
    currency = totals["currency"]
    largest = max(abs(_value(group)) for group in entries[:TOP])
    whole = Decimal(totals["amount"] or 0) if all(_value(group) >= 0 for group in entries) else Decimal(0)
    lines = [_line(group, noun, largest, whole) for group in entries]
    first, rest = _table(title, lines[:FIRST], currency), entries[FIRST:]
    if not rest:
        return element("div", first, class_="groups")
    together = amount(total(map(_value, rest)), currency)
    more = len(rest) - len(entries[TOP:]) + sum(_how_many(group) for group in entries[TOP:])
    summary = element("summary", f"{number(more, f'more {noun}')}, {together} in total")
    return element("div", first, element("details", summary, _table(f"Other {noun}s", lines[FIRST:], currency)), class_="groups")


def _value(group: ReportGroup) -> Decimal:
    return Decimal(group["amount"] or 0)


def _how_many(rest: ReportGroup) -> int:
    """How many groups the report's last entry, `other (950)`, sums up."""
    return int("".join(digit for digit in rest["id"] if digit.isdigit()))


def _table(title: str, lines: Sequence[Element], currency: str | None) -> Element:
    head = element(
        "tr", element("th", title, scope="col"), element("th", currency or "Amount", scope="col", class_="figure"),
        element("th", "Share", scope="col", class_="figure"),
    )  # fmt: skip
    return element("table", element("thead", head), element("tbody", *lines))


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
    if group["name"]:
        return [cell(group["name"]), element("small", cell(group["id"]))]
    return [cell(group["id"])]
