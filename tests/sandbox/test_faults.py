"""Every fault on the wire: what the client sees, and what is stored in spite of it."""

from __future__ import annotations

import http.client
import socket
import time
from urllib.parse import urlsplit

import pytest

from billproof.sandbox.faults import NAMES
from tests.sandbox.running import INTEGRATION, TOKEN, Running, sha256
from tests.support import fixture

GOOD = fixture("good-h1")
CUT = ("cut_before_body", "cut_after_body", "lost_answer")


def head(length: int) -> bytes:
    """The head of an upload, as it stands on the wire."""
    return (
        f"POST /v1/integrations/{INTEGRATION}/uploads/2025-10 HTTP/1.1\r\nHost: sandbox\r\nContent-Type: text/csv\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def connected(sandbox: Running) -> socket.socket:
    address = urlsplit(sandbox.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=20)


def received(connection: socket.socket) -> bytes:
    """Everything until the other side closes; it may do so with a reset."""
    data = b""
    try:
        while chunk := connection.recv(65_536):
            data += chunk
    except ConnectionResetError:
        pass
    return data


@pytest.mark.parametrize("name", CUT)
def test_the_connection_is_cut_without_a_byte(sandbox: Running, name: str) -> None:
    sandbox.faults([{"name": name}])
    data = GOOD.read_bytes()
    with connected(sandbox) as connection:
        connection.sendall(head(len(data)) + data)
        assert received(connection) == b""


def test_a_cut_before_the_body_does_not_wait_for_it(sandbox: Running) -> None:
    sandbox.fault("cut_before_body")
    with connected(sandbox) as connection:
        connection.sendall(head(1_000_000))
        assert received(connection) == b""


def test_a_cut_after_the_body_waits_for_all_of_it(sandbox: Running) -> None:
    sandbox.fault("cut_after_body")
    data = GOOD.read_bytes()
    with connected(sandbox) as connection:
        connection.sendall(head(len(data)) + data[:-1])
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        connection.sendall(data[-1:])
        assert received(connection) == b""


@pytest.mark.parametrize("name", CUT)
def test_a_client_meets_an_error_of_the_connection(sandbox: Running, name: str) -> None:
    sandbox.faults([{"name": name}])
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        sandbox.upload(GOOD)


@pytest.mark.parametrize("name", ["cut_before_body", "cut_after_body"])
def test_a_cut_stores_nothing_and_leaves_the_key_free(sandbox: Running, name: str) -> None:
    sandbox.faults([{"name": name}])
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        sandbox.upload(GOOD, idempotency_key="k")
    assert sandbox.months() == {}
    again = sandbox.upload(GOOD, idempotency_key="k")
    assert (again.status, again.json["id"]) == (201, "upload-000001")
    assert "idempotent-replayed" not in again.headers


def test_a_lost_answer_is_of_an_upload_that_was_stored(sandbox: Running) -> None:
    sandbox.fault("lost_answer")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        sandbox.upload(GOOD, idempotency_key="k")
    stored = sandbox.months()["2025-10"]
    assert stored["sha256"] == sha256(GOOD)
    again = sandbox.upload(GOOD, idempotency_key="k")
    assert (again.json, again.headers["idempotent-replayed"]) == (stored, "true")
    assert sandbox.upload(GOOD).json["replaces"] == stored["id"]


def test_a_refusal_can_be_lost_too(sandbox: Running) -> None:
    sandbox.fault("lost_answer")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        sandbox.upload(fixture("middle-gap"))
    assert sandbox.months() == {}


def test_too_many_says_when_to_come_back(sandbox: Running) -> None:
    sandbox.fault("too_many", times=2, seconds=1.2)
    for _ in range(2):
        answer = sandbox.upload(GOOD)
        assert (answer.status, answer.headers["retry-after"]) == (429, "2")
        assert answer.headers["content-type"] == "application/problem+json"
    assert sandbox.months() == {}
    assert sandbox.upload(GOOD).status == 201


def test_an_error_stores_nothing(sandbox: Running) -> None:
    sandbox.fault("error")
    answer = sandbox.upload(GOOD)
    assert (answer.status, answer.json["type"]) == (500, "urn:billproof:sandbox:error-on-demand")
    assert sandbox.months() == {}
    assert sandbox.upload(GOOD).status == 201


def test_an_error_is_answered_when_a_large_body_was_read(sandbox: Running) -> None:
    sandbox.fault("error")
    assert sandbox.upload(b"x" * 8_000_000).status == 500


def test_a_delay_comes_before_the_upload(sandbox: Running) -> None:
    sandbox.fault("delay", seconds=0.4)
    begun = time.monotonic()
    assert sandbox.upload(GOOD).status == 201
    assert time.monotonic() - begun >= 0.4


def test_faults_strike_in_order_and_uploads_only(sandbox: Running) -> None:
    faults = [{"name": "error", "times": 2, "seconds": 1}, {"name": "too_many", "times": 1, "seconds": 0}]
    sandbox.faults(faults)
    assert sandbox.months() == {}
    assert sandbox.request("GET", "/sandbox/faults").json == {"faults": faults}
    assert sandbox.upload(GOOD).status == 500
    assert sandbox.request("GET", "/sandbox/faults").json == {"faults": [faults[0] | {"times": 1}, faults[1]]}
    assert [sandbox.upload(GOOD).status for _ in range(3)] == [500, 429, 201]
    assert sandbox.request("GET", "/sandbox/faults").json == {"faults": []}


def test_faults_can_be_replaced_and_taken_back(sandbox: Running) -> None:
    sandbox.fault("error", times=1_000)
    sandbox.fault("too_many")
    assert [one["name"] for one in sandbox.request("GET", "/sandbox/faults").json["faults"]] == ["too_many"]
    cleared = sandbox.request("DELETE", "/sandbox/faults")
    assert (cleared.status, cleared.body) == (204, b"")
    assert sandbox.upload(GOOD).status == 201


@pytest.mark.parametrize(
    "body",
    ['{"faults": [{"name": "fire"}]}', '{"faults": [{"name": "error", "times": 0}]}', '{"faults": {}}', '{"faults": [{}]}',
     '{"faults": [{"name": "delay", "seconds": 1e400}]}', '{"faults": [{"name": "delay", "seconds": NaN}]}'],
)  # fmt: skip
def test_a_fault_that_is_none_is_refused(sandbox: Running, body: str) -> None:
    answer = sandbox.request("PUT", "/sandbox/faults", body, content_type="application/json")
    assert answer.status == 400
    assert sandbox.request("GET", "/sandbox/faults").json == {"faults": []}


def test_a_request_that_breaks_off_stores_nothing(sandbox: Running) -> None:
    data = GOOD.read_bytes()
    with connected(sandbox) as connection:
        connection.sendall(head(len(data)) + data[:-1])
    assert sandbox.months() == {}
    assert sandbox.upload(GOOD).json["id"] == "upload-000001"


def test_the_sandbox_goes_on_after_every_fault(sandbox: Running) -> None:
    for name in NAMES:
        sandbox.faults([{"name": name, "seconds": 0}])
        try:
            sandbox.upload(GOOD)
        except (http.client.HTTPException, OSError):
            assert name in CUT
    assert sandbox.upload(GOOD).status == 201
