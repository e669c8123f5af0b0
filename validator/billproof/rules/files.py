"""The YAML files of a rule set as records: a rule, `ruleset.yaml` and `diagnoses.yaml`. The JSON Schemas follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from billproof.model.record import Record
from billproof.model.results import Level
from billproof.reading.decode import FILLED, Spec
from billproof.reading.yaml_tree import Node
from billproof.rules.checks.base import Circumstance
from billproof.rules.table_schema import ExportShape

RULE_ID = r"[A-Z]{2,8}[0-9]{3}"
NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
VERSION = r"[0-9]+\.[0-9]+\.[0-9]+"


class Blocker(Record):
    """Another rule whose failure skips this one: for the file, the row, or the cell."""

    rule: Annotated[str, Spec(pattern=RULE_ID)]
    when: Circumstance
    reach: Literal["file", "row", "cell"]
    columns: Annotated[tuple[str, ...], Spec(doc="Only findings of that rule in these columns count.")] = ()
    only: Annotated[Circumstance | None, Spec(doc="Only where the skipped rule itself fails in this way.")] = None
    unless: Annotated[Circumstance | None, Spec(doc="Not where the skipped rule itself fails in this way.")] = None
    line: int = 1


class Example(Record):
    """A file on which the rule passes, or fails at the places `at` (`line:column`, `-` for none)."""

    csv: Annotated[str | None, Spec(doc="The file's text.")] = None
    csv_file: Annotated[str | None, Spec(doc="A file next to the rule, for bytes that YAML cannot contain.")] = None
    args: Annotated[tuple[str, ...], Spec(doc="More arguments for `billproof check`.")] = ()
    name: Annotated[str, Spec(pattern=r"[^/\\]+", doc="The file's name.")] = "data.csv"
    before: Annotated[tuple[str, ...], Spec(doc="Files next to the rule that were uploaded before.")] = ()
    costs: Annotated[str | None, Spec(doc="A file next to the rule: OpenAI's record to compare with.")] = None
    at: Annotated[tuple[str, ...], Spec(doc="Places of the findings, as line:column.")] = ()
    line: int = 1


class Examples(Record):
    """What passes and what fails; run as tests through the real command."""

    passing: Annotated[tuple[Example, ...], Spec(key="pass")]
    failing: Annotated[tuple[Example, ...], Spec(key="fail")]


class RuleFile(Record):
    """One rule, as written in its YAML file."""

    id: Annotated[str, Spec(pattern=RULE_ID)]
    name: Annotated[str, Spec(pattern=NAME, doc="Names the problem that the rule finds.")]
    asserts: Annotated[str, Spec(doc="What a pass means.")]
    level: Level
    since: Annotated[str, Spec(pattern=VERSION)]
    scope: Literal["cell", "row", "file"]
    check: Annotated[Node, Spec(doc="The kind of check and its parameters.")]
    message: Annotated[str, Spec(doc="What was found and what was expected; placeholders in braces.")]
    why: Annotated[str, Spec(doc="What goes wrong if the file is uploaded anyway.")]
    fix: Annotated[str, Spec(doc="What to do next.")]
    examples: Examples
    core: Annotated[bool, Spec(doc="Whether a file to which the rule does not apply is unproved.")] = False
    waivable: Annotated[bool, Spec(doc="Whether a waiver can cover its failure.")] = False
    when: Annotated[
        Literal["charged"] | Mapping[str, Literal["filled", "blank"]] | None, Spec(doc="The rows that it applies to.")
    ] = None
    needs: tuple[Literal["month", "organization", "expect_total", "ledger", "costs"], ...] = ()
    optional_in_check: Annotated[bool, Spec(doc="Whether `billproof check` can pass without it, saying so.")] = False
    blocked_by: tuple[Blocker, ...] = ()
    expected: Annotated[str | None, Spec(doc="What was expected, in a few words.")] = None
    refs: Annotated[tuple[str, ...], Spec(doc="What the rule is based on.")] = ()
    node: Node | None = None


class Off(Record):
    """Who disabled a rule, and why."""

    reason: Annotated[str, Spec(pattern=FILLED)]
    owner: Annotated[str, Spec(pattern=FILLED)]


class Claim(Record):
    """A sentence that a pass proves, and what it rests on: rules that passed, all of them, a known total, or that OpenAI's own
    record of the costs agrees.
    """

    text: str
    rules: tuple[str, ...] = ()
    all_rules: bool = False
    total: bool = False
    costs: bool = False


class Limit(Record):
    """A sentence on what a pass does not prove; with a record of OpenAI's costs that agrees it goes, or only then it stands."""

    text: str
    costs: Annotated[
        Literal["answered", "added", "added_unsigned"] | None, Spec(doc="What a record that agrees does with it.")
    ] = None


