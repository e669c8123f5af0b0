"""The application on a socket, by uvicorn."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from billproof.model.errors import BillproofError

_LOG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {
        "uvicorn.access": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "CRITICAL"},
    },
}


class CannotListen(BillproofError):
    """The address is taken, unknown, or not ours."""


class _Protocol(H11Protocol):
    """HTTP that shows the application its connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


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
