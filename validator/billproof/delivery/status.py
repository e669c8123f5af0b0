"""`billproof status`: for each integration and month, what the destination accepted, and what is due.

The ledger says what was uploaded, the folders what is new; `month_state.decide` makes one state of both. Nothing is shown as
fine that was not checked: a file that cannot be read leaves its integration's months unproved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal
from typing import Any

from billproof.config.choice import chosen
from billproof.config.file import Config, Integration
from billproof.config.rulesets import for_integration
from billproof.config.settings import Settings, parse_month
from billproof.delivery.address import Address, configured_address
from billproof.delivery.against_record import Compared, against_record, as_json, with_record
from billproof.delivery.earlier import known
from billproof.delivery.ledger.integrity import Contents, proved
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Month, Standing
from billproof.delivery.ledger.store import NoLedger, open_ledger
from billproof.delivery.month_state import MonthState, NewFile, decide
from billproof.delivery.visibility import seen_by
from billproof.engine.pipeline import check_input, judged, prepare
from billproof.engine.verdict import Exit
from billproof.model.errors import Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.values import EXACT, in_words, money, month_days, month_end, month_of, rfc3339, shown
from billproof.reading.inputs import NO_EXPORT, Input, find_inputs
from billproof.reading.source import Copy, private_copy
from billproof.rules.rule import RuleSet

SCHEMA = "billproof/status/v1"


class Folder(Record):
    """The files of an integration's folder that were never uploaded, and why some of it could not be read."""

    path: str | None = None
    new: tuple[NewFile, ...] = ()
    unread: tuple[str, ...] = ()


def wanted_months(month: str | None, first: str | None, last: str | None, as_of: datetime) -> tuple[str, ...]:
    """The months that were asked for, by default the last complete month. Raises UsageError."""
    if month is not None and (first is not None or last is not None):
        raise UsageError("--month is one month, --from and --to are a range", "Use one or the other.")
    if first is None and last is not None:
        raise UsageError("--to needs --from", "Write both: --from 2025-01 --to 2025-12")
    if first is None:
        return (parse_month(month or "last", as_of).value or "",)
    begin = parse_month(first, as_of, "--from").value or ""
    end = parse_month(last or "last", as_of, "--to").value or ""
    if begin > end:
        raise UsageError(f"--from {begin} is later than --to {end}", "--from is the earlier month; both months are included.")
    months = [begin]
    while months[-1] < end:
        months.append(month_of(month_days(months[-1]).stop))
    return tuple(months)


def survey(settings: Settings, months: Sequence[str]) -> dict[str, Any]:
    """The status of `months` as a document (`schemas/status.v1.schema.json`). Nothing is written.

    Raises UsageError if nothing is configured, NoLedger or LedgerError if it is unknown what was uploaded.
    """
    config = settings.config
    if config is None:
        raise UsageError("status needs a billproof.yaml, which lists the integrations", "billproof init FILE creates one.")
    owners = chosen(config, settings.only)
    if not owners:
        raise UsageError(f"{config.shown_path} has no integrations", "Add one for each OpenAI organization.")
    prepare(settings)
    contents = _contents(config)
    standings = {month: contents.standing(month) for month in contents.months()}
    rows = [
        _integration(integration, config, contents, standings, months, for_integration(settings, integration))
        for integration in owners
    ]
    due = any(row["unplaced"] or row["unread"] or any(month["due"] for month in row["months"]) for row in rows)
    unread = any(row["unread"] for row in rows)
    return {
        "schema": SCHEMA,
        "as_of": rfc3339(settings.as_of),
        "from": months[0],
        "to": months[-1],
        "due": due,
        "exit_code": int(Exit.UNPROVED if unread else Exit.FAIL if due else Exit.PASS),
        "config": {"path": config.shown_path, "sha256": config.sha256},
        "integrations": rows,
        "elsewhere": _elsewhere(config, standings, months, {owner.organization for owner in owners} if settings.only else None),
    }


def _contents(config: Config) -> Contents:
    root = config.ledger()
    if root is None:
        help = "Add `ledger: .billproof/ledger` to billproof.yaml, and restore the ledger or run billproof ledger init."
        raise NoLedger("no ledger is configured, so it is unknown what was uploaded", help)
    return proved(open_ledger(root))


def _integration(
    integration: Integration, config: Config, contents: Contents, standings: Mapping[Month, Standing], months: Sequence[str],
    settings: Settings,
) -> dict[str, Any]:  # fmt: skip
    address = _address(integration, config)
    own = {month.month: standing for month, standing in standings.items() if month[:2] == (address, integration.organization)}
    uploaded = [month for month, standing in own.items() if standing.current and month_end(month) <= settings.as_of]
    first = min(uploaded, default=None)
    folder = _folder(integration, config, set().union(*(standing.seen for standing in own.values())), settings, contents)
    cells, bad = [], list(folder.unread)
    for month in months:
        standing, new = own.get(month, Standing(())), [file for file in folder.new if file.month == month]
        other = _other_upload(integration, address, month, standings)
        elsewhere = f"uploaded to {other}, but `to:` is {integration.to}" if other else ""
        state = decide(standing, month, settings.as_of, first, new, folder.path, elsewhere)
        if integration.to is None:
            state = MonthState("no_destination", True, f"due: add `to:` to the integration ({config.place(integration.line)})")
        elif folder.unread and not state.due:
            state = MonthState("unproved", True, f"not every file in {shown(folder.path or '', None)} could be read")
        compared = None
        if standing.current and config.costs_of(integration):
            try:
                compared = against_record(standing.current, config, settings)
                state = with_record(state, compared)
            except Unreadable as error:
                bad.append(shown(error.message, None))
                state = MonthState("unproved", True, "its record of OpenAI's costs could not be read")
        path = contents.ledger.path(standing.current).replace("\\", "/") if standing.current else None
        by = seen_by(standing.current, config) if standing.current else None
        if by is not None and settings.as_of < by:
            seen = f"{integration.to} should show it by {in_words(by)}"
            state = state._replace(text=f"{state.text}; {seen}" if state.text else seen)
        cells.append({**_month(month, state, standing.current, new, path, compared, by), "elsewhere": other or None})
    return {
        "name": integration.name, "organization": shown(integration.organization), "destination": integration.to,
        "files": folder.path,
        "months": cells, "totals": _totals(own[month].current for month in months if month in own),
        "unplaced": [_file(file) for file in folder.new if file.month is None],
        "unread": bad,
    }  # fmt: skip


