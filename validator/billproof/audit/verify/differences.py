"""Where a report and the result of the re-run differ, as text; every text of either goes through `values.shown`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from billproof.model.record import Record
from billproof.model.values import shown

_NOTHING = object()


class Difference(Record):
    """One value that is not the same: the rule that it belongs to, if any, and a text with its place and both values."""

    rule: str | None
    text: str


def differences(told: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    """Every value of a report's part `told` that is not the one of `found`, or that only one of them has."""
    rules = [*told.get("outcomes", ()), *found.get("outcomes", ())]
    names = {one["rule"]: f"{one['rule']} {shown(one['name'])}" for one in reversed(rules)}
    for place, here, there in _walk(told, found, ()):
        rule, where = None, place
        if place[0] == "outcomes" and len(place) > 1:
            rule, where = str(place[1]), (names[str(place[1])], *place[2:])
        words = ", ".join(str(one + 1) if isinstance(one, int) else shown(one) for one in where)
        yield Difference(rule, f"{words}: the report says {_value(here)}; now it is {_value(there)}")


def _walk(here: Any, there: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        if len(place) == 2 and place[0] == "outcomes" and here["state"] != there["state"]:
            # All else about a rule follows from its state.
            here, there = {"state": here["state"]}, {"state": there["state"]}
        for key in dict.fromkeys((*here, *there)):
            yield from _walk(here.get(key, _NOTHING), there.get(key, _NOTHING), (*place, key))
    elif isinstance(here, list) and isinstance(there, list):
        yield from _walk_lists(here, there, place)
    elif type(here) is not type(there) or here != there:
        yield place, here, there


def _walk_lists(
    here: Sequence[Any], there: Sequence[Any], place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    if place == ("outcomes",):
        if [one["rule"] for one in here] != sorted({one["rule"] for one in here}):
            yield place, "outcomes in another order, or twice", "one outcome per rule, in order"
        yield from _walk({one["rule"]: one for one in here}, {one["rule"]: one for one in there}, place)
        return
    for number in range(max(len(here), len(there))):
        mine, other = (one[number] if number < len(one) else _NOTHING for one in (here, there))
        yield from _walk(mine, other, (*place, number))


def _value(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    if isinstance(value, (dict, list)):
        return f"{len(value)} entries" if value else "nothing"
    return shown(json.dumps(value, ensure_ascii=False))
