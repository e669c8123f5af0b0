"""Control totals: exact to the last digit, the same by day, project and line item, and null rather than too low."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billproof.reading import source
from billproof.rules.checks.base import Check
from fixtures import damage
from fixtures.exports import Export, Table, rows, to_bytes
from tests.generations import GENERATIONS, LINE, good, later, line_of_day, renamed
from tests.support import AS_OF, EACH_FORMAT, Checked, check, often, run

PLENTY = Context(prec=400)
HEADER = list(good("H1")[0])
START = 1_759_276_800  # 2025-10-01T00:00:00Z
DAY = 86_400


def checked(tmp_path: Path, content: Table | bytes, *arguments: str) -> Checked:
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else to_bytes(content))
    return check(path, *arguments)


def row(day: int, amount: str, project: str = "proj_EXAMPLE1", item: str = "ada v2", name: str = "Search") -> list[str]:
    start = START + day * DAY
    return [str(start), str(start + DAY), amount, "usd", item, project, "org-EXAMPLE1", name, "Acme"]


def empty(day: int) -> list[str]:
    return [str(START + day * DAY), str(START + day * DAY + DAY), *[""] * 7]


def table(*body: list[str]) -> Table:
    return [HEADER, *body]


def test_a_small_file_by_hand(tmp_path: Path) -> None:
    """0.10 + 0.20 + 1E-7 on the first day, nothing on the second, 5 - 0.3 on the third."""
    found = checked(
        tmp_path,
        table(
            row(0, "0.10", item="a"), row(0, "0.20", "proj_EXAMPLE2", "b", "Index"), row(0, "1E-7", item="c"), empty(1),
            row(2, "5.000", item="a"), row(2, "-0.3", "proj_EXAMPLE2", "b", "Index"),
        ),
    )  # fmt: skip
    assert found.file["totals"] == {
        "amount": "5.0000001", "currency": "USD", "charged_rows": 5, "empty_days": 1, "days": 3,
        "first_day": "2025-10-01", "last_day": "2025-10-03",
        "by_project": [
            {"id": "proj_EXAMPLE1", "name": "Search", "amount": "5.1000001", "rows": 3},
            {"id": "proj_EXAMPLE2", "name": "Index", "amount": "-0.1", "rows": 2},
        ],
        "by_line_item": [
            {"id": "a", "name": None, "amount": "5.1", "rows": 2},
            {"id": "c", "name": None, "amount": "0.0000001", "rows": 1},
            {"id": "b", "name": None, "amount": "-0.1", "rows": 2},
        ],
    }  # fmt: skip
    days = {one["date"]: (one["state"], one["rows"], one["amount"]) for one in found.file["days"]}
    assert len(days) == 31
    assert days["2025-10-01"] == ("charged", 3, "0.3000001")
    assert days["2025-10-02"] == ("empty", 1, "0")
    assert days["2025-10-03"] == ("charged", 2, "4.7")
    assert days["2025-10-04"] == ("missing", 0, None)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_sum_is_exact(generation: str, tmp_path: Path) -> None:
    source = good(generation)
    found = checked(tmp_path, source)
    amount, project, item = (source[0].index(name) for name in ("amount_value", "project_id", "line_item"))
    charged = [one for one in source[1:] if one[amount]]
    totals = found.file["totals"]
    assert Decimal(totals["amount"]) == exact(one[amount] for one in charged)
    assert totals["charged_rows"] == len(charged)
    assert {one["id"]: Decimal(one["amount"]) for one in totals["by_project"]} == by(charged, project, amount)
    assert {one["id"]: Decimal(one["amount"]) for one in totals["by_line_item"]} == by(charged, item, amount)
    assert exact(one["amount"] for one in found.file["days"]) == Decimal(totals["amount"])


def exact(amounts: Any) -> Decimal:
    total = Decimal(0)
    for one in amounts:
        total = PLENTY.add(total, Decimal(one))
    return total


def by(charged: list[list[str]], key: int, amount: int) -> dict[str, Decimal]:
    keys = {one[key] for one in charged}
    return {value: exact(one[amount] for one in charged if one[key] == value) for value in keys}


AMOUNTS = st.one_of(
    st.decimals(-(10**14), 10**14, places=36, allow_nan=False).map(lambda number: format(number, "f")),
    st.sampled_from(["0E-6176", "0", "-0.0", "1E-100", "999999999999999", "-999999999999999.999", "1.5E-7", "2e+3"]),
)


@settings(max_examples=often(40))
@given(st.lists(AMOUNTS, min_size=1, max_size=12))
def test_any_amounts_are_summed_exactly(tmp_path_factory: pytest.TempPathFactory, amounts: list[str]) -> None:
    body = [row(number % 3, one, item=f"item {number}") for number, one in enumerate(amounts)]
    found = checked(tmp_path_factory.mktemp("sum"), table(*sorted(body)))
    amount = found.file["totals"]["amount"]
    assert Decimal(amount) == exact(amounts)
    assert "E" not in amount
    assert not amount.endswith(".")
    assert "." not in amount or not amount.endswith("0")


@pytest.mark.parametrize(
    "broken",
    [
        lambda one: damage.put(one, "amount_value", "n/a", LINE),
        lambda one: damage.put(one, "amount_value", "", LINE),
        lambda one: damage.put(one, "amount_value", "NaN", LINE),
        lambda one: damage.put(one, "amount_value", "1E9999", LINE),
        lambda one: damage.put(one, "amount_value", "1E-9999", LINE),
        lambda one: damage.put(one, "amount_currency", "eur", LINE),
        lambda one: damage.put(one, "amount_currency", "", LINE),
        lambda one: damage.put(one, "amount_value", "1\x00", LINE),
        lambda one: damage.in_line(to_bytes(one), LINE, b"Acme Re", b'Acme "Re'),
        lambda one: damage.in_line(to_bytes(one), LINE, b",Acme Research", b""),
        lambda one: damage.cut_in_line(to_bytes(one), 70),
    ],
)  # fmt: skip
def test_an_amount_that_is_unusable_or_lost_makes_the_totals_null(broken: Any, tmp_path: Path) -> None:
    found = checked(tmp_path, broken(good("H1")))
    totals = found.file["totals"]
    assert totals["amount"] is None
    assert all(one["amount"] is None for one in (*totals["by_project"], *totals["by_line_item"]))
    assert all(one["amount"] is None for one in found.file["days"])
    assert totals["charged_rows"] > 60
    assert sum(one["rows"] for one in totals["by_project"]) == totals["charged_rows"]


def test_without_an_amount_column_there_is_no_total(tmp_path: Path) -> None:
    found = checked(tmp_path, renamed(good("H1"), "amount_value", "amount"))
    assert found.file["totals"]["amount"] is None
    assert all(one["amount"] is None for one in found.file["days"])


@pytest.mark.parametrize("time", ["soon", "1420070399", "4102444801"])
def test_a_bad_day_leaves_the_total_but_not_the_day(time: str, tmp_path: Path) -> None:
    """The charge is counted; of its day nobody knows, even where the refused time would be of one."""
    source = good("H1")
    found = checked(tmp_path, damage.put(source, "start_time", time, LINE))
    assert Decimal(found.file["totals"]["amount"]) == exact(one[2] for one in source[1:] if one[2])
    assert sum(one["rows"] for one in found.file["days"]) == len(source) - 2


def test_more_than_fifty_groups_end_in_one_other(tmp_path: Path) -> None:
    """Sixty projects with 1 to 60 dollars: fifty are named, the ten smallest make 55."""
    body = [row(0, str(number), f"proj_EXAMPLE{number:02}", name=f"P{number}") for number in range(1, 61)]
    found = checked(tmp_path, table(*body))
    groups = found.file["totals"]["by_project"]
    assert [one["amount"] for one in groups[:2]] == ["60", "59"]
    assert len(groups) == 51
    assert groups[-1] == {"id": "other (10)", "name": None, "amount": "55", "rows": 10}


def test_equal_amounts_are_in_order_of_id(tmp_path: Path) -> None:
    found = checked(tmp_path, table(*(row(0, "1", f"proj_EXAMPLE{one}", name=one) for one in "cab")))
    assert [one["id"][-1] for one in found.file["totals"]["by_project"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "given_, same", [("5.00", True), ("5.0000000000000001", True), ("5.004", True), ("5.01", False), ("-5", False)]
)
def test_the_expected_total_is_compared_to_the_cent(given_: str, same: bool, tmp_path: Path) -> None:
    found = checked(tmp_path, table(row(0, "2.4999"), row(1, "2.5003")), "--expect-total", given_)
    assert ("OC603" in found.failed) is not same


@pytest.mark.parametrize(
    "given_, same",
    [
        ("1537.87", True), ("$1537.87", True), ("1,537.87", True), ("$1,537.87", True), ("$1,537.8700000001", True),
        ("$1,537.88", False), ("-$1,537.87", False), ("$1,001,537.87", False), ("$153.787", False),
    ],
)  # fmt: skip
def test_the_expected_total_may_be_written_as_the_dashboard_has_it(given_: str, same: bool, tmp_path: Path) -> None:
    found = checked(tmp_path, table(row(0, "1537"), row(1, "0.8699")), f"--expect-total={given_}")
    assert ("OC603" in found.failed) is not same


def test_states_of_days(tmp_path: Path) -> None:
    """A month to date: charged, empty, missing, not ended, and a day of another month."""
    body = [[*row(-1, "1")], row(0, "1"), empty(1), row(3, "1")]
    found = checked(tmp_path, table(*body), "--month", "2025-10", "--month-to-date", "--as-of", "2025-10-05T10:00:00Z")
    states = {one["date"]: one["state"] for one in found.file["days"]}
    assert [states[f"2025-10-0{day}"] for day in range(1, 7)] == ["charged", "empty", "missing", "charged", "open", "open"]
    assert states["2025-09-30"] == "outside"
    assert found.failed == {"OC303", "OC304"}


def test_a_row_of_a_time_inside_a_day_belongs_to_that_day(tmp_path: Path) -> None:
    table_ = good("H2")
    moved = later(table_, ("start_time", "end_time"), 3600)
    days = [[one["date"] for one in checked(tmp_path, each).file["days"] if one["rows"]] for each in (table_, moved)]
    assert days[0] == days[1]


@pytest.mark.parametrize("block_bytes", [64, 65_536])
def test_an_empty_day_beside_rows_is_a_charged_day(tmp_path: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if they are read in different blocks."""
    monkeypatch.setattr(source, "BLOCK_BYTES", block_bytes)
    found = checked(tmp_path, table(*[row(0, "1")] * 8, *[empty(0)] * 8))
    assert found.file["totals"]["empty_days"] == 0
    assert (found.file["days"][0]["rows"], found.file["days"][0]["state"]) == (16, "charged")


