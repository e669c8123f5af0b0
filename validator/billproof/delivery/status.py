"""`billproof status`: for each integration and month, what the destination accepted, and what is due.

The ledger says what was uploaded, the folders what lies there besides; `due.decide` makes one state of both. Nothing is shown
as fine that was not looked at: a file that cannot be read leaves its integration's months unproved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal
from typing import Any

from billproof.config.file import Config, Integration
from billproof.config.settings import Settings, parse_month
from billproof.delivery.earlier import earlier_uploads
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.store import Ledger, LedgerFault, Month, NoLedger, Standing, open_ledger
from billproof.delivery.month_state import Finding, NewFile, decide
from billproof.engine.pipeline import check_input, judged, prepare
from billproof.engine.verdict import Exit
from billproof.model.errors import Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.values import EXACT, money, month_days, month_end, month_of, rfc3339, shown
from billproof.reading.inputs import NO_EXPORT, Input, find_inputs
from billproof.reading.source import Copy, private_copy
from billproof.rules.rule import RuleSet

SCHEMA = "billproof/status/v1"


class Folder(Record):
    """What lies in an integration's folder besides what was uploaded, and why some of it could not be read."""

    path: str | None = None
    new: tuple[NewFile, ...] = ()
    unread: tuple[str, ...] = ()


def wanted_months(month: str | None, first: str | None, last: str | None, as_of: datetime) -> tuple[str, ...]:
    """The months that were asked for, by default the last one that is over. Raises UsageError."""
    if month is not None and (first is not None or last is not None):
        raise UsageError("--month is one month, --from and --to are a range", "Leave one of them out.")
    if first is None and last is not None:
        raise UsageError("--to needs --from", "Write both: --from 2025-01 --to 2025-12")
    if first is None:
        return (parse_month(month or "last", as_of).value or "",)
    begin = parse_month(first, as_of, "--from").value or ""
    end = parse_month(last or "last", as_of, "--to").value or ""
    if begin > end:
        raise UsageError(f"--from {begin} is later than --to {end}", "Both months count; the earlier one is --from.")
    found = [begin]
    while found[-1] < end:
        found.append(month_of(month_days(found[-1]).stop))
    return tuple(found)


def survey(settings: Settings, months: Sequence[str]) -> dict[str, Any]:
    """The status of `months` as a document (`schemas/status.v1.schema.json`). Nothing is written.

    Raises UsageError if nothing is configured, NoLedger or LedgerFault if nobody can say what was uploaded.
    """
    config = settings.config
    if config is None:
        raise UsageError("status needs a billproof.yaml: it says whose months are wanted", "billproof init FILE writes one.")
    if not config.file.integrations:
        raise UsageError(f"{config.shown_path} has no integration", "Add one for each OpenAI organization.")
    ruleset = prepare(settings)
    ledger = _ledger(config)
    standings = {month: ledger.standing(month) for month in ledger.months()}
    _refuse_a_broken_chain(standings.values())
    found = [_integration(one, config, ledger, standings, months, settings, ruleset) for one in config.file.integrations]
    due = any(one["unplaced"] or one["unread"] or any(month["due"] for month in one["months"]) for one in found)
    unread = any(one["unread"] for one in found)
    return {
        "schema": SCHEMA,
        "as_of": rfc3339(settings.as_of),
        "from": months[0],
        "to": months[-1],
        "due": due,
        "exit_code": int(Exit.UNPROVED if unread else Exit.FAIL if due else Exit.PASS),
        "config": {"path": config.shown_path, "sha256": config.sha256},
        "integrations": found,
        "elsewhere": _elsewhere(config, standings, months),
    }


def _ledger(config: Config) -> Ledger:
    root = config.ledger()
    if root is None:
        help = "Add `ledger: .billproof/ledger` to billproof.yaml, and restore the ledger or run billproof ledger init."
        raise NoLedger("no ledger is configured, so nobody can say what was uploaded", help)
    return open_ledger(root)


def _refuse_a_broken_chain(standings: Iterable[Standing]) -> None:
    """Raises LedgerFault if a receipt is gone that another one names: what came of its month would be told wrongly."""
    receipts = [one for standing in standings for one in standing.receipts]
    known = {one.sha256 for one in receipts}
    for one in receipts:
        for digest in one.previous:
            if digest not in known:
                text = f"the ledger lacks the receipt {digest[:12]}…, which that of {one.month} of {one.organization} follows"
                raise LedgerFault(text, "Restore it from where the ledger is kept; see billproof ledger verify.")


