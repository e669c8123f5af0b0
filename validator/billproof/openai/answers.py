"""The answers of OpenAI's Costs API, read strictly: what is not exactly as documented gives no amount at all.

Amounts come as JSON numbers or as text (`12.5`, `"0E-6176"`), and never become a float. Fields that are not documented are
passed over, apart from names and the organization's ID, which some answers have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from itertools import repeat
from types import NoneType
from typing import Any

from billproof.model.costs import CostKey
from billproof.model.record import Record
from billproof.model.values import BLANKS, DAY_SECONDS, EXACT, amount_of, amounts_of, day_of, shown
from billproof.rules.table_schema import unique_keys

_ZERO = Decimal(0)


class BadAnswer(Exception):
    """An answer that cannot be relied on, with the reason in words."""


class OtherOrganization(BadAnswer):
    """An answer of another organization than the one that was asked for."""


class _Number(str):
    """A JSON number as it was written."""


class Charges(Record):
    """The results of one UTC day, column by column: a month may have tens of thousands, and few distinct texts."""

    day: int
    amounts: list[Decimal]
    projects: list[str]
    line_items: list[str]
    names: dict[str, str]
    organizations: frozenset[str]
    organization_names: frozenset[str]


class Page(Record):
    """One answer: the charges of each UTC day, in order, and the token of the next page."""

    days: tuple[Charges, ...]
    next_page: str | None


class Costs(Record):
    """All answers to one question: sums by key, the names of projects, and the organizations that the results name, by ID and
    by name.
    """

    amounts: Mapping[CostKey, Decimal]
    names: Mapping[str, str]
    organizations: frozenset[str]
    organization_names: frozenset[str]


def read_page(body: str) -> Page:
    """One answer of the Costs API. Raises BadAnswer."""
    document = _strict(body)
    buckets = _list(document, "data", "the answer")
    days = tuple(_bucket(bucket) for bucket in buckets)
    has_more, token = document.get("has_more"), document.get("next_page")
    return Page(days, token if has_more is True and isinstance(token, str) and token else None)


def costs_of(pages: Iterable[Page], days: range) -> Costs:
    """The pages put together: every day once and in order. Raises BadAnswer."""
    amounts: dict[CostKey, Decimal] = {}
    names: dict[str, str] = {}
    organizations, organization_names = set[str](), set[str]()
    expected = iter(days)
    for charges in (charges for page in pages for charges in page.days):
        if charges.day != next(expected, None):
            raise BadAnswer(f"its bucket for {day_of(charges.day)} is doubled, out of order or was not asked for")
        amounts.update(_sums(charges))
        names.update(charges.names)
        organizations |= charges.organizations
        organization_names |= charges.organization_names
    missing = next(expected, None)
    if missing is not None:
        raise BadAnswer(f"it has no bucket for {day_of(missing)}")
    if amounts and not any(project or line_item for _, project, line_item in amounts):
        raise BadAnswer("it is not grouped: no result has a project or a line item")
    return Costs(amounts, names, frozenset(organizations - {""}), frozenset(organization_names - {""}))


def _sums(charges: Charges) -> dict[CostKey, Decimal]:
    """The sum of each key of a day. A zero may have thousands of decimals, and would hand them on to the sum."""
    keys = zip(repeat(charges.day), charges.projects, charges.line_items)
    sums: dict[CostKey, Decimal] = {}
    with localcontext(EXACT):
        for key, amount in zip(keys, charges.amounts, strict=True):
            sums[key] = sums.get(key, _ZERO) + (amount or _ZERO)
    return sums


def read_projects(body: str) -> tuple[dict[str, str], str | None]:
    """Names by project ID in one answer of the list of projects, and the ID after which it goes on. Raises BadAnswer."""
    document = _strict(body)
    projects = _list(document, "data", "the answer")
    if not all(isinstance(project, dict) for project in projects):
        raise BadAnswer("a project is not a JSON object")
    names = dict(zip(_texts(projects, "id"), _texts(projects, "name"), strict=True))
    last = document.get("last_id")
    return names, last if document.get("has_more") is True and isinstance(last, str) and last else None


def _strict(body: str) -> dict[str, Any]:
    try:
        body.encode("utf-8")
        document = json.loads(
            body, object_pairs_hook=unique_keys, parse_float=_Number, parse_int=_Number, parse_constant=_refuse_constant
        )
        if "\\u" in body:
            # `\ud800` is JSON, but no text that could be stored or compared.
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise BadAnswer("it contains half a character (a lone surrogate)") from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadAnswer(f"it is not valid JSON: {shown(reason)}") from None
    if not isinstance(document, dict):
        raise BadAnswer("it is not a JSON object")
    return document


def _bucket(bucket: Any) -> Charges:
    start, end = (_seconds(bucket, name) for name in ("start_time", "end_time"))
    if start % DAY_SECONDS or end != start + DAY_SECONDS:
        raise BadAnswer(f"a bucket runs from {start} to {end}, which is not one UTC day")
    results = [_fields(result) for result in _list(bucket, "results", f"the bucket of {start}")]
    amounts = _amounts([_fields(result.get("amount")) for result in results])
    projects, names = _texts(results, "project_id"), _texts(results, "project_name")
    named = {project: name for project, name in zip(projects, names, strict=True) if name}
    organizations, called = (frozenset(_texts(results, f"organization_{field}")) for field in ("id", "name"))
    return Charges(start // DAY_SECONDS, amounts, projects, _texts(results, "line_item"), named, organizations, called)


def _amounts(money: list[dict[str, Any]]) -> list[Decimal]:
    values = [amount.get("value") for amount in money]
    texts = [value for value in values if isinstance(value, str)]
    amounts = amounts_of(texts) if len(texts) == len(values) else None
    if amounts is None:
        wrong = next(value for value in values if not isinstance(value, str) or amount_of(value) is None)
        raise BadAnswer(f"an amount is missing or not a number: {shown(json.dumps(wrong))}")
    for currency in [amount.get("currency") for amount in money]:
        if currency != "usd" and not (isinstance(currency, str) and currency.lower() == "usd"):
            raise BadAnswer(f"an amount is not in USD: {shown(json.dumps(currency))}")
    return amounts


def _texts(objects: list[dict[str, Any]], name: str) -> list[str]:
    """A field of each object as text without blanks around it; empty for null and where it is absent."""
    values = [fields.get(name) for fields in objects]
    # A number is a kind of text here, but not this one.
    if not set(map(type, values)) <= {str, NoneType}:
        raise BadAnswer(f"`{name}` is not text")
    texts = {value: (value or "").strip(BLANKS) for value in set(values)}
    return [texts[value] for value in values]


def _list(document: Any, name: str, where: str) -> list[Any]:
    value = _fields(document).get(name)
    if not isinstance(value, list):
        raise BadAnswer(f"{where} has no list `{name}`")
    return value


def _fields(value: Any) -> dict[str, Any]:
    """The fields of an object; anything else has none."""
    return value if isinstance(value, dict) else {}


def _seconds(bucket: Any, name: str) -> int:
    value = _fields(bucket).get(name)
    if not isinstance(value, _Number) or not value.isdigit() or len(value) > 10:
        raise BadAnswer(f"`{name}` of a bucket is not a time in whole seconds")
    return int(value)


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")
