"""`ruleset.yaml` and `diagnoses.yaml` as named tuples: for the loader and for the JSON Schemas of editors only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from billproof.model.record import Record
from billproof.model.results import Level
from billproof.reading.decode import Spec
from billproof.reading.yaml_tree import Node
from billproof.rules.exports import ExportShape
from billproof.rules.files import NAME, VERSION, Blocker, Claim, DiagnosisRule, Off


class RuleChange(Record):
    """What a set changes in a rule of the set that it extends."""

    level: Level | None = None
    off: Off | None = None
    blocked_by: tuple[Blocker, ...] = ()


class Constant(Record):
    """A role that is the same for every row, such as a currency that has no column."""

    constant: str


class Dialect(Record):
    """How the files of this set are written; the rules of the set `csv` hold a file to it."""

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
    extends: Annotated[str | None, Spec(doc="The set whose rules this set has too.")] = None
    table_schema: Annotated[str | None, Spec(doc="The Table Schema, in this folder or among the shipped ones.")] = None
    roles: Mapping[str, str | Constant | None] = {}
    dialect: Dialect | None = None
    exports: tuple[ExportShape, ...] = ()
    guide: Annotated[tuple[str, ...], Spec(doc="The steps of the export dialog.")] = ()
    proves: Annotated[tuple[Claim, ...], Spec(doc="What a pass says, each claim only where it holds.")] = ()
    does_not_prove: tuple[str, ...] = ()
    blocked_by: Annotated[tuple[Blocker, ...], Spec(doc="For every rule of this set and of sets that extend it.")] = ()
    rules: Mapping[str, RuleChange] = {}
    node: Node | None = None


class DiagnosesFile(Record):
    """`diagnoses.yaml`: the first that fits leads."""

    diagnoses: tuple[DiagnosisRule, ...]
