"""Records as the one description of a YAML file: a tree is read into them, and the JSON Schema is made from them.

A field's type says which values are allowed: str, int, bool, Literal, a tuple (a list), a Mapping, another shape, and any
of them `| None`. `Annotated[type, Spec(…)]` says more: a pattern for text, a doc for the schema, a key that is not a Python
name. The fields `line` and `node` are not in the file: they get the line, or the tree itself.
"""

from __future__ import annotations

import contextlib
import re
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from billproof.model.errors import FileError
from billproof.model.record import Record
from billproof.reading.yaml_tree import Node

T = TypeVar("T")

PLACES = ("line", "node")
FILLED = r"[\s\S]*\S[\s\S]*"


class Invalid(Exception):
    """A value could not be read; the error is already on the list."""


class Spec(Record):
    """What an annotation requires of a field in addition to its type. The value of a `secret` field is never in an error."""

    pattern: str | None = None
    doc: str = ""
    key: str | None = None
    secret: bool = False


class Part(Record):
    """One field of a shape: its name there, its YAML key, its type, and what is asked of it."""

    name: str
    key: str
    type: Any
    required: bool
    spec: Spec


@cache
def parts(shape: Any) -> tuple[Part, ...]:
    """The fields of a shape as the parts of a YAML mapping, in order."""
    hints = typing.get_type_hints(shape, include_extras=True)
    return tuple(_part(name, hints[name], name not in shape._field_defaults) for name in shape._fields if name not in PLACES)


def _part(name: str, hint: Any, required: bool) -> Part:
    if typing.get_origin(hint) is not Annotated:
        return Part(name, name, hint, required, Spec())
    kind, spec = typing.get_args(hint)
    return Part(name, spec.key or name, kind, required, spec)


