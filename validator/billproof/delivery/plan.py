"""`billproof upload`: every file is checked before the first is sent, and only the bytes that passed go out.

An upload replaces a month, so this is where money can be lost. Files already uploaded are skipped unchecked; superseded
files are refused; of the rest all must pass. The ledger is locked from before the checks until the last receipt, so that
nothing can be sent that was checked against an older state of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from billproof.config.file import Config
from billproof.config.settings import Settings, refuse_later_than_the_clock
from billproof.delivery import gate
from billproof.delivery.copies import checked_copies
from billproof.delivery.ledger import receipt
from billproof.delivery.ledger.integrity import proved
from billproof.delivery.ledger.store import Ledger, LedgerError, NoLedger, open_ledger
from billproof.delivery.ledger.writer import LedgerWriter
from billproof.delivery.routing import Addressed, Judged, Routes, Sealed, UploadOptions
from billproof.delivery.shipment import UploadResult, UploadStatus
from billproof.delivery.text import what_must_change
from billproof.engine.pipeline import Run, judged, prepare
from billproof.engine.selection import lacking
from billproof.engine.verdict import Exit, Pass, Word, two_of_a_month
from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.results import FileResult, SetAside
from billproof.model.values import shown
from billproof.rules.rule import RuleSet


class Plan(Record):
    """What is known already and what is to be sent, in the order of the files; `run` is None if no file was checked. Set aside
    is what is of another month, and what is uploaded already.
    """

    items: tuple[UploadResult | Sealed, ...]
    run: Run | None
    set_aside: tuple[SetAside, ...] = ()

    @property
    def name_width(self) -> int:
        """How wide the first column of the lines must be."""
        files = [item.addressed.file if isinstance(item, Sealed) else item for item in self.items]
        return max((len(file.integration or file.path) for file in files), default=0)


@contextmanager
def planned(
    settings: Settings,
    options: UploadOptions,
    environment: Mapping[str, str],
    now: Callable[[], str],
    waiting: Callable[[], None],
) -> Iterator[Plan]:
    """Checks the files; while the plan is open, its copies and the ledger's lock are held.

    Raises UsageError or ConfigurationError for what only the configuration can fix, BillproofError with code 3 for a
    token that is missing, a ledger that cannot be relied on or that is busy.
    """
    config = _config(settings)
    ruleset = prepare(settings)
    ledger = _ledger(config)
    with ExitStack() as held:
        writer = None if ledger is None or options.dry_run else LedgerWriter(ledger, options.attest)
        if writer is not None:
            held.enter_context(writer.lock(waiting))
            writer.settle(now())
        contents = writer.contents if writer else proved(ledger) if ledger else None
        routes = Routes(config, contents, settings, options)
        every = checked_copies(settings, routes, ruleset, held)
        checked = [item for item in every if not (isinstance(item, FileResult) and item.set_aside)]
        _refuse_other_rules(checked, config, ruleset)
        _refuse_two_of_a_month(checked)
        items = [routes.addressed(item) if isinstance(item, Judged) else item for item in checked]
        items += lacking(settings, map(_owned, checked))
        aside = tuple(filter(None, map(_aside, every)))
        files = [_file(item) for item in items if not isinstance(item, UploadResult)]
        run = judged(settings, ruleset, files, aside) if files or not items else None

        def seal(addressed: Addressed, proof: Pass) -> UploadResult | Sealed:
            if options.dry_run:
                return _result(addressed.file, "pass", "would_be_sent", addressed.request.shell)
            if writer is None:
                raise _not_uploadable()
            return routes.with_token(addressed, proof, writer, environment)

        yield Plan(tuple(_decided(items, run, seal)), run, aside)


def carry_out(plan: Plan, report: Mapping[str, Any] | None, now: Callable[[], str]) -> Iterator[UploadResult]:
    """Sends what is sealed, file by file, and gives the result of each file as soon as it is known."""
    for item in plan.items:
        yield item if isinstance(item, UploadResult) else _sent(item, report or {}, now)


def exit_code(plan: Plan, results: Sequence[UploadResult]) -> Exit:
    """4 if a wanted send did not happen; else what the checks said."""
    if any(result.status in ("refused", "unknown") for result in results):
        return Exit.NOT_SENT
    return plan.run.verdict.exit_code if plan.run else Exit.PASS


def _sent(sealed: Sealed, report: Mapping[str, Any], now: Callable[[], str]) -> UploadResult:
    file, copy, shipment, destination, request = sealed.addressed
    described = receipt.describe(file, report, shipment, request)
    written = gate.upload(sealed.proof, copy.stream, shipment, destination, sealed.token, sealed.writer, described, now)
    answer = written.document["answer"]
    result = _result(file, "pass", written.status, answer["text"])
    until = what_must_change(answer["code"]) if written.status == "refused" else ""
    path = sealed.writer.ledger.path(written)
    return result._replace(
        id=answer["id"], receipt=path, until=until, finished=written.finished, retry_after=answer["retry_after"]
    )


def not_begun(sealed: Sealed) -> UploadResult:
    """The result for a file that may be sent, while it has not been."""
    return _result(sealed.addressed.file, "pass", "not_sent", "")


def _result(file: FileResult, verdict: Word, status: UploadStatus, text: str) -> UploadResult:
    totals = file.totals
    return UploadResult(
        file.path, file.integration, file.month.value, verdict, totals.amount if totals else None,
        totals.currency if totals else None, status, text,
        waived=tuple(outcome.rule for outcome in file.outcomes if outcome.state == "waived"), sha256=file.sha256,
        organization=file.organization.value,
    )  # fmt: skip


def _config(settings: Settings) -> Config:
    """The configuration, which an upload cannot do without. Raises UsageError."""
    config = settings.config
    if config is None:
        text = "upload needs a billproof.yaml, which says where each organization's files go"
        raise UsageError(text, "billproof init FILE creates one.")
    if settings.to is not None and settings.to not in config.file.destinations:
        raise UsageError(f"--to {settings.to}: no such destination", f"Destinations: {config.destination_names()}.")
    refuse_later_than_the_clock(settings)
    return config


def _ledger(config: Config) -> Ledger | None:
    """The ledger, or None if it cannot be read: then the rules that need it say so, and nothing is sent."""
    root = config.ledger()
    if root is None:
        return None
    try:
        return open_ledger(root)
    except (NoLedger, LedgerError):
        return None


def _file(item: FileResult | Judged | Addressed) -> FileResult:
    return item if isinstance(item, FileResult) else item.file


def _refuse_other_rules(items: Sequence[UploadResult | FileResult | Judged], config: Config, ruleset: RuleSet) -> None:
    """Raises UsageError if the run is not under the rule set of a file's integration: its month is in another format there."""
    integrations = {integration.name: integration for integration in config.file.integrations}
    for item in items:
        file = item if isinstance(item, UploadResult) else _file(item)
        integration = integrations.get(file.integration or "")
        if integration is not None and integration.ruleset != ruleset.base:
            raise UsageError(
                f"{shown(file.path, None)}: the integration {integration.name} ({config.place(integration.line)}) takes files of "
                f"the rule set {integration.ruleset}; this run uses {ruleset.name}, and nothing was sent",
                f"Use --ruleset {integration.ruleset}, or change `ruleset:` of the integration.",
            )


