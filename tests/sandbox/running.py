"""A running sandbox for tests: the real server on a free port of this machine, in a thread."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from billproof.io.secrets import Secret
from billproof.sandbox.app import Checker, Sandbox
from billproof.sandbox.command import listen, make_server, url_of
from billproof.sandbox.costs import Exported
from billproof.sandbox.faults import Name, Plan
from billproof.sandbox.store import Store

INTEGRATION = "int-EXAMPLE1"
ORGANIZATION = "org-EXAMPLEacme01"
TOKEN = "sandbox:only-for-tests"
NOW = datetime(2025, 12, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Arrived:
    """A request as it reached the server; names of headers in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Running:
    """A sandbox that runs. `arrived` grows with every request."""

    url: str
    token: str
    arrived: list[Arrived] = field(default_factory=list)

    def request(self, method: str, path: str, body: bytes | str | None = None, token: str | None = "", **headers: str) -> Answer:
        """One request; `token` is the right one unless told otherwise, None sends none. Headers as content_type=…"""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.token}"
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def upload(
        self, file: Path | bytes, month: str = "2025-10", integration: str = INTEGRATION, token: str | None = "", **headers: str
    ) -> Answer:
        """A file as text/csv."""
        body = file if isinstance(file, bytes) else file.read_bytes()
        path = f"/v1/integrations/{integration}/uploads/{month}"
        return self.request("POST", path, body, token, **{"content_type": "text/csv", **headers})

    def fault(self, name: Name, times: int = 1, seconds: float = 1) -> None:
        """What is to happen to the next uploads, in place of what was to happen before."""
        self.faults([{"name": name, "times": times, "seconds": seconds}])

    def faults(self, faults: list[dict[str, Any]]) -> None:
        """Several faults, one after the other."""
        answer = self.request("PUT", "/sandbox/faults", json.dumps({"faults": faults}), content_type="application/json")
        assert answer.status == 200, answer.body

    def months(self, integration: str = INTEGRATION) -> dict[str, dict[str, Any]]:
        """The current upload of each month."""
        answer = self.request("GET", f"/v1/integrations/{integration}/months")
        assert answer.status == 200, answer.body
        return {one["month"]: one for one in answer.json["months"]}

    @property
    def uploads(self) -> list[Arrived]:
        """The uploads among the requests, those that met a fault too."""
        return [one for one in self.arrived if "/uploads/" in one.path]


@contextmanager
def running_sandbox(
    integrations: Mapping[str, str] | None = None,
    token: str = TOKEN,
    delay: float = 0,
    limit: int = 10_000_000,
    now: datetime = NOW,
    costs: Exported | None = None,
) -> Iterator[Running]:
    """A sandbox with these integrations (id → organization), whose clock stands at `now`; it answers `costs`."""
    store = Store(delay)
    for id, organization in ({INTEGRATION: ORGANIZATION} if integrations is None else integrations).items():
        store.add(organization, id)
    application = Sandbox(store, Plan(), Checker(None, now), Secret(token), limit, lambda: now, costs).application()
    listener = listen("127.0.0.1", 0)
    running = Running(url_of(listener), token)

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        running.arrived.append(Arrived(scope["method"], scope["path"], headers))
        await application(scope, receive, send)

    server = make_server(recorded, log=False)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < until, "the sandbox did not start"
            time.sleep(0.005)
        yield running
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def sha256(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
