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


def test_what_was_found_is_told_with_its_number(tmp_path: Path) -> None:
    (finding,) = amounts(tmp_path, *["1.25"] * 20).outcome("OC206")["findings"]
    assert "all 20 amounts have at most 2 decimals" in finding["message"]
    (finding,) = amounts(tmp_path, *["0.123456789012345"] * 21).outcome("OC206")["findings"]
    assert "none of 21 amounts has more than 15 significant digits" in finding["message"]


@pytest.mark.parametrize(
    "value, fails", [("-0.01", True), ("-1E-20", True), ("-0", False), ("-0.00", False), ("0", False), ("1E-2", False)]
)
def test_negative_amounts(value: str, fails: bool, tmp_path: Path) -> None:
    assert ("OC207" in amounts(tmp_path, "1", value).failed) is fails
