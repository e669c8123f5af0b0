"""`billproof verify`: a report held against the file and the rules that it speaks of, by doing all of it again.

The digests are computed again, the verdict is judged again from the outcomes, and every rule runs again over the same
bytes with the settings that the report has. What comes out must be the report, value by value. What a run knows from
elsewhere (the configuration, the ledger, the clock) is taken on the report's word, and that is said.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Literal

from billproof import __version__
from billproof.audit.signing.dsse import PublicKey
from billproof.audit.verify.attested import UNSIGNED, Signature, attested, not_looked_at, signed_by
from billproof.audit.verify.differences import differences
from billproof.audit.verify.report_file import ReportFile, misfits, read_report
from billproof.audit.verify.rerun import State, Step, Tree, check_again, look_for
from billproof.audit.verify.restore import config_at, file_of, settings_of
from billproof.audit.verify.unverified import hearsay
from billproof.config.file import Config
from billproof.config.settings import CLOCK, Settings
from billproof.engine.pipeline import Run, judged
from billproof.engine.verdict import Exit
from billproof.model.errors import BillproofError, Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.results import FileResult
from billproof.model.values import rfc3339, shown
from billproof.reading.source import Copy, private_copy
from billproof.report.build import whole_part
from billproof.rules.compiled import load_ruleset
from billproof.rules.rule import DEFAULT_RULESET, RuleSet
from billproof.rules.shipped import is_shipped

MAX_TOLD = 20

Word = Literal["AGREES", "AGREES, BUT UNSIGNED", "DIFFERS", "UNPROVED"]


class Wanted(Record):
    """What is to be verified: the report; the file, if it was named; the rule set, if it is not a shipped one; the configuration
    of then, if it is at hand; and the key with which they must have been attested, if any.
    """

    report: str
    file: str | None = None
    ruleset: str | None = None
    config: str | None = None
    key: PublicKey | None = None


class Verification(Record):
    """What came of it, step by step."""

    steps: tuple[Step, ...]
    signature: Signature

    @property
    def word(self) -> Word:
        """The first line. A difference weighs more than what could not be looked at."""
        states = {one.state for one in self.steps}
        if "differs" in states:
            return "DIFFERS"
        if "unproved" in states:
            return "UNPROVED"
        return "AGREES" if self.signature.holds else "AGREES, BUT UNSIGNED"

    @property
    def exit_code(self) -> Exit:
        """0 agrees, 1 differs, 3 unproved."""
        return {"DIFFERS": Exit.FAIL, "UNPROVED": Exit.UNPROVED}.get(self.word, Exit.PASS)

    def lines(self) -> Iterator[str]:
        """The screen: the word, and a line for each thing that was looked at. Nothing out of a report can begin another line."""
        yield self.word
        alike: Counter[tuple[str, State]] = Counter()
        for one in self.steps:
            alike[one.label, one.state] += 1
            if alike[one.label, one.state] > MAX_TOLD:
                continue
            state = "" if one.state == "same" else f"{one.state}: "
            yield shown(f"  {one.label:<10} {state}{one.text}", None)
            for text in one.more[:MAX_TOLD]:
                yield shown(f"             {text}", None)
            if len(one.more) > MAX_TOLD:
                yield f"             and {len(one.more) - MAX_TOLD:,} more"
        for (label, state), count in alike.items():
            if count > MAX_TOLD:
                yield f"  {label:<10} {count - MAX_TOLD:,} more: {state}"
        yield f"  {'signature':<10} {self.signature.text}"


def verify(wanted: Wanted) -> Verification:
    """Does everything again that the report says was done. Raises Unreadable or NoReport if the report cannot be read,
    UsageError or ConfigurationError for a rule set that was named and is none.
    """
    steps = tuple(_steps(read_report(wanted.report), wanted))
    return Verification(*signed_by(wanted.key, steps)) if wanted.key else Verification(steps, UNSIGNED)


def _steps(report: ReportFile, wanted: Wanted) -> Iterator[Step]:
    document = report.document
    if not report.is_sealed:
        yield Step("digest", "differs", "the report was changed: its result_sha256 is not the digest of what it says")
    elsewhere = _other_version(document)
    if elsewhere is not None:
        yield elsewhere
        return
    faults = list(dict.fromkeys(misfits(document)))
    if faults:
        yield Step("report", "differs", "billproof writes no such report; it is not as its schema has it at", tuple(faults))
        return
    ruleset = _ruleset(document, wanted.ruleset)
    if ruleset is None:
        yield _other_rules(document, wanted)
        return
    try:
        settings = settings_of(document)
        files = [file_of(one, document, ruleset) for one in document["files"]]
        told = _verdict(document, judged(settings, ruleset, files))
    except (UsageError, ValueError, ArithmeticError) as error:
        text = error.message if isinstance(error, BillproofError) else "a value that none can have"
        yield Step("report", "differs", f"no run can have had its settings: {shown(text, None)}")
        return
    yield told
    yield Step("rules", "same", f"{shown(ruleset.name)} {shown(ruleset.version)}, same digest as here: {ruleset.sha256}")
    config = config_at(wanted.config, document) if wanted.config is not None else None
    if wanted.config is not None and config is None:
        yield _other_config(wanted.config, document)
        return
    yield from _files(report, wanted, settings, ruleset, config, files)


def _other_version(document: Tree) -> Step | None:
    """Another version may judge otherwise, and its reports may say more: only it can do again what it did."""
    tool = document.get("tool")
    version = tool.get("version") if isinstance(tool, dict) else None
    if version == __version__ or not isinstance(version, str) or not re.fullmatch(r"[0-9][0-9a-z.+-]{0,30}", version):
        return None
    text = f"billproof {version} wrote it, and this is {__version__}. Run the one that was used:"
    return Step("version", "unproved", text, (f"in billproof's repository: git checkout v{version} && pip install .",))


def _ruleset(document: Tree, name: str | None) -> RuleSet | None:
    """The rule set that the report used: the one that was named, or a shipped one; None if its digest is another."""
    used = document["settings"]["ruleset"]["value"]
    shipped_name = used if is_shipped(used) else DEFAULT_RULESET
    named = load_ruleset(name) if name is not None else None
    if named is not None and named.sha256 != document["ruleset"]["sha256"]:
        return None
    # A copy of the shipped set has its digest, and is it.
    shipped_set = load_ruleset(shipped_name)
    return shipped_set if shipped_set.sha256 == document["ruleset"]["sha256"] else named


def _other_rules(document: Tree, wanted: Wanted) -> Step:
    used = document["ruleset"]
    here = "not the one that is shipped here" if wanted.ruleset is None else f"not the one in {shown(wanted.ruleset)}"
    text = f"the report used {shown(used['name'])} {shown(used['version'])}, sha256 {used['sha256']}, and that is {here}."
    command = "billproof verify REPORT FILE --ruleset FOLDER"
    return Step("rules", "unproved", f"{text} Run it with the rule set that has this digest:", (command,))


def _other_config(path: str, document: Tree) -> Step:
    told = document["settings"]["config"]
    used = f"{shown(told['path'])}, sha256 {told['sha256']}" if told else "none"
    return Step("config", "unproved", f"{shown(path)} is not the configuration that was used, which was", (used,))


def _verdict(document: Tree, run: Run) -> Step:
    """Whether the verdict, and all that the report says of the run as a whole, follows from its own outcomes."""
    told = {key: value for key, value in document.items() if key not in ("files", "result_sha256", "run")}
    found = [one.text for one in differences(told, whole_part(run))]
    for one, verdict in zip(document["files"], run.verdict.files, strict=True):
        if one["verdict"] != verdict.word:
            found.append(f"{shown(one['path'])}: the report says {one['verdict']}; its outcomes say {verdict.word}")
    # Two names may be shown as one path, so the bytes count, too.
    same = Counter((one["path"], one["sha256"]) for one in document["files"] if one["sha256"] is not None)
    found += [f"{shown(path)} stands in it {count} times" for (path, _), count in same.items() if count > 1]
    at = document["run"]
    as_of, of_run = rfc3339(run.settings.as_of), at["started"] if run.settings.as_of_source == CLOCK else at["as_of"]
    if not as_of == of_run == at["as_of"]:
        found.append(f"as_of: the run was started at {at['started']} and judged as of {at['as_of']}; the settings say {as_of}")
    count = sum(len(one["outcomes"]) for one in document["files"])
    if found:
        return Step("report", "differs", f"its verdict does not follow from its {count} outcomes and settings", tuple(found))
    return Step("report", "same", f"valid; its verdict, {document['verdict'].upper()}, follows from its {count} outcomes")


def _files(
    report: ReportFile, wanted: Wanted, settings: Settings, ruleset: RuleSet, config: Config | None, told: Sequence[FileResult]
) -> Iterator[Step]:
    """Every file of the report, or the one that was named; and what of them is taken on the report's word."""
    files = mine = report.document["files"]
    if not files:
        yield Step("file", "unproved", "the report speaks of no file, so there is nothing to be done again")
    signed = []
    with ExitStack() as held:
        named = None
        if wanted.file is not None:
            try:
                named = held.enter_context(private_copy(wanted.file))
            except Unreadable as error:
                yield Step("file", "unproved", shown(error.message, None))
                return
            mine = _of_these_bytes(named, files)
            if not mine:
                yield _foreign(named, files)
        for one in mine:
            for found in _file(one, named, report):
                if isinstance(found, Step):
                    yield found
                    continue
                others = [each for each, tree in zip(told, files, strict=True) if tree is not one]
                yield check_again(one, found, settings, ruleset, config, others)
                if wanted.key is not None:
                    signed.append(attested(one, found.path, report, wanted.key))
                elif (beside := not_looked_at(found.path)) is not None:
                    yield beside
    # Beside one file lies one attestation: the one of any file of the report that has these bytes.
    yield from signed if named is None else [one for one in signed if one.state == "same"][:1] or signed[:1]
    if 0 < len(mine) < len(files):
        yield Step("scope", "same", f"{len(mine)} of {len(files)} files; the others and the verdict on all were not looked at")
    yield from hearsay(mine, report.document, config is not None)


