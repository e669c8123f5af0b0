"""`billproof spend` on a half-year that was really uploaded: its numbers, its formats, its alerts, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from billproof.spend.phrases import headline, missing
from fixtures.half_year import half_year
from tests.report.render.pages import read
from tests.spend.project import CONFIGURATION, spend
from tests.support import run


def configure(*changes: tuple[str, str]) -> None:
    text = CONFIGURATION
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    Path("billproof.yaml").write_text(text, "utf-8")


def independent(month: str | None = None) -> Decimal:
    """What the files say, read without any code of ours."""
    with localcontext() as context:
        context.prec = 500
        return sum((amount for of, amount in _amounts() if month in (None, of)), Decimal(0))


@cache
def _amounts() -> list[tuple[str, Decimal]]:
    rows = [(one.month, row) for one in half_year() for row in csv.DictReader(io.StringIO(one.data.decode()))]
    return [(month, Decimal(row["amount_value"])) for month, row in rows if row["amount_value"]]


def numbers(entries: list[dict[str, Any]], key: str = "amount") -> Decimal:
    return sum((Decimal(entry[key]) for entry in entries if entry[key] is not None), Decimal(0))


def test_every_sum_is_exact(project: Path) -> None:
    found = spend()
    assert Decimal(found["amount"]) == independent()
    assert {month["month"]: Decimal(month["amount"]) for month in found["months"]} == {
        month["month"]: independent(month["month"]) for month in found["months"]
    }
    for entries in (found["days"], found["integrations"], *found["where"].values()):
        assert numbers(entries) == Decimal(found["amount"])
    assert numbers(found["unit_costs"]) + numbers(found["unpriced"]) == Decimal(found["amount"])
    change = found["change"]
    assert numbers(change["lines"], "change") + Decimal(change["others"]["change"]) == Decimal(change["change"])
    assert Decimal(change["change"]) == independent("2026-10") - independent("2026-09")


def _whose(entry: dict[str, Any]) -> str:
    return str(entry["by"][0]["line_item"] if entry["by"] else entry["project_name"] or entry["line_item"])


def test_what_was_planted_is_found_and_nothing_else(project: Path) -> None:
    found = [(entry["day"], entry["kind"], _whose(entry)) for entry in spend()["findings"]]
    assert found == [
        ("2026-08-21", "price_change", "gpt-5-mini, output"),
        ("2026-10-03", "new", "gpt-6-astra, input_tokens"),
        ("2026-10-03", "new", "gpt-6-astra, output_tokens"),
        ("2026-10-09", "vanished", "Nightly evals"),
        ("2026-10-14", "spike", "gpt-4o-2024-08-06, input"),
    ]  # fmt: skip
    (price,) = [entry["price"] for entry in spend()["findings"] if entry["price"]]
    assert price == {"per": "1M tokens", "before": "2", "after": "3.2", "times": "1.6"}


def test_no_change_is_computed_across_a_missing_month(project: Path) -> None:
    months = {month["month"]: month for month in spend("--only", "europe")["months"]}
    assert [months[month]["change"] is None for month in sorted(months)] == [True, False, True, True, False, False]
    assert months["2026-07"]["amount"] is None
    both = {month["month"]: month for month in spend()["months"]}
    research = {month["month"]: month for month in spend("--only", "research")["months"]}
    assert both["2026-08"]["change"] == research["2026-08"]["change"]
    assert (both["2026-08"]["without"], both["2026-08"]["compared_without"]) == ([], ["europe"])


def test_findings_do_not_depend_on_the_first_month_that_is_shown(project: Path) -> None:
    whole, last = spend(), spend("--from", "2026-10")
    assert last["findings"] == [entry for entry in whole["findings"] if entry["day"] >= "2026-10"]
    assert last["change"] == whole["change"]
    assert [month["month"] for month in last["months"]] == ["2026-10"]


def test_what_came_later_changes_nothing(project: Path) -> None:
    until = spend("--to", "2026-08", "--only", "research")
    before = {entry["line_item"]: entry["verdict"] for entry in spend("--to", "2026-07", "--only", "research")["unit_costs"]}
    after = {entry["line_item"]: entry["verdict"] for entry in until["unit_costs"]}
    assert (before["gpt-5-mini, output"], after["gpt-5-mini, output"]) == ("constant", "price change")


def test_last_means_the_last_complete_month(project: Path) -> None:
    assert spend("--from", "last", "--to", "last") == spend("--from", "2026-10", "--to", "2026-10")


def test_the_same_bytes_every_time_and_in_any_folder(project: Path, tmp_path: Path) -> None:
    for format_ in ("text", "json", "csv"):
        first, again = run("spend", "--format", format_), run("spend", "--format", format_)
        assert first == again
        assert str(tmp_path) not in first[1]


def test_the_table_adds_up_and_is_read_by_anybody(project: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("spend", "--format", "csv")[1], newline="")))
    assert sum(Decimal(row["amount"]) for row in rows) == independent()
    assert {row["month"] for row in rows if row["integration"] == "europe"} == {
        "2026-05",
        "2026-06",
        "2026-08",
        "2026-09",
        "2026-10",
    }
    assert {(row["quantity"] != "", row["unit"] != "") for row in rows} == {(True, True)}


@pytest.mark.soak
def test_a_name_that_is_a_formula_stays_text_in_the_table(project: Path) -> None:
    path = Path("exports/europe/cost_2026-10-01_2026-10-31.csv")
    data = path.read_bytes().replace(b"Support assistant", b"=HYPERLINK(1)").replace(b",tokens,", b",=1+1,")
    path.write_bytes(data.replace("Recherche Zürich".encode(), b"a@example.com"))
    waiver = "rule: OC208, organization: org-EXAMPLEacme02, month: any, reason: a name, owner: me"
    configure(("alerts:", f'waivers: [{{{waiver}, expires: "2027-01-01"}}]\nalerts:'))
    assert run("upload")[0] == 0
    rows = list(csv.DictReader(io.StringIO(run("spend", "--format", "csv", "--from", "2026-10")[1], newline="")))
    assert {row["project_name"] for row in rows if row["integration"] == "europe"} == {"'=HYPERLINK(1)", "<e-mail>"}
    assert "'=1+1" in {row["unit"] for row in rows}
    for format_ in ("text", "json", "html", "csv"):
        assert "a@example.com" not in run("spend", "--format", format_)[1]


def test_text_leads_with_what_the_month_cost_and_why(project: Path) -> None:
    lines = run("spend")[1].splitlines()
    assert lines[0] == "October 2026: 12,524.55 USD, 2,305.58 more than in September (+22.6 %)"
    assert lines[1].startswith(
        "Mostly research, Chatbot: gpt-6-astra, output_tokens (new, +1,293.92) and gpt-6-astra, input_tokens"
    )
    assert lines[2].endswith("together 55,501.90 USD, exactly 55501.89700837")
    assert any("europe" in line and "2026-07" in line and "no accepted file" in line for line in lines)
    assert max(map(len, lines)) <= 130


def test_a_share_says_of_which_months(project: Path) -> None:
    for words, period in (([], "6 months"), (["--from", "2026-09"], "2 months"), (["--from", "2026-10"], "October 2026")):
        text, html = run("spend", *words)[1], read(run("spend", *words, "--format", "html")[1]).text
        assert text.count(f"  share of {period}\n") == 2
        assert all(f"\n{name}, share of {period}   " in text for name in ("Tiers", "Kinds"))
        assert html.count(f"Share of {period} ") == 2
        assert all(f"{name}, {period} USD Share " in html for name in ("Tiers", "Kinds"))


def lose(*paths: str) -> None:
    """The accepted files are nowhere any more."""
    shutil.rmtree("archive")
    for path in paths:
        Path(path).unlink()


def heading() -> str:
    """The first line of the text, which is the page's title and heading, too."""
    first, html = run("spend")[1].splitlines()[0], run("spend", "--format", "html")[1]
    assert f"<title>Spend: {first}</title>" in html
    assert f"<h1><bdi>{first}</bdi></h1>" in html
    return first


