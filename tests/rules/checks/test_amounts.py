"""Kinds of check on amounts: rounding and sign."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.exports import DAY, to_bytes
from tests.generations import good
from tests.support import Checked, check

HEADER = good("H1")[0]
START = 1_759_276_800  # 2025-10-01T00:00:00Z


def amounts(tmp_path: Path, *values: str) -> Checked:
    """An export with these amounts, one a row, over the days of October."""
    body = [
        [str(START + n % 31 * DAY), str(START + n % 31 * DAY + DAY), value, "usd", f"item {n}", "p", "org-A", "P", "A"]
        for n, value in enumerate(values)
    ]
    path = tmp_path / "data.csv"
    path.write_bytes(to_bytes([HEADER, *sorted(body, key=lambda row: row[0])]))
    return check(path)


LONG = "0.1234567890123456"  # 16 significant digits


@pytest.mark.parametrize(
    "values, state",
    [
        (["1.25"] * 19, "not_applicable"),
        (["1.25"] * 19 + ["0", "0.00", "0E-6176"], "not_applicable"),
        (["1.25"] * 20, "failed"),
        (["1"] * 20, "failed"),
        (["1.25"] * 19 + ["1.255"], "failed"),
        (["1.25"] * 19 + [LONG], "passed"),
        (["0.12345678901234"] * 20, "failed"),
        (["0.123456789012345"] * 20, "failed"),
        (["0.000123456789012345"] * 20, "failed"),
        (["0.123456789012345"] * 19 + [LONG], "passed"),
        (["0.1234567890123450"] * 20, "passed"),
        (["123456789012345.12"] * 20, "failed"),
        (["-1.25"] * 20, "failed"),
        (["1.25E-3"] * 20, "failed"),
    ],
)
def test_rounded_amounts(values: list[str], state: str, tmp_path: Path) -> None:
    found = amounts(tmp_path, *values)
    assert found.outcome("OC206")["state"] == state
    if state == "failed":
        assert found.places("OC206") == ["-:amount_value"]


BINARY = "5.270056771568749"  # as pandas and polars write 5.2700567715687487654321
DECIMAL = "5.27005677156874876543"


def amounts_with_quantity(tmp_path: Path, *values: str) -> Checked:
    """The same in an export with the column `quantity`."""
    found = good("H3")
    at = found[0].index("amount_value")
    body = [[*row[:at], value, *row[at + 1 :]] for row, value in zip((row for row in found[1:] if row[at]), values, strict=False)]
    path = tmp_path / "data.csv"
    path.write_bytes(to_bytes([found[0], *body]))
    return check(path)


@pytest.mark.parametrize(
    "values, state",
    [
        ([BINARY] * 9, "not_applicable"),
        ([BINARY] * 9 + ["0", "0.00"], "not_applicable"),
        ([BINARY] * 10, "failed"),
        ([BINARY] * 30, "failed"),
        (["0.000013799301149999998"] * 10, "failed"),
        (["13.799301149999998"] * 10, "failed"),
        (["1.3799301149999998e-05"] * 10, "failed"),
        ([BINARY] * 9 + ["5.27005677156874876"], "passed"),
        ([BINARY] * 30 + [DECIMAL], "passed"),
        (["0.04"] * 10, "failed"),
        (["0.0400000000000000000000000000"] * 30, "passed"),
        ([DECIMAL] * 10, "passed"),
    ],
)
def test_amounts_of_a_binary_float_where_openai_writes_decimals(values: list[str], state: str, tmp_path: Path) -> None:
    assert amounts_with_quantity(tmp_path, *values).outcome("OC206")["state"] == state
    if values[0] == BINARY:
        assert amounts(tmp_path, *values).outcome("OC206")["state"] in ("passed", "not_applicable"), "no quantity, no such rule"


def test_the_number_of_digits_is_reported_for_the_limit_that_was_met(tmp_path: Path) -> None:
    (finding,) = amounts_with_quantity(tmp_path, *[BINARY] * 12).outcome("OC206")["findings"]
    assert "none of 12 amounts has more than 17 significant digits" in finding["message"]
    (finding,) = amounts_with_quantity(tmp_path, *["0.123456789012345"] * 20).outcome("OC206")["findings"]
    assert "more than 15 significant digits" in finding["message"]


def test_what_was_found_is_reported_with_its_number(tmp_path: Path) -> None:
    (finding,) = amounts(tmp_path, *["1.25"] * 20).outcome("OC206")["findings"]
    assert "all 20 amounts have at most 2 decimals" in finding["message"]
    (finding,) = amounts(tmp_path, *["0.123456789012345"] * 21).outcome("OC206")["findings"]
    assert "none of 21 amounts has more than 15 significant digits" in finding["message"]


@pytest.mark.parametrize(
    "value, fails", [("-0.01", True), ("-1E-20", True), ("-0", False), ("-0.00", False), ("0", False), ("1E-2", False)]
)
def test_negative_amounts(value: str, fails: bool, tmp_path: Path) -> None:
    assert ("OC207" in amounts(tmp_path, "1", value).failed) is fails
