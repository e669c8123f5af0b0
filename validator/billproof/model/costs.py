"""OpenAI's own record of a month, as exports are compared with it: exact sums by day, project and line item."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from billproof.model.record import Record
from billproof.model.values import shown, with_name

# Day number, project ID and line item; an empty text where OpenAI gives none.
CostKey = tuple[int, str, str]

OPENAI_URL = "https://api.openai.com"
# How it is said that an integration has a folder of records, and no record for a month in it.
NO_FIT = "there is no record of OpenAI's costs for this month"


def called(base_url: str) -> str:
    """What a record from an address is called: it is OpenAI's only if it came from there."""
    return "OpenAI's record" if base_url == OPENAI_URL else f"The record from {base_url}"


class CostsRecord(Record):
    """What the Costs API said of a month of an organization: its `days` that had ended when
    reading `started`, `amounts` in USD, `names` of projects; the organization's name, or names, if the answers have one."""

    sha256: str
    organization: str
    month: str
    days: range
    started: datetime
    finished: datetime
    base_url: str
    amounts: Mapping[CostKey, Decimal]
    names: Mapping[str, str]
    organization_name: str = ""
    signed: bool = False

    @property
    def whose(self) -> str:
        """The organization's ID with its name, as it may be shown."""
        return shown(with_name(self.organization, self.organization_name))


class CostsFacts(Record):
    """What came of the comparison of a file with a record: how many keys, the record's total, by how much the file is above it,
    and the sums of the file and of the record by project. `agrees`: every rule that compares passed; False if one found a
    difference, None if they could not compare. `differs` names the pattern of the differences: whole projects are missing, or
    only the line items differ.
    """

    sha256: str
    started: datetime
    finished: datetime
    base_url: str
    signed: bool
    settles: timedelta
    keys: int
    total: Decimal
    difference: Decimal
    by_project: Mapping[str, tuple[Decimal, Decimal]]
    names: Mapping[str, str]
    agrees: bool | None
    differs: Literal["projects_missing", "line_items_differ"] | None


class CostsAtHand(Record):
    """The record to compare an export with, or in `lacking` why there is none; without a record that is `demanded` an export is
    unproved. It must have been read once the last day to compare had `ended`, and a day may change for so long as it `settles`.
    """

    ended: datetime
    record: CostsRecord | None = None
    lacking: str = ""
    demanded: bool = False
    settles: timedelta = timedelta(hours=48)
