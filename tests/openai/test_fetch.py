"""`billproof costs fetch` against a server that answers as it is told: what becomes a record, what never does, and the key."""

from __future__ import annotations

import base64
import json
import os
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from billproof.io.attempts import Patience
from billproof.io.secrets import Secret
from billproof.model.values import month_days
from billproof.openai.fetch import fetch
from billproof.openai.record import read_record
from tests.delivery.destinations.server import Act, Server, drip, lose, raw, reset, serving
from tests.openai.asking import (
    ACME,
    KEY,
    MONTH,
    PROJECTS,
    VARIABLE,
    be_patient,
    bucket,
    configure,
    fetched,
    page,
    records,
    result,
    says,
    whole,
)
from tests.sending import QUICK
from tests.support import run

FIRST, LAST = month_days(MONTH)[0], month_days(MONTH)[-1]
GOOD = whole(result("12.5"))
LABS = "  - {name: labs, organization: org-EXAMPLElabs02, costs: {key: {env: ADMIN_KEY_OF_LABS}}}\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and a project whose integration asks it."""
    be_patient(monkeypatch)
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("ADMIN_KEY_OF_LABS", KEY[::-1])
    monkeypatch.chdir(tmp_path)
    with serving() as running:
        running.acts = [says(GOOD), says(PROJECTS)]
        configure(tmp_path, running.url)
        yield running


def test_it_asks_two_paths_and_nothing_else(server: Server, tmp_path: Path) -> None:
    code, _, err = fetched()
    assert (code, err) == (0, "")
    costs, projects = server.received
    assert {one.method for one in server.received} == {"GET"}
    assert urlsplit(costs.target).path == "/v1/organization/costs"
    assert parse_qsl(urlsplit(costs.target).query) == [
        ("start_time", "1759276800"), ("end_time", "1761955200"), ("bucket_width", "1d"), ("limit", "31"),
        ("group_by[]", "project_id"), ("group_by[]", "line_item"),
    ]  # fmt: skip
    assert projects.target == "/v1/organization/projects?limit=100&include_archived=true"
    assert [one.headers["Authorization"] for one in server.received] == [f"Bearer {KEY}"] * 2
    assert KEY not in costs.target + projects.target
    (path,) = records(tmp_path)
    document = json.loads(path.read_bytes())
    assert path.relative_to(tmp_path / "costs").parts[:2] == (ACME, MONTH)
    assert path.stem.endswith(document["sha256"][:12])
    assert [one["body"] for one in document["answers"]] == [GOOD, PROJECTS]
    assert document["confirmed"] is False
    assert KEY not in path.read_text("utf-8")
    record = read_record(str(path))
    assert dict(record.amounts) == {(FIRST, "proj_EXAMPLE1", "whisper"): 12.5}
    assert record.names == {"proj_EXAMPLE1": "Search"}


def test_the_headers_by_which_openai_finds_an_answer_are_kept(server: Server, tmp_path: Path) -> None:
    server.acts = [says(GOOD, X_Request_ID="req_EXAMPLE", OpenAI_Organization="acme", Set_Cookie="private"), says(PROJECTS)]
    assert fetched()[0] == 0
    headers = json.loads(records(tmp_path)[0].read_bytes())["answers"][0]["headers"]
    assert set(headers) == {"date", "x-request-id", "openai-organization"}
    assert (headers["x-request-id"], headers["openai-organization"]) == ("req_EXAMPLE", "acme")


