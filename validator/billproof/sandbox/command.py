"""`billproof sandbox`: options and configuration to a running server, and what its user needs to know."""

from __future__ import annotations

import argparse
import math
import os
import re
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from billproof.config.destinations import FILL_IN
from billproof.config.file import Config
from billproof.config.settings import clock
from billproof.engine.verdict import Exit
from billproof.io.secrets import Secret
from billproof.model.errors import UsageError
from billproof.model.values import shown
from billproof.sandbox.app import Checker, Sandbox
from billproof.sandbox.body import FIELD
from billproof.sandbox.faults import NAMES, Fault, Plan
from billproof.sandbox.problems import Problem
from billproof.sandbox.server import is_loopback, listen, make_server, url_of
from billproof.sandbox.store import Store

PATH = "/v1/integrations/{integration}/uploads/{month}"
TOKEN = "BILLPROOF_SANDBOX_TOKEN"
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TOKEN = re.compile(r"[!-9;-~]+:[!-~]+")


class _Ended(Exception):
    """Somebody asked the process to end."""


def serve(options: argparse.Namespace, config: Config | None, say: Callable[[str], None]) -> int:
    """Serves until it is interrupted (130) or told to end (0). Raises UsageError, ConfigurationError, CannotListen."""
    store = Store(_seconds(options.delay, "--delay"))
    for id, organization in _integrations(config, options.integration):
        _add(store, id, organization)
    plan = Plan(_fault(one) for one in options.fault)
    token, shown_token = _token(os.environ)
    limit = _whole(options.max_bytes, "--max-bytes", 1, 2**40)
    sandbox = Sandbox(store, plan, Checker(config, clock()), token, limit, clock)
    with listen(options.host, _whole(options.port, "--port", 0, 65_535)) as listener:
        if not is_loopback(listener):
            sys.stderr.write(
                f"WARNING  the sandbox listens on {shown(options.host)} without TLS: anyone who reaches this machine can use it\n"
            )
        server = make_server(sandbox.application(), log=True)
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            say(_welcome(url_of(listener), shown_token, store, options.delay))
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
    return Fault(name, _whole(times, f"--fault {name}", 1, 1_000) if colon else 1)


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


def _whole(text: str, option: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15 or not least <= int(text) <= most:
        raise UsageError(f"{option} {text}: expected a number from {least} to {most}")
    return int(text)


def _welcome(url: str, token: str, store: Store, delay: str) -> str:
    none = f'none yet: POST {url}/v1/integrations with {{"organization": "org-..."}}'
    integrations = "\n               ".join(f"{one.id}  {one.organization}" for one in store.integrations.values()) or none
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
