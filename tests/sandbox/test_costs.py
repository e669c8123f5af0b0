"""`billproof sandbox --costs-from`: the real `costs fetch` asks it, and every fault has the effect that its name says."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from shutil import copy

import pytest

from billproof.model.errors import UsageError
from billproof.openai.record import read_record
from billproof.sandbox.command import TOKEN as TOKEN_VARIABLE
from billproof.sandbox.costs import read_exports
from billproof.sandbox.faults import OF_COSTS, Name
from tests.openai.asking import VARIABLE, be_patient, configure, fetched, records
from tests.sandbox.running import TOKEN, Running, running_sandbox
from tests.sandbox.test_command import served
from tests.support import check, fixture, run

GOOD = fixture("good-h1")
H4 = fixture("good-h4")


@pytest.fixture
def openai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A sandbox that has the costs of good-h1, and the working folder of a project whose key is its token."""
    be_patient(monkeypatch)
    monkeypatch.setenv(VARIABLE, TOKEN)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    copy(GOOD, tmp_path / "exports")
    with running_sandbox(costs=read_exports(str(tmp_path / "exports"))) as running:
        configure(tmp_path, running.url)
        yield running


def compared() -> tuple[int, set[str]]:
    """What a check of good-h1 says beside the newest record."""
    found = check(GOOD)
    return found.code, found.failed


def test_what_it_answers_is_what_the_exports_say(openai: Running, tmp_path: Path) -> None:
    code, out, err = fetched(key=TOKEN)
    assert (code, err) == (0, "")
    assert "1,038.56 USD" in out
    assert compared() == (0, set())
    assert all(one.headers["authorization"] == f"Bearer {TOKEN}" for one in openai.arrived)
    record = read_record(str(records(tmp_path)[0]))
    assert record.base_url == openai.url
    assert set(record.names) == {key[1] for key in record.amounts} - {""}


def test_a_month_comes_in_pages_of_the_limit(openai: Running) -> None:
    query = "bucket_width=1d&start_time=1759276800&end_time=1761955200&group_by[]=project_id&group_by[]=line_item"
    days, page = [], ""
    while True:
        answer = openai.request("GET", f"/v1/organization/costs?{query}{page}").json
        days += [bucket["start_time"] for bucket in answer["data"]]
        if not answer["has_more"]:
            break
        page = f"&page={answer['next_page']}"
    assert days == list(range(1759276800, 1761955200, 86_400))


@pytest.mark.parametrize(
    "query", ["", "start_time=1&end_time=2", "bucket_width=1d&start_time=1&end_time=2&limit=181",
              "bucket_width=1d&start_time=2&end_time=1", "bucket_width=1d&start_time=1&end_time=2&page=x"],
)  # fmt: skip
def test_another_question_is_refused(openai: Running, query: str) -> None:
    assert openai.request("GET", f"/v1/organization/costs?{query}").status == 400
    assert openai.request("GET", "/v1/organization/projects?limit=101").status == 400


def test_names_come_in_pages(openai: Running) -> None:
    first = openai.request("GET", "/v1/organization/projects?limit=1").json
    assert first["has_more"] is True
    after = openai.request("GET", f"/v1/organization/projects?limit=100&after={first['last_id']}").json
    assert after["has_more"] is False
    assert first["last_id"] not in [one["id"] for one in after["data"]]


def test_another_key_and_a_sandbox_without_costs(openai: Running, sandbox: Running) -> None:
    assert openai.request("GET", "/v1/organization/costs", token="other:key").status == 401
    assert sandbox.request("GET", "/v1/organization/costs").status == 404


HARMLESS: tuple[Name, ...] = ("delay", "too_many", "error", "needless_page", "text_amounts", "tiny_zero", "undocumented_fields")
NO_RECORD: dict[Name, str] = {
    "unauthorized": "does not accept the key (401)", "forbidden": "api.usage.read", "wrong_clock": "clock",
    "echoed_key": "contains the key", "not_grouped": "it is not grouped", "repeated_token": "its paging leads to no more",
    "duplicate_name": "twice", "not_a_number": "NaN is not a number",
}  # fmt: skip
DIFFERENT: dict[Name, str] = {"project_hidden": "OC802", "amount_changed": "OC803", "late_amount": "OC803"}


def test_every_fault_is_tried() -> None:
    assert {*HARMLESS, *NO_RECORD, *DIFFERENT, "half_answer"} == set(OF_COSTS)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_fault_changes_nothing(openai: Running, name: Name) -> None:
    openai.fault(name, seconds=0)
    assert fetched(key=TOKEN)[0] == 0
    assert compared() == (0, set())


