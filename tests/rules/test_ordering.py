"""One fault, one rule: the failed sets that DESIGN pins, and every line of its precedence table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from billproof.rules.compiled import load_ruleset
from fixtures import damage
from fixtures.exports import TIMES, Organization, Table, rows, to_bytes
from fixtures.generate import activity, legacy
from tests.generations import GENERATIONS, LINE, ORGANIZATION, export_of, good, hourly, later, line_of_day, renamed, total
from tests.support import AS_OF, Checked, check, run

RULES = {rule.id for rule in load_ruleset().rules}
REQUIRED = load_ruleset().schema.required
OTHER = Organization("org-EXAMPLEother", "Acme Labs")

Content = bytes | Table
Make = Callable[[str], Content]


def checked(tmp_path: Path, content: Content, *arguments: str, name: str = "data.csv") -> Checked:
    """The content through the command, under a name that says nothing of days."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else to_bytes(content))
    return check(path, *arguments)


# --- the pinned sets ---


@dataclass(frozen=True)
class Pin:
    """A damaged export, and exactly the rules that fail on it."""

    name: str
    make: Make
    failed: frozenset[str]
    arguments: tuple[str, ...] = ()


def pin(name: str, make: Make, failed: str, *arguments: str) -> Pin:
    return Pin(name, make, frozenset(failed.split()), arguments)


def one_cell(column: str, change: Callable[[str], str]) -> Make:
    return lambda generation: damage.changed(good(generation), column, change, [LINE])


def moved(columns: tuple[str, ...], seconds: int, *lines: int) -> Make:
    return lambda generation: later(good(generation), columns, seconds, lines)


def saved(ends: str, delimiter: str, mark: bool) -> Make:
    return lambda generation: damage.saved(good(generation), delimiter, ends, mark)


def ungrouped(generation: str) -> Content:
    blank = {"line_item", "project_id", "project_name"}
    table = rows(replace(export_of(generation), per_day=1))
    return damage.only(table, [column for column in table[0] if column not in blank])


def no_charges(generation: str) -> Content:
    export = export_of(generation)
    return rows(replace(export, empty_days=tuple(export.days)))


def cut_in_a_row(generation: str) -> Content:
    return damage.cut_in_line(to_bytes(good(generation)), 70)


def cut_in_quotes(generation: str) -> Content:
    data = to_bytes(good(generation))
    return data[: data.rindex(b", ") + 2]


def cut_in_a_character(generation: str) -> Content:
    data = to_bytes(damage.put(good(generation), "project_name", "Büro", LINE))
    return data[: data.index("ü".encode()) + 1]


def two_months(generation: str) -> Content:
    return rows(replace(export_of(generation), first=date(2025, 9, 15), last=date(2025, 10, 20)))


def empty_day_twice(generation: str) -> Content:
    table = good(generation)
    at = line_of_day(table, charged=False)
    return [*table[:at], table[at - 1], *table[at:]]


def charged_twice(column: str, change: Callable[[str], str]) -> Make:
    """One charge in two spellings, with another amount."""

    def make(generation: str) -> Content:
        table = damage.changed(good(generation), column, change, [LINE])
        twin = damage.put(table, "amount_value", "0.12345678901234567", LINE)[LINE - 1]
        return [*table[: LINE - 1], good(generation)[LINE - 1], twin, *table[LINE:]]

    return make


def everywhere(text: str) -> Make:
    return lambda generation: damage.unix_times(good(generation), lambda _: text)


def under_another_name(column: str, name: str) -> Make:
    return lambda generation: renamed(good(generation), column, name)