NO_RECORD = {
    "NaN": (whole(result("NaN")), "NaN is not a number"),
    "infinity": (whole(result("-Infinity")), "-Infinity is not a number"),
    "a name twice": (whole(result("1", more=', "line_item": "tts"')), "twice"),
    "text after the end": (GOOD + " {}", "not valid JSON"),
    "cut off": (GOOD[:-40], "not valid JSON"),
    "no JSON": ("<html>", "not valid JSON"),
    "no object": ("[]", "not a JSON object"),
    "nothing": ("", "not valid JSON"),
    "half a character": (whole(result("1", item="x")).replace('"x"', '"\\ud800"'), "half a character"),
    "results under another name": (page(*(bucket(day, name="result") for day in month_days(MONTH))), "no list `results`"),
    "no data": ('{"object": "page"}', "no list `data`"),
    "an amount that is null": (whole(result("null")), "an amount is missing"),
    "an amount of 10^15": (whole(result("1E15")), "an amount is missing or not a number"),
    "an amount below 10^-100": (whole(result('"1E-101"')), "an amount is missing or not a number"),
    "an amount with a comma": (whole(result('"1,5"')), "an amount is missing or not a number"),
    "an amount of text": (whole(result('"free"')), "an amount is missing or not a number"),
    "an empty amount": (whole(result('""')), "an amount is missing or not a number"),
    "an amount that is true": (whole(result("true")), "an amount is missing or not a number"),
    "an amount in Arabic digits": (whole(result('"\u0661"')), "an amount is missing or not a number"),
    "an amount with blanks": (whole(result('" 1 "')), "an amount is missing or not a number"),
    "no amount": (whole('{"line_item": "x", "project_id": "y"}'), "an amount is missing"),
    "another currency": (whole(result("1")).replace('"usd"', '"eur"'), "not in USD"),
    "no currency": (whole(result("1")).replace('"usd"', "null"), "not in USD"),
    "a line item that is a number": (whole(result("1").replace('"whisper"', "7")), "`line_item` is not text"),
    "a bucket twice": (page(bucket(FIRST), *map(bucket, month_days(MONTH))), "doubled"),
    "out of order": (page(*map(bucket, reversed(month_days(MONTH)))), "out of order"),
    "outside": (page(bucket(FIRST - 1), *map(bucket, month_days(MONTH))), "was not asked for"),
    "one too many": (page(*map(bucket, month_days(MONTH)), bucket(LAST + 1)), "was not asked for"),
    "a gap": (page(*(bucket(day) for day in month_days(MONTH) if day != FIRST + 3)), "paging leads to no more"),
    "an hour": (whole().replace(str((FIRST + 1) * 86_400 + 86_400) + ', "results"', '0, "results"'), "not one UTC day"),
    "two days": (page(bucket(FIRST, length=2 * 86_400)), "not one UTC day"),
    "a time with decimals": (whole().replace(str(FIRST * 86_400), f"{FIRST * 86_400}.0", 1), "not a time in whole seconds"),
    "not grouped": (whole(result("1", None, None)), "not grouped"),
    "another organization": (whole(result("1", more=', "organization_id": "org-EXAMPLEother1"')), "another organization"),
    "the key": (whole(result("1", item=KEY)), "contains the key"),
    "the key in base64": (whole(result("1", item=base64.b64encode(f"x:{KEY}".encode()).decode())), "contains the key"),
    "the key escaped": (whole(result("1", item="@@")).replace("@@", "".join(f"\\u{ord(c):04x}" for c in KEY)), "the key"),
    "nested too deeply": (GOOD.replace("null", "[" * 100_000, 1), "not valid JSON"),
}


@pytest.mark.parametrize("name", NO_RECORD)
def test_an_answer_that_is_not_exact_leaves_no_record(server: Server, tmp_path: Path, name: str) -> None:
    body, reason = NO_RECORD[name]
    server.acts = [says(body), says(PROJECTS)]
    code, out, err = fetched()
    assert (code, out, records(tmp_path)) == (3, "", [])
    assert "no record of October 2025" in err
    assert reason in err


def test_a_list_of_projects_that_holds_the_key_leaves_no_record_either(server: Server, tmp_path: Path) -> None:
    server.acts = [says(GOOD), says(PROJECTS.replace("Search", KEY))]
    code, out, err = fetched()
    assert (code, out, records(tmp_path)) == (3, "", [])
    assert "contains the key" in err


def test_bytes_that_are_not_utf_8(server: Server, tmp_path: Path) -> None:
    for body in (GOOD.replace("whisper", "caf\xe9").encode("latin-1"), GOOD.encode("utf-16")):
        server.acts = [says(body), says(PROJECTS)]
        assert fetched()[0] == 3
    assert records(tmp_path) == []


