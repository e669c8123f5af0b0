"""Kinds of check on days and months."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from billproof.reading import source
from fixtures import damage
from fixtures.exports import Table, to_bytes
from tests.generations import LINE, good, later, line_of_day
from tests.support import Checked, check


def checked(tmp_path: Path, table: Table, *arguments: str, name: str = "data.csv") -> Checked:
    path = tmp_path / name
    path.write_bytes(to_bytes(table))
    return check(path, *arguments)


def missing(found: Checked) -> list[str]:
    """Where missing days are told, and how the message begins."""
    messages = [one["message"] for one in found.outcome("OC304")["findings"]]
    return [f"{place} {message}" for place, message in zip(found.places("OC304"), messages, strict=True)]


def test_each_run_of_missing_days_is_one_finding_at_the_row_after_it(tmp_path: Path) -> None:
    table = good("H1")
    for first, last in ((1, 2), (10, 10), (30, 31)):
        table = damage.without(table, date(2025, 10, first), date(2025, 10, last))
    found = checked(tmp_path, table, "--month", "2025-10")
    after = 2 + sum(1 for row in table[1:] if damage.day_of(table, row) < date(2025, 10, 10))
    assert missing(found) == [
        "2:start_time 2025-10 has no row for 2025-10-01 to 2025-10-02",
        f"{after}:start_time 2025-10 has no row for 2025-10-10",
        f"{len(table)}:start_time 2025-10 has no row for 2025-10-30 to 2025-10-31",
    ]
    assert found.outcome("OC304")["violations"] == 5
    assert "2025-10 has no row for 2025-10-01 to 2025-10-02 (5 days in all)\n" in found.out
    assert found.outcome("OC304")["evaluated"] == 31


def test_of_a_month_to_date_only_days_that_ended_are_asked_for(tmp_path: Path) -> None:
    table = damage.between(good("H1"), date(2025, 10, 1), date(2025, 10, 10))
    for as_of, failed in (("2025-10-11", set()), ("2025-10-11T23:59:59Z", set()), ("2025-10-12", {"OC304"})):
        found = checked(tmp_path, table, "--month-to-date", "--as-of", as_of)
        assert found.failed == failed
    assert found.outcome("OC304")["evaluated"] == 11


def test_a_day_that_has_not_ended_may_be_missing_whatever_follows_it(tmp_path: Path) -> None:
    """The 20th has no row. Rows of later days are empty before these days begin; with charges they are OC310's."""
    charged = damage.without(good("H1"), date(2025, 10, 20), date(2025, 10, 20))
    one_a_day = {row[0]: row for row in charged[1:] if damage.day_of(charged, row) > date(2025, 10, 20)}
    empty = damage.only([charged[0], *one_a_day.values()], ["start_time", "end_time"])[1:]
    empty = [*damage.between(charged, date(2025, 10, 1), date(2025, 10, 19)), *empty]
    for table, ahead in ((charged, {"OC310"}), (empty, set[str]())):
        for as_of, failed in (("2025-10-20T23:59:59Z", ahead), ("2025-10-21", {"OC304"} | ahead)):
            found = checked(tmp_path, table, "--month", "2025-10", "--month-to-date", "--as-of", as_of)
            assert found.failed == failed
    assert missing(found) == [f"{len(table) - 10}:start_time 2025-10 has no row for 2025-10-20"]


@pytest.mark.parametrize(
    "as_of, failed",
    [
        ("2025-10-31T23:59:59Z", {"OC305"}),
        ("2025-11-01T00:59:59+01:00", {"OC305"}),
        ("2025-11-01T00:00:00Z", {"OC309"}),
        ("2025-11-01T01:00:00+01:00", {"OC309"}),
        ("2025-11-02T23:59:59Z", {"OC309"}),
        ("2025-11-03", set()),
    ],
)
def test_the_month_ends_and_is_settled_at_an_instant(as_of: str, failed: set[str], tmp_path: Path) -> None:
    found = checked(tmp_path, good("H1"), "--month", "2025-10", "--as-of", as_of)
    assert found.failed == failed
    if failed == {"OC309"}:
        assert "2025-11-03 00:00 UTC" in found.outcome("OC309")["findings"][0]["message"]


@pytest.mark.parametrize(
    "name, state",
    [
        ("cost_2025-10-01_2025-10-31.csv", "passed"),
        ("cost_2025-10-01_2025-10-31 (1).csv", "passed"),
        ("cost_2025-10-01_2025-10-31-2.csv", "passed"),
        ("cost_2025-10-01_2025-11-01.csv", "failed"),
        ("cost_2025-10-02_2025-10-31 (12).csv", "failed"),
        ("cost_2025-10-01_2025-10-32.csv", "not_applicable"),
        ("Cost October.csv", "not_applicable"),
        ("x_cost_2025-10-01_2025-10-31.csv", "not_applicable"),
    ],
)
def test_the_dates_in_the_name(name: str, state: str, tmp_path: Path) -> None:
    found = checked(tmp_path, good("H1"), name=name)
    assert found.outcome("OC308")["state"] == state
    assert found.code == 0


def test_empty_days_twice_and_beside_rows(tmp_path: Path) -> None:
    """Each empty-day row too many is one: the second and third of a day, and any beside charges."""
    table = good("H1")
    empty = line_of_day(table, charged=False)
    twice = [*table[:empty], table[empty - 1], table[empty - 1], *table[empty:]]
    found = checked(tmp_path, twice)
    assert found.places("OC307") == [f"{empty + 1}:start_time", f"{empty + 2}:start_time"]
    beside = [*table[: LINE - 1], [*table[LINE - 1][:2], *[""] * 7], *table[LINE - 1 :]]
    assert checked(tmp_path, beside).places("OC307") == [f"{LINE}:start_time"]


def test_rows_outside_the_month_are_reported_up_to_the_cap(tmp_path: Path) -> None:
    found = checked(tmp_path, good("H1"), "--month", "2025-09", "--max-findings", "2")
    assert found.failed == {"OC303"}
    assert found.places("OC303") == ["2:start_time", "3:start_time"]
    assert found.outcome("OC303")["violations"] == len(good("H1")) - 1


@pytest.mark.parametrize("block_bytes", [300, 196_608])
@pytest.mark.parametrize("month, first", [("2025-09", 2), ("2025-10", None), ("2025-11", 2)])
def test_rows_of_the_first_month_are_reported_if_it_is_not_the_one(
    month: str, first: int | None, block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their places are looked for at the end, in the block that was kept; a later block has other rows."""
    monkeypatch.setattr(source, "BLOCK_BYTES", block_bytes)
    found = checked(tmp_path, good("H1"), "--month", month, "--max-findings", "1")
    assert found.places("OC303") == ([] if first is None else [f"{first}:start_time"])


@pytest.mark.parametrize("block_bytes", [300, 196_608])
def test_rows_of_two_months_are_reported_by_line(block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", block_bytes)
    table = good("H1")
    november = later(table, ("start_time", "end_time"), 31 * 86_400)
    found = checked(tmp_path, [*table, *november[1:]], "--month", "2025-12", "--max-findings", "3")
    assert found.places("OC303") == ["2:start_time", "3:start_time", "4:start_time"]
    found = checked(tmp_path, [*table, *november[1:]], "--month", "2025-10", "--max-findings", "2")
    assert found.places("OC303") == [f"{len(table) + 1}:start_time", f"{len(table) + 2}:start_time"]
    assert found.outcome("OC303")["violations"] == len(november) - 1