def test_no_totals_where_nothing_can_be_read(tmp_path: Path) -> None:
    assert checked(tmp_path, b"").file["totals"] is None
    assert checked(tmp_path, damage.LOGIN_PAGE).file["totals"] is None


def test_two_currencies_have_no_name(tmp_path: Path) -> None:
    found = checked(tmp_path, damage.put(good("H1"), "amount_currency", "eur", LINE))
    assert found.file["totals"]["currency"] is None


def test_days_without_usage_have_no_amount_in_doubt(tmp_path: Path) -> None:
    source = rows(replace(Export(), empty_days=tuple(Export().days[1:])))
    found = checked(tmp_path, source)
    assert found.file["totals"]["empty_days"] == 30
    assert line_of_day(source, charged=False) == 2 + Export().per_day


HUGE = "1e900000"


def unguarded(amount: str, how: str) -> bytes:
    """A file of which OC202 cannot speak: its column is there twice, or its cells are split in another way."""
    body = table(row(0, amount), row(0, "5", "proj_EXAMPLE2"), row(1, "7", item="b"))
    if how == "doubled":
        return to_bytes([[*cells, name] for cells, name in zip(body, ["amount_value", "1", "1", "1"], strict=True)])
    return to_bytes(body).replace(b",", b";")


@pytest.mark.parametrize("how, failed", [("doubled", "CSV013"), ("semicolons", "CSV006")])
@pytest.mark.parametrize("amount", [HUGE, "1e-900000", "1e9999", "1E15", "1e-101", "NaN", "1" * 131_000, "0." + "1" * 131_000])
def test_an_amount_out_of_bounds_is_unusable_even_where_oc202_is_silent(
    amount: str, how: str, failed: str, tmp_path: Path
) -> None:
    found = checked(tmp_path, unguarded(amount, how))
    assert failed in found.failed
    assert found.code == 1
    assert found.file["totals"]["amount"] is None
    assert {one["amount"] for one in found.file["totals"]["by_project"]} == {None}
    assert {one["amount"] for one in found.file["days"]} == {None}
    assert found.blocked["OC202"] == failed
    assert found.outcome("OC202")["left_out"] == 0


