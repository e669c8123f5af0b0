"""Rule files to a rule set: all errors at once, each with file and line, and one digest over every file that decides.

A rule set is a folder with `ruleset.yaml`, one YAML file per rule, and optionally `diagnoses.yaml`. A set that extends
another one has its rules, and may add rules, change their level, or disable one with a reason and an owner.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from billproof.model.errors import ConfigurationError, FileError, UsageError
from billproof.model.record import Record
from billproof.reading.decode import read
from billproof.reading.yaml_tree import Node, read_document
from billproof.rules.checks import KINDS
from billproof.rules.checks.base import Check
from billproof.rules.consistency import Consistency, line_of, weaker_than_shipped
from billproof.rules.files import Blocker, Constant, DiagnosesFile, DiagnosisRule, RuleChange, RuleFile, RuleSetFile
from billproof.rules.rule import DEFAULT_RULESET, Rule, RuleSet
from billproof.rules.shipped import combined, digest_line, is_shipped, shipped
from billproof.rules.table_schema import TableSchema, read_schema

MAX_SETS = 20
ROLE_NAMES = (
    "day", "amount", "currency", "organization", "organization_name", "project", "project_name", "group", "quantity", "unit",
    "source", "user", "key",
)  # fmt: skip


def find_ruleset(name: str) -> Path:
    """The folder of a built-in rule set, or the folder `name` itself. Raises UsageError if it is neither."""
    if is_shipped(name):
        return shipped("rules") / name
    folder = Path(name)
    if name.strip() and os.path.isfile(folder / "ruleset.yaml"):
        return folder
    known = ", ".join(sorted(path.parent.name for path in shipped("rules").glob("*/ruleset.yaml")))
    raise UsageError(f"--ruleset {name}: no such rule set", f"Built-in are {known}. Or name a folder with a ruleset.yaml.")


def read_ruleset(name: str = DEFAULT_RULESET) -> RuleSet:
    """The rule set of that name or folder, with the sets that it extends. Raises ConfigurationError with every error."""
    loader = _Loader()
    loader.load(find_ruleset(name))
    ruleset = loader.result()
    if loader.errors or ruleset is None:
        raise ConfigurationError(loader.errors)
    return ruleset


def require_example_files(ruleset: RuleSet) -> None:
    """Raises ConfigurationError if files that examples name are missing. A set that only checks exports needs none of them."""
    errors = [
        FileError(shown_path(Path(rule.path)), example.line, f"there is no file {name} next to the rule")
        for rule in ruleset.rules
        for example in (*rule.file.examples.passing, *rule.file.examples.failing)
        for name in filter(None, (example.csv_file, example.costs, *example.before))
        if not (Path(rule.path).parent / name).is_file()
    ]
    if errors:
        raise ConfigurationError(errors)


def ruleset_paths(name: str) -> list[Path]:
    """The files under the digest of a rule set: its own first, then those of each set that it extends."""
    loader = _Loader()
    loader.load(find_ruleset(name))
    return list(dict.fromkeys(loader.paths))


class _Raw(Record):
    """A rule as its own set defines it, without the changes of the sets that extend it."""

    file: RuleFile
    path: Path
    common: tuple[Blocker, ...]


class _Loader:
    """Reads a chain of sets, the outermost first; `result` puts them together."""

    def __init__(self) -> None:
        self.errors: list[FileError] = []
        self._sets: list[tuple[Path, RuleSetFile]] = []
        self._raw: dict[str, _Raw] = {}
        self._unread: set[str] = set()
        self._diagnoses: tuple[DiagnosisRule, ...] = ()
        self._diagnoses_path = Path()
        self.paths: list[Path] = []
        self._schema: TableSchema | None = None

    def load(self, folder: Path) -> None:
        """Reads the set in `folder` and, before its own files, the set that it extends."""
        path = folder / "ruleset.yaml"
        own = self._read(path, RuleSetFile) or self._rest_of(path)
        if own is None:
            return
        if any(folder.resolve() == earlier.resolve() for earlier, _ in self._sets):
            self._error(path, "the rule set extends itself", line_of(own.node, "extends"))
            return
        position = len(self._sets)
        if position == MAX_SETS:
            self._error(path, f"a chain of more than {MAX_SETS} rule sets", line_of(own.node, "extends"))
            return
        self._sets.append((folder, own))
        if own.extends:
            beside = folder / own.extends
            try:
                own_folder = not is_shipped(own.extends) and (beside / "ruleset.yaml").is_file()
                self.load(beside if own_folder else find_ruleset(own.extends))
            except UsageError:
                self._error(path, f"extends {own.extends}: no such rule set", line_of(own.node, "extends"))
        if own.table_schema:
            self._load_schema(folder, own.table_schema)
        common = tuple(blocker for _, base in reversed(self._sets[position:]) for blocker in base.blocked_by)
        for path in sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")):
            if path.name == "diagnoses.yaml":
                self._load_diagnoses(path)
            elif path.name != "ruleset.yaml":
                self._load_rule(path, common)

    def _rest_of(self, path: Path) -> RuleSetFile | None:
        """The usable part of a `ruleset.yaml` with errors, so that the errors of its rules are reported as well."""
        node = read_document(path, shown_path(path), [])
        if node is None or not isinstance(node.value, dict):
            return None
        usable = ("name", "version", "title", "extends", "table_schema")
        sound = {key: value for key, value in node.value.items() if key in usable}
        return read(RuleSetFile, Node(sound, node.line), shown_path(path), [])

    def _load_schema(self, folder: Path, name: str) -> None:
        path = folder / name if (folder / name).is_file() else shipped("schemas") / name
        self._schema = read_schema(path, shown_path(path), self.errors)
        if self._schema is not None:
            self.paths.append(path)

    def _load_diagnoses(self, path: Path) -> None:
        file = self._read(path, DiagnosesFile)
        if file is not None:
            export = file.export.strip() or "{export}"
            expanded = [one._replace(fix=one.fix.replace("{export}", export)) for one in file.diagnoses]
            self._diagnoses = (*expanded, *self._diagnoses)
            self._diagnoses_path = path

    def _load_rule(self, path: Path, common: tuple[Blocker, ...]) -> None:
        rule = self._read(path, RuleFile)
        if rule is None:
            self._unread.add(path.name.split("-")[0])
            return
        if path.name != f"{rule.id}-{rule.name}.yaml":
            line = line_of(rule.node, "id")
            self._error(path, f"the file must be named after its id and name: {rule.id}-{rule.name}.yaml", line)
        if rule.id in self._raw:
            taken = shown_path(self._raw[rule.id].path)
            self._error(path, f"the id {rule.id} is already used by {taken}", line_of(rule.node, "id"))
            return
        self._raw[rule.id] = _Raw(rule, path, common)

    def _read(self, path: Path, shape: type[Any]) -> Any:
        node = read_document(path, shown_path(path), self.errors)
        if node is None:
            return None
        self.paths.append(path)
        return read(shape, node, shown_path(path), self.errors)

    def _error(self, path: Path, text: str, line: int = 1) -> None:
        self.errors.append(FileError(shown_path(path), line, text))

    def result(self) -> RuleSet | None:
        """The whole set, once every file has been read; None with the reasons on `errors`."""
        if not self._sets:
            return None
        folder, own = self._sets[0]
        if self._schema is None:
            if not self.errors:
                self._error(folder / "ruleset.yaml", "`table_schema` is missing, here and in the rule sets that this one extends")
            return None
        if not self._raw and not self._unread:
            self._error(folder / "ruleset.yaml", "the rule set has no rules")
        roles, currency = self._roles(self._schema)
        changes = self._changes()
        consistency = Consistency(self._schema, roles, self.errors, self._unread, shown_path)
        rules = tuple(
            rule
            for _, raw in sorted(self._raw.items())
            if (rule := self._rule(raw, changes.get(raw.file.id, []), consistency)) is not None
        )
        consistency.check_references(rules)
        for base, one in self._sets:
            consistency.check_words(one, base / "ruleset.yaml", rules)
        consistency.check_diagnoses(rules, self._diagnoses, self._diagnoses_path)
        if self.errors:
            return None
        built_in = (number for number, (folder, one) in enumerate(self._sets) if one.extends and _is_built_in(folder))
        position = next(built_in, None)
        built_in_name = "" if position is None else self._sets[position][0].name
        outer = [own for _, own in self._sets[:position]]
        return RuleSet(
            name=own.name, version=own.version, title=own.title, sha256=combined(map(digest_line, self.paths)),
            rules=rules, table_schema=self._first("table_schema"), schema=self._schema, roles=roles, currency=currency,
            exports=self._first("exports"), guide=self._first("guide"),
            proves=self._added("proves"), does_not_prove=self._added("does_not_prove"), diagnoses=self._diagnoses,
            base=built_in_name, weaker=weaker_than_shipped(outer, rules, built_in_name),
        )  # fmt: skip

    def _first(self, attribute: str) -> Any:
        """The value of the outermost set that gives one."""
        return next((value for _, own in self._sets if (value := getattr(own, attribute))), ())

    def _added(self, attribute: str) -> Any:
        """What the sets say, the innermost first: a set adds to it, and neither takes away nor replaces."""
        added: dict[str, Any] = {}
        for _, own in reversed(self._sets):
            for one in getattr(own, attribute):
                added.setdefault(getattr(one, "text", one), one)
        return tuple(added.values())

    def _roles(self, schema: TableSchema) -> tuple[dict[str, str | None], str | None]:
        roles: dict[str, str | None] = {}
        currency = None
        for folder, own in reversed(self._sets):
            path = folder / "ruleset.yaml"
            for role, value in own.roles.items():
                line = line_of(own.node, "roles", role)
                if role not in ROLE_NAMES:
                    self._error(path, f"unknown role `{role}`; expected one of {', '.join(ROLE_NAMES)}", line)
                elif isinstance(value, Constant):
                    if role != "currency":
                        self._error(path, f"role {role}: only the role currency can be a constant", line)
                    currency = value.constant
                elif value is not None and schema.field(value) is None:
                    self._error(path, f"role {role}: the Table Schema has no column {value}", line)
                else:
                    roles[role] = value
        return roles, currency

    def _changes(self) -> dict[str, list[tuple[bool, RuleChange]]]:
        """What each set changes in the rules of the sets that it extends, base first, and whether the set is built in."""
        changes: dict[str, list[tuple[bool, RuleChange]]] = {}
        for folder, own in reversed(self._sets):
            for rule_id, change in own.rules.items():
                if rule_id not in self._raw and rule_id not in self._unread:
                    text = f"`rules` names {rule_id}, which is not in the rule sets that this one extends"
                    self._error(folder / "ruleset.yaml", text, line_of(own.node, "rules", rule_id))
                changes.setdefault(rule_id, []).append((_is_built_in(folder), change))
        return changes

    def _rule(self, raw: _Raw, changes: list[tuple[bool, RuleChange]], consistency: Consistency) -> Rule | None:
        own, level, off = raw.file, raw.file.level, None
        shipped_level, blocked_by = level, (*raw.common, *own.blocked_by)
        for is_built_in, change in changes:
            own = own._replace(why=change.why or own.why, fix=change.fix or own.fix)
            level = change.level or level
            shipped_level = level if is_built_in else shipped_level
            off = change.off or off
            blocked_by = (*blocked_by, *change.blocked_by)
        kind, parameters = self._check_of(raw)
        consistency.check_rule(raw.file, raw.path, kind, parameters)
        if kind is None or parameters is None:
            return None
        return Rule(own, kind, parameters, level, shipped_level, off, blocked_by, str(raw.path))

    def _check_of(self, raw: _Raw) -> tuple[type[Check] | None, Any]:
        node = raw.file.check
        if not isinstance(node.value, dict) or "kind" not in node.value:
            self._error(raw.path, "`check` needs a `kind`", node.line)
            return None, None
        name = node.value["kind"].value
        kind = KINDS.get(str(name))
        if kind is None:
            self._error(raw.path, f"unknown kind `{name}`; expected one of {', '.join(sorted(KINDS))}", node.value["kind"].line)
            return None, None
        rest = Node({key: value for key, value in node.value.items() if key != "kind"}, node.line)
        return kind, read(kind.Parameters, rest, shown_path(raw.path), self.errors)


def _is_built_in(folder: Path) -> bool:
    return folder.parent == shipped("rules")


def shown_path(path: Path) -> str:
    """A path for a message: a built-in file by the name of its set, any other unchanged."""
    for folder in ("rules", "schemas"):
        if path.is_relative_to(shipped(folder)):
            return f"{folder}/{path.relative_to(shipped(folder)).as_posix()}"
    return path.as_posix()
