"""The Python interface: check exports from a program and read the results (docs/python.md).

Each function gives what `billproof check` gives with the same options. Nothing is printed, and no state of the interpreter is
left changed. The functions may run in several threads; reports can be pickled.
"""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypedDict, Unpack, cast

from billproof.config.settings import Options, clock, refuse_total_of_several, settings_of
from billproof.delivery.earlier import known
from billproof.engine import pipeline
from billproof.engine.verdict import Word
from billproof.model.errors import ConfigurationError, UsageError
from billproof.model.record import Record
from billproof.model.results import FORMATS, HINDRANCES, DayFacts, Diagnosis, Outcome, Policy, Totals
from billproof.reading.inputs import Input
from billproof.reading.source import STANDARD_INPUT, ForeignStream, Source, open_source
from billproof.report.build import assembled, build_report
from billproof.report.restore import file_of, set_aside_of, unchanged
from billproof.report.restore import settings_of as settings_in
from billproof.rules.compiled import load_ruleset

if TYPE_CHECKING:
    from billproof.config.settings import Settings
    from billproof.model.report_v1 import Report as ReportV1
    from billproof.model.report_v1 import ReportFile
    from billproof.rules.rule import RuleSet

__all__ = ["CheckedFile", "ConfigurationError", "Report", "UsageError", "check", "check_bytes", "merge"]


class CheckedFile(Record):
    """The results of one file. `error` says why it could not be read; amounts are exact."""

    path: str
    sha256: str | None
    verdict: Word
    organization: str | None
    month: str | None
    integration: str | None
    totals: Totals | None
    days: tuple[DayFacts, ...]
    outcomes: tuple[Outcome, ...]
    diagnosis: Diagnosis | None
    error: str | None


class Report(Record):
    """A finished check: its verdict, its exit code, whether an upload would send every file, and `json`, report v1."""

    verdict: Word
    exit_code: int
    ready: bool
    files: tuple[CheckedFile, ...]
    json: str

    def as_dict(self) -> dict[str, Any]:
        """Report v1, a new dictionary each time."""
        return cast("dict[str, Any]", json.loads(self.json))

    def render(self, format: str) -> str:
        """The report in a format, as the command prints it. Raises UsageError for an unknown one."""
        if format not in FORMATS:
            raise UsageError(f"{format}: not a format", f"Formats of this version: {', '.join(FORMATS)}")
        from billproof.report.render import render

        return render(format, cast("ReportV1", self.as_dict()))


class _Told(str):
    """The JSON of a report that came out of a pickle: of the form that billproof gives it, and no proof."""


class _Judged(str):
    """The JSON of a report that this process judged. What is read or edited is plain text."""

    def __reduce__(self) -> tuple[type[_Told], tuple[str]]:
        return _Told, (str(self),)


class CheckOptions(TypedDict, total=False):
    """The long options of `billproof check`, with `_` for `-`. Without `config` no configuration is used."""

    organization: str | None
    month: str | None
    month_to_date: bool
    as_of: str | date | None
    expect_total: str | Decimal | int | None
    ruleset: str | os.PathLike[str] | None
    config: str | os.PathLike[str] | None
    only: Iterable[str]
    policy: Literal["check", "upload"]
    fail_on: Literal["error", "warning"]
    max_findings: int | None
    costs: str | os.PathLike[str] | None
    costs_required: bool


# What each option may be, and how an error says it.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("organization", "month", "policy", "fail_on"), ((str,), "text")),
    **dict.fromkeys(("month_to_date", "second_opinion", "costs_required"), ((bool,), "True or False")),
    **dict.fromkeys(("max_findings", "jobs"), ((int, str), "a number")),
    "expect_total": ((str, Decimal, int, float), "text or a number"),
    "as_of": ((str, date), "text, a date or a datetime"),
}


def check(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, second_opinion: bool = False, jobs: int = 1,
    **options: Unpack[CheckOptions],
) -> Report:  # fmt: skip
    """Checks files and folders. The options are those of CheckOptions: organization, month, month_to_date, as_of,
    expect_total, ruleset, config, only, policy, fail_on, max_findings, costs, costs_required.

    Raises UsageError or ConfigurationError for options, a configuration or a rule set that is not valid. A file that cannot
    be read raises nothing: it is unproved.
    """
    if not isinstance(files, str | os.PathLike | Iterable):
        raise UsageError(f"files: expected paths, not {type(files).__name__}")
    names = [_path("files", file) for file in ([files] if isinstance(files, str | os.PathLike) else files)]
    if STANDARD_INPUT in names:
        raise UsageError("-: standard input is for the command only", "Use check_bytes.")
    settings = _settings(options, files=tuple(names), second_opinion=second_opinion, jobs=jobs)
    return _checked(settings)


def check_bytes(name: str, data: bytes | BinaryIO, **options: Unpack[CheckOptions]) -> Report:
    """Checks one export given as bytes, or as a binary file object that is read to its end; `name` is its path in the report.
    Options and errors are those of `check`.
    """
    if not isinstance(data, bytes) and not callable(getattr(data, "read", None)):
        raise UsageError(f"data: expected bytes or a binary file object, not {type(data).__name__}")
    stream = ForeignStream(io.BytesIO(data) if isinstance(data, bytes) else data)
    size = len(data) if isinstance(data, bytes) else None
    name = _path("name", name)
    settings = _settings(options, files=(STANDARD_INPUT,))._replace(inputs=(Input(name),))
    return _checked(settings, lambda _: nullcontext(Source(cast(BinaryIO, stream), name, size)))


