"""The pipeline, top to bottom: settings, rule set, files, outcomes, verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from billproof.config.settings import Settings, refuse_later_than_the_clock
from billproof.engine.diagnosis import Facts, diagnose
from billproof.engine.evaluate import Engine
from billproof.engine.outcomes import infer_month, infer_organization, is_of_another_month
from billproof.engine.verdict import Verdict, judge
from billproof.model.errors import Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.results import DayFacts, FileResult, Hindrance, History, RuleDuty, RuleSetDuty, SetAside, Sourced, unread
from billproof.model.values import day_end, day_of, month_days, month_end, shown
from billproof.reading.inputs import Input
from billproof.reading.parse import limited_cells
from billproof.reading.reader import Reader
from billproof.reading.source import STANDARD_INPUT, Seen, Source, open_source
from billproof.reading.totals import Collector
from billproof.reading.view import Columns
from billproof.rules.checks.base import FileContext, Settled
from billproof.rules.compiled import load_ruleset
from billproof.rules.rule import RuleSet
from billproof.rules.table_schema import recognize

if TYPE_CHECKING:
    from billproof.config.file import Config, Integration
    from billproof.config.waivers import Waive
    from billproof.model.costs import CostsAtHand, CostsFacts
    from billproof.model.results import Outcome

class Known(Record):
    """What others know of an organization and a month: what was uploaded before, and what OpenAI's own record says, read when
    the last day to compare had ended. `costs` raises Unreadable for a record that cannot be relied on.
    """

    uploads: Callable[[Settings, Sourced, Sourced], History]
    costs: Callable[[Settings, Sourced, Sourced, datetime], CostsAtHand]


# Gives the bytes behind a path.
Opened = Callable[[str], AbstractContextManager[Source]]


class Run(Record):
    """A finished check: settings and rules, the results of its files, the verdict, and the files that were set aside."""

    settings: Settings
    ruleset: RuleSet
    files: tuple[FileResult, ...]
    verdict: Verdict
    set_aside: tuple[SetAside, ...] = ()


def check(settings: Settings, known: Known, opened: Opened = open_source) -> Run:
    """Checks the files of `settings` beside what is `known` elsewhere. Raises ConfigurationError for an invalid rule set or
    waiver, UsageError for what an upload refuses; never for a file.
    """
    refuse_later_than_the_clock(settings)
    ruleset = prepare(settings)
    results = checked(settings.inputs, settings, ruleset, known, opened)
    if not settings.only and (settings.month is None or all(file.folder is None for file in settings.inputs)):
        return judged(settings, ruleset, results)
    from billproof.engine.selection import selected

    return judged(settings, ruleset, *selected(results, settings))


def prepare(settings: Settings) -> RuleSet:
    """The rule set of a run, once its waivers are valid. Raises ConfigurationError for an invalid rule set or waiver, UsageError
    if a record of costs is named or demanded that no rule compares with.
    """
    ruleset = load_ruleset(settings.ruleset.value or "")
    asks = any("costs" in rule.file.needs for rule in ruleset.rules)
    if not asks and (settings.costs is not None or settings.costs_required):
        option = "--costs" if settings.costs is not None else "--costs-required"
        text = f"{option}: the rule set {ruleset.name} compares nothing with a record of OpenAI's costs"
        raise UsageError(text, f"Leave {option} out, or name another rule set: --ruleset openai-cost")
    if settings.config:
        from billproof.config.waivers import check_waivers

        check_waivers(settings.config, ruleset, max(settings.as_of, settings.now).date())
    return ruleset


def judged(settings: Settings, ruleset: RuleSet, files: Iterable[FileResult], set_aside: Sequence[SetAside] = ()) -> Run:
    """The run over files that were checked, with its verdict, beside those that were set aside."""
    results = tuple(files)
    duties = [
        RuleDuty(rule.id, rule.file.core, rule.file.optional_in_check, rule.kind.kind == "day_coverage") for rule in ruleset.rules
    ]
    verdict = judge(RuleSetDuty(tuple(duties), ruleset.weaker), results, settings.policy)
    return Run(settings, ruleset, results, verdict, tuple(set_aside))


def checked(
    inputs: Sequence[Input], settings: Settings, ruleset: RuleSet, known: Known, opened: Opened = open_source
) -> list[FileResult]:
    """The result of each file, in their order. With `--jobs`, other processes read the paths; what only this one has, such as
    standard input, is `opened` here.
    """
    elsewhere = [file for file in inputs if file.error is None and file.path != STANDARD_INPUT]
    there: dict[Input, FileResult] = {}
    if settings.jobs > 1 and len(elsewhere) > 1:
        from billproof.engine.workers import side_by_side

        work = partial(check_input, settings=settings._replace(watch=None), ruleset=ruleset, known=known)
        watch, count = settings.watch, len(inputs)
        # How much of its file another process has read is not known here, only that it has ended.
        ended = None if watch is None else lambda number: watch(number, count, "", 0, None)
        results = side_by_side(work, elsewhere, settings.jobs, _lost, ended)
        there = dict(zip(elsewhere, results, strict=True))
    return [
        there.get(file) or check_input(file, settings, ruleset, known, opened, seen(settings, number, len(inputs)))
        for number, file in enumerate(inputs, 1)
    ]


def seen(settings: Settings, number: int, count: int) -> Seen | None:
    """What a source calls while file `number` of `count` is read."""
    return None if settings.watch is None else partial(settings.watch, number, count)


def check_input(
    file: Input, settings: Settings, ruleset: RuleSet, known: Known, opened: Opened = open_source, seen: Seen | None = None
) -> FileResult:
    """The result of one file; one that cannot be read has an `error`."""
    if file.error is not None:
        return unread(file.path, f"{file.path}: {file.error}")
    try:
        with opened(file.path) as source:
            source.seen = seen
            result = check_file(source, settings, ruleset, known, file.folder is not None)
        if not settings.second_opinion or result.set_aside is not None:
            return result
        from billproof.engine.second_opinion import second_opinion

        return result._replace(second_opinion=second_opinion(result, ruleset))
    except Unreadable as error:
        return unread(file.path, error.message, error.help)


def check_file(source: Source, settings: Settings, ruleset: RuleSet, known: Known, in_folder: bool = False) -> FileResult:
    """Everything about one file. One that was found in a folder, and whose rows show another month than the one that is wanted,
    is set aside. Raises Unreadable if it cannot be read to its end.
    """
    configured = settings.config.configured() if settings.config else []
    given = settings.organization or _of_folder(source, settings.config)
    with limited_cells():
        reader = Reader(source)
        allowed = [given.value] if given and given.value else [organization for organization, _ in configured]
        context = _context(source, reader, settings, ruleset, allowed)
        engine = Engine(ruleset, context)
        engine.run(reader)
    organization = given or infer_organization(context.collector.organizations, configured)
    month = own = infer_month(context.collector.days, settings.as_of)
    integration = settings.config.integration_of(organization.value) if settings.config else None
    if settings.month is not None:
        month, is_readable = settings.month, context.collector.exact and source.complete
        undated = context.collector.undated_rows() + reader.unread_lines
        if in_folder and is_readable and is_of_another_month(context.collector.days, own.value, month.value or "", undated):
            aside = unread(source.path, "")._replace(month=own, error=None, set_aside="other_month")
            return aside._replace(integration=integration.name if integration else None)
    expected = settings.config.total_of(integration, month.value) if settings.config and settings.expected_total is None else None
    settled = _settled(context, known, settings, organization, month)
    settled = settled._replace(expected_total=Decimal(expected.value or "") if expected else settings.expected_total)
    outcomes = engine.outcomes(settled, _waive(source.sha256, settled, settings))
    head, history = reader.head, settled.history
    inexact = None if context.collector.exact else f"{source.path}: the amounts cannot be summed exactly in 200 digits"
    result = FileResult(
        path=source.path, name=source.name, bytes=source.size, sha256=source.sha256, parsed_bytes=reader.parsed_bytes,
        complete=source.complete, export=context.export.export, header=head.header, rows=context.collector.rows,
        unread_lines=reader.unread_lines, organization=organization, month=month,
        totals=context.collector.totals() if head.parsable else None,
        days=_days(context.collector, month.value, settings), outcomes=outcomes,
        integration=integration.name if integration else None, month_to_date=settings.month_to_date,
        error=inexact, last_upload=history.last, upload_before=history.before,
        destination=None if history.lacking else history.destination,
        hindrance=_hindrance(source.sha256, integration, history, settings, ruleset),
        costs=_costs_facts(settled, ruleset, outcomes), expected_total=expected,
        organization_name=" / ".join(map(shown, context.collector.organization_names.get(organization.value or "", ()))) or None,
        version=source.version,
    )  # fmt: skip
    facts = _facts(context, head.kind, engine.second_header, ruleset)
    return result._replace(diagnosis=diagnose(result, ruleset.diagnoses, facts))


def _waive(sha256: str, settled: Settled, settings: Settings) -> Waive | None:
    """What tells whether the configuration waives a rule for this file."""
    if settings.config is None:
        return None
    from billproof.config.waivers import waiver_for

    return waiver_for(sha256, settled, settings, settings.config)


def _facts(context: FileContext, kind: str | None, second_header: int | None, ruleset: RuleSet) -> Facts:
    """What the cause of a file's errors is found from, beside its result."""
    collector = context.collector
    organizations = [id_ for id_, _ in collector.organizations.most_common() if id_]
    names = ruleset.schema.names()
    return Facts(kind or context.export.label, organizations, second_header, names, collector.organization_names)


