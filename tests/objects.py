"""A store for objects that speaks S3's protocol, in a thread of the test: it honors conditions, and can be late, fail and lie.

`running_store()` sets the environment for it, so that `s3://bucket/…` leads there. To time a ledger of your own in it, with 30 ms
to each answer: `python -m tests.objects FOLDER 0.03 billproof ledger verify`.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from time import sleep
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "s3://bucket"
_DATE = "Sat, 28 Nov 2026 15:26:56 GMT"

# Told the method and the key: "" for what a sound store does; "lost" loses the answer; else an error code such as "503 SlowDown".
Mishap = Callable[[str, str], str]


class Store:
    """The objects by key, every version of each, and every request in order."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.history: list[tuple[str, bytes]] = []
        self.requests: list[tuple[str, str]] = []
        self.mishap: Mishap = lambda method, key: ""
        self.seconds = 0.0
        self.busy = 0
        self.page = 1000
        self.conditional = True
        self.lock = Lock()

    def put(self, key: str, data: bytes, if_match: str | None, if_none_match: str | None) -> bool:
        """Whether the conditions held, and it was written."""
        with self.lock:
            there = self.objects.get(key)
            if self.conditional and ((if_none_match and there is not None) or (if_match and if_match != _e_tag(there))):
                return False
            self.objects[key] = data
            self.history.append((key, data))
            return True

    def files(self, prefix: str = "") -> dict[str, bytes]:
        """What is below a prefix and not hidden, by the rest of its key."""
        start = f"{prefix}/" if prefix else ""
        names = {key.removeprefix(start): data for key, data in sorted(self.objects.items()) if key.startswith(start)}
        return {name: data for name, data in names.items() if not re.search(r"(?:^|/)\.", name)}

    def copy_from(self, folder: Path, prefix: str) -> None:
        """Copies a folder, as `aws s3 sync` does."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.objects[f"{prefix}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()


def _e_tag(data: bytes | None) -> str:
    return "" if data is None else f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms between its headers and its body
    store: Store

    def answer(self, method: str) -> None:
        address = urlsplit(self.path)
        bucket, _, key = unquote(address.path).removeprefix("/").partition("/")
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.store.requests.append((method, key))
        self.store.busy += 1
        sleep(self.store.seconds)
        self.store.busy -= 1
        mishap = self.store.mishap(method, key)
        if mishap not in ("", "lost"):
            error = f"<Error><Code>{mishap[4:]}</Code><Message>what nobody may see</Message></Error>"
            self.reply(int(mishap[:3]), error.encode())
            return
        result = self.result(method, bucket, key, data, parse_qs(address.query))
        if mishap == "lost":
            self.close_connection = True
            return
        self.reply(*result)

    def result(self, method: str, bucket: str, key: str, data: bytes, query: dict[str, list[str]]) -> tuple[int, bytes, str]:
        """Status, body and e-tag, which are of one moment: other requests come in between."""
        if bucket != "bucket":
            return 404, b"<Error><Code>NoSuchBucket</Code></Error>", ""
        if method == "PUT":
            held = self.store.put(key, data, self.headers.get("If-Match"), self.headers.get("If-None-Match"))
            return (200, b"", _e_tag(data)) if held else (412, b"<Error><Code>PreconditionFailed</Code></Error>", "")
        if "list-type" in query:
            return 200, self.listing(query), ""
        there = self.store.objects.get(key)
        return (404, b"<Error><Code>NoSuchKey</Code></Error>", "") if there is None else (200, there, _e_tag(there))

    def listing(self, query: dict[str, list[str]]) -> bytes:
        start = query.get("continuation-token", [""])[0]
        keys = sorted(key for key in list(self.store.objects) if key.startswith(query.get("prefix", [""])[0]) and key > start)
        page, more = keys[: self.store.page], len(keys) > self.store.page
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-28T15:26:56.000Z</LastModified>"
            f"<ETag>{escape(_e_tag(self.store.objects[key]))}</ETag><Size>{len(self.store.objects[key])}</Size></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>"
        return f"<?xml version='1.0'?>{text}".encode()

    def reply(self, status: int, body: bytes, e_tag: str = "") -> None:
        self.send_response(status)
        for name, value in (("ETag", e_tag), ("Last-Modified", _DATE), ("Content-Length", str(len(body)))):
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer("GET")

    def do_PUT(self) -> None:
        self.answer("PUT")

    def do_DELETE(self) -> None:
        raise AssertionError(f"nothing is ever deleted: {quote(self.path)}")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that has gone


@contextmanager
def running_store() -> Iterator[Store]:
    """A store with an empty bucket called `bucket`, in this environment."""
    from billproof.io import bucket

    store = Store()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"store": store}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "EXAMPLE", "AWS_SECRET_ACCESS_KEY": "EXAMPLE-secret",
    }  # fmt: skip
    bucket._store.cache_clear()
    try:
        with patch.dict("os.environ", environment):
            yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        bucket._store.cache_clear()


def serve(folder: str, seconds: str, *command: str) -> int:
    """Runs a command with the folder at `s3://bucket/ledger`, each answer after so many seconds; tells how long it took."""
    with running_store() as store:
        store.copy_from(Path(folder), "ledger")
        store.seconds = float(seconds)
        begun = time.monotonic()
        code = subprocess.run(command, check=False).returncode
        sys.stderr.write(f"{time.monotonic() - begun:.2f} s, {len(store.requests)} requests\n")
        return code


if __name__ == "__main__":
    sys.exit(serve(*sys.argv[1:]))
