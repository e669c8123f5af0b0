"""The months of a file: a calendar with what each day has, and next to it the spend per day as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.model.values import month_name, number
from billproof.report.render.calendar import day_detail, days_by_month
from billproof.report.render.html.elements import Element, Node, day_state, element, head
from billproof.report.render.phrases import amount, in_cents

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportDay, ReportFile

MONTHS = 6
FEW = 8
WEEKDAYS = (("Mon", "Monday"), ("Tue", "Tuesday"), ("Wed", "Wednesday"), ("Thu", "Thursday"), ("Fri", "Friday"),
            ("Sat", "Saturday"), ("Sun", "Sunday"))  # fmt: skip

_LEGEND = {
    "charged": "with charges", "empty": "without usage", "missing": "missing", "outside": "outside the month",
    "open": "not ended",
}  # fmt: skip

# The chart is 31 days wide whatever the month, so that months under each other compare. Across: percent, down: pixels.
_LEFT = Decimal(11)
_SLOT = (100 - _LEFT) / 31
_TOP, _FLOOR, _LABELS = 10, 112, 128


def months(file: ReportFile) -> Iterator[Node]:
    """A figure for each month of the file, the first six; nothing if the file has no day."""
    by_month = days_by_month(file)
    currency = file["totals"]["currency"] if file["totals"] else None
    scale = _scale([Decimal(day["amount"]) for day in file["days"] if day["amount"] is not None])
    for month, days in list(by_month.items())[:MONTHS]:
        yield element(
            "div", _calendar(month, days), _legend(days, file), _chart(month, days, scale, currency), class_="month",
        )  # fmt: skip
    if len(by_month) > MONTHS:
        yield element("p", f"and {number(len(by_month) - MONTHS, 'more month')}", class_="quiet")
    if by_month:
        yield _exactly(file["days"], currency)


def _calendar(month: str, days: Sequence[ReportDay]) -> Element:
    named = {date.fromisoformat(day["date"]): day for day in days}
    first, last = min(named), max(named)
    monday = first - timedelta(days=first.weekday())
    weeks = [
        element("tr", *(_cell(monday + timedelta(days=start + weekday), named, month) for weekday in range(7)))
        for start in range(0, (last - monday).days + 1, 7)
    ]
    weekdays = (element("th", short, scope="col", aria_label=long) for short, long in WEEKDAYS)
    return element(
        "table", element("caption", month_name(month)), element("thead", element("tr", *weekdays)), element("tbody", *weeks),
        class_="days",
    )  # fmt: skip


def _cell(day: date, named: dict[date, ReportDay], month: str) -> Element:
    entry = named.get(day)
    if entry is None:
        of_month = day.isoformat()[:7] == month
        return element("td", element("span", str(day.day), class_="day") if of_month else None, class_="none")
    state = day_state(entry)
    known = entry["amount"] is not None and entry["state"] in ("charged", "outside")
    text = in_cents(entry["amount"]) if known else state.word
    return element(
        "td", element("span", str(day.day), class_="day"),
        element("span", state.sign, class_="sign", aria_hidden="true") if state.sign else None, " ",
        element("span", f"{state.word} ", class_="unseen") if known and entry["state"] == "outside" else None,
        element("span", text, class_="what"), class_=state.kind,
    )  # fmt: skip


def _legend(days: Sequence[ReportDay], file: ReportFile) -> Element:
    kinds = {day["state"]: day_state(day) for day in days}
    items = []
    for name, state in sorted(kinds.items()):
        of_state = [day for day in days if day["state"] == name]
        text = f"{number(len(of_state), 'day')} {_LEGEND[name]}"
        if detail := day_detail(name, of_state, file):
            text += f": {detail}"
        items.append(element("li", element("span", state.sign, class_=f"key {state.kind}", aria_hidden="true"), text))
    return element("ul", *items, class_="legend")


def _scale(amounts: Sequence[Decimal]) -> tuple[Decimal, Decimal] | None:
    """The lowest and highest amount that the columns must show, zero among them; None if there is nothing to show."""
    low, high = min(amounts, default=Decimal(0)), max(amounts, default=Decimal(0))
    return (min(low, Decimal(0)), max(high, Decimal(0))) if low or high else None


def _chart(month: str, days: Sequence[ReportDay], scale: tuple[Decimal, Decimal] | None, currency: str | None) -> Element | None:
    known = [(Decimal(day["amount"]), day["date"]) for day in days if day["amount"] is not None]
    if scale is None or len(known) < FEW:
        return None
    highest, on = max(known, key=lambda pair: pair[0])
    label = f"Spend per day in {month_name(month)}, highest {amount(str(highest), currency)} on {on}"
    drawn = [*_grid(scale), *(_column(day, scale) for day in days), *_day_numbers()]
    return element(
        "div", element("p", f"{currency or 'Amount'} per day", class_="axis", aria_hidden="true"),
        element("svg", *drawn, width="100%", height=str(_LABELS + 6), role="img", aria_label=label), class_="chart",
    )  # fmt: skip


def _down(value: Decimal, scale: tuple[Decimal, Decimal]) -> Decimal:
    """How far down an amount is."""
    low, high = scale
    return (_FLOOR - (value - low) / (high - low) * (_FLOOR - _TOP)).quantize(Decimal("0.1"))


def _grid(scale: tuple[Decimal, Decimal]) -> Iterator[Element]:
    low, high = scale
    step = _step(high - low)
    for count in range(int(low / step), int(high / step) + 1):
        value = count * step
        y = _down(value, scale)
        yield element("line", x1=f"{_LEFT}%", x2="100%", y1=str(y), y2=str(y), class_="zero" if not count else None)
        yield element("text", _short(value), x=f"{_LEFT - 1}%", y=str(y + 3), text_anchor="end")


def _step(span: Decimal) -> Decimal:
    """The smallest of 0.5, 1, 2, 5 times a power of ten that fit into `span` at most three times."""
    power = Decimal(1).scaleb(span.adjusted())
    return next(power * factor for factor in map(Decimal, ("0.5", "1", "2", "5")) if span / (power * factor) <= 3)


def _short(value: Decimal) -> str:
    for factor, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(value) >= factor:
            return f"{(value / factor).normalize():f}{letter}"
    return f"{value.normalize():f}"


def _column(day: ReportDay, scale: tuple[Decimal, Decimal]) -> Element:
    state, number_ = day_state(day), int(day["date"][8:])
    left = _LEFT + (number_ - 1) * _SLOT
    if day["amount"] is None or day["state"] == "empty":
        middle = f"{left + _SLOT / 2:.2f}%"
        y = _down(Decimal(0), scale) - 4
        return element("text", state.sign or "?", x=middle, y=str(y), text_anchor="middle", class_=state.kind)
    value = Decimal(day["amount"])
    top, foot = sorted((_down(value, scale), _down(Decimal(0), scale)))
    return element(
        "rect", element("title", f"{day['date']}: {in_cents(day['amount'])}"), x=f"{left + _SLOT / 8:.2f}%", y=str(top),
        width=f"{_SLOT * 3 / 4:.2f}%", height=str(max(foot - top, Decimal("0.5"))),
        class_="below" if value < 0 else state.kind,
    )  # fmt: skip


def _day_numbers() -> Iterator[Element]:
    for day in (1, 5, 10, 15, 20, 25, 30):
        x = _LEFT + (day - 1) * _SLOT + _SLOT / 2
        yield element("text", str(day), x=f"{x:.2f}%", y=str(_LABELS), text_anchor="middle")


def _exactly(days: Sequence[ReportDay], currency: str | None) -> Element:
    """The exact amount per day, folded: for reconciling, and for anyone who cannot see the chart."""
    lines = [
        element(
            "tr", element("th", day["date"], scope="row"), element("td", day_state(day).word),
            element("td", f"{day['rows']:,}", class_="figure"), element("td", day["amount"] or "–", class_="figure long"),
        )
        for day in days
    ]  # fmt: skip
    titles = head("Day", "State", figures=("Rows", f"Amount{f', {currency}' if currency else ''}"))
    table = element("table", titles, element("tbody", *lines))
    return element("details", element("summary", "Exact amount per day"), table, class_="on-screen")
