"""The built-in rule set for Pelanor's custom invoices, without a line of Python, and uploads to integrations that name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from billproof.rules.compiled import load_ruleset
from tests.support import FIXTURES, ROOT, Checked, check, run

pytestmark = pytest.mark.usefixtures("invoice_rules")

RULESET = "pelanor-invoice"
FOLDER = ROOT / "rules" / RULESET
HEADER = "usage_date,cost,service_name,subaccount,tag:team"


def invoice(*, days: range = range(1, 32)) -> list[str]:
    """A good invoice for October 2025: two lines a day, 1.10 and 2.005, in two accounts."""
    lines = [HEADER]
    for day in days:
        lines.append(f"2025-10-{day:02d},1.10,Search,acct-EXAMPLE1,data")
        lines.append(f"2025-10-{day:02d},2.005,Index,acct-EXAMPLE2,web")
    return lines


def judged(folder: Path, lines: list[str], *arguments: str, end: str = "\n", mark: str = "") -> Checked:
    """The check of these lines with the rule set for custom invoices."""
    path = folder / "invoice.csv"
    path.write_bytes((mark + end.join(lines) + end).encode())
    return check(path, "--ruleset", RULESET, *arguments)


def test_it_is_data_alone() -> None:
    assert {path.suffix for path in FOLDER.iterdir()} == {".yaml", ".csv"}
    own = [rule.id for rule in load_ruleset(RULESET).rules if Path(rule.path).parent == FOLDER]
    assert own == [
        "CI101", "CI102", "CI201", "CI202", "CI203", "CI204", "CI205", "CI206", "CI207", "CI208", "CI301", "CI302", "CI303",
        "CI304", "CI501", "CI601", "CI602", "CI603",
    ]  # fmt: skip


@pytest.mark.soak
def test_its_examples_are_green() -> None:
    code, out, _ = run("rules", "test", "--ruleset", RULESET)
    assert (code, out.splitlines()[-1].rpartition(": ")[2]) == (0, "0 failed"), out


def test_a_good_invoice_passes_with_totals_and_calendar(tmp_path: Path) -> None:
    found = judged(tmp_path, invoice())
    assert (found.code, found.file["verdict"], found.failed) == (0, "pass", set())
    totals = found.file["totals"]
    assert (totals["amount"], totals["currency"], totals["charged_rows"]) == ("96.255", "USD", 62)
    assert (totals["days"], totals["first_day"], totals["last_day"]) == (31, "2025-10-01", "2025-10-31")
    assert [(one["id"], one["amount"]) for one in totals["by_project"]] == [
        ("acct-EXAMPLE2", "62.155"),
        ("acct-EXAMPLE1", "34.1"),
    ]
    assert [one["id"] for one in totals["by_line_item"]] == ["Index", "Search"]
    assert found.file["month"] == {"value": "2025-10", "source": "inferred"}
    assert f"2025-10    {'#' * 31}    # charges" in found.out


def test_no_rule_speaks_of_another_vendors_download() -> None:
    for rule in load_ruleset(RULESET).rules:
        text = f"{rule.file.why} {rule.file.fix}"
        assert not [word for word in ("OpenAI", "export", "download", "project") if word in text.lower()], rule.id
        assert "OpenAI" not in text, rule.id


def test_every_rule_has_looked(tmp_path: Path) -> None:
    outcomes = judged(tmp_path, invoice()).file["outcomes"]
    lacking = {one["rule"]: one["state"] for one in outcomes if one["state"] != "passed"}
    assert lacking == {
        "CI205": "not_applicable", "CI206": "not_applicable", "CI207": "not_applicable",
        "CI601": "not_run", "CI602": "not_run", "CI603": "not_applicable",
    }  # fmt: skip
    assert next(one["evaluated"] for one in outcomes if one["rule"] == "CI302") == 31


def test_the_text_does_not_speak_of_another_vendor_or_role(tmp_path: Path) -> None:
    out = judged(tmp_path, invoice()).out
    assert "OpenAI" not in out
    assert "Organization" not in out


@pytest.mark.parametrize(
    "line, text, rule, place",
    [
        (1, "usage_day,cost,service_name,subaccount,tag:team", "CI101", "1:usage_date"),
        (1, "usage_date,cost,service,subaccount,tag:team", "CI102", "1:service"),
        (4, "02.10.2025,1.10,Search,acct-EXAMPLE1,data", "CI201", "4:usage_date"),
        (4, "2025-10-32,1.10,Search,acct-EXAMPLE1,data", "CI201", "4:usage_date"),
        (5, '2025-10-02,"1,10",Index,acct-EXAMPLE2,web', "CI202", "5:cost"),
        (5, "2025-10-02,,Index,acct-EXAMPLE2,web", "CI202", "5:cost"),
        (5, "2025-10-02,1.10,Index, acct-EXAMPLE2,web", "CI203", "5:subaccount"),
        (5, "2025-10-02,-1.10,Index,acct-EXAMPLE2,web", "CI204", "5:cost"),
        (63, "2025-11-01,2.005,Index,acct-EXAMPLE2,web", "CI301", "63:usage_date"),
        (5, "2025-10-02,1.10,Search,acct-EXAMPLE1,data", "CI501", "5:service_name"),
        (5, "2025-10-02,1.10,Search,acct-EXAMPLE1", "CSV008", "5:-"),
    ],
)
def test_one_fault_one_rule_one_place(tmp_path: Path, line: int, text: str, rule: str, place: str) -> None:
    lines = invoice()
    lines[line - 1] = text
    found = judged(tmp_path, lines)
    assert (found.failed, found.places(rule)) == ({rule}, [place])
    levels = {one["rule"]: one["level"] for one in found.file["outcomes"]}
    assert found.code == (1 if levels[rule] == "error" else 0)


def test_a_missing_day_is_a_warning_here(tmp_path: Path) -> None:
    lines = [line for line in invoice() if not line.startswith("2025-10-14")]
    found = judged(tmp_path, lines)
    assert (found.code, found.failed, found.places("CI302")) == (0, {"CI302"}, ["28:usage_date"])
    assert "2025-10    #############!#################" in found.out
    assert judged(tmp_path, lines, "--fail-on", "warning").code == 1


def test_a_day_that_cannot_be_read_is_not_called_missing(tmp_path: Path) -> None:
    lines = [line.replace("2025-10-14", "14.10.2025") for line in invoice()]
    found = judged(tmp_path, lines)
    assert (found.code, found.failed, found.places("CI201")) == (1, {"CI201"}, ["28:usage_date", "29:usage_date"])
    assert (found.outcome("CI302")["state"], found.outcome("CI302")["blocked_by"]) == ("blocked", "CI201")


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    lines = invoice()
    found = judged(tmp_path, [lines[0], *reversed(lines[1:])])
    assert (found.code, found.file["verdict"], found.failed) == (0, "pass", set())


def test_a_double_is_found_however_far_apart_the_rows_are(tmp_path: Path) -> None:
    found = judged(tmp_path, [*invoice(), "2025-10-01,1.10,Search,acct-EXAMPLE1,data"])
    assert (found.failed, found.places("CI501")) == ({"CI501"}, ["64:service_name"])
    assert found.outcome("CI501")["findings"][0]["related"] == [{"line": 2, "column": "service_name"}]


def test_a_spreadsheet_may_have_written_it(tmp_path: Path) -> None:
    found = judged(tmp_path, invoice(), end="\r\n", mark="\ufeff")
    assert (found.code, found.failed) == (0, {"CSV003", "CSV004"})
    assert {rule: found.outcome(rule)["level"] for rule in found.failed} == {"CSV003": "warning", "CSV004": "note"}


def test_an_openai_export_is_not_a_custom_invoice() -> None:
    found = check(FIXTURES / "demo" / "cost_2025-10-01_2025-10-31.csv", "--ruleset", RULESET)
    assert (found.code, found.failed, found.places("CI101")) == (1, {"CI101"}, ["1:usage_date", "1:cost"])


def test_a_month_that_is_not_over(tmp_path: Path) -> None:
    lines = invoice(days=range(1, 20))
    found = judged(tmp_path, lines, "--as-of", "2025-10-20")
    assert (found.code, found.failed) == (1, {"CI303"})
    assert judged(tmp_path, lines, "--as-of", "2025-10-20", "--month-to-date").code == 0


def test_it_has_a_guide_of_its_own() -> None:
    code, out, _ = run("guide", "--ruleset", RULESET, "--month", "2025-10", "--as-of", "2025-12-01")
    assert code == 0
    assert "from 2025-10-01 to 2025-10-31" in out
    assert "OpenAI" not in out


TYPES = ("Data Transferred", "Data Processed", "CPU Core Hours", "Storage", "Requests", "Item Count", "Usage Hours", "Other")


@pytest.mark.parametrize(
    "quantity, type_, failed",
    [
        *(("3.5", name, set()) for name in TYPES),
        ("", "", set()),
        ("3.5", "", set()),
        ("", "Storage", {"CI207"}),
        ("3.5", "storage", {"CI205"}),
        ("3.5", "Data  Processed", {"CI205"}),
        ("3.5", "Tokens", {"CI205"}),
        ("3.5 GB", "Storage", {"CI206"}),
        ("1e3", "Requests", {"CI206"}),
        ("NaN", "Requests", {"CI206"}),
    ],
)
def test_consumption_has_a_number_and_a_type_that_pelanor_knows(
    tmp_path: Path, quantity: str, type_: str, failed: set[str]
) -> None:
    lines = [f"{line},{quantity},{type_}" for line in invoice()]
    lines[0] = f"{HEADER},consumption,consumption_type"
    assert judged(tmp_path, lines).failed == failed


@pytest.mark.parametrize(
    "cost", ["$1.10", "1,10", "1.10 USD", "1e-05", "NaN", "１.10", "1_0", "--1", ".5", "1.", "1000000000000000"]
)
def test_a_cost_that_is_not_a_plain_number(tmp_path: Path, cost: str) -> None:
    lines = invoice()
    lines[1] = f'2025-10-01,"{cost}",Search,acct-EXAMPLE1,data' if "," in cost else f"2025-10-01,{cost},Search,acct-EXAMPLE1,data"
    found = judged(tmp_path, lines)
    assert (found.code, found.failed, found.places("CI202")) == (1, {"CI202"}, ["2:cost"])


@pytest.mark.parametrize(
    "day", ["2025-10-1", "2025/10/01", "20251001", "2025-10-01T00:00:00Z", "45931", "1759276800", "Oct 1, 2025"]
)
def test_a_day_in_another_form(tmp_path: Path, day: str) -> None:
    lines = invoice()
    lines[1] = f'"{day}",1.10,Search,acct-EXAMPLE1,data' if "," in day else f"{day},1.10,Search,acct-EXAMPLE1,data"
    found = judged(tmp_path, lines)
    assert (found.code, found.failed, found.places("CI201")) == (1, {"CI201"}, ["2:usage_date"])


def test_an_unknown_column_is_a_warning_and_a_tag_is_known(tmp_path: Path) -> None:
    lines = [line.replace("tag:team", "tag:cost center").replace("service_name", "service-name") for line in invoice()]
    found = judged(tmp_path, lines)
    assert (found.code, found.failed, found.places("CI102")) == (0, {"CI102"}, ["1:service-name"])


def test_a_day_that_has_not_begun(tmp_path: Path) -> None:
    found = judged(tmp_path, invoice(), "--as-of", "2025-10-20", "--month-to-date")
    assert (found.code, found.failed, len(found.places("CI304"))) == (1, {"CI304"}, 22)


def test_the_expected_total(tmp_path: Path) -> None:
    assert judged(tmp_path, invoice(), "--expect-total", "96.25").failed == {"CI603"}
    assert (
        judged(tmp_path, ["usage_date,cost", "2025-10-01,96.255"], "--expect-total", "96.26").outcome("CI603")["state"]
        == "passed"
    )


@pytest.mark.parametrize(
    "name, cause",
    [
        ("cost_2025-10-01_2025-10-31.csv", "openai-export"),
        ("renamed.csv", "not-an-invoice"),
    ],
)
def test_the_cause_names_openais_export(tmp_path: Path, name: str, cause: str) -> None:
    path = tmp_path / name
    path.write_bytes((FIXTURES / "demo" / "cost_2025-10-01_2025-10-31.csv").read_bytes())
    found = check(path, "--ruleset", RULESET)
    assert (found.code, found.file["diagnosis"]["id"]) == (1, cause)


CONFIG = """\
version: 1
ledger: ledger
destinations: {archive: {kind: directory, path: archive}}
integrations:
  - {name: openai, organization: org-EXAMPLE1, files: exports, to: archive}
  - {name: acme, organization: acme, files: invoices, to: archive, ruleset: pelanor-invoice}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an OpenAI organization and a vendor whose custom invoices are uploaded."""
    monkeypatch.chdir(tmp_path)
    Path("billproof.yaml").write_text(CONFIG, "utf-8")
    for folder in ("exports", "invoices"):
        Path(folder).mkdir()
    Path("invoices/october.csv").write_text("\n".join(invoice()) + "\n", "utf-8")
    good = (FIXTURES / "demo" / "cost_2025-10-01_2025-10-31.csv").read_text("utf-8")
    Path("exports/october.csv").write_text(good.replace("org-EXAMPLEacme01", "org-EXAMPLE1"), "utf-8")
    assert run("ledger", "init")[0] == 0
    return tmp_path


def sent(project: Path) -> list[str]:
    """Organization and month of the files in the archive."""
    paths = [path.relative_to(project / "archive").parts for path in (project / "archive").rglob("*.csv")]
    return sorted(f"{parts[0].removeprefix('organization=')} {parts[1].removeprefix('month=')}" for parts in paths)


def test_an_integration_that_names_the_set_gets_invoices(project: Path) -> None:
    code, out, err = run("upload", "invoices", "--as-of", "2025-12-01")
    assert (code, err) == (0, "")
    assert "ALL UPLOADED  1 accepted" in out
    assert sent(project) == ["acme 2025-10"]
    # The bytes that it has already are not sent again.
    code, out, _ = run("upload", "invoices/october.csv", "--as-of", "2025-12-01")
    assert (code, "already uploaded" in out) == (0, True)
    code, out, _ = run("status", "--from", "2025-10", "--to", "2025-10", "--as-of", "2025-12-01")
    assert "96.26" in out
    code, out, err = run("pack", "acme", "2025-10", "--output", "evidence")
    assert (code, err) == (0, ""), out + err
    code, out, _ = run("verify", "evidence/report.json", "--config", "billproof.yaml")
    assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out
    assert check("invoices").code == 0


@pytest.mark.parametrize(
    "arguments, named",
    [
        (("invoices", "--ruleset", "openai-cost"), "takes files of the rule set pelanor-invoice"),
        (("exports", "--ruleset", "pelanor-invoice"), "takes files of the rule set openai-cost"),
        (("exports", "invoices"), "different rule sets"),
        (
            ("invoices", "--organization", "org-EXAMPLE1", "--ruleset", "pelanor-invoice"),
            "takes files of the rule set openai-cost",
        ),
        (("exports/october.csv", "--organization", "acme", "--ruleset", "openai-cost"), "takes files of the rule set pelanor"),
    ],
)
def test_nothing_of_another_format_reaches_an_integration(project: Path, arguments: tuple[str, ...], named: str) -> None:
    code, out, err = run("upload", *arguments, "--as-of", "2025-12-01")
    assert (code, out) == (2, "")
    assert named in err
    assert sent(project) == []


def test_an_export_in_the_folder_of_an_invoice_fails_and_is_not_sent(project: Path) -> None:
    Path("exports/october.csv").rename("invoices/cost_2025-10-01_2025-10-31.csv")
    assert run("upload", "invoices/cost_2025-10-01_2025-10-31.csv", "--as-of", "2025-12-01")[0] == 1
    assert sent(project) == []


def test_an_invoice_of_no_integration_is_unproved(project: Path) -> None:
    Path("invoices/october.csv").rename("october.csv")
    assert run("upload", "october.csv", "--ruleset", "pelanor-invoice", "--as-of", "2025-12-01")[0] == 3
    assert sent(project) == []
    assert run("upload", "october.csv", "--organization", "acme", "--as-of", "2025-12-01")[0] == 0
    assert sent(project) == ["acme 2025-10"]


def test_a_check_under_another_set_goes_on_and_is_not_ready(project: Path) -> None:
    found = check("invoices", "--ruleset", "openai-cost", as_of="2025-12-01")
    assert found.code == 1
    found = check("invoices/october.csv", "--organization", "org-EXAMPLE1", "--ruleset", "pelanor-invoice")
    assert found.code == 0
    assert found.report is not None
    assert "other_rules" in found.report["upload"]["because"]
    assert "its integration names another rule set" in found.out
    assert check("invoices/october.csv", "--organization", "org-EXAMPLE1", "--ruleset", RULESET, "--policy", "upload").code == 3


def test_a_stricter_set_of_ones_own_may_send_and_a_relaxed_one_may_not(project: Path) -> None:
    for name, level in (("strict", "error"), ("lax", "note")):
        Path(name).mkdir()
        text = f"name: {name}\nversion: 1.0.0\ntitle: Ours\nextends: pelanor-invoice\nrules:\n  CI302: {{level: {level}}}\n"
        Path(name, "ruleset.yaml").write_text(text, "utf-8")
    code, out, _ = run("upload", "invoices", "--ruleset", "./lax", "--as-of", "2025-12-01")
    assert (code, "CI302 missing-day is lowered from warning to note" in out, sent(project)) == (3, True, [])
    assert run("upload", "invoices", "--ruleset", "./strict", "--as-of", "2025-12-01")[0] == 0


def test_a_gap_stops_the_upload_until_it_is_waived(project: Path) -> None:
    lines = [line for line in invoice() if not line.startswith("2025-10-14")]
    Path("invoices/october.csv").write_text("\n".join(lines) + "\n", "utf-8")
    assert run("upload", "invoices", "--as-of", "2025-12-01")[0] == 1
    waiver = "{rule: CI302, organization: acme, month: any, reason: closed, owner: ops, expires: '2027-01-01'}"
    Path("billproof.yaml").write_text(f"{CONFIG}waivers: [{waiver}]\n", "utf-8")
    assert run("upload", "invoices", "--month", "2025-10", "--as-of", "2025-12-01")[0] == 0
    # The waiver is of another set than the one that these files are checked under.
    assert run("check", "exports", "--as-of", "2025-12-01")[0] == 0


def test_a_month_that_shrinks_is_not_replaced(project: Path) -> None:
    assert run("upload", "invoices", "--as-of", "2025-12-01")[0] == 0
    smaller = [line.replace("2.005", "1.005") for line in invoice()]
    Path("invoices/october.csv").write_text("\n".join(smaller) + "\n", "utf-8")
    code, out, _ = run("upload", "invoices", "--as-of", "2025-12-01")
    assert (code, "CI601 month-shrinks" in out, len(sent(project))) == (1, True, 1)
