"""A Frictionless Table Schema as fields: the one place where it is said what a column is.

Only what billproof implements may stand in it; any other keyword is refused, because frictionless passes over keywords it
does not know, and a constraint that nobody checks is no constraint. Values are checked by rules, not by the schema.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, cast

from billproof.model.errors import Fault
from billproof.model.record import Record
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
    """One column: its type, its role, whether the file must have it, and when a cell of it must be filled."""

    name: str
    type: str
    role: Role
    required: bool
    cell: str
    title: str
    description: str


class TableSchema(Record):
    """The columns that are known, in order, and the descriptor they came from (which frictionless reads as it is)."""

    fields: tuple[Field, ...]
    descriptor: dict[str, Any]

    def field(self, name: str) -> Field | None:
        """The field of that name, compared as it stands."""
        return next((one for one in self.fields if one.name == name), None)

    def names(self, *roles: str) -> tuple[str, ...]:
        """Names of the fields with one of `roles`; of all fields if none is given."""
        return tuple(one.name for one in self.fields if not roles or one.role in roles)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that a file must have."""
        return tuple(one.name for one in self.fields if one.required)


def read_schema(path: Path, shown_path: str, faults: list[Fault]) -> TableSchema | None:
    """The Table Schema at `path`, or None with the reasons on `faults`."""
    try:
        text = read_small(path).decode("utf-8")
        descriptor = json.loads(text, object_pairs_hook=_no_doubles)
    except (OSError, ValueError, RecursionError) as error:
        faults.append(Fault(shown_path, getattr(error, "lineno", 1), f"no Table Schema can be read: {error}"))
        return None
    before = len(faults)
    schema = _schema(descriptor, text, shown_path, faults)
    return schema if len(faults) == before else None


def _schema(descriptor: Any, text: str, path: str, faults: list[Fault]) -> TableSchema | None:
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("fields"), list):
        faults.append(Fault(path, 1, "a Table Schema is an object with a list `fields`"))
        return None
    _refuse_unknown(descriptor, SCHEMA_KEYWORDS, text, path, faults)
    for keyword, only in (("fieldsMatch", "partial"), ("missingValues", [""])):
        if descriptor.get(keyword) != only:
            faults.append(Fault(path, _line(text, keyword), f"`{keyword}` must be {json.dumps(only)}"))
    fields = [_field(one, text, path, faults) for one in descriptor["fields"]]
    names = [one.name for one in fields if one]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(Fault(path, _line(text, name), f"the field {name} is described twice"))
    return TableSchema(tuple(one for one in fields if one), descriptor)


def _field(one: Any, text: str, path: str, faults: list[Fault]) -> Field | None:
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        faults.append(Fault(path, 1, "a field without a name"))
        return None
    name = one["name"]
    line = _line(text, name)
    _refuse_unknown(one, FIELD_KEYWORDS, text, path, faults)
    own = one.get("x-billproof")
    if one.get("type") not in TYPES:
        faults.append(Fault(path, line, f"field {name}: type must be one of {', '.join(TYPES)}"))
    if one.get("constraints", {"required": True}) != {"required": True}:
        faults.append(Fault(path, line, f"field {name}: the only constraint here is required: true; a rule checks the rest"))
    if not isinstance(own, dict) or set(own) != set(OWN_KEYWORDS):
        faults.append(Fault(path, line, f"field {name}: x-billproof needs {', '.join(OWN_KEYWORDS)}"))
        return None
    for keyword, allowed in OWN_KEYWORDS.items():
        if own[keyword] not in allowed:
            faults.append(Fault(path, line, f"field {name}: {keyword} must be one of {', '.join(allowed)}"))
    return Field(
        name, str(one.get("type")), cast(Role, own["role"]), own["column"] == "required", str(own["cell"]),
        str(one.get("title", name)), str(one.get("description", "")),
    )  # fmt: skip


def _refuse_unknown(found: dict[str, Any], known: tuple[str, ...], text: str, path: str, faults: list[Fault]) -> None:
    for keyword in found:
        if keyword not in known:
            known_text = ", ".join(known)
            faults.append(Fault(path, _line(text, keyword), f"`{keyword}` is not implemented; implemented are {known_text}"))


def _line(text: str, quoted: str) -> int:
    """The line on which a JSON string first stands: good enough to point at a fault in a schema."""
    at = text.find(f'"{quoted}"')
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
