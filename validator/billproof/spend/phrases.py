"""Words that the text and the page share. They take the document and nothing else, so both say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from billproof.model.values import cents, month_name, number
from billproof.spend.tally import total

Tree = Mapping[str, Any]

KIND_NAMES = {
    "spike": "spike", "new": "new", "vanished": "vanished", "price_change": "price change", "odd_price": "odd price",
    "no_quantity": "no quantity",
}  # fmt: skip
SIGNS = {"spike": "●", "new": "+", "vanished": "▼", "price_change": "│", "odd_price": "!", "no_quantity": "!"}
LARGEST_SPIKES, MOST_FINDINGS, NAMED = 5, 20, 3


def in_cents(amount: str | None) -> str:
    """`18,402.17`; a dash where nothing is known."""
    return "-" if amount is None else f"{cents(Decimal(amount)):,f}"


def signed(amount: str | None) -> str:
    """`+1,090.82`, `-120.10`, `0.00`."""
    if amount is None:
        return "-"
    rounded = cents(Decimal(amount))
    return f"{rounded:+,f}" if rounded else "0.00"


def signed_percent(percent: str | None) -> str:
    """`+16.2 %`."""
    return "" if percent is None else f"{float(percent):+.1f} %"


def headline(document: Tree) -> str:
    """`October 2026: 18,402.17 USD, 2,570.20 more than in September (+16.2 %)`, or `October 2026 without europe: …`."""
    last, change, currency = document["months"][-1], document["change"], document["currency"]
    name = month_name(document["to"])
    if last["amount"] is None:
        return f"{name}: no accepted file was read"
    without = f" without {named(last['without'])}" if last["without"] else ""
    text = f"{name}{without}: {in_cents(last['amount'])} {currency}"
    if change is None:
        return f"{text}; no whole month before it to compare with"
    apart = f", compared without {named(not_compared(last))}" if not_compared(last) else ""
    return f"{text}, {compared(change)}{apart}"


def compared(change: Tree) -> str:
    """`2,570.20 more than in September (+16.2 %)`."""
    before = month_name(change["from"])
    if change["from"][:4] == change["to"][:4]:
        before = before.split()[0]
    difference = cents(Decimal(change["change"]))
    if not difference:
        return f"the same as in {before}"
    percent = f" ({signed_percent(change['percent'])})" if change["percent"] is not None else ""
    return f"{abs(difference):,f} {'more' if difference > 0 else 'less'} than in {before}{percent}"


def missing(month: Tree) -> str:
    """Which organizations are not in a month's sum, or not in its change."""
    if month["amount"] is None:
        return "no accepted file was read; not counted as zero"
    without = f"without {named(month['without'])}: no accepted file was read" if month["without"] else ""
    apart = f"change without {named(not_compared(month))}" if not_compared(month) else ""
    return "; ".join(filter(None, (without, apart)))


def not_compared(month: Tree) -> list[str]:
    """The integrations that are in a month's sum, but not in its change."""
    return [name for name in month["compared_without"] if name not in month["without"]]


def scope(document: Tree) -> str:
    """`6 months, 2 organizations, 12 accepted files`."""
    parts = (number(len(document["months"]), "month"), number(len(document["integrations"]), "organization"))
    return f"{', '.join(parts)}, {number(document['files'], 'accepted file')}"


def period(document: Tree) -> str:
    """`6 months`, or `October 2026`: what a share is a share of."""
    count = len(document["months"])
    return number(count, "month") if count > 1 else month_name(document["to"])


def why_title(change: Tree) -> str:
    """`Why October 2026 is 2,570.20 more than September`, and how long the months are."""
    return f"Why {month_name(change['to'])} is {compared(change).replace(' than in ', ' than ').replace('same as in', 'same as')}"


def because(document: Tree) -> str:
    """`Mostly Chatbot: gpt-6-astra, output_tokens (new, +1,293.92) and …`: the two largest drivers that go with the change.
    `Mostly` if they make half of it and nothing moved further against it; else `Largest increases:`.
    """
    change = document["change"]
    if change is None or not (whole := Decimal(change["change"])):
        return ""
    most = [line for line in change["lines"] if (Decimal(line["change"]) > 0) == (whole > 0)][:2]
    if not most:
        return ""
    several = len(document["integrations"]) > 1
    told: list[str] = []
    for line, before in zip(most, (None, *most), strict=False):
        whose = f"{line['integration']}, {line['project_name']}: " if several else f"{line['project_name']}: "
        same = before and (before["integration"], before["project"]) == (line["integration"], line["project"])
        told.append(f"{'' if same else whose}{line['line_item']} ({line['word']}, {signed(line['change'])})")
    half = abs(total(Decimal(line["change"]) for line in most)) >= abs(whole) / 2
    largest = f"Largest {'increase' if whole > 0 else 'decrease'}{'s' if len(most) > 1 else ''}:"
    return f"{'Mostly' if half and most[0] == change['lines'][0] else largest} {' and '.join(told)}"


