"""judge() line by line, as DESIGN's section 9 numbers them: under both policies, in pairs, and over several files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import pytest

from billproof.engine.verdict import EXIT_CODES, Exit, Pass, Verdict, Word, judge
from billproof.model.results import (
    FileResult,
    Finding,
    Level,
    Outcome,
    Policy,
    RuleDuty,
    RuleSetDuty,
    SecondOpinion,
    Sourced,
    State,
    UsedWaiver,
)

CHECK, UPLOAD = Policy("check", "check"), Policy("check", "upload")
SHA256 = "0" * 64

# A rule for every line of the table that speaks of a rule, so that any two lines can be tried together.
DUTIES = (
    RuleDuty("AA003", core=False, optional_in_check=False),
    RuleDuty("AA004", core=False, optional_in_check=False),
    RuleDuty("AA005", core=False, optional_in_check=False),
    RuleDuty("AA006", core=False, optional_in_check=False),
    RuleDuty("AA007", core=False, optional_in_check=False),
    RuleDuty("AA008", core=True, optional_in_check=True),
    RuleDuty("AA009", core=False, optional_in_check=False),
    RuleDuty("AA012", core=True, optional_in_check=False, covers_month=True),
    RuleDuty("AA013", core=True, optional_in_check=False),
    RuleDuty("AA014", core=False, optional_in_check=False),
    RuleDuty("AA016", core=True, optional_in_check=False),
    RuleDuty("AA017", core=False, optional_in_check=False),
    RuleDuty("AA018", core=True, optional_in_check=False),
)
LEVELS: dict[str, Level] = {"AA014": "warning"}
FINDING = Finding(3, 3, "amount", 3, "n/a", "a number", "n/a is not a number", (), "key")
WAIVER = UsedWaiver("late invoice", "somebody@example.com", "2026-01-01", "billproof.yaml:12")
PASSED: State = "passed"


@dataclass(frozen=True)
class Situation:
    """What judge() is given."""

    ruleset: RuleSetDuty
    file: FileResult

    def judged(self, policy: Policy) -> Verdict:
        return judge(self.ruleset, [self.file], policy)

    def with_file(self, **changes: Any) -> Situation:
        return replace(self, file=self.file._replace(**changes))

    def with_outcome(self, rule: str, state: State, **changes: Any) -> Situation:
        found = {"state": state, "evaluated": 5 if state == PASSED else 0, **changes}
        return self.with_file(outcomes=tuple(one._replace(**found) if one.rule == rule else one for one in self.file.outcomes))


GOOD = Situation(
    RuleSetDuty(DUTIES),
    FileResult(
        path="exports/data.csv", name="data.csv", bytes=100, sha256=SHA256, parsed_bytes=100, complete=True, export="cost",
        header=("day", "amount"), rows=5, unread_lines=0, organization=Sourced("org-EXAMPLE1", "--organization"),
        month=Sourced("2025-10", "--month"), totals=None, days=(), integration="research",
        outcomes=tuple(
            Outcome(rule.id, "some-rule", LEVELS.get(rule.id, "error"), PASSED, "row", evaluated=5) for rule in DUTIES
        ),
    ),
)  # fmt: skip

Change = Callable[[Situation], Situation]


@dataclass(frozen=True)
class Line:
    """A line of the table: the situation, and the word under each policy; `code` is the reason's when it ends there."""

    number: int
    name: str
    change: Change
    check: Word
    upload: Word
    code: str = ""
    ready: bool = False

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


def outcome(rule: str, state: State, **changes: Any) -> Change:
    return lambda before: before.with_outcome(rule, state, **changes)


def of_file(**changes: Any) -> Change:
    return lambda before: before.with_file(**changes)


def without_outcome(before: Situation) -> Situation:
    return before.with_file(outcomes=tuple(one for one in before.file.outcomes if one.rule != "AA003"))


def with_one_twice(before: Situation) -> Situation:
    return before.with_file(outcomes=(*before.file.outcomes, before.file.outcomes[0]))


def with_one_for_another(before: Situation) -> Situation:
    return before.with_file(outcomes=(before.file.outcomes[0]._replace(rule="ZZ001"), *before.file.outcomes[1:]))


def with_foreign_one(before: Situation) -> Situation:
    return before.with_file(outcomes=(*before.file.outcomes, before.file.outcomes[0]._replace(rule="ZZ001")))


def opinion(valid: bool) -> Change:
    errors = () if valid else ("type-error in row 3, amount",)
    return of_file(second_opinion=SecondOpinion("frictionless 5", valid, errors, ()))


def month_guessed_and_days_waived(before: Situation) -> Situation:
    return before.with_file(month=Sourced("2025-10", "inferred")).with_outcome("AA012", "waived", violations=1, waiver=WAIVER)


