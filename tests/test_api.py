"""The Python interface: what the command says, as values; nothing changed in the program that calls it."""

from __future__ import annotations

import copy
import csv
import decimal
import gc
import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import billproof
from billproof.report.restore import misfits
from tests.support import AS_OF, FIXTURES, ROOT, fixture, make_ready, reseal, run
from tests.uploading import ACME, export

DEMO = FIXTURES / "demo"
GOOD = DEMO / "cost_2025-10-01_2025-10-31.csv"
BAD = DEMO / "cost_2025-10-04_2025-11-03.csv"


def outside_run(report: dict[str, Any]) -> str:
    """A report without when and where it was made, as text: the order of keys counts."""
    return json.dumps({key: value for key, value in report.items() if key != "run"})


def told(*arguments: str) -> str:
    """What the command says with these arguments."""
    return outside_run(json.loads(run("check", *arguments, "--format", "json")[1]))


def month_of(folder: Path, *, total: str = "100", month: str = "2025-06", name: str = "") -> str:
    path = folder / (name or f"{month}-{total}.csv")
    path.write_bytes(export(total, month))
    return str(path)


# --- the same as the command ---


@pytest.mark.parametrize(
    "fixture",
    [
        "demo",
        "good-h4",
        "bad-utf8",
        "unclosed-quote",
        "zero-bytes",
        "spreadsheet-excel-german",
        "several-months-of-folder",
        "none",
    ],
)
def test_a_check_says_what_the_command_says(fixture: str) -> None:
    path = str(FIXTURES / fixture)
    assert outside_run(billproof.check(path, as_of=AS_OF).as_dict()) == told(path, "--as-of", AS_OF)


def test_options_are_those_of_the_command(tmp_path: Path) -> None:
    config = make_ready(tmp_path)
    ruleset = ROOT / "tests" / "rulesets" / "stricter"
    report = billproof.check(
        GOOD, organization=ACME, month="2025-10", month_to_date=True, as_of=date(2025, 12, 1), expect_total=Decimal("537.87"),
        ruleset=ruleset, config=config, policy="upload", fail_on="warning", max_findings=5,
    )  # fmt: skip
    assert outside_run(report.as_dict()) == told(
        str(GOOD), "--organization", ACME, "--month", "2025-10", "--month-to-date", "--as-of", "2025-12-01", "--expect-total",
        "537.87", "--ruleset", str(ruleset), "--config", str(config), "--policy", "upload", "--fail-on", "warning",
        "--max-findings", "5",
    )  # fmt: skip


def test_a_time_may_be_a_datetime() -> None:
    report = billproof.check(GOOD, as_of=datetime(2025, 12, 1, 8, tzinfo=UTC))
    assert outside_run(report.as_dict()) == told(str(GOOD), "--as-of", "2025-12-01T08:00:00Z")


@pytest.mark.parametrize("format_", ["text", "html", "sarif", "junit", "github", "gitlab", "markdown"])
def test_a_report_in_a_format_is_what_the_command_prints(format_: str) -> None:
    report = billproof.check(BAD, as_of=AS_OF)
    printed = run("check", str(BAD), "--as-of", AS_OF, "--format", format_)[1]
    # The clock of `run` may have gone on between the two.
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    rendered, printed = (re.sub(instant, "(instant)", text) for text in (report.render(format_), printed))
    assert rendered == printed


def test_several_processes_say_what_one_says() -> None:
    names = sorted(DEMO.glob("*.csv"))
    assert outside_run(billproof.check(names, as_of=AS_OF, jobs=2).as_dict()) == outside_run(
        billproof.check(names, as_of=AS_OF).as_dict()
    )


@pytest.mark.parametrize("data", [GOOD.read_bytes(), io.BytesIO(GOOD.read_bytes())], ids=["bytes", "file object"])
def test_bytes_are_checked_as_the_file_is(data: Any) -> None:
    assert outside_run(billproof.check_bytes(str(GOOD), data, as_of=AS_OF).as_dict()) == told(str(GOOD), "--as-of", AS_OF)


# --- the results ---


