"""`billproof upload` over HTTP through the real command, against a sandbox with faults: never a second version by accident,
never half a month, never a wrong success, and the token nowhere but in the request.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.sandbox.running import INTEGRATION, Running, running_sandbox
from tests.sending import (
    FIRST, MONTH, QUICK, SECOND, TOKEN, VARIABLE, Project, assert_no_token, be_patient, current, keys, make_project, sha256,
    stored,
)  # fmt: skip
from validator.sandbox.faults import Name

NOT_ALL = (
    "NOT ALL UPLOADED 0 accepted, 1 not. Running the same command again is safe: "
    "accepted files are not sent twice, and the same bytes may arrive twice without harm."
)
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
    assert_no_token(caplog.text + "".join(str(one.__dict__) for one in caplog.records), "the log")


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
    Strike("delay", 9, "unknown", None, "no answer within 0.8 s three times", read=0.8),
    Strike("too_many", 0, "refused", 429, "429 three times"),
    Strike("error", 0, "unknown", 500, "500 three times"),
    Strike("cut_before_body", 0, "unknown", None, "the connection ended without a whole answer in HTTP three times"),
    Strike("cut_after_body", 0, "unknown", None, "the connection ended without a whole answer in HTTP three times"),
    Strike("lost_answer", 0, "unknown", None, "the connection ended without a whole answer in HTTP three times", stores=True),
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
    assert (again.code, again.headline) == (0, "NOTHING SENT 1 file there already; nothing is new")
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
    assert project.send(SECOND).headline == "NOTHING SENT 1 file there already; nothing is new"
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
    word = {"refused": "not accepted", "unknown": "not known"}[strike.status]
    assert found.told[0].startswith(f"{LINE} {word} {strike.text}")
    assert found.told[0].endswith(f"receipt {next(project.ledger.rglob(f'{versions + 1:04}-*.json')).relative_to(project.root)}")
    assert found.told[1:] == [NOT_ALL]
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
    assert "not accepted 429: Too many requests;" in found.told[0]
    assert "it asks to wait 3600 s" in found.told[0]
    assert project.receipts()[-1]["answer"]["attempts"] == 1
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
    attempts: int = 1


WRONGS = [
    Wrong("token", 401, "401: Wrong token;"),
    Wrong("integration", 404, "404: Unknown integration;"),
    Wrong("limit", 413, "413: Too large; A request may have up to 1,000 bytes."),
    Wrong("organization", 422, "422: File refused; The file is not fit to be 2025-10 of org-EXAMPLEother1; nothing was stored."),
    Wrong("server", None, "127.0.0.1 was not reached three times", 3),
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
            assert found.told[0].startswith(f"{LINE} not accepted {wrong.text}")
            assert found.told[1:] == [NOT_ALL]
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
    assert "REFUSED was accepted on" in old.told[0]
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
        more = f"  - {{name: labs, organization: org-EXAMPLElabs02, to: api, integration: int-EXAMPLE2, token: {{env: {VARIABLE}}}}}\n"
        project.write(text + more)
        names = project.put(FIRST, "acme.csv"), project.put(labs, "labs.csv")
        both.fault("error", 3)
        found = project.run("upload", *names)
        assert found.code == 4
        assert found.headline.startswith("NOT ALL UPLOADED 1 accepted, 1 not.")
        assert (current(both), current(both, "int-EXAMPLE2")) == (None, sha256(labs))
        found = project.run("upload", *names)
        assert (found.code, found.headline) == (0, "ALL UPLOADED 1 accepted, 1 there already")
        assert len(both.uploads) == 5
        assert (current(both), current(both, "int-EXAMPLE2")) == (sha256(FIRST), sha256(labs))
    project.verify()