def weaker(before: Situation) -> Situation:
    return replace(before, ruleset=before.ruleset._replace(weaker=("AA004 some-rule is a note here",)))


FAILED = {"evaluated": 5, "violations": 1, "findings": (FINDING,)}
LINES = (
    Line(1, "no rule", lambda one: replace(one, ruleset=RuleSetDuty(())), "unproved", "unproved", "no_rule"),
    Line(2, "not opened", of_file(error="cannot be read"), "unproved", "unproved", "unreadable"),
    Line(2, "not read to the end", of_file(complete=False), "unproved", "unproved", "not_read_to_the_end"),
    Line(2, "no digest", of_file(sha256=None), "unproved", "unproved", "not_read_to_the_end"),
    Line(2, "other bytes hashed than parsed", of_file(parsed_bytes=99), "unproved", "unproved", "bytes_differ"),
    Line(3, "a rule without outcome", without_outcome, "unproved", "unproved", "outcomes_incomplete"),
    Line(3, "a rule with two outcomes", with_one_twice, "unproved", "unproved", "outcomes_incomplete"),
    Line(3, "an outcome of no rule", with_foreign_one, "unproved", "unproved", "outcomes_incomplete"),
    Line(3, "another rule's outcome", with_one_for_another, "unproved", "unproved", "outcomes_incomplete"),
    Line(4, "crashed", outcome("AA004", "crashed", reason="KeyError"), "unproved", "unproved", "crashed"),
    Line(5, "blocked by nothing", outcome("AA005", "blocked"), "unproved", "unproved", "blocked"),
    Line(5, "blocked by what passed", outcome("AA005", "blocked", blocked_by="AA016"), "unproved", "unproved", "blocked"),
    Line(5, "blocked by itself", outcome("AA005", "blocked", blocked_by="AA005"), "unproved", "unproved", "blocked"),
    Line(5, "blocked by no rule of the set", outcome("AA005", "blocked", blocked_by="ZZ001"), "unproved", "unproved", "blocked"),
    Line(6, "passed on nothing", outcome("AA006", "passed", evaluated=0), "unproved", "unproved", "empty_pass"),
    Line(6, "passed with rows left out", outcome("AA006", "passed", left_out=1), "unproved", "unproved", "empty_pass"),
    Line(7, "not run", outcome("AA007", "not_run", reason="no month"), "unproved", "unproved", "not_run"),
    Line(8, "not run, optional in a check", outcome("AA008", "not_run", reason="say whose"), "pass", "unproved", "not_run"),
    Line(9, "off", outcome("AA009", "off", reason="switched off"), "pass", "unproved", "off"),
    Line(10, "weaker rules", weaker, "pass", "unproved", "weaker_rules"),
    Line(11, "second opinion differs", opinion(valid=False), "unproved", "unproved", "second_opinion"),
    Line(12, "month guessed, missing days waived", month_guessed_and_days_waived, "pass", "unproved", "month_inferred"),
    Line(12, "no integration", of_file(integration=None), "pass", "unproved", "no_integration"),
    Line(13, "an error", outcome("AA013", "failed", **FAILED), "fail", "fail", "failed"),
    Line(15, "a warning", outcome("AA014", "failed", **FAILED), "pass", "fail", "failed"),
    Line(16, "waived", outcome("AA016", "waived", violations=1, waiver=WAIVER), "pass", "pass", ready=True),
    Line(17, "not applicable", outcome("AA017", "not_applicable", reason="no such column"), "pass", "pass", ready=True),
    Line(18, "not applicable, core", outcome("AA018", "not_applicable"), "unproved", "unproved", "core_not_applicable"),
    Line(19, "nothing", lambda one: one, "pass", "pass", ready=True),
    Line(19, "second opinion agrees", opinion(valid=True), "pass", "pass", ready=True),
)  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=str)
def test_line_under_policy_check(line: Line) -> None:
    verdict = line.change(GOOD).judged(CHECK)
    assert verdict.word == line.check
    assert [one.code for one in verdict.reasons] == ([line.code] if line.check != "pass" else [])
    assert verdict.exit_code == EXIT_CODES[line.check]


@pytest.mark.parametrize("line", LINES, ids=str)
def test_line_under_policy_upload(line: Line) -> None:
    verdict = line.change(GOOD).judged(UPLOAD)
    assert verdict.word == line.upload
    assert [one.code for one in verdict.reasons] == ([line.code] if line.upload != "pass" else [])
    assert verdict.exit_code == EXIT_CODES[line.upload]


