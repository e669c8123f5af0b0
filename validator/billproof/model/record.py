"""Records: named tuples that cost next to nothing to declare. A check declares some eighty, and `typing.NamedTuple` compiles
code for each, which took a tenth of the time that a month takes.
"""

from operator import itemgetter
from typing import TYPE_CHECKING, Any

__all__ = ["Record"]

if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:

    class Record(tuple):
        """The base of a record, whose annotations are its fields. Type checkers hold it for `typing.NamedTuple`, and it has
        what that has: fields by name, defaults, `_replace`, `_asdict`, `_fields`. TypeError for fields that do not fit.
        """

        __slots__ = ()
        _fields: tuple[str, ...] = ()
        _field_defaults: dict[str, Any] = {}

        def __init_subclass__(cls) -> None:
            written = cls.__dict__
            cls._fields = cls.__match_args__ = tuple(written.get("__annotations__", ()))
            cls._field_defaults = {name: written[name] for name in cls._fields if name in written}
            for index, name in enumerate(cls._fields):
                setattr(cls, name, property(itemgetter(index)))

        def __new__(cls, *values: Any, **named: Any) -> Any:
            if named or len(values) != len(cls._fields):
                values += cls._rest(len(values), named)
            return tuple.__new__(cls, values)

        @classmethod
        def _rest(cls, count: int, named: dict[str, Any]) -> tuple[Any, ...]:
            """The values of the fields behind the first `count`, by name or by default."""
            left = cls._fields[count:]
            given = {**cls._field_defaults, **named}
            if count > len(cls._fields) or not named.keys() <= set(left) or not given.keys() >= set(left):
                raise TypeError(f"{cls.__name__} has the fields {cls._fields}; given: {count} and {list(named)}")
            return tuple([given[name] for name in left])

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(f"{name} cannot be set: a {type(self).__name__} does not change; use _replace")

        def _replace(self, **changed: Any) -> Any:
            return type(self)(**{**self._asdict(), **changed})

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)
