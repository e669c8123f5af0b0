"""What must hold for every file, tried on many: one planted fault is found where it was planted, and by its rule alone;
order inside a day, block size and a second run change nothing; no bytes and no cells ever break the program.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billproof.reading import source
from billproof.reading.reader import Reader
from billproof.rules.compiled import load_ruleset
from fixtures import damage
from fixtures.exports import DAY, HEADERS, TIMES, Export, Table, rows, to_bytes
from fixtures.generate import activity, legacy
from tests.generations import GENERATIONS, ORGANIZATION, total
from tests.support import Checked, check, often

RULESET = load_ruleset()
LEVELS = {rule.id: rule.level for rule in RULESET.rules}
BLOCK_SIZES = (1, 7, 64, 1000, 65_536)
OTHER_ORGANIZATION = "org-EXAMPLEother"


@pytest.fixture(autouse=True, scope="module")
def _rules_read_once() -> Iterator[None]:
    """The shipped rule set is read once for all examples; what it says is the same."""
    with pytest.MonkeyPatch.context() as patch:
        loading = "billproof.engine.pipeline.load_ruleset"
        patch.setattr(loading, lambda name: RULESET if name == "openai-cost" else load_ruleset(name))
        yield


# --- good files ---


def exports(generation: str) -> st.SearchStrategy[Export]:
    """Octobers of that generation, with odd names, a line feed in one of them, and any days empty but one."""
    october = Export().days
    return st.builds(
        Export,
        generation=st.just(generation),
        projects=st.integers(2, 4),
        project_names=st.permutations(["Default project", "Two\nlines", 'R&D, "Alpha"', "Zürich 数据 🙂"]).map(tuple),
        users=st.integers(0, 2) if generation in ("H3", "H4") else st.just(0),
        per_day=st.integers(2, 3),
        empty_days=st.sets(st.sampled_from(october), min_size=1, max_size=8).map(sorted).map(tuple),
        seed=st.integers(0, 10_000),
    )


class Ground:
    """A good table to plant a fault in, and the choices of where."""

    def __init__(self, export: Export, choose: Callable[[Sequence[Any]], Any]) -> None:
        self.export, self.table, self.choose = export, rows(export), choose

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        return self.table[0]

    def row(self, charged: bool | None = True, after_first: bool = False) -> int:
        """Any row's number in the table: with charges, without, or either."""
        at = self.header.index("amount_value")
        found = [n for n, row in enumerate(self.table) if n and (charged is None or bool(row[at]) is charged)]
        return int(self.choose(found[1:] if after_first else found))

    def day(self) -> date:
        """Any day with charges that is neither the first nor the last of them, nor next to an end of the month."""
        used = [day for day in self.export.days[2:-2] if day not in self.export.empty_days]
        return date.fromisoformat(str(self.choose(used)))

    def line(self, row: int, table: Table | None = None) -> int:
        """The first physical line of a row."""
        above = (table or self.table)[:row]
        return 1 + len(above) + sum(cell.count("\n") for cells in above for cell in cells)

    def put(self, column: str, text: str, row: int) -> Table:
        """The table with one other cell."""
        return damage.changed(self.table, column, lambda _: text, [row + 1])

    def in_record(self, row: int, change: Callable[[bytes], bytes]) -> bytes:
        """The file with the bytes of one record changed."""
        records = [to_bytes([cells]) for cells in self.table]
        changed = change(records[row])
        assert changed != records[row]
        return b"".join([*records[:row], changed, *records[row + 1 :]])


@dataclass(frozen=True)
class Planted:
    """A damaged file, where its fault must be found, and the arguments that show it."""

    content: bytes | Table
    at: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    name: str = "data.csv"

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.content if isinstance(self.content, bytes) else to_bytes(self.content)


Planter = Callable[[Ground], Planted]
PLANTERS: dict[str, Planter] = {}


def plants(rule: str) -> Callable[[Planter], Planter]:
    """Says which rule must find what the function plants."""

    def register(planter: Planter) -> Planter:
        PLANTERS[rule] = planter
        return planter

    return register


