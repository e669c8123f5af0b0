"""A server on this machine that hands out pages and writes down what it is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Counting:
    """Its address, its pages by path, and the path of every request that it heard, in order."""

    def __init__(self, url: str, pages: dict[str, str]) -> None:
        self.url, self.pages = url, pages
        self.heard: list[str] = []


@contextmanager
def counting(pages: dict[str, str]) -> Iterator[Counting]:
    """The server, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.heard.append(self.path)
            body = found.pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Counting(f"http://127.0.0.1:{server.server_port}", pages)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield found
        finally:
            server.shutdown()
