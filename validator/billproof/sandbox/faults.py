"""Faults of a network and of a server, on demand: each strikes some of the uploads that come, in the order of the list."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Literal, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billproof.model.record import Record
from billproof.sandbox.problems import Problem

Name = Literal["delay", "too_many", "error", "cut_before_body", "cut_after_body", "lost_answer"]
NAMES: tuple[Name, ...] = get_args(Name)


class Fault(Record):
    """A fault for the next `times` uploads. `seconds`: how long `delay` waits, and what `too_many` says in Retry-After."""

    name: Name
    times: int = 1
    seconds: float = 1


class Plan:
    """The faults that are still to come."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = list(faults)

    def next(self) -> Fault | None:
        """The fault for the upload that comes now; it is counted down."""
        if not self.faults:
            return None
        fault = self.faults[0]
        self.faults[:1] = [fault._replace(times=fault.times - 1)] if fault.times > 1 else []
        return fault


class Faulty:
    """An application that does what the plan says before, after or instead of its own work."""

    def __init__(self, app: ASGIApp, plan: Plan) -> None:
        self._app = app
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._plan.next()
        name = fault.name if fault else None
        seconds = fault.seconds if fault else 0
        if name == "cut_before_body":
            await _cut(scope, receive)
        elif name == "cut_after_body":
            await _drain(receive)
            await _cut(scope, receive)
        elif name == "too_many":
            wait = {"Retry-After": str(math.ceil(seconds))}
            raise Problem(429, "too-many-requests", "Too many uploads; try again later. Nothing was stored.", wait)
        elif name == "error":
            raise Problem(500, "error-on-demand", "This error was requested. Nothing was stored.")
        elif name == "lost_answer":
            await self._app(scope, receive, _unsent)
            await _cut(scope, receive)
        else:
            await asyncio.sleep(seconds if name == "delay" else 0)
            await self._app(scope, receive, send)


async def _unsent(message: Message) -> None:
    """An answer that never leaves."""


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass


async def _cut(scope: Scope, receive: Receive) -> None:
    """Closes the connection without a word, and waits until it is closed: a server would answer for us otherwise."""
    scope["state"]["transport"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass
