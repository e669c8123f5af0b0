"""The cause that leads: each of the built-in ones where it must lead, and where it must not."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures import damage
from fixtures.exports import TIMES, Export, Table, rows, to_bytes
from tests.support import FIXTURES, ROOT, Checked, check, fixture, run

OCTOBER = Export()
TABLE = rows(OCTOBER)
DATA = to_bytes(TABLE)
NAME = OCTOBER.file_name
ACTIVITY = "embeddings_usage_2025-10-01_2025-10-31.csv"


def images(last: int = 31) -> Table:
    """An organization with simple prices: a few images a day at 0.04 USD."""
    export = replace(OCTOBER, last=date(2025, 10, last), per_day=1, empty_days=())
    return damage.changed(rows(export), "amount_value", lambda text: f"{len(text) * 0.04:.2f}")


def four_columns() -> Table:
    return damage.columns(rows(replace(OCTOBER, generation="H2", empty_days=tuple(OCTOBER.days))), TIMES)


def half(first: int, last: int, generation: str = "H1") -> bytes:
    return to_bytes(rows(replace(OCTOBER, generation=generation, first=date(2025, 10, first), last=date(2025, 10, last))))


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, DATA)
    return file.getvalue()


def put(column: str, text: str, lines: int = 1) -> bytes:
    return to_bytes(damage.changed(TABLE, column, lambda _: text, range(3, 3 + lines)))


def found_in(tmp_path: Path, content: bytes | Table, *arguments: str, name: str = NAME) -> Checked:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else to_bytes(content))
    return check(path, "--month", "2025-10", *arguments)


def cause(found: Checked) -> dict[str, Any]:
    return dict(found.file.get("diagnosis", {"id": None, "cause": "", "fix": "", "rules": []}))


LEADS: list[tuple[str, str | None, bytes | Table]] = [
    ("a byte-order mark", "saved-by-spreadsheet", damage.saved(TABLE, mark=True)),
    ("semicolons", "saved-by-spreadsheet", damage.saved(TABLE, delimiter=";")),
    ("times in short form", "saved-by-spreadsheet", damage.unix_times(TABLE, damage.scientific)),
    ("line ends and quoting", "saved-by-spreadsheet", damage.saved(TABLE, ends="\r\n", quote_all=True)),
    ("line ends, no last one", "saved-by-spreadsheet", damage.saved(TABLE, ends="\r\n").removesuffix(b"\r\n")),
    ("line ends and rounding", "saved-by-spreadsheet", damage.saved(
        damage.changed(TABLE, "amount_value", damage.fifteen_digits), ends="\r\n")),
    ("spreadsheet of part of a month", "saved-by-spreadsheet", damage.saved_by_excel(
        damage.between(TABLE, OCTOBER.first, date(2025, 10, 20)))),
    ("quoted throughout", "saved-by-spreadsheet", damage.saved(TABLE, quote_all=True)),
    ("simple prices", "saved-by-spreadsheet", images()),
    ("simple prices, part of a month", "part-of-a-month", images(25)),
    ("quoted, part of a month", "part-of-a-month", damage.saved(images(25), quote_all=True)),
    ("simple prices, not grouped", "not-grouped", damage.only(images(), [
        name for name in OCTOBER.header if name not in ("line_item", "project_id", "project_name")])),
    ("simple prices, eur", None, damage.changed(images(), "amount_currency", lambda _: "eur")),
    ("line ends", "git-changed-line-ends", damage.saved(TABLE, ends="\r\n")),
    ("two halves", "joined-exports", half(1, 15) + half(16, 31)),
    ("two halves of different years", "joined-exports", half(1, 15) + half(16, 31, "H4")),
    ("the newer half first", "joined-exports", half(1, 15, "H4") + half(16, 31)),
    ("two halves with marks", "joined-exports", b"\xef\xbb\xbf" + half(1, 15) + b"\xef\xbb\xbf" + half(16, 31)),
    ("two halves, quoted", "joined-exports", damage.saved(TABLE, quote_all=True) * 2),
    ("two halves with CRLF", "joined-exports", damage.saved(TABLE, ends="\r\n") * 2),
    ("halves, no line end between", "joined-exports", half(1, 15).removesuffix(b"\n") + half(16, 31)),
    ("the same export twice", "joined-exports", DATA + DATA),
    ("joined without a header", None, DATA + DATA.partition(b"\n")[2]),
    ("one bad time", None, put("start_time", "n/a")),
    ("one amount typed by hand", None, put("amount_value", "1,234.56")),
    ("one blank line item", None, put("line_item", "")),
    ("one row of two hours", None, put("end_time", str(1759276800 + 7200))),
    ("cut in a row", "broken-download", damage.cut_in_line(DATA, 70)),
    ("no last line end", "broken-download", DATA.removesuffix(b"\n")),
    ("four columns", "no-usage", four_columns()),
    ("another file", "not-an-export", b"name,price\nApple,1\n"),
    ("a renamed column", None, DATA.replace(b"amount_value", b"amount", 1)),
    ("a zip", "not-a-csv", zipped(NAME)),
    ("a whole month", None, TABLE),
]  # fmt: skip


@pytest.mark.parametrize(("what", "id_", "content"), LEADS, ids=[one[0] for one in LEADS])
def test_the_cause_that_leads(what: str, id_: str | None, content: bytes | Table, tmp_path: Path) -> None:
    assert cause(found_in(tmp_path, content))["id"] == id_, what


@pytest.mark.parametrize(
    ("case", "id_"),
    [
        ("default-31-days", "default-31-day-range"),
        ("two-months", "several-months"),
        ("hourly", "other-interval"),
        ("end-shift", None),
        ("ungrouped-h2", "not-grouped"),
        ("activity-completions-2025", "wrong-tab"),
        ("legacy-h0", "legacy-export"),
        ("no-usage-full-header", "no-usage"),
        ("wrong-organization", "wrong-organization"),
        ("not-a-csv-html", "not-a-csv"),
        ("git-crlf", "git-changed-line-ends"),
        ("bad-utf8", None),
        ("total-differs", None),
    ],
)
def test_the_cause_of_a_whole_file(case: str, id_: str | None) -> None:
    given = FIXTURES / case / "args.txt"
    assert cause(check(fixture(case), *(given.read_text().split() if given.is_file() else [])))["id"] == id_


@pytest.mark.parametrize(
    ("program", "failed"),
    [
        ("excel-windows", {"CSV002", "CSV004", "OC201", "OC206"}),
        ("excel-macintosh", {"CSV002", "CSV004", "OC201", "OC206"}),
        ("excel-english", {"CSV003", "CSV004", "OC201", "OC206"}),
        ("excel-german", {"CSV003", "CSV004", "CSV006"}),
        ("google-sheets", {"CSV004", "CSV009", "OC206"}),
        ("numbers", {"CSV004", "OC206"}),
    ],
)
def test_how_spreadsheet_programs_write(program: str, failed: set[str]) -> None:
    found = check(fixture(f"spreadsheet-{program}"))
    assert found.failed == failed
    assert cause(found)["id"] == "saved-by-spreadsheet"
    assert "may have" not in cause(found)["cause"]


def test_every_cause_leads_in_some_test_here() -> None:
    shipped = {one["id"] for one in yaml.safe_load((ROOT / "rules/openai-cost/diagnoses.yaml").read_text())["diagnoses"]}
    assert shipped >= {
        "saved-by-spreadsheet", "joined-exports", "default-31-day-range", "wrong-tab", "not-grouped", "other-interval",
        "not-a-csv", "broken-download", "wrong-organization", "no-usage", "not-an-export", "git-changed-line-ends",
    }  # fmt: skip
    assert shipped - {id_ for _, id_, _ in LEADS} == {
        "default-31-day-range", "several-months", "another-month", "other-interval", "wrong-tab", "legacy-export",
        "wrong-organization",
        # Of OpenAI's own record: tested with it.
        "project-filter", "line-items-differ", "amounts-changed",
    }  # fmt: skip


@pytest.mark.parametrize("content", [images(), damage.saved(TABLE, quote_all=True)], ids=["simple prices", "quoted"])
def test_on_warnings_alone_nobody_is_accused_and_nothing_is_called_lost(content: bytes | Table, tmp_path: Path) -> None:
    found = found_in(tmp_path, content)
    assert found.code == 0
    assert "may have" in cause(found)["cause"]
    for word in ("lost", "Excel", "cannot be", "recover"):
        assert word not in cause(found)["cause"] + cause(found)["fix"], word


def test_a_total_that_differs_is_not_hidden_by_a_warning(tmp_path: Path) -> None:
    found = found_in(tmp_path, images(), "--expect-total", "1.00")
    assert found.failed == {"OC603", "OC206"}
    assert cause(found)["id"] is None
    assert "What to do Read the month's spend" in found.out


def test_oc206_says_itself_that_simple_prices_look_so(tmp_path: Path) -> None:
    (finding,) = found_in(tmp_path, images(25)).outcome("OC206")["findings"]
    assert "simple prices" in finding["message"]


@pytest.mark.parametrize("name", [ACTIVITY, "completions_usage_2025-10-01_2025-10-31 (1).csv"])
def test_times_alone_in_a_file_named_like_an_activity_export(name: str, tmp_path: Path) -> None:
    found = found_in(tmp_path, four_columns(), name=name)
    assert cause(found)["id"] == "wrong-tab"
    assert 'the tab "Cost data"' in cause(found)["fix"]
    assert "nothing to upload" not in cause(found)["fix"]


@pytest.mark.parametrize("name", [NAME, "usage.csv", "openai_usage_october.csv"])
def test_times_alone_under_another_name(name: str, tmp_path: Path) -> None:
    assert cause(found_in(tmp_path, four_columns(), name=name))["id"] == "no-usage"


def test_the_line_of_the_second_header(tmp_path: Path) -> None:
    first = half(1, 15)
    found = found_in(tmp_path, first + half(16, 31))
    line = first.count(b"\n") + 1
    assert cause(found)["cause"].startswith(f"Line {line} is a second header")
    assert "Export the whole month at once" in cause(found)["fix"]
    one = found_in(tmp_path, first + half(16, 31), "--max-findings", "1")
    assert cause(one) == cause(found), "a cause does not depend on how many findings are shown"


def test_the_line_of_a_second_header_far_below(tmp_path: Path) -> None:
    many = to_bytes(rows(replace(OCTOBER, per_day=60)))
    assert len(many) > 200_000
    line = many.count(b"\n") + 1
    assert cause(found_in(tmp_path, many + DATA))["cause"].startswith(f"Line {line} is")


def of_two_organizations() -> Table:
    other = damage.changed(TABLE, "organization_id", lambda _: "org-EXAMPLEother")
    return [*TABLE[:60], *other[60:]]


def test_several_organizations_and_one_given_propose_nothing_that_fails(tmp_path: Path) -> None:
    for given, other in (("org-EXAMPLEacme01", "org-EXAMPLEother"), ("org-EXAMPLEother", "org-EXAMPLEacme01")):
        found = found_in(tmp_path, of_two_organizations(), "--organization", given)
        assert found.failed == {"OC401"}
        assert found.blocked["OC402"] == "OC401"
        assert "the file has charges of 2 organizations" in found.outcome("OC401")["findings"][0]["message"]
        assert other in cause(found)["cause"]
        assert "several organizations" in cause(found)["cause"]
        assert "--organization" not in cause(found)["fix"]
        assert "Export each organization separately" in cause(found)["fix"]


def test_one_organization_that_is_not_the_given_one(tmp_path: Path) -> None:
    found = found_in(tmp_path, TABLE, "--organization", "org-EXAMPLEother")
    assert "again with --organization org-EXAMPLEacme01.\nIf you need org-EXAMPLEother, " in cause(found)["fix"]
    assert "organizations" not in found.outcome("OC401")["findings"][0]["message"]
    assert found_in(tmp_path, TABLE, "--organization", "org-EXAMPLEacme01").code == 0, "what is proposed passes"


def test_a_name_in_place_of_an_id(tmp_path: Path) -> None:
    labs = damage.changed(of_two_organizations(), "organization_name", lambda _: "Labs")
    two = [*TABLE[:60], *labs[60:]]
    for table, given, id_ in (
        (TABLE, "Acme Research", "org-EXAMPLEacme01"), (TABLE, "acme research", "org-EXAMPLEacme01"), (TABLE, "Acme", None),
        (two, "Acme Research", "org-EXAMPLEacme01"), (two, "Labs", "org-EXAMPLEother"),
    ):  # fmt: skip
        found = found_in(tmp_path, table, "--organization", given)
        assert found.failed == {"OC401"}
        fix = f"Give the ID {id_} in place of the name, and check the file again."
        assert (cause(found)["fix"] == fix) is (id_ is not None), given


def test_an_id_is_never_taken_for_a_name(tmp_path: Path) -> None:
    table = damage.changed(TABLE, "organization_name", lambda _: "org-EXAMPLEother")
    assert "in place of the name" not in cause(found_in(tmp_path, table, "--organization", "org-EXAMPLEother"))["fix"]


@pytest.mark.parametrize(
    ("content", "words", "never"),
    [
        (zipped(NAME), "Unpack it", "Downloads folder"),
        (damage.gzipped(DATA), "Unpack it", "Downloads folder"),
        (damage.workbook(), "Do not save a\nworkbook as CSV", "Unpack"),
        (damage.LOGIN_PAGE, "Downloads folder", "Unpack"),
        (damage.LFS_POINTER, "git lfs pull", "Downloads folder"),
    ],
    ids=["zip", "gzip", "workbook", "html", "lfs"],
)
def test_what_to_do_with_a_file_of_another_kind(content: bytes, words: str, never: str, tmp_path: Path) -> None:
    fix = cause(found_in(tmp_path, content))["fix"]
    assert words in fix
    assert never not in fix


def test_every_text_that_names_a_dashboard_names_both() -> None:
    texts: list[str] = []
    for path in sorted((ROOT / "rules").glob("*/*.yaml")):
        document = yaml.safe_load(path.read_text("utf-8"))
        texts += [document[key] for key in ("message", "why", "fix") if key in document]
        texts.append("\n".join(document.get("guide", ())))
        for one in document.get("diagnoses", ()):
            texts += [text.replace("{export}", document.get("export", "")) for text in (one["cause"], one["fix"])]
    named = [text for text in texts if any(word in text for word in ("Usage", "selector", "Organization analytics"))]
    assert len(named) >= 15
    for text in named:
        assert "Organization analytics" in text, text
        assert "All projects" in text, text
        assert "older dashboard" in " ".join(text.split()), text
        assert "press its x" in text, text


def test_the_guide_names_both_dashboards() -> None:
    code, out, _ = run("guide", "--month", "2025-10")
    assert code == 0
    for words in (
        '"Organization analytics"',
        'Project filter to "All projects"',
        '"Analytics > Usage" shows one project',
        "press its x",
    ):
        assert words in out


def test_a_waiver_of_the_warning_takes_its_cause_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.config.settings.clock", lambda: datetime(2025, 12, 1, tzinfo=UTC))
    config = tmp_path / "billproof.yaml"
    config.write_text(
        "version: 1\nwaivers:\n  - {rule: OC206, organization: org-EXAMPLEacme01, month: any, reason: images only, owner: finops,"
        + ' expires: "2026-06-30"}\n'
    )
    found = found_in(tmp_path, images(), "--config", str(config))
    assert found.in_state("waived") == {"OC206"}
    assert cause(found)["id"] is None


def test_one_charge_without_line_item_is_not_said_to_be_a_grouping(tmp_path: Path) -> None:
    found = found_in(tmp_path, put("line_item", ""))
    (finding,) = found.outcome("OC501")["findings"]
    assert "group" not in finding["message"].lower()
    assert "What to do If line_item is empty in every charge" in found.out
    assert "If only some charges lack it" in " ".join(found.out.split())


def test_old_exports_are_dated_as_they_were_made() -> None:
    found = check(fixture("legacy-h0"))
    for text in (cause(found)["cause"], found.outcome("OC103")["findings"][0]["message"]):
        assert "until mid-2025" in text
        assert "February" not in text


def test_nobody_is_sent_to_the_invoice() -> None:
    rule = yaml.safe_load((ROOT / "rules/openai-cost/OC603-total-differs.yaml").read_text("utf-8"))
    pages = [(ROOT / "docs" / name).read_text("utf-8") for name in ("limits.md", "audit.md")]
    for text in (rule["fix"], *pages):
        assert "tax and credit purchases" in " ".join(text.split())
        assert "OpenAI's invoice" not in text
