"""The pictures of the page, as SVG without a script. Each says in its label what it shows, and has a table with its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from billproof.report.render.html.elements import Element, element
from billproof.spend.phrases import SIGNS, Tree, in_cents, short

TINTS = 4  # organizations with a tint of their own; the last stands for all others
MOST_LABELS = 12
WEEKEND = (5, 6)

_MONTHS_HEIGHT, _DAYS_HEIGHT, _FOOT, _TOP = 150, 110, 18, 16
_SPARK_HEIGHT, _CAP = 18, 12


def months_chart(document: Tree, names: Sequence[str]) -> Element:
    """A column for each month, stacked by organization; hatched where no file was read."""
    months, count = document["months"], len(document["months"])
    stacks = [_stack(document, at, names) for at in range(count)]
    highest = max([sum(stack) for stack in stacks] + [Decimal(1)])
    drawn: list[Element] = []
    for at, (month, stack) in enumerate(zip(months, stacks, strict=True)):
        left, width = Decimal(100) * at / count, Decimal(100) / count
        floor = Decimal(_MONTHS_HEIGHT - _FOOT)
        for tint, amount in enumerate(stack):
            height = amount / highest * (_MONTHS_HEIGHT - _FOOT - _TOP)
            floor -= height
            if amount > 0:
                drawn.append(_rect(left + width / 8, floor, width * 3 / 4, height, f"tint-{tint}"))
        if month["without"]:
            top = _TOP if month["amount"] is None else float(floor) - _CAP
            drawn += _hatched(left + width / 8, width * 15 / 16, top, float(floor))
            floor = Decimal(str(top))
        if count <= MOST_LABELS:
            middle = f"{left + width / 2:.2f}%"
            value = "no file" if month["amount"] is None else short(Decimal(month["amount"]))
            drawn += [
                element("text", value, x=middle, y=f"{float(floor) - 4:.1f}", text_anchor="middle", class_="value"),
                element("text", month["name"][:3], x=middle, y=str(_MONTHS_HEIGHT - 4), text_anchor="middle"),
            ]
        elif month["month"].endswith("-01"):
            drawn.append(element("text", month["month"][:4], x=f"{left:.2f}%", y=str(_MONTHS_HEIGHT - 4)))
    label = f"{document['currency']} per month, {months[0]['name']} to {months[-1]['name']}; the table has each number"
    return _svg(drawn, _MONTHS_HEIGHT, label)


def _stack(document: Tree, at: int, names: Sequence[str]) -> list[Decimal]:
    """The amounts of a month by organization, in the order of `names`; all others together come last."""
    amounts = [Decimal(0)] * (len(names) + 1)
    for integration in document["integrations"]:
        place = names.index(integration["name"]) if integration["name"] in names else len(names)
        amounts[place] += Decimal(integration["months"][at].get("amount", 0))
    return amounts


def days_chart(document: Tree) -> Element:
    """A column for each day of all months, with a sign above each day on which something happened."""
    days, count = document["days"], len(document["days"])
    highest = max([Decimal(day["amount"] or 0) for day in days] + [Decimal(1)])
    happened = {entry["day"]: entry["kind"] for entry in document["findings"]}
    drawn: list[Element] = []
    for at, day in enumerate(days):
        left, width = Decimal(100) * at / count, Decimal(100) / count
        if day["day"].endswith("-01"):
            drawn += _border(document, day["day"], left)
        if day["amount"] is None:
            drawn += _hatched(left, width, _TOP, _DAYS_HEIGHT - _FOOT)
            continue
        height = max(Decimal(day["amount"]) / highest * (_DAYS_HEIGHT - _FOOT - _TOP), Decimal(0))
        top = _DAYS_HEIGHT - _FOOT - height
        kind = happened.get(day["day"])
        usual = "tint-1" if date.fromisoformat(day["day"]).weekday() in WEEKEND else "tint-0"
        drawn.append(_rect(left, top, width * 4 / 5, height, "marked" if kind else usual))
        if kind:
            sign = SIGNS[kind]
            middle = f"{left + width / 2:.2f}%"
            drawn.append(element("text", sign, x=middle, y=f"{top - 3:.1f}", text_anchor="middle", class_="sign"))
    label = f"{document['currency']} per day, highest {in_cents(str(highest))}; the tables have each day and what happened"
    return _svg(drawn, _DAYS_HEIGHT, label)


def _border(document: Tree, day: str, left: Decimal) -> Iterator[Element]:
    """Where a month begins, with its name if there is room."""
    yield element("line", x1=f"{left:.2f}%", x2=f"{left:.2f}%", y1=str(_TOP), y2=str(_DAYS_HEIGHT))
    if len(document["months"]) <= MOST_LABELS or day[5:7] in ("01", "07"):
        month = next(month for month in document["months"] if month["month"] == day[:7])
        yield element("text", month["name"][:3], x=f"{left + Decimal('0.6'):.2f}%", y=str(_DAYS_HEIGHT - 4))


def bar(part: Decimal, whole: Decimal, class_: str) -> Element:
    """A bar beside a number: a part of the largest."""
    width = min(abs(part) / whole * 100, Decimal(100)) if whole > 0 else Decimal(0)
    rect = element("rect", x="0", y="0", width=f"{width:.1f}%", height="8", class_=class_)
    return element("svg", rect, width="100%", height="8", aria_hidden="true", class_="bar")


def sparkline(amounts: Sequence[str | None]) -> Element:
    """The months of a row, small, each column against the highest; the row's table has the numbers."""
    values = [Decimal(amount) if amount is not None else None for amount in amounts]
    highest = max([value for value in values if value is not None] + [Decimal(1)])
    width = Decimal(100) / len(values)
    drawn = [
        _rect(at * width, _SPARK_HEIGHT - height, width * 3 / 4, height, "tint-0")
        for at, value in enumerate(values)
        if value is not None and (height := max(value / highest * _SPARK_HEIGHT, Decimal(0))) > 0
    ]
    return element("svg", *drawn, width="5.5rem", height=str(_SPARK_HEIGHT), aria_hidden="true", class_="spark")


def _svg(drawn: Sequence[Element], height: int, label: str) -> Element:
    return element("svg", *drawn, width="100%", height=str(height), role="img", aria_label=label)


def _rect(x: Decimal, y: Decimal, width: Decimal, height: Decimal, class_: str) -> Element:
    return element("rect", x=f"{x:.2f}%", y=f"{y:.1f}", width=f"{width:.2f}%", height=f"{height:.1f}", class_=class_)


def _hatched(left: Decimal, width: Decimal, top: float, foot: float) -> Iterator[Element]:
    """Slanted lines where nothing is known."""
    y = foot
    while y > top:
        yield element(
            "line",
            x1=f"{left:.2f}%",
            x2=f"{left + width * 4 / 5:.2f}%",
            y1=f"{y:.0f}",
            y2=f"{max(y - 8, top):.0f}",
            class_="hatch",
        )
        y -= 8


def tints(document: Tree) -> list[str]:
    """The integrations that have a tint of their own: the largest."""
    ordered: list[Mapping[str, str]] = sorted(document["integrations"], key=lambda one: (-Decimal(one["amount"]), one["name"]))
    return [one["name"] for one in ordered[: TINTS - 1 if len(ordered) > TINTS else TINTS]]
