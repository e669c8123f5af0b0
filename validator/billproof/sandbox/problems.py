"""Every error as a problem: `application/problem+json`, RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

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
