"""Where the money is: projects, models, tiers and kinds, month by month; and what a unit costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from billproof.model.values import EXACT, day_of, money, shown
from billproof.spend.drivers import Side
from billproof.spend.line_items import LineItem, family, parse
from billproof.spend.organization import Organization
from billproof.spend.prices import DIGITS, TOKENS, per, shown_price
from billproof.spend.tally import Cell, Meter, total
from billproof.spend.told import project_label

Entry = dict[str, Any]
# What a charge counts for: the integration and project, or a name alone.
Group = tuple[str, ...]

AVERAGE_DIGITS = 6

_ZERO = Decimal(0)


def where(organizations: Sequence[Organization], months: Sequence[str]) -> Entry:
    """The charges of each month by project, model, tier and kind; the largest of all months together first."""
    parsed: dict[str, LineItem] = {}

    def by_item(name: Callable[[LineItem], str]) -> Callable[[Organization, Cell], Group]:
        return lambda _, cell: (name(parsed.get(cell.item) or parsed.setdefault(cell.item, parse(cell.item))),)

    groups: dict[str, Callable[[Organization, Cell], Group]] = {
        "projects": lambda one, cell: (one.integration.name, cell.project, project_label(one, cell.project)),
        "models": by_item(_model),
        "tiers": by_item(lambda item: item.tier or "standard"),
        "kinds": by_item(lambda item: item.kind or "other"),
    }
    return {name: _grouped(organizations, months, group, name == "projects") for name, group in groups.items()}


def _model(item: LineItem) -> str:
    return shown(family(item.model) if item.model else item.raw) or "(no line item)"


def _grouped(
    organizations: Sequence[Organization], months: Sequence[str], group: Callable[[Organization, Cell], Group], of_projects: bool
) -> list[Entry]:
    sums: dict[Group, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    with localcontext(EXACT):
        for organization in organizations:
            for month in months:
                for cell, side in _sides(organization, month).items():
                    sums[group(organization, cell)][month] += side.amount
    ordered = sorted(sums, key=lambda key: (-total(sums[key].values()), key))
    return [_group(key, sums[key], months, of_projects) for key in ordered]


def _sides(organization: Organization, month: str) -> Mapping[Cell, Side]:
    read = organization.months.get(month)
    return read.sides if read is not None else {}


def _group(key: Group, sums: Mapping[str, Decimal], months: Sequence[str], of_projects: bool) -> Entry:
    named = {"integration": key[0], "project": shown(key[1]), "name": key[2]} if of_projects else {"name": key[0]}
    amounts = [money(sums[month]) if month in sums else None for month in months]
    return {**named, "amount": money(total(sums.values())), "months": amounts}


def unit_costs(organizations: Sequence[Organization], months: Sequence[str]) -> list[Entry]:
    """The price of each line item that has quantities in these months; the largest amount first."""
    entries = [
        entry
        for organization in organizations for meter in organization.meters
        if (entry := _unit_cost(organization, meter, months)) is not None
    ]  # fmt: skip
    return sorted(entries, key=lambda entry: (-Decimal(entry["amount"]), entry["integration"], entry["line_item"], entry["unit"]))


def _unit_cost(organization: Organization, meter: Meter, months: Sequence[str]) -> Entry | None:
    metered = {month: organization.months[month].metered.get(meter) for month in months if month in organization.months}
    priced = {month: some for month, some in metered.items() if some is not None and some.rows}
    if not priced:
        return None
    charged = [month for month in metered if any(cell.item == meter.item for cell in _sides(organization, month))]
    amount, quantity = total(some.amount for some in priced.values()), total(some.quantity for some in priced.values())
    prices, judgment = organization.meters[meter]
    digits = DIGITS if judgment.word == "constant" else AVERAGE_DIGITS
    return {
        "integration": organization.integration.name, "line_item": shown(meter.item), "unit": shown(meter.unit),
        "per": shown(per(meter.unit)), "price": _price(amount, quantity, meter.unit, digits), "amount": money(amount),
        "quantity": money(quantity), "rows": sum(some.rows for some in priced.values()), "verdict": judgment.word,
        "months": len(priced), "without_quantity": [month for month in charged if month not in priced],
        "changes": [
            {
                "day": day_of(change.day).isoformat(), "before": shown_price(change.before, meter.unit),
                "after": shown_price(change.after, meter.unit),
            }
            for change in judgment.changes
        ],
        "negative_rows": prices.negative, "free_rows": prices.free,
    }  # fmt: skip


def _price(amount: Decimal, quantity: Decimal, unit: str, digits: int = AVERAGE_DIGITS) -> str:
    return shown_price(Fraction(amount) / Fraction(quantity), unit, digits)


def unpriced(organizations: Sequence[Organization], months: Sequence[str]) -> list[Entry]:
    """The line items with charges in these months that never have a quantity."""
    found = []
    for organization in organizations:
        here = [organization.months[month] for month in months if month in organization.months]
        metered = {meter.item for read in here for meter, some in read.metered.items() if some.rows}
        sums: dict[str, Decimal] = defaultdict(Decimal)
        with localcontext(EXACT):
            for month in months:
                for cell, side in _sides(organization, month).items():
                    if cell.item not in metered:
                        sums[cell.item] += side.amount
        name = organization.integration.name
        found += [{"integration": name, "line_item": shown(item), "amount": money(amount)} for item, amount in sums.items()]
    return sorted(found, key=lambda entry: (-Decimal(entry["amount"]), entry["integration"], entry["line_item"]))


def per_token(organizations: Sequence[Organization], month: str) -> Entry | None:
    """What a million tokens cost in a month, over all line items that count tokens; None if none does."""
    read = [organization.months[month] for organization in organizations if month in organization.months]
    metered = [(meter, some) for one in read for meter, some in one.metered.items() if some.rows]
    counted = [(some, TOKENS[meter.unit]) for meter, some in metered if meter.unit in TOKENS]
    if not counted:
        return None
    amount = total(some.amount for some, _ in counted)
    with localcontext(EXACT):
        tokens = sum((some.quantity * times for some, times in counted), _ZERO)
    return {"month": month, "tokens": money(tokens), "amount": money(amount), "price": _price(amount, tokens, "tokens")}