AMOUNTS = {"12.5": "12.5", '"12.5"': "12.5", "0E-6176": "0", '"0E-6176"': "0", "-3": "-3", "1e2": "100",
           "0.1234567890123456789012345678901234": "0.1234567890123456789012345678901234"}  # fmt: skip


@pytest.mark.parametrize("value", AMOUNTS)
def test_amounts_are_numbers_or_text_and_exact(server: Server, tmp_path: Path, value: str) -> None:
    server.acts = [says(whole(result(value), result("1", item="other"))), says(PROJECTS)]
    assert fetched()[0] == 0
    amounts = read_record(str(records(tmp_path)[0])).amounts
    assert str(amounts[FIRST, "proj_EXAMPLE1", "whisper"]) in (AMOUNTS[value], "1E+2")


def test_several_results_of_one_key_are_summed_and_null_is_a_key(server: Server, tmp_path: Path) -> None:
    results = result("1"), result('"2.5"'), result("1", None), result("1", " proj_EXAMPLE1 ", None), result("-1", None, None)
    server.acts = [says(whole(*results)), says(PROJECTS)]
    assert fetched()[0] == 0
    assert dict(read_record(str(records(tmp_path)[0])).amounts) == {
        (FIRST, "proj_EXAMPLE1", "whisper"): 3.5, (FIRST, "", "whisper"): 1, (FIRST, "proj_EXAMPLE1", ""): 1, (FIRST, "", ""): -1,
    }  # fmt: skip


def test_an_organization_that_the_results_name_is_confirmed(server: Server, tmp_path: Path) -> None:
    more = f', "organization_id": "{ACME}", "project_name": "Old", "user_email": "someone@example.com"'
    named = more + ', "organization_name": "Acme\\n<b>\\u202e' + "x" * 10_000 + '"'
    body = whole(result("1", more=named), result("1", more=', "organization_id": null, "organization_name": null'))
    server.acts = [says(body, OpenAI_Organization="acme"), says(PROJECTS)]
    code, out, err = fetched()
    assert code == 0
    assert "e-mail addresses" in err
    assert "someone" not in out + err
    (path,) = records(tmp_path)
    assert json.loads(path.read_bytes())["confirmed"] is True
    told = run("costs", "show", str(path))[1].splitlines()[0]
    assert told.startswith(f"{ACME}, Acme\\u000A<b>\\u202Exxx"), "not the name of the header"
    assert told.partition("  ")[0].endswith("xx…")
    assert len(told.partition("  ")[0]) == 80


# --- paging ---


def test_another_organization_in_the_results_asks_for_another_key_and_shows_no_address(server: Server, tmp_path: Path) -> None:
    server.acts = [says(whole(result("1", more=', "organization_id": "somebody@example.com"'))), says(PROJECTS)]
    code, _, err = fetched()
    assert (code, records(tmp_path)) == (3, [])
    assert "of another organization: <e-mail>\nAsk an owner of this organization for an admin key" in err


def test_has_more_with_nothing_missing_is_no_fault(server: Server) -> None:
    server.acts = [says(whole(result("1"), more='"has_more": true, "next_page": "page_2"')), says(PROJECTS)]
    assert fetched()[0] == 0
    assert [urlsplit(one.target).path for one in server.received] == ["/v1/organization/costs", "/v1/organization/projects"]


def pages(*spans: tuple[int, int, str]) -> list[Act]:
    return [
        says(page(*(bucket(FIRST + day, result("1")) for day in range(*span)), more=f'"has_more": true, "next_page": "{token}"'))
        for *span, token in spans
    ]


def test_a_month_in_pages_is_put_together(server: Server, tmp_path: Path) -> None:
    server.acts = [*pages((0, 7, "a"), (7, 30, "b"), (30, 31, "c")), says(PROJECTS)]
    assert fetched()[0] == 0
    tokens = [dict(parse_qsl(urlsplit(one.target).query)).get("page") for one in server.received[:-1]]
    assert tokens == [None, "a", "b"]
    assert len(read_record(str(records(tmp_path)[0])).amounts) == 31