def in_cell(rule: str, columns: Sequence[str], texts: Sequence[str], charged: bool | None = True) -> None:
    """A planter of one bad text in one of some columns."""

    def planter(ground: Ground) -> Planted:
        column = ground.choose([one for one in columns if one in ground.header])
        row = ground.row(charged)
        return Planted(ground.put(column, ground.choose(texts), row), (f"{ground.line(row)}:{column}",))

    PLANTERS[rule] = planter


# --- a planter for every rule ---


@plants("CSV001")
def _empty(ground: Ground) -> Planted:
    return Planted(ground.choose([b"", b"\n", b"\r\n\r\n", to_bytes(ground.table[:1])]), ("-:-",))


@plants("CSV002")
def _bad_byte(ground: Ground) -> Planted:
    row, column = ground.row(), ground.choose(["project_name", "line_item", "organization_name"])
    bad = ground.choose([b"\xfc", b"\x80", b"\xc3", b"\xed\xa0\x80"])
    table = ground.put(column, "M\ue000nchen, one\ntwo", row)
    return Planted(to_bytes(table).replace("\ue000".encode(), bad), (f"{ground.line(row)}:{column}",))


@plants("CSV003")
def _mark(ground: Ground) -> Planted:
    return Planted(b"\xef\xbb\xbf" + to_bytes(ground.table), ("1:-",))


@plants("CSV004")
def _carriage_returns(ground: Ground) -> Planted:
    end = ground.choose([b"\r", b"\r\n"])
    if ground.choose([True, False]):
        return Planted(b"".join(to_bytes([cells])[:-1] + end for cells in ground.table), ("1:-",))
    row = ground.row(None)
    return Planted(ground.in_record(row, lambda record: record[:-1] + end), (f"{ground.line(row) + _line_feeds(ground, row)}:-",))


def _line_feeds(ground: Ground, row: int) -> int:
    return sum(cell.count("\n") for cell in ground.table[row])


in_cell("CSV005", ["project_name", "line_item"], ["a\tb", "\0", "Sea\x1brch, x", "\x85", "z\x7f", "bell\a\nand line"])


@plants("CSV006")
def _delimiter(ground: Ground) -> Planted:
    return Planted(damage.saved(ground.table, delimiter=ground.choose([";", "\t", "|"])), ("1:-",))


@plants("CSV007")
def _broken_quote(ground: Ground) -> Planted:
    row = ground.row()
    name = b"Acme Research"
    broken = ground.choose([b'Acme "Research', b'"Acme" Research', b'Acme Research"'])
    return Planted(ground.in_record(row, lambda record: record.replace(name, broken)), (f"{ground.line(row)}:-",))


@plants("CSV008")
def _ragged(ground: Ground) -> Planted:
    row = ground.row(None)
    table = [list(cells) for cells in ground.table]
    table[row] = ground.choose([table[row][:-1], [*table[row], ""], [*table[row], "x", "y"], ["x"]])
    return Planted(table, (f"{ground.line(row)}:-",))


