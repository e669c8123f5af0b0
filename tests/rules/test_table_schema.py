"""The Table Schema says what a column is, once; what nobody implements is refused, not passed over."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from billproof.model.errors import FileError
from billproof.rules.shipped import shipped
from billproof.rules.table_schema import read_schema

SHIPPED = shipped("schemas") / "openai-cost.schema.json"
DESCRIPTOR: dict[str, Any] = json.loads(SHIPPED.read_text())


def faults(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "own.schema.json"
    path.write_text(text)
    found: list[FileError] = []
    schema = read_schema(path, "own.schema.json", found)
    assert (schema is None) is bool(found)
    return [str(one) for one in found]


def changed(tmp_path: Path, **changes: Any) -> list[str]:
    """Faults of the shipped schema with changes in its first field, or in itself where the key says so."""
    descriptor = copy.deepcopy(DESCRIPTOR)
    for key, value in changes.items():
        holder = descriptor if key.startswith("schema_") else descriptor["fields"][0]
        name = key.removeprefix("schema_").replace("x_billproof", "x-billproof")
        if value is None:
            holder.pop(name)
        else:
            holder[name] = value
    return faults(tmp_path, json.dumps(descriptor, indent=1))


def test_the_shipped_schema_is_sound(tmp_path: Path) -> None:
    assert changed(tmp_path) == []


def test_fields_by_role() -> None:
    schema = read_schema(SHIPPED, "x", [])
    assert schema is not None
    assert schema.names("time") == ("start_time", "end_time", "start_time_iso", "end_time_iso")
    assert schema.names("measure") == ("amount_value", "quantity")
    assert schema.names("id") == ("user_id", "api_key_id", "project_id", "organization_id")
    assert schema.names("code") == ("amount_currency",)
    assert schema.names("group") == ("line_item", "api_source")
    assert schema.required == (
        "start_time", "end_time", "amount_value", "amount_currency", "line_item", "project_id", "organization_id",
        "project_name", "organization_name",
    )  # fmt: skip
    assert len(schema.names()) == 17
    assert schema.field("start_times") is None


OWN = {"column": "required", "cell": "always", "role": "time"}


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"constraints": {"required": True, "pattern": "x"}}, "the only constraint allowed is required: true"),
        ({"constraints": {"required": False}}, "the only constraint allowed is required: true"),
        ({"format": "any"}, "`format` is not supported"),
        ({"rdfType": "x"}, "`rdfType` is not supported"),
        ({"type": "duration"}, "type must be one of integer, number, string, date"),
        ({"type": None}, "type must be one of"),
        ({"x_billproof": None}, "x-billproof needs column, cell, role"),
        ({"x_billproof": {"column": "required"}}, "x-billproof needs column, cell, role"),
        ({"x_billproof": {**OWN, "more": 1}}, "x-billproof needs column, cell, role"),
        ({"x_billproof": {**OWN, "role": "when"}}, "role must be one of time, measure"),
        ({"x_billproof": {**OWN, "cell": []}}, "cell must be one of always, charged, optional"),
        ({"name": "end_time"}, "the field end_time is described twice"),
        ({"name": None}, "a field has no name"),
        ({"schema_primaryKey": ["start_time"]}, "`primaryKey` is not supported"),
        ({"schema_missingValues": ["", "NA"]}, '`missingValues` must be [""]'),
        ({"schema_missingValues": None}, '`missingValues` must be [""]'),
        ({"schema_fieldsMatch": "exact"}, '`fieldsMatch` must be "partial"'),
        ({"schema_fields": {}}, "an object with a list `fields`"),
    ],
)
def test_what_nobody_implements_is_refused(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    found = changed(tmp_path, **changes)
    assert len(found) == 1
    assert text in found[0]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"fields": [], "fields": []}', "null", "[" * 100_000, "\udc00"])
def test_what_is_not_a_schema(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.schema.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found: list[FileError] = []
    assert read_schema(path, "own.schema.json", found) is None
    assert len(found) == 1


def test_a_schema_that_is_not_there(tmp_path: Path) -> None:
    found: list[FileError] = []
    assert read_schema(tmp_path / "nowhere.json", "nowhere.json", found) is None
    assert "the Table Schema cannot be read" in str(found[0])


def test_a_fault_has_its_line(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, SHIPPED.read_text().replace('"type": "integer"', '"type": "integers"', 1))
    line = int(found.split(":")[1].split()[0])
    assert '"start_time"' in SHIPPED.read_text().splitlines()[line - 1]