@pytest.mark.parametrize("how", ["doubled", "semicolons"])
def test_good_amounts_are_summed_even_where_oc202_is_silent(how: str, tmp_path: Path) -> None:
    assert checked(tmp_path, unguarded("0.5", how)).file["totals"]["amount"] == "12.5"


def test_two_currencies_are_not_summed_even_where_oc203_is_silent(tmp_path: Path) -> None:
    content = unguarded("0.5", "semicolons").replace(b"usd", b"eur", 1)
    assert checked(tmp_path, content).file["totals"]["amount"] is None


@pytest.mark.parametrize("format_", EACH_FORMAT)
def test_no_format_is_larger_or_ends_otherwise_for_a_huge_amount(format_: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(unguarded(HUGE, "doubled"))
    code, out, err = run("check", str(tmp_path / "data.csv"), "--as-of", AS_OF, "--format", format_)
    assert (code, len(out) < 200_000, err) == (1, True, "")


def test_what_is_kept_of_a_file_does_not_grow_with_its_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 days with ten empty rows each: one place a day, for the case that it has charges, and five for the report."""
    kept: Counter[str] = Counter()
    spot = Check.spot

    def counted(self: Check, *given: Any, **named: Any) -> Any:
        kept[self.rule_id] += 1
        return spot(self, *given, **named)

    monkeypatch.setattr(Check, "spot", counted)
    found = checked(tmp_path, table(*(empty(day) for day in range(400) for _ in range(10))), "--max-findings", "5")
    assert found.outcome("OC307")["violations"] == 400 * 9
    assert len(found.outcome("OC307")["findings"]) == 5
    assert kept["OC307"] <= 400 + 6
    assert kept["OC303"] <= 60
