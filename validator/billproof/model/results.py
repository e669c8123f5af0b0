"""What was found: frozen values that travel from the engine to the verdict, the diagnosis and the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from billproof.model.record import Record
from billproof.model.values import EXACT, shown

if TYPE_CHECKING:
    from billproof.model.costs import CostsFacts

Level = Literal["error", "warning", "note"]
State = Literal["passed", "failed", "waived", "not_applicable", "not_run", "blocked", "crashed", "off"]
Export = Literal["cost", "activity", "no_usage", "legacy", "unknown"]
DayState = Literal["charged", "empty", "missing", "outside", "open"]

FORMATS = ("text", "json", "html", "sarif", "junit", "github", "gitlab", "markdown")


class Sourced(Record):
    """A setting's value and where it came from: `--month`, `billproof.yaml:12`, `inferred`, `default`."""

    value: str | None
    source: str


class Place(Record):
    """A place in a file: physical line (1-based, None for the whole file) and column name (None for the whole line)."""

    line: int | None = None
    column: str | None = None


class Spot(Record):
    """A violation as a check saw it. Its message is written at the end of the file, when the month is known."""

    line: int | None = None
    end_line: int | None = None
    column: str | None = None
    column_number: int | None = None
    value: str | None = None
    related: tuple[Place, ...] = ()
    key: str = ""
    details: Mapping[str, str] = {}


class Finding(Record):
    """A violation as people and programs read it; every text in it has been through `values.shown`."""

    line: int | None
    end_line: int | None
    column: str | None
    column_number: int | None
    value: str | None
    expected: str | None
    message: str
    related: tuple[Place, ...]
    key: str


class UsedWaiver(Record):
    """A waiver that covered a failed rule, as the report has it."""

    reason: str
    owner: str
    expires: str
    at: str
    approved_by: str | None = None
    reference: str | None = None


class Outcome(Record):
    """The result of one rule on one file. `violations` is the true total, however few findings are kept."""

    rule: str
    name: str
    level: Level
    state: State
    unit: str
    evaluated: int = 0
    violations: int = 0
    left_out: int = 0
    reason: str | None = None
    blocked_by: str | None = None
    waiver: UsedWaiver | None = None
    findings: tuple[Finding, ...] = ()


class DayFacts(Record):
    """One UTC day of the file (or of its month): rows, exact amount (None where it is unknown), and its state."""

    date: str
    state: DayState
    rows: int
    amount: Decimal | None


class Group(Record):
    """The charges of one project or line item."""

    id: str
    name: str | None
    amount: Decimal | None
    rows: int


class Sum(Record):
    """The rows and the exact amount of a day or a project."""

    rows: int
    amount: Decimal


def sums_by_project(projects: Iterable[Group]) -> dict[str, tuple[str | None, Sum]]:
    """Name and sum of each project, by the id as it may be stored; ids that look the same then are one."""
    found: dict[str, tuple[str | None, Sum]] = {}
    for one in projects:
        id_ = shown(one.id, None)
        name, before = found.get(id_, (None if one.name is None else shown(one.name), Sum(0, Decimal(0))))
        found[id_] = (name, Sum(before.rows + one.rows, EXACT.add(before.amount, one.amount or Decimal(0))))
    return found


class Totals(Record):
    """Control totals over all readable rows. `amount` is None when a charge could not be read or is not exact, and when the
    rule set has no role for amounts (`has_amounts` is False). `by_project` holds the largest and one for the rest, `projects`
    every one of them.
    """

    amount: Decimal | None
    currency: str | None
    charged_rows: int
    empty_days: int
    days: int
    first_day: str | None
    last_day: str | None
    by_project: tuple[Group, ...]
    by_line_item: tuple[Group, ...]
    has_amounts: bool = True
    projects: tuple[Group, ...] = ()


class EarlierUpload(Record):
    """An upload that the destination accepted, as its receipt records it: sums by day (`2025-10-01`) and by project, and the
    names of projects that have one.
    """

    destination: str
    month: str
    finished: str
    file_sha256: str
    amount: Decimal
    currency: str
    days: Mapping[str, Sum]
    projects: Mapping[str, Sum]
    names: Mapping[str, str] = {}


class History(Record):
    """The last accepted uploads of the month and of the month before it; or, in `lacking`, why they are unknown.

    `replaced` tells of files that were there and are no more, by digest: when, and what came instead.
    """

    destination: str | None = None
    last: EarlierUpload | None = None
    before: EarlierUpload | None = None
    lacking: str | None = None
    replaced: Mapping[str, str] = {}


