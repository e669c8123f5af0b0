"""A file's sums: exact to the last decimal, for every fixture that passes, against a few lines of other code."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from billproof.model.errors import Unreadable
from billproof.rules.compiled import load_ruleset
from billproof.spend.tally import Cell, Tally, tally
from fixtures.exports import Export, rows, to_bytes
from tests.support import FIXTURES

ROLES = load_ruleset().roles
GOOD = sorted(path for path in FIXTURES.glob("*/*.csv") if path.parent.name.startswith(("good-", "several-months", "negative")))


def read(data: bytes) -> Tally:
    return tally(io.BytesIO(data), "2025-10", ROLES, "file.csv")


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_sums_are_those_of_an_independent_reading(path: Path) -> None:
    found = read(path.read_bytes())
    with localcontext() as context:
        context.prec = 7_000
        by_cell: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
        days = set()
        for row in csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")):
            day = int(row["start_time"]) // 86_400
            days.add(day)
            if row["amount_value"]:
                by_cell[row["project_id"], row["line_item"], day] += Decimal(row["amount_value"])
        assert found.amount == sum(by_cell.values())
        assert {(*cell, day): amount for cell, by_day in found.cells.items() for day, amount in by_day.items()} == by_cell
        assert found.days == days


def test_quantities_and_names() -> None:
    export = Export(generation="H4", seed=5)
    table = rows(export)
    found = read(to_bytes(table))
    named = dict(zip(table[0], zip(*table[1:], strict=True), strict=True))
    assert found.names == {id_: name for id_, name in zip(named["project_id"], named["project_name"], strict=True) if id_}
    assert found.organization_name == export.organization.name
    counted = sum(quantity for _, quantity in found.counted.values())
    assert counted == sum(
        Decimal(quantity)
        for quantity, unit in zip(named["quantity"], named["quantity_unit"], strict=True) if quantity and unit
    )  # fmt: skip


def test_a_file_without_quantities_has_no_prices() -> None:
    found = read(to_bytes(rows(Export(generation="H2"))))
    assert found.prices == {}
    assert found.counted == {}


@pytest.mark.parametrize("damage", [b"x,y\n", b'"open', b"1759276800,1759363200,abc,usd,whisper,p,o,n,m\n"])
def test_what_no_accepted_file_has_is_refused(damage: bytes) -> None:
    good = to_bytes(rows(Export(generation="H1")))
    with pytest.raises(Unreadable, match=r"file\.csv"):
        read(good + damage)
    with pytest.raises(Unreadable):
        read(b"")


def test_lines_count_as_in_an_editor() -> None:
    measures = b"start_time,end_time,amount_value,amount_currency,quantity,quantity_unit"
    header = measures + b",line_item,project_id,organization_id,project_name,organization_name\n"
    row = b'1759276800,1759363200,1,usd,0,tokens,"two\nlines",p,o,n,m\n'
    found = read(header + row + row)
    (prices,) = found.prices.values()
    assert [place.line for place in prices.without_quantity_places] == [2, 4]
    assert list(found.cells) == [Cell("p", "two\nlines")]
