"""`billproof upload`: every file is judged before the first is sent, and only the bytes that passed go out.

An upload replaces a month, so this is where money can be lost. What the destination holds already is set aside unjudged;
what was there and has been replaced is refused; of the rest all must pass. The ledger is locked from before the judgement
until the last receipt, so that nothing can be sent that was judged against an older state of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from billproof.config.file import Config
from billproof.config.settings import Settings, refuse_later_than_the_clock
from billproof.delivery import gate
from billproof.delivery.earlier import earlier_uploads
from billproof.delivery.ledger import receipt
from billproof.delivery.ledger.integrity import prove
from billproof.delivery.ledger.store import Ledger, LedgerFault, NoLedger, open_ledger
from billproof.delivery.routing import Addresses, Parcel, Wish, destination_names
from billproof.delivery.shipment import Sending
from billproof.engine.pipeline import Run, checked, judged, prepare, seen, unread
from billproof.engine.verdict import Exit, two_of_a_month
from billproof.model.errors import Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.results import FileResult
from billproof.reading.inputs import Input
from billproof.reading.source import Copy, Seen, Source, private_copy
from billproof.rules.rule import RuleSet


class Taken(Record):
    """A file to be judged, with a private copy, or with the result that says why there is none."""

    input: Input
    copy: Copy | None
    failure: FileResult | None


class Plan(Record):
    """What will be done: in the order of the files, what is settled already, and parcels. `run` is None if none was judged."""

    items: tuple[Sending | Parcel, ...]
    run: Run | None
    exit_code: Exit
    ledger: Ledger | None
    wish: Wish

    @property
    def name_width(self) -> int:
        """How wide the first column of the lines must be."""
        names = [(one if isinstance(one, Sending) else one.file) for one in self.items]
        return max((len(one.integration or one.path) for one in names), default=0)


@contextmanager
def planned(
    settings: Settings, wish: Wish, environment: Mapping[str, str], now: Callable[[], str], waiting: Callable[[], None]
) -> Iterator[Plan]:
    """Judges the files; while the plan is open, its copies and the ledger's lock are held.

    Raises UsageError or ConfigurationError for what only the configuration can mend, BillproofError with code 3 for a
    token that is missing, a ledger that cannot be relied on or that is busy.
    """
    config = _config(settings, wish)
    ruleset = prepare(settings)
    ledger = _ledger(config, wish)
    with ExitStack() as held:
        if ledger is not None:
            if not wish.dry_run:
                held.enter_context(ledger.lock(waiting))
            prove(ledger)
            if not wish.dry_run:
                ledger.settle(now())
        addresses = Addresses(config, ledger, settings, wish)
        items = _parcels(_looked_at(settings, addresses, held), addresses, settings, ruleset)
        _refuse_two_of_a_month(items)
        items = [addresses.addressed(one) if isinstance(one, Parcel) else one for one in items]
        parcels = [one for one in items if isinstance(one, Parcel)]
        run = judged(settings, ruleset, (one.file for one in parcels)) if parcels or not items else None
        code = run.verdict.exit_code if run else Exit.PASS
        if run is not None and code is Exit.PASS:
            items = _sealed(items, run)
            if not wish.dry_run:
                items = [addresses.stamped(one, environment) if isinstance(one, Parcel) else one for one in items]
        yield Plan(tuple(items), run, code, ledger, wish)


def carry_out(plan: Plan, report: Mapping[str, Any] | None, now: Callable[[], str]) -> Iterator[Sending]:
    """Sends what may be sent, one by one, and tells what became of each file as soon as it is addresses."""
    for one in plan.items:
        if isinstance(one, Sending):
            yield one
        elif one.file.hindrance is not None and one.file.hindrance.code == "replaced":
            yield _told(one, "replaced", one.file.hindrance.text, plan)
        elif plan.exit_code is not Exit.PASS:
            yield _told(one, "not_sent", "", plan)
        elif plan.wish.dry_run:
            assert one.request is not None
            yield _told(one, "would_be_sent", one.request.shell, plan)
        else:
            yield _sent(one, plan, report or {}, now)


def exit_code(plan: Plan, sendings: list[Sending]) -> Exit:
    """4 if a wanted send did not happen; else what the judgement said."""
    failed = any(one.fate in ("refused", "unknown") for one in sendings)
    return Exit.NOT_SENT if failed else plan.exit_code


def _sent(one: Parcel, plan: Plan, report: Mapping[str, Any], now: Callable[[], str]) -> Sending:
    assert one.proof and one.shipment and one.destination and one.request and one.copy and plan.ledger
    described = receipt.describe(one.file, report, one.shipment, one.request)
    found = gate.upload(one.proof, one.copy.stream, one.shipment, one.destination, one.token, plan.ledger, described, now)
    answer = found.document["answer"]
    told = _told(one, found.status, answer["text"], plan)
    return told._replace(id=answer["id"], receipt=plan.ledger.path(found))


def _told(one: Parcel, fate: Any, text: str, plan: Plan) -> Sending:
    verdict = None
    if plan.run is not None:
        place = next(number for number, file in enumerate(plan.run.files) if file is one.file)
        verdict = plan.run.verdict.files[place].word
    totals = one.file.totals
    return Sending(
        one.file.path, one.file.integration, one.file.month.value, verdict, totals.amount if totals else None,
        totals.currency if totals else None, fate, text,
        signed=tuple(outcome.rule for outcome in one.file.outcomes if outcome.state == "waived"),
    )  # fmt: skip


def _config(settings: Settings, wish: Wish) -> Config:
    """The configuration, which an upload cannot do without. Raises UsageError."""
    config = settings.config
    if config is None:
        raise UsageError("upload needs a billproof.yaml: it says whose files go where", "billproof init FILE writes one.")
    if settings.to is not None and settings.to not in config.file.destinations:
        raise UsageError(f"--to {settings.to}: no such destination", f"There are {destination_names(config)}.")
    names = [one.name for one in config.file.integrations]
    if wish.only is not None and wish.only not in names:
        raise UsageError(f"--only {wish.only}: no such integration", f"There are {', '.join(names) or 'none'}.")
    refuse_later_than_the_clock(settings)
    return config


def _ledger(config: Config, wish: Wish) -> Ledger | None:
    """The ledger, or None if none can be read there: then the rules that need it say so, and nothing is sent."""
    root = config.ledger()
    if root is None:
        return None
    try:
        return open_ledger(root, wish.attest)
    except (NoLedger, LedgerFault):
        return None


def _looked_at(settings: Settings, addresses: Addresses, held: ExitStack) -> list[Sending | Taken]:
    """Every file that is wanted: what is settled already, or what is to be judged."""
    found: list[Sending | Taken] = []
    wanted = [one for one in settings.inputs if addresses.is_wanted_folder(one.path)]
    for number, one in enumerate(wanted, 1):
        copy, failure = _copied(one, held, seen(settings, number, len(wanted)))
        settled = addresses.settled(copy) if copy else None
        if copy is not None and settled is not None:
            copy.stream.close()
        found.append(settled or Taken(one, copy, failure))
    return found


def _parcels(
    found: Sequence[Sending | Taken], addresses: Addresses, settings: Settings, ruleset: RuleSet
) -> list[Sending | Parcel]:
    """What was taken up with its result, as far as it is wanted."""
    files = _checked([one for one in found if isinstance(one, Taken)], settings, ruleset)
    items: list[Sending | Parcel] = []
    for one in found:
        if isinstance(one, Sending):
            items.append(one)
            continue
        file = one.failure or files[one.input]
        replaced = addresses.replaced(one.copy) if one.copy else None
        if replaced is not None:
            file = file._replace(hindrance=replaced)
        if addresses.is_wanted(file):
            items.append(Parcel(file, one.copy))
    return items


def _checked(taken: Sequence[Taken], settings: Settings, ruleset: RuleSet) -> dict[Input, FileResult]:
    """What is found in each copy. Other processes read the files themselves: what they say counts if the bytes are the copy's."""
    copies = {one.input.path: one.copy for one in taken if one.copy is not None}
    there = [one.input for one in taken if one.copy is not None]

    def opened(path: str) -> AbstractContextManager[Source]:
        return nullcontext(copies[path].source())

    found = checked(there, settings, ruleset, earlier_uploads, opened)
    return {one: _of_copy(file, copies[one.path]) for one, file in zip(there, found, strict=True)}