def _owned(item: UploadResult | FileResult | Judged) -> tuple[str, str | None]:
    file = item if isinstance(item, UploadResult) else _file(item)
    return file.path, file.integration


def _aside(item: UploadResult | FileResult | Judged) -> SetAside | None:
    """A file that is not judged: the only results of an upload before its checks are those of files uploaded already."""
    if isinstance(item, UploadResult):
        return SetAside(item.path, item.month, "already_current")
    file = _file(item)
    return SetAside(file.path, file.month.value, file.set_aside) if file.set_aside else None


def _refuse_two_of_a_month(items: Sequence[UploadResult | FileResult | Judged]) -> None:
    """Raises UsageError if two files are of one month of one integration: it is unknown which one is meant."""
    seen: dict[tuple[str, str], str] = {}
    twice = []
    for item in items:
        file = item if isinstance(item, UploadResult) else _file(item)
        month = file.month if isinstance(file, UploadResult) else file.month.value
        if file.integration is None or month is None:
            continue
        first = seen.setdefault((file.integration, month), file.path)
        twice += [two_of_a_month(month, file.integration, first, file.path)] if first != file.path else []
    if twice:
        raise UsageError(
            f"{'; '.join(twice)}; nothing was sent",
            "An upload replaces the month: name the file to upload, or move the other one out of the folder.",
        )


def _decided(
    items: Sequence[UploadResult | FileResult | Judged | Addressed], run: Run | None,
    seal: Callable[[Addressed, Pass], UploadResult | Sealed],
) -> Iterator[UploadResult | Sealed]:  # fmt: skip
    """What is sent if every file passed, each with its proof; else why each file is not."""
    passed = run is not None and run.verdict.exit_code is Exit.PASS
    verdicts = iter(zip(run.verdict.files, run.verdict.passes, strict=True) if run else ())
    for item in items:
        if isinstance(item, UploadResult):
            yield item
            continue
        file, (verdict, proof) = _file(item), next(verdicts)
        if file.hindrance is not None and file.hindrance.code == "replaced":
            yield _result(file, verdict.word, "replaced", file.hindrance.text)
        elif not passed:
            yield _result(file, verdict.word, "not_sent", "")
        elif isinstance(item, Addressed) and proof is not None:
            yield seal(item, proof)
        else:
            raise _not_uploadable()


def _not_uploadable() -> gate.NotProved:
    return gate.NotProved("a file passed, but it cannot be uploaded; nothing was sent. Please report this")
