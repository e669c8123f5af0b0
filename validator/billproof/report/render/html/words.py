"""States in plain words, each with a sign: none is shown by color alone."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from billproof.model.record import Record
from billproof.model.values import EXACT, money
from billproof.report.render.html.elements import Element, element
from billproof.report.render.phrases import number

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportDay, ReportOutcome


class Badge(Record):
    """How a state is shown: the class that colors it, a sign, and the word."""

    kind: str
    sign: str
    word: str


_VERDICTS = {
    "pass": Badge("good", "✓", "PASS"), "fail": Badge("bad", "✗", "FAIL"), "unproved": Badge("doubt", "?", "UNPROVED"),
}  # fmt: skip
_FAILED = {"error": Badge("bad", "✗", "failed"), "warning": Badge("doubt", "!", "warning"), "note": Badge("plain", "i", "note")}
_STATES = {
    "passed": Badge("good", "✓", "passed"),
    "waived": Badge("doubt", "✎", "waived"),
    "not_applicable": Badge("plain", "·", "not applicable"),
    "not_run": Badge("doubt", "?", "not run"),
    "blocked": Badge("doubt", "?", "skipped"),
    "crashed": Badge("bad", "✗", "crashed"),
    "off": Badge("doubt", "–", "disabled"),
}
_DAYS = {
    "charged": Badge("charged", "", "charges"),
    "empty": Badge("empty", "·", "no usage"),
    "missing": Badge("missing", "!", "missing"),
    "outside": Badge("outside", "×", "outside"),
    "open": Badge("open", "–", "not ended"),
}
_UNITS = {"cell": "row", "row": "row", "record": "row", "line": "line", "day": "day"}


def stamp(verdict: str, tag: str = "span") -> Element:
    """A verdict as a word in a frame."""
    state = _VERDICTS[verdict]
    return element(tag, element("span", state.sign, aria_hidden="true"), f" {state.word}", class_=f"stamp {state.kind}")


def state_of(outcome: ReportOutcome) -> Badge:
    """The state of a rule's outcome."""
    return _FAILED[outcome["level"]] if outcome["state"] == "failed" else _STATES[outcome["state"]]


def day_state(day: ReportDay) -> Badge:
    """The state of a day of the calendar."""
    return _DAYS[day["state"]]


def evaluated(outcome: ReportOutcome) -> str:
    """How much a rule checked: `112 rows`, `31 days`, or `the file`."""
    unit = _UNITS.get(outcome["unit"])
    return number(outcome["evaluated"], unit) if unit else "the file"


def total(amounts: Iterable[Decimal]) -> str:
    """The exact sum of amounts, as text."""
    return money(reduce(EXACT.add, amounts, Decimal(0)))


def cell(text: str, class_: str | None = None) -> Element:
    """Text out of the file: it reads in its own direction and does not turn what is next to it."""
    return element("bdi", text, class_=class_)
