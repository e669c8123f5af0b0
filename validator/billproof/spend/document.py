"""`billproof spend` as a document (`schemas/spend.v1.schema.json`): what the accepted months say, and what they do not.

Everything that people see, as text, page or table, is made from this document.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from billproof import __version__
from billproof.config.file import Config, Integration
from billproof.config.settings import Settings, parse_month
from billproof.delivery.ledger.integrity import Contents, proved
from billproof.delivery.ledger.store import NoLedger, open_ledger
from billproof.model.errors import BillproofError, UsageError
from billproof.model.record import Record
from billproof.model.values import day_of, money, month_before, month_days, month_name, month_of, number, shown
from billproof.rules.compiled import load_ruleset
from billproof.spend.accepted import Accepted, Places, accepted_months
from billproof.spend.drivers import Side, What, drivers
from billproof.spend.organization import Organization, Watch, read_organization
from billproof.spend.proof import not_judged, proof
from billproof.spend.tally import total
from billproof.spend.told import project_label, told
from billproof.spend.where import per_token, unit_costs, unpriced, where

SCHEMA = "billproof/spend/v1"

CANNOT_SAY = (
    "Charges outside OpenAI's API, credits, taxes and commitments are not in a cost export.",
    "Whether a project filter was on when a file was exported; OpenAI's own record can show it (billproof costs fetch).",
    "Charges that OpenAI booked after a file was exported.",
    "What stands out is a hint from statistics, not a verdict; no check and no upload rests on it.",
)

Entry = dict[str, Any]


class NothingAccepted(BillproofError):
    """There is no month to speak of."""


class Asked(Record):
    """What was asked for: a first and a last month (None: what there is), integrations, and folders to look in."""

    first: str | None
    last: str | None
    integrations: tuple[Integration, ...]
    folders: tuple[str, ...]


class Spend(Record):
    """The document, and what it was made from."""

    document: Entry
    organizations: tuple[Organization, ...]
    months: tuple[str, ...]


def spend(settings: Settings, asked: Asked) -> Spend:
    """What the accepted months say. Raises UsageError, NothingAccepted, NoLedger or LedgerError. Nothing is written."""
    config = settings.config
    if config is None:
        raise UsageError("spend needs a billproof.yaml, which says where receipts and exports are", "billproof init creates one.")
    contents = _contents(config)
    known = contents.months()
    accepted = {one.name: accepted_months(contents, known, config, one) for one in asked.integrations}
    months = _wanted(asked, {month for some in accepted.values() for month in some}, settings.as_of)
    _refuse_several_currencies([one for some in accepted.values() for one in some.values()])
    places = Places(config, asked.folders)
    roles = {name: load_ruleset(name).roles for name in {one.ruleset for one in asked.integrations}}
    # All that is known before the range is read as well: it says what is usual.
    past = [[month for month in accepted[one.name].values() if month.month <= months[-1]] for one in asked.integrations]
    watch = _watch(settings, sum(map(len, past)))
    organizations = tuple(
        read_organization(one, read, places, roles[one.ruleset], watch)
        for one, read in zip(asked.integrations, past, strict=True)
    )
    if not any(month in one.months for one in organizations for month in months):
        lost = [text for one in organizations for month, (_, text) in one.lost.items() if month in months]
        text = f"UNPROVED  none of the {number(len(lost), 'accepted file')} was found; the first: {lost[0]}"
        raise NothingAccepted(text, "Name the folder where they are: billproof spend FOLDER")
    return Spend(_document(config, organizations, accepted, months), organizations, tuple(months))


def _watch(settings: Settings, count: int) -> Watch:
    """Shows how far the files are read, if somebody would see it."""
    numbers = itertools.count(1)

    def watch(month: Accepted) -> None:
        if settings.watch is not None:
            settings.watch(next(numbers), count, month.receipt.file_name, 0, None)

    return watch


def _contents(config: Config) -> Contents:
    root = config.ledger()
    if root is None:
        help = "Add `ledger: .billproof/ledger` to billproof.yaml, and restore the ledger or run billproof ledger init."
        raise NoLedger("no ledger is configured, so it is unknown which months were accepted", help)
    return proved(open_ledger(root))


def _wanted(asked: Asked, known: set[str], now: datetime) -> list[str]:
    """Every month from the first that was asked for, or accepted, to the last. Raises UsageError, NothingAccepted."""
    first = None if asked.first is None else parse_month(asked.first, now, "--from").value
    last = None if asked.last is None else parse_month(asked.last, now, "--to").value
    if first and last and first > last:
        raise UsageError(f"--from {first} is later than --to {last}", "--from is the earlier month; both months are included.")
    inside = [month for month in known if (not first or month >= first) and (not last or month <= last)]
    if not inside:
        text = "no month was accepted by a destination" + (" in that range" if known else "")
        raise NothingAccepted(f"UNPROVED  {text}, so there is nothing to add up", "billproof status lists what was uploaded.")
    months = [first or min(inside)]
    while months[-1] < (last or max(inside)):
        months.append(month_of(month_days(months[-1]).stop))
    return months


def _refuse_several_currencies(accepted: Sequence[Accepted]) -> None:
    currencies = sorted({month.receipt.currency for month in accepted})
    if len(currencies) > 1:
        raise UsageError(f"the accepted months are in {' and '.join(currencies)}, which cannot be added up", "Use --only.")


def _document(
    config: Config, organizations: Sequence[Organization], accepted: dict[str, dict[str, Accepted]], months: Sequence[str]
) -> Entry:
    wanted = range(month_days(months[0]).start, month_days(months[-1]).stop)
    read = [one.months[month] for one in organizations for month in months if month in one.months]
    return {
        "schema": SCHEMA,
        "tool": {"name": "billproof", "version": __version__},
        "config": {"path": config.shown_path, "sha256": config.sha256},
        "from": months[0],
        "to": months[-1],
        "currency": next((month.receipt.currency for some in accepted.values() for month in some.values()), "USD"),
        "amount": money(total(month.amount for month in read)),
        "files": len(read),
        "months": [_month(month, organizations) for month in months],
        "change": change(organizations, months[-1]),
        "days": _days(organizations, wanted),
        "findings": sorted((entry for one in organizations for entry in told(one, wanted)), key=lambda entry: str(entry["day"])),
        "not_judged": [entry for one in organizations for entry in not_judged(one, wanted)],
        "where": where(organizations, months),
        "unit_costs": unit_costs(organizations, months),
        "unpriced": unpriced(organizations, months),
        "per_token": [entry for month in months if (entry := per_token(organizations, month)) is not None],
        "integrations": [proof(one, months) for one in organizations],
        "cannot_say": list(CANNOT_SAY),
    }


def _month(month: str, organizations: Sequence[Organization]) -> Entry:
    here = [one for one in organizations if month in one.months]
    compared = change(organizations, month)
    return {
        "month": month, "name": month_name(month), "days": len(month_days(month)),
        "amount": money(total(one.months[month].amount for one in here)) if here else None,
        "without": [one.integration.name for one in organizations if month not in one.months],
        "change": compared["change"] if compared else None, "percent": compared["percent"] if compared else None,
        "compared_without": [other["integration"] for other in compared["left_out"]] if compared else [],
    }  # fmt: skip


def change(organizations: Sequence[Organization], month: str) -> Entry | None:
    """What made a month differ from the one before, over the organizations that have both whole; None if none has."""
    before = month_before(month)
    both = [one for one in organizations if _whole(one, before) and _whole(one, month)]
    if not both:
        return None
    sides: list[dict[What, Side]] = [
        {(one.integration.name, *cell): side for one in both for cell, side in one.months[which].sides.items()}
        for which in (before, month)
    ]
    found = drivers(*sides)
    was, now = (total(one.months[which].amount for one in both) for which in (before, month))
    by_name = {one.integration.name: one for one in both}
    lines = [
        {
            "integration": line.integration, "project": shown(line.project),
            "project_name": project_label(by_name[line.integration], line.project), "line_item": shown(line.item),
            "word": line.word, "before": money(line.before), "after": money(line.after), "change": money(line.change),
            "by_price": None if line.by_price is None else money(line.by_price),
            "by_volume": None if line.by_volume is None else money(line.by_volume),
        }
        for line in found.lines
    ]  # fmt: skip
    others = [one for one in organizations if one not in both]
    left_out = [{"integration": one.integration.name, "text": _why(one, before, month)} for one in others]
    return {
        "from": before, "to": month, "before": money(was), "after": money(now), "change": money(found.change),
        "percent": _percent(found.change, was), "days_before": len(month_days(before)), "days_after": len(month_days(month)),
        "lines": lines, "others": {"count": found.others, "change": money(found.others_change)}, "left_out": left_out,
    }  # fmt: skip


def _whole(organization: Organization, month: str) -> bool:
    read = organization.months.get(month)
    return read is not None and not read.missing_days


def _why(organization: Organization, before: str, month: str) -> str:
    for which in (before, month):
        if which not in organization.months:
            return f"no accepted file of {month_name(which)} was read"
        if missing := organization.months[which].missing_days:
            return f"{number(missing, 'day')} of {month_name(which)} missing"
    return ""


def _percent(change: Decimal, before: Decimal) -> str | None:
    if before <= 0:
        return None
    return f"{float(change / before) * 100:.1f}"


def _days(organizations: Sequence[Organization], wanted: range) -> list[Entry]:
    """The charges of every day of the range; None where no organization has a row."""
    days = []
    for day in wanted:
        month = month_of(day)
        here = [one.months[month] for one in organizations if month in one.months and day in one.months[month].days]
        amount = money(total(read.by_day.get(day, Decimal(0)) for read in here)) if here else None
        days.append({"day": day_of(day).isoformat(), "amount": amount})
    return days
