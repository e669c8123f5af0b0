"""`billproof sandbox` itself: what it tells at its start, where it listens, how it ends, what it refuses."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from billproof.config.file import read_config
from billproof.config.settings import clock
from billproof.sandbox.command import TOKEN, CannotListen, is_loopback, listen, url_of
from tests.sandbox.running import Running
from tests.support import fixture, run

GOOD = fixture("good-h1")
CONFIGURATION = """\
version: 1
destinations:
  pelanor-eu: {kind: http, preset: pelanor-eu}
integrations:
  - {name: research, organization: org-EXAMPLEacme01, to: pelanor-eu, integration: int-EXAMPLE7}
  - {name: later, organization: org-EXAMPLEother1, integration: FILL-IN}
  - {name: other, organization: org-EXAMPLEother2}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, below which no configuration lies."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(TOKEN, raising=False)
    return tmp_path


class Served:
    """A sandbox in a process of its own: what it said at its start, and how it ends."""

    def __init__(self, process: subprocess.Popen[str], welcome: str) -> None:
        self.process = process
        self.welcome = welcome
        (self.url,) = set(re.findall(r"http://[\w.:\[\]]+(?=[ /\"])", welcome)) - {"http://schemas"}
        self.token = re.findall(r"Token +(\S+)", welcome)[0]

    def client(self, token: str | None = None) -> Running:
        """Requests to it."""
        return Running(self.url, token or self.token)

    def end(self, number: int) -> tuple[int, str]:
        """Exit code and standard error after a signal."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


@contextmanager
def served(*arguments: str, **environment: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "billproof", "sandbox", "--port", "0", *arguments]
    # Whoever runs the tests in the background has the signal ignored; the command must not inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}, preexec_fn=heed
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "id_at" in line:
                break
        assert lines, process.communicate()[1]
        yield Served(process, "".join(lines))
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def test_it_runs_with_what_the_configuration_says(folder: Path) -> None:
    (folder / "billproof.yaml").write_text(CONFIGURATION)
    with served("--integration", "int-EXAMPLE8=org-EXAMPLEother3") as running:
        client = running.client()
        assert client.request("GET", "/v1/integrations").json["integrations"] == [
            {"id": "int-EXAMPLE7", "organization": "org-EXAMPLEacme01"},
            {"id": "int-EXAMPLE8", "organization": "org-EXAMPLEother3"},
        ]
        answer = client.upload(GOOD, integration="int-EXAMPLE7")
        assert (answer.status, answer.json["state"]) == (201, "visible")
        assert "int-EXAMPLE7  org-EXAMPLEacme01" in running.welcome


def test_the_lines_for_the_configuration_lead_to_it(folder: Path) -> None:
    with served("--integration", "int-EXAMPLE1=org-EXAMPLEacme01") as running:
        lines = running.welcome.partition("For billproof.yaml:\n")[2]
        (folder / "billproof.yaml").write_text(f"version: 1\n{lines}")
        found = read_config("billproof.yaml").file.destinations["sandbox"]
        assert found.base_url == running.url
        assert (found.kind, found.method, found.id_at) == ("http", "POST", "/id")
        path = str(found.path).format(integration="int-EXAMPLE1", month="2025-10")
        assert running.client().request("POST", path, GOOD.read_bytes(), content_type="text/csv").status == 201
        assert "its own" in running.welcome
        assert "say nothing about Pelanor's API" in running.welcome


def test_a_token_is_made_for_each_start(folder: Path) -> None:
    with served() as one, served() as other:
        assert one.token != other.token
        assert re.fullmatch(r"sandbox:[\w-]{24}", one.token)
        assert one.client().request("GET", "/v1/integrations").status == 200
        assert one.client(other.token).request("GET", "/v1/integrations").status == 401


def test_a_token_that_is_given_is_not_shown(folder: Path) -> None:
    with served(**{TOKEN: "mine:hidden-secret"}) as running:
        assert running.client("mine:hidden-secret").request("GET", "/v1/integrations").status == 200
        code, err = running.end(signal.SIGTERM)
        assert "hidden-secret" not in running.welcome + err
        assert code == 0


def test_faults_and_delay_of_the_command_line(folder: Path) -> None:
    arguments = (
        "--fault",
        "error:2",
        "--fault",
        "too_many",
        "--delay",
        "1000",
        "--integration",
        "int-EXAMPLE1=org-EXAMPLEacme01",
    )
    with served(*arguments) as running:
        client = running.client()
        assert [client.upload(GOOD).status for _ in range(4)] == [500, 500, 429, 201]
        assert client.months()["2025-10"]["state"] == "processing"
        assert "visible after 1000 seconds" in running.welcome


def test_a_waiver_of_the_configuration_counts(folder: Path) -> None:
    waiver = """\
waivers:
  - {rule: OC304, organization: org-EXAMPLEacme01, month: "2025-10", at_most: 9, reason: an outage, owner: finops, expires: "%s"}
