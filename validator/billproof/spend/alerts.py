"""Which findings are worth a message: those of a kind that `alerts:` names, of at least so many dollars."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from billproof.spend.phrases import KIND_NAMES, Tree


def alerting(document: Tree, limits: Mapping[str, Mapping[str, Decimal]]) -> list[str]:
    """One line for each finding of a named kind, oldest first; `limits` are USD by kind for each integration."""
    return [
        f"{entry['day']}  {entry['integration']}  {KIND_NAMES[entry['kind']]}  {entry['text']}"
        for entry in document["findings"]
        if (least := limits[entry["integration"]].get(entry["kind"])) is not None and abs(Decimal(entry["amount"])) >= least
    ]