def test_the_headline_of_a_month_without_a_file_says_so(project: Path) -> None:
    lose("exports/europe/cost_2026-10-01_2026-10-31.csv")
    alone = run("spend", "--only", "research")[1].splitlines()[0]
    assert alone.startswith("October 2026: ")
    assert heading() == alone.replace("October 2026: ", "October 2026 without europe: ")
    Path("exports/research/cost_2026-09-01_2026-09-30.csv").unlink()
    assert heading().endswith("USD; no whole month before it to compare with")


def test_the_headline_says_whose_month_is_compared_with_nothing(project: Path) -> None:
    compared = run("spend", "--only", "research")[1].splitlines()[0].split(", ", 1)[1]
    lose("exports/europe/cost_2026-09-01_2026-09-30.csv")
    assert heading() == f"October 2026: 12,524.55 USD, {compared}, compared without europe"


def test_the_headline_tells_a_lost_month_from_one_that_is_not_compared(project: Path) -> None:
    document = spend()
    last = {**document["months"][-1], "without": ["a", "b", "c"], "compared_without": ["d", "a", "b", "c"]}
    changed = {**document, "months": [*document["months"][:-1], last]}
    assert headline(changed).startswith("October 2026 without a, b and c: 12,524.55 USD, 2,305.58 more than in September")
    assert headline(changed).endswith(", compared without d")
    assert missing(last) == "without a, b and c: no accepted file was read; change without d"


