"""Bytes to header, rows and lines: what is broken is told on its own line, and nothing is lost at the border of a block."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billproof.reading import source
from billproof.reading.batch import Batch
from billproof.reading.parse import FIELD_LIMIT, limited_cells, raw_cells
from billproof.reading.reader import Reader
from billproof.reading.source import Source
from fixtures import damage
from fixtures.exports import Export, to_bytes, write
from tests.generations import good
from tests.support import ROOT, check

SIZES = (1, 7, 64, 1000, 65_536)


@pytest.fixture(params=SIZES, ids="blocks of {}".format)
def _any_block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs with blocks of several sizes."""
    monkeypatch.setattr(source, "BLOCK_BYTES", request.param)


any_block = pytest.mark.usefixtures("_any_block")


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    """As in a check. Other programs in this process, such as frictionless, change csv's limit for all."""
    with limited_cells():
        yield


def read(data: bytes) -> tuple[Reader, list[Batch]]:
    """The whole of some bytes."""
    reader = Reader(Source(io.BytesIO(data), "memory", len(data)))
    return reader, list(reader.batches())


def records(data: bytes) -> list[tuple[int, int, list[str] | str | int]]:
    """Every record below the header in order: first and last line, and its cells, problem, or number of cells."""
    _, batches = read(data)
    found: list[tuple[int, int, list[str] | str | int]] = []
    for batch in batches:
        found += zip(batch.lines, batch.end_lines, batch.rows, strict=True)
        found += [(one.line, one.end_line, one.problem or one.cells) for one in batch.unread]
    return sorted(found, key=lambda one: one[0])


NEVER_CLOSED = "a quotation mark is never closed"
AFTER = "text follows a closing quotation mark"
INSIDE = "an unquoted cell contains a quotation mark"
TOO_LONG = "a cell has more than 131,072 characters, usually because a quotation mark is never closed"


@pytest.mark.parametrize(
    "body, expected",
    [
        ("1,2\n", [(2, 2, ["1", "2"])]),
        ("1,2", [(2, 2, ["1", "2"])]),
        ('"1\n2\n3",4\n5,6\n', [(2, 4, ["1\n2\n3", "4"]), (5, 5, ["5", "6"])]),
        ('"1\r\n2\r3",4\n5,6\n', [(2, 4, ["1\r\n2\r3", "4"]), (5, 5, ["5", "6"])]),
        ('"a ""b"" c",""""\n', [(2, 2, ['a "b" c', '"'])]),
        ('"",\n,""\n', [(2, 2, ["", ""]), (3, 3, ["", ""])]),
        ('",","\n"\n1,2\n', [(2, 3, [",", "\n"]), (4, 4, ["1", "2"])]),
        ("1\n1,2,3\n1,2\n", [(2, 2, 1), (3, 3, 3), (4, 4, ["1", "2"])]),
        ('1,a"b\n3,4\n', [(2, 2, INSIDE), (3, 3, ["3", "4"])]),
        ('1,a"b"\n3,4\n', [(2, 2, INSIDE), (3, 3, ["3", "4"])]),
        ('a","b"\n3,4\n', [(2, 2, INSIDE), (3, 3, ["3", "4"])]),
        ('1, "b"\n3,4\n', [(2, 2, INSIDE), (3, 3, ["3", "4"])]),
        ('1,"a"b\n3,4\n', [(2, 2, AFTER), (3, 3, ["3", "4"])]),
        ('1,"a" \n3,4\n', [(2, 2, AFTER), (3, 3, ["3", "4"])]),
        ('1,"a\nb"c\n3,4\n', [(2, 3, AFTER), (4, 4, ["3", "4"])]),
        ('1,2\n3,"4\n5,6\n', [(2, 2, ["1", "2"]), (3, 4, NEVER_CLOSED)]),
        ('1,2\n3,"4', [(2, 2, ["1", "2"]), (3, 3, NEVER_CLOSED)]),
        ('"x\n', [(2, 2, NEVER_CLOSED)]),
    ],
)
@any_block
def test_records_and_their_lines(body: str, expected: list[object]) -> None:
    assert records(b"a,b\n" + body.encode()) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@any_block
