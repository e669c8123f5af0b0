"""A Frictionless Table Schema as fields: the only definition of the columns.

A keyword that billproof does not support is an error: frictionless ignores unknown keywords, and a constraint that
nothing checks would be misleading. Rules check values; the schema does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from billproof.model.errors import FileError
from billproof.model.record import Record
from billproof.model.results import Export
from billproof.reading.yaml_tree import read_small

if TYPE_CHECKING:
    from pathlib import Path

Role = Literal["time", "measure", "id", "code", "group", "text"]

ROLES = ("time", "measure", "id", "code", "group", "text")
TYPES = ("integer", "number", "string", "date")
SCHEMA_KEYWORDS = ("$schema", "name", "title", "description", "fields", "fieldsMatch", "missingValues")
FIELD_KEYWORDS = ("name", "title", "description", "type", "constraints", "x-billproof", "example")
OWN_KEYWORDS = {"column": ("required", "optional"), "cell": ("always", "charged", "optional"), "role": ROLES}


class Field(Record):
    """One column: its type, its role, whether the file must have it, and when its cells must be filled."""

    name: str
    type: str
    role: Role
    required: bool
    cell: str
    title: str
    description: str


class TableSchema(Record):
    """The known columns in order, and the descriptor they come from (frictionless reads it unchanged)."""

    fields: tuple[Field, ...]
    descriptor: dict[str, Any]

    def field(self, name: str) -> Field | None:
        """The field of exactly that name, or None."""
        return next((field for field in self.fields if field.name == name), None)

    def names(self, *roles: str) -> tuple[str, ...]:
        """Names of the fields with one of `roles`; of all fields if none is given."""
        return tuple(field.name for field in self.fields if not roles or field.role in roles)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that a file must have."""
        return tuple(field.name for field in self.fields if field.required)


def read_schema(path: Path, shown_path: str, errors: list[FileError]) -> TableSchema | None:
    """The Table Schema at `path`, or None with the errors appended to `errors`."""
    try:
        text = read_small(path).decode("utf-8")
        descriptor = json.loads(text, object_pairs_hook=unique_keys)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        errors.append(FileError(shown_path, getattr(error, "lineno", 1), f"the Table Schema cannot be read: {reason}"))
        return None
    before = len(errors)
    schema = _schema(descriptor, text, shown_path, errors)
    return schema if len(errors) == before else None


def _schema(descriptor: Any, text: str, path: str, errors: list[FileError]) -> TableSchema | None:
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("fields"), list):
        errors.append(FileError(path, 1, "expected an object with a list `fields`"))
        return None
    _refuse_unknown(descriptor, SCHEMA_KEYWORDS, text, path, errors)
    for keyword, only in (("fieldsMatch", "partial"), ("missingValues", [""])):
        if descriptor.get(keyword) != only:
            errors.append(FileError(path, _line(text, keyword), f"`{keyword}` must be {json.dumps(only)}"))
    fields = [_field(field, text, path, errors) for field in descriptor["fields"]]
    names = [field.name for field in fields if field]
    for name in sorted({name for name in names if names.count(name) > 1}):
        errors.append(FileError(path, _line(text, name), f"the field {name} is described twice"))
    return TableSchema(tuple(field for field in fields if field), descriptor)


def _field(field: Any, text: str, path: str, errors: list[FileError]) -> Field | None:
    if not isinstance(field, dict) or not isinstance(field.get("name"), str):
        errors.append(FileError(path, 1, "a field has no name"))
        return None
    name = field["name"]
    line = _line(text, name)
    _refuse_unknown(field, FIELD_KEYWORDS, text, path, errors)
    own = field.get("x-billproof")
    if field.get("type") not in TYPES:
        errors.append(FileError(path, line, f"field {name}: type must be one of {', '.join(TYPES)}"))
    if field.get("constraints", {"required": True}) != {"required": True}:
        errors.append(FileError(path, line, f"field {name}: the only constraint allowed is required: true; rules check the rest"))
    if not isinstance(own, dict) or set(own) != set(OWN_KEYWORDS):
        errors.append(FileError(path, line, f"field {name}: x-billproof needs {', '.join(OWN_KEYWORDS)}"))
        return None
    for keyword, allowed in OWN_KEYWORDS.items():
        if own[keyword] not in allowed:
            errors.append(FileError(path, line, f"field {name}: {keyword} must be one of {', '.join(allowed)}"))
    return Field(
        name, str(field.get("type")), cast(Role, own["role"]), own["column"] == "required", str(own["cell"]),
        str(field.get("title", name)), str(field.get("description", "")),
    )  # fmt: skip


def _refuse_unknown(keywords: dict[str, Any], known: tuple[str, ...], text: str, path: str, errors: list[FileError]) -> None:
    for keyword in keywords:
        if keyword not in known:
            known_text = ", ".join(known)
            errors.append(FileError(path, _line(text, keyword), f"`{keyword}` is not supported; supported are {known_text}"))


def _line(text: str, quoted: str) -> int:
    """The first line that contains the JSON string: close enough to point at an error in a schema."""
    at = text.find(f'"{quoted}"')
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, for `json.loads`. Raises ValueError for a duplicate key, which programs read differently."""
    tree = dict(pairs)
    if len(tree) < len(pairs):
        raise ValueError("a key appears twice in one object")
    return tree


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