@plants("CSV009")
def _unfinished(ground: Ground) -> Planted:
    row = ground.row(after_first=True)
    whole = to_bytes(ground.table[:row])
    record = to_bytes([ground.table[row]])
    cut = ground.choose(range(1, len(record)))
    part = record[:cut]
    if part.endswith(b"\n"):  # at a line feed inside a cell: then the file ends in a line end, with a quote open
        part = record[:1]
    line = ground.line(row) + part.count(b"\n")
    days = ground.table[row][0]
    last = [cells for cells in ground.table[:row] if cells[0] == days]
    as_of = date.fromordinal(date(1970, 1, 1).toordinal() + int(days) // DAY + (1 if last else 0))
    return Planted(whole + part, (f"{line}:-",), ("--month-to-date", "--month", "2025-10", "--as-of", f"{as_of}"))


@plants("CSV010")
def _blank(ground: Ground) -> Planted:
    row = ground.choose(range(len(ground.table) + 1))
    lines = ground.choose([1, 2, 5])
    data = to_bytes(ground.table[:row]) + b"\n" * lines + to_bytes(ground.table[row:])
    first = ground.line(row)
    return Planted(data, tuple(f"{line}:-" for line in range(first, first + lines)))


@plants("CSV011")
def _quoted(ground: Ground) -> Planted:
    row = ground.row()
    number = ground.choose([n for n, cell in enumerate(ground.table[row]) if to_bytes([[cell, ""]])[:1] != b'"'])
    cells = [to_bytes([[cell, ""]]).removesuffix(b",\n") for cell in ground.table[row]]
    cells[number] = b'"' + cells[number] + b'"'
    data = ground.in_record(row, lambda _: b",".join(cells) + b"\n")
    return Planted(data, (f"{ground.line(row)}:{ground.header[number]}",))


@plants("CSV012")
def _no_csv(ground: Ground) -> Planted:
    files = [damage.workbook(), damage.gzipped(to_bytes(ground.table)), damage.PDF, damage.LOGIN_PAGE, damage.JSON]
    return Planted(ground.choose([*files, damage.LFS_POINTER]), ("-:-",))


@plants("CSV013")
def _doubled_column(ground: Ground) -> Planted:
    column = ground.choose(ground.header)
    return Planted(damage.columns(ground.table, [*ground.header, column]), (f"1:{column}",))


@plants("OC101")
def _activity(ground: Ground) -> Planted:
    return Planted(activity([])[: ground.choose([1, 2, 30])], ("1:-",))


@plants("OC102")
def _no_usage(ground: Ground) -> Planted:
    empty = rows(replace(ground.export, empty_days=tuple(ground.export.days)))
    four = [*TIMES] if "start_time_iso" in ground.header else ground.header
    return Planted(damage.columns(empty, ground.choose([four, ground.header])), ("-:-",))


@plants("OC103")
def _legacy(ground: Ground) -> Planted:
    return Planted(legacy()[: ground.choose([2, 20])], ("1:-",))


@plants("OC104")
def _no_column(ground: Ground) -> Planted:
    column = ground.choose(RULESET.schema.required)
    if ground.choose([True, False]):
        return Planted(damage.columns(ground.table, [one for one in ground.header if one != column]), (f"1:{column}",))
    header = [f"{column}s" if one == column else one for one in ground.header]
    return Planted([header, *ground.table[1:]], (f"1:{column}",))


@plants("OC106")
def _new_column(ground: Ground) -> Planted:
    at = ground.choose(range(len(ground.header) + 1))
    return Planted(damage.with_column(ground.table, "region", ground.choose(["", "eu-1"]), at), ("1:region",))


@plants("OC107")
def _moved_column(ground: Ground) -> Planted:
    """Two neighbours of the required columns change places, so the first of them is where it was not."""
    required = [one for one in ground.header if one in RULESET.schema.required]
    first = ground.choose(range(len(required) - 1))
    names = list(ground.header)
    a, b = names.index(required[first]), names.index(required[first + 1])
    names[a], names[b] = names[b], names[a]
    return Planted(damage.columns(ground.table, names), (f"1:{required[first + 1]}",))


in_cell(
    "OC201", ["start_time", "end_time"],
    ["", "1.75E+09", "2025-10-07", "1759795200000", "1_759_795_200", "１７５９７９５２００", "-1", "1420070399", "NaN", "soon",
     "1759795200\n1759795200"],
    charged=None,
)  # fmt: skip
in_cell(
    "OC202", ["amount_value"],
    ["n/a", "1,5", "$1", "NaN", "Infinity", "1_000", "１２", ".5", "5.", "+1", "1e99999", "1000000000000000", "1E-101", "0x1F",
     "1\n2", "0\n\n0"],
)  # fmt: skip
in_cell("OC203", ["amount_currency"], ["eur", "Usd", "US", "usdt", "$", "nan", "usd\nusd"])
in_cell("OC204", ["amount_value", "amount_currency", "organization_id", "organization_name"], [""])


@plants("OC205")
def _padded(ground: Ground) -> Planted:
    roles = RULESET.schema.names("time", "measure", "id", "code")
    row = ground.row()
    columns = [one for one in roles if one in ground.header and ground.table[row][ground.header.index(one)]]
    column = ground.choose(columns)
    padded = ground.choose(["{} ", " {}", "\u00a0{}", "{}\u200b", "{}\u3000"]).format
    table = damage.changed(ground.table, column, padded, [row + 1])
    return Planted(table, (f"{ground.line(row)}:{column}",))


@plants("OC206")
def _rounded(ground: Ground) -> Planted:
    change = ground.choose([damage.rounded, damage.fifteen_digits, lambda text: str(int(Decimal(text)) + 1)])
    return Planted(damage.changed(ground.table, "amount_value", change), ("-:amount_value",))


in_cell("OC211", ["amount_value"], ["1.2345678901234567890123456789012345", "0.01" + "0" * 34])
in_cell("OC207", ["amount_value"], ["-0.01", "-1E-20", "-12.5000000000000004"])
in_cell(
    "OC208", ["project_name", "line_item", "organization_name", "quantity_unit"],
    ["=1", "=SUM(A1:A9)", "@x", "+cmd", "-(1)", "=a\nb"],
)  # fmt: skip


@plants("OC209")
def _other_instant(ground: Ground) -> Planted:
    row, column = ground.row(None), ground.choose(["start_time_iso", "end_time_iso"])
    day = ground.table[row][ground.header.index(column)][:10]
    texts = [f"{day}T00:00:00+02:00", f"{day}T00:00:01", f"{day}T00:00:00.500", f"{day} 00:00:00", day, "now", f"{day}T24:00:00"]
    return Planted(ground.put(column, ground.choose(texts), row), (f"{ground.line(row)}:{column}",))


@plants("OC301")
def _longer(ground: Ground) -> Planted:
    row, column = ground.row(None), ground.choose(["start_time", "end_time"])
    table = _later(ground.table, [column], ground.choose([-3600, 1, 3600, 7200]), row)
    return Planted(table, (f"{ground.line(row)}:end_time",))


@plants("OC302")
def _not_midnight(ground: Ground) -> Planted:
    row = ground.row(None)
    table = _later(ground.table, ["start_time", "end_time"], ground.choose([-7200, 1, 3600, 43_200]), row)
    return Planted(table, (f"{ground.line(row)}:start_time",))


def _later(table: Table, columns: Sequence[str], seconds: int, row: int) -> Table:
    for column in columns:
        table = damage.changed(table, column, lambda text: str(int(text) + seconds), [row + 1])
        if f"{column}_iso" in table[0]:
            table = damage.changed(table, f"{column}_iso", lambda text: damage.iso(text, seconds), [row + 1])
    return table


@plants("OC303")
def _outside(ground: Ground) -> Planted:
    table = rows(replace(ground.export, last=date(2025, 11, 1), empty_days=(*ground.export.empty_days, date(2025, 11, 1))))
    return Planted(table, (f"{ground.line(len(table) - 1, table)}:start_time",))


@plants("OC304")
def _missing_day(ground: Ground) -> Planted:
    first = ground.choose(ground.export.days[1:-3])
    last = date.fromordinal(first.toordinal() + ground.choose([0, 1]))
    table = damage.without(ground.table, first, last)
    after = next(row for row in range(1, len(table)) if damage.day_of(table, table[row]) > last)
    return Planted(table, (f"{ground.line(after, table)}:start_time",), ("--month", "2025-10"))


@plants("OC305")
def _not_over(ground: Ground) -> Planted:
    as_of = ground.choose(["2025-10-01", "2025-10-31T23:59:59Z", "2025-10-10", "2025-11-01T00:30:00+01:00"])
    return Planted(ground.table, ("-:-",), ("--as-of", as_of, "--month", "2025-10"))


@plants("OC306")
def _unsorted(ground: Ground) -> Planted:
    """A day comes after the next one: the first row of the earlier is where it goes down."""
    day = ground.day()
    following = date.fromordinal(day.toordinal() + 1)
    table = damage.swapped(ground.table, day, following)
    row = next(row for row in range(1, len(table)) if damage.day_of(table, table[row]) == day)
    return Planted(table, (f"{ground.line(row, table)}:start_time",))


@plants("OC307")
def _empty_day_in_company(ground: Ground) -> Planted:
    beside = ground.choose([True, False])
    row = ground.row(charged=beside)
    times = [column in TIMES for column in ground.header]
    empty = [cell if is_time else "" for cell, is_time in zip(ground.table[row], times, strict=True)]
    table = [*ground.table[: row + 1], empty, *ground.table[row + 1 :]]
    return Planted(table, (f"{ground.line(row + 1, table)}:start_time",))


@plants("OC308")
def _other_name(ground: Ground) -> Planted:
    name = ground.choose(["cost_2025-10-01_2025-10-30.csv", "cost_2025-10-02_2025-10-31 (1).csv"])
    return Planted(ground.table, ("-:-",), name=name)


@plants("OC309")
def _just_ended(ground: Ground) -> Planted:
    return Planted(ground.table, ("-:-",), ("--as-of", ground.choose(["2025-11-01", "2025-11-02T23:59:59Z"])))


@plants("OC401")
def _foreign(ground: Ground) -> Planted:
    row = ground.row()
    table = ground.put("organization_id", ground.choose([OTHER_ORGANIZATION, ORGANIZATION.upper()]), row)
    return Planted(table, (f"{ground.line(row)}:organization_id",), ("--organization", ORGANIZATION))


@plants("OC402")
def _second_organization(ground: Ground) -> Planted:
    row = ground.row(after_first=True)
    return Planted(ground.put("organization_id", OTHER_ORGANIZATION, row), (f"{ground.line(row)}:organization_id",))


@plants("OC403")
def _renamed_project(ground: Ground) -> Planted:
    """From some row on, a project that was there before has another name."""
    at, name = ground.header.index("project_id"), ground.header.index("project_name")
    later = [
        row for row in range(1, len(ground.table))
        if ground.table[row][at] and any(above[at] == ground.table[row][at] for above in ground.table[1:row])
    ]  # fmt: skip
    row = ground.choose(later)
    table = [list(cells) for cells in ground.table]
    for cells in table[row:]:
        if cells[at] == table[row][at]:
            cells[name] = "Renamed, and more"
    return Planted(table, (f"{ground.line(row)}:project_name",))


in_cell("OC501", ["line_item"], ["", " ", "\u00a0"])


@plants("OC502")
def _no_project(ground: Ground) -> Planted:
    blank = ground.choose([("project_id", "project_name"), ("project_id",), ("project_name",)])
    table = damage.only(rows(replace(ground.export, projects=1)), [column for column in ground.header if column not in blank])
    row = next(n for n, cells in enumerate(table) if n and cells[ground.header.index("amount_value")])
    return Planted(table, (f"{ground.line(row, table)}:project_id",))


@plants("OC503")
def _row_without_project(ground: Ground) -> Planted:
    row = ground.row()
    column = ground.choose(["project_id", "project_name"])
    return Planted(ground.put(column, "", row), (f"{ground.line(row)}:project_id",))


@plants("OC504")
def _duplicate(ground: Ground) -> Planted:
    row = ground.row()
    twin = list(ground.table[row])
    amount = ground.header.index("amount_value")
    twin[amount] = ground.choose(["0.4200000000000004", "7", twin[amount]])
    end = max(n for n, cells in enumerate(ground.table) if cells[0] == twin[0])
    place = ground.choose(range(row + 1, end + 2))
    table = [*ground.table[:place], twin, *ground.table[place:]]
    return Planted(table, (f"{ground.line(place, table)}:line_item",))


@plants("OC603")
def _other_total(ground: Ground) -> Planted:
    off = Decimal(total(ground.table)) + Decimal(ground.choose(["0.01", "-0.01", "1000"]))
    return Planted(ground.table, ("-:amount_value",), ("--expect-total", str(off)))


@plants("OC701")
def _address(ground: Ground) -> Planted:
    row = ground.row()
    return Planted(ground.put("user_email", "person0001@example.com", row), ("-:user_email",))


# --- every rule has a planter, and finds what it plants ---

EARLIER_UPLOAD = "speaks of an upload before it; planted in tests/rules/checks/test_uploads.py"
RECORD = "speaks of OpenAI's own record; planted in tests/rules/checks/test_costs.py"
NOT_BEGUN = "speaks of a month that is not over; pinned in tests/rules/test_ordering.py"
NO_PLANTER = {
    "OC310": NOT_BEGUN, **dict.fromkeys(["OC601", "OC602"], EARLIER_UPLOAD),
    **dict.fromkeys([f"OC80{number}" for number in range(1, 6)], RECORD),
}  # fmt: skip

NO_ISO = "H1 has no ISO times"
NO_ADDRESS = "no address column before H3"
CANNOT_BE = {("OC209", "H1"): NO_ISO, ("OC701", "H1"): NO_ADDRESS, ("OC701", "H2"): NO_ADDRESS}
NEEDED = {"OC209": "start_time_iso", "OC701": "user_email"}
PAIRS = [(rule, generation) for rule in sorted(PLANTERS) for generation in GENERATIONS if (rule, generation) not in CANNOT_BE]


def test_every_shipped_rule_has_a_planter_or_a_reason() -> None:
    assert set(PLANTERS) | set(NO_PLANTER) == set(LEVELS)
    assert not set(PLANTERS) & set(NO_PLANTER)


@pytest.mark.parametrize("pair", CANNOT_BE, ids=" ".join)
def test_pair_cannot_be(pair: tuple[str, str]) -> None:
    assert NEEDED[pair[0]] not in HEADERS[pair[1]]


@contextmanager
def blocks_of(size: int) -> Iterator[None]:
    """Files are read in blocks of so many bytes."""
    before = source.BLOCK_BYTES
    source.BLOCK_BYTES = size
    try:
        yield
    finally:
        source.BLOCK_BYTES = before


def checked(data: bytes, *arguments: str, name: str = "data.csv", block: int = 65_536) -> Checked:
    """The bytes through the real command."""
    with tempfile.TemporaryDirectory() as folder, blocks_of(block):
        path = Path(folder) / name
        path.write_bytes(data)
        return check(path, *arguments)


@pytest.mark.parametrize("rule, generation", PAIRS)
@settings(max_examples=often(4))
@given(data=st.data())
def test_a_planted_fault_is_found_where_it_is_and_nothing_else(rule: str, generation: str, data: st.DataObject) -> None:
    ground = Ground(data.draw(exports(generation)), lambda options: data.draw(st.sampled_from(list(options))))
    planted = PLANTERS[rule](ground)
    found = checked(planted.data, *planted.arguments, name=planted.name)
    loud = {one for one in found.failed if LEVELS[one] != "note"} | {rule} & found.failed
    assert loud == {rule}
    assert tuple(found.places(rule)) == planted.at
    assert not found.in_state("crashed")
    assert found.code == (1 if LEVELS[rule] == "error" else 0)


# --- what changes nothing ---


def outside_run(found: Checked) -> dict[str, Any]:
    """The report without `run` and without the path of the temporary folder."""
    assert found.report is not None, found.err
    report = {key: value for key, value in found.report.items() if key not in ("run", "result_sha256", "reasons")}
    report["reasons"] = [(one["code"], one["rule"], one["text"].rpartition("/")[2]) for one in found.report["reasons"]]
    report["files"] = [{**one, "path": one["name"], "result_sha256": None} for one in found.report["files"]]
    return report


@pytest.mark.parametrize("rule", sorted(PLANTERS))
@settings(max_examples=often(2))
@given(data=st.data())
def test_block_size_and_a_second_run_change_nothing(rule: str, data: st.DataObject) -> None:
    generation = data.draw(st.sampled_from([one for one in GENERATIONS if (rule, one) not in CANNOT_BE]))
    ground = Ground(data.draw(exports(generation)), lambda options: data.draw(st.sampled_from(list(options))))
    planted = PLANTERS[rule](ground)
    first = outside_run(checked(planted.data, *planted.arguments, name=planted.name))
    for size in BLOCK_SIZES:
        assert outside_run(checked(planted.data, *planted.arguments, name=planted.name, block=size)) == first, size


def by_day(table: Table) -> list[list[list[str]]]:
    """The rows below the header, a list for each day."""
    return [list(group) for _, group in groupby(table[1:], key=lambda row: row[0])]


@pytest.mark.parametrize("generation", GENERATIONS)
@settings(max_examples=often(6))
@given(data=st.data())
def test_order_inside_a_day_changes_nothing(generation: str, data: st.DataObject) -> None:
    table = rows(data.draw(exports(generation)))
    mixed = [table[0], *(row for day in by_day(table) for row in data.draw(st.permutations(day)))]
    first, second = (outside_run(checked(to_bytes(one))) for one in (table, mixed))
    for report in (first, second):
        report["files"][0].pop("sha256")
    assert second == first
    assert first["verdict"] == "pass"


@pytest.mark.parametrize("rule", ["OC202", "OC203", "OC204", "OC205", "OC207", "OC208", "OC501", "OC504"])
@settings(max_examples=often(4))
@given(data=st.data())
def test_order_inside_a_day_changes_no_finding_but_its_line(rule: str, data: st.DataObject) -> None:
    ground = Ground(data.draw(exports("H4")), lambda options: data.draw(st.sampled_from(list(options))))
    table = PLANTERS[rule](ground).content
    assert isinstance(table, list)
    mixed = [table[0], *(row for day in by_day(table) for row in data.draw(st.permutations(day)))]
    first, second = (checked(to_bytes(one)) for one in (table, mixed))
    assert [_without_lines(one) for one in second.file["outcomes"]] == [_without_lines(one) for one in first.file["outcomes"]]
    assert second.code == first.code


def _without_lines(outcome: dict[str, Any]) -> dict[str, Any]:
    return {**outcome, "findings": sorted(one["key"] for one in outcome["findings"])}


BAD_ROWS = (
    b"\n", b"x\n", b"1759276800\n", b'"\n', b'a"b\n', b"\xff\n", b"\0\n", b"," * 30 + b"\n", b"=1,=2\n",
    b"1759276800,1759363200,NaN,eur,,,,,\n", b"1759276800,1759363200" + b"," * 7 + b"\n", b"no end",
)  # fmt: skip


@pytest.mark.parametrize("rule", sorted(one for one in PLANTERS if LEVELS[one] == "error"))
@settings(max_examples=often(2))
@given(data=st.data())
def test_a_bad_row_more_never_makes_a_pass_of_a_fail(rule: str, data: st.DataObject) -> None:
    generation = data.draw(st.sampled_from([one for one in GENERATIONS if (rule, one) not in CANNOT_BE]))
    ground = Ground(data.draw(exports(generation)), lambda options: data.draw(st.sampled_from(list(options))))
    planted = PLANTERS[rule](ground)
    bad = data.draw(st.sampled_from(BAD_ROWS))
    found = checked(planted.data + bad, *planted.arguments, name=planted.name)
    assert found.code == 1
    assert found.failed


# --- nothing breaks it ---

NASTY = (
    "", " ", "\0", '"', '""', ",", "\n", "\r\n", "\r", "\ufeff", "\u202e", "\u2028", "\x85", "0E-6176", "1E9999", "-0",
    "NaN", "inf", "1e400", "９", "1" * 400, "0." + "1" * 400, "=1+1", "@", "a@example.com", "1759276800", "1759363200", "-1",
    "253402300800", "99999999999999999999", "9999999999", "2025-10-01T00:00:00", "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00+14:00", "usd", "\U0001f642", "\ue000", "e\u0301", "#N/A", "1,5", "x" * 5000,
)  # fmt: skip
CELLS = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
ARGUMENTS: st.SearchStrategy[tuple[str, ...]] = st.sampled_from([
    (), ("--month", "2025-10"), ("--expect-total", "1.00"), ("--organization", ORGANIZATION), ("--month-to-date",),
    ("--policy", "upload"),
])  # fmt: skip


def unbroken(found: Checked) -> None:
    """A documented exit code, a report, no crashed rule, no traceback."""
    assert found.report is not None, found.err
    assert found.code in (0, 1, 3)
    assert found.code == found.report["exit_code"]
    assert not found.in_state("crashed")
    assert "Traceback" not in found.out + found.err
    assert found.err == ""


@settings(max_examples=often(60))
@given(
    st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(list(b'",;\t\r\n\0\xef\xbb\xbfa1')), max_size=60).map(bytes)),
    st.sampled_from(BLOCK_SIZES), ARGUMENTS,
)  # fmt: skip
def test_arbitrary_bytes_never_break_it(data: bytes, block: int, arguments: tuple[str, ...]) -> None:
    found = checked(data, *arguments, block=block)
    unbroken(found)
    assert found.code != 0


