"""Findings as entries of the document, each with the sentence that people read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billproof.model.values import cents, day_of, money, month_of, number, shown
from billproof.spend.findings import Finding, Key
from billproof.spend.organization import Metering, Organization
from billproof.spend.prices import Change, OddRows, per, shortest, shown_price
from billproof.spend.tally import Meter, Place, total

KINDS = ("spike", "new", "vanished", "price_change", "odd_price", "no_quantity")
NO_PROJECT = "(no project)"
MOST_LINES = 5

Entry = dict[str, Any]


def told(organization: Organization, wanted: range) -> list[Entry]:
    """Everything that stands out on the days in `wanted`, by day."""
    entries = [_of_spend(organization, finding) for finding in organization.findings if finding.day in wanted]
    for meter, metering in organization.meters.items():
        entries += _of_prices(organization, meter, metering, wanted)
    return sorted(entries, key=lambda entry: (entry["day"], KINDS.index(entry["kind"]), entry["text"]))


def project_label(organization: Organization, project: str) -> str:
    """A project's name as it is shown."""
    return shown(organization.project_name(project)) or NO_PROJECT


def usd(amount: Decimal) -> str:
    """`1,204.10`, without a sign."""
    return f"{cents(abs(amount)):,f}"


def _entry(organization: Organization, kind: str, day: int, amount: Decimal, text: str, **more: Any) -> Entry:
    return {
        "kind": kind, "integration": organization.integration.name, "day": day_of(day).isoformat(), "amount": money(amount),
        "level": None, "project": None, "project_name": None, "line_item": None, "expected": None, "by": [], "price": None,
        "rows": None, "lines": [], **more, "text": text,
    }  # fmt: skip


def _named(organization: Organization, project: str | None, item: str | None) -> Entry:
    name = None if project is None else project_label(organization, project)
    return {"project": None if project is None else shown(project), "project_name": name, "line_item": item and shown(item)}


def _label(organization: Organization, key: Key) -> str:
    if key.level == "organization":
        return "all projects together"
    project, item = project_label(organization, key.project), shown(key.item) or "(no line item)"
    return {"project": f"project {project}", "line item": item, "cell": f"{project}, {item}"}[key.level]


def _of_spend(organization: Organization, finding: Finding) -> Entry:
    key, label = finding.key, _label(organization, finding.key)
    project = key.project if key.level in ("project", "cell") else None
    more = {"level": key.level, **_named(organization, project, key.item if key.level in ("line item", "cell") else None)}
    amount = usd(finding.amount)
    if finding.kind == "new":
        return _entry(organization, "new", finding.day, finding.amount, f"{label} is new: {amount} USD since", **more)
    if finding.kind == "vanished":
        text = f"{label} has had no charge since; {amount} USD in the 28 days before"
        return _entry(organization, "vanished", finding.day, finding.amount, text, **more)
    assert finding.expected is not None
    movers = [
        {**_named(organization, mover.cell.project, mover.cell.item), "amount": money(mover.amount)} for mover in finding.movers
    ]
    most = [f"{mover['project_name']}, {mover['line_item']}" for mover in movers]
    # A cell that is the whole of the series says it more exactly.
    whose = most[0] if len(most) == 1 else f"{label} ({'; '.join(most)})" if most and key.level != "cell" else label
    text = f"{amount} USD above the {usd(finding.expected)} expected: {whose}"
    return _entry(organization, "spike", finding.day, finding.amount, text, **more, expected=money(finding.expected), by=movers)


def _of_prices(organization: Organization, meter: Meter, metering: Metering, wanted: range) -> Iterator[Entry]:
    item, unit = shown(meter.item), meter.unit
    named = {"level": "line item", **_named(organization, None, meter.item)}
    for change in metering.judgment.changes:
        if change.day in wanted:
            yield _price_change(organization, change, item, unit, named)
    for odd in metering.judgment.odd:
        if odd.day in wanted:
            yield _odd_price(organization, odd, item, unit, named)
    free = {day: rows for day, rows in metering.prices.without_quantity.items() if day in wanted}
    if free:
        amount, rows = total(some.amount for some in free.values()), sum(some.rows for some in free.values())
        places = [place for place in metering.prices.without_quantity_places if place.day in wanted]
        text = f"{number(rows, 'row')} of {item} charged without a quantity: {usd(amount)} USD{_where(organization, places)}"
        more = {**named, "rows": rows, "lines": _lines(organization, places)}
        yield _entry(organization, "no_quantity", min(free), amount, text, **more)


def _price_change(organization: Organization, change: Change, item: str, unit: str, named: Entry) -> Entry:
    before, after = shown_price(change.before, unit), shown_price(change.after, unit)
    what = "more" if change.amount > 0 else "less"
    text = f"{item} went from {before} to {after} USD per {per(unit)}: {usd(change.amount)} USD {what} since"
    price = {"per": per(unit), "before": before, "after": after, "times": _times(change.after, change.before)}
    return _entry(organization, "price_change", change.day, change.amount, text, **named, price=price, rows=change.mixed_rows)


def _odd_price(organization: Organization, odd: OddRows, item: str, unit: str, named: Entry) -> Entry:
    price, expected = shown_price(odd.price, unit), shown_price(odd.expected, unit)
    times = _times(odd.price, odd.expected)
    what = "more" if odd.amount > 0 else "less"
    text = (
        f"{number(odd.rows, 'row')} of {item} at {price} USD per {per(unit)}, {times} times the usual {expected}: "
        f"{usd(odd.amount)} USD {what}{_where(organization, odd.places)}"
    )
    more = {**named, "rows": odd.rows, "lines": _lines(organization, odd.places)}
    more["price"] = {"per": per(unit), "before": expected, "after": price, "times": times}
    return _entry(organization, "odd_price", odd.day, odd.amount, text, **more)


def _times(price: Decimal, expected: Decimal) -> str:
    """How often a price is another one, to three digits: `10`, `0.1`, `1.28`."""
    return shortest(Fraction(price) / Fraction(expected), 3)


def _lines(organization: Organization, places: Sequence[Place]) -> list[Entry]:
    return [{"file": _file(organization, place), "line": place.line} for place in places]


def _where(organization: Organization, places: Sequence[Place]) -> str:
    if not places:
        return ""
    lines = ", ".join(str(place.line) for place in places[:MOST_LINES])
    more = ", …" if len(places) > MOST_LINES else ""
    return f" ({_file(organization, places[0])}, line{'s' if len(places) > 1 else ''} {lines}{more})"


def _file(organization: Organization, place: Place) -> str:
    return organization.months[month_of(place.day)].accepted.receipt.file_name
