"""The verdict: one pure function over the results. A pass has to be proved; everything else is fail or unproved.

The lines are numbered as in DESIGN.md, section 9. Only `judge` makes a `Pass`, and only a `Pass` can be uploaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Final, Literal

from billproof.model.record import Record
from billproof.model.results import FileResult, Hindrance, Outcome, Policy, RuleSetDuty
from billproof.model.values import shown

Word = Literal["pass", "fail", "unproved"]

_SEAL: Final = object()


class Exit(IntEnum):
    """The exit codes of every command, in every format."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    UNPROVED = 3
    NOT_SENT = 4
    INTERRUPTED = 130


EXIT_CODES: Final[dict[Word, Exit]] = {"pass": Exit.PASS, "fail": Exit.FAIL, "unproved": Exit.UNPROVED}


class Reason(Record):
    """Why a verdict is not a pass, or a pass is not ready to upload: a stable code, and the same as text."""

    code: str
    text: str
    file: str | None = None
    rule: str | None = None


class FileVerdict(Record):
    """The verdict on one file, and why the file is not ready to upload (`because`: rule ids or codes)."""

    word: Word
    reasons: tuple[Reason, ...]
    because: tuple[str, ...]


class Pass:
    """Proof that a file passed. Only `judge` can make one."""

    __slots__ = ("sha256",)

    sha256: str

    def __init__(self, seal: object, sha256: str) -> None:
        if seal is not _SEAL:
            raise TypeError("only judge() makes a Pass")
        object.__setattr__(self, "sha256", sha256)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Pass cannot be changed")


class Verdict(Record):
    """The worst of the files' verdicts, and one Pass per file that is ready to upload."""

    word: Word
    reasons: tuple[Reason, ...]
    files: tuple[FileVerdict, ...]
    passes: tuple[Pass | None, ...]

    @property
    def exit_code(self) -> Exit:
        """0 pass, 1 fail, 3 unproved."""
        return EXIT_CODES[self.word]


def judge(ruleset: RuleSetDuty, files: Sequence[FileResult], policy: Policy) -> Verdict:
    """The verdict on some files under a policy: for each the first line of the table that fits, then the worst."""
    if not files:
        reason = Reason("nothing_to_check", "no file was found, so nothing was checked")
        return Verdict("unproved", (reason,), (), ())
    verdicts = tuple(_judge_file(ruleset, file, policy) for file in _apart(files))
    word = max((verdict.word for verdict in verdicts), key=("pass", "fail", "unproved").index)
    passes = tuple(
        Pass(_SEAL, file.sha256) if verdict.word == "pass" and not verdict.because and file.sha256 else None
        for file, verdict in zip(files, verdicts, strict=True)
    )
    return Verdict(word, tuple(reason for verdict in verdicts for reason in verdict.reasons), verdicts, passes)


def two_of_a_month(month: str, integration: str, one: str, other: str) -> str:
    """The text for two files of one month. An upload replaces the month, so only one of them can be meant."""
    return f"two files for {month} of {integration}: {shown(one, None)} and {shown(other, None)}"


def _apart(files: Sequence[FileResult]) -> Iterator[FileResult]:
    """The files; one that is of the same month as another has that as its hindrance."""
    of_month: dict[tuple[str | None, str | None], list[int]] = {}
    for number, file in enumerate(files):
        of_month.setdefault((file.integration, file.month.value), []).append(number)
    for number, file in enumerate(files):
        other = next((place for place in of_month[file.integration, file.month.value] if place != number), None)
        if other is None or file.integration is None or file.month.value is None:
            yield file
            continue
        text = two_of_a_month(file.month.value, file.integration, file.path, files[other].path)
        yield file._replace(hindrance=Hindrance("two_files", text))


