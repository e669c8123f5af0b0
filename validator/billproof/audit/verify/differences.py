"""Where a report and the result of the re-run differ, as text; every text of either goes through `values.shown`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from billproof.model.record import Record
from billproof.model.values import shown

Place = tuple[str | int, ...]

_NOTHING = object()


class Difference(Record):
    """One value that is not the same: the rule that it belongs to, if any, and a text with its place and both values."""

    rule: str | None
    text: str


def differences(reported: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Every value that differs between a part of a report, `reported`, and the same part `now`."""
    rules = [*reported.get("outcomes", ()), *now.get("outcomes", ())]
    names = {outcome["rule"]: f"{outcome['rule']} {shown(outcome['name'])}" for outcome in reversed(rules)}
    for place, here, there in _walk(reported, now, ()):
        rule, where = None, place
        if place[0] == "outcomes" and len(place) > 1:
            rule, where = str(place[1]), (names[str(place[1])], *place[2:])
        words = ", ".join(str(part + 1) if isinstance(part, int) else shown(part) for part in where)
        yield Difference(rule, f"{words}: the report says {_value(here)}; now it is {_value(there)}")


def _walk(here: Any, there: Any, place: Place) -> Iterator[tuple[Place, Any, Any]]:
    if isinstance(here, list) and isinstance(there, list):
        if place == ("outcomes",):
            if [outcome["rule"] for outcome in here] != sorted({outcome["rule"] for outcome in here}):
                yield place, "outcomes in another order, or twice", "one outcome per rule, in order"
            here, there = ({outcome["rule"]: outcome for outcome in side} for side in (here, there))
        else:
            here, there = dict(enumerate(here)), dict(enumerate(there))
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        if len(place) == 2 and place[0] == "outcomes" and here["state"] != there["state"]:
            # All else about a rule follows from its state.
            here, there = {"state": here["state"]}, {"state": there["state"]}
        for key in dict.fromkeys((*here, *there)):
            yield from _walk(here.get(key, _NOTHING), there.get(key, _NOTHING), (*place, key))
    elif type(here) is not type(there) or here != there:
        yield place, here, there


def _value(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    if isinstance(value, (dict, list)):
        return f"{len(value)} entries" if value else "nothing"
    return shown(json.dumps(value, ensure_ascii=False))