def test_line_ends_of_every_kind(end: str) -> None:
    reader, batches = read(end.join(["a,b", "1,2", "", "3,4", ""]).encode())
    assert reader.head.header == ("a", "b")
    assert [row for batch in batches for row in batch.rows] == [["1", "2"], ["3", "4"]]
    assert [line for batch in batches for line in batch.lines] == [2, 4]
    assert [line for batch in batches for line in batch.blank_lines] == [3]
    assert not any(batch.unfinished for batch in batches)


@any_block
def test_a_file_with_carriage_returns_alone_is_read_and_reported() -> None:
    table = good("H1")
    _, batches = read(b"".join(to_bytes([row])[:-1] + b"\r" for row in table))
    assert [row for batch in batches for row in batch.rows] == table[1:]


@any_block
def test_other_characters_that_part_lines_elsewhere_do_not_here() -> None:
    row = ["\u2028", "\x85\x0b\x0c\x1c\x1d\x1e"]
    assert records(b"a,b\n" + ",".join(row).encode() + b"\n3,4\n") == [(2, 2, row), (3, 3, ["3", "4"])]


@pytest.mark.parametrize("blanks", ["", "\n", "\r\n\n", "\n" * 3000])
@any_block
def test_the_mark_and_blank_lines_before_the_header(blanks: str) -> None:
    reader, batches = read(b"\xef\xbb\xbf" + blanks.encode() + b"a,b\n1,2\n")
    above = blanks.count("\n")
    assert reader.head.byte_order_mark
    assert (reader.head.header, reader.head.header_line) == (("a", "b"), above + 1)
    assert [list(batch.blank_lines) for batch in batches if batch.blank_lines] == ([list(range(1, above + 1))] if above else [])
    assert [line for batch in batches for line in batch.lines] == [above + 2]


@any_block
def test_a_mark_further_down_is_text() -> None:
    assert records(b"a,b\n\xef\xbb\xbf1,2\n") == [(2, 2, ["\ufeff1", "2"])]


@pytest.mark.parametrize(
    "data, empty", [(b"", "it has no bytes"), (b"\n", "it has only empty lines"), (b"\r\n" * 500, "it has only empty lines")]
)
@any_block
def test_empty_files(data: bytes, empty: str) -> None:
    reader, batches = read(data)
    assert reader.head.empty == empty
    assert not reader.head.parsable
    assert sum(batch.line_count for batch in batches) == data.count(b"\n")
    assert reader.parsed_bytes == len(data)


@pytest.mark.parametrize("header", ['"a\nb",c', '"a","b"', "a,b"])
@any_block
def test_a_header_may_be_quoted_and_span_lines(header: str) -> None:
    reader, batches = read(f"{header}\n1,2\n".encode())
    assert reader.head.header_problem is None
    assert len(reader.head.header) == 2
    assert reader.head.header_end_line == 1 + header.count("\n")
    assert [line for batch in batches for line in batch.lines] == [2 + header.count("\n")]


@pytest.mark.parametrize("header, problem", [('a"b,c', INSIDE), ('"a"b,c', AFTER), ('"a,b', NEVER_CLOSED)])
@any_block
def test_a_broken_header_has_no_names(header: str, problem: str) -> None:
    reader, _ = read(f"{header}\n1,2\n".encode())
    assert reader.head.header == ()
    assert reader.head.header_problem == problem


@pytest.mark.parametrize(
    "line, delimiter",
    [("a;b;c", ";"), ("a\tb", "\t"), ("a|b", "|"), ("a,b;c", ","), ("a", ","), ("a;b,c;d", ";")],
)
@any_block
def test_the_delimiter_is_found_in_the_header(line: str, delimiter: str) -> None:
    assert read(f"{line}\n".encode())[0].head.delimiter == delimiter


