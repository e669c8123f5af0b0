"""Asks OpenAI's Costs API for one month of one organization, and keeps its answers word for word.

Only GET, only two paths. The server's paging is not trusted: a month fits one page, and a further page is asked for only while
days are missing. The key goes into one header; nothing that is written, printed or raised contains it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from billproof.config.settings import clock
from billproof.io.attempts import PATIENCE, Failure, HttpRequest, NotPrepared, Patience, Response, attempts_of, load_libraries
from billproof.io.http_time import http_date, retry_after
from billproof.io.secrets import Secret, contains, redact
from billproof.model.errors import BillproofError, UsageError
from billproof.model.record import Record
from billproof.model.values import day_of, month_days, month_name, rfc3339, shown
from billproof.openai.answers import BadAnswer, OtherOrganization, Page, read_page, read_projects
from billproof.openai.record import PROJECTS_PATH, SCHEMA, Answer, Headers, costs_in, ended_days, question

LARGEST_ANSWER = 64 * 1024 * 1024
CLOCK_SECONDS = 300
MAX_PAGES = 100

_KEY_HELP = "Ask an owner of this organization for an admin key with the scope api.usage.read (platform.openai.com > Admin keys)."
_KEY_NEEDS = "If it is about the key: an owner of this organization makes it, an admin key with the scope api.usage.read."


class NoRecord(BillproofError):
    """The month could not be fetched, so there is no record."""


class Fetched(Record):
    """The document of a record without its digest, and what is worth a note to whoever fetched it."""

    document: Mapping[str, Any]
    notes: tuple[str, ...]


class _Try(Record):
    """One attempt as `attempts_of` takes it."""

    answer: Response | Failure
    again: bool = False
    after: float | None = None


def fetch(organization: str, month: str, base_url: str, key: Secret, patience: Patience = PATIENCE) -> Fetched:
    """The answers about the days of a month that have ended. Raises NoRecord, with the reason in words, if they cannot be relied
    on; UsageError if no day of the month has ended; BillproofError if a library is missing, or an answer contains the key.
    """
    load_libraries()
    started = clock()
    days = range(month_days(month).start, min(month_days(month).stop, ended_days(started)))
    if not days:
        raise UsageError(f"no day of {month_name(month)} has ended yet", "Fetch the month when it has begun: --month YYYY-MM")
    api = _Api(base_url, key, patience)
    try:
        answers = list(_costs(api, days))
        names, notes = _projects(api)
        answers += names
        costs = costs_in(answers, days, organization)
    except OtherOrganization as error:
        raise NoRecord(str(error), _KEY_HELP) from None
    except BadAnswer as error:
        raise NoRecord(f"the Costs API's answer cannot be relied on: {error}", "Nothing was written. Try again later.") from None
    finished = clock()
    _same_clock(answers, started, finished)
    if any("@" in answer.body for answer in answers):
        notes += ("The record contains e-mail addresses, word for word as OpenAI answered: keep it where the exports are kept.",)
    document = {
        "schema": SCHEMA, "organization": organization, "confirmed": bool(costs.organizations), "month": month,
        "days": {"first": day_of(days[0]).isoformat(), "last": day_of(days[-1]).isoformat()},
        "read": {"started": rfc3339(started), "finished": rfc3339(finished)}, "base_url": base_url,
        "answers": [_as_json(answer) for answer in answers],
    }  # fmt: skip
    return Fetched(document, notes)


class _Api(Record):
    """Where to ask, and with which key."""

    base_url: str
    key: Secret
    patience: Patience

    def get(self, target: str) -> Answer:
        """The answer to one question, a path with its query. Raises NoRecord if there is none, or if it is not a success."""
        headers = {
            "Authorization": f"Bearer {self.key.reveal()}", "Accept": "application/json", "Accept-Encoding": "identity",
            "User-Agent": "billproof",
        }  # fmt: skip
        request = HttpRequest("GET", self.base_url + target, headers, LARGEST_ANSWER + 1)
        try:
            last = attempts_of(request, self.patience, _tried)[-1].answer
        except NotPrepared as error:
            raise NoRecord(error.message) from None
        if isinstance(last, Failure):
            detail = f" ({last.detail})" if last.detail else ""
            raise NoRecord(f"the Costs API gave no answer: {last.text}{detail}", "Try again later.")
        if last.code != 200:
            raise _Refused(last.code, *_refusal(last, self.key))
        return self._answer(target, last)

    def _answer(self, target: str, response: Response) -> Answer:
        if len(response.body) > LARGEST_ANSWER:
            raise BadAnswer(f"it is larger than {LARGEST_ANSWER // 2**20} MiB")
        try:
            body = response.body.decode("utf-8")
        except UnicodeDecodeError:
            raise BadAnswer("it is not UTF-8") from None
        kept = Headers(*(response.headers.get(name) for name in ("date", "x-request-id", "openai-organization")))
        if any(contains(text, self.key) for text in (body, *(value or "" for value in kept))):
            raise BillproofError("the answer contains the key, so nothing was kept", "Revoke the key and create another one.")
        return Answer(target, response.code, kept, body)


class _Refused(NoRecord):
    """The API answered, but not with what was asked for."""

    def __init__(self, code: int, message: str, help: str) -> None:
        super().__init__(message, help)
        self.code = code


def _costs(api: _Api, days: range) -> Iterator[Answer]:
    """The answers that hold the days between them. Raises BadAnswer for paging that does not lead on."""
    asked = question(days)
    token: str | None = None
    tokens: set[str] = set()
    there = 0
    while there < len(days):
        answer = api.get(asked if token is None else f"{asked}&{urlencode({'page': token})}")
        page: Page = read_page(answer.body)
        yield answer
        there += len(page.days)
        token = page.next_page
        if there < len(days) and (not page.days or token is None or token in tokens):
            raise BadAnswer(f"it has {there} of {len(days)} days, and its paging leads to no more")
        tokens.add(token or "")


def _projects(api: _Api) -> tuple[list[Answer], tuple[str, ...]]:
    """The answers with the names of projects; or none and a note, because a record is as good without names."""
    answers: list[Answer] = []
    after: str | None = None
    known: set[str] = set()
    asked = f"{PROJECTS_PATH}?limit=100&include_archived=true"
    try:
        while len(answers) < MAX_PAGES:
            answer = api.get(asked if after is None else f"{asked}&{urlencode({'after': after})}")
            names, after = read_projects(answer.body)
            if names.keys() <= known and answers:
                break
            answers.append(answer)
            known |= names.keys()
            if after is None:
                break
    except _Refused as error:
        if error.code in (401, 403):
            return [], ("The names of projects stay unknown: the key lacks the scope api.management.read.",)
        return [], (f"The names of projects stay unknown: {error.message}.",)
    except (NoRecord, BadAnswer) as error:
        return [], (f"The names of projects stay unknown: {error}.",)
    return answers, ()


def _tried(answer: Response | Failure) -> _Try:
    if isinstance(answer, Failure):
        return _Try(answer, answer.again)
    again = answer.code == 429 or answer.code >= 500
    return _Try(answer, again, retry_after(answer.headers, clock().timestamp()) if again else None)


def _refusal(response: Response, key: Secret) -> tuple[str, str]:
    """A refusal in plain words, and what to do."""
    if response.code == 401:
        return "OpenAI does not accept the key (401): it is not an admin key, or it was revoked", _KEY_HELP
    if response.code == 403:
        return "the key may not read costs (403): it lacks the scope api.usage.read, or is of another organization", _KEY_HELP
    if response.code == 429:
        return "OpenAI limits how often it may be asked (429)", "Try again later."
    if response.code == 400:
        return f"OpenAI refuses the question (400): {_said(response, key)}", _KEY_NEEDS
    return f"the Costs API answered {response.code}: {_said(response, key)}", "Nothing was written."


def _said(response: Response, key: Secret) -> str:
    """What a refusal says: the message of OpenAI's error, else how its body begins."""
    text = response.body[:2000].decode("utf-8", "replace")
    with suppress(ValueError, LookupError, TypeError, RecursionError):
        text = str(json.loads(response.body)["error"]["message"])
    return shown(redact(" ".join(text[:2000].split()), key), 200)


def _same_clock(answers: list[Answer], started: datetime, finished: datetime) -> None:
    """Raises NoRecord if this machine and the server do not agree about the time: a day might not have ended."""
    for answer in answers:
        date = http_date(answer.headers.date or "")
        if date is not None and not started.timestamp() - CLOCK_SECONDS <= date <= finished.timestamp() + CLOCK_SECONDS:
            text = f"this machine's clock and the server's differ by more than 5 minutes ({answer.headers.date})"
            raise NoRecord(text, "Set the clock and fetch again.")


def _as_json(answer: Answer) -> dict[str, Any]:
    date, request_id, organization = answer.headers
    headers = {"date": date, "x-request-id": request_id, "openai-organization": organization}
    return {"path": answer.path, "status": answer.status, "headers": headers, "body": answer.body}
