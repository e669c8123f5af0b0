"""The contract on cost exports, read a second time: which errors and warnings a file has, and so whether it may pass.

Written from the words of the contract and not from the program, of which nothing is imported: a mistake of the engine is not
copied. Bytes and settings go in, a `Reading` comes out. Where the contract is silent, a rule stands in `unsure`.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import NamedTuple

DAY = 86_400
REQUIRED = (
    "start_time", "end_time", "amount_value", "amount_currency", "line_item", "project_id", "organization_id", "project_name",
    "organization_name",
)  # fmt: skip
TIMES = ("start_time", "end_time", "start_time_iso", "end_time_iso")
MEASURES = ("amount_value", "quantity")
EXACT = (*TIMES, *MEASURES, "project_id", "organization_id", "user_id", "api_key_id", "amount_currency")
TEXTS = ("line_item", "api_source", "quantity_unit", "project_name", "organization_name", "user_email")
AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,4})?", re.ASCII)
ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(Z|[+-]\d\d:\d\d)?", re.ASCII)
# Rules that a broken record or header breaks: what else fails then is the precedence's business, not this reading's.
STRUCTURE = {f"CSV{number:03}" for number in range(1, 14)} | {"OC101", "OC102", "OC103", "OC104", "OC107", "OC201"}


class Asked(NamedTuple):
    """What a check was asked for; `organization` is that of the option or of the integration."""

    as_of: datetime
    month: str | None = None
    month_to_date: bool = False
    organization: str | None = None


class Reading(NamedTuple):
    """Rules that the file breaks by their level, and those of which the contract does not say; whether no day of the month had
    ended; the organizations of charged rows, and the one of most of them; the total, if there is no error.
    """

    errors: frozenset[str]
    warnings: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    none_ended: bool = False
    organizations: frozenset[str] = frozenset()
    most_charged: str | None = None
    total: str | None = None

    @property
    def has_structure(self) -> bool:
        """Whether every record can be relied on."""
        return not self.errors & STRUCTURE


class Record(NamedTuple):
    """A record as it lies in the file: cells, which of them are in quotes, and whether it is well formed."""

    cells: list[str]
    quoted: list[bool]
    sound: bool


def read(data: bytes, asked: Asked) -> Reading:
    """What the contract says of these bytes."""
    errors, warnings, unsure = set[str](), set[str](), set[str]()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return Reading(frozenset({"CSV002"}))
    if text.startswith("\ufeff"):
        errors.add("CSV003")
        text = text[1:]
    if "\r" in text:
        errors.add("CSV004")
    if any(unicodedata.category(one) == "Cc" and one not in "\r\n" for one in text):
        errors.add("CSV005")
    if text and text[-1] not in "\r\n":
        errors.add("CSV009")
    found = list(records(text.replace("\r\n", "\n").replace("\r", "\n")))
    if any(one.cells == [""] and not one.quoted[0] for one in found):
        errors.add("CSV010")
    filled = [one for one in found if one.cells != [""] or one.quoted[0]]
    if len(filled) < 2:
        errors.add("CSV001")
    if not all(one.sound and max(map(len, one.cells)) <= 131_072 for one in filled):
        errors.add("CSV007")
    for one in filled:
        if any(is_quoted and not set(cell) & set(',"\n') for cell, is_quoted in zip(one.cells, one.quoted, strict=True)):
            warnings.add("CSV011")
    if not filled:
        return Reading(frozenset(errors), frozenset(warnings))
    header = filled[0].cells
    if len(set(header)) < len(header):
        errors.add("CSV013")
    if any(len(one.cells) != len(header) for one in filled[1:]):
        errors.add("CSV008")
    if set(REQUIRED) - set(header):
        errors.add("OC104")
    elif [name for name in header if name in REQUIRED] != list(REQUIRED):
        errors.add("OC107")
    if errors & {"CSV013", "OC104"}:
        return Reading(frozenset(errors), frozenset(warnings))
    raw = [dict(zip(header, one.cells, strict=False)) for one in filled[1:] if len(one.cells) == len(header)]
    table = Table(raw)
    table.cells(errors, warnings, unsure)
    none_ended = "OC201" not in errors and bool(table.rows) and table.days(asked, errors, warnings, unsure)
    table.groups(asked, errors, warnings)
    ids = Counter(row["organization_id"] for row in table.charged if row["organization_id"])
    most = next((id_ for id_, _ in ids.most_common(1)), None)
    total = None if errors else exact(row["amount_value"] for row in table.charged)
    return Reading(frozenset(errors), frozenset(warnings), frozenset(unsure), none_ended, frozenset(ids), most, total)


def exact(amounts: Iterable[str]) -> str:
    """The sum of amounts with all its digits: plain, and no zeros at the end."""
    with localcontext() as context:
        context.prec = 500
        text = f"{sum((Decimal(one) for one in amounts if Decimal(one)), Decimal(0)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def records(text: str) -> Iterator[Record]:
    """RFC 4180 with LF, read letter by letter; a quotation mark is sound only around a cell, or doubled in one that has some."""
    cells, quoted, sound, cell, state = list[str](), list[bool](), True, list[str](), "start"
    for one in text:
        if state == "inside":
            if one == '"':
                state = "closed"
            else:
                cell.append(one)
        elif one == '"':
            if state == "closed":
                state = "inside"
                cell.append(one)
            elif state == "start":
                state = "inside"
                quoted.append(True)
            else:
                sound = False
                cell.append(one)
        elif one in ",\n":
            if len(quoted) == len(cells):
                quoted.append(False)
            cells.append("".join(cell))
            cell, state = [], "start"
            if one == "\n":
                yield Record(cells, quoted, sound)
                cells, quoted, sound = [], [], True
        else:
            if state == "closed":
                sound = False
            if state == "start":
                quoted.append(False)
                state = "plain"
            cell.append(one)
    if cells or cell or state != "start":
        if len(quoted) == len(cells):
            quoted.append(False)
        yield Record([*cells, "".join(cell)], quoted, sound and state != "inside")


class Table:
    """The rows of a file with its columns, as they stand in `raw` and without blanks around in `rows`."""

    def __init__(self, raw: list[dict[str, str]]) -> None:
        self.raw = raw
        self.rows = [{name: stripped(cell) for name, cell in row.items()} for row in raw]
        self.charged = [row for row in self.rows if any(cell for name, cell in row.items() if name not in TIMES)]

    def cells(self, errors: set[str], warnings: set[str], unsure: set[str]) -> None:
        """The rules on one cell."""
        for row, plain in zip(self.raw, self.rows, strict=True):
            for name in EXACT:
                cell = row.get(name, "")
                if cell != stripped(cell):
                    (errors if stripped(cell) else unsure).add("OC205")
            for name in TEXTS:
                cell = row.get(name, "")
                if re.match(r"[=@]|[+-][^\W\d_]|[+-]\(", cell):
                    warnings.add("OC208")
                elif re.match(r"[=@+-]", stripped(cell)):
                    unsure.add("OC208")
            for name in ("start_time", "end_time"):
                if not re.fullmatch("[0-9]{9,10}", plain[name], re.ASCII) or not stamp(2015) <= int(plain[name]) < stamp(2101):
                    errors.add("OC201")
                elif int(plain[name]) >= stamp(2100):
                    unsure.add("OC201")
                elif f"{name}_iso" in plain:
                    fits = is_instant(plain[f"{name}_iso"], int(plain[name]))
                    if not fits:
                        (errors if fits is False else unsure).add("OC209")
        if not self.charged:
            errors.add("OC102")
        self.money(errors, warnings, unsure)
        if any(row.get("user_email") for row in self.rows):
            are_addresses = all("@" in row["user_email"] for row in self.rows if row.get("user_email"))
            (warnings if are_addresses else unsure).add("OC701")

    def money(self, errors: set[str], warnings: set[str], unsure: set[str]) -> None:
        """Amounts and currencies of charged rows, and what must be filled there."""
        amounts = list[str]()
        for row in self.charged:
            if not all(row[name] for name in ("amount_value", "amount_currency", "organization_id", "organization_name")):
                errors.add("OC204")
            if row["amount_currency"] not in ("usd", "USD", ""):
                errors.add("OC203")
            if not row["amount_value"]:
                continue
            if not AMOUNT.fullmatch(row["amount_value"]):
                errors.add("OC202")
                continue
            value = Decimal(row["amount_value"])
            if abs(value) >= 10**15 or (value and abs(value) < Decimal("1e-100")):
                errors.add("OC202")
                continue
            if value < 0:
                warnings.add("OC207")
            if value:
                amounts.append(row["amount_value"])
        if any("e" in one.lower() for one in amounts):
            unsure.add("OC206")
            return
        significant = [len(one.replace(".", "").lstrip("-0")) for one in amounts]
        decimals = [len(one.partition(".")[2]) for one in amounts]
        if len(amounts) >= 20 and (max(decimals) <= 2 or max(significant) <= 15):
            warnings.add("OC206")
        if amounts and "quantity" in self.rows[0] and len(amounts) >= 10 and max(significant) <= 17:
            warnings.add("OC206")

    def days(self, asked: Asked, errors: set[str], warnings: set[str], unsure: set[str]) -> bool:
        """The rules on days and months. Gives whether no day of the month had ended."""
        starts = [int(row["start_time"]) for row in self.rows]
        if any(int(row["end_time"]) != start + DAY for row, start in zip(self.rows, starts, strict=True)):
            errors.add("OC301")
        if any(start % DAY for start in starts):
            errors.add("OC302")
        if starts != sorted(starts):
            errors.add("OC306")
        empty = Counter(start // DAY for row, start in zip(self.rows, starts, strict=True) if not is_charged(row))
        charged = {int(row["start_time"]) // DAY for row in self.charged}
        if any(count > 1 or day in charged for day, count in empty.items()):
            errors.add("OC307")
        days = {start // DAY for start in starts}
        month = asked.month or inferred(days, asked.as_of)
        wanted = days_of(month)
        if not days <= set(wanted):
            errors.add("OC303")
        ended = [day for day in wanted if (day + 1) * DAY <= asked.as_of.timestamp()]
        if not days.issuperset(ended):
            errors.add("OC304")
        is_over = len(ended) == len(wanted)
        if not is_over and not asked.month_to_date:
            errors.add("OC305")
        since = asked.as_of - datetime.fromtimestamp((wanted[-1] + 1) * DAY, UTC)
        if is_over and since < timedelta(hours=48):
            warnings.add("OC309")
        elif since == timedelta(hours=48):
            unsure.add("OC309")
        if asked.month_to_date and any(day * DAY > asked.as_of.timestamp() for day in charged):
            errors.add("OC310")
        return not ended

    def groups(self, asked: Asked, errors: set[str], warnings: set[str]) -> None:
        """The rules on organizations, projects, line items and rows that are there twice."""
        ids = {row["organization_id"] for row in self.charged} - {""}
        if asked.organization and ids - {asked.organization}:
            errors.add("OC401")
        if not asked.organization and len(ids) > 1:
            errors.add("OC402")
        with_item = [row for row in self.charged if row["line_item"]]
        if len(with_item) < len(self.charged):
            errors.add("OC501")
        lacking = [row for row in self.charged if not (row["project_id"] and row["project_name"])]
        if with_item and len(lacking) == len(self.charged):
            errors.add("OC502")
        elif lacking:
            warnings.add("OC503")
        keys = Counter(charge(row) for row in self.charged)
        if any(count > 1 for count in keys.values()):
            errors.add("OC504")


def stripped(cell: str) -> str:
    """A cell without the blanks around it; characters that nobody sees are blanks, too."""
    return cell.strip("".join(one for one in set(cell) if one.isspace() or unicodedata.category(one) == "Cf"))


def is_charged(row: dict[str, str]) -> bool:
    return any(cell for name, cell in row.items() if name not in TIMES)


def charge(row: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """What a charge is: its start, and all but the other times, amount and quantity."""
    same = {"amount_currency": "usd"} if row["amount_currency"] in ("usd", "USD") else {}
    left_out = {*TIMES, *MEASURES} - {"start_time"}
    return tuple(sorted((name, cell) for name, cell in {**row, **same}.items() if name not in left_out))


def stamp(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def is_instant(cell: str, unix: int) -> bool | None:
    """Whether an ISO text is that instant; None where the contract does not say."""
    found = ISO.fullmatch(cell)
    if not found:
        return None if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d\S+|.*[tz].*", cell) else False
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    try:
        instant = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None if (hour, minute, second) == (24, 0, 0) else False
    offset = found[7]
    if offset and offset != "Z":
        hours, minutes = int(offset[1:3]), int(offset[4:])
        if hours > 23 or minutes > 59:
            return False
        instant -= timedelta(hours=hours, minutes=minutes) * (1 if offset[0] == "+" else -1)
    return instant.timestamp() == unix


def days_of(month: str) -> list[int]:
    year, number = map(int, month.split("-"))
    first = int(datetime(year, number, 1, tzinfo=UTC).timestamp()) // DAY
    return list(range(first, first + monthrange(year, number)[1]))


def inferred(days: set[int], as_of: datetime) -> str:
    """The only month that is there whole; else that with most days of those over, or of all if none is; ties the later."""
    counts = Counter(datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m") for day in days)
    whole = [month for month, count in counts.items() if count == len(days_of(month))]
    if len(whole) == 1:
        return whole[0]
    over = [month for month in counts if (days_of(month)[-1] + 1) * DAY <= as_of.timestamp()]
    return max(over or counts, key=lambda month: (counts[month], month))
