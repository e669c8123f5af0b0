"""Accepted months held against the newest record of OpenAI's costs: by day and by project, as far as a receipt tells them apart.

Late usage and corrections reach the record, not the file that was uploaded: where they differ, the month is to be exported again.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from billproof.config.file import Config
from billproof.config.settings import Settings
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.month_state import MonthState
from billproof.model.costs import CostsRecord, called
from billproof.model.record import Record
from billproof.model.values import DAY_SECONDS, EXACT, day_end, day_of, in_words, money, month_days, month_end, rfc3339, shown
from billproof.openai.find import newest_fit, settles_of
from billproof.rules.comparison import same, usd


class Compared(Record):
    """What a record says of an accepted file: by how much the file is above it, whether they agree, whether the record was known
    when the file was uploaded.
    """

    record: CostsRecord
    difference: Decimal
    agrees: bool
    known: bool


def against_record(receipt: Receipt, config: Config, settings: Settings) -> Compared | None:
    """An accepted file beside the newest record that fits; None without one, or while all of its days may still change.

    Raises Unreadable for a record that is damaged or of the future.
    """
    costs = config.costs_of(config.integration_of(receipt.organization))
    if costs is None:
        return None
    last = max(map(_number, receipt.days))
    ended = day_end(last) if receipt.document["month_to_date"] else month_end(receipt.month)
    record, _ = newest_fit(config, settings, receipt.organization, receipt.month, ended)
    if record is None:
        return None
    settled = int((record.started - settles_of(costs)).timestamp()) // DAY_SECONDS
    stop = min(record.days.stop, settled, last + 1 if receipt.document["month_to_date"] else settled)
    return _compared(receipt, record, range(record.days.start, stop)) if record.days.start < stop else None


def _compared(receipt: Receipt, record: CostsRecord, days: range) -> Compared:
    by_day: defaultdict[str, Decimal] = defaultdict(Decimal)
    by_project = by_day.copy()
    for (day, project, _), amount in record.amounts.items():
        if day in days:
            by_day[day_of(day).isoformat()] = EXACT.add(by_day[day_of(day).isoformat()], amount)
            by_project[project] = EXACT.add(by_project[project], amount)
    accepted = {day: sum_.amount for day, sum_ in receipt.days.items() if _number(day) in days}
    sides = [(accepted, by_day)]
    # A receipt has no sums by project and day, and an export by line item alone has no projects.
    if len(accepted) == len(receipt.days) and any(receipt.projects):
        sides.append(({id_: sum_.amount for id_, sum_ in receipt.projects.items()}, by_project))
    none = Decimal(0)
    agrees = all(same(own.get(key, none), other.get(key, none)) for own, other in sides for key in own.keys() | other.keys())
    difference = none
    for key in accepted.keys() | by_day.keys():
        difference = EXACT.add(difference, EXACT.subtract(accepted.get(key, none), by_day.get(key, none)))
    known = receipt.document.get("costs") or {}
    return Compared(record, difference, agrees, known.get("sha256") == record.sha256)


def with_record(state: MonthState, compared: Compared | None) -> MonthState:
    """The state of an accepted month once it is known what the record says."""
    if state.state not in ("accepted", "provisional"):
        return state
    if compared is None:
        return state if state.text else state._replace(text="no record of OpenAI's costs")
    record = f"{called(shown(compared.record.base_url))} of {in_words(compared.record.finished)}"
    if compared.agrees:
        return state if state.text else state._replace(text=f"{record} agrees")
    if compared.known:
        return state if state.text else state._replace(text=f"{record} differs, as was known at the upload")
    how = "has the same total, but not by day and project"
    if not same(Decimal(0), compared.difference):
        how = f"has {usd(abs(compared.difference))} {'less' if compared.difference > 0 else 'more'}"
    return MonthState("differs", True, f"due: {record.replace('The record', 'the record', 1)} {how}: export again")


def as_json(compared: Compared | None) -> dict[str, Any] | None:
    """The comparison as `status --format json` prints it."""
    if compared is None:
        return None
    return {
        "sha256": compared.record.sha256, "read": rfc3339(compared.record.finished), "agrees": compared.agrees,
        "difference": money(compared.difference),
    }  # fmt: skip


def _number(day: str) -> int:
    return month_days(day[:7]).start + int(day[8:]) - 1
