"""Uploads over HTTP against a real server on this machine that answers, delays, cuts, lies and repeats secrets."""

from __future__ import annotations

import base64
import email
import email.policy
import gzip
import hashlib
import io
import json
import logging
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import trustme

from billproof import __version__
from billproof.config.destinations import DestinationSettings, FormField, Token, Variable
from billproof.config.file import Integration, read_config
from billproof.delivery.destinations.http import HttpDestination
from billproof.delivery.destinations.pelanor import NotFilledIn
from billproof.delivery.destinations.responses import BODY_BYTES, AttemptResult, answer_of, result_of
from billproof.delivery.shipment import Answer, Destination, Shipment
from billproof.io.attempts import Patience, Response
from billproof.io.secrets import NoToken, Secret
from billproof.model.errors import BillproofError, how_to_install
from tests.delivery.destinations.server import Act, Handler, Received, Server, answer, drip, lose, raw, reset, serving, silent
from tests.support import ROOT

ACME = "org-EXAMPLEacme01"
TOKEN = "tok/EXAMPLE+0123456789:secret=EXAMPLE~abcdefghij"
SECRET = Secret(TOKEN)
DATA = b"start_time,amount_value\n1759276800,0.1\n" * 5_000
# Short waits, and limits that a slow machine does not reach; a test that wants to reach one makes it short.
PATIENT = Patience(attempts=3, total=60, wait=0.01, longest=0.02, jitter=0.01, connect=10, read=20, answer=40)
ONCE = PATIENT._replace(attempts=1)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def shipment(**changes: Any) -> Shipment:
    made = Shipment(ACME, "2025-10", "1111-EXAMPLE", "cost 10.csv", len(DATA), hashlib.sha256(DATA).hexdigest())
    return made._replace(**changes)


def settings(url: str, **changes: Any) -> DestinationSettings:
    made = DestinationSettings("http", path="/v1/{integration}/upload", base_url=url, method="POST", file="raw", line=4)
    return made._replace(**changes)


def destination(url: str, patience: Patience = PATIENT, token: Token | None = None, **changes: Any) -> HttpDestination:
    integrations = [Integration("research", ACME, token=token or Token(env="PELANOR_TOKEN"), line=9)]
    return HttpDestination("api", settings(url, **changes), integrations, "billproof.yaml", patience)


def send(server: Server, *acts: Act, patience: Patience = PATIENT, **changes: Any) -> Answer:
    """What comes of an upload to a server that does this."""
    if acts:
        server.acts = list(acts)
    return destination(server.url, patience, **changes).send(shipment(), io.BytesIO(DATA), SECRET)


def told(found: Answer) -> str:
    """What an answer says, but for how long it took."""
    return re.sub(r" in [0-9]+ s", "", found.text)


