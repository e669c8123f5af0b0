"""Kinds of check on the times of a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures import damage
from fixtures.exports import Table, to_bytes
from tests.generations import LINE, good
from tests.support import Checked, check


def checked(tmp_path: Path, table: Table, *arguments: str) -> Checked:
    path = tmp_path / "data.csv"
    path.write_bytes(to_bytes(table))
    return check(path, *arguments)


DAY = damage.day_of(good("H2"), good("H2")[LINE - 1]).isoformat()


@pytest.mark.parametrize(
    "text, failed",
    [
        (f"{DAY}T00:00:00", False),
        (f"{DAY}T00:00:00Z", False),
        (f"{DAY}T02:00:00+02:00", False),
        ("", True),
        (f" {DAY}T00:00:00", False),
        (f"{DAY}T00:00:00.000", True),
        (f"{DAY}T00:00:00+02:00", True),
        (f"{DAY}T00:00:01", True),
        (f"{DAY} 00:00:00", True),
        (DAY, True),
        ("1759795200", True),
        ("0001-01-01T00:00:00+14:00", True),
        ("2025-13-45T99:99:99", True),
    ],
)
def test_iso_times(text: str, failed: bool, tmp_path: Path) -> None:
    table = good("H3")
    table[LINE - 1][2] = text
    found = checked(tmp_path, table)
    assert ("OC209" in found.failed) is failed
    if failed:
        assert found.places("OC209") == [f"{LINE}:start_time_iso"]
        assert f"{DAY} 00:00 UTC" in found.outcome("OC209")["findings"][0]["message"]


def test_a_readable_time_is_always_written(tmp_path: Path) -> None:
    """On days without usage as well, and not even a column may be emptied as a whole."""
    for name in ("start_time_iso", "end_time_iso"):
        emptied = damage.only(good("H4"), [column for column in good("H4")[0] if column != name])
        found = checked(tmp_path, emptied)
        assert found.failed == {"OC209"}
        assert found.outcome("OC209")["violations"] == len(emptied) - 1
        assert found.outcome("OC209")["findings"][0]["message"].startswith(f"{name} is empty, but the Unix time next to it is ")


@pytest.mark.parametrize("kept", ["start_time_iso", "end_time_iso"])
def test_one_iso_column_is_enough_to_be_looked_at(kept: str, tmp_path: Path) -> None:
    table = damage.put(good("H2"), kept, "never", LINE)
    found = checked(tmp_path, damage.columns(table, [one for one in table[0] if one == kept or not one.endswith("_iso")]))
    assert found.places("OC209") == [f"{LINE}:{kept}"]


@pytest.mark.parametrize(
    "start, end, reason",
    [
        ("1420070400", "1420156800", None),
        ("1420070399", "1420156799", "before 2015-01-01"),
        ("4102444801", "4102531201", "after 2100-01-01"),
        ("1.75E+09", "1.75E+09", "scientific notation"),
        ("1,75E+09", "1,75E+09", "scientific notation"),
        ("10/07/2025 00:00", "10/08/2025 00:00", "a date"),
        ("2025-10-07T00:00:00", "2025-10-08T00:00:00", "a date"),
        ("1759795200000", "1759881600000", "milliseconds"),
        ("175979520", "x", "whole number"),
    ],
)
def test_times_that_are_none_say_what_they_look_like(start: str, end: str, reason: str | None, tmp_path: Path) -> None:
    table = damage.put(damage.put(good("H1"), "end_time", end, LINE), "start_time", start, LINE)
    found = checked(tmp_path, table, "--month", "2025-10")
    messages = " ".join(one["message"] for one in found.outcome("OC201")["findings"])
    if reason is None:
        assert "OC201" not in found.failed
    else:
        assert reason in messages
        assert {f"{LINE}:start_time", f"{LINE}:end_time"} & set(found.places("OC201"))


def test_every_step_down_is_one_fault(tmp_path: Path) -> None:
    """Days 1, 3, 2, …, 8, 7: the first rows of 2 and of 7 stand lower than the rows before."""
    order = {2: 3, 3: 2, 7: 8, 8: 7}
    header, *body = good("H1")
    body.sort(key=lambda row: order.get(day := damage.day_of([header], row).day, day))
    table = [header, *body]
    found = checked(tmp_path, table)
    days = [damage.day_of(table, row) for row in table[1:]]
    steps = [n + 2 for n in range(1, len(days)) if days[n] < days[n - 1]]
    assert found.failed == {"OC306"}
    assert found.places("OC306") == [f"{line}:start_time" for line in steps]
    assert len(steps) == 2


def test_order_passes_over_a_row_that_is_not_one_day(tmp_path: Path) -> None:
    """The row's end is wrong, so its start says nothing; the row after it is no lower than the one before."""
    table = good("H1")
    table[LINE - 1][0] = str(int(table[LINE - 1][0]) + 10 * 86_400)
    found = checked(tmp_path, table, "--month", "2025-10")
    assert found.failed == {"OC301"}
    assert found.blocked["OC306"] == "OC301"


def test_the_difference_is_reported(tmp_path: Path) -> None:
    found = checked(tmp_path, damage.put(good("H1"), "end_time", "1759755600", LINE))
    start = int(good("H1")[LINE - 1][0])
    assert f"{1759755600 - start}" in found.outcome("OC301")["findings"][0]["message"].replace(",", "")