def _integration(
    one: Integration, config: Config, ledger: Ledger, standings: Mapping[Month, Standing], months: Sequence[str],
    settings: Settings, ruleset: RuleSet,
) -> dict[str, Any]:  # fmt: skip
    own = {month.month: held for month, held in standings.items() if month[:2] == (one.to, one.organization)}
    uploaded = [month for month, held in own.items() if held.current and month_end(month) <= settings.as_of]
    first = min(uploaded, default=None)
    folder = _look(one, config, set().union(*(held.seen for held in own.values())), settings, ruleset)
    cells = []
    for month in months:
        standing, new = own.get(month, Standing(())), [file for file in folder.new if file.month == month]
        found = decide(standing, month, settings.as_of, first, new, folder.path)
        if one.to is None:
            found = Finding("no_destination", True, f"due: add `to:` to the integration ({config.place(one.line)})")
        elif folder.unread and not found.due:
            found = Finding("unproved", True, f"not every file in {shown(folder.path or '', None)} could be read")
        cells.append(_month(month, found, standing.current, new, ledger))
    return {
        "name": one.name, "organization": shown(one.organization), "destination": one.to, "files": folder.path,
        "months": cells, "totals": _totals(own[month].current for month in months if month in own),
        "unplaced": [_file(file) for file in folder.new if file.month is None],
        "unread": list(folder.unread),
    }  # fmt: skip


def _look(one: Integration, config: Config, seen: set[str], settings: Settings, ruleset: RuleSet) -> Folder:
    """What lies in the folder of an integration and was never uploaded; each file is read once."""
    if one.files is None:
        return Folder()
    new, unread = [], []
    path = config.beside(one.files).rstrip("/") + "/"
    for found in find_inputs([path]):
        holder = config.integration_of_file(found.path)
        if found.error == NO_EXPORT or (found.error is None and holder is not None and holder.name != one.name):
            continue
        try:
            if found.error is not None:
                raise Unreadable(f"{found.path}: {found.error}")
            with private_copy(found.path) as copy:
                if copy.sha256 not in seen:
                    new.append(_judged(copy, settings, ruleset))
        except Unreadable as error:
            unread.append(shown(error.message, None))
    return Folder(path, tuple(new), tuple(unread))


def _judged(copy: Copy, settings: Settings, ruleset: RuleSet) -> NewFile:
    """A file judged as an upload would. Raises Unreadable."""
    file = check_input(Input(copy.path), settings, ruleset, earlier_uploads, lambda _: nullcontext(copy.source()))
    if file.error is not None:
        raise Unreadable(file.error)
    (verdict,) = judged(settings, ruleset, [file]).verdict.files
    return NewFile(file.path, copy.sha256, file.month.value, verdict.word, verdict.because)


def _month(month: str, found: Finding, current: Receipt | None, new: Sequence[NewFile], ledger: Ledger) -> dict[str, Any]:
    return {
        "month": month, "state": found.state, "due": found.due,
        "amount": money(current.amount) if current else None, "currency": current.currency if current else None,
        "accepted": current.finished if current else None, "file_sha256": current.file_sha256 if current else None,
        "receipt": ledger.path(current).replace("\\", "/") if current else None,
        "newer": [_file(one) for one in new], "text": found.text,
    }  # fmt: skip


def _file(one: NewFile) -> dict[str, Any]:
    return {"path": shown(one.path, None), "sha256": one.sha256, "verdict": one.verdict, "because": list(one.because)}


def _totals(receipts: Iterable[Receipt | None]) -> list[dict[str, Any]]:
    """What was accepted, by currency."""
    sums: dict[str, Decimal] = {}
    counts: Counter[str] = Counter()
    for one in receipts:
        if one is not None:
            sums[one.currency] = EXACT.add(sums.get(one.currency, Decimal(0)), one.amount)
            counts[one.currency] += 1
    return [{"currency": name, "amount": money(sums[name]), "months": counts[name]} for name in sorted(sums)]


def _elsewhere(config: Config, standings: Mapping[Month, Standing], months: Sequence[str]) -> list[dict[str, Any]]:
    """Accepted uploads of these months that no integration with its present destination accounts for."""
    configured = {(one.to, one.organization) for one in config.file.integrations}

    def others() -> Iterator[Month]:
        for month, standing in standings.items():
            if month[:2] not in configured and month.month in months and standing.current:
                yield month

    counts = Counter((one.destination, one.organization) for one in others())
    return [{"destination": to, "organization": shown(id_), "months": n} for (to, id_), n in sorted(counts.items())]
