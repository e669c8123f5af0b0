"""`billproof convert`: only what passed is written, once, exactly, without an e-mail address, and the same bytes each time."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from billproof.cli.commands import convert as command
from billproof.reading.source import open_source
from billproof.spend import convert as converting
from tests.spend.exports import H1, convert, export, rows_of, total_of
from tests.spend.focus_rules import broken
from tests.support import FIXTURES, check, fixture

# The gate tries one file of each kind, the others wait for soak.
SOAKED = ("good-h2", "good-h3", "good-one-project", "good-personal", "good-unknown-columns", "good-usd-upper", "personal-data")
GOOD = [
    *("good-exponents", "good-h1", "good-h4", "good-h4-by-line-item-only", "good-odd-names", "negative"),
    *(pytest.param(case, marks=pytest.mark.soak) for case in SOAKED),
]
COSTS = {"focus": "BilledCost", "pelanor-invoice": "cost"}


@pytest.mark.parametrize("case", GOOD)
def test_every_charge_is_a_row_and_the_sum_is_exact(case: str, tmp_path: Path) -> None:
    source = fixture(case)
    charged = [row for row in rows_of(source) if row["amount_value"]]
    expected = total_of(source, "amount_value")
    for target, column in COSTS.items():
        output = tmp_path / f"{target}.csv"
        code, out, err = convert(source, "--to", target, "--output", output)
        assert (code, err) == (0, ""), out
        rows = rows_of(output)
        assert [Decimal(row[column]) for row in rows] == [Decimal(row["amount_value"]) for row in charged]
        assert total_of(output, column) == expected
        assert f"exactly {f'{expected:f}'.rstrip('0')}, as in the export\n" in out
        assert f"{len(charged)} rows, {output.stat().st_size:,} bytes" in out
        assert b"\r" not in output.read_bytes()
        assert not output.read_bytes().startswith(b"\xef\xbb\xbf")
        if target == "focus":
            missing = sum(not row.get("x_Quantity") or not row["x_QuantityUnit"] for row in rows)
            names = ("PricingQuantity", "ConsumedQuantity") if missing else ()
            assert broken(rows) == {f"{name} MUST NOT be null for usage": missing for name in names}
            assert (f"quantities on {missing} of {len(rows)} rows" in out) is (missing > 0)


@pytest.mark.parametrize("target", COSTS)
def test_the_same_exports_give_the_same_bytes(target: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert convert(fixture("good-odd-names"), "--to", target, "--output", tmp_path / name)[0] == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.soak
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.csv")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_exit_code_is_that_of_the_check_and_what_did_not_pass_is_not_written(path: Path, tmp_path: Path) -> None:
    checked = check(path)
    for target, column in COSTS.items():
        output = tmp_path / f"{target}.csv"
        code = convert(path, "--to", target, "--output", output)[0]
        assert (code, output.exists()) == (checked.code, checked.code == 0)
        if checked.code == 0:
            assert total_of(output, column) == total_of(path, "amount_value")


@pytest.mark.parametrize("case, code", [("default-31-days", 1), ("bad-amount", 1), ("zero-bytes", 1)])
@pytest.mark.parametrize("target", COSTS)
def test_what_did_not_pass_is_reported_and_not_written(case: str, code: int, target: str, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    found, out, _ = convert(fixture(case), "--to", target, "--output", output)
    assert (found, os.listdir(tmp_path)) == (code, [])
    assert out.startswith("FAIL  ")


def test_one_file_that_fails_keeps_the_others_from_being_written(tmp_path: Path) -> None:
    one, two = fixture("good-h1"), fixture("default-31-days")
    assert convert(one, two, "--to", "focus", "--output", tmp_path / "out.csv")[0] == 1
    assert convert(one, tmp_path / "missing.csv", "--to", "focus", "--output", tmp_path / "out.csv")[0] == 3
    assert convert(tmp_path, "--to", "focus", "--output", tmp_path / "out.csv")[0] == 3
    assert os.listdir(tmp_path) == []


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    for name in ("file", "link"):
        output = tmp_path / name
        output.symlink_to("nowhere") if name == "link" else output.write_text("mine")
        code, out, err = convert(fixture("good-h1"), "--to", "focus", "--output", output)
        assert (code, out) == (2, "")
        assert "there is a file of that name" in err
    assert (tmp_path / "file").read_text() == "mine"
    assert convert(fixture("good-h1"), "--to", "focus", "--output", tmp_path / "no" / "folder.csv")[0] == 3


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.csv"
    reading = open_source

    def slow(path: str) -> object:
        output.write_text("mine")
        return reading(path)

    monkeypatch.setattr(converting, "open_source", slow)
    assert convert(fixture("good-h1"), "--to", "focus", "--output", output)[0] == 2
    assert (os.listdir(tmp_path), output.read_text()) == (["out.csv"], "mine")


@pytest.mark.parametrize("old, new", [(b"3.84991200", b"3.84991201"), (b"whisper", b"wh1sper")])
def test_a_file_that_changes_after_the_check_is_not_converted(
    old: bytes, new: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "cost.csv"
    source.write_bytes(fixture("good-h1").read_bytes())
    assert old in source.read_bytes()
    reading = open_source

    def changed(path: str) -> object:
        source.write_bytes(source.read_bytes().replace(old, new, 1))
        return reading(path)

    monkeypatch.setattr(converting, "open_source", changed)
    code, out, err = convert(source, "--to", "focus", "--output", tmp_path / "out.csv")
    assert (code, out, os.listdir(tmp_path)) == (3, "", ["cost.csv"])
    assert "the file changed after it was checked" in err


def test_no_e_mail_address_is_written_and_ids_of_people_by_flag_only(tmp_path: Path) -> None:
    people = {"user_email": "ann@example.com", "user_id": "user-EXAMPLE1", "api_key_id": "key_EXAMPLE1"}
    source = export(
        tmp_path / "cost.csv",
        [
            {"amount_value": "1.5", "project_name": "bob@example.com's tests", **people},
            {"amount_value": "2.5", "line_item": "gpt-5, output", **people},
        ],
    )
    for target, columns in (("focus", ("x_UserId", "x_ApiKeyId")), ("pelanor-invoice", ("tag:user_id", "tag:api_key_id"))):
        output, named = tmp_path / f"{target}.csv", tmp_path / f"{target}-ids.csv"
        code, out, _ = convert(source, "--to", target, "--output", output)
        assert (code, "1 row had an e-mail address in a name" in out) == (0, True)
        text = output.read_text("utf-8")
        assert "@" not in text
        assert "EXAMPLE1" in text
        assert "user-EXAMPLE1" not in text
        assert "key_EXAMPLE1" not in text
        assert convert(source, "--to", target, "--output", named, "--user-ids")[0] == 0
        assert "@" not in named.read_text("utf-8")
        assert [tuple(row[name] for name in columns) for row in rows_of(named)] == [("user-EXAMPLE1", "key_EXAMPLE1")] * 2


def test_no_e_mail_address_is_written_from_any_other_cell(tmp_path: Path) -> None:
    cells = ("project_id", "quantity_unit", "api_source", "user_id", "api_key_id", "quantity")
    source = export(tmp_path / "cost.csv", [{"amount_value": "1.5", **{name: f"{name}@example.com" for name in cells}}])
    for target in ("focus", "pelanor-invoice"):
        output = tmp_path / f"{target}.csv"
        code, out, _ = convert(source, "--to", target, "--output", output, "--user-ids")
        assert (code, "1 row had an e-mail address" in out) == (0, True)
        assert "@" not in output.read_text("utf-8")


def test_a_month_counts_once(tmp_path: Path) -> None:
    one = export(tmp_path / "one.csv", [{"amount_value": "1"}], H1)
    two = export(tmp_path / "two.csv", [{"amount_value": "2"}], H1)
    code, out, err = convert(one, two, "--to", "focus", "--output", tmp_path / "out.csv")
    assert (code, out, (tmp_path / "out.csv").exists()) == (2, "", False)
    assert "two files for 2025-10 of org-EXAMPLE1" in err


def test_warnings_and_months_that_were_left_out_are_named(tmp_path: Path) -> None:
    folder, output = tmp_path / "exports", tmp_path / "out.csv"
    export(folder / "october.csv", [{"amount_value": "1"}, {"amount_value": "-2", "line_item": "whisper"}], H1)
    (folder / "other.csv").write_bytes((FIXTURES / "several-months-of-folder" / "cost_2025-09-01_2025-09-30.csv").read_bytes())
    code, out, _ = convert(folder, "--month", "2025-10", "--to", "focus", "--output", output)
    assert (code, total_of(output, "BilledCost")) == (0, Decimal(-1))
    assert "  warned    OC207 negative-amount: billproof check says where\n" in out
    assert "  aside     1 file of other months\n" in out


def several(folder: Path) -> Path:
    """October of two organizations, with and without quantities."""
    export(folder / "a.csv", [{"amount_value": "1.25", "quantity": "1000000", "quantity_unit": "tokens"}])
    other = {"organization_id": "org-EXAMPLE2", "organization_name": "Acme Labs"}
    export(folder / "b.csv", [{"amount_value": "2", **other}, {"amount_value": "3", "line_item": "whisper", **other}], H1)
    return folder


def test_organizations_share_a_focus_file_and_not_an_invoice(tmp_path: Path) -> None:
    folder, output = several(tmp_path / "exports"), tmp_path / "focus.csv"
    code, out, _ = convert(folder, "--to", "focus", "--output", output)
    assert code == 0
    rows = rows_of(output)
    assert [(row["BillingAccountId"], row["BilledCost"], row["x_SourceFile"], row["x_SourceLine"]) for row in rows] == [
        ("org-EXAMPLE1", "1.25", "a.csv", "2"), ("org-EXAMPLE2", "2.0", "b.csv", "2"), ("org-EXAMPLE2", "3.0", "b.csv", "3"),
    ]  # fmt: skip
    assert [row["x_Quantity"] for row in rows] == ["1000000", "", ""]
    assert "exactly 6.25, as in the exports" in out
    assert "quantities on 2 of 3 rows" in out
    for words in (("--to", "pelanor-invoice"), ("--to", "focus", "--invoice-id", "INV-1")):
        code, out, err = convert(folder, *words, "--output", tmp_path / "no.csv")
        assert (code, out, (tmp_path / "no.csv").exists()) == (2, "", False)
        assert "one month of one organization" in err


@pytest.mark.parametrize(
    "decimals, text",
    [
        ("0", "1,557 USD, with 0 decimals"),
        ("2", "1,557.10 USD, with 2 decimals"),
        ("30", f"1,557.1{'0' * 27}25 USD, with 30 decimals"),
    ],
)
def test_the_written_total_reads_as_the_exact_one(decimals: str, text: str, tmp_path: Path) -> None:
    source = export(tmp_path / "cost.csv", [{"amount_value": f"1557.1{'0' * 27}25"}], H1)
    words = ("--to", "pelanor-invoice", "--decimals", decimals, "--output", tmp_path / "out.csv")
    assert f"  written   {text}: the exact total, rounded once\n" in convert(source, *words)[1]


def test_every_organization_is_named_with_its_months(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("exports/", "--to", "focus", "--output")
    code, out, _ = convert(*words, "focus.csv", as_of="2026-11-03T08:00:00Z")
    assert code == 0
    lines = [
        "  from      org-EXAMPLEacme01 (Acme Research), May to October 2026",
        "  from      org-EXAMPLEacme02 (Acme Europe), May to June 2026, August to October 2026",
    ]
    assert out.splitlines()[1:3] == lines
    monkeypatch.setattr(command, "_SHOWN", 1)
    out = convert(*words, "again.csv", as_of="2026-11-03T08:00:00Z")[1]
    assert out.splitlines()[1:3] == [lines[0], "  from      1 other organization"]


@pytest.mark.parametrize(
    "months, text",
    [
        (["2026-10"], "October 2026"),
        (["2026-11", "2026-12", "2027-01"], "November 2026 to January 2027"),
        (["2025-10", "2026-10", "2026-12", "2027-01"], "October 2025, October 2026, December 2026 to January 2027"),
    ],
)
def test_months_are_named_as_spans(months: list[str], text: str) -> None:
    assert ", ".join(command.spans(months)) == text


@pytest.mark.parametrize(
    "words",
    [
        ("--to", "focus"),
        ("--output", "out.csv"),
        ("--to", "xlsx", "--output", "out.csv"),
        ("--to", "focus", "--output", "out.csv", "--focus-version", "1.3"),
        ("--to", "focus", "--output", "out.csv", "--decimals", "2"),
        ("--to", "pelanor-invoice", "--output", "out.csv", "--decimals", "-1"),
        ("--to", "pelanor-invoice", "--output", "out.csv", "--decimals", "two"),
        ("--to", "pelanor-invoice", "--output", "out.csv", "--focus-version", "1.2"),
        ("--to", "pelanor-invoice", "--output", "out.csv", "--issuer", "OpenAI, LLC"),
        ("--to", "pelanor-invoice", "--output", "out.csv", "--ruleset", "pelanor-invoice"),
    ],
)
def test_options_that_do_not_fit_together(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = export(tmp_path / "cost.csv", [{"amount_value": "1"}], H1)
    monkeypatch.chdir(tmp_path)
    code, out, _ = convert(source, *words)
    assert (code, out.startswith(("", "FAIL"))) == (1 if "--ruleset" in words else 2, True)
    assert os.listdir(tmp_path) == ["cost.csv"]


def test_standard_input_and_output_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert convert("-", "--to", "focus", "--output", "out.csv")[0] == 2
    assert convert(fixture("good-h1"), "--to", "focus", "--output", "-")[0] == 2
    assert os.listdir(tmp_path) == []


def test_a_conversion_is_not_put_among_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    integrations = (
        "[{name: openai, organization: org-EXAMPLE1, files: exports},"
        " {name: acme, organization: acme, files: invoices, ruleset: pelanor-invoice}]"
    )
    Path("billproof.yaml").write_text(f"version: 1\nintegrations: {integrations}\n", "utf-8")
    export(Path("exports/october.csv"), [{"amount_value": "1"}], H1)
    Path("invoices").mkdir()
    for output in ("exports/focus.csv", "invoices/focus.csv"):
        code, out, err = convert("exports", "--to", "focus", "--output", output)
        assert (code, out, Path(output).exists()) == (2, "", False)
        assert "whose CSV files are" in err
    assert convert("exports", "--to", "pelanor-invoice", "--output", "invoices/october.csv")[0] == 0
    assert check("invoices").code == 0


@pytest.mark.parametrize("limit, rows, size", [("ROWS", 107, 10**9), ("BYTES", 10**9, 57_000)])
def test_a_large_file_says_that_it_is_too_large_for_vantage(
    limit: str, rows: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bounds in ((10_000, 2_000_000), (rows, size)):
        monkeypatch.setattr(command, "_VANTAGE_ROWS", bounds[0])
        monkeypatch.setattr(command, "_VANTAGE_BYTES", bounds[1])
        _, out, _ = convert(fixture("good-h1"), "--to", "focus", "--output", tmp_path / f"{bounds[0]}.csv")
        assert ("Vantage" in out) is (bounds[0] != 10_000)
