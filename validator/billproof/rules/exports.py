"""Which kind of export a header belongs to: recognized by its columns, as the rule set describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from billproof.model.record import Record
from billproof.model.results import Export
from billproof.rules.table_schema import TableSchema


class ExportShape(Record):
    """An export is of this kind if it has all columns of one label and none of `without`, or if all its columns have one role."""

    export: Literal["activity", "no_usage", "legacy"]
    labels: Mapping[str, tuple[str, ...]] = {}
    without: tuple[str, ...] = ()
    only_role: Literal["time", "measure", "id", "code", "group", "text"] | None = None


class Recognized(Record):
    """The kind of export, its label (`completions`), and the columns that show it."""

    export: Export
    label: str = ""
    evidence: tuple[str, ...] = ()


def recognize(header: Sequence[str], shapes: Sequence[ExportShape], schema: TableSchema) -> Recognized:
    """The first shape that fits; else a cost export if it has a required column other than the times, else unknown."""
    names = set(header)
    for shape in shapes:
        if shape.only_role is not None:
            of_role = set(schema.names(shape.only_role))
            if names and names <= of_role:
                return Recognized(shape.export)
        if not names.isdisjoint(shape.without):
            continue
        for label, columns in shape.labels.items():
            if names.issuperset(columns):
                return Recognized(shape.export, label, columns)
    times = schema.names("time")
    known = any(name in names for name in schema.required if name not in times)
    return Recognized("cost" if known else "unknown")
