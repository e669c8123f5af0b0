"""The sandbox's application: who may do what, and the way of an upload. `openapi.json` says the same for programs.

A file goes through the same engine as in `billproof check`: errors fail, unless a waiver of the configuration counts. Pelanor
verifies format, required fields and organization; warnings are the business of whoever sends.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import anyio
from anyio.to_thread import run_sync
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from billproof.config.file import Config
from billproof.config.rulesets import for_integration
from billproof.config.settings import CLOCK, Settings, parse_month
from billproof.config.waivers import check_waivers
from billproof.delivery.earlier import known
from billproof.engine.pipeline import check_input, judged
from billproof.io.secrets import Secret
from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.results import FileResult, Policy, Sourced
from billproof.model.values import is_month, month_end, shown
from billproof.reading.inputs import Input
from billproof.reading.source import Source
from billproof.report.build import build_report
from billproof.rules.compiled import load_ruleset
from billproof.rules.rule import DEFAULT_RULESET
from billproof.sandbox.body import Body, SentFile, read_file
from billproof.sandbox.costs import Exported, costs_page, projects_page
from billproof.sandbox.faults import (
    OF_COSTS,
    OF_NAMES,
    OF_UPLOAD,
    Fault,
    Faulty,
    Name,
    Plan,
    Problem,
    on_error,
    on_http_exception,
)
from billproof.sandbox.store import Integration, Store

DOCUMENT = json.loads(Path(__file__).with_name("openapi.json").read_text("utf-8"))
MAX_JSON = 64 * 1024
_KEY = re.compile(r"[!-~](?:[ -~]{0,254})")

Handler = Callable[[Request, Body], Awaitable[Response]]


class Checker:
    """The engine with the rule set of each integration. Raises ConfigurationError for waivers that are not allowed."""

    def __init__(self, config: Config | None, now: datetime) -> None:
        # One check at a time: the engine sets what holds for the whole process.
        self.limiter = anyio.CapacityLimiter(1)
        self._config = config
        if config:
            check_waivers(config, load_ruleset(), now.date())

    def check(self, sent: SentFile, organization: str, month: str, now: datetime) -> FileResult:
        """The result of a file that passes as this month of this organization. Raises Problem 422 with the report of others."""
        settings = Settings(
            policy=Policy(), ruleset=Sourced(DEFAULT_RULESET, "default"), as_of=now, as_of_source=CLOCK, now=now,
            organization=Sourced(organization, "integration"), month=Sourced(month, "path"),
            month_to_date=now < month_end(month), config=self._config, sources={"month_to_date": CLOCK},
        )  # fmt: skip
        settings = for_integration(settings, self._config.integration_of(organization) if self._config else None)
        ruleset = load_ruleset(settings.ruleset.value or "")
        source = Source(sent.stream, sent.name, sent.size)
        file = check_input(Input(sent.name), settings, ruleset, known(), lambda _: nullcontext(source))
        run = judged(settings, ruleset, [file])
        if run.verdict.word != "pass" or file.sha256 != sent.sha256:
            detail = f"The file did not pass as {month} of {organization}; nothing was stored."
            raise Problem(422, "file-refused", detail, report=build_report(run, now, now, {"BILLPROOF_NO_HOST": "1"}))
        return file


class Sandbox(Record):
    """What the application holds. `limit` is the most that an upload's request may have, in bytes; without `costs` there is no
    answer about costs.
    """

    store: Store
    plan: Plan
    checker: Checker
    token: Secret
    limit: int
    clock: Callable[[], datetime]
    costs: Exported | None = None

    def application(self) -> Starlette:
        """The ASGI application."""
        integration = "/v1/integrations/{integration}"
        faults = {"GET": self._faults, "PUT": self._set_faults, "DELETE": self._clear_faults}
        return Starlette(
            routes=[
                Route("/openapi.json", self._document),
                self._route("/v1/integrations", {"GET": self._list, "POST": self._create}),
                self._route(f"{integration}/months", {"GET": self._months}),
                self._route(f"{integration}/uploads/{{month}}", {"POST": self._upload}, self.limit, OF_UPLOAD),
                self._route("/sandbox/faults", faults),
                *(self._routes_of_costs(self.costs) if self.costs else ()),
            ],
            exception_handlers={HTTPException: on_http_exception, Exception: on_error},
        )

    def _routes_of_costs(self, costs: Exported) -> Iterator[Route]:
        """The paths of OpenAI's that `billproof costs fetch` asks."""

        async def page(request: Request, body: Body) -> Response:
            fault = request.scope["state"].get("fault")
            text = costs_page(costs, request.query_params, fault, self.token.reveal())
            headers = {"X-Request-Id": f"req_{secrets.token_hex(16)}"}
            if fault == "wrong_clock":
                # In place of the server's own.
                request.scope["state"]["transport"].get_protocol().cycle.default_headers = []
                headers["Date"] = format_datetime(self.clock() - timedelta(hours=2), usegmt=True)
            return Response(text, headers=headers, media_type="application/json")

        async def projects(request: Request, body: Body) -> Response:
            return Response(projects_page(costs, request.query_params), media_type="application/json")

        yield self._route("/v1/organization/costs", {"GET": page}, names=OF_COSTS)
        yield self._route("/v1/organization/projects", {"GET": projects}, names=OF_NAMES)

    def _route(self, path: str, handlers: Mapping[str, Handler], limit: int = MAX_JSON, names: Collection[Name] = ()) -> Route:
        """A path with a handler for each method; the body is no longer than `limit`, the token is right; faults of these `names`
        strike its requests.
        """

        async def endpoint(request: Request) -> Response:
            body = Body(request.receive, request.headers, limit)
            self._authorise(request)
            return await handlers["GET" if request.method == "HEAD" else request.method](request, body)

        faulty = [Middleware(Faulty, plan=self.plan, names=names)] if names else []
        return Route(path, endpoint, methods=list(handlers), middleware=faulty)

    def _authorise(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = secrets.compare_digest(given.strip().encode("utf-8"), self.token.reveal().encode("utf-8"))
        if scheme.lower() != "bearer" or not right:
            detail = "Send the token that the sandbox showed when it started: Authorization: Bearer <id>:<secret>"
            raise Problem(401, "wrong-token", detail, {"WWW-Authenticate": "Bearer"})

    async def _document(self, request: Request) -> Response:
        return JSONResponse(DOCUMENT)

    async def _list(self, request: Request, body: Body) -> Response:
        return JSONResponse({"integrations": [integration._asdict() for integration in self.store.integrations.values()]})

    async def _create(self, request: Request, body: Body) -> Response:
        wanted = await _read_json(request, body, "NewIntegration")
        return JSONResponse(self.store.add(wanted["organization"])._asdict(), 201)

    async def _months(self, request: Request, body: Body) -> Response:
        integration = self.store.integration(request.path_params["integration"])
        months = [upload.described() for upload in self.store.months(integration)]
        return JSONResponse({"integration": integration.id, "organization": integration.organization, "months": months})

    async def _faults(self, request: Request, body: Body) -> Response:
        return JSONResponse({"faults": [fault._asdict() for fault in self.plan.faults]})

    async def _set_faults(self, request: Request, body: Body) -> Response:
        wanted = await _read_json(request, body, "Faults")
        self.plan.faults = [Fault(**fault) for fault in wanted["faults"]]
        return await self._faults(request, body)

    async def _clear_faults(self, request: Request, body: Body) -> Response:
        self.plan.faults = []
        return Response(status_code=204)

    async def _upload(self, request: Request, body: Body) -> Response:
        integration = self.store.integration(request.path_params["integration"])
        month = _month(request.path_params["month"], self.clock())
        key = request.headers.get("idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise Problem(400, "key-malformed", "An Idempotency-Key must have 1 to 255 visible characters.")
        sent = await read_file(request, body)
        with sent.stream:
            body.verify()
            if key is None:
                return JSONResponse(await self._put(integration, month, sent), 201)
            before = self.store.keys.begin(key, (integration.id, month, sent.sha256))
            if before is not None:
                return JSONResponse(before, 201, {"Idempotent-Replayed": "true"})
            try:
                answer = await self._put(integration, month, sent)
            except BaseException:
                self.store.keys.forget(key)
                raise
            self.store.keys.finish(key, answer)
            return JSONResponse(answer, 201)

    async def _put(self, integration: Integration, month: str, sent: SentFile) -> dict[str, Any]:
        """Checks the file and puts it in the month's place. Raises Problem 422 if it did not pass."""
        now = self.clock()
        check = partial(self.checker.check, sent, integration.organization, month, now)
        checked = await run_sync(check, limiter=self.checker.limiter)
        return self.store.put(integration, month, checked, now).described()


def _month(text: str, now: datetime) -> str:
    try:
        if is_month(text):
            return parse_month(text, now).value or ""
    except UsageError:
        pass
    raise Problem(400, "no-month", "Write the month in the path as 2025-10.")


async def _read_json(request: Request, body: Body, schema: str) -> Any:
    """The JSON of a request, as the schema of that name in the OpenAPI document wants it. Raises Problem 400 or 415."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "no-json", "Send application/json.")
    data = await Request(request.scope, body).body()
    body.verify()
    try:
        value = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Problem(400, "malformed-json", "The body is not valid JSON.") from None
    error = best_match(Draft202012Validator(DOCUMENT["components"]["schemas"][schema]).iter_errors(value))
    if error is not None:
        raise Problem(400, "unexpected-json", f"{error.json_path}: {shown(error.message)}")
    return value


def _no_constant(text: str) -> NoReturn:
    """NaN and infinities, which Python reads and JSON does not have."""
    raise ValueError(text)
