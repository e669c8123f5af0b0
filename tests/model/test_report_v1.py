"""The types of report v1 say what its JSON schema says: every key, the required ones required, and the form of each value."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from billproof.model.report_v1 import Report
from billproof.model.results import FORMATS
from tests.support import FIXTURES, ROOT

SCHEMA = json.loads((ROOT / "schemas" / "report.v1.schema.json").read_text("utf-8"))
PLAIN = {"string": str, "integer": int, "boolean": bool}


def differences(type_: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """Where a type and a part of the schema differ, in words; a text with a few known values may be typed as any text."""
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    kinds: Any = schema.get("type")
    if "anyOf" in schema or isinstance(kinds, list):
        parts = schema.get("anyOf", [{"type": kind} for kind in kinds or ()])
        (inner,) = [part for part in parts if part != {"type": "null"}]
        args = get_args(type_) if isinstance(type_, UnionType) else ()
        if NoneType not in args:
            yield f"{path}: may be null"
        yield from differences(next((arg for arg in args if arg is not NoneType), type_), inner, path)
    elif kinds == "object":
        yield from _of_object(type_, schema, path)
    elif kinds == "array":
        if get_origin(type_) is not list:
            yield f"{path}: is an array"
        else:
            yield from differences(get_args(type_)[0], schema["items"], f"{path}[]")
    else:
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        plain = type(values[0]) if values else PLAIN[kinds]
        if type_ is not plain and (values is None or get_origin(type_) is not Literal or set(get_args(type_)) != set(values)):
            yield f"{path}: {type_} for {values or plain}"


def _of_object(type_: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    plain = get_origin(type_) or type_
    if not is_typeddict(plain):
        yield f"{path}: is an object"
        return
    hints = get_type_hints(plain)
    if hints.keys() != schema["properties"].keys():
        yield f"{path}: the keys {sorted(hints.keys() ^ schema['properties'].keys())}"
    if plain.__required_keys__ != set(schema["required"]):
        yield f"{path}: required are {sorted(plain.__required_keys__ ^ set(schema['required']))}"
    for key in hints.keys() & schema["properties"].keys():
        hint = get_args(type_)[0] if isinstance(hints[key], TypeVar) else hints[key]
        yield from differences(hint, schema["properties"][key], f"{path}.{key}")


def test_the_types_are_those_of_the_schema() -> None:
    assert list(differences(Report, SCHEMA, "report")) == []


CHANGED: dict[str, dict[str, Any]] = {
    "a key more": {"properties": SCHEMA["properties"] | {"more": {"type": "string"}}},
    "a key less": {"properties": {key: part for key, part in SCHEMA["properties"].items() if key != "verdict"}},
    "a key that need not be there": {"required": SCHEMA["required"][1:]},
    "another value": {"properties": SCHEMA["properties"] | {"schema": {"const": "billproof/report/v2"}}},
    "another type": {"properties": SCHEMA["properties"] | {"exit_code": {"type": "string"}}},
    "may be null": {"properties": SCHEMA["properties"] | {"tool": {"anyOf": [SCHEMA["properties"]["tool"], {"type": "null"}]}}},
    "no array": {"properties": SCHEMA["properties"] | {"files": SCHEMA["properties"]["tool"]}},
    "no object": {"properties": SCHEMA["properties"] | {"run": {"type": "string"}}},
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_schema_that_differs_is_noticed(change: dict[str, Any]) -> None:
    assert len(list(differences(Report, SCHEMA | change, "report"))) == 1


def test_a_check_does_not_load_the_types(tmp_path: Path) -> None:
    """In any format: they are for the type checker, and every check would wait for them."""
    export = str(next((FIXTURES / "good-h1").glob("*.csv")))
    outputs = [f"--output={format_}={tmp_path / format_}" for format_ in FORMATS]
    code = (
        "import sys; from billproof.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, 'billproof.model.report_v1' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, "check", export, *outputs], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False"
    assert len(list(tmp_path.iterdir())) == len(FORMATS)
