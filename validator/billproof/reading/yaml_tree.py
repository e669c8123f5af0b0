"""Strict YAML: text to a tree of values that know their line.

What plain YAML misreads is refused instead: a key twice, tags, anchors and aliases, `no` and `off` as booleans, `1_000`
and dates as numbers, deep nesting, several documents in one file. The file is read event by event, so that nothing in it
can make the reader recurse.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from typing import TYPE_CHECKING, Any

from billproof.model.errors import FileError
from billproof.model.record import Record

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

_INTEGER = r"-?(?:0|[1-9][0-9]{0,17})"
_MISREAD = (
    r"(?i:y|n|yes|no|on|off|true|false|null|~)"
    r"|[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?i:inf|nan)"
    r"|[-+]?0[xob][0-9a-fA-F_]+|[-+]?[0-9]+(?::[0-9]{1,2})+(?:\.[0-9]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)

Scalar = str | int | bool | None


class Node(Record):
    """A value of a YAML file with its 1-based line: a scalar (and its text), a list of Nodes, or a dict of Nodes by key."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int
    ambiguous: bool = False
    text: str = ""


class _Reader:
    """Builds the tree from parser events; stops at the first error that makes the rest unreadable."""

    def __init__(self, path: str, errors: list[FileError]) -> None:
        self.path = path
        self.errors = errors
        self.line = 1

    def error(self, text: str) -> None:
        self.errors.append(FileError(self.path, self.line, text))

    def build(self, text: str) -> Node | None:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        open_nodes: list[Node] = []
        keys: list[Node | None] = []
        root: Node | None = None
        for event in yaml.parse(text, Loader=loader):
            self.line = event.start_mark.line + 1 if event.start_mark else self.line
            if isinstance(event, yaml.CollectionEndEvent):
                open_nodes.pop()
                keys.pop()
                continue
            node = self._node(event, yaml)
            if node is None:
                continue
            if not open_nodes:
                if root is not None:
                    self.error("a second document begins here; a file can hold only one")
                    return None
                root = node
            elif not self._attach(open_nodes[-1], keys, node):
                return None
            if isinstance(node.value, (list, dict)):
                open_nodes.append(node)
                keys.append(None)
                if len(open_nodes) > MAX_DEPTH:
                    self.error(TOO_DEEP)
                    return None
        return root

    def _node(self, event: Any, yaml: Any) -> Node | None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self.error("anchors and aliases (& and *) are not supported; repeat the value instead")
        if isinstance(event, yaml.AliasEvent):
            return Node(None, self.line)
        if getattr(event, "tag", None) is not None:
            self.error(f"the tag {event.tag} is not supported; remove it")
        if isinstance(event, yaml.ScalarEvent):
            return Node(event.value, self.line, text=event.value) if event.style else _plain(event.value, self.line)
        if isinstance(event, yaml.CollectionStartEvent):
            return Node([] if isinstance(event, yaml.SequenceStartEvent) else {}, self.line)
        return None

    def _attach(self, parent: Node, keys: list[Node | None], node: Node) -> bool:
        if isinstance(parent.value, list):
            parent.value.append(node)
            return True
        assert isinstance(parent.value, dict)
        key = keys[-1]
        if key is None:
            if isinstance(node.value, (list, dict)):
                self.error("a key must be plain text")
                return False
            keys[-1] = node
            return True
        name = key.text
        if name in parent.value:
            self.errors.append(FileError(self.path, key.line, f"the key `{name}` appears a second time; keys must be unique"))
        parent.value[name] = node
        keys[-1] = None
        return True


def _plain(text: str, line: int) -> Node:
    if text in ("true", "false"):
        return Node(text == "true", line, text=text)
    if text in ("", "null"):
        return Node(None, line, text=text)
    if re.fullmatch(_INTEGER, text):
        return Node(int(text), line, text=text)
    return Node(text, line, ambiguous=re.fullmatch(_MISREAD, text) is not None, text=text)


def read_document(path: Path, shown_path: str, errors: list[FileError]) -> Node | None:
    """The tree of the YAML file at `path`, or None; errors (with `shown_path` and line) are appended to `errors`."""
    try:
        data = read_small(path)
    except OSError as error:
        errors.append(FileError(shown_path, 1, f"cannot be read: {error.strerror or error}"))
        return None
    return parse_document(data, shown_path, errors)


def read_small(path: Path) -> bytes:
    """The bytes of a regular file, or one more than are allowed of a larger one. Raises OSError."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, "Is a directory")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    with open(path, "rb") as stream:
        return stream.read(MAX_BYTES + 1)


def parse_document(data: bytes, shown_path: str, errors: list[FileError]) -> Node | None:
    """Like `read_document`, for bytes that were read already."""
    import yaml

    if len(data) > MAX_BYTES:
        errors.append(FileError(shown_path, 1, f"larger than {MAX_BYTES:,} bytes, so it is not a configuration or rule file"))
        return None
    reader = _Reader(shown_path, errors)
    text = ""
    try:
        text = data.decode("utf-8-sig")
        root = reader.build(text)
    except UnicodeDecodeError as error:
        errors.append(FileError(shown_path, data[: error.start].count(b"\n") + 1, "a byte is not UTF-8; save the file as UTF-8"))
        return None
    except yaml.MarkedYAMLError as error:
        deep = _line_nested_too_deeply(text, error.problem_mark.index if error.problem_mark else 0)
        if deep is not None:
            errors.append(FileError(shown_path, deep, TOO_DEEP))
            return None
        line = error.problem_mark.line + 1 if error.problem_mark else reader.line
        errors.append(FileError(shown_path, line, f"not valid YAML: {error.problem or error.context}"))
        return None
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        errors.append(FileError(shown_path, line, "not valid YAML: a character that YAML does not allow"))
        return None
    if root is None and not errors:
        errors.append(FileError(shown_path, 1, "the file is empty"))
    return root


def _line_nested_too_deeply(text: str, stopped_at: int) -> int | None:
    """The line on which a text exceeds MAX_DEPTH, if it does; a parser that reads ahead found it invalid at `stopped_at`.

    libyaml reads up to 1,024 characters ahead of its events, and since 0.2.6 it may stop there at a limit of its own. The
    parser in Python has none, so the answer is the same with every version; it is slow, so it reads only what may be too deep.
    """
    import yaml

    ahead = text[max(0, stopped_at - 1_024) : stopped_at + 1]
    if sum(map(ahead.count, "[{")) - sum(map(ahead.count, "]}")) <= MAX_DEPTH:
        return None
    depth = 0
    with contextlib.suppress(yaml.YAMLError):
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                return int(event.start_mark.line) + 1 if event.start_mark else 1
    return None