def is_shape(kind: Any) -> bool:
    """Whether a type is a record, which stands for a YAML mapping."""
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def read(shape: type[T], node: Node, path: str, errors: list[FileError], where: str = "") -> T | None:
    """`node` as a `shape`; None when something is wrong, with every error on `errors`."""
    if not isinstance(node.value, dict):
        found_there = f"{where} is" if where else "this is"
        errors.append(FileError(path, node.line, f"{found_there} {_described(node)}; expected keys and values"))
        return None
    known = {part.key: part for part in parts(cast(Any, shape))}
    places: dict[str, Any] = {"line": node.line, "node": node}
    values = {name: place for name, place in places.items() if name in cast(Any, shape)._fields}
    sound = True
    for key, value in node.value.items():
        if key not in known:
            from difflib import get_close_matches

            near = get_close_matches(key, known, 1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; expected one of {', '.join(known)}"
            errors.append(FileError(path, value.line, f"unknown key `{key}`{hint}"))
            sound = False
            continue
        part = known[key]
        own_errors: list[FileError] = []
        try:
            values[part.name] = _value(part.type, value, path, own_errors, f"`{key}`", part.spec.pattern)
        except Invalid:
            sound = False
        errors += _without_values(part, value, path, f"`{key}`") if part.spec.secret and own_errors else own_errors
    for part in known.values():
        if part.required and part.key not in node.value:
            errors.append(FileError(path, node.line, f"the key `{part.key}` is missing"))
            sound = False
    return shape(**values) if sound else None


def read_sound(shape: type[T], node: Node) -> T | None:
    """`node` as a `shape` that requires nothing, without the parts that something is wrong with; None if it has no parts."""
    if not isinstance(node.value, dict):
        return None
    sound = {key: value for key, value in node.value.items() if read(shape, Node({key: value}, node.line), "", []) is not None}
    return read(shape, Node(sound, node.line), "", [])


def _without_values(part: Part, node: Node, path: str, where: str) -> list[FileError]:
    """The errors of a part that may contain a secret: found again in a tree without values."""
    masked_errors: list[FileError] = []
    with contextlib.suppress(Invalid):
        _value(part.type, _masked(node), path, masked_errors, where, part.spec.pattern)
    return masked_errors or [FileError(path, node.line, f"{where} does not have the documented form")]


def _masked(node: Node) -> Node:
    if isinstance(node.value, dict):
        return Node({key: _masked(value) for key, value in node.value.items()}, node.line)
    if isinstance(node.value, list):
        return Node([_masked(value) for value in node.value], node.line)
    return Node("…", node.line)


def _value(kind: Any, node: Node, path: str, errors: list[FileError], where: str, pattern: str | None) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = [option for option in arguments if option is not type(None)]
        if node.value is None and len(inner) < len(arguments):
            return None
        return _one_of_types(inner, node, path, errors, where, pattern)
    if origin is typing.Literal:
        if node.value in arguments and not isinstance(node.value, bool):
            return node.value
        allowed = ", ".join(str(word) for word in arguments)
        expected = f"one of {allowed}" if len(arguments) > 1 else allowed
        return _refuse(node, path, errors, f"{where} is {_described(node)}; expected {expected}")
    if origin is tuple:
        if not isinstance(node.value, list):
            return _refuse(node, path, errors, f"{where} is {_described(node)}; expected a list")
        return tuple(_all(arguments[0], node.value, path, errors, where, pattern))
    if origin in (dict, Mapping):
        if not isinstance(node.value, dict):
            return _refuse(node, path, errors, f"{where} is {_described(node)}; expected keys and values")
        return dict(zip(node.value, _all(arguments[1], list(node.value.values()), path, errors, where, pattern), strict=True))
    if kind is Node:
        return node
    if is_shape(kind):
        record = read(cast(type, kind), node, path, errors, where)
        if record is None:
            raise Invalid
        return record
    return _scalar(kind, node, path, errors, where, pattern)


def _one_of_types(kinds: list[Any], node: Node, path: str, errors: list[FileError], where: str, pattern: str | None) -> Any:
    """The first type that fits the node's own kind (text, list, keys and values) reads it and names its errors."""
    for kind in kinds:
        wants_mapping = is_shape(kind) or typing.get_origin(kind) in (dict, Mapping)
        wants_list = typing.get_origin(kind) is tuple
        if wants_mapping == isinstance(node.value, dict) and wants_list == isinstance(node.value, list):
            if kind is int and not isinstance(node.value, int):
                continue
            return _value(kind, node, path, errors, where, pattern)
    return _value(kinds[0], node, path, errors, where, pattern)


def _all(kind: Any, nodes: list[Node], path: str, errors: list[FileError], where: str, pattern: str | None) -> list[Any]:
    values, sound = [], True
    for node in nodes:
        try:
            values.append(_value(kind, node, path, errors, where, pattern))
        except Invalid:
            sound = False
    if not sound:
        raise Invalid
    return values


def _scalar(kind: Any, node: Node, path: str, errors: list[FileError], where: str, pattern: str | None) -> Any:
    if kind is str:
        if node.ambiguous or isinstance(node.value, int):
            text = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
            if pattern is not None and not re.fullmatch(pattern, text):
                return _refuse(node, path, errors, f"{where} is {text}; expected text that matches {pattern}")
            return _refuse(node, path, errors, f'{where} is {text}, which YAML may not read as text; put it in quotes: "{text}"')
        if not isinstance(node.value, str):
            return _refuse(node, path, errors, f"{where} is {_described(node)}; expected text")
        if pattern == FILLED and not node.value.strip():
            return _refuse(node, path, errors, f"{where} is empty; fill it in")
        if pattern is not None and not re.fullmatch(pattern, node.value):
            return _refuse(node, path, errors, f"{where} is {_described(node)}; expected text that matches {pattern}")
        return node.value
    if kind is bool and isinstance(node.value, bool):
        return node.value
    if kind is int and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    expected = {bool: "true or false", int: "a whole number"}[kind]
    return _refuse(node, path, errors, f"{where} is {_described(node)}; expected {expected}")


def _refuse(node: Node, path: str, errors: list[FileError], text: str) -> Any:
    errors.append(FileError(path, node.line, text))
    raise Invalid


def _described(node: Node) -> str:
    if node.value is None:
        return "empty"
    if isinstance(node.value, list):
        return "a list"
    if isinstance(node.value, dict):
        return "keys and values"
    return f"`{str(node.value)[:60]}`"