class SecondOpinion(Record):
    """The result of frictionless on the same file and schema: valid or not, and where it and billproof disagree."""

    tool: str
    valid: bool
    errors: tuple[str, ...]
    disagreements: tuple[str, ...]


class Diagnosis(Record):
    """The cause behind the failed rules, in the words of the export dialog."""

    id: str
    cause: str
    fix: str
    rules: tuple[str, ...]


class Hindrance(Record):
    """What lies outside the file and keeps an upload from sending it: a code, and the same in words.

    `two_files` speaks of the other files of a run, so only the verdict knows of it.
    """

    code: Literal["no_destination", "fill_in", "replaced", "two_files", "merged", "other_rules"]
    text: str


# What may keep an upload from sending a file, other than a rule, in words by its code in the report.
HINDRANCES = {
    "no_integration": "no integration is configured for its organization", "weaker_rules": "a relaxed rule set",
    "month_inferred": "the month was read from the rows, and a missing day is waived: set --month",
    "unreadable": "a file or folder could not be checked",
    "nothing_to_check": "no file", "no_destination": "no destination: set `to:` in billproof.yaml",
    "replaced": "superseded: upload --resend sends it again",
    "fill_in": "billproof.yaml still says FILL-IN for its destination", "two_files": "two files of one month",
    "later_than_clock": "--as-of is later than the clock",
    "other_rules": "its integration names another rule set",
    "merged": "only the word of a merged report; check the file itself",
}  # fmt: skip


class FileResult(Record):
    """Everything known about one file. `error` says why it could not be read to its last byte; `set_aside`, why no rule
    was evaluated; `expected_total` is that of the configuration. The engine makes it at the end of the file; cause, second
    opinion and what is in the way of an upload are added by copies, never in place. `version` is that of an object in a bucket.
    """

    path: str
    name: str
    bytes: int
    sha256: str | None
    parsed_bytes: int
    complete: bool
    export: Export
    header: tuple[str, ...]
    rows: int
    unread_lines: int
    organization: Sourced
    month: Sourced
    totals: Totals | None
    days: tuple[DayFacts, ...]
    outcomes: tuple[Outcome, ...]
    error: str | None = None
    integration: str | None = None
    month_to_date: bool = False
    second_opinion: SecondOpinion | None = None
    diagnosis: Diagnosis | None = None
    notes: tuple[str, ...] = ()
    last_upload: EarlierUpload | None = None
    upload_before: EarlierUpload | None = None
    destination: str | None = None
    hindrance: Hindrance | None = None
    costs: CostsFacts | None = None
    version: str | None = None
    set_aside: Literal["other_month"] | None = None
    expected_total: Sourced | None = None
    organization_name: str | None = None

    def outcome(self, rule: str) -> Outcome | None:
        """The outcome of a rule, or None if there is none."""
        return next((outcome for outcome in self.outcomes if outcome.rule == rule), None)


def unread(path: str, error: str, help: str = "") -> FileResult:
    """The result for a file that could not be read."""
    unknown = Sourced(None, "inferred")
    return FileResult(
        path=path, name=path.rpartition("/")[2] or path, bytes=0, sha256=None, parsed_bytes=0, complete=False,
        export="unknown", header=(), rows=0, unread_lines=0, organization=unknown, month=unknown, totals=None, days=(),
        outcomes=(), error=error, notes=(help,) if help else (),
    )  # fmt: skip


class SetAside(Record):
    """A file that was found and not judged, its month, and why: it is of another month, or uploaded already."""

    path: str
    month: str | None
    reason: Literal["other_month", "already_current"]


class RuleDuty(Record):
    """What the verdict must know of a rule: whether a file may leave it nothing to say, or a check pass without it, and
    whether it is the one that asks for every day of the month.
    """

    id: str
    core: bool
    optional_in_check: bool
    covers_month: bool = False


class RuleSetDuty(Record):
    """The rules that must each have one outcome, and what makes the set weaker than the shipped one."""

    rules: tuple[RuleDuty, ...]
    weaker: tuple[str, ...] = ()


class Policy(Record):
    """How strict the judgement is. `check`: errors fail; `upload`: everything must have passed or been waived."""

    command: Literal["check", "upload"] = "check"
    policy: Literal["check", "upload"] = "check"
    fail_on: Literal["error", "warning"] = "error"
