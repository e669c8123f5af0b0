"""Uploads to the sandbox: what it takes and refuses, what a month holds afterwards."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from billproof.model.results import FileResult
from billproof.sandbox.app import Checker
from billproof.sandbox.faults import Problem
from billproof.sandbox.store import Keys
from tests.sandbox.running import INTEGRATION, ORGANIZATION, TOKEN, Answer, Running, running_sandbox, sha256
from tests.support import ROOT, check, fixture

GOOD = fixture("good-h1")
OTHER = fixture("good-h2")
GAP = fixture("middle-gap")
REPORT = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / "report.v1.schema.json").read_text("utf-8")))


def is_problem(answer: Answer, status: int, name: str) -> bool:
    """Whether an answer is this problem, in form too."""
    found = answer.json
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= set(found)
    assert (answer.status, found["status"], found["type"]) == (status, status, f"urn:billproof:sandbox:{name}"), found
    return True


def form(data: bytes, field: str = "file", file_name: str | None = "cost.csv", more: str = "") -> tuple[bytes, str]:
    """A multipart form with one file, and its content type."""
    named = f'; filename="{file_name}"' if file_name is not None else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"{named}\r\n\r\n'
    return head.encode() + data + f"\r\n{more}--x--\r\n".encode(), "multipart/form-data; boundary=x"


def send_form(sandbox: Running, body: bytes, kind: str, **headers: str) -> Answer:
    path = f"/v1/integrations/{INTEGRATION}/uploads/2025-10"
    return sandbox.request("POST", path, body, content_type=kind, **headers)


# --- what is taken ---


def test_an_upload_is_stored_with_its_figures(sandbox: Running) -> None:
    answer = sandbox.upload(GOOD)
    with GOOD.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    amount = sum(Decimal(row["amount_value"]) for row in rows if row["amount_value"])
    assert answer.status == 201
    assert answer.json == {
        "id": "upload-000001", "integration": INTEGRATION, "organization": ORGANIZATION, "month": "2025-10",
        "sha256": sha256(GOOD), "bytes": GOOD.stat().st_size, "rows": len(rows), "amount": answer.json["amount"],
        "currency": "USD", "received": "2025-12-01T00:00:00Z", "state": "visible", "replaces": None,
    }  # fmt: skip
    assert Decimal(answer.json["amount"]) == amount
    assert sandbox.months() == {"2025-10": answer.json}


def test_a_form_stores_the_same_bytes(sandbox: Running) -> None:
    answer = send_form(sandbox, *form(GOOD.read_bytes()))
    assert (answer.status, answer.json["sha256"]) == (201, sha256(GOOD))


def test_a_new_upload_replaces_the_month_and_no_other(sandbox: Running) -> None:
    first = sandbox.upload(GOOD).json
    november = GOOD.read_text("utf-8").replace("\n1759", "\n9999")
    assert sandbox.upload(november.encode(), "2025-11").status == 422
    second = sandbox.upload(OTHER).json
    assert sandbox.months() == {"2025-10": second}
    assert (second["replaces"], second["sha256"]) == (first["id"], sha256(OTHER))


def test_each_integration_has_its_own_months() -> None:
    with running_sandbox({"int-EXAMPLE1": ORGANIZATION, "int-EXAMPLE2": "org-EXAMPLEother1"}) as sandbox:
        assert sandbox.upload(GOOD, integration="int-EXAMPLE1").status == 201
        other = GOOD.read_bytes().replace(ORGANIZATION.encode(), b"org-EXAMPLEother1")
        assert sandbox.upload(other, integration="int-EXAMPLE2").json["replaces"] is None
        assert sandbox.months("int-EXAMPLE1")["2025-10"]["sha256"] == sha256(GOOD)
        assert sandbox.months("int-EXAMPLE2")["2025-10"]["sha256"] == hashlib.sha256(other).hexdigest()


def test_an_upload_turns_visible_after_the_delay() -> None:
    with running_sandbox(delay=0.5) as sandbox:
        begun = time.monotonic()
        assert sandbox.upload(GOOD).json["state"] == "processing"
        while sandbox.months()["2025-10"]["state"] == "processing":
            assert time.monotonic() - begun < 20
            time.sleep(0.02)
        assert time.monotonic() - begun >= 0.5


def test_an_upload_stays_unseen_before_the_delay_is_over() -> None:
    with running_sandbox(delay=43_200) as sandbox:
        sandbox.upload(GOOD)
        assert sandbox.months()["2025-10"]["state"] == "processing"


def test_a_month_to_date_is_taken_while_the_month_runs() -> None:
    path = fixture("month-to-date")
    with running_sandbox(now=datetime(2025, 10, 21, tzinfo=UTC)) as sandbox:
        assert sandbox.upload(path).status == 201
    with running_sandbox(now=datetime(2025, 11, 21, tzinfo=UTC)) as sandbox:
        assert sandbox.upload(path).json["report"]["reasons"][0]["rule"] == "OC304"


def test_a_month_that_is_not_settled_and_other_warnings_are_taken() -> None:
    with running_sandbox(now=datetime(2025, 11, 1, 6, tzinfo=UTC)) as sandbox:
        assert sandbox.upload(fixture("some-without-project")).status == 201


# --- what is refused ---


def test_a_bad_file_is_refused_with_the_report_of_a_check(sandbox: Running) -> None:
    answer = send_form(sandbox, *form(GAP.read_bytes(), file_name=GAP.name))
    assert is_problem(answer, 422, "file-refused")
    report = answer.json["report"]
    REPORT.validate(report)
    ours = check(GAP, "--organization", ORGANIZATION, "--month", "2025-10").report
    assert ours is not None
    assert report["verdict"] == "fail"
    other = {"path": "", "result_sha256": ""}
    assert report["files"][0] | other == ours["files"][0] | sourced(report["files"][0]) | other
    assert report["run"]["host"] is None
    assert sandbox.months() == {}


def sourced(file: dict[str, Any]) -> dict[str, Any]:
    """What says where a value came from: the sandbox has it from elsewhere."""
    assert file["organization"] == {"value": ORGANIZATION, "source": "integration"}
    assert file["month"] == {"value": "2025-10", "source": "path"}
    return {"organization": file["organization"], "month": file["month"]}


def test_a_bad_file_leaves_the_month_as_it_was(sandbox: Running) -> None:
    before = sandbox.upload(GOOD).json
    assert sandbox.upload(GAP).status == 422
    assert sandbox.months() == {"2025-10": before}


REFUSED = {
    "OC401": (GOOD.read_bytes().replace(ORGANIZATION.encode(), b"org-EXAMPLEother1"), "2025-10"),
    "OC303": (GOOD.read_bytes(), "2025-09"),
    "OC104": (fixture("missing-column").read_bytes(), "2025-10"),
    "CSV001": (b"", "2025-10"),
    "CSV012": (fixture("not-a-csv-xlsx").read_bytes(), "2025-10"),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_the_rule_that_failed_stands_in_the_report(sandbox: Running, rule: str) -> None:
    data, month = REFUSED[rule]
    answer = sandbox.upload(data, month)
    assert is_problem(answer, 422, "file-refused")
    assert rule in {one["rule"] for one in answer.json["report"]["reasons"]}


def test_a_file_that_cannot_be_read_is_refused_with_an_unproved_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.reading.source.MAX_LINE_BYTES", 200_000)
    with running_sandbox() as sandbox:
        answer = sandbox.upload(b"x" * 500_000)
    assert is_problem(answer, 422, "file-refused")
    assert answer.json["report"]["verdict"] == "unproved"
    assert "a line is longer" in answer.json["report"]["files"][0]["error"]


def test_a_rule_that_crashes_is_no_pass(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("billproof.rules.checks.duplicates.UniqueRows.on_rows", crash)
    answer = sandbox.upload(GOOD)
    assert is_problem(answer, 422, "file-refused")
    assert answer.json["report"]["verdict"] == "unproved"
    assert sandbox.months() == {}


def test_a_check_that_breaks_is_no_pass(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> FileResult:
        raise ZeroDivisionError("a cell: person0001@example.com")

    monkeypatch.setattr(Checker, "check", crash)
    answer = sandbox.upload(GOOD, idempotency_key="k")
    assert (answer.status, answer.json["detail"]) == (500, "Internal error in the sandbox: ZeroDivisionError.")
    monkeypatch.undo()
    assert sandbox.months() == {}
    assert sandbox.upload(GOOD, idempotency_key="k").status == 201


@pytest.mark.parametrize("token", [None, "sandbox:wrong", TOKEN + "x", TOKEN[:-1], "sändbox:x".encode().decode("latin-1")])
def test_a_wrong_token_is_refused_everywhere(sandbox: Running, token: str | None) -> None:
    path = f"/v1/integrations/{INTEGRATION}/months"
    for answer in (
        sandbox.upload(GOOD, token=token),
        sandbox.request("GET", path, token=token),
        sandbox.request("GET", "/v1/integrations", token=token),
        sandbox.request("POST", "/v1/integrations", "{}", token=token, content_type="application/json"),
        sandbox.request("DELETE", "/sandbox/faults", token=token),
    ):
        assert is_problem(answer, 401, "wrong-token")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.body.decode()
    assert sandbox.months() == {}


def test_the_token_counts_as_a_bearer_only(sandbox: Running) -> None:
    answer = sandbox.request("GET", "/v1/integrations", token=None, authorization=f"Basic {TOKEN}")
    assert is_problem(answer, 401, "wrong-token")
    assert sandbox.request("GET", "/v1/integrations", token=None, authorization=f"bearer {TOKEN}").status == 200


@pytest.mark.parametrize("month", ["2025-13", "2025-1", "October", "last", "0001-01", "9999-12"])
def test_a_month_that_is_none_is_refused(sandbox: Running, month: str) -> None:
    assert is_problem(sandbox.upload(GOOD, month), 400, "no-month")


def test_an_unknown_integration_is_refused(sandbox: Running) -> None:
    assert is_problem(sandbox.upload(GOOD, integration="int-EXAMPLE9"), 404, "unknown-integration")
    answer = sandbox.request("GET", "/v1/integrations/int-EXAMPLE9/months")
    assert is_problem(answer, 404, "unknown-integration")


def test_a_path_or_a_method_that_is_none_is_a_problem_too(sandbox: Running) -> None:
    for answer, status in ((sandbox.request("GET", "/v2"), 404), (sandbox.request("PATCH", "/v1/integrations"), 405)):
        assert (answer.status, answer.json["status"], answer.json["type"]) == (status, status, "about:blank")
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_request_over_the_limit_is_refused(sandbox: Running) -> None:
    size = GOOD.stat().st_size
    with running_sandbox(limit=size) as just:
        assert just.upload(GOOD).status == 201
    with running_sandbox(limit=size - 1) as less:
        assert is_problem(less.upload(GOOD), 413, "too-large")
        assert less.months() == {}


def test_a_request_of_unknown_length_is_counted_on_its_way(sandbox: Running) -> None:
    data = GOOD.read_bytes()
    chunks = f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"
    with running_sandbox(limit=len(data) - 1) as less:
        assert is_problem(less.upload(chunks, transfer_encoding="chunked"), 413, "too-large")
    assert sandbox.upload(chunks, transfer_encoding="chunked").json["sha256"] == sha256(GOOD)


def test_a_large_refused_request_gets_its_answer(sandbox: Running) -> None:
    """The answer comes while the client still sends, and must not be lost over it."""
    answer = sandbox.upload(b"x" * 8_000_000, token="sandbox:wrong")
    assert is_problem(answer, 401, "wrong-token")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"x", 415),
        ("multipart/form-data", b"x", 400),
        (form(b"")[1], b"no form", 400),
        (form(b"")[1], form(b"x", field="export")[0], 400),
        (form(b"")[1], form(b"x", file_name=None)[0], 400),
        (form(b"")[1], form(b"x", more='--x\r\nContent-Disposition: form-data; name="month"\r\n\r\n1\r\n')[0], 400),
        (form(b"")[1], form(b"x", more='--x\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\n1\r\n')[0], 400),
    ],
)
def test_a_body_of_another_form_is_refused(sandbox: Running, kind: str, body: bytes, status: int) -> None:
    answer = send_form(sandbox, body, kind)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert sandbox.months() == {}


def test_compressed_bytes_are_refused(sandbox: Running) -> None:
    assert is_problem(sandbox.upload(GOOD, content_encoding="gzip"), 415, "encoded")


def test_a_name_with_folders_loses_them(sandbox: Running) -> None:
    for name in ("C:/Users/x/cost.csv", "../../cost.csv"):
        answer = send_form(sandbox, *form(b"", file_name=name))
        assert answer.json["report"]["files"][0]["path"] == "cost.csv"


# --- Content-Digest ---


def digest(data: bytes, name: str = "sha256") -> str:
    return base64.b64encode(hashlib.new(name, data).digest()).decode()


def test_the_digest_of_the_body_is_compared(sandbox: Running) -> None:
    data = GOOD.read_bytes()
    right, wrong = f"sha-256=:{digest(data)}:", f"sha-256=:{digest(data + b'x')}:"
    assert is_problem(sandbox.upload(GOOD, content_digest=wrong), 400, "digest-differs")
    mixed = f"{right}, sha-512=:{digest(b'', 'sha512')}:"
    assert is_problem(sandbox.upload(GOOD, content_digest=mixed), 400, "digest-differs")
    assert sandbox.months() == {}
    assert sandbox.upload(GOOD, content_digest=f"unixsum=:AAAA:, {right}").status == 201
    assert sandbox.upload(GOOD, content_digest=f"sha-512=:{digest(data, 'sha512')}:").status == 201


def test_the_digest_of_a_form_is_that_of_the_whole_form(sandbox: Running) -> None:
    body, kind = form(GOOD.read_bytes())
    of_the_file = f"sha-256=:{digest(GOOD.read_bytes())}:"
    assert is_problem(send_form(sandbox, body, kind, content_digest=of_the_file), 400, "digest-differs")
    assert send_form(sandbox, body, kind, content_digest=f"sha-256=:{digest(body)}:").status == 201


@pytest.mark.parametrize("text", ["sha-256", "sha-256=abc", "sha-256=:ab c:", "sha-256=:abc:", "sha-256=:abcd", "a=:AAAA:;b"])
def test_a_digest_that_cannot_be_read_is_refused(sandbox: Running, text: str) -> None:
    assert is_problem(sandbox.upload(GOOD, content_digest=text), 400, "digest-malformed")


# --- Idempotency-Key ---


def test_a_key_that_comes_again_gets_the_first_answer(sandbox: Running) -> None:
    first = sandbox.upload(GOOD, idempotency_key='"k1"')
    again = send_form(sandbox, *form(GOOD.read_bytes()), idempotency_key='"k1"')
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert sandbox.upload(GOOD, idempotency_key='"k2"').json["replaces"] == first.json["id"]


def test_a_key_with_another_payload_is_refused(sandbox: Running) -> None:
    sandbox.upload(GOOD, idempotency_key="k")
    assert is_problem(sandbox.upload(OTHER, idempotency_key="k"), 422, "key-reused")
    assert is_problem(sandbox.upload(GOOD, "2025-11", idempotency_key="k"), 422, "key-reused")
    assert sandbox.months()["2025-10"]["sha256"] == sha256(GOOD)


def test_the_key_of_a_refused_upload_is_free(sandbox: Running) -> None:
    assert is_problem(sandbox.upload(GAP, idempotency_key="k"), 422, "file-refused")
    assert sandbox.upload(GOOD, idempotency_key="k").status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "\x7f", "ä"])
def test_a_key_that_is_none_is_refused(sandbox: Running, key: str) -> None:
    assert is_problem(sandbox.upload(GOOD, idempotency_key=key), 400, "key-malformed")


def test_only_the_latest_keys_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.sandbox.store.KEYS_KEPT", 2)
    keys = Keys()
    assert keys.begin("open", 0) is None
    for number in range(3):
        assert keys.begin(f"k{number}", number) is None
        keys.finish(f"k{number}", {"id": str(number)})
    assert [keys.begin(f"k{number}", number) for number in (1, 2)] == [{"id": "1"}, {"id": "2"}]
    assert keys.begin("k0", "another payload") is None
    with pytest.raises(Problem, match="still in progress"):
        keys.begin("open", 0)


def test_a_key_in_progress_is_a_conflict(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on = threading.Event(), threading.Event()
    real = Checker.check

    def slow(*arguments: Any) -> FileResult:
        entered.set()
        assert go_on.wait(20)
        return real(*arguments)

    monkeypatch.setattr(Checker, "check", slow)
    answers: list[Answer] = []
    first = threading.Thread(target=lambda: answers.append(sandbox.upload(GOOD, idempotency_key="k")))
    first.start()
    try:
        assert entered.wait(20)
        assert is_problem(sandbox.upload(GOOD, idempotency_key="k"), 409, "in-progress")
        assert is_problem(sandbox.upload(OTHER, idempotency_key="k"), 422, "key-reused")
    finally:
        go_on.set()
        first.join()
    assert answers[0].status == 201
    assert sandbox.upload(GOOD, idempotency_key="k").json == answers[0].json


def test_checks_run_one_at_a_time(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Checker.check
    running: list[int] = []
    most: list[int] = []

    def watched(*arguments: Any) -> FileResult:
        running.append(1)
        most.append(len(running))
        time.sleep(0.05)
        try:
            return real(*arguments)
        finally:
            running.pop()

    monkeypatch.setattr(Checker, "check", watched)
    threads = [threading.Thread(target=sandbox.upload, args=(GOOD,)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert most == [1, 1, 1, 1]
    assert sandbox.months()["2025-10"]["id"] == "upload-000004"


# --- integrations ---


def test_an_integration_is_made_once_for_an_organization(sandbox: Running) -> None:
    wanted = json.dumps({"organization": "org-EXAMPLEother1"})
    made = sandbox.request("POST", "/v1/integrations", wanted, content_type="application/json")
    assert (made.status, made.json) == (201, {"id": "int-0002", "organization": "org-EXAMPLEother1"})
    again = sandbox.request("POST", "/v1/integrations", wanted, content_type="application/json")
    assert is_problem(again, 409, "integration-exists")
    listed = sandbox.request("GET", "/v1/integrations").json["integrations"]
    assert listed == [{"id": INTEGRATION, "organization": ORGANIZATION}, made.json]
    assert sandbox.months("int-0002") == {}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("", "malformed-json"),
        ("{", "malformed-json"),
        ("[" * 60_000, "malformed-json"),
        ("[]", "unexpected-json"),
        ("{}", "unexpected-json"),
        ('{"organization": ""}', "unexpected-json"),
        ('{"organization": "org EXAMPLE"}', "unexpected-json"),
        ('{"organization": "org-EXAMPLE\\n"}', "unexpected-json"),
        ('{"organization": "org-EXAMPLE", "id": "int-1"}', "unexpected-json"),
    ],
)
def test_an_integration_that_is_none_is_refused(sandbox: Running, body: str, name: str) -> None:
    answer = sandbox.request("POST", "/v1/integrations", body, content_type="application/json")
    assert is_problem(answer, 400, name)


def test_json_must_be_named_and_small(sandbox: Running) -> None:
    answer = sandbox.request("POST", "/v1/integrations", '{"organization": "org-EXAMPLE2"}', content_type="text/plain")
    assert is_problem(answer, 415, "no-json")
    answer = sandbox.request("POST", "/v1/integrations", " " * 70_000, content_type="application/json")
    assert is_problem(answer, 413, "too-large")