def _settled(context: FileContext, known: Known, settings: Settings, organization: Sourced, month: Sourced) -> Settled:
    """What is known at the end of a file. Raises Unreadable for a record of costs that cannot be relied on."""
    history, days = known.uploads(settings, organization, month), context.collector.days
    until = max(days, default=None) if settings.month_to_date else None
    ended = month_end(month.value) if month.value else settings.as_of
    if settings.month_to_date:
        ended = max((day_end(day) for day in days if context.collector.has_ended(day, settings.as_of)), default=settings.as_of)
    costs = known.costs(settings, organization, month, ended)
    if costs.record is None or context.keyed is None:
        return Settled(month, organization, history, costs)
    from billproof.rules.comparison import comparing

    return Settled(month, organization, history, costs, comparing(context.keyed, month.value, until, costs))


def _costs_facts(settled: Settled, ruleset: RuleSet, outcomes: Sequence[Outcome]) -> CostsFacts | None:
    if settled.comparing is None:
        return None
    from billproof.rules.comparison import facts_of

    return facts_of(settled, ruleset.rules, outcomes)


def _context(source: Source, reader: Reader, settings: Settings, ruleset: RuleSet, allowed: Collection[str]) -> FileContext:
    head, schema, roles = reader.head, ruleset.schema, dict(ruleset.roles)
    columns = Columns(head.header, set(schema.names("time")), set(schema.names("measure")), roles.get("amount"))
    if ruleset.currency:
        roles["currency_constant"] = ruleset.currency
    day = schema.field(roles.get("day") or "")
    collector = Collector(roles, columns.index, day.type if day else "integer")
    keyed = None
    if settings.compares_costs:
        from billproof.reading.keyed import KeyedSums

        keyed = KeyedSums(collector)
    return FileContext(
        name=source.name, head=head, columns=columns, schema=schema, roles=roles,
        export=recognize(head.header, ruleset.exports, schema),
        collector=collector, keyed=keyed,
        as_of=settings.as_of, month_to_date=settings.month_to_date, max_findings=settings.max_findings,
        organizations=allowed,
    )  # fmt: skip


