"""frictionless as a second opinion: where it is sound we agree, where it is not the difference stands here, checked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from billproof.engine import second_opinion
from billproof.engine.pipeline import check_file
from billproof.model.results import FileResult
from billproof.reading.source import Source
from fixtures import damage
from fixtures.exports import TIMES, Table, rows, to_bytes
from fixtures.generate import activity
from tests.generations import GENERATIONS, LINE, export_of, good
from tests.support import Checked, check, fixture, make_ready


def asked(tmp_path: Path, content: bytes | Table, *arguments: str) -> Checked:
    """A check of the content that asks frictionless, too."""
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else to_bytes(content))
    return check(path, "--second-opinion", *arguments)


# --- where it is sound, we agree ---

GOOD: dict[str, Callable[[str], Table]] = {
    "as downloaded": good,
    "many names": lambda generation: rows(
        replace(export_of(generation), projects=4, project_names=('R&D, "Alpha"', "Two\nlines", "+49 Support", "数据 🙂"))
    ),
    "unknown columns": lambda generation: damage.with_column(good(generation), "zone", "eu-1", 5),
    "USD": lambda generation: damage.changed(good(generation), "amount_currency", str.upper),
    "exponents": lambda generation: damage.put(good(generation), "amount_value", "0E-6176", LINE),
}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("make", GOOD.values(), ids=list(GOOD))
def test_good_files_are_good_for_both(make: Callable[[str], Table], generation: str, tmp_path: Path) -> None:
    found = asked(tmp_path, make(generation))
    assert found.code == 0
    opinion = found.file["second_opinion"]
    assert opinion["tool"].startswith("frictionless 5.")
    assert (opinion["valid"], opinion["errors"], opinion["disagreements"]) == (True, [], [])


def cell(column: str, text: str) -> Callable[[str], Table]:
    return lambda generation: damage.put(good(generation), column, text, LINE)


BAD_FOR_BOTH: dict[str, tuple[Callable[[str], bytes | Table], str, str]] = {
    "no amount": (cell("amount_value", "n/a"), "OC202", f"type-error in row {LINE}, amount_value"),
    "amount with a comma": (cell("amount_value", "1,5"), "OC202", f"type-error in row {LINE}, amount_value"),
    "no time": (cell("start_time", "soon"), "OC201", f"type-error in row {LINE}, start_time"),
    "a time of a spreadsheet": (cell("end_time", "1.75E+09"), "OC201", f"type-error in row {LINE}, end_time"),
    "a blank time": (cell("start_time", ""), "OC201", f"constraint-error in row {LINE}, start_time"),
    "a short row": (lambda g: [*good(g)[: LINE - 1], good(g)[LINE - 1][:-1], *good(g)[LINE:]], "CSV008", "missing-cell"),
    "a long row": (lambda g: [*good(g)[: LINE - 1], [*good(g)[LINE - 1], "x"], *good(g)[LINE:]], "CSV008", "extra-cell"),
    "a blank line": (lambda g: [*good(g)[:LINE], [], *good(g)[LINE:]], "CSV010", f"blank-row in row {LINE + 1}"),
    "a bad byte": (
        lambda g: to_bytes(damage.put(good(g), "project_name", "\ue000", LINE)).replace("\ue000".encode(), b"\xfc"),
        "CSV002", "encoding-error",
    ),
    "no bytes": (lambda g: b"", "CSV001", "source-error"),
    "semicolons": (lambda g: damage.saved(good(g), delimiter=";"), "CSV006", "unmatched-header"),
}  # fmt: skip


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("make, rule, error", BAD_FOR_BOTH.values(), ids=list(BAD_FOR_BOTH))
def test_these_faults_are_faults_for_both(
    make: Callable[[str], bytes | Table], rule: str, error: str, generation: str, tmp_path: Path
) -> None:
    found = asked(tmp_path, make(generation))
    assert found.failed == {rule}
    assert found.code == 1
    opinion = found.file["second_opinion"]
    assert not opinion["valid"]
    assert any(one.startswith(error) for one in opinion["errors"])
    assert opinion["disagreements"] == []


# --- where it is not ---


@dataclass(frozen=True)
class Missed:
    """A fault that frictionless, with the same schema, calls no fault; and why."""

    make: Callable[[], bytes | Table]
    rule: str
    why: str


MISSED: dict[str, Missed] = {
    "stray quote": Missed(
        lambda: damage.in_line(to_bytes(good("H4")), LINE, b"Acme Re", b'Acme "Re'), "CSV007", "its CSV is not strict"
    ),
    "text after a closing quote": Missed(
        lambda: damage.in_line(to_bytes(good("H4")), LINE, b"Acme Research", b'"Acme" Research'), "CSV007", "not strict"
    ),
    "a quote at the end of a cell": Missed(
        lambda: to_bytes(good("H4")[:LINE]) + to_bytes(good("H4")[LINE:][:1])[:-1] + b'"\n' + to_bytes(good("H4")[LINE + 1 :]),
        "CSV007", "a quote at the end of an unquoted cell is text to it",
    ),
    "byte-order mark": Missed(lambda: damage.saved(good("H4"), mark=True), "CSV003", "it takes the mark away"),
    "carriage returns": Missed(lambda: damage.saved(good("H4"), ends="\r\n"), "CSV004", "any line end will do"),
    "NUL": Missed(lambda: damage.put(good("H4"), "project_name", "Sea\0rch", LINE), "CSV005", "a character as any other"),
    "tab in a name": Missed(lambda: damage.put(good("H4"), "project_name", "Sea\trch", LINE), "CSV005", "a character"),
    "no last line end": Missed(lambda: to_bytes(good("H4"))[:-1], "CSV009", "a download that broke off looks whole"),
    "header only": Missed(lambda: good("H4")[:1], "CSV001", "no rows are rows enough"),
    "padded currency": Missed(lambda: damage.put(good("H4"), "amount_currency", "usd ", LINE), "OC205", "text is text"),
    "padded time": Missed(lambda: damage.put(good("H4"), "start_time", " 1759795200", LINE), "OC205", "int() strips"),
    "Arabic digits": Missed(
        lambda: damage.put(good("H4"), "end_time", "١٧٥٩٨٨١٦٠٠", LINE), "OC201", "int() takes any decimal digits"
    ),
    "underscores": Missed(lambda: damage.put(good("H4"), "end_time", "1_759_881_600", LINE), "OC201", "int() takes them"),
    "NaN": Missed(lambda: damage.put(good("H4"), "amount_value", "NaN", LINE), "OC202", "a number to its Decimal"),
    "another currency": Missed(lambda: damage.put(good("H4"), "amount_currency", "eur", LINE), "OC203", "no enum there"),
    "blank amount": Missed(lambda: damage.put(good("H4"), "amount_value", "", LINE), "OC204", "charged rows are unknown to it"),
    "missing column": Missed(
        lambda: damage.columns(good("H4"), [one for one in good("H4")[0] if one != "project_name"]), "OC104",
        "fieldsMatch is partial, for real files have more or fewer columns",
    ),
    "four columns": Missed(lambda: damage.columns(good("H4"), TIMES), "OC102", "partial"),
    "activity": Missed(lambda: activity([]), "OC101", "its times are times"),
    "missing day": Missed(lambda: fixture("middle-gap").read_bytes(), "OC304", "a rule over rows"),
    "duplicate row": Missed(lambda: fixture("duplicate-row").read_bytes(), "OC504", "no primary key fits every export"),
}  # fmt: skip


@pytest.mark.parametrize("missed", MISSED.values(), ids=list(MISSED))
def test_what_frictionless_does_not_see(missed: Missed, tmp_path: Path) -> None:
    """A real difference: ours fails, its verdict is valid, and the report says so without making it our fault."""
    found = asked(tmp_path, missed.make())
    assert found.failed == {missed.rule}
    assert found.code == 1
    opinion = found.file["second_opinion"]
    assert (opinion["valid"], opinion["errors"]) == (True, [])
    assert len(opinion["disagreements"]) == 1
    assert missed.rule in opinion["disagreements"][0]
    assert missed.why


# --- the option ---


def test_the_report_has_no_second_opinion_unless_asked() -> None:
    assert "second_opinion" not in check(fixture("good-h1")).file


def test_no_cell_and_no_address_enters_the_report(tmp_path: Path) -> None:
    table = damage.put(good("H4"), "amount_value", "person0001@example.com", LINE)
    found = asked(tmp_path, table)
    assert found.file["second_opinion"]["errors"] == [f"type-error in row {LINE}, amount_value"]
    assert "person0001" not in str(found.report) + found.out


def told(*errors: tuple[str, int, str]) -> Callable[..., list[SimpleNamespace]]:
    """What frictionless is made to say."""
    return lambda *_: [SimpleNamespace(type=type_, row_number=row, field_name=name) for type_, row, name in errors]


@pytest.mark.parametrize("policy", ["check", "upload"])
def test_line_11_an_error_that_no_rule_of_ours_finds_is_unproved(
    policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_opinion, "_errors", told(("type-error", 7, "amount_value")))
    found = asked(tmp_path, good("H1"), "--policy", policy, "--config", str(make_ready(tmp_path)))
    assert found.code == 3
    assert found.report is not None
    reason = next(one for one in found.report["reasons"] if one["code"] == "second_opinion")
    assert "type-error in row 7, amount_value" in reason["text"]
    assert len(found.file["second_opinion"]["disagreements"]) == 1


def test_line_11_an_error_of_ours_settles_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_opinion, "_errors", told(("type-error", LINE, "amount_value")))
    found = asked(tmp_path, damage.put(good("H1"), "amount_value", "n/a", LINE))
    assert found.code == 1
    assert found.file["second_opinion"]["disagreements"] == []


def test_an_error_at_a_place_of_which_we_say_nothing_is_a_disagreement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_opinion, "_errors", told(("type-error", 7, "amount_value")))
    found = asked(tmp_path, damage.put(good("H1"), "amount_currency", "eur", LINE))
    assert found.code == 1
    assert any("row 7" in one for one in found.file["second_opinion"]["disagreements"])


def test_a_file_that_changed_between_the_two_readings_is_unproved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check_and_change(source: Source, *arguments: Any) -> FileResult:
        found = check_file(source, *arguments)
        Path(source.path).write_bytes(Path(source.path).read_bytes() + b"\n")
        return found

    monkeypatch.setattr("billproof.engine.pipeline.check_file", check_and_change)
    found = asked(tmp_path, good("H1"))
    assert found.code == 3
    assert "the file changed between the two readings" in found.file["second_opinion"]["errors"]


def test_a_frictionless_that_breaks_is_unproved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[object]:
        raise RuntimeError("a secret cell")

    monkeypatch.setattr(second_opinion, "_errors", broken)
    found = asked(tmp_path, good("H1"))
    assert found.code == 3
    assert "secret" not in found.out + found.err
    assert "Traceback" not in found.err


def test_without_frictionless_the_command_to_install_it_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "frictionless", None)
    found = asked(tmp_path, good("H1"))
    assert found.code == 2
    assert found.report is None
    assert "pip install 'frictionless" in found.err


def test_standard_input_cannot_be_read_twice() -> None:
    found = check("-", "--second-opinion")
    assert found.code == 2
    assert "--second-opinion" in found.err


def test_a_file_that_cannot_be_read_has_no_second_opinion(tmp_path: Path) -> None:
    found = check(tmp_path / "nowhere.csv", "--second-opinion")
    assert found.code == 3
    assert "second_opinion" not in found.file


def wide(table: Table) -> Table:
    return [[*cells, *(f"c{number}" if line == 0 else "" for number in range(500))] for line, cells in enumerate(table)]


def long_row(table: Table) -> Table:
    return [*table, [""] * 20_000]


@pytest.mark.parametrize("make, code", [(wide, 3), (long_row, 1)])
def test_a_file_with_very_many_cells_in_a_row_is_not_given_away(
    make: Callable[[Table], Table], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its work grows with their square: 20,000 cells in one row took 25 seconds and a gigabyte."""
    monkeypatch.setattr(second_opinion, "_errors", lambda *_: pytest.fail("frictionless was asked"))
    found = asked(tmp_path, make(good("H1")))
    assert found.code == code
    opinion = found.file["second_opinion"]
    assert (opinion["valid"], opinion["disagreements"]) == (False, [])
    assert opinion["errors"] == ["a row has more than 500 cells, so it was not given the file"]
