"""A report, decided and checked again: whether its verdict follows from its outcomes, and its outcomes from its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from billproof.audit.verify.differences import Difference, differences
from billproof.audit.verify.restore import history_of, settings_for
from billproof.audit.verify.result import Step
from billproof.config.file import Config
from billproof.config.settings import CLOCK, Settings
from billproof.config.waivers import check_waivers
from billproof.delivery.earlier import earlier_uploads
from billproof.engine.pipeline import Run, check_file, judged
from billproof.model.errors import ConfigurationError, UsageError
from billproof.model.results import FileResult, History
from billproof.model.values import rfc3339, shown
from billproof.reading.source import STANDARD_INPUT, Copy
from billproof.report.build import report_head
from billproof.report.file_entry import file_entry
from billproof.report.restore import hindrance_of
from billproof.rules.rule import RuleSet

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile


def compare_verdict(document: Report, run: Run) -> Step:
    """Whether the verdict, and all that the report says of the run as a whole, follows from its own outcomes."""
    head = {key: value for key, value in document.items() if key not in ("files", "result_sha256", "run")}
    problems = [difference.text for difference in differences(head, report_head(run))]
    for file, verdict in zip(document["files"], run.verdict.files, strict=True):
        if file["verdict"] != verdict.word:
            problems.append(f"{shown(file['path'])}: the report says {file['verdict']}; its outcomes say {verdict.word}")
    # Two names may be shown as one path, so the bytes count, too.
    same = Counter((file["path"], file["sha256"]) for file in document["files"] if file["sha256"] is not None)
    problems += [f"{shown(path)} appears {count} times in the report" for (path, _), count in same.items() if count > 1]
    at = document["run"]
    as_of, of_run = rfc3339(run.settings.as_of), at["started"] if run.settings.as_of_source == CLOCK else at["as_of"]
    if not as_of == of_run == at["as_of"]:
        problems.append(f"as_of: the run started at {at['started']} and checked as of {at['as_of']}; the settings say {as_of}")
    count = sum(len(file["outcomes"]) for file in document["files"])
    if problems:
        return Step("report", "differs", f"its verdict does not follow from its {count} outcomes and settings", tuple(problems))
    return Step("report", "same", f"valid; its verdict, {document['verdict'].upper()}, follows from its {count} outcomes")


def check_again(
    file: ReportFile, copy: Copy, settings: Settings, ruleset: RuleSet, config: Config | None, others: Sequence[FileResult]
) -> Step:
    """Runs every rule again on the bytes of one file, with the settings of the report, and compares the result with the report.
    `config` is the configuration of the run, if it is at hand; `others` are the other files of the report, for the verdict.
    """
    try:
        given, earlier = settings_for(settings, file, config), history_of(file, ruleset)
    except (ValueError, ArithmeticError):
        return Step("re-run", "differs", "no configuration or ledger can lead to the waivers and earlier uploads in this report")
    try:
        if given.config is not None:
            check_waivers(given.config, ruleset, max(given.as_of, given.now).date())
        result = _checked(file, copy, given, ruleset, earlier)
        hindrance = hindrance_of(file)
        told = hindrance.code if hindrance else None
        if told == "merged" or (given.config is not None and (config is None or told == "replaced")):
            # On the report's word: the configuration is not at hand, or the ledger says it.
            result = result._replace(hindrance=hindrance)
    except ConfigurationError as error:
        problems = tuple(shown(str(problem)) for problem in error.errors)
        return Step("re-run", "differs", "billproof would not have accepted its waivers", problems)
    except UsageError as error:
        return Step("re-run", "unproved", shown(error.message, None), (shown(error.help, None),) if error.help else ())
    here, reported = result.second_opinion, file.get("second_opinion")
    if here and reported and here.tool != reported["tool"]:
        text = f"the second opinion is by {shown(reported['tool'])}, and installed here is {here.tool}"
        return Step("re-run", "unproved", text)
    rivals = [other for other in others if (other.integration, other.month.value) == (result.integration, result.month.value)]
    differing = list(differences(file, file_entry(result, judged(given, ruleset, [result, *rivals]).verdict.files[0])))
    return _compared(file, differing, settings)


def _checked(file: ReportFile, copy: Copy, settings: Settings, ruleset: RuleSet, earlier: History) -> FileResult:
    source = copy._replace(path=file["path"]).source()
    result = check_file(source, settings, ruleset, (lambda *_: earlier) if settings.config else earlier_uploads)
    if settings.second_opinion:
        if copy.path == STANDARD_INPUT:
            raise UsageError("the report has a second opinion, which needs a file: standard input can be read only once")
        from billproof.engine.second_opinion import second_opinion

        result = result._replace(second_opinion=second_opinion(result._replace(path=copy.path), ruleset))
    return result


def _compared(file: ReportFile, differing: Sequence[Difference], settings: Settings) -> Step:
    count = len(file["outcomes"])
    rules = len({difference.rule for difference in differing if difference.rule is not None})
    as_of = f"(as of {rfc3339(settings.as_of)})"
    if differing:
        first = sorted(differing, key=lambda difference: difference.rule is None)
        text = f"{count - rules} of {count} rules give the same result with the report's settings {as_of}; these values differ"
        return Step("re-run", "differs", text, tuple(difference.text for difference in first))
    text = f"{file['verdict'].upper()}: {count} of {count} rules give the same result with the report's settings {as_of}"
    return Step("re-run", "same", text)