def _of_folder(source: Source, config: Config | None) -> Sourced | None:
    integration = config.integration_of_file(source.path) if config and source.path != "-" else None
    return Sourced(integration.organization, config.place(integration.line)) if config and integration else None


def _hindrance(
    sha256: str, integration: Integration | None, history: History, settings: Settings, ruleset: RuleSet
) -> Hindrance | None:
    """What keeps an upload from sending the file, apart from the rules. The upload itself has asked the ledger by then, because
    it may have been told to resend.
    """
    replaced = history.replaced.get(sha256) if settings.policy.command == "check" else None
    if replaced is not None:
        return Hindrance("replaced", replaced)
    if integration is not None and ruleset.base not in ("", integration.ruleset):
        text = f"the integration {integration.name} needs the rule set {integration.ruleset}, and this is {ruleset.name}"
        return Hindrance("other_rules", text)
    return settings.config.hindrance(integration, settings.to) if settings.config else None


def _days(collector: Collector, month: str | None, settings: Settings) -> tuple[DayFacts, ...]:
    """Every day of the month and of the file, in order, with its state."""
    inside = set(month_days(month)) if month else set()
    facts = []
    for day in sorted(inside | collector.days.keys()):
        tally = collector.days.get(day)
        if tally is None:
            state = "missing" if collector.has_ended(day, settings.as_of) else "open"
        elif inside and day not in inside:
            state = "outside"
        elif not tally.charged and day_end(day - 1) > settings.as_of:
            state = "open"
        else:
            state = "charged" if tally.charged else "empty"
        amount = tally.amount if tally and collector.usable else None
        facts.append(DayFacts(day_of(day).isoformat(), state, tally.rows if tally else 0, amount))  # type: ignore[arg-type]
    return tuple(facts)


def _lost(file: Input, how: str) -> FileResult:
    """The result for a file that ended two processes which checked it."""
    help = "Did it run out of memory? Run the same command with fewer --jobs." if how.endswith("signal 9") else ""
    return unread(file.path, f"{file.path}: two processes ended while they checked it; the second {how}", help)
