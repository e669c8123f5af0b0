"""Sending: attempts with time limits, waits between them, and a record of what each came to.

TLS is verified, redirects are not followed, and the secret is in the request alone: what servers say is searched for it,
and the libraries' logs are off, for an answer may quote it.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import urlsplit

from billproof.config.destinations import DestinationSettings
from billproof.config.settings import clock
from billproof.delivery.destinations.message import Message
from billproof.delivery.destinations.responses import BODY_BYTES, Attempt, Heard, answer_of, attempt_of
from billproof.delivery.shipment import Answer
from billproof.io.secrets import Secret
from billproof.model.errors import BillproofError, how_to_install
from billproof.model.record import Record

if TYPE_CHECKING:
    import httpx2

CHUNK: Final = 65_536


class Patience(Record):
    """How long to try, in seconds: `answer` bounds one attempt, after `total` none begins; `wait` doubles up to `longest`."""

    attempts: int = 5
    total: float = 300
    wait: float = 2
    longest: float = 60
    jitter: float = 2
    connect: float = 10
    read: float = 60
    answer: float = 180


PATIENCE: Final = Patience()


def load_libraries() -> None:
    """Makes sure of httpx2 and stamina, and keeps both from writing. Raises BillproofError if one is not installed."""
    try:
        import httpx2  # noqa: F401
        import stamina
    except ImportError:
        raise BillproofError("uploads over HTTP need httpx2 and stamina", how_to_install("http")) from None
    import logging

    stamina.instrumentation.set_on_retry_hooks([])
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Again(Exception):
    """The attempt failed in a way that another one may mend."""

    def __init__(self, after: float | None) -> None:
        super().__init__("another attempt may do")
        self.after = after


class Sending:
    """One upload: its attempts, and what they came to."""

    def __init__(
        self,
        settings: DestinationSettings,
        patience: Patience,
        message: Message,
        headers: Mapping[str, str],
        body: BinaryIO,
        token: Secret,
    ) -> None:
        self.settings = settings
        self.patience = patience
        self.message = message
        self.headers = headers
        self.body = body
        self.token = token
        self.host = urlsplit(message.url).hostname
        self.started = time.monotonic()

    def answer(self) -> Answer:
        """Makes the attempts. Never raises for what the network or the server does."""
        try:
            client = self._client()
        except Exception as error:
            # The system's certificates or proxies are at fault; their text may hold a proxy's password.
            return Answer("refused", f"no connection could be prepared ({type(error).__name__}); nothing was sent", attempts=0)
        with client:
            return answer_of(self._attempts(client), self._elapsed())

    def _client(self) -> httpx2.Client:
        import httpx2

        patience = self.patience
        return httpx2.Client(
            follow_redirects=False,
            # On the way to this machine a proxy would see the token in the clear.
            trust_env=self.message.url.startswith("https:"),
            timeout=httpx2.Timeout(patience.read, connect=patience.connect),
            # A connection that was used before may be closed by now, and nobody could tell whether the request arrived.
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    def _attempts(self, client: httpx2.Client) -> list[Attempt]:
        import stamina

        made: list[Attempt] = []
        patience = self.patience
        with suppress(_Again):
            for attempt in stamina.retry_context(
                self._wait, attempts=patience.attempts, timeout=patience.total, wait_initial=patience.wait,
                wait_max=patience.longest, wait_jitter=patience.jitter,
            ):  # fmt: skip
                with attempt:
                    made.append(self._attempt(client))
                    if made[-1].again:
                        raise _Again(made[-1].after)
        return made

    def _wait(self, error: Exception) -> bool | float:
        """Whether to try again; if the server asked for a wait, after how many seconds, never sooner than it asked."""
        if not isinstance(error, _Again) or error.after is None:
            return isinstance(error, _Again)
        wait = max(error.after, self.patience.wait) + random.uniform(0, self.patience.jitter)
        return wait if self._elapsed() + wait <= self.patience.total else False

    def _elapsed(self) -> float:
        return time.monotonic() - self.started

    def _attempt(self, client: httpx2.Client) -> Attempt:
        import httpx2

        content = _Content(self.message, self.body)
        with _Deadline(self.patience.answer) as deadline:
            try:
                with client.stream(
                    self.message.method, self.message.url, headers=self.headers, content=content,
                    extensions={"trace": deadline.watch},
                ) as response:  # fmt: skip
                    return self._heard(response, content)
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
                return self._not_reached(error)
            except httpx2.ReadTimeout:
                return _lost(f"no answer within {self.patience.read:g} s")
            except httpx2.TransportError:
                return _lost(deadline.text or "the connection ended without a whole answer in HTTP")
            except Exception as error:
                # Whatever broke, bytes may have left: nobody knows the outcome.
                return _lost(deadline.text or f"the request broke ({type(error).__name__})")

    def _heard(self, response: httpx2.Response, content: _Content) -> Attempt:
        code = response.status_code
        body = b""
        try:
            for chunk in response.iter_raw():
                body += chunk
                if len(body) >= BODY_BYTES:
                    break
        except Exception:
            # A code that is no success speaks for itself; half a success may be a proxy's, cut from a server that failed.
            if 200 <= code <= 299:
                raise
        headers = {name.lower(): value for name, value in response.headers.items()}
        found = attempt_of(Heard(code, headers, body[:BODY_BYTES]), self.settings, self.token, clock().timestamp())
        if 200 <= code <= 299 and not content.sent:
            return found._replace(status="unknown", said=f"{code} before the whole file was sent", id=None)
        return found

    def _not_reached(self, error: Exception) -> Attempt:
        said = f"{self.host} was not reached"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return Attempt("refused", said, f"its certificate is not trusted: {cause.verify_message}")
            if isinstance(cause, OSError) and cause.strerror:
                return Attempt("refused", said, cause.strerror, again=True)
            cause = cause.__cause__ or cause.__context__
        timeout = "Timeout" in type(error).__name__
        return Attempt("refused", said, f"no connection within {self.patience.connect:g} s" if timeout else "", again=True)


def _lost(said: str) -> Attempt:
    return Attempt("unknown", said, again=True)


class _Content:
    """The body of one attempt, from its start; `sent` once the last byte was handed over."""

    def __init__(self, message: Message, body: BinaryIO) -> None:
        self.message = message
        self.body = body
        self.sent = False

    def __iter__(self) -> Iterator[bytes]:
        self.sent = False
        self.body.seek(0)
        if self.message.before:
            yield self.message.before
        while chunk := self.body.read(CHUNK):
            yield chunk
        if self.message.after:
            yield self.message.after
        self.sent = True


class _Deadline:
    """Ends an attempt's connection when its time is over: a server that sends a byte now and then keeps no read waiting."""

    def __init__(self, seconds: float) -> None:
        self.text = ""
        self._seconds = seconds
        self._stream: Any = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore2 at each step; the steps that make a connection return it."""
        if hasattr(info.get("return_value"), "get_extra_info"):
            self._stream = info["return_value"]
            if self.text:
                self._end()

    def _end(self) -> None:
        self.text = f"no whole answer within {self._seconds:g} s"
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if connection is not None:
            # Not the method of a TLS socket, which would take the encryption off first.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
