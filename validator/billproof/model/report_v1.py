"""The types of report v1, key by key as `schemas/report.v1.schema.json` has and explains them, for the type checker alone.

No module loads this one at run time: they import it below `if TYPE_CHECKING`, for a check must not wait for `TypedDict`.
Annotations are evaluated here, so that `NotRequired` counts; each type stands below those that it uses.
"""

from typing import Generic, Literal, NotRequired, TypedDict, TypeVar

from billproof.model.results import DayState, Export, Level, State

T = TypeVar("T")
ReportVerdict = Literal["pass", "fail", "unproved"]
Command = Literal["check", "upload"]
FailOn = Literal["error", "warning"]

ReportSetAside = TypedDict(
    "ReportSetAside", {"path": str, "month": str | None, "reason": Literal["other_month", "already_current"]}
)
ReportBlocker = TypedDict("ReportBlocker", {"code": str, "text": str})
ReportUpload = TypedDict("ReportUpload", {"ready": bool, "because": list[str]})
ReportPolicy = TypedDict("ReportPolicy", {"command": Command, "policy": Command, "fail_on": FailOn})
ReportTool = TypedDict("ReportTool", {"name": str, "version": str})
ReportConfig = TypedDict("ReportConfig", {"path": str, "sha256": str})
ReportPlace = TypedDict("ReportPlace", {"line": int | None, "column": str | None})
ReportGroup = TypedDict("ReportGroup", {"id": str, "name": str | None, "amount": str | None, "rows": int})
ReportDay = TypedDict("ReportDay", {"date": str, "state": DayState, "rows": int, "amount": str | None})
ReportCause = TypedDict("ReportCause", {"id": str, "cause": str, "fix": str, "rules": list[str]})
ReportCostsRecord = TypedDict("ReportCostsRecord", {"sha256": str, "signed": bool, "base_url": str})
ReportReadAt = TypedDict("ReportReadAt", {"started": str, "finished": str})
ReportCostsProject = TypedDict("ReportCostsProject", {"id": str, "name": str | None, "file": str, "record": str})
UploadedDay = TypedDict("UploadedDay", {"date": str, "rows": int, "amount": str})
UploadedProject = TypedDict("UploadedProject", {"id": str, "name": str | None, "rows": int, "amount": str})
ReportCI = TypedDict("ReportCI", {"repository": str | None, "commit": str | None, "actor": str | None, "url": str | None})
ReportSecondOpinion = TypedDict(
    "ReportSecondOpinion", {"tool": str, "valid": bool, "errors": list[str], "disagreements": list[str]}
)
ReportHost = TypedDict("ReportHost", {"name": str, "system": str, "python": str})


class ReportReason(ReportBlocker):
    file: str | None
    rule: str | None


class ReportRule(TypedDict):
    id: str
    name: str
    asserts: str
    level: Level
    shipped_level: Level
    waivable: bool
    why: str
    fix: str
    refs: list[str]


class ReportRuleSet(ReportTool):
    sha256: str
    rules: list[ReportRule]


class ReportSetting(TypedDict, Generic[T]):
    """A setting's value, and where it came from: a flag, a line of the configuration, `inferred`, `clock` or `default`."""

    value: T
    source: str


class ReportSettings(TypedDict):
    ruleset: ReportSetting[str]
    organization: ReportSetting[str | None]
    month: ReportSetting[str | None]
    month_to_date: ReportSetting[bool]
    as_of: ReportSetting[str | None]
    expect_total: ReportSetting[str | None]
    fail_on: ReportSetting[FailOn]
    policy: ReportSetting[Command]
    max_findings: ReportSetting[int]
    second_opinion: ReportSetting[bool]
    costs: ReportSetting[str | None]
    costs_required: ReportSetting[bool]
    to: ReportSetting[str | None]
    config: ReportConfig | None


class ReportFinding(ReportPlace):
    end_line: int | None
    column_number: int | None
    value: str | None
    expected: str | None
    message: str
    related: list[ReportPlace]
    key: str


class ReportWaiver(TypedDict):
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
    rule: str
    name: str
    level: Level
    state: State
    evaluated: int
    unit: str
    violations: int
    left_out: int
    findings: list[ReportFinding]


class ReportTotals(TypedDict):
    amount: str | None
    currency: str | None
    charged_rows: int
    empty_days: int
    days: int
    first_day: str | None
    last_day: str | None
    by_project: list[ReportGroup]
    by_line_item: list[ReportGroup]


class ReportEarlierUpload(TypedDict):
    """An upload that the destination accepted, from its receipt."""

    destination: str
    finished: str
    sha256: str
    amount: str
    currency: str
    days: list[UploadedDay]
    by_project: list[UploadedProject]


class ReportCosts(TypedDict):
    """The comparison with OpenAI's own record: how many keys, the record's total, and by how much the file is above it."""

    record: ReportCostsRecord
    read: ReportReadAt
    settles: str
    keys: int
    total: str
    difference: str
    agrees: bool | None
    projects: int
    projects_differing: int
    by_project: list[ReportCostsProject]


class FileContent(TypedDict):
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
    costs: NotRequired[ReportCosts]
    version: NotRequired[str]
    organization_name: NotRequired[str]
    expected_total: NotRequired[ReportSetting[str]]


class ReportFile(FileContent):
    result_sha256: str


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
    set_aside: NotRequired[list[ReportSetAside]]


class Report(ReportHead):
    files: list[ReportFile]
    result_sha256: str
    run: ReportRun
