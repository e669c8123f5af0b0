"""The built-in rule set in a form that is quick to read: JSON made from the YAML files, used only while it agrees with them.

The YAML files decide. `rules/compiled.json` has one digest over all files that it was made from. Each start hashes those files
again (half a millisecond), and one that differs, is missing or is new makes it void. So does an edit of what it has itself: the
digest of that is in the code, not next to it. Examples are left out.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from billproof.reading.yaml_tree import Node
from billproof.rules.checks import KINDS
from billproof.rules.files import AtLeast, Blocker, Claim, Condition, DiagnosisRule, Examples, Limit, Off, RuleFile
from billproof.rules.rule import DEFAULT_RULESET, Rule, RuleSet
from billproof.rules.shipped import combined, digest_line, shipped_folder
from billproof.rules.table_schema import ExportShape, Field, TableSchema

FILE_NAME = "compiled.json"
# Of the text in that file; written by `make generate`.
COMPILED_SHA256 = "7ef6d7d3231863ccd4435a40541e498046987ee8b10d22e0c394dff6be4c4d94"

_NO_EXAMPLES = Examples((), ())
_NO_CHECK = Node(None, 1)
_KEPT: dict[str, RuleSet] = {}


def load_ruleset(name: str = DEFAULT_RULESET) -> RuleSet:
    """The rule set of that name or folder, ready to run; the built-in one without its examples. Raises ConfigurationError."""
    ruleset = _KEPT.get(name) or read_compiled(name)
    if ruleset is not None:
        return ruleset
    from billproof.rules.loader import read_ruleset

    return read_ruleset(name)


@contextmanager
def kept(name: str, ruleset: RuleSet) -> Iterator[None]:
    """While this lasts, `load_ruleset(name)` gives the set without reading it again: its examples are many."""
    _KEPT[name] = ruleset
    try:
        yield
    finally:
        del _KEPT[name]


def text_digest(text: str) -> str:
    """The digest of the text in the compiled file."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_compiled(name: str) -> RuleSet | None:
    """The built-in set `name` from the compiled file; None if there is no such file or it does not match the YAML files."""
    try:
        with open(os.path.join(shipped_folder("rules"), FILE_NAME), "rb") as stream:
            compiled = json.loads(stream.read())
        if text_digest(compiled["ruleset"]) != COMPILED_SHA256:
            return None
        plain = json.loads(compiled["ruleset"])
        if plain["name"] != name or plain["sha256"] != _sha256_now(compiled["folders"], compiled["table_schema"]):
            return None
        return _ruleset(plain)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _sha256_now(folders: Iterable[str], table_schema: str) -> str:
    rules = shipped_folder("rules")
    paths = [os.path.join(rules, folder, name) for folder in folders for name in os.listdir(os.path.join(rules, folder))]
    paths = [path for path in paths if path.endswith((".yaml", ".yml"))]
    return combined(digest_line(path) for path in (*paths, os.path.join(shipped_folder("schemas"), table_schema)))


def _ruleset(plain: dict[str, Any]) -> RuleSet:
    schema = plain["schema"]
    blockers = [_blocker(*blocker) for blocker in plain.pop("blockers")]
    fields = {
        **plain,
        "rules": tuple(_rule(rule, blockers) for rule in plain["rules"]),
        "schema": TableSchema(tuple(Field(*field) for field in schema["fields"]), schema["descriptor"]),
        "exports": tuple(_export(*export) for export in plain["exports"]),
        "diagnoses": tuple(_diagnosis(*diagnosis) for diagnosis in plain["diagnoses"]),
    }
    fields["proves"] = tuple(Claim(claim[0], tuple(claim[1]), *claim[2:]) for claim in plain["proves"])
    fields["does_not_prove"] = tuple(Limit(*limit) if isinstance(limit, list) else limit for limit in plain["does_not_prove"])
    for key in ("guide", "weaker"):
        fields[key] = tuple(plain[key])
    return RuleSet(**fields)


def _rule(plain: dict[str, Any], blockers: Sequence[Blocker]) -> Rule:
    kind, blocked_by = KINDS[plain["kind"]], tuple(blockers[index] for index in plain["blocked_by"])
    not_compiled = {"check": _NO_CHECK, "examples": _NO_EXAMPLES, "blocked_by": blocked_by, "node": None}
    written = iter(_tuples(plain["file"]))
    # By position: by name they would take a fiftieth of a start.
    fields: list[Any] = [not_compiled[name] if name in not_compiled else next(written) for name in RuleFile._fields]
    return Rule(
        RuleFile(*fields), kind, kind.Parameters(*_tuples(plain["parameters"])),
        plain["level"], plain["shipped_level"], Off(*plain["off"]) if plain["off"] else None, blocked_by,
        os.path.join(shipped_folder("rules"), plain["path"]),
    )  # fmt: skip


def _tuples(plain: list[Any]) -> list[Any]:
    return [tuple(value) if isinstance(value, list) else value for value in plain]


def _blocker(rule: str, when: Any, reach: Any, columns: list[str], *rest: Any) -> Blocker:
    return Blocker(rule, when, reach, tuple(columns), *rest)


def _export(export: Any, labels: dict[str, list[str]], without: list[str], only_role: Any) -> ExportShape:
    return ExportShape(export, {label: tuple(columns) for label, columns in labels.items()}, tuple(without), only_role)


def _diagnosis(id_: str, when: list[Any], cause: str, fix: str, rules: list[str], line: int) -> DiagnosisRule:
    return DiagnosisRule(id_, tuple(_condition(*condition) for condition in when), cause, fix, tuple(rules), line)


def _condition(*plain: Any) -> Condition:
    made = Condition(*_tuples([*plain]))
    return made._replace(at_least=AtLeast(made.at_least[0], tuple(made.at_least[1]))) if made.at_least else made
