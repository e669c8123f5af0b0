"""A record: the answers of OpenAI's Costs API about one month of one organization, word for word, in one file.

`<folder>/<organization>/<month>/<read>-<sha12>.json`, written once and never changed. What it says follows from the answers
alone, so it is read from them anew each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from billproof.config.settings import Signature
from billproof.io import durable
from billproof.model.canonical import canonical
from billproof.model.costs import CostsRecord
from billproof.model.errors import FileError, Unreadable
from billproof.model.record import Record
from billproof.model.values import DAY_SECONDS, calendar_date, day_number, instant, is_month, month_days, shown
from billproof.openai.answers import BadAnswer, Costs, OtherOrganization, costs_of, read_page, read_projects
from billproof.reading.decode import Spec, read
from billproof.reading.source import small_file
from billproof.reading.yaml_tree import Node
from billproof.rules.table_schema import unique_keys

SCHEMA = "billproof/costs/v1"
COSTS_PATH = "/v1/organization/costs"
PROJECTS_PATH = "/v1/organization/projects"
LARGEST = 256 * 1024 * 1024

_DATE = r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}"
_INSTANT = rf"{_DATE}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z"
_HELP = "It was damaged or edited. Fetch the month again: billproof costs fetch"


class Span(Record):
    """The UTC days that a record covers."""

    first: Annotated[str, Spec(pattern=_DATE)]
    last: Annotated[str, Spec(pattern=_DATE)]


class ReadAt(Record):
    """When the first request was made, and when the last answer was there, by the clock of the machine that asked."""

    started: Annotated[str, Spec(pattern=_INSTANT)]
    finished: Annotated[str, Spec(pattern=_INSTANT)]


class Headers(Record):
    """The headers by which OpenAI can find an answer again."""

    date: str | None
    request_id: Annotated[str | None, Spec(key="x-request-id")]
    organization: Annotated[str | None, Spec(key="openai-organization", doc="A name, not an ID.")]


class Answer(Record):
    """One answer, word for word."""

    path: Annotated[str, Spec(doc="The path and the query that were asked.")]
    status: int
    headers: Headers
    body: str


class RecordFile(Record):
    """A record as it is written."""

    schema: Literal["billproof/costs/v1"]
    organization: Annotated[str, Spec(pattern=r"\S+", doc="The organization ID, as configured.")]
    confirmed: Annotated[bool, Spec(doc="Whether the answers name that ID themselves.")]
    month: Annotated[str, Spec(pattern=r"[0-9]{4}-[0-9]{2}")]
    days: Span
    read: ReadAt
    base_url: str
    answers: tuple[Answer, ...]
    sha256: Annotated[str, Spec(pattern=r"[0-9a-f]{64}", doc="Over everything else, by RFC 8785.")]


def sealed(document: Mapping[str, Any]) -> bytes:
    """The bytes of a record, with its digest."""
    return json.dumps({**document, "sha256": _digest(document)}, indent=1, ensure_ascii=False).encode() + b"\n"


def place_of(folder: str, document: Mapping[str, Any]) -> str:
    """Where a record belongs in a folder of records."""
    started = re.sub("[-:]", "", document["read"]["started"])
    name = f"{started}-{_digest(document)[:12]}.json"
    return os.path.join(month_folder(folder, document["organization"], document["month"]), name)


def month_folder(folder: str, organization: str, month: str) -> str:
    """The folder of the records of a month."""
    return os.path.join(folder, re.sub(r"^\.", "%2E", quote(organization, safe="")), month)


def write(path: str, data: bytes) -> None:
    """Writes a new record. Raises OSError if it cannot be written, FileExistsError if there is another file of that name."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    try:
        durable.put_new(path, [data])
    except FileExistsError:
        # The same answers within one second are the same record.
        if small_file(path, LARGEST) != data:
            raise


def read_record(path: str, signature: Signature | None = None) -> CostsRecord:
    """The record in a file. Raises Unreadable if it is damaged, edited, of another schema, or lacks the signature."""
    data = small_file(path, LARGEST)
    if signature is not None:
        signature(path, data)
    return record_in(path, data)._replace(signed=signature is not None)


def record_in(path: str, data: bytes) -> CostsRecord:
    """The record in `data`, the bytes of a file. Raises Unreadable as `read_record` does."""
    try:
        return _record(_file(data))
    except (ValueError, RecursionError, BadAnswer) as error:
        raise _damaged(path, error) from None


def _file(data: bytes) -> RecordFile:
    """The parts of a record. Raises BadAnswer, ValueError or RecursionError for another form, or another digest."""
    document = json.loads(data.decode("utf-8"), object_pairs_hook=unique_keys)
    file = _shaped(document)
    if _digest(document) != file.sha256:
        raise BadAnswer("its content does not match its digest")
    return file


