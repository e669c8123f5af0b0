"""Strict YAML: a tree that knows its lines, and a refusal with a line for all that plain YAML misreads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billproof.model.errors import FileError
from billproof.reading.yaml_tree import MAX_BYTES, MAX_DEPTH, Node, parse_document, read_document


def parsed(text: str | bytes) -> tuple[Node | None, list[str]]:
    """The tree, and the faults as they are shown."""
    faults: list[FileError] = []
    data = text if isinstance(text, bytes) else text.encode()
    node = parse_document(data, "x.yaml", faults)
    return node, [str(fault) for fault in faults]


def plain(node: Node | None) -> object:
    """The tree as plain values."""
    assert node is not None
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(value) for value in node.value] if isinstance(node.value, list) else node.value


def test_a_tree_of_plain_values() -> None:
    node, faults = parsed('a: 1\nb: [x, "2", true, null, -7]\nc:\n  d: |\n    text\n    more\n  e: ""\n')
    assert faults == []
    assert plain(node) == {"a": 1, "b": ["x", "2", True, None, -7], "c": {"d": "text\nmore\n", "e": ""}}


def test_every_value_knows_its_line() -> None:
    node, _ = parsed("a: 1\n\n# why\nb:\n  - x\n  - y\nc: {d: 1}\n")
    assert node is not None
    assert isinstance(node.value, dict)
    assert {key: value.line for key, value in node.value.items()} == {"a": 1, "b": 5, "c": 7}
    listed = node.value["b"].value
    assert isinstance(listed, list)
    assert [one.line for one in listed] == [5, 6]


AMBIGUOUS = [
    "yes", "No", "on", "OFF", "y", "n", "True", "FALSE", "~", "Null", "1_000", "0.1", "1e3", ".5", "+1", "007", "0x1F", "0o17",
    "0b1", "12:30", "1:2:3.4", ".inf", "-.NaN", "2025-10-01", "2025-1-1", "2025-10-01T00:00:00Z", "1.", "9" * 19,
]  # fmt: skip


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_what_yaml_may_misread_is_marked(text: str) -> None:
    node, faults = parsed(f"a: {text}\n")
    assert faults == []
    assert node is not None
    assert isinstance(node.value, dict)
    assert node.value["a"].ambiguous


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_what_is_quoted_is_text(text: str) -> None:
    node, _ = parsed(f'a: "{text}"\n')
    assert plain(node) == {"a": text}


@pytest.mark.parametrize("text", ["x", "0.1.0", "org-EXAMPLE1", "a b", "nothing", "1x", "2025", "v1", "2025-10", "-", "usd"])
def test_what_nobody_misreads_is_not_marked(text: str) -> None:
    node, _ = parsed(f"a: [{text}]\n" if text != "-" else 'a: ["-"]\n')
    assert node is not None
    assert isinstance(node.value, dict)
    listed = node.value["a"].value
    assert isinstance(listed, list)
    assert not listed[0].ambiguous


@pytest.mark.parametrize(
    "text, fault",
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3  the key `a` appears a second time; keys must be unique"),
        ("a: {b: 1, b: 2}\n", "x.yaml:1  the key `b` appears a second time; keys must be unique"),
        ('a: 1\n"a": 2\n', "x.yaml:2  the key `a` appears a second time; keys must be unique"),
        ("a: &x 1\n", "x.yaml:1  anchors and aliases (& and *) are not supported; repeat the value instead"),
        ("a: !!str 1\n", "x.yaml:1  the tag tag:yaml.org,2002:str is not supported; remove it"),
        ("a: !own [1]\n", "x.yaml:1  the tag !own is not supported; remove it"),
        ("a: 1\n---\nb: 2\n", "x.yaml:3  a second document begins here; a file can hold only one"),
        ("? [a]\n: 1\n", "x.yaml:1  a key must be plain text"),
        ("", "x.yaml:1  the file is empty"),
        ("# only a comment\n", "x.yaml:1  the file is empty"),
        ("[" * (MAX_DEPTH + 1), f"x.yaml:1  nested deeper than {MAX_DEPTH} levels"),
        ("[" * 100_000, f"x.yaml:1  nested deeper than {MAX_DEPTH} levels"),
        ("a: 1\nb:\n  - " + "{c: " * 5_000, f"x.yaml:3  nested deeper than {MAX_DEPTH} levels"),
        ("a: 1\nb: " + "[" * 1_001 + "x", f"x.yaml:2  nested deeper than {MAX_DEPTH} levels"),
        ("a: 1\n b: 2\n", "x.yaml:2  not valid YAML: "),
        ("[" + "[1], " * 100 + "\n", "x.yaml:2  not valid YAML: "),
        ("a: [1\n", "x.yaml:2  not valid YAML: "),
        ("a: 1\nb: \x07\n", "x.yaml:"),
        (b"a: 1\nb: \xfc\n", "x.yaml:2  a byte is not UTF-8; save the file as UTF-8"),
        ("a: " + "x" * MAX_BYTES, "x.yaml:1  larger than 1,000,000 bytes, so it is not a configuration or rule file"),
    ],
)
def test_refusals(text: str | bytes, fault: str) -> None:
    _, faults = parsed(text)
    assert faults
    assert faults[0].startswith(fault)


def test_deep_but_not_too_deep() -> None:
    node, faults = parsed("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert faults == []
    assert node is not None


def test_a_mark_at_the_start_is_passed_over() -> None:
    assert plain(parsed(b"\xef\xbb\xbfa: 1\n")[0]) == {"a": 1}


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    faults: list[FileError] = []
    assert read_document(tmp_path / "nowhere.yaml", "nowhere.yaml", faults) is None
    assert [str(one) for one in faults] == ["nowhere.yaml:1  cannot be read: No such file or directory"]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_tree_or_a_fault(data: bytes) -> None:
    node, faults = parsed(data)
    assert (node is None) <= bool(faults)


@given(st.text(st.sampled_from("ab:-[]{}\"'|>&*!?#,\n \t~1"), max_size=80))
def test_arbitrary_yaml_gives_a_tree_or_a_fault(text: str) -> None:
    node, faults = parsed(text)
    assert (node is None) <= bool(faults)
