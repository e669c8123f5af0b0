"""Kinds of check on who and what is charged."""

from __future__ import annotations

import builtins
import random
from dataclasses import replace
from pathlib import Path

import pytest

from billproof.reading import source
from fixtures import damage
from fixtures.exports import Export, Table, rows, to_bytes
from tests.generations import LINE, ORGANIZATION, good
from tests.support import Checked, check


def checked(tmp_path: Path, table: Table, *arguments: str) -> Checked:
    path = tmp_path / "data.csv"
    path.write_bytes(to_bytes(table))
    return check(path, *arguments)


def many(count: int) -> Table:
    """October with so many different charged rows on its first day."""
    table = rows(replace(Export(), empty_days=tuple(Export().days[1:])))
    first = table[1]
    return [table[0], *([*first[:4], f"item {number}", *first[5:]] for number in range(count)), *table[5:]]


def test_a_duplicate_is_found_however_far_away_in_its_day(tmp_path: Path) -> None:
    table = many(20_000)
    table.insert(20_001, [*table[1][:2], "0.1234567890123456", *table[1][3:]])
    found = checked(tmp_path, table)
    assert found.failed == {"OC504"}
    assert found.places("OC504") == ["20002:line_item"]
    assert found.outcome("OC504")["findings"][0]["related"] == [{"line": 2, "column": "line_item"}]


def test_each_further_twin_points_at_the_first(tmp_path: Path) -> None:
    table = good("H1")
    twins = [*table[:LINE], *([table[LINE - 1]] * 3), *table[LINE:]]
    found = checked(tmp_path, twins)
    assert found.places("OC504") == [f"{line}:line_item" for line in (LINE + 1, LINE + 2, LINE + 3)]
    assert {one["related"][0]["line"] for one in found.outcome("OC504")["findings"]} == {LINE}


@pytest.mark.parametrize("column", ["zone", "quantity"])
def test_unknown_columns_count_and_quantities_do_not(column: str, tmp_path: Path) -> None:
    table = good("H4")
    if column == "zone":
        table = damage.with_column(table, "zone", "eu-1", 0)
    twin = list(table[LINE - 1])
    twin[table[0].index(column)] = "7.0"
    found = checked(tmp_path, [*table[:LINE], twin, *table[LINE:]])
    assert ("OC504" in found.failed) is (column == "quantity")


def test_no_verdict_rests_on_the_width_of_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of Python have 32 bits, which rows of a good file of 100,000 sometimes share: eight stand for them."""
    own = hash
    monkeypatch.setattr(builtins, "hash", lambda value: own(value) & 0xFF)
    assert checked(tmp_path, many(300)).outcome("OC504")["state"] == "passed"


def test_cells_that_change_places_are_not_duplicates(tmp_path: Path) -> None:
    table = good("H1")
    one, other = list(table[LINE - 1]), list(table[LINE - 1])
    one[-2:], other[-2:] = ["Acme", "Search"], ["Search", "Acme"]
    assert "OC504" not in checked(tmp_path, [*table[: LINE - 1], one, other, *table[LINE:]]).failed


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [64, 65_536])
def test_an_unsorted_file_with_duplicates_does_not_pass(
    seed: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its days come back, so duplicates cannot be counted: OC306 fails and OC504 says that it cannot tell."""
    monkeypatch.setattr(source, "BLOCK_BYTES", block)
    table = good("H1")
    body = [*table[1:], table[LINE - 1]]
    random.Random(seed).shuffle(body)
    found = checked(tmp_path, [table[0], *body])
    assert found.code == 1
    assert "OC306" in found.failed
    assert "OC504" in found.failed or found.blocked["OC504"] == "OC306"
    assert not found.failed - {"OC306", "OC504"}


def test_the_same_charge_on_two_days_is_not_a_duplicate(tmp_path: Path) -> None:
    assert checked(tmp_path, rows(replace(Export(), line_items=("ada v2",), projects=1, per_day=1))).failed == set()