@pytest.mark.parametrize("name", [*NO_RECORD, "half_answer"])
def test_an_answer_that_cannot_be_relied_on_leaves_no_record(openai: Running, tmp_path: Path, name: Name) -> None:
    openai.fault(name, times=10)
    code, out, err = fetched(key=TOKEN)
    assert (code, out, records(tmp_path)) == (3, "", [])
    assert NO_RECORD.get(name, "the connection ended before a complete HTTP response") in err


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_different_answer_is_a_different_record(openai: Running, name: Name) -> None:
    openai.fault(name)
    assert fetched(key=TOKEN)[0] == 0
    code, failed = compared()
    assert (code, failed) == (1, {DIFFERENT[name]})


def test_names_may_be_forbidden_alone(openai: Running, tmp_path: Path) -> None:
    openai.fault("names_forbidden")
    code, _, err = fetched(key=TOKEN)
    assert code == 0
    assert "api.management.read" in err
    assert read_record(str(records(tmp_path)[0])).names == {}
    assert compared() == (0, set())


def test_faults_of_uploads_and_of_costs_wait_for_their_own(openai: Running) -> None:
    openai.faults([{"name": "lost_answer"}, {"name": "amount_changed"}])
    assert fetched(key=TOKEN)[0] == 0
    assert compared()[1] == {"OC803"}
    assert openai.request("GET", "/sandbox/faults").json["faults"] == [{"name": "lost_answer", "times": 1, "seconds": 1}]


def test_amounts_are_exact_in_either_form(tmp_path: Path) -> None:
    copy(H4, tmp_path)
    exported = read_exports(str(tmp_path))
    with running_sandbox(costs=exported) as running:
        for form in ("", "text_amounts"):
            if form:
                running.fault("text_amounts")
            query = "bucket_width=1d&start_time=1759276800&end_time=1767225600&limit=180&group_by[]=line_item"
            body = running.request("GET", f"/v1/organization/costs?{query}").body
            values = [
                Decimal(result["amount"]["value"])
                for bucket in json.loads(body, parse_float=Decimal)["data"]
                for result in bucket["results"]
            ]
            assert values == [Decimal(row["amount_value"]) for day in sorted(exported.days) for row in exported.days[day]]


def test_the_command_tells_how_to_ask_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    copy(GOOD, tmp_path / "exports")
    with served("--costs-from", "exports", "--fault", "amount_changed", **{TOKEN_VARIABLE: TOKEN}) as running:
        assert running.process.stdout is not None
        lines = [running.process.stdout.readline() for _ in range(3)]
        monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
        (tmp_path / "billproof.yaml").write_text(
            f"version: 1\nintegrations:\n  - name: main\n    organization: org-EXAMPLEacme01\n{lines[2]}"
        )
        assert fetched(key=TOKEN)[0] == 0
        assert running.end(signal.SIGTERM)[0] == 0
    assert compared()[1] == {"OC803"}


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("good-h1 good-h2", "both have 2025-10-01"),
        ("good-h1 other-organization", r"of 2 organizations \(org-EXAMPLEacme01, org-EXAMPLEother1\)"),
        ("", "no CSV file in it"),
        ("missing", "no such folder"),
        ("activity", "not a cost export by line item"),
        ("pipe", "is not a file"),
    ],
)
def test_a_folder_that_no_record_can_be_made_of(tmp_path: Path, case: str, why: str) -> None:
    for number, name in enumerate(case.split()):
        if name == "missing":
            tmp_path /= "missing"
        elif name == "pipe":
            os.mkfifo(tmp_path / "pipe.csv")
        elif name == "activity":
            (tmp_path / "completions.csv").write_text("start_time,end_time,model\n1759276800,1759363200,gpt\n")
        elif name == "other-organization":
            text = GOOD.read_text("utf-8").replace("org-EXAMPLEacme01", "org-EXAMPLEother1")
            (tmp_path / "other.csv").write_text(text.replace("1759", "1749").replace("1760", "1750").replace("1761", "1751"))
        else:
            copy(fixture(name), tmp_path / f"{number}.csv")
    with pytest.raises(UsageError, match=f"--costs-from.*{why}"):
        read_exports(str(tmp_path))
    code, _, err = run("sandbox", "--costs-from", str(tmp_path))
    assert (code, "Traceback" in err) == (2, False)
