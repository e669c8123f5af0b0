"""Every error as a problem: `application/problem+json`, RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that the sandbox refuses: status, a stable name, what is wrong and what to do, further members."""

    def __init__(self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.headers = headers
        self.members = members


def _answer(status: int, type: str, title: str, detail: str, headers: Mapping[str, str] | None, **members: Any) -> JSONResponse:
    content = {"type": type, "title": title, "status": status, "detail": detail, **members}
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def on_problem(request: Request, problem: Exception) -> JSONResponse:
    """The answer to a Problem."""
    assert isinstance(problem, Problem)
    title = problem.name.replace("-", " ").capitalize()
    type = f"urn:billproof:sandbox:{problem.name}"
    return _answer(problem.status, type, title, problem.detail, problem.headers, **problem.members)


def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """The answer to what the framework refuses: an unknown path or method, a form that cannot be read."""
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    return _answer(error.status_code, "about:blank", title, str(error.detail), error.headers)


def on_error(request: Request, error: Exception) -> JSONResponse:
    """The answer to a fault of the sandbox itself: its kind only, for the message may hold what was sent."""
    return _answer(500, "about:blank", "Internal Server Error", f"Internal error in the sandbox: {type(error).__name__}.", None)