START, BOTH = ("start_time",), ("start_time", "end_time")
PINS = (
    pin("good", good, ""),
    pin("a start +1 h", moved(START, 3600, LINE), "OC301"),
    pin("every start +1 h", moved(START, 3600), "OC301"),
    pin("a start and its end +1 h", moved(BOTH, 3600, LINE), "OC302"),
    pin("every start and end +1 h", moved(BOTH, 3600), "OC302"),
    pin("all rows -2 h", moved(BOTH, -7200), "OC302"),
    pin("hourly", hourly, "OC301"),
    pin("ungrouped", ungrouped, "OC501"),
    pin("four columns", lambda generation: damage.columns(no_charges(generation), TIMES), "OC102"),  # type: ignore[arg-type]
    pin("empty days only", no_charges, "OC102"),
    *(pin(f"renamed {column}", under_another_name(column, f"my_{column}"), "OC104") for column in REQUIRED),
    pin("amount for amount_value", under_another_name("amount_value", "amount"), "OC104"),
    pin("usd and a blank", one_cell("amount_currency", "{} ".format), "OC205"),
    pin("a blank and eur", one_cell("amount_currency", lambda _: " eur"), "OC203 OC205"),
    pin("mark, CR LF, semicolons", saved("\r\n", ";", mark=True), "CSV003 CSV004 CSV006"),
    pin("tabs", saved("\n", "\t", mark=False), "CSV006"),
    pin("header only", lambda generation: good(generation)[:1], "CSV001"),
    pin("1.75E+09 everywhere", everywhere("1.75E+09"), "OC201"),
    pin("1.75E+09 everywhere, month given", everywhere("1.75E+09"), "OC201", "--month", "2025-10"),
    pin("before any day ended", good, "OC305", "--as-of", "2025-10-01"),
    pin("a bad amount and a total", one_cell("amount_value", lambda _: "n/a"), "OC202", "--expect-total", "1.00"),
    pin("cut in a row", cut_in_a_row, "CSV009"),
    pin("cut in a quoted cell", cut_in_quotes, "CSV009"),
    pin("cut in a character", cut_in_a_character, "CSV009"),
    pin("two months", two_months, "OC303 OC304"),
    pin("wrong month", good, "OC303", "--month", "2025-09"),
    pin(
        "a foreign id, organization given", one_cell("organization_id", lambda _: OTHER.id), "OC401",
        "--organization", ORGANIZATION,
    ),
    pin("a foreign id, organization not given", one_cell("organization_id", lambda _: OTHER.id), "OC402"),
    pin("empty day twice", empty_day_twice, "OC307"),
    pin("days with charges that have not begun", good, "OC310", "--as-of", "2025-10-20", "--month-to-date"),
    pin("a blank ISO cell", one_cell("end_time_iso", lambda _: ""), "OC209"),
    pin("a charge once more with USD", charged_twice("amount_currency", str.upper), "OC504"),
    pin("a charge once more with Z", charged_twice("end_time_iso", lambda text: f"{text[:19]}Z"), "OC504"),
    pin("a charge once more without an ISO time", charged_twice("start_time_iso", lambda _: ""), "OC209 OC504"),
    pin("a charge once more with another end", charged_twice("end_time", lambda text: f"{int(text) + 1}"), "OC301 OC504"),
)  # fmt: skip

# What cannot be: OpenAI's exports had no ISO times then.
NO_ISO = "H1 has two time columns only"
CANNOT_BE = {
    (name, "H1"): NO_ISO
    for name in ("four columns", "a blank ISO cell", "a charge once more with Z", "a charge once more without an ISO time")
}
PAIRS = [(one, generation) for one in PINS for generation in GENERATIONS if (one.name, generation) not in CANNOT_BE]


@pytest.mark.parametrize("one, generation", PAIRS, ids=lambda value: value.name if isinstance(value, Pin) else value)
def test_pinned_set(one: Pin, generation: str, tmp_path: Path) -> None:
    found = checked(tmp_path, one.make(generation), *one.arguments)
    assert found.failed == one.failed
    assert not found.in_state("crashed")
    assert found.code == (1 if one.failed else 0)


