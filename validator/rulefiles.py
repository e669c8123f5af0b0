"""The YAML files of a rule set as dataclasses: what may stand in them, for the loader and for the JSON Schemas of editors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from validator.checks.base import Circumstance
from validator.document import Node
from validator.exports import ExportShape
from validator.model import Level
from validator.shape import part

RULE_ID = r"[A-Z]{2,8}[0-9]{3}"
NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
VERSION = r"[0-9]+\.[0-9]+\.[0-9]+"


@dataclass(frozen=True)
class Blocker:
    """Another rule whose failure leaves this one nothing to say: about the file, the row, or the cell."""

    rule: str = part(pattern=RULE_ID)
    when: Circumstance = part()
    reach: Literal["file", "row", "cell"] = part()
    columns: tuple[str, ...] = part(default=(), doc="Only findings of that rule in these columns count.")
    only: Circumstance | None = part(default=None, doc="Only where the blocked rule itself fails in this way.")
    unless: Circumstance | None = part(default=None, doc="Not where the blocked rule itself fails in this way.")
    line: int = 1


@dataclass(frozen=True)
class Example:
    """A file on which the rule passes, or fails at the places `at` (`line:column`, `-` for none)."""

    csv: str | None = part(default=None, doc="The file's text.")
    csv_file: str | None = part(default=None, doc="A file beside the rule, for bytes that YAML cannot hold.")
    args: tuple[str, ...] = part(default=(), doc="Further arguments of `billproof check`.")
    name: str = part(default="data.csv", pattern=r"[^/\\]+", doc="The file's name.")
    at: tuple[str, ...] = part(default=(), doc="Places of the findings, as line:column.")
    line: int = 1


@dataclass(frozen=True)
class Examples:
    """What passes and what fails; run as tests through the real command."""

    passing: tuple[Example, ...] = part(key="pass")
    failing: tuple[Example, ...] = part(key="fail")


@dataclass(frozen=True)
class RuleFile:
    """One rule as its YAML file says it."""

    id: str = part(pattern=RULE_ID)
    name: str = part(pattern=NAME, doc="Names the fault.")
    asserts: str = part(doc="What a pass says.")
    level: Level = part()
    since: str = part(pattern=VERSION)
    scope: Literal["cell", "row", "file"] = part()
    check: Node = part(doc="The kind of check and its parameters.")
    message: str = part(doc="What was found and what was expected; placeholders in braces.")
    why: str = part(doc="What goes wrong if the file is uploaded anyway.")
    fix: str = part(doc="What to do next.")
    examples: Examples = part()
    core: bool = part(default=False, doc="Whether a file on which the rule has nothing to say is unproved.")
    waivable: bool = part(default=False, doc="Whether somebody may sign for its failure.")
    when: Literal["charged"] | Mapping[str, Literal["filled", "blank"]] | None = part(
        default=None, doc="On which rows it speaks."
    )
    needs: tuple[Literal["month", "organization", "expect_total"], ...] = part(default=())
    optional_in_check: bool = part(default=False, doc="Whether a check may pass without it, saying so.")
    blocked_by: tuple[Blocker, ...] = part(default=())
    expected: str | None = part(default=None, doc="What was expected there, in a few words.")
    refs: tuple[str, ...] = part(default=(), doc="Where the rule comes from.")
    node: Node | None = None


@dataclass(frozen=True)
class Off:
    """Who switched a rule off, and why."""

    reason: str = part(pattern=r"[\s\S]*\S[\s\S]*")
    owner: str = part(pattern=r"[\s\S]*\S[\s\S]*")


@dataclass(frozen=True)
class RuleChange:
    """What a set changes in a rule of the set that it extends."""

    level: Level | None = None
    off: Off | None = None
    blocked_by: tuple[Blocker, ...] = ()


@dataclass(frozen=True)
class Constant:
    """A role that is the same for every row, such as a currency that has no column."""

    constant: str


@dataclass(frozen=True)
class Dialect:
    """How the files of this set are written; the rules of the set `csv` hold a file to it."""

    delimiter: Literal["comma"]
    line_end: Literal["LF"]
    byte_order_mark: Literal["none"]
    quoting: Literal["minimal"]
    sorted_by: Literal["day"]


@dataclass(frozen=True)
class RuleSetFile:
    """`ruleset.yaml`."""

    name: str = part(pattern=NAME)
    version: str = part(pattern=VERSION)
    title: str = part()
    extends: str | None = part(default=None, doc="The set whose rules this set has too.")
    table_schema: str | None = part(default=None, doc="The Table Schema, in this folder or among the shipped ones.")
    roles: Mapping[str, str | Constant | None] = dataclasses.field(default_factory=dict)
    dialect: Dialect | None = part(default=None)
    exports: tuple[ExportShape, ...] = part(default=())
    guide: tuple[str, ...] = part(default=(), doc="The steps of the export dialog.")
    proves: tuple[str, ...] = part(default=())
    does_not_prove: tuple[str, ...] = part(default=())
    blocked_by: tuple[Blocker, ...] = part(default=(), doc="For every rule of this set and of sets that extend it.")
    rules: Mapping[str, RuleChange] = dataclasses.field(default_factory=dict)
    node: Node | None = None


@dataclass(frozen=True)
class AtLeast:
    """So many of these rules."""

    count: int
    of: tuple[str, ...]


@dataclass(frozen=True)
class Condition:
    """When a diagnosis fits; all that is given must hold."""

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    at_least: AtLeast | None = None
    every_row: tuple[str, ...] = part(default=(), doc="One of these fails in every charged row.")
    export: Literal["cost", "activity", "no_usage", "legacy", "unknown"] | None = None
    span_days: int | None = None
    no_known_column: bool | None = None


@dataclass(frozen=True)
class DiagnosisRule:
    """A cause behind failed rules, and what to do."""

    id: str = part(pattern=NAME)
    when: tuple[Condition, ...] = part(doc="One of these conditions fits.")
    cause: str = part()
    fix: str = part()
    rules: tuple[str, ...] = part(doc="The rules that this cause explains; they are folded under it.")
    line: int = 1


@dataclass(frozen=True)
class DiagnosesFile:
    """`diagnoses.yaml`: the first that fits leads."""

    diagnoses: tuple[DiagnosisRule, ...]