@pytest.mark.parametrize(
    "spans", [[(0, 7, "a"), (7, 14, "a")], [(0, 7, "a"), (7, 7, "b")], [(0, 0, "a")], [(0, 7, "a"), (0, 31, "b")]]
)
def test_paging_that_leads_nowhere(server: Server, tmp_path: Path, spans: list[tuple[int, int, str]]) -> None:
    server.acts = [*pages(*spans), says(PROJECTS)]
    assert fetched()[0] == 3
    assert server.connections <= 3
    assert records(tmp_path) == []


# --- refusals, and what a network does ---


@pytest.mark.parametrize(
    ("code", "words", "times"),
    [(401, "it is not an admin key", 1), (403, "api.usage.read", 1), (400, "Invalid limit", 1), (302, "answered 302", 1),
     (404, "answered 404", 1), (204, "answered 204", 1), (429, "(429)", 3), (500, "answered 500", 3), (503, "answered 503", 3)],
)  # fmt: skip
def test_refusals(server: Server, tmp_path: Path, code: int, words: str, times: int) -> None:
    server.acts = [says(f'{{"error": "Invalid limit; you sent {KEY}"}}', code, Location="/v1/elsewhere")]
    assert fetched()[0] == 3
    assert server.connections == times
    server.acts = [says(f'{{"error": "Invalid limit; you sent {KEY}"}}', code, Location="/v1/elsewhere")]
    assert words in fetched()[2]
    assert records(tmp_path) == []


def test_a_question_that_openai_refuses_says_why_and_what_the_key_needs(server: Server) -> None:
    server.acts = [says(f'{{"error": {{"message": "somebody@example.com used {KEY}\\nfor\\u001b[31m", "code": 7}}}}', 400)]
    _, _, err = fetched()
    assert "OpenAI refuses the question (400): <e-mail> used <token> for" in err
    assert "\x1b" not in err
    assert "an owner of this organization makes it, an admin key with the scope api.usage.read" in err


def test_it_tries_again(server: Server) -> None:
    server.acts = [says("", 429, Retry_After="0"), says("", 500), says(GOOD), says("", 503), says(PROJECTS)]
    assert fetched()[0] == 0
    assert server.connections == 5


