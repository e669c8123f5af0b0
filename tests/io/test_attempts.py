"""HTTP attempts for any client: what comes back, what is tried again, how long to wait. Uploads are in `test_http.py`."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from billproof.io.attempts import Failure, HttpRequest, Patience, Response, attempts_of
from billproof.io.http_time import retry_after
from billproof.model.record import Record
from tests.delivery.destinations.server import Server, answer, lose, serving

PATIENT = Patience(attempts=3, total=60, wait=0.01, longest=0.02, jitter=0.01, connect=10, read=20, answer=40)


class Page(Record):
    """What a client that reads pages makes of an answer."""

    text: str
    again: bool
    after: float | None = None


def page_of(found: Response | Failure) -> Page:
    if isinstance(found, Failure):
        return Page(found.text, found.again)
    return Page(found.body.decode(), found.code >= 500, retry_after(found.headers, 0))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_a_request_without_a_body(server: Server) -> None:
    server.acts = [lose, answer(503, b"later", Retry_After="0"), answer(200, b"all of it")]
    request = HttpRequest("GET", f"{server.url}/costs?limit=31", {"Authorization": "Bearer key"}, largest=3)
    pages = attempts_of(request, PATIENT, page_of)
    assert [page.text for page in pages] == ["the connection ended before a complete HTTP response", "lat", "all"]
    assert [received.method for received in server.received] == ["GET"] * 3
    assert {received.target for received in server.received} == {"/costs?limit=31"}
    for received in server.received:
        assert not {"content-length", "transfer-encoding"} & {name.lower() for name in received.headers}


def test_what_needs_no_other_attempt_ends_it(server: Server) -> None:
    server.acts = [answer(404, b"no")]
    assert attempts_of(HttpRequest("GET", server.url, {}, 9), PATIENT, page_of) == [Page("no", again=False)]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("wait", "date", "after"),
    [
        ("120", None, 120.0),
        ("Tue, 04 Nov 2025 09:00:00 GMT", "Tue, 04 Nov 2025 08:59:30 GMT", 30.0),
        ("Tue, 04 Nov 2025 09:00:00 GMT", "Tue, 04 Nov 2025 09:59:30 GMT", 0.0),
        ("Tue, 04 Nov 2025 09:00:00 GMT", None, 45.0),
        ("Tue, 04 Nov 2025 09:00:00 GMT", "yesterday", 45.0),
        ("Tuesday, 04-Nov-25 09:00:00 GMT", None, 45.0),
        ("Tue Nov  4 09:00:00 2025", None, 45.0),
        ("Tue, 04 Nov 1925 09:00:00 GMT", None, 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None, 251640054044.0),
        ("1.5", None, 1.5),
        ("٣٦٠٠", None, None),
        ("99999999999999999999", None, 1e12),
        ("Tue, 99 Nov 99999 09:00:00 GMT", None, None),
    ],
)
def test_how_long_to_wait(wait: str, date: str | None, after: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"retry-after": wait} | ({"date": date} if date else {})
    now = 1762246755.0  # 2025-11-04T08:59:15Z
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert retry_after(headers, now) == after
    finally:
        monkeypatch.undo()
        time.tzset()