class AtLeast(Record):
    """So many of these rules."""

    number: Annotated[int, Spec(key="count")]
    of: tuple[str, ...]


class Condition(Record):
    """When a cause applies; everything that is given must be true."""

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    at_least: AtLeast | None = None
    every_row: Annotated[tuple[str, ...], Spec(doc="One of these fails in every charged row.")] = ()
    export: Literal["cost", "activity", "no_usage", "legacy", "unknown"] | None = None
    span_days: int | None = None
    no_known_column: bool | None = None
    no_row_in_month: bool | None = None
    only_warnings: Annotated[bool | None, Spec(doc="No rule of the level `error` failed.")] = None
    several_organizations: bool | None = None
    organization_is_name: Annotated[bool | None, Spec(doc="An organization's name was given as its ID.")] = None
    second_header: Annotated[bool | None, Spec(doc="A line below the header begins like it.")] = None
    kind: Annotated[tuple[str, ...], Spec(doc="What the file is instead of a CSV file.")] = ()
    file_name: Annotated[str | None, Spec(doc="The file's name, with * for any text and ? for any character.")] = None
    costs: Annotated[
        Literal["projects_missing", "line_items_differ"] | None, Spec(doc="How the file differs from OpenAI's record.")
    ] = None


class DiagnosisRule(Record):
    """A cause behind failed rules, and what to do."""

    id: Annotated[str, Spec(pattern=NAME)]
    when: Annotated[tuple[Condition, ...], Spec(doc="At least one of these conditions is true.")]
    cause: str
    fix: str
    rules: Annotated[tuple[str, ...], Spec(doc="The rules that this cause explains; they are folded under it.")]
    line: int = 1


class RuleChange(Record):
    """What a set changes in a rule of the set that it extends."""

    level: Level | None = None
    why: Annotated[str | None, Spec(doc="What goes wrong with a file of this set, instead of the rule's own words.")] = None
    fix: Annotated[str | None, Spec(doc="What to do next with a file of this set.")] = None
    off: Off | None = None
    blocked_by: tuple[Blocker, ...] = ()


class Constant(Record):
    """A role that is the same for every row, such as a currency that has no column."""

    constant: str


class Dialect(Record):
    """How the files of this set are written; the rules of the set `csv` check it."""

    delimiter: Literal["comma"]
    line_end: Literal["LF"]
    byte_order_mark: Literal["none"]
    quoting: Literal["minimal"]
    sorted_by: Literal["day"]


class RuleSetFile(Record):
    """`ruleset.yaml`."""

    name: Annotated[str, Spec(pattern=NAME)]
    version: Annotated[str, Spec(pattern=VERSION)]
    title: str
    extends: Annotated[str | None, Spec(doc="The set whose rules this set also has.")] = None
    table_schema: Annotated[str | None, Spec(doc="The Table Schema, in this folder or built in.")] = None
    roles: Mapping[str, str | Constant | None] = {}
    dialect: Dialect | None = None
    exports: tuple[ExportShape, ...] = ()
    guide: Annotated[tuple[str, ...], Spec(doc="The steps of the export dialog.")] = ()
    proves: Annotated[tuple[Claim, ...], Spec(doc="What a pass proves; the report lists a claim only where it is true.")] = ()
    does_not_prove: tuple[str | Limit, ...] = ()
    blocked_by: Annotated[tuple[Blocker, ...], Spec(doc="Applies to every rule of this set and of sets that extend it.")] = ()
    rules: Mapping[str, RuleChange] = {}
    node: Node | None = None


class DiagnosesFile(Record):
    """`diagnoses.yaml`: the first that fits leads."""

    diagnoses: tuple[DiagnosisRule, ...]
    export: Annotated[str, Spec(doc="How to export again: the text of {export} in a `fix`.")] = ""