def test_results_are_values() -> None:
    report = billproof.check(BAD, as_of=AS_OF)
    assert (report.verdict, report.exit_code, report.ready) == ("fail", 1, False)
    file = report.files[0]
    document = report.as_dict()["files"][0]
    assert file.totals is not None
    assert isinstance(file.totals.amount, Decimal)
    assert str(file.totals.amount) == document["totals"]["amount"]
    missing = [day.date for day in file.days if day.state == "missing"]
    assert missing == ["2025-10-01", "2025-10-02", "2025-10-03"]
    failed = {outcome.rule: outcome for outcome in file.outcomes if outcome.state == "failed"}
    assert "2025-10-01 to 2025-10-03" in failed["OC304"].findings[0].message
    assert file.diagnosis is not None
    assert file.diagnosis.id == "default-31-day-range"
    with pytest.raises(AttributeError):
        report.verdict = "pass"  # type: ignore[misc]


def test_a_report_can_be_sent_to_another_process() -> None:
    report = billproof.check(DEMO, as_of=AS_OF)
    assert pickle.loads(pickle.dumps(report)) == report


def test_a_dictionary_can_be_changed_without_changing_the_report() -> None:
    report = billproof.check(GOOD, as_of=AS_OF)
    report.as_dict()["files"].clear()
    assert len(report.as_dict()["files"]) == 1


# --- what cannot be read, and what is not valid ---


class Breaking:
    """A file object of a network that fails."""

    def read(self, size: int) -> bytes:
        raise ConnectionResetError("https://user:secret@example.com")


