"""`billproof upload` over HTTP through the real command, against a sandbox with faults: never a second version by accident,
never half a month, never a wrong success, and the token nowhere but in the request.
"""

from __future__ import annotations

import base64
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from billproof.sandbox.faults import Name
from tests.delivery.destinations.server import Act, Handler, serving
from tests.sandbox.running import INTEGRATION, Running, running_sandbox
from tests.sending import (
    FIRST,
    QUICK,
    SECOND,
    TOKEN,
    VARIABLE,
    Project,
    assert_no_token,
    be_patient,
    current,
    keys,
    make_project,
    stored,
)
from tests.uploading import MONTH, sha256

AGAIN = "NOT ALL UPLOADED 0 accepted, 1 not. Running the same command again is safe"
NOT_ALL = f"{AGAIN}; accepted files are not sent again."
UNKNOWN = f"{NOT_ALL} A file whose outcome is unknown is sent again; if it arrived the first time, that changes nothing."
LINE = "research 2025-10 PASS 1,048.56 USD"


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with running_sandbox(token=TOKEN) as running:
        yield running


@pytest.fixture
def project(
    tmp_path: Path, sandbox: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Project]:
    """A project that uploads to the sandbox. Whatever a test does: the token is nowhere in what was printed or written."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv(VARIABLE, TOKEN)
    be_patient(monkeypatch)
    caplog.set_level(logging.DEBUG)
    project = make_project(root)
    project.configure(sandbox.url)
    yield project
    for number, text in enumerate(project.said):
        assert_no_token(text, f"what was printed, {number}")
    for path in root.rglob("*"):
        assert_no_token(path.name + (path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""), str(path))
    # What was logged before the test was over is kept by phase.
    for one in (*caplog.get_records("setup"), *caplog.get_records("call")):
        assert_no_token(f"{one.getMessage()} {one.__dict__}", "the log")


class Strike(NamedTuple):
    """A fault of the sandbox and what the command makes of it when it meets the fault in every attempt."""

    fault: Name
    seconds: float
    status: str
    code: int | None
    text: str
    stores: bool = False
    read: float = QUICK.read

    @property
    def label(self) -> str:
        return f"{self.fault} {self.seconds:g}"


STRIKES = [
    Strike("delay", 9, "unknown", None, "no response within 0.8 s three times", read=0.8),
    Strike("too_many", 0, "refused", 429, "429 three times"),
    Strike("error", 0, "unknown", 500, "500 three times"),
    Strike("cut_before_body", 0, "unknown", None, "the connection ended before a complete HTTP response three times"),
    Strike("cut_after_body", 0, "unknown", None, "the connection ended before a complete HTTP response three times"),
    Strike("lost_answer", 0, "unknown", None, "the connection ended before a complete HTTP response three times", stores=True),
]


def settles(project: Project, sandbox: Running, versions: int) -> None:
    """The same command again: accepted, once; and a third time: nothing is sent."""
    found = project.send(SECOND)
    assert found.code == 0, found.out + found.err
    assert found.told[0].startswith(f"{LINE} accepted id upload-")
    assert found.headline == "ALL UPLOADED 1 accepted"
    assert current(sandbox) == sha256(SECOND)
    assert stored(sandbox) == versions
    assert [one["status"] for one in project.receipts()].count("accepted") == versions
    sent = len(sandbox.uploads)
    again = project.send(SECOND)
    assert (again.code, again.headline) == (0, "NOTHING SENT 1 file already uploaded; nothing new")
    assert len(sandbox.uploads) == sent
    assert stored(sandbox) == versions
    project.verify()


def prepare(project: Project, before: bool) -> int:
    """A month that is there already, if `before`; gives how many versions there are."""
    if before:
        assert project.send(FIRST).code == 0
    return int(before)


# --- faults of the sandbox ---


@pytest.mark.parametrize("before", [False, True], ids=["first", "replace"])
@pytest.mark.parametrize("strike", STRIKES, ids=lambda strike: strike.label)
def test_a_fault_that_passes_is_settled_within_the_command(
    project: Project, sandbox: Running, strike: Strike, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = prepare(project, before)
    be_patient(monkeypatch, QUICK._replace(read=strike.read if strike.fault == "delay" else QUICK.read, attempts=5))
    sandbox.fault(strike.fault, 1, strike.seconds)
    found = project.send(SECOND)
    assert found.code == 0, found.out
    assert found.headline == "ALL UPLOADED 1 accepted"
    receipt = project.receipts()[-1]
    assert (receipt["status"], receipt["answer"]["code"]) == ("accepted", 201)
    mine = keys(sandbox)[versions:]
    assert receipt["answer"]["attempts"] == len(mine) >= 2
    assert len(set(mine)) == 1
    assert current(sandbox) == sha256(SECOND)
    assert stored(sandbox) == versions + 1
    assert receipt["answer"]["id"] == sandbox.months()[MONTH]["id"]
    assert project.send(SECOND).headline == "NOTHING SENT 1 file already uploaded; nothing new"
    assert len(keys(sandbox)) == versions + len(mine)
    project.verify()


@pytest.mark.parametrize("before", [False, True], ids=["first", "replace"])
@pytest.mark.parametrize("strike", STRIKES, ids=lambda strike: strike.label)
def test_a_fault_that_lasts_is_told_and_settled_by_the_next_command(
    project: Project, sandbox: Running, strike: Strike, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = prepare(project, before)
    be_patient(monkeypatch, QUICK._replace(read=strike.read))
    sandbox.fault(strike.fault, 100, strike.seconds)
    found = project.send(SECOND)
    be_patient(monkeypatch)
    receipt = project.receipts()[-1]
    answer = receipt["answer"]
    assert found.code == 4
    assert (receipt["status"], answer["code"], answer["id"], answer["attempts"]) == (strike.status, strike.code, None, 3)
    assert answer["text"].startswith(strike.text)
    word = {"refused": "refused", "unknown": "outcome unknown"}[strike.status]
    assert found.told[0].startswith(f"{LINE} {word} {strike.text}")
    assert found.told[0].endswith(f"receipt {next(project.ledger.rglob(f'{versions + 1:04}-*.json')).relative_to(project.root)}")
    assert found.told[1:] == [NOT_ALL if strike.status == "refused" else UNKNOWN]
    assert current(sandbox) == (sha256(SECOND) if strike.stores else sha256(FIRST) if before else None)
    assert stored(sandbox) == versions + strike.stores
    project.verify()
    sandbox.request("DELETE", "/sandbox/faults")
    settles(project, sandbox, versions + 1)
    mine = keys(sandbox)[versions:]
    assert (len(mine), len(set(mine))) == (4, 1)


def test_a_delay_within_the_limit_is_no_fault(project: Project, sandbox: Running) -> None:
    sandbox.fault("delay", 1, 0.3)
    found = project.send(SECOND)
    assert found.code == 0
    assert (project.receipts()[-1]["answer"]["attempts"], stored(sandbox)) == (1, 1)


def test_a_wait_that_is_asked_for_is_waited_for(project: Project, sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.fault("too_many", 1, 1)
    assert project.send(SECOND).code == 0
    assert project.receipts()[-1]["answer"]["attempts"] == 2
    be_patient(monkeypatch, QUICK)
    sandbox.fault("too_many", 1, 3600)
    found = project.send(FIRST)
    assert found.code == 4
    assert "refused 429: Too many requests;" in found.told[0]
    assert "the server asks to wait 3600 s" in found.told[0]
    answer = project.receipts()[-1]["answer"]
    assert (answer["attempts"], answer["retry_after"]) == (1, 3600)
    assert current(sandbox) == sha256(SECOND)


def test_two_kinds_of_fault_one_after_the_other(project: Project, sandbox: Running) -> None:
    """A lost answer is not made good by a later refusal: the month may have been replaced, and was."""
    sandbox.faults([{"name": "lost_answer", "times": 1}, {"name": "too_many", "times": 9, "seconds": 0}])
    found = project.send(SECOND)
    assert found.code == 4
    assert [one["status"] for one in project.receipts()] == ["unknown"]
    assert current(sandbox) == sha256(SECOND)
    sandbox.request("DELETE", "/sandbox/faults")
    settles(project, sandbox, 1)


# --- what is wrong until somebody mends it ---


class Wrong(NamedTuple):
    """What is wrong with the configuration or the sandbox, and what comes of it."""

    what: str
    code: int | None
    text: str
    until: str
    attempts: int = 1


FILE = "`file`, its field, or what the server's message names"
WRONGS = [
    Wrong("token", 401, "401: Wrong token;", "the token: both of its parts, its role, and its environment (US or EU)"),
    Wrong("integration", 404, "404: Unknown integration;", "`base_url`, `path`, `method` or the integration ID"),
    Wrong("limit", 413, "413: Too large; A request may be at most 1,000 bytes.", FILE),
    Wrong("organization", 422, "422: File refused; The file did not pass as 2025-10 of org-EXAMPLEother1; nothing was", FILE),
    Wrong("server", None, "127.0.0.1 was not reached three times", "what its line names, if that does not pass by itself", 3),
]


@pytest.fixture
def closed() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize("before", [False, True], ids=["first", "replace"])
@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.what)
def test_what_lasts_is_refused_and_settled_once_it_is_mended(
    project: Project, sandbox: Running, closed: str, wrong: Wrong, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = prepare(project, before)
    other = {INTEGRATION: "org-EXAMPLEother1"} if wrong.what == "organization" else None
    with running_sandbox(other, TOKEN, limit=1000 if wrong.what == "limit" else 10_000_000) as broken:
        project.configure(closed if wrong.what == "server" else broken.url)
        if wrong.what == "token":
            monkeypatch.setenv(VARIABLE, "other:token-EXAMPLE")
        if wrong.what == "integration":
            project.configure(broken.url, "int-EXAMPLEother")
        for _ in range(2):
            found = project.send(SECOND)
            answer = project.receipts()[-1]["answer"]
            assert found.code == 4
            assert project.receipts()[-1]["status"] == "refused"
            assert (answer["code"], answer["attempts"], answer["id"]) == (wrong.code, wrong.attempts, None)
            assert answer["text"].startswith(wrong.text)
            assert found.told[0].startswith(f"{LINE} refused {wrong.text}")
            assert found.told[1:] == [f"{AGAIN}, but changes nothing until you fix {wrong.until}."]
        assert len(broken.uploads) == (0 if wrong.what == "server" else 2)
        assert len(set(keys(broken))) == (0 if wrong.what == "server" else 1)
        if wrong.what != "integration":
            assert broken.months() == {}
    assert "nothing was sent" in answer["text"] or wrong.code
    assert current(sandbox) == (sha256(FIRST) if before else None)
    project.verify()
    monkeypatch.setenv(VARIABLE, TOKEN)
    project.configure(sandbox.url)
    settles(project, sandbox, versions + 1)


# --- keys ---


def test_a_later_wish_for_the_same_bytes_has_another_key(project: Project, sandbox: Running) -> None:
    for data in (FIRST, SECOND):
        assert project.send(data).code == 0
    old = project.send(FIRST)
    assert (old.code, len(sandbox.uploads)) == (1, 2)
    assert "--resend" in old.out
    assert project.send(FIRST, "--resend").code == 0
    assert current(sandbox) == sha256(FIRST)
    assert stored(sandbox) == 3
    assert project.send(FIRST, "--resend").code == 0
    assert len(set(keys(sandbox))) == 4
    assert stored(sandbox) == 4
    project.verify()


def test_a_lost_resend_is_the_same_wish(project: Project, sandbox: Running) -> None:
    for data in (FIRST, SECOND):
        assert project.send(data).code == 0
    sandbox.fault("lost_answer", 3)
    assert project.send(FIRST, "--resend").code == 4
    assert (current(sandbox), stored(sandbox)) == (sha256(FIRST), 3)
    assert project.send(FIRST, "--resend").code == 0
    assert (current(sandbox), stored(sandbox)) == (sha256(FIRST), 3)
    assert len(set(keys(sandbox)[2:])) == 1
    project.verify()


def test_several_months_of_several_integrations_stop_at_nothing(project: Project, sandbox: Running) -> None:
    """One file is refused, the other is sent all the same, and the next command sends only what is missing."""
    labs = FIRST.replace(b"org-EXAMPLEacme01", b"org-EXAMPLElabs02")
    with running_sandbox({INTEGRATION: "org-EXAMPLEacme01", "int-EXAMPLE2": "org-EXAMPLElabs02"}, TOKEN) as both:
        project.configure(both.url)
        text = (project.root / "billproof.yaml").read_text("utf-8")
        acme = text.splitlines(True)[-1]
        project.write(text + acme.replace("research", "labs").replace("acme01", "labs02").replace(INTEGRATION, "int-EXAMPLE2"))
        names = project.put(FIRST, "acme.csv"), project.put(labs, "labs.csv")
        both.fault("error", 3)
        found = project.run("upload", *names)
        assert found.code == 4
        assert found.headline.startswith("NOT ALL UPLOADED 1 accepted, 1 not.")
        assert (current(both), current(both, "int-EXAMPLE2")) == (None, sha256(labs))
        found = project.run("upload", *names)
        assert (found.code, found.headline) == (0, "ALL UPLOADED 1 accepted, 1 already uploaded")
        assert len(both.uploads) == 5
        assert (current(both), current(both, "int-EXAMPLE2")) == (sha256(FIRST), sha256(labs))
    project.verify()


# --- the token ---

FORMATS = ("json", "html", "sarif", "junit", "github", "gitlab", "markdown")


def echo(code: int) -> Act:
    """Answers with the secret in everything: reason, headers, and a body that has it plain, encoded and in pieces."""

    def act(handler: Handler) -> None:
        secret = handler.take().headers["Authorization"]
        forms = [secret, quote(secret), base64.b64encode(secret.encode()).decode(), secret[-15:], *secret.split(":")]
        body = str({"title": forms[0], "detail": forms, "id": forms[code % 5]}).replace("'", '"').encode()
        handler.send_response(code, f"You said {secret}")
        for name in ("Date", "Location", "WWW-Authenticate", "Retry-After", "X-Echo", "Set-Cookie"):
            handler.send_header(name, secret)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return act


@pytest.mark.parametrize(
    ("code", "exit_code", "status"),
    [
        (201, 0, "accepted"),
        (200, 0, "accepted"),
        (302, 4, "refused"),
        (401, 4, "refused"),
        (429, 4, "refused"),
        (500, 4, "unknown"),
    ],
)
def test_a_server_that_repeats_the_token(project: Project, code: int, exit_code: int, status: str) -> None:
    """That the token is nowhere, the fixture sees to."""
    with serving() as server:
        server.acts = [echo(code)]
        project.configure(server.url)
        outputs = [word for one in FORMATS for word in ("--output", f"{one}=report.{one}")]
        found = project.send(SECOND, *outputs)
        assert found.code == exit_code
        (receipt,) = project.receipts()
        assert receipt["status"] == status
        assert "<token>" in str(receipt["answer"]) or "Bearer <…" in receipt["answer"]["time"]
        assert {one.headers["Authorization"] for one in server.received} == {f"Bearer {TOKEN}"}
        assert all((project.root / f"report.{one}").stat().st_size for one in FORMATS)
        for one in FORMATS[:2]:
            project.send(FIRST, "--format", one)


def test_the_search_for_the_token_finds_it() -> None:
    secret = f"Bearer {TOKEN}"
    for text in (secret, quote(secret), base64.b64encode(secret.encode()).decode(), TOKEN.split(":")[1], TOKEN.split(":")[0]):
        with pytest.raises(AssertionError, match="the token is in"):
            assert_no_token(f"... {text} ...", "a text")


@pytest.mark.parametrize(
    "where", ["io.attempts._attempt", "io.attempts._attempts", "io.attempts._client", "delivery.destinations.http.attempts_of"]
)
def test_an_error_that_nobody_expected(project: Project, sandbox: Running, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own text, and whatever a traceback would show, holds the token."""

    def broken(*_: Any) -> Any:
        raise LookupError(f"Authorization: Bearer {TOKEN}")

    with monkeypatch.context() as patch:
        patch.setattr(f"billproof.{where}", broken)
        found = project.send(SECOND)
    (receipt,) = project.receipts()
    if where == "io.attempts._client":
        # Nothing can have been sent: the connection was not even prepared.
        assert (found.code, receipt["status"], receipt["answer"]["attempts"]) == (4, "refused", 0)
    else:
        assert (found.code, receipt["status"]) == (3, "unknown")
        assert found.err.startswith("UNPROVED  unexpected error: LookupError at ")
        assert "Traceback" not in found.err
    settles(project, sandbox, 1)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_the_process_shows_no_token_while_it_sends(project: Project, sandbox: Running) -> None:
    sandbox.fault("delay", 1, 1.5)
    project.put(SECOND)
    command = [sys.executable, "-X", "dev", "-m", "billproof", "upload", "export.csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not sandbox.uploads and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        assert process.poll() is None
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
        out, err = process.communicate(timeout=60)
    assert "upload\0export.csv" in shown
    project.said.extend((shown, out, err))
    assert (process.returncode, current(sandbox)) == (0, sha256(SECOND)), err
    assert sandbox.uploads[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_token_goes_to_its_own_destination_only(project: Project, sandbox: Running) -> None:
    with running_sandbox(token=TOKEN) as other:
        text = (project.root / "billproof.yaml").read_text("utf-8")
        one = text.partition("  api:\n")[2].partition("integrations:")[0]
        project.write(text.replace("  api:\n", f"  other:\n{one.replace(sandbox.url, other.url)}  api:\n"))
        found = project.send(SECOND, "--to", "other")
        assert found.code == 3
        assert found.err.splitlines()[0] == "the token of research is for api and is not sent to other"
        assert (sandbox.arrived, other.arrived, project.receipts()) == ([], [], [])
        assert project.send(SECOND, "--to", "api").code == 0
        assert len(other.arrived) == 0


@pytest.mark.parametrize("value", [None, "", "two words", "tab\tin it", "ü:ü"])
def test_all_tokens_are_looked_for_before_the_first_file_is_sent(
    project: Project, sandbox: Running, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (project.root / "billproof.yaml").read_text("utf-8")
    project.write(
        text + "  - {name: labs, organization: org-EXAMPLElabs02, to: api, integration: i-2, token: {env: OTHER_TOKEN}}\n"
    )
    if value is None:
        monkeypatch.delenv("OTHER_TOKEN", raising=False)
    else:
        monkeypatch.setenv("OTHER_TOKEN", value)
    labs = project.put(FIRST.replace(b"org-EXAMPLEacme01", b"org-EXAMPLElabs02"), "labs.csv")
    found = project.run("upload", project.put(SECOND), labs)
    assert found.code == 3
    assert "OTHER_TOKEN" in found.err
    assert not value or value not in found.err
    assert (sandbox.arrived, project.receipts(), list(project.ledger.rglob("*.begun"))) == ([], [], [])


# --- a dry run ---


def printed_line(found: Any) -> str:
    """The command for the shell among what a dry run prints."""
    line: str = found.out.partition("\n")[2].rpartition("NOTHING SENT")[0]
    assert line.startswith("printf ")
    return line


def test_a_dry_run_needs_neither_token_nor_network(project: Project, sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    project.configure("http://127.0.0.1:1")
    monkeypatch.delenv(VARIABLE)

    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("a dry run reaches for the network")

    with monkeypatch.context() as patch:
        for name in ("socket", "create_connection", "getaddrinfo"):
            patch.setattr(socket, name, refused)
        found = project.send(SECOND, "--dry-run")
    assert (found.code, found.err) == (0, "")
    assert found.told[0] == f"{LINE} ready to upload"
    assert found.headline == "NOTHING SENT dry run: 1 file ready to upload"
    assert f"${VARIABLE}" in printed_line(found)
    assert (project.receipts(), list(project.ledger.rglob("*.begun"))) == ([], [])


@pytest.mark.skipif(shutil.which("curl") is None or os.name == "nt", reason="needs curl and a POSIX shell")
@pytest.mark.parametrize("file", ["{form_field: file}", "raw"])
@pytest.mark.parametrize("name", ["export.csv", "exports/research/export.csv", 'it\'s 10 "€", no; $HOME.csv'])
def test_the_line_of_a_dry_run_makes_the_upload(project: Project, sandbox: Running, file: str, name: str) -> None:
    text = (project.root / "billproof.yaml").read_text("utf-8")
    project.write(text.replace("{form_field: file}", file))
    line = printed_line(project.run("upload", project.put(SECOND, name), "--dry-run"))
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    done = subprocess.run(
        ["sh", "-c", f"{line.rstrip()} --silent --show-error --fail"],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (current(sandbox), stored(sandbox)) == (sha256(SECOND), 1)
    (by_curl,) = sandbox.uploads
    # The same wish: what the command sends next is not stored twice.
    assert project.run("upload", name).code == 0
    assert stored(sandbox) == 1
    by_us = sandbox.uploads[1]
    assert by_us.headers["idempotency-key"] == by_curl.headers["idempotency-key"]
    assert by_us.path == by_curl.path
    assert by_us.headers["authorization"] == by_curl.headers["authorization"] == f"Bearer {TOKEN}"


def test_the_line_of_a_dry_run_paints_nothing(project: Project) -> None:
    found = project.run("upload", project.put(SECOND, "a\x1b[31mred\rb.csv"), "--dry-run")
    assert found.code == 0
    assert "red" in printed_line(found)
    assert not {"\x1b", "\r"} & set(found.out)