def short(value: Decimal) -> str:
    """`12.5k`: what fits on a column."""
    for factor, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.1f}{letter}"
    return f"{value:.0f}"


def counted(quantity: str) -> str:
    """A quantity as people read it: from a million on in millions, `4,811.0M`."""
    value = Decimal(quantity)
    return f"{value / 10**6:,.1f}M" if value >= 10**6 else f"{value:,.2f}".rstrip("0").rstrip(".")


def unit_name(unit: str) -> str:
    """A unit as it stands after a quantity: `tokens`, `minutes`; `× 1000 tokens`, so that no number follows a number."""
    name = unit.replace("_", " ").removeprefix("duration ")
    return f"× {name}" if name[:1].isdigit() else name


def lengths(change: Tree) -> str:
    """`31 days against 30: 593.62 a day against 527.73`; empty for months of one length."""
    days = change["days_after"], change["days_before"]
    if days[0] == days[1]:
        return ""
    daily = [in_cents(str(Decimal(change[side]) / count)) for side, count in zip(("after", "before"), days, strict=True)]
    return f"{days[0]} days against {days[1]}: {daily[0]} a day against {daily[1]}"


def effects(line: Tree) -> str:
    """`volume +445.53, price 0.00`; empty where nothing is counted."""
    if line["by_price"] is None:
        return ""
    return f"volume {signed(line['by_volume'])}, price {signed(line['by_price'])}"


def leading(document: Tree) -> tuple[list[Tree], list[Tree]]:
    """The findings that are told first, and the others: smaller spikes, and all but the newest twenty. Newest first."""
    newest = document["findings"][::-1]
    spikes = sorted((entry for entry in newest if entry["kind"] == "spike"), key=lambda entry: -Decimal(entry["amount"]))
    first = [entry for entry in newest if entry not in spikes[LARGEST_SPIKES:]][:MOST_FINDINGS]
    return first, [entry for entry in newest if entry not in first]


def not_judged(document: Tree) -> Iterator[str]:
    """`research, europe: 2026-05-01 to 2026-05-28`: the days that are not judged, and whose."""
    whose: dict[str, list[str]] = {}
    for entry in document["not_judged"]:
        whose.setdefault(f"{entry['from']} to {entry['to']}", []).append(entry["integration"])
    several = len(document["integrations"]) > 1
    for days, names in whose.items():
        yield f"{named(names)}: {days}" if several else days


def gaps(document: Tree) -> Iterator[tuple[str, str, str]]:
    """Integration, months and reason of whatever is not in the sums, or only in part, or not for certain."""
    for integration in document["integrations"]:
        for text, some in groupby(integration["months"], key=_gap):
            months = [month["month"] for month in some]
            if text:
                yield integration["name"], months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}", text


def _gap(month: Tree) -> str:
    doubt = "a later upload has an unknown outcome, so it may have been replaced" if month.get("doubtful") else ""
    return "; ".join(filter(None, (month["text"], doubt)))


def named(names: Sequence[str]) -> str:
    """`research, europe and labs`, or how many they are."""
    *others, last = names
    if len(names) > NAMED:
        return number(len(names), "organization")
    return f"{', '.join(others)} and {last}" if others else last


def shares(entries: list[Tree]) -> str:
    """`standard 81 %, batch 12 %`: of all charges of the period, the largest first."""
    whole = total(Decimal(entry["amount"]) for entry in entries)
    return ", ".join(f"{entry['name']} {share(entry['amount'], whole)}" for entry in entries) if whole > 0 else ""


def share(amount: str, whole: Decimal) -> str:
    """A part of a whole in per cent, without decimals."""
    return f"{Decimal(amount) / whole * 100:.0f} %" if whole > 0 else "-"


def price_verdict(entry: Tree, months: int) -> str:
    """`constant`, `constant in 5 of 6 months`, `price change: 2 to 3.2 on 2026-08-21`."""
    of = f" in {entry['months']} of {number(months, 'month')}" if entry["without_quantity"] else ""
    changes = ", then ".join(f"{one['before']} to {one['after']} on {one['day']}" for one in entry["changes"])
    return f"{entry['verdict']}{of}{f': {changes}' if changes else ''}"
