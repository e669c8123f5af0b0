"""Rule files to rules: every fault of a set at once, each with file and line, and one digest over all that decides.

A set is a folder with `ruleset.yaml`, one YAML file a rule, and perhaps `diagnoses.yaml`. It may extend another set: then
it has that set's rules too, and may add rules, change their level, or switch one off with reason and owner.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

from validator.checks import KINDS
from validator.checks.base import Check
from validator.document import Node, read_document
from validator.errors import ConfigurationError, Fault, UsageError
from validator.exports import ExportShape
from validator.model import Level
from validator.precedence import circles
from validator.rulefiles import (
    Blocker,
    Constant,
    DiagnosesFile,
    DiagnosisRule,
    Off,
    RuleChange,
    RuleFile,
    RuleSetFile,
)
from validator.schema import TableSchema, read_schema
from validator.shape import read
from validator.shipped import shipped

DEFAULT_RULESET = "openai-cost"
LEVELS: tuple[Level, ...] = ("note", "warning", "error")

_COMMON_PLACEHOLDERS = {"file", "month", "first", "last", "value", "column", "line"}
_DIAGNOSIS_PLACEHOLDERS = {
    "file", "month", "month_name", "first", "last", "first_day", "last_day", "days", "month_days",
    "days_in_month_present", "rows", "kind", "organization", "expected_organization",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """A rule of a set, with its kind, its parameters and everything that the set changes in it."""

    file: RuleFile
    kind: type[Check]
    parameters: Any
    level: Level
    shipped_level: Level
    off: Off | None
    blocked_by: tuple[Blocker, ...]
    path: Path

    @property
    def id(self) -> str:
        """Its id, such as `OC304`."""
        return self.file.id

    @property
    def unit(self) -> str:
        """What its violations count."""
        return self.kind.unit if self.file.scope == "file" else self.file.scope


@dataclass(frozen=True)
class RuleSet:
    """All rules that speak about a file, in order of id, and what they need to know about it."""

    name: str
    version: str
    title: str
    sha256: str
    rules: tuple[Rule, ...]
    schema: TableSchema
    roles: Mapping[str, str | None]
    currency: str | None
    exports: tuple[ExportShape, ...]
    guide: tuple[str, ...]
    proves: tuple[str, ...]
    does_not_prove: tuple[str, ...]
    diagnoses: tuple[DiagnosisRule, ...]
    weaker: tuple[str, ...]

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of that id."""
        return next((one for one in self.rules if one.id == rule_id), None)


ROLE_NAMES = ("day", "amount", "currency", "organization", "organization_name", "project", "project_name", "group")
ROLE_NAMES_TEXT = ", ".join(ROLE_NAMES)


def find_ruleset(name: str) -> Path:
    """The folder of a shipped set's name, or of a path. Raises UsageError if there is none."""
    if re.fullmatch(r"[a-z0-9-]+", name) and (shipped("rules") / name / "ruleset.yaml").is_file():
        return shipped("rules") / name
    folder = Path(name)
    if (folder / "ruleset.yaml").is_file():
        return folder
    known = ", ".join(sorted(path.parent.name for path in shipped("rules").glob("*/ruleset.yaml")))
    raise UsageError(f"--ruleset {name}: no such rule set", f"Shipped are {known}; or name a folder with a ruleset.yaml.")


def load_ruleset(name: str = DEFAULT_RULESET) -> RuleSet:
    """The set of that name or folder, with all that it extends. Raises ConfigurationError with every fault."""
    faults: list[Fault] = []
    loader = _Loader(faults)
    loader.load(find_ruleset(name))
    if faults:
        raise ConfigurationError(faults)
    found = loader.result(name)
    if faults or found is None:
        raise ConfigurationError(faults)
    return found


@dataclass(frozen=True)
class _Raw:
    """A rule as it was read, before the sets that extend its set have had their say."""

    file: RuleFile
    path: Path
    common: tuple[Blocker, ...]