# --- bad bytes ---


@pytest.mark.parametrize("bad", [b"\xfc", b"\xc3", b"\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\xaf"])
@any_block
def test_a_bad_byte_stays_in_its_cell(bad: bytes) -> None:
    _, batches = read(b"a,b\n1,x" + bad + b"y\n3,4\n")
    (first, second) = [row for batch in batches for row in batch.rows]
    assert first[1].encode("utf-8", "surrogateescape") == b"x" + bad + b"y"
    assert second == ["3", "4"]
    assert any(batch.bad_bytes and first in batch.rows for batch in batches)


@any_block
def test_bad_bytes_carried_over_a_block_border() -> None:
    """The record with the bad byte goes on in the next block; that a byte was bad must go with it."""
    _, batches = read(b'a,b\n1,"x\xfc\n' + b"y\n" * 50 + b'z"\n3,4\n')
    (holding,) = [batch for batch in batches if batch.rows and "\udcfc" in batch.rows[0][1]]
    assert holding.bad_bytes


@pytest.mark.parametrize("before", range(0, 64, 3))
@any_block
def test_a_bad_byte_is_found_wherever_the_border_is(before: int, tmp_path: Path) -> None:
    table = damage.put(good("H1"), "project_name", "p" * before + "\ue000\nsecond line, and a comma", 20)
    path = tmp_path / "data.csv"
    path.write_bytes(to_bytes(table).replace("\ue000".encode(), b"\xfc"))
    found = check(path)
    assert found.places("CSV002") == ["20:project_name"]
    assert found.code == 1


@any_block
def test_characters_of_several_bytes_are_never_cut() -> None:
    cells = ["äöü数据🙂" * 40, "é"]
    _, batches = read(b"a,b\n" + ",".join(cells).encode() + b"\n")
    assert [row for batch in batches for row in batch.rows] == [cells]
    assert not any(batch.bad_bytes for batch in batches)


# --- what is too much ---


def test_a_cell_at_the_limit_is_read_and_one_past_it_is_not() -> None:
    fits, too_long = "x" * FIELD_LIMIT, "y" * (FIELD_LIMIT + 1)
    found = records(f"a,b\n1,{fits}\n2,{too_long}\n3,{too_long[:-1]}\n".encode())
    assert [one[0] for one in found] == [2, 3, 4]
    assert found[1] == (3, 3, TOO_LONG)
    assert found[0][2] == ["1", fits]


def test_an_unclosed_quote_swallows_no_more_than_a_cell_may_hold() -> None:
    """The rows behind it are read again, and the lines that it took are counted."""
    body = b"".join(b"%d,%s\n" % (number, b"x" * 90) for number in range(5000))
    reader, batches = read(b'a,b\n1,"open\n' + body)
    (unread,) = [one for batch in batches for one in batch.unread]
    rows_read = [row for batch in batches for row in batch.rows]
    assert (unread.line, unread.problem) == (2, TOO_LONG)
    assert reader.unread_lines == unread.end_line - 1 == 5001 - len(rows_read)
    assert 1300 <= reader.unread_lines <= 1500  # 131,072 characters in lines of some 95
    assert rows_read[-1] == ["4999", "x" * 90]
    assert batches[-1].first_line + batches[-1].line_count - 1 == 5002


def test_a_cell_of_ten_megabytes_is_one_fault_on_its_line(tmp_path: Path) -> None:
    table = damage.put(good("H1"), "project_name", "x" * 10_000_000, 20)
    path = tmp_path / "data.csv"
    path.write_bytes(to_bytes(table))
    found = check(path)
    assert found.failed == {"CSV007"}
    assert found.places("CSV007") == ["20:-"]
    assert len(found.out) < 10_000