def merge(reports: Iterable[Report | Mapping[str, Any] | str]) -> Report:
    """One report on the files of all, judged again: two files of one month are not ready. Reports may be given as JSON.

    Only a `Report` as this process made it is proof. What comes from JSON, or from a `Report` that was pickled or edited, is
    never ready to upload. Raises UsageError if a report is not valid, or if they differ in version, rule set or settings.
    """
    if isinstance(reports, str | Mapping | Report) or not isinstance(reports, Iterable):
        raise UsageError(f"merge needs a list of reports, not {type(reports).__name__}")
    documents = [_document(report) for report in reports]
    if not documents:
        raise UsageError("merge needs at least one report")
    # The first to start: under its time the options mean the same for the whole.
    first = min(documents, key=lambda document: document["run"]["started"])
    for document in documents:
        for part in ("tool", "ruleset", "settings", "policy"):
            if document[part] != first[part]:
                raise UsageError(f"the reports differ in `{part}`", "Merge reports of one version, rule set and settings.")
    entries: list[ReportFile] = [file for document in documents for file in document["files"]]
    twice = Counter((file["path"], file["sha256"]) for file in entries).most_common(1)
    if twice and twice[0][1] > 1:
        raise UsageError(f"{twice[0][0][0]} is in the reports {twice[0][1]} times", "Merge each file once.")
    try:
        settings = settings_in(first)
    except ValueError:
        raise UsageError("a report to merge was changed: no run can have its settings") from None
    refuse_total_of_several(settings, sum("error" not in entry for entry in entries))
    ruleset = load_ruleset(settings.ruleset.value or "")
    if ruleset.sha256 != first["ruleset"]["sha256"]:
        raise UsageError(f"the rule set {ruleset.name} has changed since", "Check the files again.")
    files = [file_of(file, document, ruleset) for document in documents for file in document["files"]]
    levels = {rule.id: rule.level for rule in ruleset.rules}
    for outcome in (outcome for file in files for outcome in file.outcomes):
        if outcome.level != levels.get(outcome.rule):
            raise UsageError(f"a report to merge was changed: the level of {outcome.rule} is not that of the rule set")
    aside = [file for document in documents for file in set_aside_of(document)]
    run = pipeline.judged(settings, ruleset, files, aside)
    entries = [{**entry, "verdict": verdict.word} for entry, verdict in zip(entries, run.verdict.files, strict=True)]
    finished = max(document["run"]["finished"] for document in documents)
    return _report(assembled(run, entries, {**first["run"], "finished": finished}), ruleset)


def _settings(options: CheckOptions, **more: Any) -> Settings:
    """The settings of a check. Raises UsageError, ConfigurationError, and TypeError for an option that does not exist."""
    given: dict[str, Any] = {name: value for name, value in {**options, **more}.items() if value is not None}
    for name, (types, words) in _TYPES.items():
        if name in given and not isinstance(given[name], types):
            raise UsageError(f"{name}: expected {words}, not {type(given[name]).__name__}")
    policy, fail_on, path = given.get("policy", "check"), given.get("fail_on", "error"), given.pop("config", None)
    if policy not in ("check", "upload") or fail_on not in ("error", "warning"):
        raise UsageError("policy is check or upload, fail_on is error or warning", f"They were {policy!r} and {fail_on!r}.")
    if "only" in given:
        only = given["only"]
        if isinstance(only, str) or not isinstance(only, Iterable) or not all(isinstance(name, str) for name in only):
            raise UsageError("only: expected a list of integrations' names")
        given["only"] = tuple(only)
    for name in {"ruleset", "costs"} & given.keys():
        given[name] = _path(name, given[name])
    for name in ("as_of", "expect_total", "max_findings", "jobs"):
        if name in given:
            given[name] = given[name].isoformat() if isinstance(given[name], date) else str(given[name])
    if path is not None:
        from billproof.config.file import read_config
    config = None if path is None else read_config(_path("config", path))
    return settings_of(Options(**given), Policy("check", policy, fail_on), config)


def _path(name: str, value: object) -> str:
    """A path as text. Raises UsageError for what is not a path."""
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(path, str):
        raise UsageError(f"{name}: expected a path, not {type(value).__name__}")
    return path


def _checked(settings: Settings, opened: pipeline.Opened = open_source) -> Report:
    """The report of a check."""
    run = pipeline.check(settings, known(), opened)
    refuse_total_of_several(settings, sum(file.error is None for file in run.files))
    return _report(build_report(run, settings.now, clock(), os.environ), run.ruleset)


def _report(document: ReportV1, ruleset: RuleSet) -> Report:
    """The report with its results as values."""
    files = []
    for entry in document["files"]:
        file = file_of(entry, document, ruleset)
        organization, month, error = file.organization.value, file.month.value, entry.get("error")
        results = file.totals, file.days, file.outcomes, file.diagnosis
        files.append(
            CheckedFile(file.path, file.sha256, entry["verdict"], organization, month, file.integration, *results, error)
        )
    text = _Judged(json.dumps(document, ensure_ascii=False))
    return Report(document["verdict"], document["exit_code"], document["upload"]["ready"], tuple(files), text)


def _document(report: Report | Mapping[str, Any] | str) -> ReportV1:
    """A report as a document, its files marked unless this process judged them. Raises UsageError for JSON that is not a
    report, or was changed.
    """
    if isinstance(report, Report):
        if type(report.json) is _Judged:
            return cast("ReportV1", report.as_dict())
        report = report.json
    document = cast("ReportV1", json.loads(report)) if isinstance(report, _Told) else unchanged(report, "a report to merge")
    for file in document["files"]:
        file["hindrance"] = {"code": "merged", "text": HINDRANCES["merged"]}
    return document