@pytest.mark.parametrize("pair", CANNOT_BE, ids=" ".join)
def test_pair_that_cannot_be(pair: tuple[str, str]) -> None:
    one = next(one for one in PINS if one.name == pair[0])
    with pytest.raises(ValueError, match="_time_iso"):
        one.make(pair[1])


# --- the precedence table ---


def family(*prefixes: str) -> set[str]:
    """The rules whose ids begin so."""
    return {rule for rule in RULES if rule.startswith(prefixes)}


RECORD_RULES = family("OC8")
# Without a record of OpenAI's own, the rules that compare with it are not applicable, whatever else is wrong.
EVERY = RULES - RECORD_RULES
ALL_OC = family("OC") - RECORD_RULES
ABOVE_ROWS = family("OC2", "OC3", "OC4", "OC5", "OC6", "OC7")
ON_RECORDS = ABOVE_ROWS | {"OC102"}  # all OC but those that read nothing below the header
HEADER_BROKEN = {"CSV001", "CSV008", "CSV013"} | ALL_OC
OTHER_EXPORT = {"CSV013", "OC104", "OC106", "OC107"} | ABOVE_ROWS
OF_START = {"OC209", "OC504"} | {f"OC{number}" for number in range(301, 311)}
# Without a time column nobody knows which rows are charged: those with text in any column but the times.
OF_START_COLUMN = OF_START | {"OC201", "OC205", "OC203", "OC204", "OC501", "OC503"}
OF_DAY = {"OC209", "OC303", "OC304", "OC306", "OC307", "OC310"}
WHOLE_MONTH = "cost_2025-10-01_2025-10-31.csv"


@dataclass(frozen=True)
class Line:
    """A line of the table: a fault, the rule that fails, and exactly what it blocks."""

    name: str
    content: Callable[[], Content]
    rule: str
    blocks: frozenset[str]
    arguments: tuple[str, ...] = ()


def line(name: str, content: Callable[[], Content], rule: str, blocks: set[str], *arguments: str) -> Line:
    return Line(name, content, rule, frozenset(blocks - {rule}), arguments)


def h4() -> Table:
    return good("H4")


def h4_bytes() -> bytes:
    return to_bytes(h4())


def cell(column: str, text: str) -> Callable[[], Content]:
    return lambda: damage.put(h4(), column, text, LINE)


def bad_byte(column: str) -> Callable[[], Content]:
    return lambda: to_bytes(damage.put(h4(), column, "M\ue000nchen", LINE)).replace("\ue000".encode(), b"\xfc")


def header(old: bytes, new: bytes) -> Callable[[], Content]:
    return lambda: damage.in_line(h4_bytes(), 1, old, new)


def without(column: str) -> Callable[[], Content]:
    return lambda: damage.columns(h4(), [one for one in h4()[0] if one != column])


def doubled(column: str) -> Callable[[], Content]:
    return lambda: damage.columns(h4(), [*h4()[0], column])


def blank_everywhere(*columns: str) -> Callable[[], Content]:
    return lambda: damage.only(h4(), [one for one in h4()[0] if one not in columns])


def with_doubled_column() -> Table:
    return [[*row, row[0]] for row in activity([])]


