"""Which waiver of the configuration covers a failed rule of a file, and why another one does not."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from billproof.config.settings import Settings
from billproof.engine.outcomes import Waive
from billproof.model.results import UsedWaiver
from billproof.model.values import calendar_date
from billproof.rules.checks.base import Settled
from billproof.rules.rule import Rule

if TYPE_CHECKING:
    from billproof.config.waivers import Waiver


def waiver_for(sha256: str, settled: Settled, settings: Settings) -> Waive:
    """Finds the waiver that covers a failed rule of this file; for one that does not apply, says why."""
    today = max(settings.as_of, settings.now).date()
    config, organization, month = settings.config, settled.organization.value, settled.month.value

    def waive(rule: Rule, violations: int) -> UsedWaiver | str | None:
        refused: str | None = None
        for waiver in config.file.waivers if config else ():
            if waiver.rule != rule.id or waiver.organization != organization or waiver.month not in (month, "any"):
                continue
            assert config is not None
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
