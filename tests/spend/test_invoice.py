"""The custom invoice for Pelanor: its columns, its types of consumption, and rounding that loses nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billproof.spend.charges import Charge
from billproof.spend.invoice import InvoiceRows
from tests.spend.exports import H1, convert, export, rows_of, total_of
from tests.support import check, fixture

WARNING = "Pelanor counts this month twice if its OpenAI integration also gets the export"


GATE = {("good-h4", 6), ("good-exponents", 0), ("negative", 2)}


def row(tmp_path: Path, header: str | None = None, **cells: str) -> dict[str, str]:
    """The row of one charge."""
    source = export(tmp_path / "cost.csv", [{"amount_value": "1.50", **cells}], *([header] if header else []))
    output = tmp_path / "invoice.csv"
    code, out, err = convert(source, "--to", "pelanor-invoice", "--output", output)
    assert (code, err, WARNING in out) == (0, "", True), out
    (found,) = rows_of(output)
    return found


def test_a_whole_row(tmp_path: Path) -> None:
    cells = {"line_item": "flex | gpt-4o-2024-08-06, cached input, long context", "quantity": "1200.0", "quantity_unit": "tokens"}
    assert row(tmp_path, **cells) == {
        "usage_date": "2025-10-01",
        "cost": "1.5",
        "service_name": "OpenAI API",
        "usage_type": "flex | gpt-4o-2024-08-06, cached input, long context",
        "usage_category": "gpt-4o",
        "usage_subcategory": "cached input",
        "subaccount": "proj_EXAMPLE1",
        "consumption": "1200",
        "consumption_type": "Other",
        "tag:project_name": "Search",
        "tag:organization_id": "org-EXAMPLE1",
        "tag:organization_name": "Acme Research",
        "tag:processing_tier": "flex",
        "tag:context": "long",
        "tag:quantity_unit": "tokens",
    }


def test_an_export_without_quantities_has_no_columns_for_them(tmp_path: Path) -> None:
    assert not {"consumption", "consumption_type", "tag:quantity_unit"} & row(tmp_path, H1).keys()


@pytest.mark.parametrize(
    "unit, quantity, consumption, type_",
    [
        ("images", "3", "3", "Item Count"), ("requests", "3", "3", "Requests"), ("duration_hours", "1.50", "1.5", "Usage Hours"),
        ("gibibyte_hours", "3", "3", "Other"), ("foo_bars", "3", "3", "Other"), ("", "3", "", ""), ("images", "", "", ""),
        ("images", "many", "", ""),
    ],
)  # fmt: skip
def test_consumption(unit: str, quantity: str, consumption: str, type_: str, tmp_path: Path) -> None:
    found = row(tmp_path, quantity=quantity, quantity_unit=unit)
    assert (found["consumption"], found["consumption_type"], found["tag:quantity_unit"]) == (consumption, type_, unit)


@pytest.mark.parametrize(
    "item, category, subcategory",
    [
        ("gpt-5, output", "gpt-5", "output"),
        ("ft:gpt-4o-mini-2024-07-18:acme::AbC1, input", "ft:gpt-4o-mini-2024-07-18:acme::AbC1", "input"),
        ("assistants api | file search", "assistants api", "file search"),
        ("dall-e 3, standard, 1024x1024", "dall-e 3", "standard, 1024x1024"),
        ("whisper", "whisper", ""),
        ("Vector store (GB-day)", "Vector store (GB-day)", "Vector store (GB-day)"),
    ],
)
def test_categories(item: str, category: str, subcategory: str, tmp_path: Path) -> None:
    found = row(tmp_path, line_item=item)
    assert (found["usage_type"], found["usage_category"], found["usage_subcategory"]) == (item, category, subcategory)


@pytest.mark.parametrize(
    "case, decimals",
    [
        pytest.param(case, decimals, marks=() if (case, decimals) in GATE else pytest.mark.soak)
        for case in ("good-h1", "good-h4", "good-exponents", "negative")
        for decimals in (10, 6, 2, 0)
    ],
)
def test_rounded_costs_add_up_to_the_exact_total_rounded_once(case: str, decimals: int, tmp_path: Path) -> None:
    source, output = fixture(case), tmp_path / "invoice.csv"
    code, out, _ = convert(source, "--to", "pelanor-invoice", "--decimals", str(decimals), "--output", output)
    exact, step = total_of(source, "amount_value"), Decimal(1).scaleb(-decimals)
    assert (code, total_of(output, "cost")) == (0, exact.quantize(step))
    amounts = [Decimal(row["amount_value"]) for row in rows_of(source) if row["amount_value"]]
    costs = [Decimal(row["cost"]) for row in rows_of(output)]
    changes = [abs(cost - amount) for cost, amount in zip(costs, amounts, strict=True)]
    assert max(changes) < step
    assert all(cost >= 0 for cost, amount in zip(costs, amounts, strict=True) if amount >= 0)
    assert f"  written   {exact.quantize(step):,f} USD, with {decimals} decimals" in out
    assert f"no cost by more than {max(changes):f}".rstrip("0") in out


AMOUNTS = st.decimals(min_value=-100, max_value=10_000, places=12)


@given(st.lists(AMOUNTS, min_size=1, max_size=30), st.integers(0, 14))
def test_carrying_the_rest_moves_no_row_by_a_unit(amounts: list[Decimal], decimals: int) -> None:
    rows, step, total, written = InvoiceRows((), decimals=decimals), Decimal(1).scaleb(-decimals), Decimal(0), Decimal(0)
    for amount in amounts:
        charge = Charge(2, 20_362, amount, "usd", "o", "O", "", "", "whisper", "", "", "", "", "")
        cost = Decimal(rows.row(charge, "")[rows.columns.index("cost")])
        total, written = total + amount, written + cost
        assert abs(cost - amount) < step
        assert cost >= 0 or amount < 0
    assert written == total.quantize(step)


@pytest.mark.parametrize("case", ["good-h1", "good-odd-names"])
def test_the_built_in_rules_find_no_error_in_it(case: str, tmp_path: Path, invoice_rules: None) -> None:
    output = tmp_path / "invoice.csv"
    _, out, _ = convert(fixture(case), "--to", "pelanor-invoice", "--output", output)
    found = check(output, "--ruleset", "pelanor-invoice")
    # Days without usage have no line, which the rules cannot tell from days that were forgotten: said, and found.
    assert (found.code, found.failed) == (0, {"CI302"})
    assert "days without usage have no line" in out
