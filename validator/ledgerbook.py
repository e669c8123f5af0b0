"""The ledger as people read it, and as it is proved: `ledger init`, `list`, `show` and `verify`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from validator.config import Config
from validator.errors import UsageError
from validator.ledger import Ledger, LedgerFault, Month, file_name, make_ledger, month_of, open_ledger
from validator.receipt import Receipt
from validator.shipped import shipped
from validator.values import cents, shown
from validator.verdict import Exit

Say = Callable[[str], None]

_WORDS = {
    "accepted": "accepted", "already_there": "there already", "refused": "not accepted", "unknown": "not known",
}  # fmt: skip


def run(options: argparse.Namespace, config: Config | None, say: Say) -> int:
    """`billproof ledger ACTION`. Raises UsageError without a configuration, NoLedger without a ledger."""
    root = config.ledger() if config else None
    if config is None or root is None:
        raise UsageError("no ledger is configured", "Add `ledger: .billproof/ledger` to billproof.yaml.")
    if options.action == "init":
        make_ledger(root)
        say(f"{root} is an empty ledger now. Keep it between runs: docs/ci/state.md tells three ways.")
        return Exit.PASS
    ledger = open_ledger(root)
    if options.action == "list":
        say("\n".join(listing(ledger)) or "no upload yet")
    elif options.action == "show":
        integration = next((one for one in config.file.integrations if one.name == options.organization), None)
        say("\n".join(month_page(ledger, integration.organization if integration else options.organization, options.month)))
    else:
        return _verify(ledger, say)
    return Exit.PASS


def listing(ledger: Ledger) -> Iterator[str]:
    """Every attempt, a line each, in the order of destination, organization and month."""
    for month in ledger.months():
        for one in ledger.standing(month).receipts:
            yield _line(one)


def _line(one: Receipt) -> str:
    return (
        f"{shown(one.destination)}  {shown(one.organization)}  {one.month}  {one.n:04}  {one.finished[:16].replace('T', ' ')}  "
        f"{_WORDS[one.status]:<13}  {cents(one.amount):>14,f} {shown(one.currency)}  sha256 {one.file_sha256[:12]}…"
    )


def month_page(ledger: Ledger, organization: str, month: str) -> Iterator[str]:
    """The receipts of one month at every destination. Raises UsageError if there is none."""
    months = [one for one in ledger.months() if one.organization == organization and one.month == month]
    if not months:
        raise UsageError(f"the ledger has no receipt for {month} of {organization}", "See billproof ledger list")
    for one in months:
        standing = ledger.standing(one)
        for each in standing.receipts:
            answer = each.document["answer"]
            yield _line(each) + ("   current" if standing.is_current(each.file_sha256) and each == standing.current else "")
            yield f"    {answer['text']}" + (f"; id {answer['id']}" if answer["id"] else "")
            for waiver in each.document["waivers"]:
                yield f"    {waiver['rule']} signed for by {waiver['owner']} until {waiver['expires']}: {waiver['reason']}"
            yield f"    {each.file_name}, {len(each.days)} days, {len(each.projects)} projects; {ledger.path(each)}"


def _verify(ledger: Ledger, say: Say) -> int:
    checked, faults, notes = verify(ledger)
    for text in (*faults, *notes):
        say(text)
    word = "FAIL" if faults else "PASS"
    say(f"{word}  {checked} receipts, {len(faults)} fault{'s' if len(faults) != 1 else ''}")
    return Exit.FAIL if faults else Exit.PASS


def verify(ledger: Ledger) -> tuple[int, list[str], list[str]]:
    """How many receipts there are; the faults: edited, removed or foreign ones; and notes: forks."""
    faults: list[str] = []
    found: dict[str, Receipt] = {}
    begun: dict[str, Receipt] = {}
    fits = _form()
    for folder, name in ledger.all_files():
        path = os.path.join(folder, name)
        try:
            one = ledger.read(folder, name)
        except LedgerFault as error:
            faults.append(error.message)
            continue
        misfit = fits(one)
        if misfit:
            faults.append(f"{path}: is not in the form of a receipt: {misfit}")
        else:
            (begun if name.endswith(".begun") else found)[one.sha256] = one
    faults += (*_missing(ledger, found, begun), *_unanswered(ledger, found, begun), *_gaps([*found.values(), *begun.values()]))
    return len(found), faults, list(_forks(found))


def _form() -> Callable[[Receipt], str | None]:
    """Says where a document is not as the schema of receipts has it."""
    import jsonschema

    schema = json.loads((shipped("schemas") / "receipt.v1.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)

    def misfit(one: Receipt) -> str | None:
        error = next(iter(validator.iter_errors(one.document)), None)
        return error.json_path if error else None

    return misfit


def _missing(ledger: Ledger, found: Mapping[str, Receipt], begun: Mapping[str, Receipt]) -> Iterator[str]:
    """What receipts name and is not there."""
    for one in found.values():
        path = ledger.path(one)
        for digest in one.previous:
            if digest not in found:
                yield f"{path}: follows the receipt {digest[:12]}…, which is not there: removed or edited"
        if one.attempt is not None and one.attempt not in begun:
            yield f"{path}: its attempt {file_name(one.n, one.attempt, 'begun')} is not there: removed or edited"


def _unanswered(ledger: Ledger, found: Mapping[str, Receipt], begun: Mapping[str, Receipt]) -> Iterator[str]:
    """Attempts without a receipt."""
    answered = {one.attempt for one in found.values()}
    for digest, one in begun.items():
        if digest not in answered:
            yield (
                f"{ledger.path(one, 'begun')}: has no receipt: the command was cut off, or the receipt was removed. "
                "The next upload writes down that its result is not known"
            )


def _gaps(receipts: Iterable[Receipt]) -> Iterator[str]:
    """Numbers of a month that are left out."""
    months: dict[Month, set[int]] = {}
    for one in receipts:
        months.setdefault(month_of(one), set()).add(one.n)
    for month, numbers in sorted(months.items()):
        for n in sorted(set(range(1, max(numbers))) - numbers):
            yield f"{' '.join(month)}: there is no receipt with number {n}: it was removed"


def _forks(found: Mapping[str, Receipt]) -> Iterator[str]:
    """Numbers that two machines gave to different uploads."""
    attempts: dict[tuple[Month, int], set[str | None]] = {}
    for one in found.values():
        attempts.setdefault((month_of(one), one.n), set()).add(one.attempt)
    for (month, n), same in sorted(attempts.items()):
        if len(same) > 1:
            yield f"fork: {' '.join(month)} has {len(same)} uploads with number {n}, of two machines; all are kept"
