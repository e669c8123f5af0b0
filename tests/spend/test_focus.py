"""FOCUS, column by column: what each cell is, in which unit a quantity is, and what is not written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.spend.exports import H1, convert, export, rows_of


def row(tmp_path: Path, header: str | None = None, *options: str, **cells: str) -> dict[str, str]:
    """The row of one charge."""
    source = export(tmp_path / "cost.csv", [{"amount_value": "1.50", **cells}], *([header] if header else []))
    output = tmp_path / "focus.csv"
    code, out, err = convert(source, "--to", "focus", "--output", output, *options)
    assert (code, err) == (0, ""), out
    (found,) = rows_of(output)
    return found


def rows(tmp_path: Path, *cells: dict[str, str]) -> list[dict[str, str]]:
    """The rows of many charges, each in a project of its own."""
    charges = [{"amount_value": "1.50", "project_id": f"proj_EXAMPLE{number}", **one} for number, one in enumerate(cells)]
    output = tmp_path / "focus.csv"
    assert convert(export(tmp_path / "cost.csv", charges), "--to", "focus", "--output", output)[0] == 0
    return rows_of(output)


def test_a_whole_row(tmp_path: Path) -> None:
    assert row(
        tmp_path, line_item="priority | gpt-5.6-sol, cached input, long context", quantity="1234567.0", quantity_unit="tokens",
        amount_currency="usd", api_source="responses", amount_value="0.00123400",
    ) == {
        "BilledCost": "0.001234",
        "BillingAccountId": "org-EXAMPLE1",
        "BillingAccountName": "Acme Research",
        "BillingAccountType": "Organization",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": "2025-11-01T00:00:00Z",
        "BillingPeriodStart": "2025-10-01T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": "priority | gpt-5.6-sol, cached input, long context",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": "2025-10-02T00:00:00Z",
        "ChargePeriodStart": "2025-10-01T00:00:00Z",
        "ConsumedQuantity": "1234567.0",
        "ConsumedUnit": "Tokens",
        "ContractedCost": "0.001234",
        "EffectiveCost": "0.001234",
        "HostProviderName": "OpenAI",
        "InvoiceId": "",
        "InvoiceIssuerName": "OpenAI",
        "ListCost": "0.001234",
        "PricingQuantity": "1.234567",
        "PricingUnit": "1000000 Tokens",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "OpenAI API",
        "ServiceProviderName": "OpenAI",
        "ServiceSubcategory": "Generative AI",
        "SkuId": "priority | gpt-5.6-sol, cached input, long context",
        "SkuMeter": "Cached Input Tokens",
        "SkuPriceDetails": '{"x_ModelId":"gpt-5.6-sol","x_TokenDirection":"Input","x_TokenCacheAction":"Read",'
        '"x_ProcessingTier":"priority","x_ContextTier":"long"}',
        "SkuPriceId": "priority | gpt-5.6-sol, cached input, long context",
        "SubAccountId": "proj_EXAMPLE1",
        "SubAccountName": "Search",
        "SubAccountType": "Project",
        "x_ApiSource": "responses",
        "x_Quantity": "1234567.0",
        "x_QuantityUnit": "tokens",
        "x_SourceFile": "cost.csv",
        "x_SourceLine": "2",
    }  # fmt: skip


def test_columns_are_in_order_and_own_ones_come_last(tmp_path: Path) -> None:
    names = [*row(tmp_path, None, "--user-ids")]
    own = [name for name in names if name.startswith("x_")]
    assert names == [*sorted(set(names) - set(own)), *own]
    assert own == ["x_ApiKeyId", "x_ApiSource", "x_Quantity", "x_QuantityUnit", "x_SourceFile", "x_SourceLine", "x_UserId"]


def test_version_1_2_names_provider_and_publisher(tmp_path: Path) -> None:
    found = row(tmp_path, None, "--focus-version", "1.2")
    assert {found["ProviderName"], found["PublisherName"]} == {"OpenAI"}
    assert not {"HostProviderName", "ServiceProviderName"} & found.keys()


def test_the_issuer_and_the_invoice_are_as_told(tmp_path: Path) -> None:
    found = row(tmp_path, None, "--issuer", "OpenAI Ireland Limited", "--invoice-id", "INV-7")
    assert (found["InvoiceIssuerName"], found["InvoiceId"], found["ServiceProviderName"]) == (
        "OpenAI Ireland Limited",
        "INV-7",
        "OpenAI",
    )


def test_the_first_exports_have_no_quantities_and_none_is_made_up(tmp_path: Path) -> None:
    found = row(tmp_path, H1, line_item="gpt-5, input")
    empty = ("ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit")
    assert {found[name] for name in empty} == {""}
    assert (found["SkuId"], found["SkuPriceId"], found["SkuMeter"]) == ("gpt-5, input", "gpt-5, input", "Input Tokens")
    assert [name for name in found if name.startswith("x_")] == ["x_SourceFile", "x_SourceLine"]


def test_a_charge_without_a_project_has_no_sub_account(tmp_path: Path) -> None:
    source = export(
        tmp_path / "cost.csv",
        [{"amount_value": "1"}, {"amount_value": "2", "project_id": ""}, {"amount_value": "3", "project_id": "", "day": "2"}],
    )
    assert convert(source, "--to", "focus", "--output", tmp_path / "focus.csv")[0] == 0
    found = [(row["SubAccountId"], row["SubAccountName"], row["SubAccountType"]) for row in rows_of(tmp_path / "focus.csv")]
    assert found == [("proj_EXAMPLE1", "Search", "Project"), ("", "", ""), ("", "", "")]


UNITS = [
    ("tokens", "Tokens", "1000000 Tokens", "0.0025"),
    ("1000_tokens", "1000 Tokens", "1000 Tokens", "2500.0"),
    ("duration_seconds", "Seconds", "Seconds", "2500.0"),
    ("duration_minutes", "Minutes", "Minutes", "2500.0"),
    ("duration_hours", "Hours", "Hours", "2500.0"),
    ("gibibyte_hours", "GiB-Hours", "GiB-Hours", "2500.0"),
    ("images", "Images", "Images", "2500.0"),
    ("characters", "Characters", "Characters", "2500.0"),
    ("foo_bars", "Foo Bars", "Foo Bars", "2500.0"),
    ("", "", "", ""),
    ("   ", "", "", ""),
]


def test_units(tmp_path: Path) -> None:
    written = rows(tmp_path, *({"quantity": "2500", "quantity_unit": unit} for unit, *_ in UNITS))
    for found, (unit, consumed, priced, quantity) in zip(written, UNITS, strict=True):
        assert (found["ConsumedUnit"], found["PricingUnit"], found["PricingQuantity"]) == (consumed, priced, quantity)
        assert found["ConsumedQuantity"] == ("2500.0" if quantity else "")
        assert (found["x_Quantity"], found["x_QuantityUnit"]) == ("2500", unit)


QUANTITIES = [
    ("1", "1.0", "0.000001"), ("0", "0.0", "0.0"), ("0E-6176", "0.0", "0.0"), ("1E+3", "1000.0", "0.001"),
    ("1234567890123.123456789012345678", "1234567890123.123456789012345678", "1234567.890123123456789012345678"),
    ("-5", "-5.0", "-0.000005"), ("", "", ""), ("NaN", "", ""), ("1,5", "", ""), ("many", "", ""), ("1e999", "", ""),
]  # fmt: skip


def test_quantities_are_exact_or_not_written(tmp_path: Path) -> None:
    written = rows(tmp_path, *({"quantity": quantity, "quantity_unit": "tokens"} for quantity, *_ in QUANTITIES))
    for found, (quantity, consumed, priced) in zip(written, QUANTITIES, strict=True):
        assert (found["ConsumedQuantity"], found["PricingQuantity"]) == (consumed, priced)
        assert bool(found["ConsumedUnit"]) is bool(found["PricingUnit"]) is bool(consumed)
        assert found["x_Quantity"] == quantity


AMOUNTS = [
    ("3", "3.0"), ("3.00", "3.0"), ("0", "0.0"), ("0E-6176", "0.0"), ("1E+3", "1000.0"), ("-0.50", "-0.5"), ("-0", "0.0"),
    ("0.123456789012345678901234567890123456", "0.123456789012345678901234567890123456"), ("1.5E-7", "0.00000015"),
]  # fmt: skip


def test_amounts_are_plain_and_have_a_decimal(tmp_path: Path) -> None:
    written = rows(tmp_path, *({"amount_value": amount} for amount, _ in AMOUNTS))
    for found, (_, text) in zip(written, AMOUNTS, strict=True):
        assert {found[name] for name in ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")} == {text}
        assert found["ChargeCategory"] == "Usage"


ITEMS = [
    ("batch api | gpt-4o-2024-08-06 audio, output",
     {"x_ModelId": "gpt-4o-2024-08-06", "x_Modality": "audio", "x_TokenDirection": "Output", "x_ProcessingTier": "batch"},
     "Audio Output Tokens"),
    ("gpt-5.6-luna, cache writes",
     {"x_ModelId": "gpt-5.6-luna", "x_TokenDirection": "Input", "x_TokenCacheAction": "Write"}, "Cache Write Tokens"),
    ("assistants api | file search", {"x_Product": "assistants api"}, "assistants api | file search"),
    ("Vector store (GB-day)", None, "Vector store (GB-day)"),
    ("模型, 输入", None, "模型, 输入"),
    ('say "hi", input', {"x_TokenDirection": "Input"}, "Input Tokens"),
]  # fmt: skip


def test_what_the_line_item_says(tmp_path: Path) -> None:
    written = rows(tmp_path, *({"line_item": item} for item, *_ in ITEMS))
    for found, (item, details, meter) in zip(written, ITEMS, strict=True):
        assert {found["ChargeDescription"], found["SkuId"], found["SkuPriceId"]} == {item}
        assert (json.loads(found["SkuPriceDetails"] or "null"), found["SkuMeter"]) == (details, meter)


@pytest.mark.parametrize("month, after", [("2025-10", "2025-11"), ("2024-02", "2024-03"), ("2025-12", "2026-01")])
def test_the_billing_period_is_the_month(month: str, after: str, tmp_path: Path) -> None:
    from datetime import date

    from billproof.spend.focus import _periods

    last = date.fromisoformat(f"{month}-28")
    assert _periods(last) == {
        "ChargePeriodStart": f"{month}-28T00:00:00Z", "ChargePeriodEnd": f"{month}-29T00:00:00Z",
        "BillingPeriodStart": f"{month}-01T00:00:00Z", "BillingPeriodEnd": f"{after}-01T00:00:00Z",
    }  # fmt: skip
