"""Whether a rule set is consistent (columns, placeholders, references, circles) and as strict as the built-in one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any

from billproof.model.errors import FileError
from billproof.model.results import Level
from billproof.reading.yaml_tree import Node
from billproof.rules.checks.base import Check
from billproof.rules.files import DiagnosisRule, RuleFile, RuleSetFile
from billproof.rules.patterns import pattern_error
from billproof.rules.rule import DEFAULT_RULESET, Rule, circles
from billproof.rules.table_schema import TableSchema

LEVELS: tuple[Level, ...] = ("note", "warning", "error")

_COMMON_PLACEHOLDERS = {"file", "month", "first", "last", "value", "column", "line"}
_DIAGNOSIS_PLACEHOLDERS = {
    "file", "month", "month_name", "first", "last", "first_day", "last_day", "days", "month_days",
    "days_in_month_present", "rows", "kind", "organization", "named_organization", "organizations", "expected_organization",
    "second_header",
}  # fmt: skip

_GUIDE_PLACEHOLDERS = {"first", "last", "organization"}
_CLAIM_PLACEHOLDERS = {"by", "source", "read", "keys", "total"}


def line_of(node: Node | None, *keys: str) -> int:
    """The line of the value under a path of keys in a YAML mapping; the nearest line above if there is no such value."""
    line = node.line if node else 1
    for key in keys:
        if node is None or not isinstance(node.value, dict) or key not in node.value:
            return line
        node = node.value[key]
        line = node.line
    return line


class Consistency:
    """Finds the errors that no single file shows. `unread` are the ids of rules whose files could not be read."""

    def __init__(
        self, schema: TableSchema, roles: Mapping[str, str | None], errors: list[FileError], unread: Collection[str],
        shown_path: Callable[[Path], str],
    ) -> None:  # fmt: skip
        self._schema = schema
        self._roles = roles
        self._errors = errors
        self._unread = unread
        self._shown_path = shown_path

    def _error(self, path: Path, line: int, text: str) -> None:
        self._errors.append(FileError(self._shown_path(path), line, text))

    def check_rule(self, file: RuleFile, path: Path, kind: type[Check] | None, parameters: Any) -> None:
        """Columns, patterns, placeholders and examples of one rule; `kind` and `parameters` are None if they have errors."""
        columns = [(name, line_of(file.node, "when", name)) for name in file.when] if isinstance(file.when, Mapping) else []
        columns += [(name, blocker.line) for blocker in file.blocked_by for name in blocker.columns]
        if kind is not None and parameters is not None:
            read = kind.columns(parameters, self._schema, self._roles)
            if not read and kind.reads == "rows" and (kind.Parameters._fields or kind.reads_roles):
                self._error(path, file.check.line, "`check` reads no column, so the rule would always pass")
            columns += [(name, file.check.line) for name in read]
            self._check_patterns(file, path, parameters, kind.pattern_groups)
        for name, line in dict.fromkeys(columns):
            if self._schema.field(name) is None:
                self._error(path, line, f"the Table Schema has no column `{name}`")
        if kind is not None:
            known = _COMMON_PLACEHOLDERS | set(kind.placeholders)
            self._check_template(path, line_of(file.node, "message"), "message", file.message, known)
            self._check_template(path, line_of(file.node, "expected"), "expected", file.expected or "", known)
        for example in (*file.examples.passing, *file.examples.failing):
            if (example.csv is None) == (example.csv_file is None):
                self._error(path, example.line, "an example needs either `csv` or `csv_file`")

    def check_words(self, own: RuleSetFile, path: Path, rules: Sequence[Rule]) -> None:
        """The steps of a set's guide, and the claims that it says a pass proves."""
        for step in own.guide:
            self._check_template(path, line_of(own.node, "guide"), "guide", step, _GUIDE_PLACEHOLDERS)
        known, line = {rule.id for rule in rules} | set(self._unread), line_of(own.node, "proves")
        for claim in own.proves:
            if claim.costs:
                self._check_template(path, line, "proves", claim.text, _CLAIM_PLACEHOLDERS)
            for rule_id in sorted(set(claim.rules) - known):
                self._error(path, line, f"`proves` names {rule_id}, which is not in this rule set")

    def _check_patterns(self, file: RuleFile, path: Path, parameters: Any, groups: tuple[str, ...]) -> None:
        for key in ("pattern", "also"):
            fault = pattern_error(getattr(parameters, key, None) or "", groups if key == "pattern" else ())
            if fault:
                self._error(path, line_of(file.check, key), f"`{key}` {fault}")

    def _check_template(self, path: Path, line: int, key: str, text: str, known: set[str]) -> None:
        try:
            fields = [(name, spec, how) for _, name, spec, how in Formatter().parse(text) if name is not None]
        except ValueError as error:
            self._error(path, line, f"`{key}`: {error}")
            return
        for name, spec, how in fields:
            if name not in known or spec or how:
                self._error(
                    path, line, f"`{key}` has the unknown placeholder {{{name}}}; expected one of {', '.join(sorted(known))}"
                )

    def check_references(self, rules: Sequence[Rule]) -> None:
        """Blockers that do not exist, never fail in the way named, or are circular."""
        by_id = {rule.id: rule for rule in rules}
        for rule in rules:
            path = Path(rule.path)
            for blocker in rule.blocked_by:
                blocking = by_id.get(blocker.rule)
                if blocking is None:
                    if blocker.rule not in self._unread:
                        self._error(path, blocker.line, f"`blocked_by` names {blocker.rule}, which is not in this rule set")
                elif blocker.when != "always" and blocker.when not in blocking.kind.raises:
                    self._error(path, blocker.line, f"`blocked_by`: {blocker.rule} never fails with `{blocker.when}`")
                elif blocker.reach != "file" and blocking.file.waivable:
                    text = f"`blocked_by`: {blocker.rule} can be waived, so it can only block a whole file"
                    self._error(path, blocker.line, text)
        for circle in circles(rules):
            rule = by_id[circle.split()[0]]
            self._error(Path(rule.path), line_of(rule.file.node, "blocked_by"), f"`blocked_by` is circular: {circle}")

    def check_diagnoses(self, rules: Sequence[Rule], diagnoses: Sequence[DiagnosisRule], path: Path) -> None:
        """Rules and placeholders that the diagnoses name."""
        known = {rule.id for rule in rules} | set(self._unread)
        for diagnosis in diagnoses:
            named = [*diagnosis.rules]
            for when in diagnosis.when:
                named += [*when.all, *when.any, *when.none, *when.every_row, *(when.at_least.of if when.at_least else ())]
            for rule_id in dict.fromkeys(named):
                if rule_id not in known:
                    self._error(path, diagnosis.line, f"diagnosis {diagnosis.id} names {rule_id}, which is not in this rule set")
            for key, text in (("cause", diagnosis.cause), ("fix", diagnosis.fix)):
                self._check_template(path, diagnosis.line, key, text, _DIAGNOSIS_PLACEHOLDERS)


def weaker_than_shipped(outer: Sequence[RuleSetFile], rules: Sequence[Rule], base: str) -> tuple[str, ...]:
    """Why a set may not replace the built-in set `base` for an upload; empty if it is as strict. `outer` are the sets that
    extend the built-in one.
    """
    if not base:
        return (f"the rule set does not include all rules of {DEFAULT_RULESET}",)
    reasons = []
    for own in outer:
        for key, value in (("Table Schema", own.table_schema), ("roles", own.roles), ("exports", own.exports)):
            if value:
                reasons.append(f"{own.name} replaces the built-in {key}")
    reasons += [f"{rule.id} {rule.file.name} is disabled" for rule in rules if rule.off]
    reasons += [
        f"{rule.id} {rule.file.name} is lowered from {rule.shipped_level} to {rule.level}"
        for rule in rules
        if LEVELS.index(rule.level) < LEVELS.index(rule.shipped_level)
    ]
    return tuple(reasons)
