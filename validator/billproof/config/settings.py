"""The settings of a run, frozen, each value with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.results import Policy, Sourced
from billproof.model.values import calendar_date, decimal, instant, is_month, month_before

if TYPE_CHECKING:
    from billproof.config.file import Config
    from billproof.reading.inputs import Input

MAX_FINDINGS = 100
# As many processes as Windows can wait for.
MAX_JOBS = 60
FIRST_YEAR, LAST_YEAR = 2000, 2199
CLOCK = "clock"


# Told after each block that is read: number of the file, how many files there are, its path, bytes read, bytes in all if known.
Watch = Callable[[int, int, str, int, int | None], None]


class Settings(Record):
    """What a run was asked to do.

    `inputs` are the files to check, `watch` is told how far they are read. `sources` says where the settings without a source
    of their own came from, unless that is the default. `before` is the digest of a receipt whose upload is checked again: the
    ledger then counts as it was before that upload.
    """

    policy: Policy
    ruleset: Sourced
    as_of: datetime
    as_of_source: str
    now: datetime
    inputs: tuple[Input, ...] = ()
    organization: Sourced | None = None
    month: Sourced | None = None
    month_to_date: bool = False
    expected_total: Decimal | None = None
    max_findings: int = MAX_FINDINGS
    second_opinion: bool = False
    config: Config | None = None
    sources: Mapping[str, str] = {}
    to: str | None = None
    jobs: int = 1
    before: str | None = None
    watch: Watch | None = None

    def source(self, name: str) -> str:
        """Where a setting came from that has no source of its own."""
        return self.sources.get(name, "default")


def refuse_later_than_the_clock(settings: Settings) -> None:
    """Raises UsageError if an upload, or a check under its policy, has a time in the future."""
    if settings.policy.policy == "upload" and settings.as_of > settings.now:
        raise UsageError("--as-of is later than the clock; an upload checks only what has ended", "Leave it out.")


def refuse_total_of_several(settings: Settings, count: int) -> None:
    """Raises UsageError if the expected total, which is that of one file, is given for several."""
    if settings.expected_total is not None and count > 1:
        raise UsageError("--expect-total accepts one file only", f"{count} files were named.")


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
    """`--expect-total`: an amount such as 18402.17 or $18,402.17, in US dollars. `1,537` could be 1.537 elsewhere: refused."""
    plain = re.sub(r"^(-?)\$", r"\1", text)
    if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+", plain, re.ASCII):
        plain = plain.replace(",", "")
    total = decimal(plain)
    if total is None or abs(total) >= Decimal("1e15"):
        raise UsageError(f"--expect-total {text}: not an amount", "Write it with a point before the cents: 18402.17 or 18,402.17")
    return total


def parse_cap(text: str) -> int:
    """`--max-findings`: how many findings a rule keeps; the counts are true in any case."""
    return _number(text, "--max-findings", 1_000_000)


def parse_jobs(text: str) -> int:
    """`--jobs`: how many processes check files at once."""
    return _number(text, "--jobs", MAX_JOBS, "Use as many as the machine has cores.")


def _number(text: str, flag: str, largest: int, help: str = "") -> int:
    if not re.fullmatch(r"[0-9]+", text) or len(text) > len(str(largest)) or not 1 <= int(text) <= largest:
        raise UsageError(f"{flag} {text}: expected a number from 1 to {largest}", help)
    return int(text)


def policy_of(command: Literal["check", "upload"], name: str, fail_on: str) -> Policy:
    """The policy of a command."""
    return Policy(command, "upload" if name == "upload" else "check", "warning" if fail_on == "warning" else "error")
