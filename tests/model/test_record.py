"""Records are to be what named tuples are, at a fifth of what those cost when a module is loaded."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple, cast

import pytest

from billproof.model.record import Record
from tests.support import ROOT


class Mine(Record):
    """A record."""

    name: str
    line: int = 1
    parts: tuple[str, ...] = ()

    def double(self) -> int:
        """Twice the line."""
        return self.line * 2


class Theirs(NamedTuple):
    """The same as a named tuple."""

    name: str
    line: int = 1
    parts: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "given, named",
    [
        (("a",), {}),
        (("a", 2), {}),
        (("a", 2, ("x",)), {}),
        ((), {"name": "a"}),
        (("a",), {"parts": ("x",)}),
        ((), {"parts": (), "line": 7, "name": "b"}),
    ],
)
def test_it_holds_what_a_named_tuple_holds(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    mine, theirs = cast(Any, Mine)(*given, **named), cast(Any, Theirs)(*given, **named)
    assert tuple(mine) == tuple(theirs)
    assert (mine.name, mine.line, mine.parts) == (theirs.name, theirs.line, theirs.parts)
    assert mine._asdict() == theirs._asdict()
    assert tuple(mine._replace(line=9)) == tuple(theirs._replace(line=9))
    assert repr(mine) == repr(theirs).replace("Theirs", "Mine")
    assert pickle.loads(pickle.dumps(mine)) == mine
    assert type(pickle.loads(pickle.dumps(mine))) is Mine
    assert hash(mine) == hash(theirs)


@pytest.mark.parametrize(
    "given, named",
    [
        ((), {}),
        ((), {"line": 1}),
        (("a", 1, (), 4), {}),
        (("a",), {"other": 1}),
        (("a",), {"name": "b"}),
        (("a", 1, ()), {"line": 2}),
    ],
)
def test_fields_that_do_not_fit_are_refused(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    for kind in (Mine, Theirs):
        with pytest.raises(TypeError):
            cast(Any, kind)(*given, **named)


def test_it_knows_its_fields_and_cannot_be_changed() -> None:
    assert (Mine._fields, Mine._field_defaults) == (Theirs._fields, Theirs._field_defaults)
    one = Mine("a", 4)
    assert one.double() == 8
    for name in ("line", "other"):
        with pytest.raises(AttributeError):
            setattr(one, name, 3)
    with pytest.raises((TypeError, ValueError)):
        one._replace(other=3)  # type: ignore[call-arg]
    match one:
        case Mine(name, line):
            assert (name, line) == ("a", 4)


def test_the_program_has_no_named_tuple_beside_records() -> None:
    package = ROOT / "validator" / "billproof"
    texts = {path.relative_to(package).as_posix(): path.read_text("utf-8") for path in package.rglob("*.py")}
    assert [name for name, text in texts.items() if "NamedTuple" in text] == ["model/record.py"]
    with_records = [text for text in texts.values() if "(Record):" in text]
    assert len(with_records) > 20
    assert not [text.splitlines()[0] for text in with_records if "from __future__ import annotations" not in text]