@pytest.mark.parametrize("policy", [CHECK, UPLOAD], ids=["check", "upload"])
@pytest.mark.parametrize("line", LINES, ids=str)
def test_only_what_an_upload_would_take_has_a_pass(line: Line, policy: Policy) -> None:
    """`because` says what stands in the way, and a Pass is there exactly if nothing does."""
    verdict = line.change(GOOD).judged(policy)
    (made,) = verdict.passes
    assert (made is not None) is line.ready
    if made is not None:
        assert made.sha256 == SHA256
        assert verdict.files[0].because == ()


@pytest.mark.parametrize("line", [one for one in LINES if one.check == "pass" and not one.ready], ids=str)
def test_a_check_that_passes_says_why_it_would_not_be_uploaded(line: Line) -> None:
    because = line.change(GOOD).judged(CHECK).files[0].because
    expected = {8: "AA008", 9: "AA009", 15: "AA014"}.get(line.number, line.code)
    assert because == (expected,)


@pytest.mark.parametrize("policy", [CHECK, UPLOAD], ids=["check", "upload"])
def test_no_file_is_unproved(policy: Policy) -> None:
    verdict = judge(GOOD.ruleset, [], policy)
    assert (verdict.word, verdict.exit_code, verdict.passes) == ("unproved", 3, ())
    assert [one.code for one in verdict.reasons] == ["nothing_to_check"]


def ends(line: Line, policy: Policy) -> bool:
    """Whether a line ends the judgement under a policy."""
    return (line.upload if policy == UPLOAD else line.check) != "pass"


# An error of ours is what line 11 asks for; and these two cannot be said of one file at once.
NOT_TOGETHER = {(11, 13), (11, 15)}
IN_PAIRS = [
    (first, second) for first, second in combinations(LINES, 2)
    if first.number < second.number and (first.number, second.number) not in NOT_TOGETHER and second.number != 19
]  # fmt: skip


@pytest.mark.parametrize("policy", [CHECK, UPLOAD], ids=["check", "upload"])
@pytest.mark.parametrize("first, second", IN_PAIRS, ids=str)
def test_the_first_line_that_fits_decides(first: Line, second: Line, policy: Policy) -> None:
    both = first.change(second.change(GOOD))
    deciding = next((line for line in (first, second) if ends(line, policy)), None)
    verdict = both.judged(policy)
    if deciding is None:
        assert verdict.word == "pass"
    else:
        assert verdict.word == (deciding.upload if policy == UPLOAD else deciding.check)
        assert deciding.code in {one.code for one in verdict.reasons}


def test_line_5_a_rule_blocked_by_a_failed_error_is_not_a_fault_of_the_run() -> None:
    blocked = outcome("AA005", "blocked", blocked_by="AA013")(outcome("AA013", "failed", **FAILED)(GOOD))
    assert blocked.judged(CHECK).word == blocked.judged(UPLOAD).word == "fail"


@pytest.mark.parametrize(
    "root", [outcome("AA014", "failed", **FAILED), outcome("AA014", "waived", waiver=WAIVER), outcome("AA014", "off")],
    ids=["failed warning", "waived", "off"],
)  # fmt: skip
def test_line_5_nothing_but_a_failed_error_may_block(root: Change) -> None:
    blocked = outcome("AA005", "blocked", blocked_by="AA014")(root(GOOD))
    assert blocked.judged(CHECK).word == blocked.judged(UPLOAD).word == "unproved"


def test_line_5_an_error_of_another_file_does_not_block() -> None:
    failing = outcome("AA013", "failed", **FAILED)(GOOD).file
    blocked = outcome("AA005", "blocked", blocked_by="AA013")(GOOD).file
    verdict = judge(GOOD.ruleset, [failing, blocked], CHECK)
    assert [one.word for one in verdict.files] == ["fail", "unproved"]


@pytest.mark.parametrize("policy", [CHECK, UPLOAD], ids=["check", "upload"])
def test_line_11_our_error_settles_it(policy: Policy) -> None:
    both = opinion(valid=False)(outcome("AA013", "failed", **FAILED)(GOOD))
    assert both.judged(policy).word == "fail"


@pytest.mark.parametrize("policy", [CHECK, UPLOAD], ids=["check", "upload"])
def test_line_11_a_warning_of_ours_does_not_settle_it(policy: Policy) -> None:
    both = opinion(valid=False)(outcome("AA014", "failed", **FAILED)(GOOD))
    assert both.judged(policy).word == "unproved"


@pytest.mark.parametrize("policy", [CHECK, UPLOAD], ids=["check", "upload"])
def test_line_11_an_error_that_only_we_find_is_not_a_disagreement(policy: Policy) -> None:
    both = opinion(valid=True)(outcome("AA013", "failed", **FAILED)(GOOD))
    assert both.judged(policy).word == "fail"


def test_line_12_a_month_that_was_given_may_have_its_missing_days_waived() -> None:
    signed = outcome("AA012", "waived", violations=1, waiver=WAIVER)(GOOD)
    assert signed.judged(UPLOAD).word == "pass"
    assert signed.judged(UPLOAD).passes[0] is not None


