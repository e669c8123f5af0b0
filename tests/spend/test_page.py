"""The page: its numbers are those of the JSON, nothing in a file becomes markup, and it needs nothing but itself."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billproof.spend.page import render_html
from billproof.spend.phrases import because, counted, in_cents, signed, unit_name
from tests.report.render.pages import HOSTILE, read
from tests.spend.project import spend
from tests.support import run


def page() -> str:
    code, out, err = run("spend", "--format", "html")
    assert code == 0, err
    return out


def test_the_numbers_are_those_of_the_json(project: Path) -> None:
    document = spend()
    html = page()
    text = read(html).text
    assert html == render_html(document) == page()
    for month in document["months"]:
        assert f"{month['name']} " in text
        assert in_cents(month["amount"]) in text
        assert month["change"] is None or signed(month["change"]) in text
    for line in document["change"]["lines"]:
        assert f"{line['line_item']} {line['word']}" in text
        assert signed(line["change"]) in text
    assert all(entry["text"] in text for entry in document["findings"])
    assert all(f"{entry['day']} {entry['amount']}" in text for entry in document["days"])
    assert all(entry["line_item"] in text and entry["price"] in text for entry in document["unit_costs"])
    assert all(f"{counted(entry['quantity'])} {unit_name(entry['unit'])} " in text for entry in document["unit_costs"])
    months = [month for one in document["integrations"] for month in one["months"] if month["state"] == "read"]
    assert all(month["sha256"] in text and month["file"] in text for month in months)
    assert all(limit in text for limit in document["cannot_say"])


def test_it_leads_with_what_the_month_cost_and_why(project: Path) -> None:
    reader = read(page())
    words = [word for word in reader.words if word.strip()]
    at = words.index("October 2026: 12,524.55 USD, 2,305.58 more than in September (+22.6 %)", 1)
    assert words[at + 1].startswith(
        "Mostly research, Chatbot: gpt-6-astra, output_tokens (new, +1,293.92) and gpt-6-astra, input_tokens"
    )
    assert reader.headings == [1, 2, 2, 2, 2, 2, 3, 3, 2, 2, 2]
    assert len(reader.ids) == len(set(reader.ids))


def test_no_script_no_address_and_no_style_but_its_own(project: Path) -> None:
    html = page()
    reader = read(html)
    assert not reader.tags & {"script", "img", "iframe", "link", "form", "input", "button"}
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "style")]
    assert not re.search(r"https?:|url\(|@import", html)
    assert "default-src 'none'" in html


def test_every_picture_has_words_or_is_beside_its_numbers(project: Path) -> None:
    pictures = re.findall(r"<svg ([^>]*)>", page())
    assert len(pictures) > 10
    assert all('role="img" aria-label="' in attributes or 'aria-hidden="true"' in attributes for attributes in pictures)
    assert sum('role="img"' in attributes for attributes in pictures) == 2


def test_columns_stay_in_their_picture(project: Path) -> None:
    pictures = re.findall(r'<svg width="100%" height="([0-9]+)" role="img".*?</svg>', page(), re.DOTALL)
    drawn = re.findall(r'<rect x="([0-9.]+)%" y="(-?[0-9.]+)" width="([0-9.]+)%" height="([0-9.]+)"', page())
    assert len(drawn) > 190
    assert all(float(y) >= 0 and float(y) + float(height) <= max(map(int, pictures)) for _, y, _, height in drawn)
    assert all(float(x) + float(width) <= 100.01 for x, _, width, _ in drawn)


def test_a_month_without_a_file_is_hatched(project: Path) -> None:
    code, html, _ = run("spend", "--format", "html", "--only", "europe")
    assert code == 0
    assert "no file" in read(html).text
    hatched = re.findall(r'class="hatch"', html)
    assert len(hatched) >= 31
    assert 'class="hatch"' not in run("spend", "--format", "html", "--only", "research")[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_in_a_file_is_text(project: Path, text: str) -> None:
    document = json.loads(
        json.dumps(spend())
        .replace("Nightly evals", json.dumps(text)[1:-1])
        .replace("gpt-6-astra, output", json.dumps(text)[1:-1])
    )
    reader = read(render_html(document))
    assert not reader.tags & {"script", "img", "iframe", "b", "i"}


@pytest.mark.parametrize(
    "unit, text",
    [
        ("1000_tokens", "152.3M × 1000 tokens"),
        ("tokens", "152.3M tokens"),
        ("duration_minutes", "152.3M minutes"),
        ("gibibyte_hours", "152.3M gibibyte hours"),
    ],
)
def test_a_quantity_and_its_unit_are_not_two_numbers(project: Path, unit: str, text: str) -> None:
    document = spend()
    entry = {**document["unit_costs"][0], "quantity": "152300000", "unit": unit}
    assert f" {text} {in_cents(entry['amount'])} " in read(render_html({**document, "unit_costs": [entry]})).text


def reduced(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**document, **changes}


def test_a_single_month_and_nothing_that_happened(project: Path) -> None:
    code, html, err = run("spend", "--format", "html", "--from", "2026-06", "--to", "2026-06", "--only", "europe")
    assert (code, err) == (0, "")
    text = read(html).text
    assert "June 2026: 2,220.44 USD, 144.58 more than in May (+7.0 %)" in text
    assert "Nothing stands out." in text


def test_many_organizations_and_months_stay_in_bounds(project: Path) -> None:
    document = spend()
    one = document["integrations"][0]
    many = [{**one, "name": f"org{number}", "amount": str(number)} for number in range(20)]
    html = render_html(reduced(document, integrations=many))
    assert "17 others" in read(html).text
    assert set(re.findall(r'rect [^>]*class="(tint-[0-9])"', html)) <= {f"tint-{number}" for number in range(4)}


def test_exports_without_quantities_have_no_unit_costs(project: Path) -> None:
    document = reduced(spend(), unit_costs=[], per_token=[], change=None)
    text = read(render_html(document)).text
    assert "Unit cost" not in text
    assert "no whole month before it to compare with" in text


def test_amounts_below_zero_and_of_nothing(project: Path) -> None:
    document = spend()
    days = [{**day, "amount": "-5"} for day in document["days"]]
    assert 'height="-' not in render_html(reduced(document, days=days))
    assert 'height="-' not in render_html(reduced(document, days=[{**day, "amount": "0"} for day in days]))
    assert Decimal(document["amount"]) > 0


def test_mostly_is_said_of_half_a_change_at_least(project: Path) -> None:
    document = spend()
    change = {**document["change"], "change": "9000"}
    assert because(document).startswith("Mostly research, Chatbot: gpt-6-astra")
    assert because(reduced(document, change=change)).startswith("Largest increases: research, Chatbot: gpt-6-astra")
    assert because(reduced(document, change={**change, "change": "0"})) == ""


@pytest.mark.parametrize("whole", ["-1", "-9000"])
def test_what_went_with_a_change_is_not_called_the_largest_of_all(project: Path, whole: str) -> None:
    """The table below begins with what went the other way."""
    document = spend()
    change = {**document["change"], "change": whole}
    down = change["lines"][2]
    assert because(reduced(document, change=change)) == (
        f"Largest decrease: research, Nightly evals: {down['line_item']} (down, {signed(down['change'])})"
    )
    more = {**change, "lines": [*change["lines"], down]}
    assert because(reduced(document, change=more)).startswith("Largest decreases: research, Nightly evals: ")


def test_many_months_are_folded(project: Path) -> None:
    document = spend()
    months = [{**document["months"][0], "month": f"{year}-{month:02}"} for year in (2024, 2025) for month in range(1, 13)]
    receipt = {"sha256": "", "file": "", "accepted": "", "destination": "", "waived": []}
    read_months = [{"amount": "1", "month": month["month"], "state": "read", "text": "", **receipt} for month in months]
    integrations = [{**one, "months": read_months} for one in document["integrations"]]
    where: dict[str, list[str]] = {name: [] for name in document["where"]}
    changed = reduced(document, months=months, integrations=integrations, where=where, days=[], findings=[])
    text = read(render_html({**changed, "from": "2024-01", "to": "2025-12"})).text
    assert "12 earlier months" in text
    assert "24 other files" in text
