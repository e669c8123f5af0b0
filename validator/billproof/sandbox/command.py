"""`billproof sandbox`: options and configuration to a server by uvicorn, and what its user needs to know."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import math
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from billproof.config.destinations import FILL_IN
from billproof.config.file import Config
from billproof.config.settings import clock, parse_number
from billproof.engine.verdict import Exit
from billproof.io.secrets import Secret
from billproof.model.errors import BillproofError, UsageError
from billproof.model.values import shown
from billproof.sandbox.app import Checker, Sandbox
from billproof.sandbox.body import FIELD
from billproof.sandbox.costs import read_exports
from billproof.sandbox.faults import NAMES, Fault, Plan, Problem
from billproof.sandbox.store import Store

PATH = "/v1/integrations/{integration}/uploads/{month}"
TOKEN = "BILLPROOF_SANDBOX_TOKEN"
_LOG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {
        "uvicorn.access": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "CRITICAL"},
    },
}
_COSTS = """
To fetch costs from it, add to an integration, with the token as key in {token}:
    costs: {{key: {{env: {token}}}, base_url: "{url}"}}"""
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TOKEN = re.compile(r"[!-9;-~]+:[!-~]+")


class CannotListen(BillproofError):
    """The address is taken, unknown, or not ours."""


class _Protocol(H11Protocol):
    """HTTP that shows the application its connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Ended(Exception):
    """Somebody asked the process to end."""


def serve(options: argparse.Namespace, config: Config | None, say: Callable[[str], None]) -> int:
    """Serves until it is interrupted (130) or told to end (0). Raises UsageError, ConfigurationError, CannotListen."""
    store = Store(_seconds(options.delay, "--delay"))
    for id, organization in _integrations(config, options.integration):
        _add(store, id, organization)
    plan = Plan(_fault(text) for text in options.fault)
    token, shown_token = _token(os.environ)
    limit = parse_number(options.max_bytes, "--max-bytes", 1, 2**40)
    costs = None if options.costs_from is None else read_exports(options.costs_from)
    sandbox = Sandbox(store, plan, Checker(config, clock()), token, limit, clock, costs)
    with listen(options.host, parse_number(options.port, "--port", 0, 65_535)) as listener:
        if not is_loopback(listener):
            sys.stderr.write(
                f"WARNING  the sandbox listens on {shown(options.host)} without TLS: anyone who reaches this machine can use it\n"
            )
        server = make_server(sandbox.application(), log=True)
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            url = url_of(listener)
            say(_welcome(url, shown_token, store, options.delay))
            if costs is not None:
                say(_COSTS.format(url=url, token=TOKEN))
            server.run([listener])
        except _Ended:
            pass
        except KeyboardInterrupt:
            sys.stderr.write("the sandbox has stopped; its uploads are gone\n")
            return Exit.INTERRUPTED
    return Exit.PASS


def _end(number: int, frame: Any) -> NoReturn:
    raise _Ended


def _integrations(config: Config | None, given: list[str]) -> Iterator[tuple[str, str]]:
    """Ids and organizations: those of the configuration that have an id, and those of the command line."""
    for integration in config.file.integrations if config else ():
        if integration.integration is not None and FILL_IN not in (integration.integration, integration.organization):
            yield integration.integration, integration.organization
    for text in given:
        id, _, organization = text.partition("=")
        yield id, organization


def _add(store: Store, id: str, organization: str) -> None:
    if not _ID.fullmatch(id) or not _ID.fullmatch(organization):
        raise UsageError(
            f"{shown(id)}={shown(organization)}: not an integration for the sandbox",
            "An ID and an organization contain only letters, digits, periods, - and _, such as int-EXAMPLE1=org-EXAMPLE1",
        )
    try:
        store.add(organization, id)
    except Problem as problem:
        raise UsageError(f"{id}={organization}: already exists: {problem.detail}") from None


def _fault(text: str) -> Fault:
    name, colon, times = text.partition(":")
    if name not in NAMES:
        raise UsageError(f"--fault {text}: unknown fault", f"Use one of {', '.join(NAMES)}; with a number: lost_answer:2")
    return Fault(name, parse_number(times, f"--fault {name}", 1, 1_000) if colon else 1)


def _token(environment: Mapping[str, str]) -> tuple[Secret, str]:
    """The token, and how it is told: one that was given is not shown."""
    given = environment.get(TOKEN)
    if given is None:
        made = f"sandbox:{secrets.token_urlsafe(18)}"
        return Secret(made), made
    if not _TOKEN.fullmatch(given):
        raise UsageError(f"{TOKEN} is not a token", "Write <id>:<secret>, in visible ASCII characters without spaces.")
    return Secret(given), f"the one in {TOKEN}"


def _seconds(text: str, option: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 1e6:
        raise UsageError(f"{option} {text}: expected seconds, such as 0.5 or 43200")
    return seconds


def _welcome(url: str, token: str, store: Store, delay: str) -> str:
    none = f'none yet: POST {url}/v1/integrations with {{"organization": "org-..."}}'
    lines = (f"{integration.id}  {integration.organization}" for integration in store.integrations.values())
    integrations = "\n               ".join(lines) or none
    return f"""\
The sandbox listens on {url} (its API: {url}/openapi.json).
Its paths and responses are its own, and say nothing about Pelanor's API.

Token          {token}
Integrations   {integrations}
An upload is visible after {delay.strip()} seconds. Everything is kept in memory until you press Ctrl-C.

For billproof.yaml:
destinations:
  sandbox:
    kind: http
    base_url: "{url}"
    method: POST
    path: "{PATH}"
    file: {{form_field: {FIELD}}}
    id_at: /id"""


def listen(host: str, port: int) -> socket.socket:
    """A socket at an address; port 0 is any free one. Raises CannotListen."""
    try:
        # The protocol is named, or asyncio leaves Nagle's algorithm on, and every second answer waits for 40 ms.
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except BaseException:
            listener.close()
            raise
        return listener
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise CannotListen(f"the sandbox cannot listen on {host}, port {port}: {reason}", "Try --port 0, any free one.") from None


def url_of(listener: socket.socket) -> str:
    """Where a socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine reaches a socket."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def make_server(application: ASGIApp, log: bool) -> uvicorn.Server:
    """A server for `server.run([listener])`. `log`: a line for each request on standard error, without headers."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            server_header=False,
            log_config=_LOG if log else None,
            log_level=None if log else "critical",
            access_log=log,
            timeout_graceful_shutdown=1,
        )
    )