def test_line_12_an_inferred_month_without_a_waiver_goes_on() -> None:
    assert GOOD.with_file(month=Sourced("2025-10", "inferred")).judged(UPLOAD).word == "pass"


def test_line_12_two_files_of_one_month_keep_each_other_from_an_upload() -> None:
    one, other = (GOOD.with_file(path=path, sha256=letter * 64).file for path, letter in (("one.csv", "1"), ("other.csv", "2")))
    later = one._replace(path="later.csv", month=Sourced("2025-11", "--month"))
    checked = judge(GOOD.ruleset, [one, later, other], CHECK)
    assert [(each.word, each.because) for each in checked.files] == [
        ("pass", ("two_files",)),
        ("pass", ()),
        ("pass", ("two_files",)),
    ]
    assert [each is not None for each in checked.passes] == [False, True, False]
    verdict = judge(GOOD.ruleset, [one, later, other], UPLOAD)
    assert [each.word for each in verdict.files] == ["unproved", "pass", "unproved"]
    assert [(each.code, each.file, each.text) for each in verdict.reasons] == [
        ("two_files", "one.csv", "two files for 2025-10 of research: one.csv and other.csv"),
        ("two_files", "other.csv", "two files for 2025-10 of research: other.csv and one.csv"),
    ]


@pytest.mark.parametrize("change", [{"integration": None}, {"month": Sourced(None, "inferred")}, {"integration": "platform"}])
def test_line_12_files_of_which_nobody_knows_that_they_are_of_one_month(change: dict[str, Any]) -> None:
    one = GOOD.with_file(**change).file
    others = [one] if change != {"integration": "platform"} else [GOOD.file]
    verdict = judge(GOOD.ruleset, [one, *others], CHECK)
    assert "two_files" not in {code for each in verdict.files for code in each.because}


def test_line_14_warnings_fail_where_they_are_asked_to() -> None:
    warned = outcome("AA014", "failed", **FAILED)(GOOD)
    verdict = warned.judged(CHECK._replace(fail_on="warning"))
    assert (verdict.word, [one.rule for one in verdict.reasons]) == ("fail", ["AA014"])


@pytest.mark.parametrize("policy", [CHECK, UPLOAD, CHECK._replace(fail_on="warning")], ids=["check", "upload", "warning"])
def test_a_note_never_stops_anything(policy: Policy) -> None:
    noted = outcome("AA014", "failed", **FAILED, level="note")(GOOD)
    verdict = noted.judged(policy)
    assert verdict.word == "pass"
    assert verdict.passes[0] is not None


@pytest.mark.parametrize("words", list(product(["pass", "fail", "unproved"], repeat=3)), ids="-".join)
def test_the_worst_file_wins(words: tuple[Word, ...]) -> None:
    files = {
        "pass": GOOD.file,
        "fail": outcome("AA013", "failed", **FAILED)(GOOD).file,
        "unproved": of_file(complete=False)(GOOD).file,
    }
    of_months = [files[word]._replace(month=Sourced(f"2025-0{n}", "--month")) for n, word in enumerate(words, 1)]
    verdict = judge(GOOD.ruleset, of_months, CHECK)
    worst = "unproved" if "unproved" in words else "fail" if "fail" in words else "pass"
    assert tuple(one.word for one in verdict.files) == words
    assert verdict.word == worst
    assert verdict.exit_code == {"pass": 0, "fail": 1, "unproved": 3}[worst]
    assert [made is not None for made in verdict.passes] == [word == "pass" for word in words]


def test_nobody_but_judge_makes_a_pass() -> None:
    with pytest.raises(TypeError, match="judge"):
        Pass(object(), SHA256)
    with pytest.raises(TypeError):
        Pass()  # type: ignore[call-arg]


@pytest.mark.parametrize("attribute", ["sha256", "path"])
def test_a_pass_cannot_be_changed(attribute: str) -> None:
    made = GOOD.judged(UPLOAD).passes[0]
    assert made is not None
    with pytest.raises(AttributeError):
        setattr(made, attribute, "f" * 64)
    assert made.sha256 == SHA256


def test_exit_codes_are_those_of_the_contract() -> None:
    assert {one.name: int(one) for one in Exit} == {
        "PASS": 0, "FAIL": 1, "USAGE": 2, "UNPROVED": 3, "NOT_SENT": 4, "INTERRUPTED": 130,
    }  # fmt: skip


def test_every_reason_names_its_file() -> None:
    for line in LINES:
        verdict = line.change(GOOD).judged(UPLOAD)
        assert all(one.file == GOOD.file.path and one.text for one in verdict.reasons), line
