"""The charges as CSV, for a spreadsheet or a dashboard: a row for each month, project and line item, with exact amounts."""

from __future__ import annotations

import csv
import io

from billproof.model.values import money, shown
from billproof.spend.document import Spend
from billproof.spend.told import project_label

FORMULA = ("=", "@", "+", "-")
COLUMNS = (
    "month", "integration", "organization", "project_id", "project_name", "line_item", "amount", "currency", "quantity", "unit",
)  # fmt: skip


def render_csv(spend: Spend) -> str:
    """UTF-8 text with LF, quoted where it must be. Only a charge that is counted in one unit throughout has a quantity."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    currency = spend.document["currency"]
    for month in spend.months:
        for one in spend.organizations:
            sides = one.months[month].sides if month in one.months else {}
            for cell, side in sorted(sides.items()):
                project = (_harmless(cell.project), _harmless(project_label(one, cell.project)) if cell.project else "")
                counted = (money(side.quantity), _harmless(side.unit)) if side.unit and side.counted == side.amount else ("", "")
                whose = (month, one.integration.name, _harmless(one.integration.organization))
                writer.writerow([*whose, *project, _harmless(cell.item), money(side.amount), currency, *counted])
    return out.getvalue()


def _harmless(text: str) -> str:
    """A text that a spreadsheet would run is marked as text."""
    return f"'{shown(text, None)}" if text.startswith(FORMULA) else shown(text, None)
