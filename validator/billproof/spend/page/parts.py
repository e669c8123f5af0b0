"""The lower parts of the page, and the tables that all parts are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

from billproof.model.values import cents, number
from billproof.report.render.html.elements import Element, Node, cell, element
from billproof.spend.page.charts import bar, sparkline
from billproof.spend.phrases import Tree, counted, in_cents, period, price_verdict, share, signed, unit_name
from billproof.spend.tally import total

FIRST_ROWS, FIRST_FILES = 10, 24


def part(title: str, *children: Node, class_: str) -> Element:
    """A part of the page with its heading."""
    return element("section", element("h2", title, id=class_), *children, class_=class_, aria_labelledby=class_)


def under(text: str, more: str) -> Element:
    """A text with a smaller one below it, if there is any."""
    return element("div", cell(text), element("small", cell(more)) if more else None)


def figures(titles: Sequence[str], rows: Sequence[Sequence[Node]], right: Collection[int], foot: Sequence[Node] = ()) -> Element:
    """A table whose columns at `right` are numbers, the first column what each row is about, and a last row for the sum."""
    heads = [
        element("th", title, scope="col", class_="figure" if at in right else None)
        if title
        else element("td", class_="figure" if at in right else None)
        for at, title in enumerate(titles)
    ]
    body = element("tbody", *(_row(row, right) for row in rows))
    tail = element("tfoot", _row(foot, right)) if foot else None
    return element("table", element("thead", element("tr", *heads)), body, tail)


def _row(row: Sequence[Node], right: Collection[int]) -> Element:
    first, *others = row
    cells = [element("td", node, class_="figure" if at in right else None) for at, node in enumerate(others, 1)]
    return element("tr", element("th", first, scope="row"), *cells)


def exactly(amount: str) -> Element | None:
    """The exact amount, where cents do not say it."""
    return None if cents(Decimal(amount)) == Decimal(amount) else element("span", f"exactly {amount}", class_="exact")


def where(spend: Tree) -> Iterator[Element]:
    """Projects and models with their last two months and all months small; tiers and kinds."""
    blocks = [block for name in ("projects", "models") for block in _grouped(spend, name)]
    small = [_shares(spend, name) for name in ("tiers", "kinds")]
    yield part("Where", *blocks, element("div", *small, class_="beside"), class_="where")


def _grouped(spend: Tree, name: str) -> Iterator[Element]:
    entries, months = spend["where"][name], spend["months"][-2:]
    whole = total(Decimal(entry["amount"]) for entry in entries)
    change, of_all = ["Change"] if len(months) > 1 else [], f"Share of {period(spend)}"
    titles = [name.capitalize(), *(month["month"] for month in months), *change, of_all]
    right = range(1, len(titles))
    rows = [_group(spend, entry, whole, len(months)) for entry in entries]
    yield element("h3", name.capitalize(), class_="unseen")
    yield figures([*titles, "Months"], rows[:FIRST_ROWS], right)
    if rows[FIRST_ROWS:]:
        summary = element("summary", number(len(rows) - FIRST_ROWS, "other"))
        yield element("details", summary, figures([*titles, "Months"], rows[FIRST_ROWS:], right))
    every: list[list[Node]] = [[_label(spend, entry), *map(in_cents, entry["months"])] for entry in entries]
    numbers = figures(
        [name.capitalize(), *(month["month"] for month in spend["months"])], every, range(1, len(spend["months"]) + 1)
    )
    scroll = element("div", numbers, class_="scroll", role="region", tabindex="0", aria_label=f"{name.capitalize()}, all months")
    yield element("details", element("summary", f"{name.capitalize()}, all months"), scroll, class_="on-screen")


def _label(spend: Tree, entry: Tree) -> Element:
    several = len(spend["integrations"]) > 1 and "integration" in entry
    return cell(f"{entry['integration']}: {entry['name']}" if several else entry["name"])


def _group(spend: Tree, entry: Tree, whole: Decimal, count: int) -> list[Node]:
    amounts = entry["months"][-count:]
    known = all(not month["without"] for month in spend["months"][-2:])
    change = [signed(str(Decimal(amounts[1] or 0) - Decimal(amounts[0] or 0))) if known else "–"] if count > 1 else []
    return [_label(spend, entry), *map(in_cents, amounts), *change, share(entry["amount"], whole), sparkline(entry["months"])]


def _shares(spend: Tree, name: str) -> Element:
    entries = spend["where"][name]
    whole = total(Decimal(entry["amount"]) for entry in entries)
    rows: list[list[Node]] = [
        [
            element("div", cell(entry["name"]), bar(Decimal(entry["amount"]), whole, "tint-0")), in_cents(entry["amount"]),
            share(entry["amount"], whole),
        ]
        for entry in entries
    ]  # fmt: skip
    return figures((f"{name.capitalize()}, {period(spend)}", spend["currency"], "Share"), rows, (1, 2))


def unit_costs(spend: Tree) -> Iterator[Element]:
    """What a unit costs, by line item; and a million tokens, month by month."""
    entries, currency = spend["unit_costs"], spend["currency"]
    if not entries:
        return
    several, months = len(spend["integrations"]) > 1, len(spend["months"])
    rows: list[list[Node]] = []
    for entry in entries:
        name = f"{entry['integration']}: {entry['line_item']}" if several else entry["line_item"]
        price = under(entry["price"], f"per {entry['per']}")
        quantity = under(counted(entry["quantity"]), unit_name(entry["unit"]))
        rows.append([under(name, price_verdict(entry, months)), price, quantity, in_cents(entry["amount"])])
    titles = ("Line item", f"Price, {currency}", "Quantity", f"Charges, {currency}")
    tables: list[Node] = [figures(titles, rows[:FIRST_ROWS], (1, 2, 3))]
    if rows[FIRST_ROWS:]:
        summary = element("summary", number(len(rows) - FIRST_ROWS, "other line item"))
        tables.append(element("details", summary, figures(titles, rows[FIRST_ROWS:], (1, 2, 3))))
    for entry in spend["per_token"][-1:]:
        before = "".join(f"; {other['month']}: {other['price']}" for other in spend["per_token"][-2:-1])
        tables.append(
            element("p", f"All tokens together, {currency} per 1M: {entry['month']}: {entry['price']}{before}", class_="quiet")
        )
    if spend["unpriced"]:
        names = ", ".join(f"{entry['line_item']} ({in_cents(entry['amount'])})" for entry in spend["unpriced"][:FIRST_ROWS])
        more = ", …" if len(spend["unpriced"]) > FIRST_ROWS else ""
        tables.append(element("p", cell(f"Without a quantity: {names}{more}"), class_="quiet"))
    yield part("Unit cost", *tables, class_="unit-cost")


def proof(spend: Tree) -> Iterator[Element]:
    """Each file with its digest, and where it was accepted; then what no number here says."""
    rows: list[list[Node]] = []
    for integration in spend["integrations"]:
        for month in integration["months"]:
            if month["state"] == "not_accepted":
                continue
            waived = f"; waived: {', '.join(month['waived'])}" if month["waived"] else ""
            accepted = f"{month['destination']}, {month['accepted'][:16].replace('T', ' ')} UTC{waived}"
            digest = element("code", month["sha256"], class_="digest")
            name = under(f"{integration['name']} {month['month']}", month["file"])
            rows.append([name, in_cents(month["amount"]) if "amount" in month else "not found", digest, cell(accepted)])
    text = "Every file passed when it was uploaded, and has the digest of the receipt by which its destination accepted it."
    titles = ("Month and file", spend["currency"], "SHA-256 of the file", "Accepted by")
    tables: list[Node] = [figures(titles, rows[:FIRST_FILES], (1,))]
    if rows[FIRST_FILES:]:
        summary = element("summary", number(len(rows) - FIRST_FILES, "other file"))
        tables.append(element("details", summary, figures(titles, rows[FIRST_FILES:], (1,))))
    yield part("Proof", element("p", text), *tables, class_="proof")
    items = [element("li", text) for text in spend["cannot_say"]]
    yield part("What this page cannot say", element("ul", *items), class_="cannot-say")