def _of_copy(file: FileResult, copy: Copy) -> FileResult:
    """The result, if it is of the bytes that are in the copy."""
    if file.sha256 in (None, copy.sha256):
        return file
    text = f"{copy.path}: the file changed while it was read"
    return unread(copy.path, text, "Wait until the download has finished and run the same command again.")


def _copied(one: Input, held: ExitStack, seen: Seen | None) -> tuple[Copy | None, FileResult | None]:
    """A private copy of a file, or the result that says why there is none."""
    if one.error is not None:
        return None, unread(one.path, f"{one.path}: {one.error}")
    try:
        return held.enter_context(private_copy(one.path, seen)), None
    except Unreadable as error:
        return None, unread(one.path, error.message, error.help)


def _refuse_two_of_a_month(items: list[Sending | Parcel]) -> None:
    """Raises UsageError if two files are of one month of one integration: nobody can know which is meant."""
    seen: dict[tuple[str, str], str] = {}
    for one in items:
        path = one.path if isinstance(one, Sending) else one.file.path
        integration = one.integration if isinstance(one, Sending) else one.file.integration
        month = one.month if isinstance(one, Sending) else one.file.month.value
        if integration is None or month is None:
            continue
        if (integration, month) in seen:
            raise UsageError(
                f"{two_of_a_month(month, integration, seen[integration, month], path)}; nothing was sent",
                "An upload replaces the month: name the one that is meant, or take the other out of the folder.",
            )
        seen[integration, month] = path


def _sealed(items: list[Sending | Parcel], run: Run) -> list[Sending | Parcel]:
    """The parcels with their proofs."""
    proofs = iter(run.verdict.passes)
    sealed = [one._replace(proof=next(proofs)) if isinstance(one, Parcel) else one for one in items]
    if any(isinstance(one, Parcel) and (one.proof is None or one.shipment is None) for one in sealed):
        raise gate.NotProved("a file passed and may not be uploaded all the same; nothing was sent. Please report it")
    return sealed