TABLE = (
    line("CSV012", lambda: damage.LOGIN_PAGE, "CSV012", EVERY),
    line("CSV002 of the whole file", lambda: b"\xff\xfe" + "a,b\n1,2\n".encode("utf-16-le"), "CSV002", EVERY - {"CSV012"}),
    line("CSV001, no bytes", lambda: b"", "CSV001", EVERY - {"CSV012", "CSV002"}),
    line("CSV001, blank lines", lambda: b"\n\n\n", "CSV001", EVERY - {"CSV012", "CSV002"}),
    line("CSV003", lambda: damage.saved(h4(), mark=True), "CSV003", set()),
    line("CSV004, CR LF", lambda: damage.saved(h4(), ends="\r\n"), "CSV004", set()),
    line("CSV004, CR", lambda: damage.saved(h4(), ends="\r"), "CSV004", set()),
    line(
        "CSV006", lambda: damage.saved(h4(), delimiter=";"), "CSV006",
        {"CSV001", "CSV005", "CSV007", "CSV008", "CSV011"} | ALL_OC,
    ),
    line("CSV007 in the header", header(b"end_time,", b'end"time,'), "CSV007", HEADER_BROKEN),
    line("CSV002 in a column name", header(b"api_source", b"api_so\xfcrce"), "CSV002", HEADER_BROKEN),
    line("CSV005 in a column name", header(b"api_source", b"api\tsource"), "CSV005", HEADER_BROKEN),
    line("OC101", lambda: activity([]), "OC101", OTHER_EXPORT | {"OC102", "OC103"}),
    line("OC101, header only", lambda: activity([])[:1], "OC101", OTHER_EXPORT | {"OC102", "OC103", "CSV001"}),
    line("OC101, a column twice", with_doubled_column, "OC101", OTHER_EXPORT | {"OC102", "OC103"}),
    line(
        "OC102, four columns", lambda: damage.columns(h4(), TIMES), "OC102", OTHER_EXPORT | {"OC103"},
    ),
    line(
        "OC102, four columns and no row", lambda: damage.columns(h4(), TIMES)[:1], "OC102",
        OTHER_EXPORT | {"OC103", "CSV001"},
    ),
    line("OC103", legacy, "OC103", OTHER_EXPORT | {"OC102"}),
    line("OC103, header only", lambda: legacy()[:1], "OC103", OTHER_EXPORT | {"OC102", "CSV001"}),
    line("CSV001 header only", lambda: h4()[:1], "CSV001", ABOVE_ROWS | {"OC102"}),
    line(
        "CSV013 project_name", doubled("project_name"), "CSV013",
        {"OC107", "OC208", "OC403", "OC502", "OC503", "OC504"},
    ),
    line("CSV013 line_item", doubled("line_item"), "CSV013", {"OC107", "OC208", "OC501", "OC502", "OC504"}),
    line(
        "CSV013 amount_value", doubled("amount_value"), "CSV013",
        {"OC107", "OC202", "OC204", "OC205", "OC206", "OC207", "OC211", "OC601", "OC602", "OC603"},
    ),
    line("CSV013 start_time", doubled("start_time"), "CSV013", {"OC107", "OC601", "OC602", "OC603"} | OF_START_COLUMN),
    line(
        "OC104 project_name", without("project_name"), "OC104",
        {"OC106", "OC107", "OC208", "OC403", "OC502", "OC503", "OC504"},
    ),
    line("OC104 line_item", without("line_item"), "OC104", {"OC106", "OC107", "OC208", "OC501", "OC502", "OC504"}),
    line(
        "OC104 amount_value", without("amount_value"), "OC104",
        {"OC106", "OC107", "OC202", "OC204", "OC205", "OC206", "OC207", "OC211", "OC601", "OC602", "OC603"},
    ),
    line("OC104 start_time", without("start_time"), "OC104", {"OC106", "OC107", "OC601", "OC602", "OC603"} | OF_START_COLUMN),
    line(
        "OC102, no charged row", lambda: no_charges("H4"), "OC102",
        {f"OC20{number}" for number in range(2, 8)} | {"OC211"} | family("OC4", "OC5", "OC6", "OC7"),
    ),
    line("CSV009, the record whole", lambda: h4_bytes().removesuffix(b"\n"), "CSV009", {"CSV007", "CSV008"}),
    line("CSV009, in a row", lambda: cut_in_a_row("H4"), "CSV009", {"CSV007", "CSV008", "CSV011"} | ON_RECORDS),
    line("CSV009, in quotes", lambda: cut_in_quotes("H4"), "CSV009", {"CSV007", "CSV008", "CSV011"} | ON_RECORDS),
    line(
        "CSV007", lambda: damage.in_line(h4_bytes(), LINE, b"Acme Re", b'Acme "Re'), "CSV007",
        {"CSV008", "CSV011"} | ON_RECORDS,
    ),
    line(
        "CSV008", lambda: damage.in_line(h4_bytes(), LINE, b",Acme Research", b""), "CSV008", {"CSV011"} | ON_RECORDS,
    ),
    line(
        "CSV002 in a text cell", bad_byte("project_name"), "CSV002",
        {"CSV005", "CSV011", "OC208", "OC403", "OC502", "OC503", "OC504"},
    ),
    line(
        "CSV002 in an amount", bad_byte("amount_value"), "CSV002",
        {"CSV005", "CSV011", "OC202", "OC204", "OC205", "OC206", "OC207", "OC211", "OC601", "OC602", "OC603"},
    ),
    line(
        "CSV005 in a text cell", cell("project_name", "Sea\trch"), "CSV005",
        {"CSV011", "OC208", "OC403", "OC502", "OC503", "OC504"},
    ),
    line("CSV005 in a start", cell("start_time", "17595\x0036000"), "CSV005", {"CSV011", "OC201", "OC205", "OC601"} | OF_START),
    line("OC202", cell("amount_value", "n/a"), "OC202", {"OC206", "OC207", "OC211", "OC601", "OC603"}),
    line("OC204 of amount", cell("amount_value", ""), "OC204", {"OC202", "OC206", "OC207", "OC211", "OC601", "OC603"}),
    line("OC204 of currency", cell("amount_currency", ""), "OC204", {"OC203", "OC206", "OC207", "OC211", "OC601", "OC603"}),
    line("OC204 of organization", cell("organization_id", ""), "OC204", {"OC401"}),
    line("OC204 of a name", cell("organization_name", ""), "OC204", set()),
    line("OC203", cell("amount_currency", "eur"), "OC203", {"OC601", "OC603"}),
    line("OC201 of a start", cell("start_time", "1.75E+09"), "OC201", OF_START | {"OC601"}),
    line("OC201 of an end", cell("end_time", "1.75E+09"), "OC201", {"OC209", "OC301"}),
    line("OC301 on every row", lambda: later(h4(), START, 3600), "OC301", OF_DAY | {"OC302"}),
    line("OC301", lambda: later(h4(), START, 3600, (LINE,)), "OC301", OF_DAY | {"OC302"}),
    line("OC302", lambda: later(h4(), BOTH, 3600, (LINE,)), "OC302", OF_DAY | {"OC308"}),
    line("OC303, no row in the month", h4, "OC303", {"OC304", "OC310", "OC601", "OC602"}, "--month", "2025-09"),
    line(
        "OC303, one day too many", lambda: rows(replace(export_of("H4"), last=date(2025, 11, 1))), "OC303",
        {"OC310", "OC601", "OC602"},
    ),
    line("OC305", h4, "OC305", {"OC309", "OC310"}, "--as-of", "2025-10-21"),
    line("OC305, no day ended", h4, "OC305", {"OC304", "OC309", "OC310"}, "--as-of", "2025-10-01"),
    line("OC306", lambda: damage.swapped(h4(), date(2025, 10, 9), date(2025, 10, 10)), "OC306", {"OC504"}),
    line("OC307", lambda: empty_day_twice("H4"), "OC307", set()),
    line("OC401", cell("organization_id", OTHER.id), "OC401", {"OC402", "OC601", "OC602"}),
    line("OC501 on every charged row", blank_everywhere("line_item"), "OC501", {"OC403", "OC502", "OC503", "OC504"}),
    line("OC501", cell("line_item", ""), "OC501", set()),
)  # fmt: skip


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A configuration with a ledger, in which the good October has been uploaded."""
    folder = tmp_path_factory.mktemp("uploaded")
    path = folder / "billproof.yaml"
    path.write_text(
        "version: 1\nledger: ledger\ndestinations: {archive: {kind: directory, path: archive/}}\n"
        f"integrations: [{{name: main, organization: {ORGANIZATION}, to: archive}}]\n"
    )
    (folder / "october.csv").write_bytes(h4_bytes())
    assert run("ledger", "init", "--config", str(path))[0] == 0
    code, out, err = run("upload", str(folder / "october.csv"), "--config", str(path), "--as-of", AS_OF)
    assert code == 0, out + err
    return str(path)


@pytest.mark.parametrize("one", TABLE, ids=lambda one: one.name)
def test_line_of_the_table(one: Line, tmp_path: Path, config: str) -> None:
    """Organization, total and what was uploaded are known, so that only a fault can keep a rule from speaking."""
    content = one.content()
    expected = total(content if "day too many" in one.name and isinstance(content, list) else h4())
    found = checked(
        tmp_path, content, "--organization", ORGANIZATION, "--expect-total", expected, "--config", config, *one.arguments,
        name="data.csv" if "day too many" in one.name else WHOLE_MONTH,
    )  # fmt: skip
    assert found.failed == {one.rule}
    assert set(found.blocked) == one.blocks
    assert set(found.blocked.values()) <= {one.rule}
    assert not found.in_state("crashed")
    assert found.code == 1


def test_every_blocking_rule_stands_in_the_table() -> None:
    blocking = {blocker.rule for rule in load_ruleset().rules if rule.id in EVERY for blocker in rule.blocked_by}
    assert blocking <= {one.rule for one in TABLE}


@pytest.mark.parametrize(
    "damaged, root",
    [
        (lambda: damage.changed(h4(), "start_time", lambda _: "soon"), "OC201"),
        (without("start_time"), "OC104"),
        (lambda: [h4()[0], *(row[:-1] for row in h4()[1:])], "CSV008"),
        (lambda: damage.changed(h4(), "start_time", "{}\x1b".format), "CSV005"),
        # OC201 is skipped for want of the other time, so nothing says of the days themselves that they are bad.
        (lambda: damage.columns(damage.changed(h4(), "start_time", lambda _: ""), [*h4()[0][:1], *h4()[0][2:]]), "OC104"),
    ],
    ids=["OC201", "OC104", "CSV008", "CSV005", "OC104 of the other time"],
)
def test_a_month_that_cannot_be_inferred_is_blocked_by_what_failed(
    damaged: Callable[[], Content], root: str, tmp_path: Path
) -> None:
    found = checked(tmp_path, damaged())
    assert {rule: found.blocked.get(rule) for rule in ("OC303", "OC304", "OC305", "OC309", "OC310")} == dict.fromkeys(
        ("OC303", "OC304", "OC305", "OC309", "OC310"), root
    )
    assert found.failed == {root}
    assert found.code == 1


def test_a_blocked_rule_hands_its_own_blocker_on(tmp_path: Path) -> None:
    """OC305 would block OC309; what blocks OC305 is named as the root of both."""
    found = checked(tmp_path, damage.changed(h4(), "start_time", lambda _: "soon"), "--as-of", "2025-10-21")
    assert found.blocked["OC305"] == found.blocked["OC309"] == "OC201"


def test_a_day_that_has_not_begun_fails_beside_rows_of_another_month(tmp_path: Path) -> None:
    """Charges from 15 September to 20 October, as of the 18th: OC303 is about September, OC310 about the 20th."""
    table = rows(replace(export_of("H4"), first=date(2025, 9, 15), last=date(2025, 10, 20)))
    found = checked(tmp_path, table, "--month", "2025-10", "--as-of", "2025-10-18T12:00:00Z", "--month-to-date")
    assert found.failed == {"OC303", "OC310"}
    at = table[0].index("amount_value")
    charged = [damage.day_of(table, row) for row in table[1:] if row[at]]
    outcome = found.outcome("OC310")
    assert outcome["left_out"] == sum(day.month == 9 for day in charged)
    assert outcome["evaluated"] == sum(day.month == 10 for day in charged)
    assert outcome["violations"] == sum(day == date(2025, 10, 20) for day in charged) > 0
    assert "there is a charge on 2025-10-20" in outcome["findings"][0]["message"]


def test_an_empty_row_of_a_day_that_has_not_begun_proves_nothing(tmp_path: Path) -> None:
    """Whether OpenAI writes such rows is not known, so they are no fault; nor are they days without usage."""
    table, at = h4(), h4()[0].index("amount_value")
    body = [row for row in table[1:] if damage.day_of(table, row) <= date(2025, 10, 20)]
    ahead = {damage.day_of(table, row): [*row[:4], *[""] * (len(row) - 4)] for row in table[1:]}
    rest = [row for day, row in sorted(ahead.items()) if day > date(2025, 10, 20)]
    assert body[-1][at]
    found = checked(tmp_path, [table[0], *body, *rest], "--month-to-date", "--as-of", "2025-10-21")
    assert (found.code, found.failed) == (0, set())
    assert [day["state"] for day in found.file["days"][19:]] == ["charged", "empty", *["open"] * 10]
    assert "no errors for 1 to 21 October 2025" in found.out
    assert "21 of 31 days" in found.out


def test_a_rule_with_rows_left_out_fails_if_other_rows_fail_it(tmp_path: Path) -> None:
    table = damage.put(damage.put(h4(), "amount_value", "n/a", LINE), "amount_value", "-1.5", LINE + 1)
    found = checked(tmp_path, table)
    assert found.failed == {"OC202", "OC207"}
    assert found.outcome("OC207")["left_out"] == 1
    assert found.places("OC207") == [f"{LINE + 1}:amount_value"]


def test_a_whole_file_rule_with_rows_left_out_never_fails(tmp_path: Path) -> None:
    """A day is missing, but a row whose day nobody can read might be of that day."""
    table = damage.without(h4(), date(2025, 10, 20), date(2025, 10, 20))
    found = checked(tmp_path, damage.put(table, "start_time", "soon", LINE))
    assert found.failed == {"OC201"}
    assert found.blocked["OC304"] == "OC201"


@pytest.mark.parametrize(
    "row, failed",
    [(",x", {"OC102", "CSV008"}), ("\"", {"OC102", "CSV007"}), ("\x00", {"OC102", "CSV005"}), ("\udcff", {"OC102", "CSV002"})],
)
def test_what_the_header_shows_is_so_whatever_cannot_be_read_below(row: str, failed: set[str], tmp_path: Path) -> None:
    data = to_bytes(damage.columns(h4(), TIMES)).decode() + to_bytes([h4()[1][:4]]).decode().rstrip("\n") + row + "\n"
    found = checked(tmp_path, data.encode("utf-8", "surrogateescape"))
    assert found.failed == failed
    assert found.blocked["OC304"] == "OC102"
    assert found.code == 1


def test_a_whole_file_rule_is_blocked_even_where_other_rows_fail_it(tmp_path: Path) -> None:
    """There is a second organization for certain; how many there are, nobody can say."""
    data = damage.in_line(to_bytes(damage.put(h4(), "organization_id", OTHER.id, LINE)), LINE + 5, b",Acme Research", b"")
    found = checked(tmp_path, data)
    assert found.failed == {"CSV008"}
    assert found.blocked["OC402"] == "CSV008"


def test_a_rule_that_is_off_still_blocks_what_leans_on_it(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "ruleset.yaml").write_text(
        'name: mine\nversion: "0.1.0"\ntitle: Mine\nextends: openai-cost\n'
        'rules:\n  OC301:\n    "off":\n      reason: hours are fine here\n      owner: somebody@example.com\n'
    )
    found = checked(tmp_path, later(h4(), START, 3600), "--ruleset", str(folder))
    assert found.outcome("OC301")["state"] == "off"
    assert {rule: root for rule, root in found.blocked.items() if rule in OF_DAY} == dict.fromkeys(OF_DAY, "OC301")
    assert found.code == 3
