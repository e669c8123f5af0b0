"""Shapes: a tree becomes exactly what a named tuple says, or every fault is told; and editors get the same as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import jsonschema
import pytest

from billproof.model.errors import FileError
from billproof.model.record import Record
from billproof.reading.decode import Spec, read
from billproof.reading.yaml_tree import Node, parse_document
from tools.json_schema import json_schema


class Inner(Record):
    """A part of a part."""

    name: str
    line: int = 1


class Whole(Record):
    """One field of each kind."""

    id: Annotated[str, Spec(pattern=r"[A-Z]{2}[0-9]", doc="Two letters and a digit.")]
    level: Literal["low", "high"]
    number: int = 0
    on: bool = False
    names: tuple[str, ...] = ()
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    texts: Mapping[str, str] = {}
    either: Literal["all"] | Mapping[str, int] | None = None
    number_or_text: int | str | None = None
    words: tuple[str, ...] | str | None = None
    free: Node = Node(None, 1)
    from_: Annotated[str | None, Spec(key="from")] = None
    token: Annotated[Mapping[str, str] | None, Spec(secret=True)] = None


GOOD = "id: AB1\nlevel: low\n"


def shaped(text: str) -> tuple[Whole | None, list[str]]:
    faults: list[FileError] = []
    node = parse_document(text.encode(), "x.yaml", faults)
    assert node is not None
    found = read(Whole, node, "x.yaml", faults)
    return found, [str(one) for one in faults]


def test_everything_at_once() -> None:
    text = GOOD + (
        'number: 3\n"on": true\nnames: [a, b]\ninner: {name: x}\nmany:\n  - name: yy\n  - name: zz\ntexts: {a: b}\n'
        "either: {a: 1}\nnumber_or_text: 7\nwords: [a]\nfree: {any: [1]}\nfrom: here\ntoken: {env: NAME}\n"
    )
    found, faults = shaped(text)
    assert faults == []
    assert found is not None
    assert found._replace(free=Node(None, 1)) == Whole(
        "AB1", "low", 3, True, ("a", "b"), Inner("x", 6), (Inner("yy", 8), Inner("zz", 9)), {"a": "b"}, {"a": 1}, 7, ("a",),
        Node(None, 1), "here", {"env": "NAME"},
    )  # fmt: skip
    assert isinstance(found.free.value, dict)


def test_what_is_left_out_has_its_default() -> None:
    found, faults = shaped(GOOD)
    assert faults == []
    assert found == Whole("AB1", "low")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("either: all\n", "all"), ("either: null\n", None), ("either:\n", None), ("number_or_text: seven\n", "seven"),
        ("words: one\n", "one"), ("from: null\n", None),
    ],
)  # fmt: skip
def test_the_type_that_fits(text: str, expected: object) -> None:
    found, faults = shaped(GOOD + text)
    assert faults == []
    assert found is not None
    assert getattr(found, {"from": "from_"}.get(text.partition(":")[0], text.partition(":")[0])) == expected


@pytest.mark.parametrize(
    "text, fault",
    [
        ("level: low\n", "x.yaml:1  the key `id` is missing"),
        ("id: AB1\nlevel: middle\n", "x.yaml:2  `level` is `middle`; expected one of low, high"),
        ("id: ab1\nlevel: low\n", "x.yaml:1  `id` is `ab1`; expected text that matches [A-Z]{2}[0-9]"),
        ("id: [1]\nlevel: low\n", "x.yaml:1  `id` is a list; expected text"),
        ("id: {a: b}\nlevel: low\n", "x.yaml:1  `id` is keys and values; expected text"),
        ("id:\nlevel: low\n", "x.yaml:1  `id` is empty; expected text"),
        ("id: true\nlevel: low\n", "x.yaml:1  `id` is true; expected text that matches [A-Z]{2}[0-9]"),
        (GOOD + "number: x\n", "x.yaml:3  `number` is `x`; expected a whole number"),
        (GOOD + "number: true\n", "x.yaml:3  `number` is `True`; expected a whole number"),
        (GOOD + "number: 1_0\n", "x.yaml:3  `number` is `1_0`; expected a whole number"),
        (GOOD + '"on": 1\n', "x.yaml:3  `on` is `1`; expected true or false"),
        (GOOD + "names: a\n", "x.yaml:3  `names` is `a`; expected a list"),
        (GOOD + "names: [a, 1, b, off]\n", 'x.yaml:3  `names` is 1, which YAML may not read as text; put it in quotes: "1"'),
        (GOOD + "inner: x\n", "x.yaml:3  `inner` is `x`; expected keys and values"),
        (GOOD + "inner: {nam: x}\n", "x.yaml:3  unknown key `nam`; did you mean `name`?"),
        (GOOD + "many: [{name: a}, {}]\n", "x.yaml:3  the key `name` is missing"),
        (GOOD + "texts: [a]\n", "x.yaml:3  `texts` is a list; expected keys and values"),
        (GOOD + "either: some\n", "x.yaml:3  `either` is `some`; expected all"),
        (GOOD + "either: [1]\n", "x.yaml:3  `either` is a list; expected all"),
        (GOOD + "zzz: 1\n", "x.yaml:3  unknown key `zzz`; expected one of id, level"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    found, faults = shaped(text)
    assert found is None
    assert faults[0].startswith(fault)


def test_all_faults_are_reported() -> None:
    _, faults = shaped("level: x\nnumber: y\nnames: [1, 2]\nother: 1\n")
    assert len(faults) == 6


@pytest.mark.parametrize("text", ["token: s3cret\n", "token: [s3cret]\n", "token: {env: [s3cret]}\n", "token: {env: 12345}\n"])
def test_a_secret_is_never_shown(text: str) -> None:
    found, faults = shaped(GOOD + text)
    assert found is None
    assert faults
    assert not any("s3cret" in one or "12345" in one for one in faults)


def test_no_mapping_at_all() -> None:
    found, faults = shaped("- a\n")
    assert found is None
    assert faults == ["x.yaml:1  this is a list; expected keys and values"]


SCHEMA = json_schema(Whole)


@pytest.mark.parametrize(
    "value, fits",
    [
        ({"id": "AB1", "level": "low"}, True),
        ({"id": "AB1", "level": "low", "names": ["a"], "inner": {"name": "x"}, "either": {"a": 1}, "from": None}, True),
        ({"id": "AB1", "level": "low", "number_or_text": 1, "words": "a", "free": {}}, True),
        ({"id": "AB12", "level": "low"}, False),
        ({"id": "AB1", "level": "mid"}, False),
        ({"id": "AB1"}, False),
        ({"id": "AB1", "level": "low", "more": 1}, False),
        ({"id": "AB1", "level": "low", "inner": {"name": "x", "line": 1}}, False),
        ({"id": "AB1", "level": "low", "number": "1"}, False),
        ({"id": "AB1", "level": "low", "many": [{}]}, False),
        ({"id": "AB1", "level": "low", "either": "some"}, False),
    ],
)
def test_the_json_schema_says_the_same(value: dict[str, Any], fits: bool) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(value) is fits


def test_the_json_schema_has_the_words() -> None:
    assert SCHEMA["properties"]["id"]["description"] == "Two letters and a digit."
    assert SCHEMA["required"] == ["id", "level"]