def _damaged(path: str, error: Exception) -> Unreadable:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error), 200)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        reason = "it is not JSON"
    return Unreadable(f"{path} is not a valid record of OpenAI's costs: {reason}", _HELP)


def months_of(folder: str, organization: str) -> list[str]:
    """The months of an organization that have a folder of records."""
    where = os.path.dirname(month_folder(folder, organization, ""))
    return sorted(name for name in os.listdir(where) if is_month(name)) if os.path.isdir(where) else []


def newest_first(where: str) -> list[str]:
    """The records in the folder of a month, that which was read last first, whatever its name.

    Raises Unreadable if they cannot be listed, or if one of several is damaged.
    """
    try:
        paths = sorted((os.path.join(where, name) for name in os.listdir(where) if name.endswith(".json")), reverse=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Unreadable(f"{where}: cannot be read: {error.strerror or error}") from None
    return sorted(paths, key=_read_at, reverse=True) if len(paths) > 1 else paths


def _read_at(path: str) -> str:
    """When a record was read, as it says itself; its answers are left for later."""
    try:
        return _file(small_file(path, LARGEST)).read.started
    except (ValueError, RecursionError, BadAnswer) as error:
        raise _damaged(path, error) from None


def costs_in(answers: Sequence[Answer], days: range, organization: str) -> Costs:
    """What the answers say together, with the names of projects. Raises BadAnswer."""
    asked = question(days)
    pages, names = [], dict[str, str]()
    for answer in answers:
        if answer.path == asked or re.fullmatch(rf"{re.escape(asked)}&page=[^&]+", answer.path):
            pages.append(read_page(answer.body))
        elif answer.path.startswith(f"{PROJECTS_PATH}?"):
            names.update(read_projects(answer.body)[0])
        else:
            raise BadAnswer(f"it contains the answer to another question: {answer.path}")
    costs = costs_of(pages, days)
    others = costs.organizations - {organization}
    if others:
        raise OtherOrganization(f"the answers are of another organization: {', '.join(map(shown, sorted(others)))}")
    return costs._replace(names={**costs.names, **{id_: name for id_, name in names.items() if name}})


def question(days: range) -> str:
    """Path and query that ask for the costs of these days; a page but the first has a parameter more."""
    query: list[tuple[str, str | int]] = [
        ("start_time", days.start * DAY_SECONDS), ("end_time", days.stop * DAY_SECONDS), ("bucket_width", "1d"), ("limit", 31),
        ("group_by[]", "project_id"), ("group_by[]", "line_item"),
    ]  # fmt: skip
    return f"{COSTS_PATH}?{urlencode(query)}"


def _shaped(document: Any) -> RecordFile:
    """The document as a record file. Raises BadAnswer for another form."""
    errors: list[FileError] = []
    file = read(RecordFile, _node(document), "", errors)
    if file is None:
        raise BadAnswer(errors[0].text)
    return file


def _record(file: RecordFile) -> CostsRecord:
    first, last = calendar_date(file.days.first), calendar_date(file.days.last)
    started, finished = instant(file.read.started), instant(file.read.finished)
    if first is None or last is None or started is None or finished is None or not is_month(file.month):
        raise BadAnswer("a date or time in it does not exist")
    days = range(day_number(first), day_number(last) + 1)
    month = month_days(file.month)
    if not days or days != range(month.start, min(month.stop, ended_days(started))) or finished < started:
        raise BadAnswer("it does not cover the days of its month that had ended when it was read, and no others")
    if any(answer.status != 200 for answer in file.answers):
        raise BadAnswer("it contains an answer that is not a success")
    costs = costs_in(file.answers, days, file.organization)
    if file.confirmed != bool(costs.organizations):
        raise BadAnswer("its answers do not say what it says of the organization")
    headers = {answer.headers.organization: True for answer in file.answers if answer.headers.organization}
    return CostsRecord(
        file.sha256, file.organization, file.month, days, started, finished, file.base_url, costs.amounts, costs.names,
        organization_name=" / ".join(sorted(costs.organization_names) or headers),
    )


def ended_days(moment: datetime) -> int:
    """The number of the day in which an instant lies: every day before it had ended."""
    return int(moment.timestamp()) // DAY_SECONDS


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical({key: value for key, value in document.items() if key != "sha256"})).hexdigest()


def _node(value: Any) -> Node:
    """JSON as the tree that `read` takes."""
    if isinstance(value, dict):
        return Node({key: _node(inner) for key, inner in value.items()}, 1)
    return Node([_node(inner) for inner in value] if isinstance(value, list) else value, 1)
