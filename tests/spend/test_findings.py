"""What stands out: spikes, and what is new or vanished; each on the exact day, and nothing across a hole."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from math import exp

import pytest

from billproof.model.values import month_days
from billproof.spend.findings import Finding, Key, findings, unjudged
from billproof.spend.tally import Cell

DAYS = [day for month in ("2026-05", "2026-06", "2026-07", "2026-08") for day in month_days(month)]
FIRST, LAST = DAYS[0], DAYS[-1]
A, B, C = Cell("search", "gpt-5, input"), Cell("search", "gpt-5, output"), Cell("evals", "gpt-5, input")
Series = dict[Cell, dict[int, Decimal]]


def usual(*cells: Cell, seed: int = 1, days: list[int] = DAYS, daily: float = 100) -> Series:
    """Cells with a weekly rhythm and a little noise."""
    draw = random.Random(seed)
    week = [1, 0.9, 1.1, 1, 0.95, 0.4, 0.3]
    return {
        cell: {day: Decimal(repr(round(daily * week[day % 7] * exp(0.1 * (draw.random() - 0.5)), 6))) for day in days}
        for cell in cells or (A, B, C)
    }


def kinds(found: list[Finding]) -> list[tuple[str, int, Key]]:
    return [(one.kind, one.day, one.key) for one in found]


def test_nothing_stands_out_in_usual_months() -> None:
    assert findings(usual(), DAYS) == []
    assert findings({}, []) == []
    assert findings({}, DAYS) == []


def test_a_spike_with_what_made_it() -> None:
    cells = usual()
    day = FIRST + 90
    cells[A][day] *= 5
    (found,) = findings(cells, DAYS)
    assert (found.kind, found.day) == ("spike", day)
    assert [mover.cell for mover in found.movers] == [A]
    assert found.expected is not None
    assert abs(found.amount - cells[A][day] * 4 / 5) < cells[A][day] / 10


def test_a_spike_of_several_cells_is_told_once() -> None:
    cells = usual()
    day = FIRST + 90
    for cell in (A, B, C):
        cells[cell][day] *= 4
    (found,) = findings(cells, DAYS)
    assert (found.key.level, {mover.cell for mover in found.movers}) == ("organization", {A, B, C})


@pytest.mark.parametrize("day, judged", [(FIRST + 27, False), (FIRST + 28, True), (LAST, True)])
def test_a_day_is_judged_when_28_days_before_it_are_known(day: int, judged: bool) -> None:
    cells = usual()
    cells[A][day] *= 9
    assert [one.day for one in findings(cells, DAYS)] == [day] * judged


def test_days_after_a_day_are_not_needed_and_change_nothing() -> None:
    cells = usual()
    day = FIRST + 60
    cells[A][day] *= 9
    short = {cell: {at: amount for at, amount in by_day.items() if at <= day} for cell, by_day in cells.items()}
    assert findings(short, [at for at in DAYS if at <= day]) == findings(cells, DAYS)


def test_what_is_usual_on_a_weekday_is_no_spike() -> None:
    cells = usual()
    for day in DAYS:
        if day % 7 == 2:
            cells[A][day] *= 4
    assert findings(cells, DAYS) == []


def test_a_small_spike_is_not_told() -> None:
    cells = usual(daily=2)
    cells[A][FIRST + 90] = Decimal(9)  # more than four times the usual, but less than 10 USD
    assert findings(cells, DAYS) == []


def test_a_rare_series_stands_out_only_beyond_all_before_it() -> None:
    cells = usual()
    rare = Cell("batch", "gpt-5, output")
    cells[rare] = {day: Decimal(200) for day in DAYS[3::9]}
    assert findings(cells, DAYS) == []
    cells[rare][DAYS[3::9][-1]] = Decimal(900)
    assert [one.day for one in findings(cells, DAYS)] == [DAYS[3::9][-1]]


def test_a_new_project_and_a_new_line_item() -> None:
    cells = usual()
    day = FIRST + 60
    cells |= {Cell("chat", "gpt-5, input"): dict.fromkeys(range(day, LAST + 1), Decimal(20))}
    cells |= {Cell("search", "gpt-6"): dict.fromkeys(range(day + 5, LAST + 1), Decimal("20.25"))}
    assert kinds(findings(cells, DAYS)) == [
        ("new", day, Key("project", "chat")), ("new", day + 5, Key("line item", item="gpt-6"))
    ]  # fmt: skip
    assert [one.amount for one in findings(cells, DAYS)] == [Decimal(20) * (LAST + 1 - day), Decimal("20.25") * (LAST - day - 4)]


def test_a_known_project_that_takes_up_a_known_line_item() -> None:
    cells = usual(A, B, Cell("evals", "whisper"))
    taken_up = Cell("evals", "gpt-5, input")
    cells[taken_up] = dict.fromkeys(range(FIRST + 70, LAST + 1), Decimal(30))
    assert kinds(findings(cells, DAYS)) == [("new", FIRST + 70, Key("cell", *taken_up))]


@pytest.mark.parametrize("daily, told", [("3.57", False), ("3.58", True)])
def test_what_is_new_needs_25_dollars_in_its_first_week(daily: str, told: bool) -> None:
    cells = usual() | {Cell("chat", "x"): dict.fromkeys(range(FIRST + 60, LAST + 1), Decimal(daily))}
    assert bool(findings(cells, DAYS)) == told


def test_a_project_that_vanished_is_told_once() -> None:
    cells = usual()
    last = LAST - 20
    for cell in list(cells):
        if cell.project == "search":
            cells[cell] = {day: amount for day, amount in cells[cell].items() if day <= last}
    (found,) = findings(cells, DAYS)
    assert kinds([found]) == [("vanished", last + 1, Key("project", "search"))]
    expected = sum(amount for cell in (A, B) for day, amount in cells[cell].items() if last - 28 < day <= last)
    assert found.amount == expected


@pytest.mark.parametrize("silent, told", [(6, False), (7, True)])
def test_a_week_without_charges_is_needed(silent: int, told: bool) -> None:
    cells = usual()
    cells[C] = {day: amount for day, amount in cells[C].items() if day <= LAST - silent}
    assert bool(findings(cells, DAYS)) == told


def test_what_has_paused_as_long_before_has_not_vanished() -> None:
    cells = usual()
    pause = range(FIRST + 40, FIRST + 45)
    cells[C] = {day: amount for day, amount in cells[C].items() if day <= LAST - 10 and day not in pause}
    assert findings(cells, DAYS) == []  # 10 days are not more than twice 5


def without_july(cells: Series) -> tuple[Series, list[int]]:
    july = month_days("2026-07")
    return {cell: {day: at for day, at in by_day.items() if day not in july} for cell, by_day in cells.items()}, [
        day for day in DAYS if day not in july
    ]


def test_nothing_is_concluded_across_a_missing_month() -> None:
    cells = usual()
    july = month_days("2026-07")
    cells[C] = {day: amount for day, amount in cells[C].items() if day < july.start}  # may have ended in July
    cells[Cell("chat", "x")] = dict.fromkeys(range(july.stop, LAST + 1), Decimal(50))  # may have begun in July
    cells[A][july.stop + 5] *= 9
    found = kinds(findings(*without_july(cells)))
    assert found == [("vanished", july.stop, Key("project", "evals"))]


def test_history_begins_again_after_a_missing_month() -> None:
    cells = usual()
    august = month_days("2026-08")
    cells[A][august.start + 27] *= 9
    cells[A][august.start + 28] *= 9
    assert [one.day for one in findings(*without_july(cells))] == [august.start + 28]
    assert unjudged(without_july(cells)[1], range(FIRST, LAST + 1)) == [
        range(FIRST, FIRST + 28), range(august.start, august.start + 28)
    ]  # fmt: skip


def test_order_changes_nothing() -> None:
    cells = usual(*(Cell(project, item) for project in "abcd" for item in "wxyz"), seed=3)
    cells[Cell("a", "w")][FIRST + 60] *= 40
    again = {cell: dict(sorted(by_day.items(), reverse=True)) for cell, by_day in reversed(cells.items())}
    assert findings(cells, DAYS) == findings(again, DAYS[::-1])
    assert len(findings(cells, DAYS)) == 1


@pytest.mark.parametrize("change", [lambda amount: Decimal(0), lambda amount: -amount], ids=["zero", "negative"])
def test_zero_and_negative_charges(change: Callable[[Decimal], Decimal]) -> None:
    cells = usual()
    for day in range(FIRST + 50, FIRST + 53):
        cells[A][day] = change(cells[A][day])
    assert findings(cells, DAYS) == []


def test_a_series_that_always_jumps_has_no_spikes() -> None:
    jumps = Cell("batch", "whisper")
    draw = random.Random(2)
    cells = usual() | {jumps: {day: Decimal(draw.choice([20, 60, 300])) for day in DAYS}}
    cells[jumps][FIRST + 100] = Decimal(480)  # 1.6 times the highest, and within what such a series does
    assert findings(cells, DAYS) == []