@settings(max_examples=often(60))
@given(st.data(), st.sampled_from(GENERATIONS), st.sampled_from(BLOCK_SIZES), ARGUMENTS)
def test_bytes_changed_in_a_good_file_never_break_it(
    data: st.DataObject, generation: str, block: int, arguments: tuple[str, ...]
) -> None:
    good = to_bytes(rows(Export(generation=generation, per_day=2)))
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(start + 300, len(good))))
    put = data.draw(st.one_of(st.binary(max_size=20), st.sampled_from([b'"', b"\r", b"\n", b",", b"\xff", b'",\n"'])))
    unbroken(checked(good[:start] + put + good[end:], *arguments, block=block))


@settings(max_examples=often(60))
@given(st.data(), st.sampled_from(GENERATIONS), st.sampled_from(BLOCK_SIZES), ARGUMENTS)
def test_arbitrary_cells_never_break_it(data: st.DataObject, generation: str, block: int, arguments: tuple[str, ...]) -> None:
    table = rows(Export(generation=generation, per_day=2))
    for _ in range(data.draw(st.integers(1, 8))):
        row = data.draw(st.integers(0, len(table) - 1))
        table[row][data.draw(st.integers(0, len(table[row]) - 1))] = data.draw(CELLS)
    unbroken(checked(written(table), *arguments, block=block))