def _judge_file(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> FileVerdict:
    because = tuple(dict.fromkeys(_not_ready(ruleset, file, policy)))
    unproved = list(_unproved(ruleset, file, policy))
    if unproved:
        return FileVerdict("unproved", tuple(unproved), because)
    failed = list(_failed(file, policy))
    if failed:
        return FileVerdict("fail", tuple(failed), because)
    unsaid = list(_core_unsaid(ruleset, file, policy))
    if unsaid:
        return FileVerdict("unproved", tuple(unsaid), because)
    return FileVerdict("pass", (), because)


def _unproved(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    """Lines 1 to 12: what leaves the file unproved. The first line that fits gives the reasons."""
    lines = (
        _unread, _outcomes_incomplete, _crashed, _wrongly_blocked, _empty_pass, _not_run,
        _weaker_rules, _second_opinion, _unbound,
    )  # fmt: skip
    for line in lines:
        reasons = list(line(ruleset, file, policy))
        if reasons:
            yield from reasons
            return


def _unread(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    if not ruleset.rules:
        yield Reason("no_rule", "the rule set has no rules, so nothing was checked", file.path)
    elif file.error is not None:
        yield Reason("unreadable", file.error, file.path)
    elif not file.complete or file.sha256 is None:
        yield Reason("not_read_to_the_end", "the file was not read to its last byte", file.path)
    elif file.parsed_bytes != file.bytes:
        text = f"{file.bytes:,} bytes were hashed and {file.parsed_bytes:,} were checked"
        yield Reason("bytes_differ", text, file.path)


def _outcomes_incomplete(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    wanted = sorted(rule.id for rule in ruleset.rules)
    if sorted(outcome.rule for outcome in file.outcomes) != wanted:
        yield Reason("outcomes_incomplete", "not every rule has exactly one outcome", file.path)


def _crashed(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    for outcome in file.outcomes:
        if outcome.state == "crashed":
            yield _reason("crashed", outcome, file, f"crashed: {outcome.reason}")


def _wrongly_blocked(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    failed = {outcome.rule for outcome in _errors(file)}
    for outcome in file.outcomes:
        if outcome.state == "blocked" and outcome.blocked_by not in failed:
            cause = f"because of {outcome.blocked_by}, which has not failed" if outcome.blocked_by else "for an unknown reason"
            yield _reason("blocked", outcome, file, f"was skipped {cause}")


def _empty_pass(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    for outcome in file.outcomes:
        if outcome.state == "passed" and (outcome.evaluated < 1 or outcome.left_out > 0):
            yield _reason("empty_pass", outcome, file, "passed without checking everything")


def _not_run(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    optional = {rule.id for rule in ruleset.rules if rule.optional_in_check}
    for outcome in file.outcomes:
        if outcome.state == "not_run" and (outcome.rule not in optional or policy.policy == "upload"):
            yield _reason("not_run", outcome, file, f"was not run: {outcome.reason}")
        elif outcome.state == "off" and policy.policy == "upload":
            yield _reason("off", outcome, file, f"is {outcome.reason}")


def _second_opinion(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    if file.second_opinion is not None and not file.second_opinion.valid and not _errors(file):
        text = f"{file.second_opinion.tool} finds an error where no rule does: {'; '.join(file.second_opinion.errors[:3])}"
        yield Reason("second_opinion", text, file.path)


def _core_unsaid(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    """Line 18: a core rule that did not apply proves nothing; nor does an unknown total, nor for an upload a report's word."""
    if file.hindrance is not None and file.hindrance.code == "merged" and policy.policy == "upload":
        yield Reason("merged", file.hindrance.text, file.path)
    if file.totals is not None and file.totals.has_amounts and file.totals.amount is None:
        yield Reason("total_unknown", "no rule failed, but the charges could not be added up", file.path)
    core = {rule.id for rule in ruleset.rules if rule.core}
    for outcome in file.outcomes:
        if outcome.state == "not_applicable" and outcome.rule in core:
            yield _reason("core_not_applicable", outcome, file, f"was not applicable: {outcome.reason}")


def _weaker_rules(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    if policy.policy == "upload":
        for text in ruleset.weaker:
            yield Reason("weaker_rules", text, file.path)


def _unbound(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[Reason]:
    """Line 12: which month of which organization is replaced must not depend on the file alone."""
    if policy.policy != "upload":
        return
    if file.month.source == "inferred" and _coverage_waived(ruleset, file):
        yield Reason("month_inferred", "the month was read from the rows and a missing day is waived; set --month", file.path)
    if file.integration is None:
        yield Reason("no_integration", "no integration is configured for its organization", file.path)
    elif file.hindrance is not None and file.hindrance.code not in ("replaced", "merged"):
        yield Reason(file.hindrance.code, file.hindrance.text, file.path)


def _failed(file: FileResult, policy: Policy) -> Iterator[Reason]:
    """Lines 13 to 15; and a superseded file, which only --resend uploads again."""
    if file.hindrance is not None and file.hindrance.code == "replaced" and policy.policy == "upload":
        yield Reason("replaced", file.hindrance.text, file.path)
    warnings_fail = policy.fail_on == "warning" or policy.policy == "upload"
    for outcome in file.outcomes:
        if outcome.state == "failed" and (outcome.level == "error" or (outcome.level == "warning" and warnings_fail)):
            text = outcome.findings[0].message if outcome.findings else "failed"
            yield _reason("failed", outcome, file, text)


def _not_ready(ruleset: RuleSetDuty, file: FileResult, policy: Policy) -> Iterator[str]:
    """Why an upload would refuse the file, whatever the policy of this run: rule ids, or a code."""
    if file.error is not None or not file.complete:
        yield "unreadable"
        return
    failed = {outcome.rule for outcome in _errors(file)}
    for outcome in file.outcomes:
        hinders = outcome.state in ("not_run", "off", "crashed") or (outcome.state == "failed" and outcome.level != "note")
        if hinders or (outcome.state == "blocked" and outcome.blocked_by not in failed):
            yield outcome.rule
    if ruleset.weaker:
        yield "weaker_rules"
    if file.month.source == "inferred" and _coverage_waived(ruleset, file):
        yield "month_inferred"
    if file.integration is None:
        yield "no_integration"
    if file.hindrance is not None:
        yield file.hindrance.code


def _errors(file: FileResult) -> list[Outcome]:
    return [outcome for outcome in file.outcomes if outcome.state == "failed" and outcome.level == "error"]


def _coverage_waived(ruleset: RuleSetDuty, file: FileResult) -> bool:
    covering = {rule.id for rule in ruleset.rules if rule.covers_month}
    return any(outcome.state == "waived" and outcome.rule in covering for outcome in file.outcomes)


def _reason(code: str, outcome: Outcome, file: FileResult, text: str) -> Reason:
    return Reason(code, f"{outcome.rule} {outcome.name} {text}" if code != "failed" else text, file.path, outcome.rule)
