"""A loaded rule set: rules with their kinds and parameters, ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from billproof.model.record import Record
from billproof.model.results import Level
from billproof.rules.checks.base import KNOWN_AT_HEADER, Check
from billproof.rules.files import Blocker, Claim, DiagnosisRule, Limit, Off, RuleFile
from billproof.rules.table_schema import ExportShape, TableSchema

DEFAULT_RULESET = "openai-cost"


class Rule(Record):
    """A rule of a rule set, with its kind, its parameters and the changes that the set makes."""

    file: RuleFile
    kind: type[Check]
    parameters: Any
    level: Level
    shipped_level: Level
    off: Off | None
    blocked_by: tuple[Blocker, ...]
    path: str

    @property
    def id(self) -> str:
        """Its id, such as `OC304`."""
        return self.file.id

    @property
    def unit(self) -> str:
        """What its violations count."""
        unit = self.kind.unit_of(self.parameters)
        return unit if self.file.scope == "file" or unit != "file" else self.file.scope


class RuleSet(Record):
    """All rules that apply to a file, in order of ID, and what they need to know about it. `base` is the built-in set that it
    is or extends, "" if none; `weaker` says in what it is less strict.
    """

    name: str
    version: str
    title: str
    sha256: str
    rules: tuple[Rule, ...]
    table_schema: str
    schema: TableSchema
    roles: Mapping[str, str | None]
    currency: str | None
    exports: tuple[ExportShape, ...]
    guide: tuple[str, ...]
    proves: tuple[Claim, ...]
    does_not_prove: tuple[str | Limit, ...]
    diagnoses: tuple[DiagnosisRule, ...]
    base: str
    weaker: tuple[str, ...]

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of that id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


def evaluation_order(rules: Sequence[Rule], at_header: bool) -> list[str]:
    """The ids of the rules with every blocker before what it blocks, for one of the two rounds."""
    by_id = {rule.id: rule for rule in rules}
    ordered: dict[str, None] = {}
    for rule in rules:
        _visit(rule.id, by_id, at_header, ordered, (), [])
    return list(ordered)


def circles(rules: Sequence[Rule]) -> list[str]:
    """Circles in `blocked_by`, as `A > B > A`."""
    by_id = {rule.id: rule for rule in rules}
    circular: list[str] = []
    for at_header in (True, False):
        done: dict[str, None] = {}
        for rule in rules:
            _visit(rule.id, by_id, at_header, done, (), circular)
    return circular


def _visit(
    rule_id: str, by_id: Mapping[str, Rule], at_header: bool, done: dict[str, None], above: tuple[str, ...], circles: list[str]
) -> None:
    if rule_id in above:
        circles.append(" > ".join((*above[above.index(rule_id) :], rule_id)))
        return
    if rule_id in done:
        return
    for blocker in by_id[rule_id].blocked_by:
        if blocker.rule not in done and blocker.rule in by_id and _comes_before(by_id[blocker.rule], blocker, at_header):
            _visit(blocker.rule, by_id, at_header, done, (*above, rule_id), circles)
    done[rule_id] = None


def acts_at_header(rule: Rule, blocker: Blocker) -> bool:
    """Whether a blocker does its work once the header is read: `rule`'s failure and what it blocks are known by then."""
    return _known_at_header(rule, blocker) and blocker.only is None and blocker.unless is None


def _known_at_header(rule: Rule, blocker: Blocker) -> bool:
    return blocker.when in KNOWN_AT_HEADER or rule.kind.reads == "head"


def _comes_before(rule: Rule, blocker: Blocker, at_header: bool) -> bool:
    """Whether `rule` must be evaluated before what it blocks, in the round at the header or in the one at the end."""
    return acts_at_header(rule, blocker) if at_header else not _known_at_header(rule, blocker)
