"""Kinds of check on bytes, lines, records and the header."""

from __future__ import annotations

from pathlib import Path

import pytest

from billproof.reading import source
from fixtures import damage
from fixtures.exports import to_bytes
from tests.generations import LINE, good, renamed
from tests.support import Checked, check

DATA = to_bytes(good("H1"))
LINES = DATA.count(b"\n")


def checked(tmp_path: Path, data: bytes, *arguments: str) -> Checked:
    path = tmp_path / "data.csv"
    path.write_bytes(data)
    return check(path, *arguments)


# --- line ends ---


@pytest.mark.parametrize(
    "data, place, count, ends",
    [
        (DATA.replace(b"\n", b"\r\n"), "1:-", LINES, "CR LF"),
        (DATA.replace(b"\n", b"\r"), "1:-", LINES, "CR"),
        (DATA.replace(b"\n", b"\r\n", 1), "1:-", 1, "CR LF"),
        (DATA[:-1] + b"\r\n", f"{LINES}:-", 1, "CR LF"),
        (DATA[:-1] + b"\r", f"{LINES}:-", 1, "CR"),
    ],
    ids=["all CR LF", "all CR", "first", "last", "last CR"],
)
@pytest.mark.parametrize("block", [1, 64, 65_536])
def test_carriage_returns(
    data: bytes, place: str, count: int, ends: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    found = checked(tmp_path, data)
    assert found.failed == {"CSV004"}
    assert found.places("CSV004") == [place]
    outcome = found.outcome("CSV004")
    assert (outcome["violations"], outcome["evaluated"], outcome["unit"]) == (count, LINES, "line")
    assert ends in outcome["findings"][0]["message"]


def test_a_carriage_return_in_a_quoted_cell_is_a_line_end_too(tmp_path: Path) -> None:
    table = damage.put(good("H1"), "line_item", "two\r\nlines, quoted", LINE)
    found = checked(tmp_path, to_bytes(table))
    assert found.failed == {"CSV004"}
    assert found.places("CSV004") == [f"{LINE}:-"]


# --- blank lines ---


@pytest.mark.parametrize("block", [64, 65_536])
@pytest.mark.parametrize("where", ["before", "between", "after"])
def test_every_blank_line_counts(where: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    at = {"before": 0, "between": DATA.index(b"\n") + 1, "after": len(DATA)}[where]
    found = checked(tmp_path, DATA[:at] + b"\n" * 3000 + DATA[at:], "--max-findings", "2")
    first = {"before": 1, "between": 2, "after": LINES + 1}[where]
    assert found.failed == {"CSV010"}
    assert found.outcome("CSV010")["violations"] == 3000
    assert found.places("CSV010") == [f"{first}:-", f"{first + 1}:-"]
    assert found.outcome("CSV010")["evaluated"] == LINES + 3000


def test_many_blank_lines_before_the_header(tmp_path: Path) -> None:
    found = checked(tmp_path, b"\n" * 200_000 + DATA)
    assert found.outcome("CSV010")["violations"] == 200_000


# --- characters ---


@pytest.mark.parametrize(
    "character, name",
    [
        ("\0", "U+0000"), ("\t", "U+0009"), ("\x0b", "U+000B"), ("\x1b", "U+001B"), ("\x7f", "U+007F"), ("\x85", "U+0085"),
        ("\x9f", "U+009F"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["Z{}rich", "{}", "Zü{}", '"{}", ü'])
def test_control_characters(character: str, name: str, around: str, tmp_path: Path) -> None:
    found = checked(tmp_path, to_bytes(damage.put(good("H1"), "project_name", around.format(character), LINE)))
    assert found.failed == {"CSV005"}
    assert found.places("CSV005") == [f"{LINE}:project_name"]
    assert name in found.outcome("CSV005")["findings"][0]["message"]


@pytest.mark.parametrize("text", ["two\nlines", "\u2028\u200b\u202e", "\xa0", "🙂", "\ufeff"])
def test_what_is_not_a_control_character(text: str, tmp_path: Path) -> None:
    assert "CSV005" not in checked(tmp_path, to_bytes(damage.put(good("H1"), "project_name", text, LINE))).failed


def test_a_control_character_in_a_record_that_is_not_a_row_is_reported_on_its_line(tmp_path: Path) -> None:
    data = damage.in_line(damage.in_line(DATA, LINE, b",Acme Research", b""), LINE, b"usd", b"us\x00d")
    found = checked(tmp_path, data)
    assert found.failed == {"CSV005", "CSV008"}
    assert found.places("CSV005") == [f"{LINE}:-"]


def test_a_bad_byte_in_a_record_that_is_not_a_row_is_reported_on_its_line(tmp_path: Path) -> None:
    data = damage.in_line(damage.in_line(DATA, LINE, b",Acme Research", b""), LINE, b"usd", b"us\xffd")
    found = checked(tmp_path, data)
    assert found.failed == {"CSV002", "CSV008"}
    assert found.places("CSV002") == [f"{LINE}:-"]


# --- quoting ---


@pytest.mark.parametrize(
    "cell, needless",
    [
        ('"Acme Research"', True), ('""', True), ('"Acme;Research"', True), ('" Acme"', True),
        ('"Acme, Research"', False), ('"Acme ""R"""', False), ('"Acme\nResearch"', False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("neighbour", ["Search", '"R&D, ""Alpha"""', '"two\nlines"'])
@pytest.mark.parametrize("block", [64, 65_536])
def test_cells_quoted_without_need(
    cell: str, needless: bool, neighbour: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting is quick where no cell holds a quotation mark; the slow way must say the same."""
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    table = damage.put(good("H1"), "project_name", "@name@", LINE)
    data = to_bytes(table).replace(b"@name@,Acme Research", f"{neighbour},{cell}".encode(), 1)
    found = checked(tmp_path, data)
    assert ("CSV011" in found.failed) is needless
    if needless:
        assert found.places("CSV011") == [f"{LINE}:organization_name"]


def test_quotes_are_judged_under_a_header_that_cannot_be_read(tmp_path: Path) -> None:
    """Its rows may have any number of cells: the rule crashed where they differed, and bad data was unproved."""
    found = checked(tmp_path, b'""start_time",end_time\n1,2\n"1",2,3\n')
    assert (found.code, found.failed, found.in_state("crashed")) == (1, {"CSV007", "CSV011"}, set())
    assert found.places("CSV011") == ["3:-"]


def test_a_file_quoted_all_over_is_counted_cell_by_cell(tmp_path: Path) -> None:
    table = good("H1")
    found = checked(tmp_path, damage.saved(table, quote_all=True))
    needless = sum(1 for row in table[1:] for cell in row if "," not in cell)
    outcome = found.outcome("CSV011")
    assert outcome["violations"] in (needless, needless + len(table[0]))
    assert len(outcome["findings"]) == 100


def test_needless_quotes_in_the_header_are_quotes_without_need(tmp_path: Path) -> None:
    found = checked(tmp_path, b'"start_time"' + DATA[len("start_time") :])
    assert found.places("CSV011") == ["1:start_time"]


# --- the header ---


def test_each_column_that_is_there_twice_is_one_fault(tmp_path: Path) -> None:
    table = good("H1")
    names = [*table[0], "line_item", "line_item", "project_id"]
    found = checked(tmp_path, to_bytes(damage.columns(table, names)))
    assert sorted(found.places("CSV013")) == ["1:line_item", "1:project_id"]


@pytest.mark.parametrize("near, told", [("amount", True), ("amount_values", True), ("zzz", False)])
def test_a_near_name_is_suggested(near: str, told: bool, tmp_path: Path) -> None:
    found = checked(tmp_path, to_bytes(renamed(good("H1"), "amount_value", near)))
    assert (near in found.outcome("OC104")["findings"][0]["message"]) is told


def test_no_known_column_at_all(tmp_path: Path) -> None:
    found = checked(tmp_path, b"a,b\n1,2\n")
    assert found.failed == {"OC104"}
    assert found.outcome("OC104")["violations"] == 9
    assert found.file["diagnosis"]["id"] == "not-an-export"


def test_names_are_compared_as_they_stand(tmp_path: Path) -> None:
    for name in ("Amount_Value", " amount_value", "amount_value ", "\u200bamount_value"):
        assert checked(tmp_path, to_bytes(renamed(good("H1"), "amount_value", name))).failed == {"OC104"}


def test_unknown_columns_are_noted_up_to_the_cap(tmp_path: Path) -> None:
    table = good("H1")
    for number in range(5):
        table = damage.with_column(table, f"new{number}", "", 0)
    found = checked(tmp_path, to_bytes(table), "--max-findings", "2")
    assert found.failed == {"OC106"}
    assert found.outcome("OC106")["violations"] == 5
    assert len(found.places("OC106")) == 2
    assert found.code == 0


# --- what is no CSV ---


@pytest.mark.parametrize(
    "data, kind",
    [
        (b"PK\x03\x04" + b"\0" * 26 + b"xl/workbook.xml", "an Excel workbook"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet"),
        (b"PK\x03\x04" + b"\0" * 26 + b"readme.txt", "a zip archive"),
        (b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml" + b"\0" * 26 + b"word/document.xml", "a Word document"),
        (b"PK\x03\x04" + b"\0" * 26 + b"Index/Document.iwa", "an Apple Numbers document"),
        (b"PK\x05\x06" + b"\0" * 18, "an empty zip archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\xef\xbb\xbf\n <!DOCTYPE HTML>", "an HTML page"),
        (b"<?xml version='1.0'?>", "an XML document"),
        (b" {}", "a JSON document"),
        (b"[1]", "a JSON document"),
    ],
)
def test_other_kinds_of_file(data: bytes, kind: str, tmp_path: Path) -> None:
    found = checked(tmp_path, data)
    assert found.failed == {"CSV012"}
    assert kind in found.outcome("CSV012")["findings"][0]["message"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_one_fault_of_the_file(encoding: str, tmp_path: Path) -> None:
    found = checked(tmp_path, DATA.decode().encode(encoding))
    assert found.failed == {"CSV002"}
    assert found.places("CSV002") == ["-:-"]