@settings(max_examples=often(60))
@given(st.lists(CELLS, max_size=6), st.lists(st.lists(CELLS, max_size=6), max_size=8), st.sampled_from(BLOCK_SIZES))
def test_arbitrary_tables_never_break_it(header: list[str], body: list[list[str]], block: int) -> None:
    found = checked(written([header, *body]), block=block)
    unbroken(found)
    assert found.code == 1


# --- what is written is what is read ---


def written(table: Sequence[Sequence[str]], end: str = "\n") -> bytes:
    """The table with every cell quoted that needs it; csv.writer forgets the carriage return before Python 3.13."""
    return "".join(",".join(map(_as_written, row)) + end for row in table).encode("utf-8", "surrogateescape")


def _as_written(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',"\r\n') else cell


@settings(max_examples=often(150))
@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=12), st.sampled_from(BLOCK_SIZES),
    st.sampled_from(["\n", "\r\n", "\r"]),
)  # fmt: skip
def test_what_is_written_is_read_with_its_lines(body: list[list[str]], block: int, end: str) -> None:
    data = written([["a", "b", "c"], *body], end)
    with blocks_of(block):
        stream = source.Source(io.BytesIO(data), "memory", len(data))
        reader = Reader(stream)
        batches = list(reader.batches())
    assert [row for batch in batches for row in batch.rows] == body
    found = [place for batch in batches for place in zip(batch.lines, batch.end_lines, strict=True)]
    assert found == list(physical_lines(body))
    assert not any(batch.unread or batch.blank_lines for batch in batches)
    assert stream.complete
    assert reader.parsed_bytes == stream.size == len(data)


def physical_lines(body: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """First and last line of each row, when the header is line 1."""
    line = 2
    for row in body:
        last = line + sum(len(re.findall("\r\n|\r|\n", cell)) for cell in row)
        yield line, last
        line = last + 1