class _Loader:
    """Reads a chain of sets, base first."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.sets: list[tuple[Path, RuleSetFile]] = []
        self.raw: dict[str, _Raw] = {}
        self.diagnoses: tuple[DiagnosisRule, ...] = ()
        self.diagnoses_path = Path()
        self.digests: list[str] = []
        self.schema: TableSchema | None = None

    def load(self, folder: Path) -> None:
        """Reads the set in `folder` and, before it, the one that it extends."""
        own = self._read(folder / "ruleset.yaml", RuleSetFile)
        if own is None:
            return
        if any(path == folder for path, _ in self.sets) or len(self.sets) > 10:
            self._fault(folder / "ruleset.yaml", "the set extends itself")
            return
        self.sets.append((folder, own))
        if own.extends:
            try:
                base = folder / own.extends if (folder / own.extends / "ruleset.yaml").is_file() else find_ruleset(own.extends)
            except UsageError:
                self._fault(folder / "ruleset.yaml", f"extends {own.extends}: no such rule set")
                return
            self.load(base)
        common = tuple(one for _, above in reversed(self.sets) for one in above.blocked_by) if own.extends else ()
        if own.table_schema:
            self._load_schema(folder, own.table_schema)
        for path in sorted(folder.glob("*.y*ml")):
            if path.name == "diagnoses.yaml":
                self._load_diagnoses(path)
            elif path.name != "ruleset.yaml":
                self._load_rule(path, common)

    def _load_schema(self, folder: Path, name: str) -> None:
        path = folder / name if (folder / name).is_file() else shipped("schemas") / name
        self.schema = read_schema(path, _shown(path), self.faults)
        if self.schema is not None:
            self._digest(path)

    def _load_diagnoses(self, path: Path) -> None:
        found = self._read(path, DiagnosesFile)
        if found is not None:
            self.diagnoses = (*found.diagnoses, *self.diagnoses)
            self.diagnoses_path = path

    def _load_rule(self, path: Path, common: tuple[Blocker, ...]) -> None:
        found = self._read(path, RuleFile)
        if found is None:
            return
        if path.name != f"{found.id}-{found.name}.yaml":
            self._fault(path, f"the file must be named {found.id}-{found.name}.yaml, after its id and name")
        if found.id in self.raw:
            self._fault(path, f"the id {found.id} is taken by {_shown(self.raw[found.id].path)}")
            return
        self.raw[found.id] = _Raw(found, path, common)

    def _read(self, path: Path, shape: type[Any]) -> Any:
        node = read_document(path, _shown(path), self.faults)
        if node is None:
            return None
        self._digest(path)
        return read(shape, node, _shown(path), self.faults)

    def _digest(self, path: Path) -> None:
        self.digests.append(f"{path.parent.name}/{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}")

    def _fault(self, path: Path, text: str, line: int = 1) -> None:
        self.faults.append(Fault(_shown(path), line, text))

    def result(self, name: str) -> RuleSet | None:
        """The whole set, once every file has been read; None with the reasons on `faults`."""
        folder, own = self.sets[0]
        if self.schema is None:
            self._fault(folder / "ruleset.yaml", "no `table_schema`, here or in a set that this one extends")
            return None
        if not self.raw:
            self._fault(folder / "ruleset.yaml", "the set has no rule")
        roles, currency = self._roles()
        changes = self._changes()
        rules = tuple(
            rule
            for _, raw in sorted(self.raw.items())
            if (rule := self._rule(raw, changes.get(raw.file.id, []), roles)) is not None
        )
        self._check_references(rules)
        if self.faults:
            return None
        return RuleSet(
            name=own.name, version=own.version, title=own.title, sha256=self._sha256(), rules=rules, schema=self.schema,
            roles=roles, currency=currency, exports=self._first("exports"), guide=self._first("guide"),
            proves=self._first("proves"), does_not_prove=self._first("does_not_prove"), diagnoses=self.diagnoses,
            weaker=self._weaker(rules),
        )  # fmt: skip

    def _first(self, attribute: str) -> Any:
        """The value of the outermost set that gives one."""
        return next((value for _, one in self.sets if (value := getattr(one, attribute))), ())

    def _sha256(self) -> str:
        return hashlib.sha256("\n".join(sorted(self.digests)).encode()).hexdigest()

    def _roles(self) -> tuple[dict[str, str | None], str | None]:
        roles: dict[str, str | None] = {}
        currency = None
        for folder, one in reversed(self.sets):
            for role, value in one.roles.items():
                if role not in ROLE_NAMES:
                    self._fault(folder / "ruleset.yaml", f"unknown role `{role}`; known are {ROLE_NAMES_TEXT}")
                elif isinstance(value, Constant):
                    currency = value.constant if role == "currency" else currency
                elif value is not None and self.schema and self.schema.field(value) is None:
                    self._fault(folder / "ruleset.yaml", f"role {role}: the Table Schema has no column {value}")
                else:
                    roles[role] = value
        return roles, currency

    def _changes(self) -> dict[str, list[RuleChange]]:
        """What each set changes, base first."""
        changes: dict[str, list[RuleChange]] = {}
        for folder, one in reversed(self.sets):
            for rule_id, change in one.rules.items():
                if rule_id not in self.raw:
                    self._fault(folder / "ruleset.yaml", f"`rules` names {rule_id}, which no set here has")
                changes.setdefault(rule_id, []).append(change)
        return changes

    def _rule(self, raw: _Raw, changes: list[RuleChange], roles: Mapping[str, str | None]) -> Rule | None:
        own, level, off = raw.file, raw.file.level, None
        blocked_by = (*raw.common, *own.blocked_by)
        for change in changes:
            level = change.level or level
            off = change.off or off
            blocked_by = (*blocked_by, *change.blocked_by)
        kind, parameters = self._check_of(raw)
        if kind is None:
            return None
        self._check_columns(raw, kind, parameters, roles)
        self._check_messages(raw, kind)
        return Rule(own, kind, parameters, level, own.level, off, blocked_by, raw.path)

    def _check_of(self, raw: _Raw) -> tuple[type[Check] | None, Any]:
        node = raw.file.check
        if not isinstance(node.value, dict) or "kind" not in node.value:
            self._fault(raw.path, "`check` needs a `kind`", node.line)
            return None, None
        name = node.value["kind"].value
        kind = KINDS.get(str(name))
        if kind is None:
            self._fault(raw.path, f"unknown kind `{name}`; known are {', '.join(sorted(KINDS))}", node.line)
            return None, None
        rest = Node({key: value for key, value in node.value.items() if key != "kind"}, node.line)
        parameters = read(kind.Parameters, rest, _shown(raw.path), self.faults)
        return (kind if parameters is not None else None), parameters

    def _check_columns(self, raw: _Raw, kind: type[Check], parameters: Any, roles: Mapping[str, str | None]) -> None:
        assert self.schema is not None
        named = [*kind.columns(parameters, self.schema, roles)]
        named += [] if raw.file.when in (None, "charged") else list(raw.file.when or ())
        named += [column for blocker in raw.file.blocked_by for column in blocker.columns]
        for name in dict.fromkeys(named):
            if self.schema.field(name) is None:
                self._fault(raw.path, f"the Table Schema has no column `{name}`", raw.file.check.line)
        pattern = getattr(parameters, "pattern", None)
        try:
            re.compile(pattern or "")
        except re.error as error:
            self._fault(raw.path, f"`pattern` is no regular expression: {error}", raw.file.check.line)

    def _check_messages(self, raw: _Raw, kind: type[Check]) -> None:
        known = _COMMON_PLACEHOLDERS | set(kind.placeholders)
        for key, text in (("message", raw.file.message), ("expected", raw.file.expected or "")):
            self._check_template(raw.path, key, text, known)
        for one in (*raw.file.examples.passing, *raw.file.examples.failing):
            if (one.csv is None) == (one.csv_file is None):
                self._fault(raw.path, "an example needs `csv` or `csv_file`, one of them")
            elif one.csv_file is not None and not (raw.path.parent / one.csv_file).is_file():
                self._fault(raw.path, f"there is no file {one.csv_file} beside the rule")

    def _check_template(self, path: Path, key: str, text: str, known: set[str]) -> None:
        try:
            fields = [(name, spec, how) for _, name, spec, how in Formatter().parse(text) if name is not None]
        except ValueError as error:
            self._fault(path, f"`{key}`: {error}")
            return
        for name, spec, how in fields:
            if name not in known or spec or how:
                self._fault(path, f"`{key}` has the placeholder {{{name}}}; known are {', '.join(sorted(known))}")

    def _check_references(self, rules: tuple[Rule, ...]) -> None:
        by_id = {rule.id: rule for rule in rules}
        for rule in rules:
            for blocker in rule.blocked_by:
                found = by_id.get(blocker.rule)
                if found is None:
                    self._fault(rule.path, f"blocked_by names {blocker.rule}, which this set does not have")
                elif blocker.when != "always" and blocker.when not in found.kind.raises:
                    self._fault(rule.path, f"blocked_by: {blocker.rule} never fails with `{blocker.when}`")
                elif blocker.reach != "file" and found.file.waivable:
                    self._fault(rule.path, f"blocked_by: {blocker.rule} can be waived, so it can block a whole file only")
        for circle in circles(rules):
            self._fault(by_id[circle.split()[0]].path, f"blocked_by goes in a circle: {circle}")
        for one in self.diagnoses:
            named = [*one.rules]
            for when in one.when:
                named += [*when.all, *when.any, *when.none, *when.every_row, *(when.at_least.of if when.at_least else ())]
            for rule_id in dict.fromkeys(named):
                if rule_id not in by_id:
                    self._fault(self.diagnoses_path, f"diagnosis {one.id} names {rule_id}, which this set does not have")
            for key, text in (("cause", one.cause), ("fix", one.fix)):
                self._check_template(self.diagnoses_path, f"{one.id}: {key}", text, _DIAGNOSIS_PLACEHOLDERS)

    def _weaker(self, rules: tuple[Rule, ...]) -> tuple[str, ...]:
        """What keeps this set from standing in for the shipped one when it comes to an upload."""
        if not any(folder == shipped("rules") / DEFAULT_RULESET for folder, _ in self.sets):
            return (f"the rule set does not hold all rules of {DEFAULT_RULESET}",)
        reasons = [f"{rule.id} {rule.file.name} is switched off" for rule in rules if rule.off]
        reasons += [
            f"{rule.id} {rule.file.name} is a {rule.level} here, {rule.shipped_level} as shipped"
            for rule in rules
            if LEVELS.index(rule.level) < LEVELS.index(rule.shipped_level)
        ]
        return tuple(reasons)


def _shown(path: Path) -> str:
    """A path as it may stand in a message: a shipped file by its set's name, any other as it is."""
    try:
        return f"rules/{path.relative_to(shipped('rules')).as_posix()}"
    except ValueError:
        return path.as_posix()
