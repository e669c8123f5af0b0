"""Charges as rows of FOCUS "Cost and Usage" (https://focus.finops.org), version 1.4 or 1.2.

A column is written only if the export says what belongs into it. FOCUS 1.4 requires quantities on every row of usage; exports
before August 2026 have none, and a made-up one would be worse. What an own column (`x_…`) has, FOCUS has no column for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from billproof.model.values import EXACT, amount_of, day_of, money
from billproof.spend.charges import Charge
from billproof.spend.line_items import meter, parse

Version = Literal["1.4", "1.2"]

ISSUER = "OpenAI"
_PROVIDERS: Mapping[Version, tuple[str, ...]] = {
    "1.4": ("HostProviderName", "ServiceProviderName"),
    "1.2": ("ProviderName", "PublisherName"),
}
_COLUMNS = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
    "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost", "InvoiceId",
    "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ServiceCategory", "ServiceName", "ServiceSubcategory",
    "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName", "SubAccountType",
)  # fmt: skip
# What the export says in its own words, by role; written if the export has the column.
_RAW = {"quantity": "x_Quantity", "unit": "x_QuantityUnit", "source": "x_ApiSource"}
_PERSONAL = {"user": "x_UserId", "key": "x_ApiKeyId"}
_UNITS = {"1000_tokens": "1000 Tokens", "gibibyte_hours": "GiB-Hours"}
_MILLION_TOKENS = "1000000 Tokens"


class FocusRows:
    """Makes the rows. `roles` are those that some export has a column for; `personal` adds IDs of users and keys."""

    amount = "BilledCost"

    def __init__(
        self, version: Version, roles: Collection[str], *, personal: bool = False, issuer: str = ISSUER, invoice: str = ""
    ) -> None:
        own = {**_RAW, **(_PERSONAL if personal else {})}
        self._own = {role: column for role, column in own.items() if role in roles}
        self._providers = dict.fromkeys(_PROVIDERS[version], "OpenAI")
        self._issuer, self._invoice = issuer, invoice
        self.columns = (
            *sorted((*_COLUMNS, *self._providers)), *sorted((*self._own.values(), "x_SourceFile", "x_SourceLine")),
        )  # fmt: skip
        self.without_quantity = 0

    def row(self, charge: Charge, file: str) -> list[str]:
        """The cells of a charge, one for each column."""
        cost = _number(charge.amount)
        cells = {
            **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost),
            **_periods(day_of(charge.day)), **_sku(charge.item), **self._quantities(charge), **self._providers,
            "BillingAccountId": charge.organization, "BillingAccountName": charge.organization_name,
            "BillingAccountType": "Organization", "BillingCurrency": charge.currency.upper(),
            "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based",
            "InvoiceId": self._invoice, "InvoiceIssuerName": self._issuer,
            "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI", "ServiceName": "OpenAI API",
            "x_SourceFile": file, "x_SourceLine": str(charge.line),
            **{column: getattr(charge, role) for role, column in self._own.items()},
        }  # fmt: skip
        if charge.project:
            cells |= {"SubAccountId": charge.project, "SubAccountName": charge.project_name, "SubAccountType": "Project"}
        return [cells.get(column, "") for column in self.columns]

    def _quantities(self, charge: Charge) -> dict[str, str]:
        """Quantity and unit, as consumed and as priced; none if either is missing or the quantity is not a number."""
        count = amount_of(charge.quantity)
        if count is None or not charge.unit.strip():
            self.without_quantity += 1
            return {}
        unit = _UNITS.get(charge.unit) or _unit(charge.unit)
        consumed = {"ConsumedQuantity": _number(count), "ConsumedUnit": unit}
        if charge.unit != "tokens":
            return consumed | {"PricingQuantity": _number(count), "PricingUnit": unit}
        return consumed | {"PricingQuantity": _number(count.scaleb(-6, EXACT)), "PricingUnit": _MILLION_TOKENS}


def _number(value: Decimal) -> str:
    """A number as every reader takes it: plain digits with one decimal at least, or some programs guess whole numbers."""
    text = money(value)
    return text if "." in text else f"{text}.0"


@lru_cache(40)
def _periods(day: date) -> dict[str, str]:
    """The day, and its month, from their first instant to that of the next."""
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    bounds = {"ChargePeriodStart": day, "ChargePeriodEnd": day + timedelta(days=1), "BillingPeriodStart": first}
    return {name: f"{at.isoformat()}T00:00:00Z" for name, at in {**bounds, "BillingPeriodEnd": after}.items()}


def _unit(unit: str) -> str:
    """`duration_seconds` as FOCUS writes units: `Seconds`."""
    return unit.removeprefix("duration_").replace("_", " ").strip().title() or unit


@lru_cache(4096)
def _sku(text: str) -> dict[str, str]:
    """The line item is the SKU, and its price: the key is the same whether or not there is a quantity."""
    item = parse(text)
    pairs = {
        "x_ModelId": item.model, "x_Modality": item.modality,
        "x_TokenDirection": item.direction and item.direction.capitalize(),
        "x_TokenCacheAction": item.cache and item.cache.capitalize(),
        "x_ProcessingTier": item.tier, "x_ContextTier": item.context, "x_Product": item.product,
    }  # fmt: skip
    known = {key: value for key, value in pairs.items() if value}
    details = json.dumps(known, ensure_ascii=False, separators=(",", ":")) if known else ""
    return {
        "ChargeDescription": item.raw, "SkuId": item.raw, "SkuPriceId": item.raw, "SkuMeter": meter(item),
        "SkuPriceDetails": details,
    }  # fmt: skip
