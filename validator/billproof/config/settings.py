"""The settings of a run, frozen, each value with its source; and how they follow from options and a configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.config.discovery import relative
from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.results import Policy, Sourced
from billproof.model.values import calendar_date, expected_total, instant, is_month, month_before
from billproof.reading.inputs import NOTHING_OWN, Input, find_inputs
from billproof.rules.rule import DEFAULT_RULESET

if TYPE_CHECKING:
    from billproof.config.file import Config

MAX_FINDINGS = 100
# As many processes as Windows can wait for.
MAX_JOBS = 60
_AS_CORES = "Use as many as the machine has cores."
FIRST_YEAR, LAST_YEAR = 2000, 2199
CLOCK = "clock"
UPLOAD = Policy("upload", "upload")

_WITHOUT_SOURCE = (
    "month_to_date", "expect_total", "fail_on", "policy", "max_findings", "second_opinion", "costs", "costs_required",
)  # fmt: skip

# Raises Unreadable unless the record of OpenAI's costs at the path, with these bytes, has the signature that is demanded.
Signature = Callable[[str, bytes], None]

# Told after each block that is read: number of the file, how many files there are, its path, bytes read, bytes in all if known.
Watch = Callable[[int, int, str, int, int | None], None]


class Settings(Record):
    """What a run was asked to do.

    `inputs` are the files to check, `only` the names of the integrations that were chosen (all, if it is empty), `watch` is
    told how far the files are read. `sources` says where the settings without a source
    of their own came from, unless that is the default. `before` is the digest of a receipt whose upload is checked again: the
    ledger then counts as it was before that upload.
    """

    policy: Policy
    ruleset: Sourced
    as_of: datetime
    as_of_source: str
    now: datetime
    inputs: tuple[Input, ...] = ()
    only: tuple[str, ...] = ()
    organization: Sourced | None = None
    month: Sourced | None = None
    month_to_date: bool = False
    expected_total: Decimal | None = None
    max_findings: int = MAX_FINDINGS
    second_opinion: bool = False
    costs: str | None = None
    costs_required: bool = False
    costs_signature: Signature | None = None
    config: Config | None = None
    sources: Mapping[str, str] = {}
    to: str | None = None
    jobs: int = 1
    before: str | None = None
    watch: Watch | None = None

    @property
    def compares_costs(self) -> bool:
        """Whether there may be a record of OpenAI's costs to compare with."""
        if self.costs is not None or self.config is None:
            return self.costs is not None
        file = self.config.file
        return file.costs is not None or any(integration.costs for integration in file.integrations)

    def source(self, name: str) -> str:
        """Where a setting came from that has no source of its own."""
        return self.sources.get(name, "default")


def refuse_later_than_the_clock(settings: Settings) -> None:
    """Raises UsageError if an upload, or a check under its policy, has a time in the future."""
    if settings.policy.policy == "upload" and settings.as_of > settings.now:
        raise UsageError("--as-of is later than the clock; an upload checks only what has ended", "Leave it out.")


def refuse_total_of_several(settings: Settings, count: int) -> None:
    """Raises UsageError if the expected total, or a record of costs, which is that of one file, is given for several."""
    for flag, value in (("--costs", settings.costs), ("--expect-total", settings.expected_total)):
        if value is not None and count > 1:
            help = f"There are {count}. Name one, or choose with --only and --month"
            more = "; for several, set `totals:` in billproof.yaml." if flag == "--expect-total" else "."
            raise UsageError(f"{flag} accepts one file only", help + more)


