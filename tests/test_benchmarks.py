"""The benchmark makes the files and the tables that it says; nothing is timed here."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contest import Match, hopeless
from benchmarks.corpus import Case, faulty_cases, good_cases, silent_cases
from benchmarks.detection import Answer, saw
from benchmarks.files import FAULTS, HEADER, Fault, write_damaged, write_folder, write_good
from benchmarks.goals import Goal, figures, read, verdicts
from benchmarks.many import checks, reports, write_exports
from benchmarks.measure import NotMeasured, Process, Sample, measure
from benchmarks.page import DECISION, FIGURES, PAGE, decision, missed, page, with_figures
from benchmarks.tools import AS_OF, PEERS, UPLOAD_CONFIG, Peer
from billproof.model.results import FORMATS
from fixtures.exports import HEADERS
from tests.support import ROOT, check, fixture, run

REQUIREMENTS = ROOT / "benchmarks" / "requirements-peers.txt"
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


@pytest.mark.soak
@pytest.mark.parametrize("generation", HEADERS)
def test_the_good_file_of_each_generation_passes_and_has_no_row_twice(generation: str, tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    write_good(path, 20_000, generation)
    header, *rows = table(path)
    assert tuple(header) == HEADERS[generation]
    assert len(rows) == 20_000
    assert check(path).code == 0


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


@pytest.mark.soak
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
    assert "2.00x" in verdicts([read(Goal("", "check", "pass", 2), slow_round)])


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
    head, found = verdicts([read(goal, SAMPLES)]).splitlines()
    assert head.split() == ["goal", "wanted", "measured", "(rounds)"]
    assert found.split() == line


def test_each_process_is_a_line_of_median_lowest_and_highest_time_and_memory() -> None:
    head, *lines = figures(SAMPLES).splitlines()
    assert head.split() == ["process", "seconds", "lowest", "highest", "MiB"]
    assert [line.split() for line in lines] == [
        ["check", "0.375", "0.250", "0.750", "31.0"],
        ["pass", "0.125", "0.125", "0.125", "10.0"],
    ]


def peer(script: str, file: Path) -> tuple[int, list[dict[str, Any]]]:
    """A script of `benchmarks/peers/` that needs nothing but the standard library: exit code and lines."""
    path = ROOT / "benchmarks" / "peers" / f"{script}.py"
    words = [sys.executable, str(path), str(file), "2025-10", "org-EXAMPLEacme01"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_peer_tells_rows_and_columns_and_the_digest() -> None:
    code, lines = peer("csv_loop", fixture("bad-amount"))
    assert code == 1
    assert lines[:-1] == [{"rule": "bad-amount", "row": row, "column": "amount_value"} for row in (19, 20, 21)]
    assert lines[-1]["sha256"] == hashlib.sha256(fixture("bad-amount").read_bytes()).hexdigest()


def test_a_peer_passes_a_good_file_with_its_exact_total() -> None:
    code, lines = peer("csv_loop", fixture("good-h4"))
    assert code == 0
    assert Decimal(lines[0]["total"]) == Decimal(check(fixture("good-h4")).file["totals"]["amount"])


def test_a_peer_answers_for_several_files_one_after_the_other() -> None:
    file, broken = fixture("good-h1"), ROOT / "nowhere.csv"
    words = [word for path in (file, broken, fixture("eur")) for word in (str(path), "2025-10", "org-EXAMPLEacme01")]
    script = ROOT / "benchmarks" / "peers" / "csv_loop.py"
    out = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["exit"] for line in lines if "exit" in line] == [0, 1, 1]
    assert "rule" not in lines[0] | lines[1] | lines[2]
    assert {line["rule"] for line in lines if "rule" in line} == {"currency-not-usd"}


def test_the_corpus_has_every_sort_of_damage_and_no_case_twice() -> None:
    every = [*good_cases(), *faulty_cases(), *silent_cases()]
    assert len({case.name for case in every}) == len(every)
    assert len({(case.data, case.month, case.organization) for case in every}) == len(every)
    assert len(faulty_cases()) >= 60


@pytest.mark.parametrize("case", faulty_cases(), ids=lambda case: case.name)
def test_every_damage_of_the_corpus_is_seen_at_its_place(case: Case, tmp_path: Path) -> None:
    """The places were worked out by hand: here they are held to the engine, which finds them by itself."""
    path = tmp_path / "export.csv"
    path.write_bytes(case.data)
    found = check(path, "--month", case.month, "--organization", case.organization)
    places = {
        (one["line"], one["column"])
        for outcome in found.file["outcomes"]
        if outcome["state"] == "failed" and outcome["level"] != "note"
        for one in outcome["findings"]
    }
    assert places
    if case.row:
        assert case.row + 1 in {line for line, _ in places}
    if case.column:
        assert case.column in {column for line, column in places if not case.row or line == case.row + 1}


def test_damage_that_leaves_a_perfect_file_is_seen_by_nobody(tmp_path: Path) -> None:
    for case in silent_cases():
        path = tmp_path / f"{case.name}.csv"
        path.write_bytes(case.data)
        assert check(path).code == 0


PLACED = Case("x", "x", b"", 19, "amount_value")


@pytest.mark.parametrize(
    "answer, sight",
    [
        (Answer([(3, None), (19, "amount_value")], 1, ""), "row+col"),
        (Answer([(19, "line_item"), (20, "amount_value")], 1, ""), "row"),
        (Answer([(20, "amount_value")], 1, ""), "seen"),
        (Answer([(None, None)], 0, ""), "seen"),
        (Answer([], 1, ""), "abort"),
        (Answer([], 0, ""), "missed"),
    ],
)
def test_how_well_a_tool_saw_the_damage(answer: Answer, sight: str) -> None:
    assert saw(PLACED, answer) == sight
    assert saw(PLACED._replace(row=None, column=None), answer) == (sight if sight in ("abort", "missed") else "seen")


def test_a_process_that_ends_otherwise_is_not_measured(tmp_path: Path) -> None:
    done = Process("x", (sys.executable, "-c", "import sys; sys.exit(3)"), 3)
    assert measure(done, tmp_path).seconds > 0
    with pytest.raises(NotMeasured, match="ended with 3, not 0"):
        measure(Process("x", done.command), tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux only")
@pytest.mark.parametrize(
    "seconds, mebibytes, code", [(1, 1024, "while True: pass"), (60, 64, "x = bytearray(2**28)\nwhile True: pass")]
)
def test_a_process_over_a_limit_is_stopped(
    seconds: int, mebibytes: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.measure.MEMORY_LIMIT", mebibytes)
    with pytest.raises(NotMeasured, match="stopped at"):
        measure(Process("endless", (sys.executable, "-c", code)), tmp_path, seconds)


def match(rows: int, *seconds: float, why_not: str = "") -> Match:
    return Match("DuckDB screen", rows, True, [Sample(one, 9) for one in seconds], [Sample(1, 9)] * len(seconds), why_not)


@pytest.mark.parametrize(
    "before, rows, why",
    [
        ([], 5_000_000, ""),
        ([match(100_000, 9)], 1_000_000, ""),
        ([match(100_000, 13)], 1_000_000, "not tried: about 130 s"),
        ([match(100_000, 130)], 100_000, ""),
        ([match(1_000_000, why_not="stopped at 120 s")], 5_000_000, "stopped at 120 s"),
    ],
)
def test_a_tool_that_would_be_stopped_is_not_tried(before: list[Match], rows: int, why: str) -> None:
    assert hopeless(before, Peer("DuckDB screen", "duckdb_screen"), rows) == why


FOUND = json.loads(FIGURES.read_text("utf-8"))


def test_the_page_is_what_the_figures_make_of_it() -> None:
    assert PAGE.read_text("utf-8") == page(FOUND), "python -m benchmarks.run --only-page"
    assert DECISION.read_text("utf-8") == with_figures(DECISION.read_text("utf-8"), decision(FOUND))


def test_a_goal_that_is_missed_tells_by_how_much_and_what_is_needed() -> None:
    goal = {"text": "time", "missed_by": 0.125, "needed": "fewer modules", "met": False}
    assert missed([goal, {**goal, "text": "memory", "met": True}]) == "Missed:\n\n- time: missed by 12%. Needed: fewer modules."
    assert missed([]) == "All are met."
    samples = {"check": [Sample(9, 1)], "pass": [Sample(1, 1)]}
    assert read(Goal("", "check", "pass", 8), samples).missed_by == 0.125
    assert read(Goal("", "check", "pass", 12, at_least=True), samples).missed_by == 0.25


def test_every_peer_has_its_script_and_every_package_its_version() -> None:
    pinned = dict(line.split("==") for line in REQUIREMENTS.read_text("utf-8").splitlines() if not line.startswith("#"))
    for one in PEERS:
        assert (ROOT / "benchmarks" / "peers" / f"{one.script}.py").is_file()
        assert set(one.packages) <= set(pinned)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ours = " ".join((*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)))
    assert [name for name in pinned if name in ours] == ["frictionless"]  # the second opinion


def test_thousands_of_exports_are_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.many.ROWS", 40)
    write_exports(tmp_path, 15)
    paths = sorted((tmp_path / "exports").rglob("*.csv"))
    assert len(paths) == 15
    assert check(paths[-1], "--as-of", AS_OF).code == 0
    page = (ROOT / "docs" / "scale.md").read_text("utf-8")
    for process in checks("billproof", 15, "python"):
        if process.command[-1].endswith(".py"):
            assert (tmp_path / process.command[-1]).read_text("utf-8").replace("jobs=2", "jobs=8") in page
    assert [process.command[-1] for process in reports("billproof", 15)] == list(FORMATS)