def _address(integration: Integration, config: Config) -> Address | None:
    if integration.to is None:
        return None
    return configured_address(config.file.destinations[integration.to], integration.integration)


def _other_upload(
    integration: Integration, address: Address | None, month: str, standings: Mapping[Month, Standing]
) -> str:
    """Which other destination than that of `to:` accepted a month; empty if none did."""
    for key, standing in standings.items():
        same_month = (key.organization, key.month) == (integration.organization, month)
        if same_month and key.address != address and standing.current:
            return standing.destination
    return ""


def _folder(
    integration: Integration, config: Config, seen: set[str], settings: Settings, contents: Contents
) -> Folder:
    """What is in the folder of an integration and was never uploaded; each file is read once."""
    if integration.files is None:
        return Folder()
    ruleset = prepare(settings)
    new, unread = [], []
    path = config.beside(integration.files).rstrip("/") + "/"
    for input in find_inputs([path], config.own_folders()):
        holder = config.integration_of_file(input.path)
        if input.error == NO_EXPORT or (input.error is None and holder is not None and holder.name != integration.name):
            continue
        try:
            if input.error is not None:
                raise Unreadable(f"{input.path}: {input.error}")
            with private_copy(input.path) as copy:
                if copy.sha256 not in seen:
                    new.append(_judged(copy, settings, ruleset, contents))
        except Unreadable as error:
            unread.append(shown(error.message, None))
    return Folder(path, tuple(new), tuple(unread))


def _judged(copy: Copy, settings: Settings, ruleset: RuleSet, contents: Contents) -> NewFile:
    """A file checked under the upload policy. Raises Unreadable."""
    file = check_input(Input(copy.path), settings, ruleset, known(contents), lambda _: nullcontext(copy.source()))
    if file.error is not None:
        raise Unreadable(file.error)
    (verdict,) = judged(settings, ruleset, [file]).verdict.files
    return NewFile(file.path, copy.sha256, file.month.value, verdict.word, verdict.because)


def _month(
    month: str, state: MonthState, current: Receipt | None, new: Sequence[NewFile], receipt: str | None,
    compared: Compared | None, visible_by: datetime | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "month": month, "state": state.state, "due": state.due,
        "amount": money(current.amount) if current else None, "currency": current.currency if current else None,
        "accepted": current.finished if current else None, "file_sha256": current.file_sha256 if current else None,
        "receipt": receipt, "visible_by": None if visible_by is None else rfc3339(visible_by),
        "newer": [_file(file) for file in new], "costs": as_json(compared), "text": state.text,
    }  # fmt: skip


def _file(file: NewFile) -> dict[str, Any]:
    return {"path": shown(file.path, None), "sha256": file.sha256, "verdict": file.verdict, "because": list(file.because)}


def _totals(receipts: Iterable[Receipt | None]) -> list[dict[str, Any]]:
    """What was accepted, by currency."""
    sums: dict[str, Decimal] = {}
    counts: Counter[str] = Counter()
    for receipt in receipts:
        if receipt is not None:
            sums[receipt.currency] = EXACT.add(sums.get(receipt.currency, Decimal(0)), receipt.amount)
            counts[receipt.currency] += 1
    return [{"currency": name, "amount": money(sums[name]), "months": counts[name]} for name in sorted(sums)]


def _elsewhere(
    config: Config, standings: Mapping[Month, Standing], months: Sequence[str], organizations: Collection[str] | None
) -> list[dict[str, Any]]:
    """Accepted uploads of these months, and of these organizations unless all count, that belong to no integration and its
    present destination.
    """
    configured = {(_address(integration, config), integration.organization) for integration in config.file.integrations}
    found: dict[tuple[str, str], list[Receipt]] = {}
    for month, standing in standings.items():
        is_wanted = month.month in months and (organizations is None or month.organization in organizations)
        if standing.current and is_wanted and month[:2] not in configured:
            found.setdefault((standing.destination, month.organization), []).append(standing.current)
    return [
        {"destination": to, "organization": shown(id_), **_named(receipts[-1]), "months": len(receipts)}
        for (to, id_), receipts in sorted(found.items())
    ]


def _named(receipt: Receipt) -> dict[str, str]:
    return {"organization_name": receipt.organization_name} if receipt.organization_name else {}