def test_a_network_that_fails(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + GOOD.encode()
    for act in (lose, reset, raw(half), raw(b"not HTTP\r\n\r\n")):
        server.acts = [act]
        assert fetched()[0] == 3
    be_patient(monkeypatch, QUICK._replace(attempts=1, answer=0.3))
    server.acts = [drip(b"HTTP/1.1 200 OK\r\n\r\n")]
    assert fetched()[0] == 3
    configure(tmp_path, "http://127.0.0.1:9")
    assert fetched()[0] == 3
    assert records(tmp_path) == []


def test_an_answer_that_is_too_large(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.openai.fetch.LARGEST_ANSWER", len(GOOD) - 1)
    code, _, err = fetched()
    assert (code, records(tmp_path)) == (3, [])
    assert "larger than" in err
    monkeypatch.setattr("billproof.openai.fetch.LARGEST_ANSWER", len(GOOD))
    server.acts = [says(GOOD), says(PROJECTS)]
    assert fetched()[0] == 0


@pytest.mark.parametrize("act", [says("", 401), says("", 403), says("", 404), says("{}"), says('{"data": [7]}'), lose])
def test_a_record_is_as_good_without_names(server: Server, tmp_path: Path, act: Act) -> None:
    server.acts = [says(GOOD), act]
    code, _, err = fetched()
    assert code == 0
    assert err.count("names of projects stay unknown") == 1
    assert read_record(str(records(tmp_path)[0])).names == {}


def test_projects_come_in_pages_and_a_list_without_end_ends(server: Server, tmp_path: Path) -> None:
    def listed(*ids: str, more: str = "true") -> Act:
        data = ", ".join(f'{{"id": "{id_}", "name": "Name of {id_}"}}' for id_ in ids)
        return says(f'{{"data": [{data}], "has_more": {more}, "last_id": "{ids[-1]}"}}')

    server.acts = [says(GOOD), listed("a", "b"), listed("c", more="false")]
    assert fetched()[0] == 0
    assert [dict(parse_qsl(urlsplit(one.target).query)).get("after") for one in server.received[1:]] == [None, "b"]
    assert set(read_record(str(records(tmp_path)[0])).names) == {"a", "b", "c"}
    server.acts = [says(GOOD), listed("a", "b")]
    assert fetched()[0] == 0
    assert server.connections <= 3 + 3


# --- time ---


def dated(body: str, date: str) -> Act:
    return raw(f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


NOW = datetime(2025, 10, 20, 6, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "code"), [(0, 0), (4, 0), (-4, 0), (6, 3), (-6, 3)])
def test_a_month_to_date_by_a_clock_that_the_server_shares(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: int, code: int
) -> None:
    monkeypatch.setattr("billproof.openai.fetch.clock", lambda: NOW)
    body = page(*(bucket(FIRST + day, result("1")) for day in range(19)))
    date = format_datetime(NOW.replace(hour=6 + minutes // 60, minute=minutes % 60), usegmt=True)
    server.acts = [dated(body, date), dated(PROJECTS, date)]
    found, _, err = fetched()
    assert found == code
    if code:
        assert "more than 5 minutes" in err
        return
    assert parse_qsl(urlsplit(server.received[0].target).query)[1] == ("end_time", str((FIRST + 19) * 86_400))
    assert read_record(str(records(tmp_path)[0])).days == range(FIRST, FIRST + 19)


def test_a_date_in_the_old_form_is_in_utc_wherever_this_machine_is(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.openai.fetch.clock", lambda: NOW)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        body = page(*(bucket(FIRST + day, result("1")) for day in range(19)))
        server.acts = [dated(body, "Mon Oct 20 06:00:00 2025"), dated(PROJECTS, "Mon Oct 20 06:00:00 2025")]
        assert fetched()[0] == 0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("month", ["2099-01", "2025-13", "October"])
def test_a_month_without_a_day_that_has_ended(server: Server, month: str) -> None:
    assert fetched(month=month)[0] == 2
    assert server.connections == 0


# --- several integrations, options, files ---


def test_one_of_several_is_lost_and_the_others_are_written(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server.url, LABS)
    server.acts = [says("", 401), says(GOOD), says(PROJECTS)]
    code, out, err = fetched()
    assert code == 3
    assert "main: no record of October 2025" in err
    assert [path.parts[-3] for path in records(tmp_path)] == ["org-EXAMPLElabs02"]
    assert "labs" in out


def test_a_key_that_is_missing(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, server.url, LABS)
    monkeypatch.delenv(VARIABLE)
    code, _, err = fetched()
    assert (code, len(records(tmp_path))) == (3, 1)
    assert VARIABLE in err


def test_a_key_in_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    text = (tmp_path / "billproof.yaml").read_text().replace(f"{{env: {VARIABLE}}}", "{file: key}")
    (tmp_path / "billproof.yaml").write_text(text)
    assert fetched()[0] == 0
    assert server.received[0].headers["Authorization"] == f"Bearer {KEY}"


def test_an_address_is_the_same_with_a_slash_at_its_end(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, f"{server.url}/")
    assert fetched()[0] == 0
    assert server.received[0].target.startswith("/v1/organization/costs?")
    assert json.loads(records(tmp_path)[0].read_bytes())["base_url"] == server.url


def test_only(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server.url, LABS + "  - {name: keyless, organization: org-EXAMPLEother3}\n")
    code, _, err = fetched("--only", "lab")
    assert (code, server.connections) == (2, 0)
    assert "main, labs, keyless" in err
    assert fetched("--only", "keyless")[0] == 2
    code, _, err = fetched("--only", "labs")
    assert (code, "no key" in err) == (0, False)
    assert [path.parts[-3] for path in records(tmp_path)] == ["org-EXAMPLElabs02"]


def test_who_has_no_key_is_named(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server.url, "  - {name: keyless, organization: org-EXAMPLEother3}\n")
    code, _, err = fetched()
    assert (code, len(records(tmp_path))) == (0, 1)
    assert "not fetched, since there is no key: keyless" in err


def test_output_replaces_nothing_and_is_for_one_record(server: Server, tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("mine")
    os.symlink("nowhere", tmp_path / "link.json")
    assert fetched("--output", "there.json")[0] == 2
    assert fetched("--output", "link.json")[0] == 2
    configure(tmp_path, server.url, LABS)
    assert fetched("--output", "new.json")[0] == 2
    assert server.connections == 0
    assert fetched("--only", "main", "--output", "new.json")[0] == 0
    assert (tmp_path / "there.json").read_text() == "mine"
    assert records(tmp_path) == []
    assert read_record("new.json").organization == ACME


def test_without_a_configuration(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "billproof.yaml").unlink()
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr("billproof.cli.commands.costs.OPENAI_URL", server.url)
    whole_line = ["--organization", ACME, "--key-env", VARIABLE, "--output", "new.json"]
    assert fetched()[0] == 2
    assert [fetched(*whole_line[:at], *whole_line[at + 2 :])[0] for at in (0, 2, 4)] == [2, 2, 2]
    assert fetched("--organization", "org x", *whole_line[2:])[0] == 2
    # Whoever takes the options for the key itself finds it in no log. `fetched` looks for it.
    for typed in ("--organization", "--key-env"):
        assert fetched(*(KEY if at and whole_line[at - 1] == typed else word for at, word in enumerate(whole_line)))[0] == 2
    assert fetched(*whole_line)[0] == 0
    assert read_record("new.json").organization == ACME


def test_a_record_is_put_if_absent(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.openai.fetch.clock", lambda: NOW.replace(month=12))
    date = format_datetime(NOW.replace(month=12), usegmt=True)
    for code, edit in ((0, b""), (0, b"\n"), (3, b"")):
        server.acts = [dated(GOOD, date), dated(PROJECTS, date)]
        found, _, err = fetched()
        assert (found, "could not be written: File exists" in err) == (code, code == 3)
        (path,) = records(tmp_path)
        path.write_bytes(path.read_bytes() + edit)


def test_show_and_list(server: Server, tmp_path: Path) -> None:
    assert run("costs", "list")[1].startswith("no records yet")
    server.acts = [says(GOOD, OpenAI_Organization="acme"), says(PROJECTS)]
    assert fetched()[0] == 0
    (path,) = records(tmp_path)
    code, out, _ = run("costs", "show", str(path))
    assert code == 0
    assert [text in out for text in (ACME, "proj_EXAMPLE1 (Search)", "whisper", "2025-10-01", "12.50 USD")] == [True] * 5
    assert "31 days, 1 project, 1 key, 12.50 USD" in run("costs", "list")[1]
    assert path.name in run("costs", "list")[1]
    assert out.startswith(f"{ACME}, acme  October 2025  "), "the header has a name"
    assert run("costs", "list")[1].startswith(f"main  {ACME}, acme  October 2025  ")


def test_what_could_not_be_read_again_is_not_written(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = "billproof.cli.commands.costs.sealed"
    monkeypatch.setattr(sealed, lambda document: b"{}")
    code, _, err = fetched()
    assert (code, records(tmp_path)) == (3, [])
    assert "no record of October 2025" in err


@pytest.mark.parametrize("act", [says("<html>"), says("", 401), lose])
def test_no_traceback_shows_the_key(server: Server, act: Act) -> None:
    server.acts = [act]
    with pytest.raises(Exception) as caught:
        fetch(ACME, MONTH, server.url, Secret(KEY), Patience(attempts=1, wait=0))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in repr(caught.value) + str(caught.value)
