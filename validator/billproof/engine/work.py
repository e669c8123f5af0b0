"""A rule at work on a file: its check, and what has been decided about it so far."""

from __future__ import annotations

from collections.abc import Callable

from billproof.model.results import Outcome
from billproof.rules.checks.base import Check
from billproof.rules.files import Blocker
from billproof.rules.rule import Rule


class Work:
    """A rule with its check and what has been decided about it so far."""

    def __init__(self, rule: Rule, check: Check, columns: tuple[str, ...]) -> None:
        self.rule = rule
        self.check = check
        self.columns = columns
        of_file = [blocker for blocker in rule.blocked_by if blocker.reach == "file"]
        self.file_blockers = [blocker for blocker in of_file if blocker.only is None]
        # Those that ask how the rule itself fails.
        self.own_way_blockers = [blocker for blocker in of_file if blocker.only is not None]
        self.row_blockers = [blocker for blocker in rule.blocked_by if blocker.reach == "row"]
        self.cell_blockers = [blocker for blocker in rule.blocked_by if blocker.reach == "cell"]
        self.blockers = {blocker.rule for blocker in (*self.row_blockers, *self.cell_blockers)}
        self.blocked_by: str | None = None
        self.not_applicable: str | None = None
        self.crashed: str | None = None
        self.left_out_by: str | None = None
        self.outcome: Outcome | None = None

    @property
    def at_work(self) -> bool:
        """Whether nothing has kept it from running so far."""
        return not (self.blocked_by or self.not_applicable or self.crashed)

    def guard(self, step: Callable[..., None], *arguments: object) -> None:
        """Runs a step of the check; if it raises, the rule is `crashed` and the others go on."""
        try:
            step(*arguments)
        except Exception as error:
            place = error.__traceback__
            while place and place.tb_next:
                place = place.tb_next
            where = f" in {place.tb_frame.f_code.co_name}, line {place.tb_lineno}" if place else ""
            self.crashed = f"{type(error).__name__}{where}; please report it"

    def fails(self, blocker: Blocker) -> bool:
        """Whether the rule fails in the way that a blocker names, and nothing keeps it from saying so."""
        if not self.at_work or not self.check.violations:
            return False
        if self.outcome is not None and self.outcome.state not in ("failed", "off"):
            return False
        return blocker.when == "always" or blocker.when in self.check.circumstances
