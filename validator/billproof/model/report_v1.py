"""The types of report v1, key by key as `schemas/report.v1.schema.json` has them, for the type checker alone.

No module loads this one at run time: they import it below `if TYPE_CHECKING`, for a check must not wait for `TypedDict`.
Annotations are evaluated here, so that `NotRequired` counts; each class stands below those that it uses.
"""

from typing import Generic, Literal, NotRequired, TypedDict, TypeVar

from billproof.model.results import DayState, Export, Level, State

T = TypeVar("T")
ReportVerdict = Literal["pass", "fail", "unproved"]


class ReportReason(TypedDict):
    """Why the verdict is not pass."""

    code: str
    file: str | None
    rule: str | None
    text: str


class ReportUpload(TypedDict):
    """Whether an upload would send the files; if not, rule ids and codes that say why."""

    ready: bool
    because: list[str]


class ReportPolicy(TypedDict):
    """How strictly the files were checked."""

    command: Literal["check", "upload"]
    policy: Literal["check", "upload"]
    fail_on: Literal["error", "warning"]


class ReportTool(TypedDict):
    """What wrote the report."""

    name: str
    version: str


class ReportRule(TypedDict):
    """A rule of the rule set, with what a pass means and how to fix a failure."""

    id: str
    name: str
    asserts: str
    level: Level
    shipped_level: Level
    waivable: bool
    why: str
    fix: str
    refs: list[str]


class ReportRuleSet(TypedDict):
    """The rules that were used."""

    name: str
    version: str
    sha256: str
    rules: list[ReportRule]


class ReportSetting(TypedDict, Generic[T]):
    """A setting's value, and where it came from: a flag, a line of the configuration, `inferred`, `clock` or `default`."""

    value: T
    source: str


class ReportConfig(TypedDict):
    """The configuration that was used."""

    path: str
    sha256: str


class ReportSettings(TypedDict):
    """The settings of the run, each with where its value came from."""

    ruleset: ReportSetting[str]
    organization: ReportSetting[str | None]
    month: ReportSetting[str | None]
    month_to_date: ReportSetting[bool]
    as_of: ReportSetting[str | None]
    expect_total: ReportSetting[str | None]
    fail_on: ReportSetting[Literal["error", "warning"]]
    policy: ReportSetting[Literal["check", "upload"]]
    max_findings: ReportSetting[int]
    second_opinion: ReportSetting[bool]
    to: ReportSetting[str | None]
    config: ReportConfig | None


class ReportPlace(TypedDict):
    """A line and a column of the file."""

    line: int | None
    column: str | None


class ReportFinding(TypedDict):
    """What a rule found at one place."""

    line: int | None
    end_line: int | None
    column: str | None
    column_number: int | None
    value: str | None
    expected: str | None
    message: str
    related: list[ReportPlace]
    key: str


class ReportWaiver(TypedDict):
    """The waiver that covers a failed rule."""

    reason: str
    owner: str
    expires: str
    at: str
    approved_by: NotRequired[str]
    reference: NotRequired[str]


class OutcomeDetail(TypedDict, total=False):
    """What only some outcomes have: why a rule neither passed nor failed, or the waiver that covers its failure."""

    reason: str
    blocked_by: str
    waiver: ReportWaiver


class ReportOutcome(OutcomeDetail):
    """The outcome of one rule on one file."""

    rule: str
    name: str
    level: Level
    state: State
    evaluated: int
    unit: str
    violations: int
    left_out: int
    findings: list[ReportFinding]


class ReportGroup(TypedDict):
    """The charges of one project or line item."""

    id: str
    name: str | None
    amount: str | None
    rows: int


class ReportTotals(TypedDict):
    """The control totals of a file."""

    amount: str | None
    currency: str | None
    charged_rows: int
    empty_days: int
    days: int
    first_day: str | None
    last_day: str | None
    by_project: list[ReportGroup]
    by_line_item: list[ReportGroup]


class ReportDay(TypedDict):
    """One UTC day of the month or of the file."""

    date: str
    state: DayState
    rows: int
    amount: str | None


class ReportCause(TypedDict):
    """The cause behind the failed rules."""

    id: str
    cause: str
    fix: str
    rules: list[str]


class UploadedDay(TypedDict):
    """One day of an earlier upload."""

    date: str
    rows: int
    amount: str


class UploadedProject(TypedDict):
    """One project of an earlier upload."""

    id: str
    rows: int
    amount: str


class ReportEarlierUpload(TypedDict):
    """An upload that the destination accepted, from its receipt."""

    destination: str
    finished: str
    sha256: str
    amount: str
    currency: str
    days: list[UploadedDay]
    by_project: list[UploadedProject]


class ReportBlocker(TypedDict):
    """What keeps an upload from sending the file and is neither the file nor a rule."""

    code: str
    text: str


class ReportSecondOpinion(TypedDict):
    """What an independent validator says of the same bytes."""

    tool: str
    valid: bool
    errors: list[str]
    disagreements: list[str]


class ReportFile(TypedDict):
    """Everything known about one file."""

    path: str
    name: str
    bytes: int
    sha256: str | None
    export: Export
    header: list[str]
    columns: int
    rows: int
    complete: bool
    unread_lines: int
    organization: ReportSetting[str | None]
    month: ReportSetting[str | None]
    integration: str | None
    totals: ReportTotals | None
    days: list[ReportDay]
    verdict: ReportVerdict
    outcomes: list[ReportOutcome]
    error: NotRequired[str]
    diagnosis: NotRequired[ReportCause]
    last_upload: NotRequired[ReportEarlierUpload]
    upload_before: NotRequired[ReportEarlierUpload]
    destination: NotRequired[str]
    hindrance: NotRequired[ReportBlocker]
    second_opinion: NotRequired[ReportSecondOpinion]


class ReportCI(TypedDict):
    """The CI job that ran the check, as far as its environment says."""

    repository: str | None
    commit: str | None
    actor: str | None
    url: str | None


class ReportHost(TypedDict):
    """The machine that ran the check."""

    name: str
    system: str
    python: str


class ReportRun(TypedDict):
    """What differs from run to run; not part of the result."""

    started: str
    finished: str
    as_of: str
    ci: ReportCI
    host: ReportHost | None


class ReportHead(TypedDict):
    """What a report says of the run as a whole: everything in front of its files."""

    schema: Literal["billproof/report/v1"]
    verdict: ReportVerdict
    exit_code: int
    reasons: list[ReportReason]
    upload: ReportUpload
    policy: ReportPolicy
    proves: list[str]
    does_not_prove: list[str]
    tool: ReportTool
    ruleset: ReportRuleSet
    settings: ReportSettings


class Report(ReportHead):
    """A whole report v1."""

    files: list[ReportFile]
    result_sha256: str
    run: ReportRun
