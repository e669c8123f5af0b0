"""What tests of uploads over HTTP need: two exports of a month, a project whose destination is a sandbox, the real command."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from billproof.delivery.destinations.http import HttpDestination
from billproof.io.attempts import Patience
from tests.sandbox.running import INTEGRATION, ORGANIZATION, Running
from tests.support import fixture, run
from tests.uploading import LEDGER, MONTH

FIRST = fixture("good-h1").read_bytes()
SECOND = FIRST.replace(b",3.84991200,", b",13.84991200,", 1)
TOKEN = "tok/EXAMPLE+0123456789:secret=EXAMPLE~abcdefghij"
VARIABLE = "TOKEN_OF_TESTS"
# Short waits, and limits that a slow machine does not reach; a test that wants to reach one makes it short.
QUICK = Patience(attempts=3, total=60, wait=0.01, longest=0.02, jitter=0.01, connect=10, read=20, answer=40)


def be_patient(monkeypatch: pytest.MonkeyPatch, patience: Patience = QUICK) -> None:
    """How long uploads over HTTP try from now on."""
    *others, _ = HttpDestination.__init__.__defaults__ or ()
    monkeypatch.setattr(HttpDestination.__init__, "__defaults__", (*others, patience))


@dataclass(frozen=True)
class Uploaded:
    """What the command gave; `told` are its lines, runs of blanks as one."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> list[str]:
        return [" ".join(line.split()) for line in self.out.splitlines()]

    @property
    def headline(self) -> str:
        """The last line, which says what became of all."""
        return self.told[-1]


@dataclass(frozen=True)
class Project:
    """A folder with a configuration and a ledger, which is the working folder. `said` keeps all that was ever printed."""

    root: Path
    said: list[str] = field(default_factory=list)

    def configure(self, url: str, integration: str = INTEGRATION, organization: str = ORGANIZATION) -> None:
        """The destination `api` is there from now on."""
        self.write(f"""\
version: 1
ledger: {LEDGER}
destinations:
  api:
    kind: http
    base_url: "{url}"
    method: POST
    path: "/v1/integrations/{{integration}}/uploads/{{month}}"
    file: {{form_field: file}}
    id_at: /id
integrations:
  - {{name: research, organization: {organization}, to: api, integration: {integration}, token: {{env: {VARIABLE}}}}}
""")

    def write(self, configuration: str) -> None:
        """`billproof.yaml`."""
        (self.root / "billproof.yaml").write_text(configuration, "utf-8")

    def put(self, data: bytes, name: str = "export.csv") -> str:
        """A file in the project; gives its name."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(data)
        return name

    def run(self, *arguments: str) -> Uploaded:
        """Any command."""
        code, out, err = run(*arguments)
        self.said.extend((out, err))
        return Uploaded(code, out, err)

    def send(self, data: bytes, *arguments: str) -> Uploaded:
        """`billproof upload` of these bytes."""
        return self.run("upload", self.put(data), *arguments)

    @property
    def ledger(self) -> Path:
        return self.root / LEDGER

    def receipts(self) -> list[dict[str, Any]]:
        """What stands in the receipts, in order."""
        found = sorted(path for path in self.ledger.rglob("*.json") if path.name != "ledger.json")
        return [json.loads(path.read_text("utf-8")) for path in found]

    def verify(self) -> None:
        """`billproof ledger verify` finds nothing, and every attempt has its receipt."""
        found = self.run("ledger", "verify")
        assert (found.code, "0 errors" in found.out) == (0, True), found.out
        assert len(self.receipts()) == len(list(self.ledger.rglob("*.begun")))


def make_project(root: Path) -> Project:
    """A project with an empty ledger and a destination where nobody listens yet; the working folder must be `root`."""
    project = Project(root)
    project.configure("http://127.0.0.1:1")
    found = project.run("ledger", "init")
    assert found.code == 0, found.err
    return project


def current(sandbox: Running, integration: str = INTEGRATION) -> str | None:
    """The digest of the month that the sandbox shows."""
    found = sandbox.months(integration).get(MONTH)
    return found["sha256"] if found else None


def stored(sandbox: Running) -> int:
    """How many uploads the sandbox has stored, of which the current one is the last."""
    found = sandbox.months().get(MONTH)
    return int(found["id"].removeprefix("upload-")) if found else 0


def keys(sandbox: Running) -> list[str]:
    """The Idempotency-Key of every upload that reached the sandbox."""
    return [one.headers["idempotency-key"] for one in sandbox.uploads]


def forms_of_the_token() -> Iterator[str]:
    """The token in every form in which somebody could find it: whole and in halves, plain, in base64, percent-encoded."""
    for part in (TOKEN, *TOKEN.split(":")):
        yield part
        yield quote(part, safe="")
        yield quote(part)
        for before in range(3):
            # The characters that depend on what stands before and after are left out.
            yield base64.b64encode(b"\0" * before + part.encode()).decode().rstrip("=")[4:-2]
        yield repr(part.encode())[2:-1]
        yield part.encode().hex()


def assert_no_token(text: str, where: str) -> None:
    """The token stands nowhere in a text."""
    lowered = text.lower()
    for form in forms_of_the_token():
        assert form.lower() not in lowered, f"the token is in {where}"
