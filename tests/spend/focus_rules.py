"""What FOCUS 1.4 says of the columns that billproof writes, read from the column texts of the specification (CC-BY-4.0).

The official 1.4 model is not on any registry; this is a second reading, beside the judges of `test_judges.py`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

NOT_NULL = (
    "BilledCost", "BillingAccountId", "BillingAccountType", "BillingCurrency", "ChargeCategory", "ChargeFrequency",
    "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "ServiceCategory", "ServiceName", "ServiceSubcategory",
    "SkuId", "SkuMeter", "SkuPriceId",
)  # fmt: skip
COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
PAIRS = (("PricingQuantity", "PricingUnit"), ("ConsumedQuantity", "ConsumedUnit"), ("SubAccountId", "SubAccountType"))
NUMBERS = (*COSTS, "PricingQuantity", "ConsumedQuantity")
INSTANTS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")


def broken(rows: Sequence[dict[str, str]]) -> Counter[str]:
    """The rules that rows break, each with how many do."""
    found: Counter[str] = Counter()
    parents: dict[str, str] = {}
    for row in rows:
        found.update(f"{name} MUST NOT be null" for name in NOT_NULL if not row[name])
        found.update(f"{name} MUST NOT be null for usage" for name in ("PricingQuantity", "ConsumedQuantity") if not row[name])
        found.update(f"{unit} null exactly when {count} is" for count, unit in PAIRS if bool(row[unit]) != bool(row[count]))
        found.update(f"{name} is plain, with a decimal" for name in NUMBERS if not re.fullmatch(r"(-?\d+\.\d+)?", row[name]))
        found.update(f"{name} is UTC" for name in INSTANTS if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[name]))
        found.update(f"{key} begins with x_" for key in json.loads(row["SkuPriceDetails"] or "{}") if not key.startswith("x_"))
        found["costs are equal without a list price"] += len({Decimal(row[name]) for name in COSTS}) > 1
        found["SubAccountName null when SubAccountId is"] += not row["SubAccountId"] and bool(row["SubAccountName"])
        found["ChargeClass null when nothing is corrected"] += bool(row["ChargeClass"])
        found["SkuPriceId has one parent"] += parents.setdefault(row["SkuPriceId"], row["SkuId"]) != row["SkuId"]
        inside = row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
        found["the charge is inside its billing period"] += not inside
        found["currency is ISO 4217"] += not re.fullmatch("[A-Z]{3}", row["BillingCurrency"])
    return +found