def test_outputs_are_written(project: Path) -> None:
    code, out, err = run("spend", "--output", "json=spend.json", "--output", "csv=spend.csv", "--output", "text=spend.txt")
    assert (code, err) == (0, "")
    assert Path("spend.txt").read_text("utf-8") == out
    assert json.loads(Path("spend.json").read_text("utf-8")) == spend()
    assert Path("spend.csv").read_text("utf-8") == run("spend", "--format", "csv")[1]


@pytest.mark.parametrize(
    "path",
    ["csv=exports/research/spend.csv", "json=billproof.yaml", "csv=archive/spend.csv", "text=exports/research/x.csv", "pdf=x"],
)
def test_an_output_never_gets_in_the_way(project: Path, path: str) -> None:
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert run("spend", "--output", path)[0] == 2
    assert before == {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def test_an_accepted_file_is_not_overwritten(project: Path) -> None:
    Path("elsewhere").mkdir()
    path = Path("exports/europe/cost_2026-10-01_2026-10-31.csv").rename("elsewhere/october.csv")
    shutil.rmtree("archive")
    data = path.read_bytes()
    assert run("spend", "elsewhere", "--output", f"csv={path}")[0] == 2
    assert path.read_bytes() == data


# --- alerts ---

ALERTS = [
    "2026-08-21  research  price change  gpt-5-mini, output went from 2 to 3.2 USD per 1M tokens: 1,895.37 USD more since",
    "2026-10-03  research  new  gpt-6-astra, output_tokens is new: 1,293.92 USD since",
    "2026-10-09  research  vanished  project Nightly evals has had no charge since; 629.99 USD in the 28 days before",
    "2026-10-14  research  spike  275.42 USD above the 143.06 expected: Search, gpt-4o-2024-08-06, input",
]  # fmt: skip


def test_a_finding_that_alerts_is_one_line(project: Path) -> None:
    code, out, err = run("spend", "--alert")
    assert (code, err) == (1, "")
    assert out.splitlines() == ALERTS


@pytest.mark.parametrize(
    "alerts, lines",
    [
        ("{spike: 276}", []),
        ("{spike: 275}", ALERTS[3:]),
        ('{spike: "275.43"}', []),
        ('{spike: "275.42"}', ALERTS[3:]),
        ("{price_change: 0}", ALERTS[:1]),
        ("{odd_price: 0, no_quantity: 0}", []),
    ],
)
def test_kinds_and_amounts(project: Path, alerts: str, lines: list[str]) -> None:
    configure(("{spike: 100, new: 1000, vanished: 600, price_change: 0}", alerts))
    code, out, err = run("spend", "--alert")
    assert (code, out.splitlines()) == (int(bool(lines)), lines)
    assert bool(lines) or "nothing alerts in 2026-05 to 2026-10; 5 findings" in err


def test_an_integration_s_own_alerts(project: Path) -> None:
    configure(
        ("files: exports/research, to: archive", "files: exports/research, to: archive, alerts: {spike: 1000}"),
        ("{spike: 100, new: 1000, vanished: 600, price_change: 0}", "{spike: 1, price_change: 0}"),
    )
    assert run("spend", "--alert")[1].splitlines() == ALERTS[:1]


def test_only_what_is_shown_alerts(project: Path) -> None:
    assert run("spend", "--alert", "--from", "2026-10")[1].splitlines() == ALERTS[1:]
    assert run("spend", "--alert", "--to", "2026-07")[:2] == (0, "")
    assert run("spend", "--alert", "--only", "europe")[:2] == (0, "")


def test_alerts_beside_another_format(project: Path) -> None:
    code, out, err = run("spend", "--alert", "--format", "json", "--output", "csv=spend.csv")
    assert (code, err.splitlines()) == (1, ALERTS)
    assert json.loads(out) == spend()
    assert Path("spend.csv").is_file()


def test_a_file_that_is_not_found_is_not_taken_for_quiet(project: Path) -> None:
    shutil.rmtree("archive")
    Path("exports/europe/cost_2026-10-01_2026-10-31.csv").unlink()
    code, out, err = run("spend", "--alert")
    assert (code, out.splitlines()) == (3, ALERTS)
    assert "UNPROVED  the accepted file was not found: cost_2026-10-01_2026-10-31.csv" in err


def test_alerts_must_be_configured(project: Path) -> None:
    configure(("alerts: {spike: 100, new: 1000, vanished: 600, price_change: 0}\n", ""))
    code, _, err = run("spend", "--alert")
    assert code == 2
    assert "alerts: {spike: 100, new: 100}" in err


@pytest.mark.parametrize("alerts", ["{spike: -1}", "{spikes: 1}", '{spike: "1e3"}', "{spike: 1.5}", "[spike]", "{spike: yes}"])
def test_alerts_are_read_strictly(project: Path, alerts: str) -> None:
    configure(("{spike: 100, new: 1000, vanished: 600, price_change: 0}", alerts))
    code, _, err = run("check")
    assert code == 2
    assert "billproof.yaml:8  " in err


# --- what is refused ---


@pytest.mark.parametrize(
    "arguments, code, text",
    [
        (["--only", "nobody"], 2, "research, europe"),
        (["--from", "2026-13"], 2, "not a month"),
        (["--from", "2026-10", "--to", "2026-09"], 2, "is later than"),
        (["--from", "2027-01"], 3, "in that range"),
        (["no-such-folder"], 2, "no such folder"),
        (["--format", "sarif"], 2, "text, json"),
    ],
)
def test_what_cannot_be_shown(project: Path, arguments: list[str], code: int, text: str) -> None:
    found = run("spend", *arguments)
    assert (found[0], found[1]) == (code, "")
    assert text in found[2]


def test_without_configuration_ledger_or_upload(project: Path) -> None:
    configure(("ledger: .billproof/ledger\n", ""))
    assert run("spend")[0] == 3
    configure((".billproof/ledger", "elsewhere"))
    assert run("spend")[0] == 3
    assert run("ledger", "init")[0] == 0
    code, _, err = run("spend")
    assert code == 3
    assert "no month was accepted" in err
    Path("billproof.yaml").unlink()
    assert run("spend")[0] == 2


def test_an_edited_receipt_is_not_believed(project: Path) -> None:
    receipt = next(Path(".billproof/ledger").rglob("0001-*.json"))
    receipt.write_bytes(receipt.read_bytes().replace(b'"n": 1', b'"n": 2'))
    assert run("spend")[0] == 3


def test_a_check_loads_nothing_of_it(project: Path) -> None:
    loaded = "[name for name in sys.modules if name.startswith('billproof.spend')]"
    code = f"import sys; from billproof.cli.main import main; main(['check', 'exports/europe']); print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_findings_of_all_organizations_are_in_the_order_of_days(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = {"research": "2026-10-05", "europe": "2026-09-01"}
    entry = spend()["findings"][0]
    monkeypatch.setattr("billproof.spend.document.told", lambda one, _: [{**entry, "day": days[one.integration.name]}])
    assert [entry["day"] for entry in spend()["findings"]] == ["2026-09-01", "2026-10-05"]


def test_gaps_are_told_as_ranges(project: Path) -> None:
    text = Path("billproof.yaml").read_text("utf-8")
    more = "".join(f"  - {{name: new{number}, organization: org-NEW{number}, to: archive}}\n" for number in range(4))
    Path("billproof.yaml").write_text(text.replace("alerts:", f"{more}alerts:"), "utf-8")
    out = run("spend")[1]
    assert "  new0    2026-05 to 2026-10  no accepted file\n" in out
    assert "without 5 organizations: no accepted file was read" in out
    assert "without 4 organizations: no accepted file was read" in out
