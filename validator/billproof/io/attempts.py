"""HTTP requests with patience: attempts with time limits, waits between them, and what each came back with.

What an answer means is the caller's to say; here is only what the network did. TLS is verified, redirects are not followed,
and the libraries' logs are off, because they may quote a secret.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from billproof.io.deadline import Deadline
from billproof.model.errors import BillproofError, how_to_install
from billproof.model.record import Record

if TYPE_CHECKING:
    import httpx2


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


class HttpRequest(Record):
    """A request: `content` gives its body, if it has one, anew for each attempt; of an answer, `largest` bytes are read."""

    method: str
    url: str
    headers: Mapping[str, str]
    largest: int
    content: Callable[[], Iterable[bytes]] | None = None


class Response(Record):
    """An answer: its code, its headers by lower-case name, the first bytes of its body; `sent` if the whole request was."""

    code: int
    headers: Mapping[str, str]
    body: bytes
    sent: bool = True


class Failure(Record):
    """Why an attempt has no answer. `arrived`: whether the request may have arrived; `again`: whether another one may do."""

    text: str
    detail: str = ""
    arrived: bool = True
    again: bool = True


class Attempt(Protocol):
    """What the caller makes of an answer: whether to try again, and not before how many seconds."""

    @property
    def again(self) -> bool: ...

    @property
    def after(self) -> float | None: ...


AnyAttempt = TypeVar("AnyAttempt", bound=Attempt)


class NotPrepared(BillproofError):
    """No connection could be prepared, so nothing was sent."""


def load_libraries() -> None:
    """Makes sure of httpx2 and stamina, and keeps both from writing. Raises BillproofError if one is not installed."""
    try:
        import httpx2  # noqa: F401
        import stamina
    except ImportError:
        raise BillproofError("requests over HTTP need httpx2 and stamina", how_to_install("http")) from None
    import logging

    stamina.instrumentation.set_on_retry_hooks([])
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def attempts_of(
    request: HttpRequest, patience: Patience, meaning: Callable[[Response | Failure], AnyAttempt]
) -> list[AnyAttempt]:
    """Makes attempts until one needs no other or the patience ends; gives what `meaning` makes of each, in order.

    Raises NotPrepared, but nothing for what the network or the server does.
    """
    try:
        client = _client(request, patience)
    except Exception as error:
        # The system's certificates or proxies are wrong; the error's text may contain a proxy's password.
        raise NotPrepared(f"no connection could be prepared ({type(error).__name__})") from None
    with client:
        return _attempts(client, request, patience, meaning)


class _Again(Exception):
    """The attempt failed in a way that another one may fix."""

    def __init__(self, after: float | None) -> None:
        super().__init__("another attempt may succeed")
        self.after = after


def _client(request: HttpRequest, patience: Patience) -> httpx2.Client:
    import httpx2

    return httpx2.Client(
        follow_redirects=False,
        # On the way to this machine a proxy would see the secret in the clear.
        trust_env=request.url.startswith("https:"),
        # Without TLS there is nothing to verify, and to load the system's certificates takes longer than the request.
        verify=request.url.startswith("https:"),
        timeout=httpx2.Timeout(patience.read, connect=patience.connect),
        # A connection that was used before may be closed by now, and it would be unknown whether the request arrived.
        limits=httpx2.Limits(max_keepalive_connections=0),
    )


def _attempts(
    client: httpx2.Client, request: HttpRequest, patience: Patience, meaning: Callable[[Response | Failure], AnyAttempt]
) -> list[AnyAttempt]:
    import stamina

    started = time.monotonic()
    made: list[AnyAttempt] = []

    def wait(error: Exception) -> bool | float:
        """Whether to try again; if the server asked for a wait, after how many seconds, never sooner than it asked."""
        if not isinstance(error, _Again) or error.after is None:
            return isinstance(error, _Again)
        seconds = max(error.after, patience.wait) + random.uniform(0, patience.jitter)
        return seconds if time.monotonic() - started + seconds <= patience.total else False

    with suppress(_Again):
        for attempt in stamina.retry_context(
            wait, attempts=patience.attempts, timeout=patience.total, wait_initial=patience.wait,
            wait_max=patience.longest, wait_jitter=patience.jitter,
        ):  # fmt: skip
            with attempt:
                made.append(meaning(_attempt(client, request, patience)))
                if made[-1].again:
                    raise _Again(made[-1].after)
    return made


def _attempt(client: httpx2.Client, request: HttpRequest, patience: Patience) -> Response | Failure:
    import httpx2

    content = _Content(request.content) if request.content else None
    with Deadline(patience.answer) as deadline:
        try:
            with client.stream(
                request.method, request.url, headers=request.headers, content=content, extensions={"trace": deadline.watch}
            ) as response:
                return _response(response, request.largest, content is None or content.sent, deadline)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            return _not_reached(error, request, patience)
        except httpx2.ReadTimeout:
            return Failure(f"no response within {patience.read:g} s")
        except httpx2.TransportError:
            return Failure(deadline.text or "the connection ended before a complete HTTP response")
        except Exception as error:
            # Whatever broke, bytes may have left: the outcome is unknown.
            return Failure(deadline.text or f"the request failed ({type(error).__name__})")


def _response(response: httpx2.Response, largest: int, sent: bool, deadline: Deadline) -> Response:
    code = response.status_code
    body = bytearray()
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= largest:
                break
            if deadline.text:
                # What has arrived already could keep us at work though the connection has ended.
                raise TimeoutError
    except Exception:
        # A code that is not a success speaks for itself; half a success may be a proxy's, cut from a server that failed.
        if 200 <= code <= 299:
            raise
    return Response(code, {name.lower(): value for name, value in response.headers.items()}, bytes(body[:largest]), sent)


def _not_reached(error: Exception, request: HttpRequest, patience: Patience) -> Failure:
    text = f"{urlsplit(request.url).hostname} was not reached"
    if (code := str(error)[:3]).isdecimal():
        # An error of a proxy begins with its code; the words after it are the proxy's own.
        help = "put its user and password into HTTPS_PROXY" if code == "407" else ""
        return Failure(f"{text}, the proxy answers {code}", help, arrived=False, again=code != "407")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure(text, f"its certificate is not trusted: {cause.verify_message}", arrived=False, again=False)
        if isinstance(cause, OSError) and cause.strerror:
            return Failure(text, cause.strerror, arrived=False)
        cause = cause.__cause__ or cause.__context__
    timeout = "Timeout" in type(error).__name__
    return Failure(text, f"no connection within {patience.connect:g} s" if timeout else "", arrived=False)


class _Content:
    """The body of one attempt, from its start; `sent` once the last byte was handed over."""

    def __init__(self, content: Callable[[], Iterable[bytes]]) -> None:
        self._content = content
        self.sent = False

    def __iter__(self) -> Iterator[bytes]:
        self.sent = False
        yield from self._content()
        self.sent = True