@pytest.mark.parametrize("arguments, failed", [((), "OC402"), (("--organization", ORGANIZATION), "OC401")])
def test_each_further_organization_is_one_fault(arguments: tuple[str, ...], failed: str, tmp_path: Path) -> None:
    table = good("H1")
    others = (LINE, "org-B", "Acme | <b>\n\u202elabs"), (LINE + 1, "org-C", ""), (LINE + 2, "org-B", "L" * 10_000)
    for line, id_, name in others:
        table = damage.put(damage.put(table, "organization_id", id_, line), "organization_name", name, line)
    found = checked(tmp_path, table, *arguments)
    lines = (LINE, LINE + 1) if failed == "OC402" else (LINE, LINE + 1, LINE + 2)
    assert found.failed - {"OC204"} == {failed}
    messages = [finding["message"] for finding in found.outcome(failed)["findings"]]
    assert "org-B (Acme | <b>\\u000A\\u202Elabs)" in messages[0]
    if failed == "OC402":
        assert f"charges of org-C, not only of {ORGANIZATION} (Acme Research), whose charges come first" in messages[1]
    else:
        assert f"belongs to org-C; only charges of {ORGANIZATION} are expected" in messages[1]
        assert f"org-B ({'L' * 79}…); only" in messages[2]
    assert [finding["column"] for finding in found.outcome(failed)["findings"]] == ["organization_id"] * len(lines)


def test_with_two_configured_organizations_the_one_with_more_rows_is_meant(tmp_path: Path) -> None:
    config = tmp_path / "billproof.yaml"
    config.write_text(
        "version: 1\nintegrations:\n  - {name: a, organization: org-EXAMPLEother}\n"
        f"  - {{name: b, organization: {ORGANIZATION}}}\n"
    )
    table = damage.put(good("H1"), "organization_id", "org-EXAMPLEother", LINE)
    found = checked(tmp_path, damage.put(table, "organization_id", "org-EXAMPLEthird", LINE + 1), "--config", str(config))
    assert found.failed == {"OC401"}
    assert found.places("OC401") == [f"{LINE}:organization_id", f"{LINE + 1}:organization_id"]
    assert found.file["organization"]["value"] == ORGANIZATION


@pytest.mark.parametrize("names, count", [(("A", "A", "A"), 0), (("A", "B", "A"), 1), (("A", "B", "C"), 1)])
def test_a_renamed_project_is_reported_once(names: tuple[str, ...], count: int, tmp_path: Path) -> None:
    table = rows(replace(Export(), projects=1))
    lines = [number for number, row in enumerate(table, start=1) if number > 1 and row[2]]
    for line in lines:
        table = damage.put(table, "project_name", names[line % 3], line) if table[line - 1][7] != names[line % 3] else table
    found = checked(tmp_path, table)
    assert (found.outcome("OC403")["violations"], found.code) == (count, 0)


def test_one_row_without_project_is_some_and_all_are_every(tmp_path: Path) -> None:
    table = rows(replace(Export(), projects=1))
    charged = [number for number, row in enumerate(table, start=1) if number > 1 and row[2]]
    all_but_one = table
    for line in charged[1:]:
        all_but_one = damage.put(all_but_one, "project_id", "", line)
    found = checked(tmp_path, all_but_one)
    assert found.failed == {"OC503"}
    assert found.outcome("OC503")["violations"] == len(charged) - 1
    found = checked(tmp_path, damage.put(all_but_one, "project_name", "", charged[0]))
    assert found.failed == {"OC502"}
    assert found.places("OC502") == [f"{charged[0]}:project_id"]
    assert found.outcome("OC502")["violations"] == 1


@pytest.mark.parametrize("address", ["person0001@example.com", "person0001＠example.com", "x@y"])
def test_addresses_are_counted_and_never_shown(address: str, tmp_path: Path) -> None:
    table = damage.put(damage.put(good("H4"), "user_email", address, LINE), "user_email", address, LINE + 2)
    found = checked(tmp_path, table)
    assert found.failed == {"OC701"}
    assert found.outcome("OC701")["violations"] == 2
    assert [one["value"] for one in found.outcome("OC701")["findings"]] == [None]
    assert address not in str(found.report) + found.out
