"""Charges as lines of a Pelanor custom invoice (https://docs.pelanor.io/integrations/services/custom-invoices)."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Context, Decimal
from functools import lru_cache

from billproof.model.values import EXACT, amount_of, day_of, money
from billproof.spend.charges import Charge
from billproof.spend.line_items import family, parse

# Pelanor knows eight types of consumption; what none of them names is `Other`.
_TYPES = {"images": "Item Count", "requests": "Requests", "duration_hours": "Usage Hours"}
_COLUMNS = (
    "usage_date", "cost", "service_name", "usage_type", "usage_category", "usage_subcategory", "subaccount", "consumption",
    "consumption_type", "tag:project_name", "tag:organization_id", "tag:organization_name", "tag:processing_tier",
    "tag:context", "tag:quantity_unit",
)  # fmt: skip
_OF_QUANTITY = {"consumption", "consumption_type", "tag:quantity_unit"}
_PERSONAL = {"user": "tag:user_id", "key": "tag:api_key_id"}
_ROUNDING = Context(prec=200)


class InvoiceRows:
    """Makes the rows. With `decimals`, costs are rounded and the rest is carried into the next row: the file's total is the
    exact total, rounded once, and no row moves by a whole unit of its last digit.
    """

    amount = "cost"

    def __init__(self, roles: Collection[str], *, personal: bool = False, decimals: int | None = None) -> None:
        self._own = {role: column for role, column in _PERSONAL.items() if personal and role in roles}
        columns = (column for column in _COLUMNS if "quantity" in roles or column not in _OF_QUANTITY)
        self.columns = (*columns, *self._own.values())
        self.largest_change = Decimal(0)
        self._step = None if decimals is None else Decimal(1).scaleb(-decimals)
        self._exact = self._written = Decimal(0)

    def row(self, charge: Charge, file: str) -> list[str]:
        """The cells of a charge, one for each column."""
        count = amount_of(charge.quantity) if charge.unit.strip() else None
        cells = {
            "usage_date": day_of(charge.day).isoformat(), "cost": money(self._cost(charge.amount)), "service_name": "OpenAI API",
            **_of_item(charge.item), "subaccount": charge.project, "tag:project_name": charge.project_name,
            "tag:organization_id": charge.organization, "tag:organization_name": charge.organization_name,
            "tag:quantity_unit": charge.unit,
            **{column: getattr(charge, role) for role, column in self._own.items()},
        }  # fmt: skip
        if count is not None:
            cells |= {"consumption": money(count), "consumption_type": _TYPES.get(charge.unit, "Other")}
        return [cells.get(column, "") for column in self.columns]

    def _cost(self, amount: Decimal) -> Decimal:
        """What is written for an amount: with `decimals`, the step by which the rounded running total grows."""
        self._exact = EXACT.add(self._exact, amount)
        upto = self._exact if self._step is None else self._exact.quantize(self._step, context=_ROUNDING)
        cost, self._written = EXACT.subtract(upto, self._written), upto
        self.largest_change = max(self.largest_change, abs(EXACT.subtract(cost, amount)))
        return cost


@lru_cache(4096)
def _of_item(text: str) -> dict[str, str]:
    """What the line item says. The category is the model's family, else the product, else the line item."""
    item = parse(text)
    return {
        "usage_type": text, "usage_category": family(item.model) if item.model else item.product or text,
        "usage_subcategory": item.kind or ", ".join(item.other),
        "tag:processing_tier": item.tier or "", "tag:context": item.context or "",
    }  # fmt: skip
