"""A second rule set, for Pelanor's custom invoices, written without a line of Python: the engine knows no export by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from billproof.rules.compiled import load_ruleset
from tests.support import FIXTURES, ROOT, Checked, check, run

RULESET = ROOT / "tests" / "rulesets" / "custom-invoice"
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
    assert {path.suffix for path in RULESET.iterdir()} == {".yaml", ".json"}
    own = [rule.id for rule in load_ruleset(str(RULESET)).rules if Path(rule.path).parent == RULESET]
    assert own == ["CI101", "CI102", "CI201", "CI202", "CI203", "CI204", "CI301", "CI302", "CI303", "CI501"]


def test_its_examples_are_green() -> None:
    code, out, _ = run("rules", "test", "--ruleset", str(RULESET))
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


def test_every_rule_has_looked(tmp_path: Path) -> None:
    outcomes = judged(tmp_path, invoice()).file["outcomes"]
    assert {one["state"] for one in outcomes} == {"passed"}
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
    assert {found.outcome(rule)["level"] for rule in found.failed} == {"warning"}


def test_an_openai_export_is_not_a_custom_invoice() -> None:
    found = check(FIXTURES / "demo" / "cost_2025-10-01_2025-10-31.csv", "--ruleset", RULESET)
    assert (found.code, found.failed, found.places("CI101")) == (1, {"CI101"}, ["1:usage_date", "1:cost"])


def test_a_month_that_is_not_over(tmp_path: Path) -> None:
    lines = invoice(days=range(1, 20))
    found = judged(tmp_path, lines, "--as-of", "2025-10-20")
    assert (found.code, found.failed) == (1, {"CI303"})
    assert judged(tmp_path, lines, "--as-of", "2025-10-20", "--month-to-date").code == 0


def test_it_cannot_stand_in_for_the_shipped_set(tmp_path: Path) -> None:
    found = judged(tmp_path, invoice(), "--policy", "upload")
    assert found.code == 3
    assert found.report is not None
    assert "weaker_rules" in {reason["code"] for reason in found.report["reasons"]}


def test_it_has_a_guide_of_its_own() -> None:
    code, out, _ = run("guide", "--ruleset", str(RULESET), "--month", "2025-10", "--as-of", "2025-12-01")
    assert code == 0
    assert "from 2025-10-01 to 2025-10-31" in out
    assert "OpenAI" not in out