@pytest.mark.soak
def test_a_header_of_a_million_names(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(",".join(f"c{number}" for number in range(1_000_000)).encode() + b"\n")
    found = check(path)
    assert found.failed == {"CSV001", "OC104"}
    assert found.file["columns"] == 1_000_000
    assert found.code == 1
    assert len(found.out) < 10_000


# --- memory does not grow with the file ---

# On Linux the largest memory that getrusage knows is at least that of the process which started this one.
MEMORY = """
import os, resource, sys
from billproof.cli.main import main
code = main(["check", sys.argv[1], "--quiet", "--as-of", "2025-12-01"])
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if os.path.exists("/proc/self/status"):
    memory = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")).split()[1]
print(code, memory)
"""


def peak(path: Path) -> tuple[int, int]:
    """Exit code and largest memory of a check in a process of its own."""
    done = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, cwd=ROOT, check=True)
    code, memory = done.stdout.split()[-2:]
    return int(code), int(memory)


def whole(path: Path, count: int) -> None:
    write(path, Export(generation="H4", per_day=2), count)


def with_an_open_quote(path: Path, count: int) -> None:
    """Line 101 has a quotation mark that is never closed."""
    whole(path, count)
    lines = path.read_bytes().split(b"\n")
    lines[100] = lines[100].replace(b",usd,", b',"usd,', 1)
    path.write_bytes(b"\n".join(lines))


def with_a_bad_cell_in_every_row(path: Path, count: int) -> None:
    whole(path, count)
    path.write_bytes(path.read_bytes().replace(b",usd,", b",eur,"))


@pytest.mark.parametrize("rows", [15_000, pytest.param(100_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "make, code", [(whole, 0), (with_an_open_quote, 1), (with_a_bad_cell_in_every_row, 1)], ids=["good", "open quote", "all bad"]
)
def test_memory_is_flat_in_rows(make: Callable[[Path, int], None], code: int, rows: int, tmp_path: Path) -> None:
    peaks = []
    for count in (rows, 3 * rows):
        path = tmp_path / f"{count}.csv"
        make(path, count)
        found, memory = peak(path)
        assert found == code
        peaks.append(memory)
    assert peaks[1] < peaks[0] * 1.25


# --- raw cells ---


@pytest.mark.parametrize(
    "record, cells",
    [
        ("a,b\n", ["a", "b"]),
        ('"a,b",c\r\n', ['"a,b"', "c"]),
        ('"a""b",\r', ['"a""b"', ""]),
        (",", ["", ""]),
        ('"x\ny",z\n', ['"x\ny"', "z"]),
        ("", [""]),
    ],
)
def test_raw_cells_keep_their_marks(record: str, cells: list[str]) -> None:
    assert raw_cells(record, ",") == cells


@any_block
def test_the_raw_text_of_a_record() -> None:
    _, batches = read(b'a,b\n1,2\n"3\n4","5"\n6,7\n')
    found: Iterator[str] = (batch.raw_record(position) for batch in batches for position in range(len(batch.rows)))
    assert list(found) == ["1,2\n", '"3\n4","5"\n', "6,7\n"]


@any_block
def test_only_the_last_line_can_be_unfinished() -> None:
    _, batches = read(b"a,b\n1,2\n3,4")
    assert [batch.unfinished for batch in batches] == [*[False] * (len(batches) - 1), True]
    assert batches[-1].last_position == len(batches[-1].rows) - 1


@pytest.mark.parametrize("tail", [b"3", b'3,"4', b'3,"4"x', b"3,4,5"])
@any_block
def test_an_unfinished_last_record_that_is_not_a_row(tail: bytes) -> None:
    _, batches = read(b"a,b\n1,2\n" + tail)
    last = batches[-1]
    assert last.unfinished
    assert last.last_position == last.records - 1 >= len(last.rows)


@any_block
def test_a_header_that_is_unfinished() -> None:
    _, batches = read(b"a,b")
    assert [batch.unfinished for batch in batches] == [True]
