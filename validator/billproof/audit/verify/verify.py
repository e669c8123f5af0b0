"""`billproof verify`: compares a report with its file and its rules, by repeating the check.

The digests are computed again, the verdict is decided again from the outcomes, and every rule runs again on the same bytes with
the report's settings. Every value must be the same as in the report. What a run takes from elsewhere (the configuration, the
ledger, the clock) is taken on the report's word, and the output says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from billproof.audit.signing.dsse import PublicKey
from billproof.audit.verify.attested import attested, not_looked_at, signed_by
from billproof.audit.verify.find import foreign, of_these_bytes, opened
from billproof.audit.verify.prerequisites import other_config, other_rules, other_version, ruleset_of
from billproof.audit.verify.rerun import check_again
from billproof.audit.verify.restore import config_at
from billproof.audit.verify.result import UNSIGNED, Step, Verification
from billproof.audit.verify.unverified import unverified
from billproof.audit.verify.verdict import compare_verdict
from billproof.config.file import Config
from billproof.config.settings import Settings
from billproof.engine.pipeline import judged
from billproof.model.errors import BillproofError, Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.results import FileResult
from billproof.model.values import shown
from billproof.reading.source import private_copy
from billproof.report.report_file import LoadedReport, misfits, read_report
from billproof.report.restore import file_of, settings_of
from billproof.rules.rule import RuleSet


class Wanted(Record):
    """What to verify: the report; the file, if it was named; the rule set, if it is not a built-in one; the configuration of the
    run, if it is at hand; and the key that must have signed the attestations, if any.
    """

    report: str
    file: str | None = None
    ruleset: str | None = None
    config: str | None = None
    key: PublicKey | None = None


def verify(wanted: Wanted) -> Verification:
    """Repeats the check of a report. Raises Unreadable or NotAReport if the report cannot be read, UsageError or
    ConfigurationError if the named rule set or configuration is not valid.
    """
    steps = tuple(_steps(read_report(wanted.report), wanted))
    return Verification(*signed_by(wanted.key, steps)) if wanted.key else Verification(steps, UNSIGNED)


def _steps(report: LoadedReport, wanted: Wanted) -> Iterator[Step]:
    document = report.document
    if not report.is_sealed:
        yield Step("digest", "differs", "the report was changed: its result_sha256 is not the digest of its content")
    elsewhere = other_version(document)
    if elsewhere is not None:
        yield elsewhere
        return
    faults = list(dict.fromkeys(misfits(document)))
    if faults:
        yield Step("report", "differs", "billproof does not write such a report; it does not match its schema at", tuple(faults))
        return
    ruleset = ruleset_of(document, wanted.ruleset)
    if ruleset is None:
        yield other_rules(document, wanted.ruleset)
        return
    try:
        settings = settings_of(document)
        files = [file_of(file, document, ruleset) for file in document["files"]]
        verdict = compare_verdict(document, judged(settings, ruleset, files))
    except (UsageError, ValueError, ArithmeticError) as error:
        text = error.message if isinstance(error, BillproofError) else "a value is out of range"
        yield Step("report", "differs", f"a run cannot have these settings: {shown(text, None)}")
        return
    yield verdict
    yield Step("rules", "same", f"{shown(ruleset.name)} {shown(ruleset.version)}, same digest as here: {ruleset.sha256}")
    config = config_at(wanted.config, document) if wanted.config is not None else None
    if wanted.config is not None and config is None:
        yield other_config(wanted.config, document)
        return
    yield from _files(report, wanted, settings, ruleset, config, files)


def _files(
    report: LoadedReport,
    wanted: Wanted,
    settings: Settings,
    ruleset: RuleSet,
    config: Config | None,
    results: Sequence[FileResult],
) -> Iterator[Step]:
    """Checks every file of the report, or the named one; then says what is taken on the report's word."""
    files = mine = report.document["files"]
    if not files:
        yield Step("file", "unproved", "the report covers no file, so there is nothing to check again")
    attestations = []
    with ExitStack() as held:
        named = None
        if wanted.file is not None:
            try:
                named = held.enter_context(private_copy(wanted.file))
            except Unreadable as error:
                yield Step("file", "unproved", shown(error.message, None))
                return
            mine = of_these_bytes(named, files)
            if not mine:
                yield foreign(named, files)
        for file in mine:
            for item in opened(file, named, report):
                if isinstance(item, Step):
                    yield item
                    continue
                others = [result for result, other in zip(results, files, strict=True) if other is not file]
                yield check_again(file, item, settings, ruleset, config, others)
                if wanted.key is not None:
                    attestations.append(attested(file, item.path, report, wanted.key))
                elif (beside := not_looked_at(item.path)) is not None:
                    yield beside
    # A named file has one attestation: that of any file of the report with the same bytes.
    yield from attestations if named is None else [step for step in attestations if step.state == "same"][:1] or attestations[:1]
    if 0 < len(mine) < len(files):
        yield Step(
            "scope", "same", f"{len(mine)} of {len(files)} files; the others, and the verdict on all of them, were not checked"
        )
    yield from unverified(mine, report.document, config is not None)
