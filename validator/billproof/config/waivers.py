"""Waivers: a rule that fails is accepted for one organization and month, by an owner, for a reason, until a date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

from billproof.model.errors import ConfigurationError, FileError
from billproof.model.record import Record
from billproof.model.results import UsedWaiver
from billproof.model.values import calendar_date, is_month
from billproof.reading.decode import FILLED, Spec
from billproof.rules.files import RULE_ID
from billproof.rules.rule import DEFAULT_RULESET, Rule, RuleSet

if TYPE_CHECKING:
    from billproof.config.file import Config
    from billproof.config.settings import Settings
    from billproof.rules.checks.base import Settled

# The waiver that covers so many violations of a rule; or why the one that names it does not; None if none does.
Waive = Callable[[Rule, int], UsedWaiver | str | None]
WAIVER_DAYS = 400


class Waiver(Record):
    """Accepts a failing rule: for one month, until a date, up to a number of violations or for one file."""

    rule: Annotated[str, Spec(pattern=RULE_ID)]
    organization: Annotated[str, Spec(pattern=r"\S+")]
    month: Annotated[str, Spec(doc="YYYY-MM, or any (warnings only).")]
    reason: Annotated[str, Spec(pattern=FILLED)]
    owner: Annotated[str, Spec(pattern=FILLED)]
    expires: Annotated[str, Spec(doc="A date, at most 400 days ahead.")]
    approved_by: str | None = None
    reference: str | None = None
    at_most: Annotated[int | None, Spec(doc="The highest number of violations that the waiver covers.")] = None
    sha256: Annotated[str | None, Spec(pattern=r"[0-9a-f]{64}", doc="Digest of the one file that the waiver covers.")] = None
    line: int = 1


def form_errors(waiver: Waiver) -> Iterator[str]:
    """What is wrong with a waiver whatever the rule set is."""
    if waiver.month != "any" and not is_month(waiver.month):
        yield f"`month` is {waiver.month}; expected YYYY-MM or any"
    if calendar_date(waiver.expires) is None:
        yield f"`expires` is {waiver.expires}; expected YYYY-MM-DD"
    if waiver.at_most is not None and waiver.at_most < 1:
        yield "`at_most` must be 1 or more"


def check_waivers(config: Config, ruleset: RuleSet, today: date) -> None:
    """Raises ConfigurationError for waivers that the rule set does not allow; `today` bounds how far ahead they may end. A
    waiver of an integration with another rule set is left to the runs under that one.
    """
    errors = [
        FileError(config.shown_path, waiver.line, text)
        for waiver in config.file.waivers
        if (owner := config.integration_of(waiver.organization)) is None or owner.ruleset == (ruleset.base or DEFAULT_RULESET)
        for text in _waiver_errors(waiver, ruleset, today)
    ]
    if errors:
        raise ConfigurationError(errors)


def _waiver_errors(waiver: Waiver, ruleset: RuleSet, today: date) -> Iterator[str]:
    rule = ruleset.rule(waiver.rule)
    if rule is None:
        yield f"there is no rule {waiver.rule} to waive"
        return
    if rule.shipped_level == "note":
        yield f"{rule.id} {rule.file.name} is a note, which never stops anything; no waiver is needed"
    if rule.shipped_level == "error" and not rule.file.waivable:
        yield f"{rule.id} {rule.file.name} cannot be waived: fix the file instead (billproof rules show {rule.id})"
    if "error" in (rule.shipped_level, rule.level):
        if waiver.month == "any":
            yield f"{rule.id} is an error, so its waiver must name one month, not any"
        if "ledger" in rule.file.needs and waiver.sha256 is None:
            yield f"{rule.id} counts as one violation however much is lost, so its waiver needs the file's `sha256`"
        elif waiver.at_most is None and waiver.sha256 is None:
            yield f"{rule.id} is an error, so its waiver needs `at_most` or the file's `sha256`"
    expires = calendar_date(waiver.expires)
    if expires is not None and expires > today + timedelta(days=WAIVER_DAYS):
        yield f"`expires` is more than {WAIVER_DAYS} days ahead"


def waiver_for(sha256: str, settled: Settled, settings: Settings, config: Config) -> Waive:
    """Finds the waiver that covers a failed rule of this file; for one that does not apply, says why."""
    today = max(settings.as_of, settings.now).date()
    organization, month = settled.organization.value, settled.month.value

    def waive(rule: Rule, violations: int) -> UsedWaiver | str | None:
        refused: str | None = None
        for waiver in config.file.waivers:
            if waiver.rule != rule.id or waiver.organization != organization or waiver.month not in (month, "any"):
                continue
            place, refusal = config.place(waiver.line), _refusal(waiver, violations, sha256, today)
            if refusal is None:
                return UsedWaiver(waiver.reason, waiver.owner, waiver.expires, place, waiver.approved_by, waiver.reference)
            refused = f"the waiver at {place} does not apply: {refusal}"
        return refused

    return waive


def _refusal(waiver: Waiver, violations: int, sha256: str, today: date) -> str | None:
    expires = calendar_date(waiver.expires)
    if expires is None or expires < today:
        return f"it expired on {waiver.expires}"
    if waiver.at_most is not None and violations > waiver.at_most:
        return f"it covers at most {waiver.at_most:,}, and there are {violations:,}"
    if waiver.sha256 is not None and waiver.sha256 != sha256:
        return "it covers another file (sha256)"
    return None