def digest_of(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


# --- what is sent ---


def test_a_raw_body_arrives_with_its_headers(server: Server) -> None:
    found = send(server, answer(201, Date="Tue, 04 Nov 2025 08:00:00 GMT"))
    assert found._replace(time=None) == Answer("accepted", "201", code=201)
    (received,) = server.received
    assert (received.method, received.target, received.body) == ("POST", "/v1/1111-EXAMPLE/upload", DATA)
    key = received.headers.pop("Idempotency-Key")  # type: ignore[attr-defined]
    assert key[0] == key[-1] == '"'
    assert uuid.UUID(key[1:-1]).version == 5
    assert received.headers == {
        "Host": server.url.removeprefix("http://"), "Accept": "application/json, application/problem+json, */*;q=0.1",
        "Accept-Encoding": "identity", "Authorization": f"Bearer {TOKEN}", "Connection": "keep-alive",
        "Content-Digest": digest_of(DATA), "Content-Length": str(len(DATA)), "Content-Type": "text/csv",
        "User-Agent": f"billproof/{__version__}",
    }  # fmt: skip


def form_of(received: Received) -> email.message.EmailMessage:
    head = f"Content-Type: {received.headers['Content-Type']}\r\n\r\n".encode()
    made = email.message_from_bytes(head + received.body, policy=email.policy.HTTP)
    assert isinstance(made, email.message.EmailMessage)
    return made


def test_a_form_holds_the_file_and_nothing_else(server: Server) -> None:
    assert send(server, file=FormField("billing file")).status == "accepted"
    (received,) = server.received
    (part,) = form_of(received).iter_parts()
    assert part.get_param("name", header="Content-Disposition") == "billing file"
    assert part.get_filename() == "cost 10.csv"
    assert part.get_content_type() == "text/csv"
    assert DATA in received.body
    assert received.headers["Content-Digest"] == digest_of(received.body)
    assert received.headers["Content-Length"] == str(len(received.body))


def test_names_cannot_end_a_part_of_the_form(server: Server) -> None:
    made = shipment(name='a"; x="\r\nb: c.csv')
    destination(server.url, file=FormField("f")).send(made, io.BytesIO(DATA), SECRET)
    head = server.received[0].body.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[1:] == [
        b'Content-Disposition: form-data; name="f"; filename="a%22; x=%22%0D%0Ab: c.csv"', b"Content-Type: text/csv",
    ]  # fmt: skip


@pytest.mark.parametrize("file", ["raw", FormField("file")], ids=["raw", "form"])
def test_every_attempt_sends_the_same_bytes_and_key(server: Server, file: Any) -> None:
    found = send(server, answer(503), answer(500), answer(201), file=file)
    assert (found.status, found.attempts) == ("accepted", 3)
    first, *others = server.received
    assert DATA in first.body
    assert others == [first, first]


def test_the_body_is_sent_from_its_start_wherever_it_stands(server: Server) -> None:
    body = io.BytesIO(DATA)
    body.seek(100)
    assert destination(server.url).send(shipment(), body, SECRET).status == "accepted"
    assert server.received[0].body == DATA


def test_placeholders_are_encoded_where_they_stand(server: Server) -> None:
    made = destination(
        server.url, path="/a%20b/{integration}/{month}", query={"org id": "{organization}&x", "fix": "1"},
        headers={"X-For": "{organization} {month}"},
    )  # fmt: skip
    odd = shipment(organization="org/ü?&", integration="1/../2 #")
    assert made.send(odd, io.BytesIO(DATA), SECRET).status == "accepted"
    (received,) = server.received
    path = "/a%20b/1%2F..%2F2%20%23/2025-10?org%20id=org%2F%C3%BC%3F%26%26x&fix=1"
    assert received.target == path
    assert made.request(odd).description["url"] == server.url + path
    assert received.headers["X-For"] == "org%2F%C3%BC%3F%26 2025-10"


def test_a_base_url_may_have_a_path(server: Server) -> None:
    assert destination(f"{server.url}/api/").send(shipment(), io.BytesIO(DATA), SECRET).status == "accepted"
    assert server.received[0].target == "/api/v1/1111-EXAMPLE/upload"


def test_a_header_with_the_token_takes_the_place_of_authorization(server: Server) -> None:
    send(server, headers={"X-Api-Key": "key {token}", "content-type": "application/octet-stream", "Accept": "text/plain"})
    headers = server.received[0].headers
    assert headers["X-Api-Key"] == f"key {TOKEN}"
    assert "Authorization" not in headers
    assert (headers["content-type"], headers["Accept"]) == ("application/octet-stream", "text/plain")
    assert len({name.lower() for name in headers}) == len(headers)


def test_values_of_variables_are_sent_and_never_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE", "code/&+0123456789")
    monkeypatch.setenv("TEAM", "team~EXAMPLE:456")
    made = destination(
        server.url, headers={"X-Team": Variable("TEAM"), "X-Key": "{token}"}, query={"code": Variable("CODE"), "v": "1 2"}
    )  # fmt: skip
    server.acts = [answer(400, b"no code/&+0123456789 of TEAM~example", X_Echo="team~EXAMPLE:456")]
    found = made.send(shipment(), io.BytesIO(DATA), SECRET)
    assert found.text == "400: no <token> of <token>"
    (received,) = server.received
    assert received.target == "/v1/1111-EXAMPLE/upload?code=code%2F%26%2B0123456789&v=1%202"
    assert (received.headers["X-Team"], received.headers["X-Key"]) == ("team~EXAMPLE:456", TOKEN)
    request = made.request(shipment())
    assert request.description["url"] == f"{server.url}/v1/1111-EXAMPLE/upload?code={{env:CODE}}&v=1%202"
    assert request.description["headers"]["X-Team"] == "{env:TEAM}"
    assert "'X-Team: '\"$TEAM\"" in request.shell
    assert "/upload?code='\"$CODE\"'&v=1%202'" in request.shell
    monkeypatch.delenv("CODE")
    assert made.request(shipment()) == request, "a dry run needs no variable"
    with pytest.raises(NoToken, match="the environment variable CODE is not set"):
        made.send(shipment(), io.BytesIO(DATA), SECRET)


def test_the_key_is_that_of_the_wish() -> None:
    made = destination("https://api.example.com")

    def key(to: HttpDestination = made, **changes: Any) -> str:
        text: str = to.request(shipment(**changes)).description["headers"]["Idempotency-Key"]
        return text

    parts = ("https://api.example.com/v1/1111-EXAMPLE/upload", ACME, "2025-10", shipment().sha256, "")
    assert key() == f'"{uuid.uuid5(uuid.NAMESPACE_URL, chr(10).join(parts))}"'
    assert key(name="renamed.csv") == key()
    others = {
        key(destination("https://api.example.org")), key(organization="org-EXAMPLElabs02"), key(month="2025-09"),
        key(sha256="a" * 64), key(follows="b" * 64), key(integration="2"),
    }  # fmt: skip
    assert len(others | {key()}) == 7


def test_bytes_that_did_not_pass_are_not_sent(server: Server) -> None:
    for body in (DATA + b"x", DATA[:-1], b"", DATA.replace(b"0.1", b"0.2", 1)):
        with pytest.raises(BillproofError, match="are not those that passed; nothing was sent") as raised:
            destination(server.url).send(shipment(), io.BytesIO(body), SECRET)
        assert raised.value.exit_code == 3
    with pytest.raises(BillproofError, match="are not those that passed"):
        destination(server.url).send(shipment(size=len(DATA) + 1), io.BytesIO(DATA), SECRET)
    assert server.connections == 0


def test_without_a_token_nothing_is_sent(server: Server) -> None:
    with pytest.raises(NoToken):
        destination(server.url).send(shipment(), io.BytesIO(DATA), None)
    assert server.connections == 0


# --- what an answer means ---

CODES = {
    200: ("accepted", 1), 201: ("accepted", 1), 202: ("accepted", 1), 204: ("accepted", 1), 206: ("unknown", 1),
    299: ("unknown", 1), 300: ("refused", 1), 301: ("refused", 1), 302: ("refused", 1), 303: ("unknown", 1), 304: ("refused", 1),
    307: ("refused", 1), 308: ("refused", 1), 400: ("refused", 1), 401: ("refused", 1), 403: ("refused", 1), 404: ("refused", 1),
    408: ("unknown", 3), 409: ("unknown", 3), 413: ("refused", 1), 422: ("refused", 1), 429: ("refused", 3), 500: ("unknown", 3),
    501: ("unknown", 3), 502: ("unknown", 3), 503: ("refused", 3), 504: ("unknown", 3), 599: ("unknown", 3),
}  # fmt: skip


@pytest.mark.parametrize(("code", "status", "attempts"), [(code, *one) for code, one in CODES.items()])
def test_what_a_code_means(server: Server, code: int, status: str, attempts: int) -> None:
    found = send(server, answer(code))
    assert (found.status, found.attempts, found.code, server.connections) == (status, attempts, code, attempts)
    assert found.text.startswith(str(code) + (" three times" if attempts == 3 else ""))
    assert "nothing was sent" not in found.text


def test_only_configured_codes_are_success(server: Server) -> None:
    assert send(server, answer(202), success=(202,)).status == "accepted"
    assert send(server, answer(200), success=(202,)).status == "unknown"


@pytest.mark.parametrize(
    ("acts", "status", "text"),
    [
        ([answer(503), answer(429), answer(201)], "accepted", "503, then 429, then 201"),
        ([lose, answer(201)], "accepted", "{lost}, then 201"),
        ([lose, answer(503)], "unknown", "{lost}, then 503 twice"),
        ([answer(503), lose, answer(429)], "unknown", "503, then {lost}, then 429"),
        ([answer(502), answer(401)], "unknown", "502, then 401"),
        ([answer(503), answer(401)], "refused", "503, then 401"),
    ],
    ids=["mended", "found again", "lost before", "lost between", "perhaps before a refusal", "surely not before a refusal"],
)
def test_several_attempts(server: Server, acts: list[Act], status: str, text: str) -> None:
    found = send(server, *acts)
    assert found.status == status
    assert told(found) == text.format(lost="the connection ended before a complete HTTP response")


def test_several_attempts_in_words() -> None:
    busy = AttemptResult("refused", "503", again=True, code=503)
    lost = AttemptResult("unknown", "no response within 60 s", again=True)
    assert answer_of([busy] * 5, 62.4).text == "503 five times in 62 s"
    assert answer_of([busy] * 6, 0.4).text == "503 6 times"
    assert answer_of([lost, busy, busy], 70).text == "no response within 60 s, then 503 twice in 70 s"
    assert answer_of([busy._replace(detail="try later", after=90.0)], 5).text == "503: try later; the server asks to wait 90 s"
    assert answer_of([busy._replace(after=after) for after in (90.0, 0.2)], 5).retry_after == 1, "the last one's, never less"
    assert answer_of([busy._replace(after=90.0), lost], 5).retry_after is None


LOST = {
    "silence": silent, "reset before the body": reset, "closed without an answer": lose, "not HTTP": raw(b"SSH-2.0-x\r\n\r\n"),
    "half a head": raw(b"HTTP/1.1 201 Created\r\nContent-"),
    "half a body": raw(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{"),
    "garbage in chunks": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nboo"),
    "a head that drips": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"\r\n\r\n"),
    "a body that drips": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"),
    "another protocol": raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("act", LOST.values(), ids=LOST)
def test_an_answer_that_is_lost_is_unknown(server: Server, act: Act) -> None:
    found = send(server, act, patience=ONCE._replace(answer=1))
    assert found.status == "unknown"
    assert found.id is None
    assert "nothing was sent" not in found.text


def test_how_a_lost_answer_is_told(server: Server) -> None:
    assert send(server, silent, patience=ONCE._replace(read=0.4)).text == "no response within 0.4 s"
    slow = drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"\r\n\r\n")
    assert send(server, slow, patience=ONCE._replace(answer=1)).text == "no complete response within 1 s"


def test_a_refusal_stands_though_its_body_breaks_off(server: Server) -> None:
    found = send(server, raw(b"HTTP/1.1 400 Bad\r\nContent-Length: 99\r\n\r\nthe header is wr"))
    assert (found.status, found.text, found.attempts) == ("refused", "400: the header is wr", 1)


class Eager(httpx2.BaseTransport):
    """A server that answers before it has read the file, which a socket's buffers allow and hide."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(201, stream=httpx2.ByteStream(b'{"id": "7"}'))


def test_a_success_before_the_file_was_sent_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.io.attempts._client", lambda *_: httpx2.Client(transport=Eager()))
    found = destination("https://api.example.com", id_at="/id").send(shipment(), io.BytesIO(DATA), SECRET)
    assert (found.status, found.text, found.id) == ("unknown", "201 before the whole file was sent", None)


def test_every_attempt_has_its_own_connection(server: Server) -> None:
    """One that was used before may be closed by now, and nobody could tell whether the request arrived."""
    ports = []

    def refuse_and_keep(handler: Handler) -> None:
        ports.append(handler.client_address[1])
        answer(503)(handler)
        handler.close_connection = False

    assert send(server, refuse_and_keep).status == "refused"
    assert len(set(ports)) == 3


# --- waiting ---


def test_a_long_wait_is_not_waited_for(server: Server) -> None:
    found = send(server, answer(429, Retry_After="3600"))
    assert (found.status, found.text, found.attempts) == ("refused", "429; the server asks to wait 3600 s", 1)
    assert found.retry_after == 3600


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("10000000000", 10_000_000_000), ("9" * 400, 10**12), ("301.2", 302), ("5, 4000", 4000), ("007200", 7200)], ids=str,
)  # fmt: skip
def test_no_wait_is_too_long_to_be_honored(server: Server, wait: str, seconds: int) -> None:
    found = send(server, answer(503, Retry_After=wait))
    assert (found.status, found.attempts, found.retry_after) == ("refused", 1, seconds)
    assert found.text == f"503; the server asks to wait {seconds} s"


def test_a_date_far_ahead_is_not_waited_for(server: Server) -> None:
    found = send(server, answer(429, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"))
    assert found.attempts == 1
    assert (found.retry_after or 0) > 200_000_000_000


@pytest.mark.parametrize("wait", ["0", "Tue, 04 Nov 2025 08:00:00 GMT", "soon", "-1", "", "1e9", "-9999999999", "1, soon", "."])
def test_a_short_wait_is_waited_for(server: Server, wait: str) -> None:
    found = send(server, answer(429, Retry_After=wait), answer(201))
    assert (found.status, found.attempts, found.retry_after) == ("accepted", 2, None)


def test_waits_are_as_long_as_asked_and_no_shorter_than_ours(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    acts = [answer(503), answer(503), answer(429, Retry_After="7"), answer(503, Retry_After="1"), answer(201)]
    patience = PATIENT._replace(attempts=5, total=1000, wait=2, longest=60, jitter=0.5)
    assert send(server, *acts, patience=patience).status == "accepted"
    for found, least in zip(slept, (2, 4, 7, 2), strict=True):
        assert least <= found <= least + 0.5


def test_only_what_is_sent_again_waits() -> None:
    headers = {"retry-after": "120"}
    assert result_of(Response(503, headers, b""), settings("https://api.example.com"), [], 0).after == 120
    assert result_of(Response(400, headers, b""), settings("https://api.example.com"), [], 0).after is None


# --- what the server says ---

BODIES = {
    "problem": (b'{"type": "x", "title": "Month is locked", "status": 400, "detail": "since\\n Monday", "y": 1}', {},
                "Month is locked; since Monday"),
    "twice the same": (b'{"title": "Not Found", "detail": "Not Found"}', {}, "Not Found"),
    "detail only": (b'{"detail": "no such integration"}', {}, "no such integration"),
    "other JSON": (b'{"errors": ["x",\n {"code": 7}]}', {}, '{"errors": ["x", {"code": 7}]}'),
    "title that is not text": (b'{"title": 7}', {}, '{"title": 7}'),
    "text": (b"bad  header\r\n in row 1\n", {}, "bad header in row 1"),
    "not UTF-8": (b"caf\xe9", {}, "caf\ufffd"),
    "page": (b"<!doctype html><head><title>\nLog in</title>", {"Content_Type": "text/html"}, "Log in"),
    "page without title": (b"<html><p>hello", {}, "a web page, not the API"),
    "control characters": (b"a\x1b[31mb\x07", {}, "a\\u001B[31mb\\u0007"),
    "log command": (b"##vso[x] y", {}, "\\u0023#vso[x] y"),
    "address": (b"ask jane.doe@example.com", {}, "ask <e-mail>"),
    "binary": (b"PK\x00\x00", {}, ""),
    "deep": (b"[" * 60_000, {}, "[" * 194 + "…"),
    "long": (b"x" * 10_000_000, {}, "x" * 194 + "…"),
    "nothing": (b"", {}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("body", "headers", "text"), BODIES.values(), ids=BODIES)
def test_what_the_server_says_about_an_error(server: Server, body: bytes, headers: dict[str, str], text: str) -> None:
    found = send(server, answer(400, body, **headers))
    assert found.text == (f"400: {text}" if text else "400")
    assert found.status == "refused"


IDS = {
    "member": ({"id": "u-1"}, "/id", "u-1"),
    "nested": ({"data": {"uploads": [{"id": "a"}, {"id": "b"}]}}, "/data/uploads/1/id", "b"),
    "number": ({"id": 12}, "/id", "12"),
    "escaped": ({"a/b": {"c~d": "x"}}, "/a~1b/c~0d", "x"), "empty name": ({"": "x"}, "/", "x"),
    "escaped once": ({"~1": "x", "/": "y"}, "/~01", "x"),
    "missing": ({"id": "x"}, "/ID", None), "truth": ({"id": True}, "/id", None), "object": ({"id": {}}, "/id", None),
    "blank": ({"id": " "}, "/id", None), "beyond": ({"id": ["x"]}, "/id/1", None), "dash": ({"id": ["x"]}, "/id/-", None),
    "null": ({"id": None}, "/id", None), "long": ({"id": "x" * 500}, "/id", "x" * 119 + "…"),
    "control": ({"id": "a\nb\x1b"}, "/id", "a b\\u001B"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "pointer", "id"), IDS.values(), ids=IDS)
def test_where_the_id_stands(server: Server, body: dict[str, Any], pointer: str, id: str | None) -> None:
    found = send(server, answer(200, body), id_at=pointer)
    assert (found.status, found.id) == ("accepted" if id else "unknown", id), "an answer without its id proves nothing"
    assert found.text == ("200" if id else f"200: the response has no ID at {pointer}, so it may not come from the upload API")


def test_a_page_to_log_in_is_no_success(server: Server) -> None:
    found = send(server, answer(200, b"<html><title>Sign in</title>", **{"Content-Type": "text/html; charset=utf-8"}))
    assert (found.status, found.text) == ("unknown", "200: the response is a web page, perhaps a login page")


PAGE = '<html><head><title>Sign in</title></head><body><form action="/login"></form></body></html>'
PAGES = {
    "no type": (PAGE.encode(), {}),
    "XHTML": (b"", {"Content-Type": "application/xhtml+xml; charset=utf-8"}),
    "plain text": (PAGE.encode(), {"Content-Type": "text/plain"}),
    "called JSON": (PAGE.encode(), {"Content-Type": "application/json"}),
    "upper case": (PAGE.upper().encode(), {}),
    "byte order mark": (b"\xef\xbb\xbf" + PAGE.encode(), {}),
    "blanks": (b" \r\n\t\x0b\x00\xc2\xa0\xe2\x80\x8b" + PAGE.encode(), {}),
    "comment": (b"<!-- cached -->\n" + PAGE.encode(), {}),
    "XML declaration": (b'<?xml version="1.0"?>\n<r/>', {}),
    "doctype": (b"<!DOCTYPE html>", {}),
    "XML": (b"<response><id>7</id></response>", {"Content-Type": "application/xml"}),
    "cut off": (b"<htm", {}),
    "after a warning": (b"Warning: no session in a.php\n" + PAGE.encode(), {}),
    "after braces": (b"{{ header }}" + PAGE.encode(), {}),
    "fragment": (b"Please <b>log in</b>", {}),
    "a tag that stays open": (b"Session expired.<br>Please log in", {}),
    "a tag closed in itself": (b"Session expired.<br/>Please log in", {}),
    "a link that was cut off": (b'Redirecting to <a href="/login', {}),
    "a field": (b'Password: <input name="password" type="password">', {}),
    "UTF-16": (PAGE.encode("utf-16"), {}),
    "UTF-16 without a mark": (PAGE.encode("utf-16-be"), {}),
    "UTF-16 after a blank": (("\u3000" + PAGE).encode("utf-16-le"), {}),
    "UTF-32": (PAGE.encode("utf-32"), {}),
    "Latin-1": (PAGE.replace("Sign in", "Anmelden für").encode("latin-1"), {"Content-Type": "text/plain; charset=latin-1"}),
    "gzip": (gzip.compress(PAGE.encode()), {"Content-Encoding": "gzip"}),
    "gzip that is not named": (gzip.compress(PAGE.encode()), {}),
    "gzip cut off": (gzip.compress(PAGE.encode())[:-12], {"Content-Encoding": "x-gzip"}),
    "deflate": (zlib.compress(PAGE.encode()), {"Content-Encoding": "deflate"}),
}  # fmt: skip
UNREADABLE = {
    "twice gzip": (gzip.compress(gzip.compress(b"{}")), {"Content-Encoding": "gzip, gzip"}),
    "broken gzip": (b"\x1f\x8b\x00", {"Content-Encoding": "gzip"}),
    "deflate without a head": (zlib.compress(PAGE.encode(), wbits=-15), {"Content-Encoding": "deflate"}),
    "brotli": (b"\x1b\x03\x00\x00\x00", {"Content-Encoding": "br"}),
    "UTF-7": (b"+ADw-html+AD4-", {"Content-Type": "text/plain; charset=utf-7"}),
    "EBCDIC": (PAGE.encode("cp037"), {"Content-Type": 'text/plain; charset="IBM037"'}),
}  # fmt: skip
NO_PAGES = {
    "JSON": (json.dumps({"message": PAGE}).encode(), {"Content-Type": "application/json"}),
    "JSON after a mark": (b"\xef\xbb\xbf" + json.dumps([PAGE]).encode(), {}),
    "JSON text": (json.dumps(PAGE).encode(), {}),
    "JSON in UTF-16": (json.dumps([PAGE]).encode("utf-16"), {}),
    "JSON in Latin-1": (json.dumps([PAGE + "ü"], ensure_ascii=False).encode("latin-1"), {}),
    "JSON in lines": (b'{"page": "<html>\n</html>"}', {}),
    "JSON in gzip": (gzip.compress(json.dumps([PAGE]).encode()), {"Content-Encoding": "gzip"}),
    "JSON that is too long": (b'["' + PAGE.replace('"', "'").encode() * 20_000 + b'"]', {}),
    "JSON with a name for its encoding": (json.dumps([PAGE]).encode(), {"Content-Encoding": "utf-8"}),
    "text with angles": (b"stored 3 < 4, a <b and p >q, by <upload@example.com>, file <a.csv>, <a id 7>", {}),
    "text": (b"stored as 7 < 8", {"Content-Type": "text/plain; charset=ascii"}),
    "another charset": (b"stored", {"Content-Type": "text/plain; charset=x-user-defined"}),
    "nothing": (b"", {"Content-Encoding": "gzip"}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "headers"), PAGES.values(), ids=PAGES)
def test_markup_is_no_success(server: Server, body: bytes, headers: dict[str, str]) -> None:
    found = send(server, answer(200, body, **headers))
    assert (found.status, found.text, found.attempts) == ("unknown", "200: the response is a web page, perhaps a login page", 1)


@pytest.mark.parametrize(("body", "headers"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_no_success(server: Server, body: bytes, headers: dict[str, str]) -> None:
    found = send(server, answer(200, body, **headers))
    assert found.status == "unknown"
    assert found.text == "200: the response is encoded in a way that billproof did not ask for and cannot read"


@pytest.mark.parametrize(("body", "headers"), NO_PAGES.values(), ids=NO_PAGES)
def test_markup_inside_of_json_is_a_success(server: Server, body: bytes, headers: dict[str, str]) -> None:
    assert send(server, answer(200, body, **headers)).status == "accepted"


def test_an_id_is_found_in_a_packed_response(server: Server) -> None:
    packed = answer(200, gzip.compress(b'{"id": "7"}'), **{"Content-Encoding": "gzip"})
    assert send(server, packed, id_at="/id").id == "7"


HOSTILE = {
    "titles": b"<title " * 150_000, "tags": b"<" * BODY_BYTES, "closed titles": b"<title>" * 150_000, "signs": b"%25" * 300_000,
    "escapes": b"\\u00" * 200_000, "entities": b"&#x000" * 150_000, "depth": b'[{"a":' * 150,
    "a number": b"9" * BODY_BYTES, "addresses": b"@a " * 300_000, "quotes": b'"' * BODY_BYTES,
    "gzip": gzip.compress(b"<" * 10**7),
}  # fmt: skip


@pytest.mark.parametrize("code", [200, 400])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_no_response_keeps_us_at_work(server: Server, body: bytes, code: int) -> None:
    """A search that goes back over what it has seen would take hours."""
    assert send(server, answer(code, body), patience=ONCE).code == code


def test_a_title_has_an_end(server: Server) -> None:
    for body, text in ((b"<title lang='a'>Gone</title>", "Gone"), (b"<title", "a web page, not the API"), (b"<TITLE>a", "a")):
        assert send(server, answer(404, body)).text == f"404: {text}"


def test_what_has_arrived_already_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(200, stream=Dripping())

    class Dripping(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                time.sleep(0.01)
                yield b"x"

    monkeypatch.setattr("billproof.io.attempts._client", lambda *_: httpx2.Client(transport=Endless()))
    patience = ONCE._replace(answer=0.1)
    found = destination("https://api.example.com", patience).send(shipment(), io.BytesIO(DATA), SECRET)
    assert (found.status, found.text) == ("unknown", "no complete response within 0.1 s")


def test_an_answer_without_a_body_has_no_id(server: Server) -> None:
    found = send(server, answer(204), id_at="/id")
    assert (found.status, found.text) == ("unknown", "204: the response has no ID at /id, so it may not come from the upload API")
    assert send(server, answer(204)).text == "204"


def test_a_redirect_is_not_followed(server: Server) -> None:
    with serving() as other:
        found = send(server, answer(307, b"moved", Location=f"{other.url}/x?secret=1"))
        assert (found.status, found.text) == ("refused", "307: it redirects to 127.0.0.1; redirects are not followed")
        assert other.connections == 0
    assert send(server, answer(302, Location="/login")).text == "302: it redirects to another path; redirects are not followed"
    assert send(server, answer(302, Location="http://[x/")).status == "refused"
    assert send(server, answer(302)).status == "refused"


# --- no way there ---


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        found = destination(f"http://127.0.0.1:{held.getsockname()[1]}").send(shipment(), io.BytesIO(DATA), SECRET)
    assert (found.status, found.attempts, found.code) == ("refused", 3, None)
    assert told(found).startswith("127.0.0.1 was not reached three times: ")
    assert found.text.endswith("; nothing was sent")


def test_a_name_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = destination("https://api.example.com").send(shipment(), io.BytesIO(DATA), SECRET)
    assert found.status == "refused"
    assert told(found) == "api.example.com was not reached three times: Name or service not known; nothing was sent"


def test_a_lost_answer_is_not_made_good_by_a_server_that_is_gone(server: Server) -> None:
    def lose_and_leave(handler: Handler) -> None:
        lose(handler)
        handler.server.socket.close()

    found = send(server, lose_and_leave)
    assert found.status == "unknown"
    assert "nothing was sent" not in found.text


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that this process trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def tls(authority: trustme.CA, host: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


def test_a_trusted_certificate(authority: trustme.CA) -> None:
    with serving(tls(authority)) as server:
        assert send(server).status == "accepted"
        assert server.received[0].body == DATA
        assert send(server, drip(b"HTTP/1.1 200 OK\r\nX: "), patience=ONCE._replace(answer=1)).status == "unknown"


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_trusted(authority: trustme.CA, wrong: str) -> None:
    context = tls(trustme.CA()) if wrong == "authority" else tls(authority, "api.example.com")
    with serving(context) as server:
        found = send(server)
        assert (found.status, found.attempts, server.received) == ("refused", 1, [])
    assert found.text.startswith("127.0.0.1 was not reached: its certificate is not trusted: ")
    assert found.text.endswith("; nothing was sent")


def test_no_tls_where_it_is_wanted(server: Server) -> None:
    found = destination(server.url.replace("http:", "https:")).send(shipment(), io.BytesIO(DATA), SECRET)
    assert found.status == "refused"
    assert found.text.endswith("; nothing was sent")


def test_certificates_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    found = destination("https://127.0.0.1:1").send(shipment(), io.BytesIO(DATA), SECRET)
    assert (found.status, found.attempts) == ("refused", 0)
    assert found.text == "no connection could be prepared (FileNotFoundError); nothing was sent"


def test_a_proxy_sees_no_token_in_the_clear(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    with serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert send(server).status == "accepted"
        assert proxy.connections == 0


def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:hunter2@"))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        found = destination("https://api.example.com").send(shipment(), io.BytesIO(DATA), SECRET)
    assert (found.status, found.attempts, found.code) == ("refused", 3, None)
    assert told(found) == "api.example.com was not reached, the proxy answers 501 three times; nothing was sent"


def test_a_proxy_that_wants_a_password(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    class Proxy(Handler):
        def do_CONNECT(self) -> None:
            self.send_response(407, "hunter2 &&")
            self.end_headers()

    monkeypatch.setattr(server, "RequestHandlerClass", Proxy)
    monkeypatch.setenv("https_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    found = destination("https://api.example.com").send(shipment(), io.BytesIO(DATA), SECRET)
    assert (found.status, found.attempts, found.code) == ("refused", 1, None)
    assert found.text == (
        "api.example.com was not reached, the proxy answers 407: put its user and password into HTTPS_PROXY; nothing was sent"
    )


def test_an_interruption_passes_through(server: Server) -> None:
    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if server.received:
                raise KeyboardInterrupt
            return super().read(size)

    server.acts = [answer(503)]
    with pytest.raises(KeyboardInterrupt):
        destination(server.url).send(shipment(), Interrupted(DATA), SECRET)
    assert len(server.received) == 1


# --- secrets ---

ECHOES = {
    "whole": TOKEN, "identifier": "tok/EXAMPLE+0123456789", "secret": "secret=EXAMPLE~abcdefghij",
    "beginning": TOKEN[:12] + "...",
    "base64": base64.b64encode(f"Bearer {TOKEN}".encode()).decode(), "base64 alone": base64.b64encode(TOKEN.encode()).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(b"xx" + TOKEN.encode()).decode(), "percent-encoded": quote(TOKEN, safe=""),
    "lower-case percent-encoded": quote(TOKEN, safe="").lower(), "upper case": TOKEN.upper(), "twice": TOKEN * 2,
}  # fmt: skip

HALVES = dict(zip(("identifier", "secret"), TOKEN.split(":"), strict=True))
FORMS: dict[str, Callable[[str], str]] = {
    "hex": lambda text: text.encode().hex(),
    "upper-case hex": lambda text: text.encode().hex().upper(),
    "hex in pairs": lambda text: text.encode().hex(":"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "lines of base64": lambda text: "\n".join(re.findall(".{1,9}", base64.b64encode(text.encode()).decode())),
    "percent signs": lambda text: "".join(f"%{ord(sign):02x}" for sign in text),
    "percent-encoding twice": lambda text: quote(quote(text, safe=""), safe=""),
    "escapes of JSON": lambda text: "".join(f"\\\\u{ord(sign):04x}" for sign in text),
    "entities of HTML": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "pieces": lambda text: " ".join(re.findall(".{1,3}", text)),
}
ECHOES |= {
    f"{name} in {form}": FORMS[form](text) for name, text in {"whole": TOKEN, **HALVES}.items() for form in FORMS
}  # fmt: skip


def hidden_in(text: str) -> bool:
    """Whether eight characters in a row of no form of the token stand in a text; what is escaped or in pieces counts, too."""
    text = re.sub(
        r"%(?:25)*([0-9a-f]{2})|\\+u00([0-9a-f]{2})|&#(\d+);",
        lambda m: chr(int(m[3]) if m[3] else int(m[1] or m[2], 16)),
        text.lower(),
    )
    text = re.sub(r"\s|\\n|(?<=\b[0-9A-F]{2}):(?=[0-9A-F]{2}\b)", "", text, flags=re.IGNORECASE)
    encoded = [base64.b64encode(b"x" * before + TOKEN.encode()).decode()[before + 1 : -4] for before in range(3)]
    encoded += [base64.b64encode(half.encode()).decode()[:-4] for half in HALVES.values()]
    pieces = {form[at : at + 8].lower() for form in (TOKEN, *encoded) for at in range(len(form) - 7)}
    pieces |= {TOKEN.encode().hex()[at : at + 16] for at in range(2 * len(TOKEN) - 15)}
    return not any(piece in text.lower() for piece in pieces)


def test_the_search_for_the_token_finds_it() -> None:
    assert not any(hidden_in(one) for one in ECHOES.values())
    assert hidden_in("Bearer <token>")


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_server_that_repeats_the_token(
    server: Server,
    echo: str,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx2", "httpcore2", "stamina"):
        caplog.set_level(logging.DEBUG, name)
    made = destination(server.url, id_at="/id")
    line = echo.replace("\n", " ")
    server.acts = [
        answer(500, f"bad credential {echo}".encode(), X_Echo=line),
        answer(200, {"id": echo, "token": echo}, X_Echo=line, Date=line),
    ]
    accepted = made.send(shipment(), io.BytesIO(DATA), SECRET)
    server.acts = [answer(400, {"title": f"bad {echo}", "detail": echo}, X_Echo=line, Location=f"https://{line}@x/")]
    refused = made.send(shipment(), io.BytesIO(DATA), SECRET)
    assert (accepted.status, refused.status) == ("accepted", "refused")
    assert "<token>" in refused.text and accepted.id and "<token>" in accepted.id
    assert hidden_in(repr([accepted, refused, made.request(shipment()), made.__dict__, SECRET]))
    assert (caplog.text, recwarn.list, capfd.readouterr()) == ("", [], ("", ""))


def test_a_token_across_the_edge_of_what_is_read(server: Server) -> None:
    for edge in (BODY_BYTES, 4000):
        found = send(server, answer(400, b"x" * (edge - 30) + TOKEN.encode()))
        assert hidden_in(found.text)


def test_a_refusal_with_a_long_report_is_told_in_its_words(server: Server) -> None:
    found = send(server, answer(422, {"title": "File refused", "detail": "no", "report": "x" * 500_000}))
    assert found.text == "422: File refused; no"


def test_no_exception_holds_the_token(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that no header can hold: the libraries' own messages would quote it."""
    for text in (TOKEN + "\r\nX: y", TOKEN + "ü", TOKEN + "\x00"):
        found = destination(server.url, ONCE).send(shipment(), io.BytesIO(DATA), Secret(text))
        assert found.status != "accepted"
        assert hidden_in(repr(found))
    assert server.received == []


# --- what is shown before ---


def test_a_dry_run_needs_neither_token_nor_network() -> None:
    request = destination("https://api.example.com").request(shipment())
    key = request.description["headers"]["Idempotency-Key"]
    assert request.shell == (
        "printf '%s\\n' 'Authorization: Bearer '\"$PELANOR_TOKEN\" | curl --header @- \\\n"
        "  --request POST https://api.example.com/v1/1111-EXAMPLE/upload \\\n"
        "  --header 'Accept: application/json, application/problem+json, */*;q=0.1' \\\n"
        "  --header 'Accept-Encoding: identity' \\\n"
        f"  --header 'Content-Digest: {digest_of(DATA)}' \\\n"
        "  --header 'Content-Type: text/csv' \\\n"
        f"  --header 'Idempotency-Key: {key}' \\\n"
        f"  --header 'User-Agent: billproof/{__version__}' \\\n"
        "  --data-binary '@cost 10.csv'"
    )
    assert request.description["headers"]["Authorization"] == "Bearer {token}"
    assert request.description["body"] == {"kind": "raw", "size": len(DATA), "sha256": shipment().sha256}
    assert request == destination("https://api.example.com").request(shipment())
    assert request.sha256 != destination("https://api.example.com", method="PUT").request(shipment()).sha256


def test_the_line_in_the_documents_is_the_one_that_is_printed(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "pelanor.md").read_text("utf-8")
    (configuration,) = [one for one in re.findall(r"```yaml\n(.*?)```", text, re.S) if "example.com" in one]
    (line,) = re.findall(r"```text\n(.*?)\n```", text, re.S)
    (tmp_path / "billproof.yaml").write_text(configuration)
    file = read_config(str(tmp_path / "billproof.yaml")).file
    export = ROOT / "fixtures" / "good-h1" / "cost_2025-10-01_2025-10-31.csv"
    data = export.read_bytes()
    good = shipment(name=export.name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    request = HttpDestination("costs", file.destinations["costs"], file.integrations).request(good)
    key = request.description["headers"]["Idempotency-Key"].strip('"')
    assert request.shell == line.replace("VERSION", __version__).replace("KEY", key)


TOKENS = {
    "env": Token(env="BILLPROOF_T"), "two variables": Token(id_env="BILLPROOF_I", secret_env="BILLPROOF_S"),
    "file": Token(file="my token"),
}  # fmt: skip


@pytest.mark.skipif(os.name == "nt" or not shutil.which("curl"), reason="the line is for a POSIX shell with curl")
@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("file", ["raw", FormField('a "field"')], ids=["raw", "form"])
def test_the_line_for_curl_makes_the_same_request(server: Server, tmp_path: Path, token: Token, file: Any) -> None:
    odd = shipment(name='it\'s $HOME; "x".csv', integration="a b")
    (tmp_path / odd.name).write_bytes(DATA)
    (tmp_path / "my token").write_text(TOKEN + "\n")
    made = destination(
        server.url, token=token, file=file, method="PUT", query={"m": "{month}&'"},
        headers={"X-Key": "%s '{token}' $x", "X-Other": "$HOME `id` \"'"},
    )  # fmt: skip
    variables = {"BILLPROOF_T": TOKEN, "BILLPROOF_I": TOKEN.split(":")[0], "BILLPROOF_S": TOKEN.split(":")[1]}
    shim = tmp_path / "bin" / "curl"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > arguments\nexec {shutil.which("curl")} --silent --noproxy "*" "$@"\n')
    shim.chmod(0o755)
    environment = {**os.environ, **variables, "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", made.request(odd).shell], cwd=tmp_path, env=environment, timeout=60, check=True)
    assert made.send(odd, io.BytesIO(DATA), SECRET).status == "accepted"
    by_curl, by_us = server.received
    assert (by_curl.method, by_curl.target) == (by_us.method, by_us.target)
    own = {"connection", "content-digest", "content-length", "content-type"} if file != "raw" else {"connection"}
    assert kept(by_curl, own) == kept(by_us, own)
    if file == "raw":
        assert by_curl.body == by_us.body
    else:
        (one,), (other,) = form_of(by_curl).iter_parts(), form_of(by_us).iter_parts()
        assert one.items() == other.items()
        assert one.get_payload() == other.get_payload()
    assert hidden_in((tmp_path / "arguments").read_text())


def kept(received: Received, without: set[str]) -> dict[str, str]:
    return {name.lower(): value for name, value in received.headers.items() if name.lower() not in without}


# --- what only the operator knows ---


def pelanor(**changes: Any) -> HttpDestination:
    made = DestinationSettings("http", preset="pelanor-eu", method="POST", path="/x/{integration}", file="raw", line=7)
    return HttpDestination("pelanor-eu", made._replace(**changes), [Integration("research", ACME, line=12)])


def test_it_is_a_destination() -> None:
    made: Destination = pelanor()
    assert (made.name, made.needs_token) == ("pelanor-eu", True)


def test_presets_fix_what_is_known() -> None:
    request = pelanor().request(shipment())
    assert request.description["url"] == "https://api-eu.pelanor.io/x/1111-EXAMPLE"
    assert request.description["headers"]["Authorization"] == "Bearer {token}"
    assert pelanor(preset="pelanor-us").request(shipment()).description["url"] == "https://api.pelanor.io/x/1111-EXAMPLE"


def test_what_is_missing_is_told_in_four_steps() -> None:
    made = pelanor(path="/FILL-IN/{integration}", method=None, file=FormField("FILL-IN"))
    with pytest.raises(NotFilledIn) as raised:
        made.request(shipment(integration="FILL-IN"))
    assert raised.value.exit_code == 2
    assert raised.value.lines() == [
        "CONFIGURATION  billproof.yaml:7  destination pelanor-eu is not filled in: `method`, `path`, `file`",
        "CONFIGURATION  billproof.yaml:12  integration research is not filled in: `integration`, its ID at pelanor-eu",
        "Only Pelanor's customers can see these values, so billproof cannot include them. Four steps:",
        "  1  Log in to https://app-eu.pelanor.io/api-docs with the role Admin or Workspace Admin",
        "  2  Find the operation that uploads an OpenAI billing file",
        "  3  Copy these values:",
        "       the page says                       billproof.yaml",
        "       POST or PUT                         method:",
        "       the address after the host          path:      write {integration} where it expects the integration ID",
        "       multipart/form-data with a name     file: {form_field: name}",
        "       text/csv or octet-stream            file: raw",
        "       the ID of your OpenAI integration   integration:   of each integration",
        "  4  billproof upload FILE --dry-run prints the request as a curl line: compare it with the page's own example",
        "To try everything first: billproof sandbox; docs/sandbox.md shows an upload to it",
    ]
    with pytest.raises(NotFilledIn):
        made.send(shipment(), io.BytesIO(DATA), SECRET)


def test_every_integration_without_its_id_is_named_at_once() -> None:
    owners = [
        Integration("research", ACME, line=12),
        Integration("labs", "org-EXAMPLElabs02", to="pelanor-eu", integration="FILL-IN", line=16),
        Integration("europe", "org-EXAMPLEeurope3", to="pelanor-eu", integration="2222-EXAMPLE", line=20),
        Integration("else", "org-EXAMPLEother4", to="archive", line=24),
    ]
    made = HttpDestination("pelanor-eu", pelanor().settings, owners)
    with pytest.raises(NotFilledIn) as raised:
        made.request(shipment(integration="FILL-IN"))
    assert raised.value.lines()[:3] == [
        "CONFIGURATION  billproof.yaml:12  integration research is not filled in: `integration`, its ID at pelanor-eu",
        "CONFIGURATION  billproof.yaml:16  integration labs is not filled in: `integration`, its ID at pelanor-eu",
        "Only Pelanor's customers can see these values, so billproof cannot include them. Four steps:",
    ]
    assert made.request(shipment()).description["url"].endswith("/x/1111-EXAMPLE")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"method": None}, "method"), ({"path": None}, "path"), ({"path": "/a/FILL-IN"}, "path"), ({"file": None}, "file"),
        ({"file": FormField("FILL-IN")}, "file"), ({"query": {"x": "FILL-IN"}}, "query"), ({"id_at": "/FILL-IN"}, "id_at"),
        ({"headers": {"X-Y": "FILL-IN"}}, "headers"), ({"base_url": "https://FILL-IN"}, "base_url"),
    ],
)  # fmt: skip
def test_every_gap_is_named(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(NotFilledIn) as raised:
        destination("https://api.example.com", **changes).request(shipment())
    first, *others = raised.value.lines()
    assert first == f"CONFIGURATION  billproof.yaml:4  destination api is not filled in: `{key}`"
    assert others == [
        "See the API's documentation for these values.",
        "To try everything first: billproof sandbox; docs/sandbox.md shows an upload to it",
    ]


@pytest.mark.parametrize("id", [None, "", "FILL-IN", ".", ".."])
def test_an_integration_without_an_id(id: str | None) -> None:
    with pytest.raises(NotFilledIn, match="research is not filled in: `integration`"):
        destination("https://api.example.com").request(shipment(integration=id))
    assert destination("https://api.example.com", path="/upload").request(shipment(integration=id))


# --- the libraries ---


@pytest.mark.parametrize("name", ["httpx2", "stamina"])
def test_a_library_that_is_not_installed(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    made = destination(server.url)
    assert made.request(shipment()).shell
    with pytest.raises(BillproofError) as raised:
        made.send(shipment(), io.BytesIO(DATA), SECRET)
    assert raised.value.exit_code == 3
    assert raised.value.lines() == ["requests over HTTP need httpx2 and stamina", how_to_install("http")]


def test_a_dry_run_loads_neither() -> None:
    code = (
        "import sys, billproof.delivery.destinations.http as http, billproof.config.destinations as s;"
        "from billproof.delivery.shipment import Shipment;"
        "made = s.DestinationSettings('http', path='/', base_url='https://api.example.com', method='PUT', file='raw');"
        "http.HttpDestination('x', made).request(Shipment('o', '2025-10', None, 'f', 0, 'aa' * 32));"
        "print([name for name in ('httpx2', 'stamina', 'httpcore2', 'tenacity') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
