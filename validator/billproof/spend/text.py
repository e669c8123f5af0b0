"""The document as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from billproof.model.values import month_name, number, shown
from billproof.spend.phrases import (
    KIND_NAMES,
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
    period,
    price_verdict,
    scope,
    share,
    shares,
    signed,
    signed_percent,
    why_title,
)
from billproof.spend.tally import total

MOST = 10


def render_text(document: Tree) -> str:
    """What people read in a terminal, ending in a line feed."""
    sections = (_head, _months, _why, _happened, _where, _unit_costs, _proof, _cannot_say)
    blocks = [list(section(document)) for section in sections]
    return "\n\n".join("\n".join(shown(line.rstrip(), None) for line in block) for block in blocks if block) + "\n"


def _head(document: Tree) -> Iterator[str]:
    yield headline(document)
    exactly = "" if Decimal(in_cents(document["amount"]).replace(",", "")) == Decimal(document["amount"]) else (
        f", exactly {document['amount']}"
    )  # fmt: skip
    if why := because(document):
        yield why
    yield f"{scope(document)}: together {in_cents(document['amount'])} {document['currency']}{exactly}"


def _months(document: Tree) -> Iterator[str]:
    yield f"Months{document['currency']:>22}"
    for month in document["months"]:
        without = missing(month)
        change = "" if month["change"] is None else f"{signed(month['change']):>12}  {signed_percent(month['percent']):>9}"
        yield f"  {month['month']}  {in_cents(month['amount']):>17}  {change:<23}  {without}"


def _why(document: Tree) -> Iterator[str]:
    change = document["change"]
    if change is None:
        return
    yield why_title(change)
    if lengths(change):
        yield f"  {lengths(change)}"
    several = len(document["integrations"]) > 1
    rows = []
    for line in change["lines"]:
        whose = f"{line['integration']}: {line['project_name']}" if several else line["project_name"]
        rows.append((whose, line["line_item"], line["word"], signed(line["change"]), effects(line)))
    if change["others"]["count"]:
        rows.append((number(change["others"]["count"], "other"), "", "", signed(change["others"]["change"]), ""))
    yield from _columns(rows, right=(3,))
    for other in change["left_out"]:
        yield f"  Left out: {other['integration']} ({other['text']})"


def _happened(document: Tree) -> Iterator[str]:
    first, rest = leading(document)
    if first:
        yield "What happened"
    several = len(document["integrations"]) > 1
    rows = [
        (entry["day"], KIND_NAMES[entry["kind"]], *([entry["integration"]] if several else []), entry["text"]) for entry in first
    ]
    yield from _columns(rows)
    if rest:
        yield f"  and {number(len(rest), 'other finding')}: --format json lists all"
    if not first:
        yield "Nothing stands out"
    for text in not_judged(document):
        yield f"  Not judged: {text}"
    if document["not_judged"]:
        yield f"  ({document['not_judged'][0]['text']})"


def _where(document: Tree) -> Iterator[str]:
    before, last = document["months"][-2:] if len(document["months"]) > 1 else (None, document["months"][-1])
    titles = [month["month"] for month in (before, last) if month]
    several = len(document["integrations"]) > 1
    for title, name in (("Projects", "projects"), ("Models", "models")):
        entries = document["where"][name]
        whole = total(Decimal(entry["amount"]) for entry in entries)
        rows = [(title, *titles, f"share of {period(document)}")]
        for entry in entries[:MOST]:
            label = f"{entry['integration']}: {entry['name']}" if several and "integration" in entry else entry["name"]
            rows.append((f"  {label}", *map(in_cents, entry["months"][-len(titles) :]), share(entry["amount"], whole)))
        if len(entries) > MOST:
            rest = entries[MOST:]
            sums = [_sum(entry["months"][at] for entry in rest) for at in range(-len(titles), 0)]
            all_of_them = str(total(Decimal(entry["amount"]) for entry in rest))
            rows.append((f"  {number(len(rest), 'other')}", *map(in_cents, sums), share(all_of_them, whole)))
        yield from _columns(rows, right=range(1, 4), indent="")
    yield f"Tiers, share of {period(document)}   {shares(document['where']['tiers'])}"
    yield f"Kinds, share of {period(document)}   {shares(document['where']['kinds'])}"


def _sum(amounts: Iterator[str | None]) -> str:
    return str(total(Decimal(amount or 0) for amount in amounts))


def _unit_costs(document: Tree) -> Iterator[str]:
    entries = document["unit_costs"]
    if not entries:
        return
    yield "Unit cost"
    several, months = len(document["integrations"]) > 1, len(document["months"])
    rows = [
        (
            f"{entry['integration']}: {entry['line_item']}" if several else entry["line_item"], entry["price"],
            f"{document['currency']} per {entry['per']}", in_cents(entry["amount"]), price_verdict(entry, months),
        )
        for entry in entries[:MOST]
    ]  # fmt: skip
    yield from _columns(rows, right=(1, 3))
    if len(entries) > MOST:
        yield f"  and {number(len(entries) - MOST, 'other line item')}: --format json lists all"
    for entry in document["per_token"][-1:]:
        yield f"  All tokens of {month_name(entry['month'])}: {entry['price']} {document['currency']} per 1M"


def _proof(document: Tree) -> Iterator[str]:
    missing = list(gaps(document))
    yield f"Proof  {number(document['files'], 'file')}, each with the digest of the receipt by which it was accepted"
    yield from _columns(missing)


def _cannot_say(document: Tree) -> Iterator[str]:
    yield "What this cannot say"
    yield from (f"  {text}" for text in document["cannot_say"])


def _columns(rows: Sequence[tuple[str, ...]], right: Sequence[int] = (), indent: str = "  ") -> Iterator[str]:
    """Rows with their columns below each other; the last column is as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            f"{cell:>{width}}" if at in right else f"{cell:<{width}}"
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"{indent}{'  '.join(cells)}".rstrip()
