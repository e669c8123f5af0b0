"""The benchmark makes the files and the tables that it says; nothing is timed here."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.files import FAULTS, HEADER, Fault, write_damaged, write_folder, write_good
from benchmarks.run import AS_OF, UPLOAD_CONFIG, Goal, Sample, figures, verdicts
from tests.support import check, run

ROWS = 62


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.csv"
    write_good(path, ROWS)
    return path


def test_the_good_file_has_the_rows_asked_for_all_charged_and_passes(good: Path) -> None:
    header, *rows = table(good)
    assert tuple(header) == HEADER
    assert len(rows) == ROWS
    assert all(row[HEADER.index("amount_value")] for row in rows)
    assert len(set(map(tuple, rows))) == ROWS
    assert check(good).code == 0


@pytest.mark.parametrize("fault, rule", list(zip(FAULTS, ("OC201", "OC202", "CSV008", "CSV011", "OC203"), strict=True)))
def test_every_row_of_a_damaged_file_is_wrong(good: Path, tmp_path: Path, fault: Fault, rule: str) -> None:
    damaged = tmp_path / "damaged.csv"
    write_damaged(good, damaged, fault)
    before, after = good.read_text("utf-8").splitlines(), damaged.read_text("utf-8").splitlines()
    assert after[0] == before[0]
    assert len(after) == ROWS + 1
    assert all(old != new for old, new in zip(before[1:], after[1:], strict=True))
    checked = check(damaged)
    assert checked.code == fault.exit_code
    assert checked.outcome(rule)["violations"] >= ROWS


def test_a_folder_holds_good_months_of_each_organization(tmp_path: Path) -> None:
    write_folder(tmp_path / "many", ROWS, months=14, organizations=2)
    checked = check(tmp_path / "many")
    assert checked.code == 0
    assert checked.report is not None
    found = [(one["organization"]["value"], one["month"]["value"], one["rows"]) for one in checked.report["files"]]
    months = [*(f"2023-{number:02}" for number in range(1, 13)), "2024-01", "2024-02"]
    assert found == [(f"org-EXAMPLE{number:02}", month, ROWS) for number in (1, 2) for month in months]


def test_an_upload_can_be_measured_again_and_again(good: Path, tmp_path: Path) -> None:
    """Each round sends, and ends with 0."""
    config = tmp_path / "upload" / "billproof.yaml"
    config.parent.mkdir()
    config.write_text(UPLOAD_CONFIG, "utf-8")
    assert run("ledger", "init", "--config", str(config))[0] == 0
    for _ in range(3):
        code, out, err = run("upload", str(good), "--resend", "--as-of", AS_OF, "--config", str(config))
        assert (code, out.splitlines()[-1]) == (0, "ALL UPLOADED  1 accepted"), err
    assert len(list(config.parent.rglob("*.csv"))) == 3


SAMPLES = {
    "check": [Sample(0.25, 30), Sample(0.75, 32), Sample(0.375, 31)],
    "pass": [Sample(0.125, 10)] * 3,
}


def test_a_ratio_is_the_median_of_the_rounds_and_not_that_of_the_medians() -> None:
    slow_round = {"check": [Sample(2, 1), Sample(8, 1), Sample(3, 1)], "pass": [Sample(1, 1), Sample(4, 1), Sample(1, 1)]}
    assert Goal("", "check", "pass", 2).ratios(slow_round) == [2, 2, 3]
    assert "2.00x" in verdicts([Goal("", "check", "pass", 2)], slow_round)


@pytest.mark.parametrize(
    "goal, line",
    [
        (Goal("time", "check", "pass", 3), ["time", "at", "most", "3x", "3.00x", "(2.00-6.00)", "met"]),
        (Goal("time", "check", "pass", 2.9), ["time", "at", "most", "2.9x", "3.00x", "(2.00-6.00)", "NOT", "MET"]),
        (Goal("memory", "check", "pass", 3, "memory"), ["memory", "at", "most", "3x", "3.10x", "(3.00-3.20)", "NOT", "MET"]),
        (Goal("speed", "check", "pass", 3, at_least=True), ["speed", "at", "least", "3x", "3.00x", "(2.00-6.00)", "met"]),
        (Goal("speed", "check", "pass", 4, at_least=True), ["speed", "at", "least", "4x", "3.00x", "(2.00-6.00)", "NOT", "MET"]),
    ],
)
def test_each_goal_is_a_line_with_what_was_wanted_measured_and_whether_it_is_met(goal: Goal, line: list[str]) -> None:
    head, found = verdicts([goal], SAMPLES).splitlines()
    assert head.split() == ["goal", "wanted", "measured", "(rounds)"]
    assert found.split() == line


def test_each_process_is_a_line_of_median_lowest_and_highest_time_and_memory() -> None:
    head, *lines = figures(SAMPLES).splitlines()
    assert head.split() == ["process", "seconds", "lowest", "highest", "MiB"]
    assert [line.split() for line in lines] == [
        ["check", "0.375", "0.250", "0.750", "31.0"],
        ["pass", "0.125", "0.125", "0.125", "10.0"],
    ]