"""
    for expires, status in (("2020-01-01", 422), (later(), 201)):
        (folder / "other.yaml").write_text(CONFIGURATION + waiver % expires)
        with served("--config", "other.yaml") as running:
            assert running.client().upload(fixture("middle-gap"), integration="int-EXAMPLE7").status == status


def test_an_integration_that_names_a_rule_set_takes_its_files(folder: Path) -> None:
    (folder / "billproof.yaml").write_text(CONFIGURATION.replace("integration: ", "ruleset: pelanor-invoice, integration: "))
    days = "".join(f"2025-10-{day:02d},1.5\n" for day in range(1, 32))
    with served() as running:
        client = running.client()
        assert client.upload(f"usage_date,cost\n{days}".encode(), integration="int-EXAMPLE7").status == 201
        assert client.upload(GOOD, integration="int-EXAMPLE7").status == 422


def later() -> str:
    return (clock().date() + timedelta(days=300)).isoformat()


def test_the_largest_request_is_a_setting(folder: Path) -> None:
    with served("--max-bytes", "1000", "--integration", "int-EXAMPLE1=org-EXAMPLEacme01") as running:
        assert running.client().upload(GOOD).status == 413


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_ends_cleanly(folder: Path, number: int, code: int) -> None:
    with served() as running:
        running.client().request("GET", "/v1/integrations")
        found, err = running.end(number)
    assert found == code
    assert '"GET /v1/integrations HTTP/1.1" 200' in err
    assert running.token not in err
    assert "Traceback" not in err
    assert ("its uploads are gone" in err) == (code == 130)


def test_it_listens_on_this_machine_only(folder: Path) -> None:
    with served() as running:
        assert running.url.startswith("http://127.0.0.1:")
        _, err = running.end(signal.SIGTERM)
    assert "WARNING" not in err


def test_another_address_is_an_explicit_wish_with_a_warning(folder: Path) -> None:
    with served("--host", "0.0.0.0") as running:
        assert running.url.startswith("http://0.0.0.0:")
        _, err = running.end(signal.SIGTERM)
    assert err.startswith("WARNING  the sandbox listens on 0.0.0.0 without TLS: ")


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("127.0.0.2", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_what_is_a_loopback_address(host: str, loopback: bool) -> None:
    with listen(host, 0) as listener:
        assert is_loopback(listener) == loopback


def test_an_address_of_version_6_stands_in_brackets() -> None:
    try:
        listener = listen("::1", 0)
    except CannotListen:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert is_loopback(listener)
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


# --- what is refused ---


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "x"],
        ["--port", "65536"],
        ["--port", "-1"],
        ["--delay", "soon"],
        ["--delay", "-1"],
        ["--delay", "nan"],
        ["--max-bytes", "0"],
        ["--fault", "fire"],
        ["--fault", "error:0"],
        ["--fault", "error:"],
        ["--fault", "error:x"],
        ["--integration", "int-EXAMPLE1"],
        ["--integration", "=org-EXAMPLE1"],
        ["--integration", "int/1=org-EXAMPLE1"],
        ["--integration", "int-1=org EXAMPLE1"],
        ["--integration", "int-1=org-EXAMPLE1", "--integration", "int-1=org-EXAMPLE2"],
        ["--integration", "int-1=org-EXAMPLE1", "--integration", "int-2=org-EXAMPLE1"],
        ["--config", "missing.yaml"],
        ["--token", "secret"],
        ["more"],
    ],
    ids=" ".join,
)
def test_wrong_usage(folder: Path, arguments: list[str]) -> None:
    code, out, err = run("sandbox", *arguments)
    assert (code, out) == (2, "")
    assert err


@pytest.mark.parametrize("token", ["", "no-colon", "a b:c", "ä:b", ":secret", "id:"])
def test_a_token_that_is_none_is_refused_and_not_shown(folder: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, token)
    code, _, err = run("sandbox", "--port", "0")
    assert code == 2
    assert TOKEN in err
    assert not token or token not in err.replace("<id>:<secret>", "")


def test_a_wrong_configuration_is_told(folder: Path) -> None:
    (folder / "billproof.yaml").write_text("version: 2\n")
    assert run("sandbox", "--port", "0")[0] == 2


def test_a_port_that_is_taken_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, out, err = run("sandbox", "--port", str(taken.getsockname()[1]))
    assert (code, out) == (3, "")
    assert "cannot listen" in err
    assert "--port 0" in err


def test_an_address_that_is_none_is_told(folder: Path) -> None:
    code, out, err = run("sandbox", "--host", "no such host", "--port", "0")
    assert (code, out) == (3, "")
    assert "cannot listen" in err


@pytest.mark.parametrize("name", ["starlette", "uvicorn", "python_multipart"])
def test_without_the_extra_it_says_what_to_install(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    code, out, err = run("sandbox")
    assert (code, out) == (3, "")
    assert name in err
    assert "pip install '.[sandbox]'" in err


def test_no_other_command_loads_a_server() -> None:
    program = """
import sys
from billproof.cli.main import main
main(["check", "-"]), main(["guide"]), main(["rules", "list"])
print({"starlette", "uvicorn", "anyio", "asyncio"} & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], input=b"", capture_output=True, check=False)
    assert done.stderr.splitlines() == [b"set()"]
