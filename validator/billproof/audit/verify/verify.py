"""`billproof verify`: compares a report with its file and its rules, by repeating the check.

The digests are computed again, the verdict is decided again from the outcomes, and every rule runs again on the same bytes with
the report's settings. Every value must be the same as in the report. What a run takes from elsewhere (the configuration, the
ledger, the clock) is taken on the report's word, and the output says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from os.path import lexists
from typing import TYPE_CHECKING

from billproof.audit.signing.attestation import MAX_BYTES, attestation_path, file_statements, report_alone
from billproof.audit.signing.deviations import deviations
from billproof.audit.signing.dsse import PublicKey
from billproof.audit.verify.find import (
    config_of,
    costs_of,
    foreign,
    of_these_bytes,
    opened,
    refuse_other_version,
    ruleset_of,
    unverified,
)
from billproof.audit.verify.rerun import check_again, compare_verdict
from billproof.audit.verify.result import ATTESTED, Halted, Step, Verification
from billproof.config.file import Config
from billproof.engine.pipeline import Run, judged
from billproof.model.errors import BillproofError, Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.values import shown
from billproof.reading.source import private_copy, small_file
from billproof.report.restore import LoadedReport, changed_entries, file_of, misfits, read_report, set_aside_of, settings_of

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportFile


class Wanted(Record):
    """What to verify: the report; the file, if it was named; the rule set, if it is not a built-in one; the configuration of the
    run, if it is at hand; and the key that must have signed the attestations, if any.
    """

    report: str
    file: str | None = None
    ruleset: str | None = None
    config: str | None = None
    key: PublicKey | None = None
    costs: str | None = None


def verify(wanted: Wanted) -> Verification:
    """Repeats the check of a report. Raises Unreadable or NotAReport if the report cannot be read, UsageError or
    ConfigurationError if the named rule set or configuration is not valid.
    """
    steps = []
    try:
        for step in _steps(read_report(wanted.report), wanted):
            steps.append(step)
    except Halted as halted:
        steps.append(halted.step)
    if wanted.key and not any(step.label == ATTESTED for step in steps):
        steps.append(Step(ATTESTED, "unproved", "no attestation was checked"))
    return Verification(tuple(steps), wanted.key and wanted.key.keyid)


def _steps(report: LoadedReport, wanted: Wanted) -> Iterator[Step]:
    document = report.document
    if not report.is_sealed:
        yield Step("digest", "differs", "the report was changed: its result_sha256 is not the digest of its content")
    refuse_other_version(document)
    faults = tuple(dict.fromkeys(misfits(document)))
    if faults:
        raise Halted("report", "differs", "billproof does not write such a report; it does not match its schema at", faults)
    if changed := changed_entries(document):
        text = "entries of files were changed: their result_sha256 is not the digest of their content"
        yield Step("digest", "differs", text, tuple(map(shown, changed)))
    ruleset = ruleset_of(document, wanted.ruleset)
    try:
        settings = settings_of(document)
        files = [file_of(file, document, ruleset) for file in document["files"]]
        run = judged(settings, ruleset, files, set_aside_of(document))
        yield compare_verdict(document, run)
    except (UsageError, ValueError, ArithmeticError) as error:
        text = error.message if isinstance(error, BillproofError) else "a value is out of range"
        raise Halted("report", "differs", f"a run cannot have these settings: {shown(text, None)}") from None
    yield Step("rules", "same", f"{shown(ruleset.name)} {shown(ruleset.version)}, same digest as here: {ruleset.sha256}")
    config = None if wanted.config is None else config_of(document, wanted.config)
    yield from _files(report, wanted, run, config)


def _files(report: LoadedReport, wanted: Wanted, run: Run, config: Config | None) -> Iterator[Step]:
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
                raise Halted("file", "unproved", shown(error.message, None)) from None
            mine = of_these_bytes(named, files)
            if not mine:
                yield foreign(named, files)
        for file in mine:
            try:
                with opened(file, named, report) as copy:
                    yield Step("file", "same", f"{shown(copy.path)}: {copy.size:,} bytes, same sha256 as in the report")
                    others = [result for result, other in zip(run.files, files, strict=True) if other is not file]
                    costs = costs_of(file, report, run.ruleset, wanted.costs, wanted.config)
                    if costs.record is not None:
                        yield Step("costs", "same", f"the record of OpenAI's costs has the same digest: {costs.record.sha256}")
                    yield check_again(file, copy, run.settings, run.ruleset, config, others, costs)
                    if wanted.key is not None:
                        attestations.append(_attested(file, copy.path, report, run, wanted.key))
                    elif lexists(beside := attestation_path(copy.path)):
                        yield Step(ATTESTED, "same", f"not checked: {shown(beside)} exists; --key PUB checks it")
            except Halted as halted:
                yield halted.step
    # A named file has one attestation: that of any file of the report with the same bytes.
    yield from attestations if named is None else [step for step in attestations if step.state == "same"][:1] or attestations[:1]
    if 0 < len(mine) < len(files):
        text = f"{len(mine)} of {len(files)} files; the others, and the verdict on all of them, were not checked"
        yield Step("scope", "same", text)
    yield from unverified(mine, report.document, config is not None)


def _attested(file: ReportFile, path: str, report: LoadedReport, run: Run, key: PublicKey) -> Step:
    """Whether the attestation of a file is signed by the key and says what follows from the report."""
    beside = attestation_path(path)
    try:
        data = small_file(beside, MAX_BYTES)
    except Unreadable as error:
        return Step(ATTESTED, "unproved", shown(error.message, None))
    document, number = report.document, next(at for at, other in enumerate(report.document["files"]) if other is file)
    alone = report_alone(run, document, number)
    expected = file_statements(document, file, report.path, report.file_sha256, alone)
    may_be_of_several = document["policy"]["command"] == "upload" and alone is None
    faults = deviations(data, [key], expected, int(may_be_of_several))
    if faults:
        return Step(ATTESTED, "differs", f"{shown(beside)} is not this key's attestation of this report and file", tuple(faults))
    return Step(ATTESTED, "same", f"{shown(beside)} attests {expected[0]['predicate']['result']} for this file and this report")
