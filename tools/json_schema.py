"""The JSON Schema that editors use, from the same records that the YAML files are read into."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, cast

from billproof.reading.decode import is_shape, parts
from billproof.reading.yaml_tree import Node


def json_schema(shape: type) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a YAML mapping that `read` takes as `shape`."""
    properties = {part.key: _schema_of(part.type, part.spec.pattern, part.spec.doc) for part in parts(shape)}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [part.key for part in parts(shape) if part.required],
        "properties": properties,
    }


def _schema_of(kind: Any, pattern: str | None, doc: str = "") -> dict[str, Any]:
    return {**({"description": doc} if doc else {}), **_bare_schema(kind, pattern)}


def _bare_schema(kind: Any, pattern: str | None) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        options = [{"type": "null"} if option is type(None) else _bare_schema(option, pattern) for option in arguments]
        return options[0] if len(options) == 1 else {"anyOf": options}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _bare_schema(arguments[0], pattern)}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _bare_schema(arguments[1], pattern)}
    if kind is Node:
        return {"type": "object"}
    if is_shape(kind):
        return json_schema(cast(type, kind))
    if kind is str:
        return {"type": "string", **({"pattern": f"^(?:{pattern})$"} if pattern else {})}
    return {"type": {bool: "boolean", int: "integer"}[kind]}
