"""Kinds of check on single cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from billproof.model.values import BLANKS
from fixtures import damage
from fixtures.exports import to_bytes
from tests.generations import LINE, good
from tests.support import Checked, check


def with_cell(tmp_path: Path, column: str, text: str, *arguments: str) -> Checked:
    path = tmp_path / "data.csv"
    table = good("H4")
    table[LINE - 1][table[0].index(column)] = text
    path.write_bytes(to_bytes(table))
    return check(path, *arguments)


GOOD_AMOUNTS = [
    "0", "-0", "1", "999999999999999", "0." + "1" * 100, "1e5", "1E-100", "0E-6176", "0.0E+9999", "-1.5e-7", "00012.5",
]  # fmt: skip
BAD_AMOUNTS = {
    "1000000000000000": "not a plain decimal", "1E15": "not below", "-1E+9999": "not below", "1E-101": "not zero and below",
    "-1E-9999": "not zero and below", "1,234.56": "comma", "0,5": "comma", "0." + "1" * 101: "not a plain decimal",
    "$1": "not a plain decimal", "1 000": "not a plain decimal", "1e": "not a plain decimal",
    "１": "not a plain decimal", "NaN": "not a plain decimal", "1.": "not a plain decimal",
    "1\n2": "not a plain decimal", "1\n": "",
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD_AMOUNTS, ids=lambda text: text[:12])
def test_good_amounts(text: str, tmp_path: Path) -> None:
    assert not with_cell(tmp_path, "amount_value", text).failed & {"OC202", "OC204", "OC205"}


@pytest.mark.parametrize("text, reason", BAD_AMOUNTS.items(), ids=lambda text: text[:12])
def test_bad_amounts_say_why(text: str, reason: str, tmp_path: Path) -> None:
    found = with_cell(tmp_path, "amount_value", text)
    if reason:
        assert found.failed == {"OC202"}
        assert reason in found.outcome("OC202")["findings"][0]["message"]
    else:
        assert found.failed == {"OC205"}


@pytest.mark.parametrize(
    "text, good_one", [("usd", True), ("USD", True), ("Usd", False), ("eur", False), ("US", False), ("usd2", False)]
)
def test_currencies(text: str, good_one: bool, tmp_path: Path) -> None:
    found = with_cell(tmp_path, "amount_currency", text)
    assert found.failed == (set() if good_one else {"OC203"})


# Tabs and other controls are CSV005's, a carriage return CSV004's.
OWN_BLANKS = sorted(set(BLANKS) - set("\t\x0b\x0c\x1c\x1d\x1e\x1f\x85\r"))


@pytest.mark.parametrize("blank", OWN_BLANKS, ids=lambda blank: f"U+{ord(blank):04X}")
@pytest.mark.parametrize("padded", ["{}usd", "usd{}", "{0}usd{0}"])
def test_any_blank_around_a_code_is_reported(padded: str, blank: str, tmp_path: Path) -> None:
    found = with_cell(tmp_path, "amount_currency", padded.format(blank))
    assert found.failed == {"OC205"}
    assert found.places("OC205") == [f"{LINE}:amount_currency"]


@pytest.mark.parametrize("column", ["line_item", "project_name", "organization_name", "quantity_unit"])
def test_blanks_around_text_are_allowed(column: str, tmp_path: Path) -> None:
    assert not with_cell(tmp_path, column, f" {good('H4')[LINE - 1][good('H4')[0].index(column)]} ").failed - {"OC403"}


FORMULAS = ["=1", "=", "@x", "@", "+a", "-a", "+(1)", "-(1)", "＝1", "＠x", "=cmd|' /C calc'!A0", "\n=1", "-é"]
NO_FORMULAS = ["+49 Support", "-5", "- a", "a=b", "--", "+", "-", "1+1", "(=1)", "_=1", " =1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text: str, tmp_path: Path) -> None:
    found = with_cell(tmp_path, "project_name", text)
    assert found.places("OC208") == [f"{LINE}:project_name"]


@pytest.mark.parametrize("text", NO_FORMULAS)
def test_what_a_spreadsheet_does_not_run(text: str, tmp_path: Path) -> None:
    assert "OC208" not in with_cell(tmp_path, "project_name", text).failed


@pytest.mark.parametrize("column", ["amount_value", "amount_currency", "organization_id", "organization_name"])
def test_required_cells_of_charged_rows(column: str, tmp_path: Path) -> None:
    found = with_cell(tmp_path, column, "")
    assert found.failed == {"OC204"}
    assert found.places("OC204") == [f"{LINE}:{column}"]


def test_a_row_with_one_cell_beside_its_times_is_charged(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    table = good("H4")
    empty = next(n for n, row in enumerate(table) if n and not row[4])
    table[empty][table[0].index("quantity_unit")] = "tokens"
    path.write_bytes(to_bytes(table))
    found = check(path)
    assert {"OC204", "OC501"} <= found.failed
    assert found.outcome("OC204")["violations"] == 4


def test_a_cell_of_blanks_does_not_make_a_row_charged(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    table = good("H4")
    empty = next(n for n, row in enumerate(table) if n and not row[4])
    table = damage.put(table, "quantity_unit", " \u00a0", empty + 1)
    path.write_bytes(to_bytes(table))
    assert check(path).failed == set()