def clock() -> datetime:
    """The one place where the time is read, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def parse_as_of(text: str) -> datetime:
    """`--as-of`: RFC 3339, or a date, which means its first instant in UTC."""
    day = calendar_date(text)
    if day is not None and FIRST_YEAR <= day.year <= LAST_YEAR:
        return datetime.combine(day, time(0), UTC)
    moment = instant(re.sub(r"\.[0-9]+", "", text, count=1))
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise UsageError(f"--as-of {text}: not a date or time", "Write a date (2025-11-04) or RFC 3339 (2025-11-04T08:00:00Z).")
    return moment


def parse_month(text: str, as_of: datetime, flag: str = "--month") -> Sourced:
    """What `flag` says: a month as 2025-10, or `last` for the one before that of `as_of`."""
    if text == "last":
        return Sourced(month_before(as_of.date().isoformat()[:7]), f"{flag} last")
    if not is_month(text) or not FIRST_YEAR <= int(text[:4]) <= LAST_YEAR:
        raise UsageError(f"{flag} {text}: not a month", "Write it as 2025-10, or `last` for the last complete month.")
    return Sourced(text, flag)


def parse_total(text: str) -> Decimal:
    """`--expect-total`: an amount in US dollars."""
    total = expected_total(text)
    if total is None:
        raise UsageError(f"--expect-total {text}: not an amount", "Write it with a point before the cents: 18402.17 or 18,402.17")
    return total


def parse_cap(text: str) -> int:
    """`--max-findings`: how many findings a rule keeps; the counts are true in any case."""
    return parse_number(text, "--max-findings", 1, 1_000_000)


def parse_number(text: str, flag: str, least: int, most: int, help: str = "") -> int:
    """A whole number within bounds."""
    if not re.fullmatch(r"[0-9]+", text) or len(text) > len(str(most)) or not least <= int(text) <= most:
        raise UsageError(f"{flag} {text}: expected a number from {least} to {most}", help)
    return int(text)


class Options(Record):
    """What a run was asked to do, by the names of the long options; None for what was not said."""

    files: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    organization: str | None = None
    month: str | None = None
    month_to_date: bool = False
    as_of: str | None = None
    expect_total: str | None = None
    ruleset: str | None = None
    second_opinion: bool = False
    costs: str | None = None
    costs_required: bool = False
    jobs: str | None = None
    policy: str | None = None
    fail_on: str | None = None
    max_findings: str | None = None
    to: str | None = None


def settings_of(options: Options, policy: Policy, config: Config | None) -> Settings:
    """The settings of a check or an upload, each with its source. Raises UsageError for options that are not valid."""
    settings = plain_settings(options, policy, config)
    if options.organization is not None and not options.organization.strip():
        raise UsageError("--organization is empty", "Write the ID as in OpenAI's settings: org-…")
    if "-" in options.files and options.second_opinion:
        raise UsageError("--second-opinion needs a file", "Standard input can be read only once.")
    inputs = tuple(_inputs(options, config))
    settings = settings._replace(
        organization=Sourced(options.organization, "--organization") if options.organization else None,
        month=parse_month(options.month, settings.as_of) if options.month is not None else None,
        month_to_date=options.month_to_date,
        expected_total=parse_total(options.expect_total) if options.expect_total is not None else None,
        max_findings=parse_cap(options.max_findings) if options.max_findings is not None else MAX_FINDINGS,
        second_opinion=options.second_opinion,
        sources={
            name: f"--{name.replace('_', '-')}" for name in _WITHOUT_SOURCE if getattr(options, name) not in (None, False)
        },
        jobs=1 if (jobs := options.jobs) is None else parse_number(jobs, "--jobs", 1, MAX_JOBS, _AS_CORES),
        inputs=inputs, costs=options.costs, costs_required=options.costs_required,
    )  # fmt: skip
    # What is found in folders may be left out yet: it is of another month, or uploaded already.
    refuse_total_of_several(settings, sum(file.folder is None for file in inputs))
    if config is None or all(owner.ruleset == DEFAULT_RULESET for owner in config.file.integrations):
        return settings
    from billproof.config.rulesets import for_inputs

    return for_inputs(settings, config)


def _inputs(options: Options, config: Config | None) -> list[Input]:
    """The files that were named; without a name, those in every integration's folder. Those in the folders of integrations
    that were not chosen are left out. Raises UsageError.
    """
    if config is None and not options.only:
        return find_inputs(options.files)
    from billproof.config.choice import chosen

    names, owners = options.files, {owner.name for owner in chosen(config, options.only)}
    assert config is not None
    folders = {owner.name: os.path.join(relative(folder), "") for owner, folder in config.folders if owner.name in owners}
    inputs = find_inputs(names or folders.values(), config.own_folders(), config.holder_of)
    holders = [config.holder_of(file.path) for file in inputs]
    if names:
        return [file for file, owner in zip(inputs, holders, strict=True) if owner is None or owner in owners]
    return [*inputs, *(Input(folder, NOTHING_OWN, folder) for owner, folder in folders.items() if owner not in holders)]


def plain_settings(options: Options, policy: Policy, config: Config | None) -> Settings:
    """The settings that have nothing to do with files: rules, time, destination."""
    now, as_of = clock(), options.as_of
    return Settings(
        policy=policy, ruleset=ruleset_of(options.ruleset, config), as_of=now if as_of is None else parse_as_of(as_of),
        as_of_source=CLOCK if as_of is None else "--as-of", now=now, config=config, to=options.to, only=options.only,
    )  # fmt: skip


def ruleset_of(name: str | None, config: Config | None) -> Sourced:
    """The rule set that was named, else that of the configuration, else the built-in one."""
    if name is not None:
        return Sourced(name, "--ruleset")
    return Sourced(config.ruleset(), config.shown_path) if config else Sourced(DEFAULT_RULESET, "default")
