"""A loaded rule set: rules with their kinds and parameters, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billproof.model.record import Record
from billproof.model.results import Level
from billproof.rules.checks.base import Check
from billproof.rules.exports import ExportShape
from billproof.rules.files import Blocker, Claim, DiagnosisRule, Off, RuleFile
from billproof.rules.table_schema import TableSchema

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
    """All rules that apply to a file, in order of ID, and what they need to know about it."""

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
    does_not_prove: tuple[str, ...]
    diagnoses: tuple[DiagnosisRule, ...]
    weaker: tuple[str, ...]

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of that id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)
