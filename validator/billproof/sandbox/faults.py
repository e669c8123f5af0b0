"""Every error of the sandbox as a problem (`application/problem+json`, RFC 9457); and faults of a network and a server on demand,
each of which strikes some of the requests that come, in the order of the list.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Literal, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billproof.model.record import Record

MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """A request that the sandbox refuses: status, a stable name, what is wrong and what to do, further members."""

    def __init__(self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(status, detail, headers)
        self.type = f"urn:billproof:sandbox:{name}"
        self.title = name.replace("-", " ").capitalize()
        self.members = members


def _answer(type: str, title: str, status: int, detail: str, headers: Mapping[str, str] | None, **members: Any) -> JSONResponse:
    content = {"type": type, "title": title, "status": status, "detail": detail, **members}
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """The answer to a Problem, and to what the framework refuses: an unknown path or method, a form that cannot be read."""
    assert isinstance(error, HTTPException)
    if isinstance(error, Problem):
        return _answer(error.type, error.title, error.status_code, error.detail, error.headers, **error.members)
    return _answer("about:blank", HTTPStatus(error.status_code).phrase, error.status_code, str(error.detail), error.headers)


def on_error(request: Request, error: Exception) -> JSONResponse:
    """The answer to a fault of the sandbox itself: its kind only, for the message may hold what was sent."""
    return _answer("about:blank", "Internal Server Error", 500, f"Internal error in the sandbox: {type(error).__name__}.", None)


OfAny = Literal["delay", "too_many", "error"]
OfUpload = Literal["cut_before_body", "cut_after_body", "lost_answer"]
OfCosts = Literal[
    "unauthorized", "forbidden", "half_answer", "wrong_clock", "echoed_key", "not_grouped", "needless_page", "repeated_token",
    "duplicate_name", "not_a_number", "text_amounts", "tiny_zero", "undocumented_fields", "project_hidden", "amount_changed",
    "late_amount",
]  # fmt: skip
OfNames = Literal["names_forbidden"]
Name = OfAny | OfUpload | OfCosts | OfNames
OF_UPLOAD: tuple[Name, ...] = (*get_args(OfAny), *get_args(OfUpload))
OF_COSTS: tuple[Name, ...] = (*get_args(OfAny), *get_args(OfCosts))
OF_NAMES: tuple[Name, ...] = get_args(OfNames)
NAMES: tuple[Name, ...] = tuple(dict.fromkeys((*OF_UPLOAD, *OF_COSTS, *OF_NAMES)))


class Fault(Record):
    """A fault for the next `times` requests. `seconds`: how long `delay` waits, and what `too_many` says in Retry-After."""

    name: Name
    times: int = 1
    seconds: float = 1


class Plan:
    """The faults that are still to come."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = list(faults)

    def next(self, names: Collection[Name]) -> Fault | None:
        """The first fault with one of these names, for the request that comes now; it is counted down."""
        for at, fault in enumerate(self.faults):
            if fault.name in names:
                self.faults[at : at + 1] = [fault._replace(times=fault.times - 1)] if fault.times > 1 else []
                return fault
        return None


class Faulty:
    """An application that does what the plan says before, after or instead of its own work; `state` tells it the fault."""

    def __init__(self, app: ASGIApp, plan: Plan, names: Collection[Name]) -> None:
        self._app = app
        self._plan = plan
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._plan.next(self._names)
        name = fault.name if fault else None
        seconds = fault.seconds if fault else 0
        if name == "cut_before_body":
            await _cut(scope, receive)
        elif name == "cut_after_body":
            await _drain(receive)
            await _cut(scope, receive)
        elif name == "too_many":
            wait = {"Retry-After": str(math.ceil(seconds))}
            raise Problem(429, "too-many-requests", "Too many requests; try again later. Nothing was stored.", wait)
        elif name == "error":
            raise Problem(500, "error-on-demand", "This error was requested. Nothing was stored.")
        elif name == "lost_answer":
            await self._app(scope, receive, _unsent)
            await _cut(scope, receive)
        elif name == "unauthorized":
            raise Problem(401, "unauthorized", "The key is not an admin key.")
        elif name in ("forbidden", "names_forbidden"):
            raise Problem(403, "forbidden", "The key lacks a scope.")
        elif name == "half_answer":
            await self._app(scope, receive, _halved(send))
            await _cut(scope, receive)
        else:
            scope["state"]["fault"] = name
            await asyncio.sleep(seconds if name == "delay" else 0)
            await self._app(scope, receive, send)


async def _unsent(message: Message) -> None:
    """An answer that never leaves."""


def _halved(send: Send) -> Send:
    """Sends the first half of an answer."""

    async def sent(message: Message) -> None:
        body = message.get("body", b"")
        await send({**message, "body": body[: len(body) // 2], "more_body": True} if body else message)

    return sent


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass


async def _cut(scope: Scope, receive: Receive) -> None:
    """Closes the connection without a word, and waits until it is closed: a server would answer for us otherwise."""
    scope["state"]["transport"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass
