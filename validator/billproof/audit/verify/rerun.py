"""A file of a report, checked again with the settings of the report; the result is compared with the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from billproof.audit.verify.differences import Difference, differences
from billproof.audit.verify.restore import history_of, settings_for
from billproof.audit.verify.result import Step
from billproof.config.file import Config
from billproof.config.settings import Settings
from billproof.config.waivers import check_waivers
from billproof.delivery.earlier import earlier_uploads
from billproof.engine.pipeline import check_file, judged
from billproof.model.errors import ConfigurationError, UsageError
from billproof.model.results import FileResult, History
from billproof.model.values import rfc3339, shown
from billproof.reading.source import STANDARD_INPUT, Copy, Source
from billproof.report.file_entry import file_entry
from billproof.report.restore import hindrance_of
from billproof.rules.rule import RuleSet

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportFile


def check_again(
    file: ReportFile, copy: Copy, settings: Settings, ruleset: RuleSet, config: Config | None, others: Sequence[FileResult]
) -> Step:
    """Runs every rule again on the bytes of one file, with the settings of the report, and compares the result with the report.
    `config` is the configuration of the run, if it is at hand; `others` are the other files of the report, for the verdict.
    """
    try:
        given, earlier = settings_for(settings, file, config), history_of(file, ruleset)
    except (ValueError, ArithmeticError):
        return Step(
            "re-run", "differs", "no configuration or ledger can have given what the report says of waivers and earlier uploads"
        )
    try:
        if given.config is not None:
            check_waivers(given.config, ruleset, max(given.as_of, given.now).date())
        result = _checked(file, copy, given, ruleset, earlier)
        result = _on_its_word(result, file, given, config)
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
    copy.stream.seek(0)
    source = Source(copy.stream, file["path"], copy.size)
    result = check_file(source, settings, ruleset, (lambda *_: earlier) if settings.config else earlier_uploads)
    if settings.second_opinion:
        if copy.path == STANDARD_INPUT:
            raise UsageError("the report has a second opinion, which needs a file: standard input can be read only once")
        from billproof.engine.second_opinion import second_opinion

        result = result._replace(second_opinion=second_opinion(result._replace(path=copy.path), ruleset))
    return result


def _on_its_word(result: FileResult, file: ReportFile, settings: Settings, config: Config | None) -> FileResult:
    """The file with what blocks an upload, as the report says, where the configuration is not at hand or the ledger says it."""
    hindrance = hindrance_of(file)
    if settings.config is None or (config is not None and (hindrance is None or hindrance.code != "replaced")):
        return result
    return result._replace(hindrance=hindrance)


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
