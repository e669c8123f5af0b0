"""A real HTTP server on this machine that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Received(NamedTuple):
    """A request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Does what the next of the server's acts says; the last one goes on for ever."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms between its headers and its body
    server: Server

    def act(self) -> None:
        self.server.connections += 1
        act = self.server.acts.pop(0) if len(self.server.acts) > 1 else self.server.acts[0]
        self.close_connection = True
        with contextlib.suppress(OSError):
            act(self)

    do_GET = do_POST = do_PUT = act

    def take(self) -> Received:
        """Reads the whole request and remembers it."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client went away")
        received = Received(self.command, self.path, dict(self.headers.items()), body)
        self.server.received.append(received)
        return received

    def log_message(self, format: str, *args: Any) -> None:
        """A test needs no log."""


class Server(ThreadingHTTPServer):
    """`acts`: what to do with each request in turn. `received`: the requests that were read to their end."""

    daemon_threads = True
    # A thread may still be dripping when its test is over.
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.acts: list[Act] = [answer(201)]
        self.received: list[Received] = []
        self.connections = 0
        self.over = threading.Event()
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what some tests are about."""


Act = Callable[[Handler], None]


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server in a thread."""
    server = Server(tls)
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(code: int, body: bytes | Mapping[str, Any] = b"", **headers: str) -> Act:
    """Reads the request and answers; names of headers have _ for -."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def act(handler: Handler) -> None:
        handler.take()
        handler.send_response(code)
        if code != 204:
            handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return act


def raw(data: bytes) -> Act:
    """Reads the request, sends these bytes and closes."""

    def act(handler: Handler) -> None:
        handler.take()
        handler.wfile.write(data)

    return act


def silent(handler: Handler) -> None:
    """Reads the request and never answers."""
    handler.take()
    handler.server.over.wait(10)


def reset(handler: Handler) -> None:
    """Breaks the connection off before the body is read."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Only a closed descriptor resets: the file objects hold the socket, too.
    socket.close(handler.connection.detach())


def lose(handler: Handler) -> None:
    """Takes the file, and ends the connection without an answer."""
    handler.take()


def drip(start: bytes, end: bytes = b"") -> Act:
    """Reads the request, sends a beginning, then 200 bytes, each before a read is given up, then an end."""

    def act(handler: Handler) -> None:
        handler.take()
        handler.wfile.write(start)
        for _ in range(200):
            if handler.server.over.wait(0.05):
                return
            handler.wfile.write(b"x")
        handler.wfile.write(end)

    return act