def _of_these_bytes(named: Copy, files: Sequence[Tree]) -> list[Tree]:
    """The files of the report that have the bytes of the one that was named; of several, those with its path, or its name."""
    same = [one for one in files if one["sha256"] == named.sha256]
    path = os.path.normpath(named.path).replace(os.sep, "/")
    of_path = [one for one in same if os.path.normpath(one["path"]).replace(os.sep, "/") == shown(path, None)]
    return of_path or [one for one in same if one["name"] == shown(os.path.basename(path), None)] or same


def _foreign(named: Copy, files: Sequence[Tree]) -> Step:
    text = f"{shown(named.path)} is not what the report speaks of: it has {named.size:,} bytes, sha256 {named.sha256};"
    known = [f"{shown(one['path'])}: {one['bytes']:,} bytes, sha256 {one['sha256'] or '(could not be read)'}" for one in files]
    return Step("file", "differs", f"{text} the report says", tuple(known))


def _file(one: Tree, named: Copy | None, report: ReportFile) -> Iterator[Step | Copy]:
    """Whether the file is the one that the report speaks of; and then the file, while it is open."""
    if one["sha256"] is None:
        yield Step("file", "unproved", f"{shown(one['path'])} could not be read then, so there is nothing to compare")
        return
    with ExitStack() as held:
        try:
            found = named or look_for(one, report.path)
            copy = held.enter_context(private_copy(found)) if isinstance(found, str) else found
        except Unreadable as error:
            copy = Step("file", "unproved", shown(error.message, None))
        if isinstance(copy, Step):
            yield copy
        elif (copy.sha256, copy.size) != (one["sha256"], one["bytes"]):
            more = (f"{one['bytes']:,} bytes, sha256 {one['sha256']}",)
            text = f"{shown(copy.path)} has {copy.size:,} bytes, sha256 {copy.sha256}; the report says"
            yield Step("file", "differs", text, more)
        else:
            yield Step("file", "same", f"{shown(copy.path)}: {copy.size:,} bytes, same sha256 as in the report")
            yield copy
