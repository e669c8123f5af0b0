"""A report, decided and checked again: whether its verdict follows from its outcomes, and its outcomes from its files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from billproof.audit.verify.restore import history_of, settings_for
from billproof.audit.verify.result import Step
from billproof.config.file import Config
from billproof.config.settings import CLOCK, Settings
from billproof.config.waivers import check_waivers
from billproof.delivery.earlier import known
from billproof.engine.pipeline import Run, check_file, judged
from billproof.model.costs import CostsAtHand
from billproof.model.errors import ConfigurationError, UsageError
from billproof.model.record import Record
from billproof.model.results import FileResult, History
from billproof.model.values import rfc3339, shown
from billproof.reading.source import STANDARD_INPUT, Copy
from billproof.report.build import report_head
from billproof.report.file_entry import file_entry
from billproof.report.restore import hindrance_of
from billproof.rules.rule import RuleSet

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile

Place = tuple[str | int, ...]

_NOTHING = object()


class Difference(Record):
    """One value that is not the same: the rule that it belongs to, if any, and a text with its place and both values."""

    rule: str | None
    text: str


def differences(reported: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Every value that differs between a part of a report, `reported`, and the same part `now`."""
    rules = [*reported.get("outcomes", ()), *now.get("outcomes", ())]
    names = {outcome["rule"]: f"{outcome['rule']} {shown(outcome['name'])}" for outcome in reversed(rules)}
    for place, here, there in _walk(reported, now, ()):
        rule, where = None, place
        if place[0] == "outcomes" and len(place) > 1:
            rule, where = str(place[1]), (names[str(place[1])], *place[2:])
        words = ", ".join(str(part + 1) if isinstance(part, int) else shown(part) for part in where)
        yield Difference(rule, f"{words}: the report says {_value(here)}; now it is {_value(there)}")


def _walk(here: Any, there: Any, place: Place) -> Iterator[tuple[Place, Any, Any]]:
    if isinstance(here, list) and isinstance(there, list):
        if place == ("outcomes",):
            if [outcome["rule"] for outcome in here] != sorted({outcome["rule"] for outcome in here}):
                yield place, "outcomes in another order, or twice", "one outcome per rule, in order"
            here, there = ({outcome["rule"]: outcome for outcome in side} for side in (here, there))
        else:
            here, there = dict(enumerate(here)), dict(enumerate(there))
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        if len(place) == 2 and place[0] == "outcomes" and here["state"] != there["state"]:
            # All else about a rule follows from its state.
            here, there = {"state": here["state"]}, {"state": there["state"]}
        for key in dict.fromkeys((*here, *there)):
            yield from _walk(here.get(key, _NOTHING), there.get(key, _NOTHING), (*place, key))
    elif type(here) is not type(there) or here != there:
        yield place, here, there


def _value(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    if isinstance(value, (dict, list)):
        return f"{len(value)} entries" if value else "nothing"
    return shown(json.dumps(value, ensure_ascii=False))


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
    file: ReportFile, copy: Copy, settings: Settings, ruleset: RuleSet, config: Config | None, others: Sequence[FileResult],
    costs: CostsAtHand,
) -> Step:
    """Runs every rule again on the bytes of one file, with the settings of the report, and compares the result with the report.
    `config` is the configuration of the run, if it is at hand; `others` are the other files of the report, for the
    verdict; `costs` is OpenAI's record that the report names.
    """
    try:
        given, earlier = settings_for(settings, file, config), history_of(file, ruleset)
    except (ValueError, ArithmeticError):
        return Step("re-run", "differs", "no configuration or ledger can lead to the waivers and earlier uploads in this report")
    try:
        if config is not None and earlier.destination is not None:
            integration = config.integration_of(file["organization"]["value"])
            earlier = earlier._replace(destination=given.to or (integration and integration.to))
        if given.config is not None:
            check_waivers(given.config, ruleset, max(given.as_of, given.now).date())
        result = _checked(file, copy, given, ruleset, earlier, costs)
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
    entry = file_entry(result, judged(given, ruleset, [result, *rivals]).verdict.files[0])
    differing = list(differences(file, {**entry, "result_sha256": file["result_sha256"]}))
    return _compared(file, differing, settings)


def _checked(
    file: ReportFile, copy: Copy, settings: Settings, ruleset: RuleSet, earlier: History, costs: CostsAtHand
) -> FileResult:
    source = copy._replace(path=file["path"], version=file.get("version")).source()
    elsewhere = known()._replace(costs=lambda *given: costs._replace(ended=given[-1]))
    if settings.config:
        elsewhere = elsewhere._replace(uploads=lambda *_: earlier)
    # Whether there may be a record is not a question of the settings here: there is one, or there is none.
    settings = settings._replace(costs=None if costs.record is None else costs.record.sha256)
    result = check_file(source, settings, ruleset, elsewhere)
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