def test_what_cannot_be_read_is_unproved_and_raises_nothing(tmp_path: Path) -> None:
    reports = [
        billproof.check(tmp_path / "missing.csv"), billproof.check(tmp_path), billproof.check([]),
        billproof.check_bytes("export.csv", Breaking()),  # type: ignore[arg-type]
    ]  # fmt: skip
    assert [(report.verdict, report.exit_code) for report in reports] == [("unproved", 3)] * 4
    assert reports[3].files[0].error == "export.csv: cannot be read: ConnectionResetError"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"month": "10"}, "--month 10: not a month"),
        ({"as_of": "soon"}, "--as-of soon: not a date or time"),
        ({"expect_total": "much"}, "--expect-total much: not an amount"),
        ({"organization": " "}, "--organization is empty"),
        ({"max_findings": 0}, "--max-findings 0: expected a number from 1 to 1000000"),
        ({"jobs": 0}, "--jobs 0: expected a number from 1 to 60"),
        ({"policy": "strict"}, "policy is check or upload"),
        ({"ruleset": "none-such"}, "--ruleset none-such: no such rule set"),
        ({"month": 202510}, "month: expected text, not int"),
        ({"organization": ["org-EXAMPLE1"]}, "organization: expected text, not list"),
        ({"month_to_date": "yes"}, "month_to_date: expected True or False, not str"),
        ({"second_opinion": 1}, "second_opinion: expected True or False, not int"),
        ({"as_of": 1764547200}, "as_of: expected text, a date or a datetime, not int"),
        ({"expect_total": ["1"]}, "expect_total: expected text or a number, not list"),
        ({"max_findings": 1.5}, "max_findings: expected a number, not float"),
        ({"jobs": [2]}, "jobs: expected a number, not list"),
        ({"policy": ["upload"]}, "policy: expected text, not list"),
        ({"fail_on": {}}, "fail_on: expected text, not dict"),
        ({"ruleset": 5}, "ruleset: expected a path, not int"),
        ({"config": b"billproof.yaml"}, "config: expected a path, not bytes"),
    ],
)
def test_an_option_that_is_not_valid_is_a_usage_error(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(billproof.UsageError, match=text):
        billproof.check(GOOD, **arguments)


def test_further_uses_that_are_refused() -> None:
    with pytest.raises(billproof.UsageError, match="standard input is for the command"):
        billproof.check("-")
    with pytest.raises(billproof.UsageError, match="str was read, not bytes"):
        billproof.check_bytes("export.csv", io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(billproof.UsageError, match="accepts one file only"):
        billproof.check(DEMO, expect_total="1")
    for files in (5, None, [5], b"export.csv", [b"export.csv"]):
        with pytest.raises(billproof.UsageError, match="files: expected "):
            billproof.check(files)  # type: ignore[arg-type]
    with pytest.raises(billproof.UsageError, match="name: expected a path, not NoneType"):
        billproof.check_bytes(None, b"")  # type: ignore[arg-type]
    for data in ("text", None, 5):
        with pytest.raises(billproof.UsageError, match="data: expected bytes or a binary file object, not"):
            billproof.check_bytes("export.csv", data)  # type: ignore[arg-type]
    alone: list[Any] = [5, None, "{}", {}, billproof.check(GOOD)]
    for reports in alone:
        with pytest.raises(billproof.UsageError, match="merge needs a list of reports, not"):
            billproof.merge(reports)
    with pytest.raises(billproof.UsageError, match="pdf: not a format"):
        billproof.check(GOOD).render("pdf")
    with pytest.raises(TypeError):
        billproof.check(GOOD, organisation=ACME)  # type: ignore[call-arg]


def test_a_configuration_is_used_only_if_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_ready(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert billproof.check(GOOD, as_of=AS_OF).as_dict()["settings"]["config"] is None
    named = billproof.check(GOOD, as_of=AS_OF, config=config)
    assert outside_run(named.as_dict()) == told(str(GOOD), "--as-of", AS_OF, "--config", str(config))
    assert named.as_dict()["settings"]["config"] is not None
    config.write_text("version: 1\nintegrations: 5\n", "utf-8")
    with pytest.raises(billproof.ConfigurationError) as raised:
        billproof.check(GOOD, config=config)
    assert "integrations" in str(raised.value.errors[0])


# --- merge ---


def test_two_files_of_a_month_are_judged_again(tmp_path: Path) -> None:
    config = make_ready(tmp_path)
    names = [month_of(tmp_path, total="100"), month_of(tmp_path, total="90"), month_of(tmp_path, month="2025-07")]
    reports = [billproof.check(name, as_of=AS_OF, config=config) for name in names]
    whole = billproof.check(names, as_of=AS_OF, config=config)
    merged = billproof.merge(reports)
    assert outside_run(merged.as_dict()) == outside_run(whole.as_dict())
    assert merged.files == whole.files
    assert "two_files" in merged.as_dict()["upload"]["because"]
    told = billproof.merge([reports[0], reports[1].as_dict(), reports[2].json])
    assert told.files == whole.files
    assert told.as_dict()["upload"]["because"] == [*whole.as_dict()["upload"]["because"], "merged"]
    assert all("two_files" not in report.as_dict()["upload"]["because"] for report in reports)


def test_under_the_policy_of_an_upload_both_files_of_a_month_are_unproved(tmp_path: Path) -> None:
    config = make_ready(tmp_path)
    names = [month_of(tmp_path, total="100"), month_of(tmp_path, total="90")]
    reports = [billproof.check(name, month="2025-06", as_of=AS_OF, config=config, policy="upload") for name in names]
    whole = billproof.check(names, month="2025-06", as_of=AS_OF, config=config, policy="upload")
    merged = billproof.merge(report for report in reports)
    assert outside_run(merged.as_dict()) == outside_run(whole.as_dict())
    assert [file.verdict for file in merged.files] == ["unproved", "unproved"]


@pytest.mark.parametrize("fixture", ["demo", "zero-bytes", "none"])
def test_a_merge_of_one_report_is_that_report(fixture: str) -> None:
    report = billproof.check(FIXTURES / fixture, as_of=AS_OF)
    assert billproof.merge([report]) == report
    told = billproof.merge([report.json])
    assert (told.verdict, told.files) == (report.verdict, report.files)


@pytest.fixture
def good_and_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[billproof.Report, billproof.Report]:
    """The reports on a good export and on one with a missing day, as an upload would judge them."""
    monkeypatch.chdir(tmp_path)
    config = make_ready(tmp_path)
    text = fixture("good-h1").read_text("utf-8")
    Path("good.csv").write_text(text, "utf-8")
    Path("bad.csv").write_text("".join(line for line in text.splitlines(True) if not line.startswith("1760486400")), "utf-8")
    good, bad = (
        billproof.check(name, month="2025-10", as_of=AS_OF, config=config, policy="upload") for name in ("good.csv", "bad.csv")
    )
    assert (good.verdict, good.ready, bad.verdict, bad.ready) == ("pass", True, "fail", False)
    return good, bad


def forged(good: billproof.Report, bad: billproof.Report) -> dict[str, Any]:
    """The report on the bad export, with the results of the good one under its digest; sealed again."""
    document = bad.as_dict()
    of_bad = {key: document["files"][0][key] for key in ("path", "name", "bytes", "sha256")}
    document["files"] = [good.as_dict()["files"][0] | of_bad]
    reseal(document)
    return document


def test_what_is_merged_from_json_is_never_ready(good_and_bad: tuple[billproof.Report, billproof.Report]) -> None:
    good, bad = good_and_bad
    document = forged(good, bad)
    edited = bad._replace(verdict="pass", ready=True, files=good.files, json=json.dumps(document))
    again = billproof.merge([good.json])
    told: list[Any] = [document, json.dumps(document), edited, good.json, good.as_dict(), again, again.json, *copies(good)]
    for given in told:
        merged = billproof.merge([given])
        assert (merged.verdict, merged.exit_code, merged.ready) == ("unproved", 3, False)
        assert merged.as_dict()["upload"]["because"] == ["merged"]
        assert merged.as_dict()["does_not_prove"][-1].endswith("this report rests on their word.")
        assert "rests on their word" in merged.render("html")
        assert not list(misfits(merged.as_dict()))
    assert billproof.merge([bad.json]).verdict == "fail"


def copies(report: billproof.Report) -> list[billproof.Report]:
    """The same report as it comes out of another process, or of a program that edits it."""
    return [pickle.loads(pickle.dumps(report)), copy.deepcopy(report), report._replace(json=str(report.json))]


def test_one_report_in_json_among_judged_ones_keeps_all_from_being_ready(tmp_path: Path) -> None:
    config = make_ready(tmp_path)
    names = [month_of(tmp_path, month="2025-06"), month_of(tmp_path, month="2025-07")]
    good, other = (billproof.check(name, as_of=AS_OF, config=config, policy="upload") for name in names)
    assert billproof.merge([good, other]).ready
    merged = billproof.merge([good, other.json])
    assert [file.verdict for file in merged.files] == ["pass", "unproved"]
    assert merged.as_dict()["upload"] == {"ready": False, "because": ["merged"]}


def test_without_the_policy_of_an_upload_merged_json_passes_and_is_not_ready() -> None:
    report = billproof.check(GOOD, as_of=AS_OF)
    merged = billproof.merge([report.json])
    assert (merged.verdict, merged.exit_code, merged.ready) == ("pass", 0, False)
    assert "only the word of a merged report" in merged.render("text")
    assert len(merged.as_dict()["does_not_prove"]) == len(report.as_dict()["does_not_prove"]) + 1


def test_a_merged_report_can_be_verified(good_and_bad: tuple[billproof.Report, billproof.Report]) -> None:
    good, bad = good_and_bad
    for given, code in ((good.json, 0), (forged(good, bad), 1)):
        Path("report.json").write_text(billproof.merge([given]).json, "utf-8")
        for more in ((), ("--config", "billproof.yaml")):
            assert run("verify", "report.json", *more)[0] == code


def test_a_report_whose_settings_no_run_has_is_refused() -> None:
    report = billproof.check(GOOD, as_of=AS_OF).as_dict()
    report["settings"]["as_of"]["value"] = "2025-02-31T00:00:00Z"
    reseal(report)
    with pytest.raises(billproof.UsageError):
        billproof.merge([report])


def test_reports_that_do_not_belong_together_are_not_merged() -> None:
    report = billproof.check(GOOD, as_of=AS_OF)
    stricter = ROOT / "tests" / "rulesets" / "stricter"
    for other in (billproof.check(BAD, as_of=AS_OF, month="2025-10"), billproof.check(BAD, as_of=AS_OF, ruleset=stricter)):
        with pytest.raises(billproof.UsageError, match="the reports differ in"):
            billproof.merge([report, other])
    with pytest.raises(billproof.UsageError, match="is in the reports 2 times"):
        billproof.merge([report, report])
    with pytest.raises(billproof.UsageError, match="at least one report"):
        billproof.merge([])
    totals = [billproof.check(name, as_of=AS_OF, expect_total="1") for name in (GOOD, BAD)]
    with pytest.raises(billproof.UsageError, match="accepts one file only"):
        billproof.merge(totals)


def test_json_that_is_not_a_report_or_was_changed_is_refused() -> None:
    report = billproof.check(BAD, as_of=AS_OF).as_dict()
    changed = json.loads(json.dumps(report))
    changed["files"][0]["verdict"] = "pass"
    unfit = json.loads(json.dumps(report))
    unfit["files"][0]["rows"] = "many"
    for wrong, text in [
        ("{}", "is not a billproof report"), ("[", "is not a billproof report"), ({"schema": None}, "is not a billproof report"),
        (changed, "its digest does not match"), (unfit, r"was changed: \$\.files\[0\]\.rows"), ({"a": {1}}, "set"),
    ]:  # fmt: skip
        with pytest.raises(billproof.UsageError, match=text):
            billproof.merge([wrong])


def test_a_level_that_is_not_that_of_the_rule_set_is_refused() -> None:
    """A failed error that is called a note stops nothing."""
    report = billproof.check(BAD, as_of=AS_OF).as_dict()
    for outcome in report["files"][0]["outcomes"]:
        outcome["level"] = "note"
    reseal(report)
    with pytest.raises(billproof.UsageError, match=r"the level of \w+ is not that of the rule set"):
        billproof.merge([report])


@pytest.mark.parametrize("name", ["\0", "a\0.csv", "\ud800.csv"])
def test_a_name_that_no_file_can_have_is_unproved(name: str) -> None:
    report = billproof.check([name], as_of=AS_OF)
    assert (report.verdict, report.exit_code) == ("unproved", 3)
    assert "no file can have this name" in report.render("text")


# --- a guest in another program ---


def state() -> tuple[Any, ...]:
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, []) if hasattr(signal, "pthread_sigmask") else None
    return (
        gc.isenabled(), csv.field_size_limit(), signals, mask, os.getcwd(), dict(os.environ), repr(decimal.getcontext()),
        decimal.getcontext().flags[decimal.Inexact], sys.path[:], sys.getrecursionlimit(),
    )  # fmt: skip


def test_nothing_of_the_program_is_changed_or_printed(capfd: pytest.CaptureFixture[str]) -> None:
    limit = csv.field_size_limit(1_000)
    try:
        before = state()
        report = billproof.check(DEMO, as_of=AS_OF)
        billproof.check(DEMO, as_of=AS_OF, jobs=2)
        billproof.check_bytes("export.csv", Breaking())  # type: ignore[arg-type]
        billproof.merge([report]).render("html")
        assert state() == before
    finally:
        csv.field_size_limit(limit)
    assert capfd.readouterr() == ("", "")


def test_eight_threads_give_the_same_bytes() -> None:
    names = [str(FIXTURES / name) for name in ("demo", "good-h4", "unclosed-quote", "bad-utf8")]
    alone = [outside_run(billproof.check(name, as_of=AS_OF).as_dict()) for name in names]
    before = csv.field_size_limit(2_000)
    try:
        with ThreadPoolExecutor(8) as pool:
            reports = list(pool.map(lambda name: billproof.check(name, as_of=AS_OF), names * 8))
        assert csv.field_size_limit() == 2_000
    finally:
        csv.field_size_limit(before)
    assert [outside_run(report.as_dict()) for report in reports] == alone * 8


def test_an_import_loads_nothing_and_a_version_no_data_library() -> None:
    code = "import sys; import billproof; assert not [name for name in sys.modules if name.startswith('billproof.')]; print(1)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout == b"1\n"
    code = (
        "import sys; from billproof.cli.main import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "assert not {'csv', 'yaml', 'billproof.api', 'billproof.engine.pipeline'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    with pytest.raises(AttributeError):
        _ = billproof.nothing
