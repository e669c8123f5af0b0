"""What an answer over HTTP means for the month at the destination, in words that may be shown and stored.

| what came back | status | sent again |
|---|---|---|
| a code of `success` (200, 201, 202, 204), read to its end, after the whole file was sent | accepted | no |
| any other 2xx, 303, a 2xx before the whole file was sent, with markup, unreadable, or without the id of `id_at` | unknown | no |
| 429, 503 | refused | yes, not before Retry-After |
| 408, 409 (an earlier request may still be at work), 500 and above except 503 | unknown | yes |
| any other 3xx (redirects are never followed), any other 4xx | refused | no |
| no connection (name, network, TLS): nothing was sent | refused | yes; not after a certificate that is not trusted |
| the connection broke or timed out: no response, half a 2xx response, not HTTP | unknown | yes |

After several attempts: accepted if the last was; else unknown if any was; else refused. Accepted means that the server
said so; unknown means that the month may have been replaced even so. Sending the same again is harmless.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from billproof.config.destinations import DestinationSettings
from billproof.delivery.shipment import Answer, Status
from billproof.io.attempts import Failure, Response
from billproof.io.http_time import retry_after
from billproof.io.secrets import Secret, redact
from billproof.model.record import Record
from billproof.model.values import shown

SUCCESS = (200, 201, 202, 204)
# A refusal may contain a long report in addition to its title and detail.
BODY_BYTES = 1_048_576
_TEXT = 200
_SEARCHED = 4000
_PAGES = ("text/html", "application/xhtml+xml")
_TAGS = (
    rb"(?i)<(?:/[a-z]|(?:[?]xml|!doctype|html|head|body|title|meta|script|style|form|iframe)\b"
    rb"|(?:a|div|p|h[1-6]|br|img|input|link|span|table|noscript|frameset)(?:/?>|\s+[a-z-]+=))"
)
_GZIP = b"\x1f\x8b"
_GZIP_OR_ZLIB = 47
# In ASCII these are seven characters; in UTF-7 they are two.
_PROBE = b"<+ADw-/"
_TIMES = {2: "twice", 3: "three times", 4: "four times", 5: "five times"}


class AttemptResult(Record):
    """The result of one attempt: `said` in few words, `detail` in the server's; `after` are the seconds that it asks to wait."""

    status: Status
    said: str
    detail: str = ""
    again: bool = False
    after: float | None = None
    code: int | None = None
    id: str | None = None
    time: str | None = None


def result_of(answer: Response | Failure, settings: DestinationSettings, secrets: Sequence[Secret], now: float) -> AttemptResult:
    """The result of an attempt, in which nothing shows the secrets; `now` is our clock in seconds, for servers that have none."""
    if isinstance(answer, Failure):
        return AttemptResult("unknown" if answer.arrived else "refused", answer.text, answer.detail, answer.again)
    result = _result(answer, settings, secrets, now)
    if 200 <= answer.code <= 299 and not answer.sent:
        return result._replace(status="unknown", said=f"{answer.code} before the whole file was sent", id=None)
    return result


def answer_of(attempts: Sequence[AttemptResult], seconds: float) -> Answer:
    """All attempts as one answer. If the outcome of an attempt is unknown, a later refusal does not change that."""
    last = attempts[-1]
    status = last.status
    if status != "accepted" and any(attempt.status == "unknown" for attempt in attempts):
        status = "unknown"
    runs = [(said, len(list(group))) for said, group in groupby(attempts, key=lambda attempt: attempt.said)]
    text = ", then ".join(said if count == 1 else f"{said} {_TIMES.get(count, f'{count} times')}" for said, count in runs)
    if seconds >= 1 and len(attempts) > 1:
        text += f" in {seconds:.0f} s"
    if last.detail:
        text += f": {last.detail}"
    if all(attempt.status == "refused" and attempt.code is None for attempt in attempts):
        text += "; nothing was sent"
    if last.after:
        text += f"; the server asks to wait {math.ceil(last.after)} s"
    wait = math.ceil(last.after) if last.after else None
    return Answer(status, shown(text, _TEXT), last.id, last.time, last.code, len(attempts), wait)


def _result(response: Response, settings: DestinationSettings, secrets: Sequence[Secret], now: float) -> AttemptResult:
    status, again = _meaning(response.code, settings.success or SUCCESS)
    body = _body(response)
    document = _json(body or b"")
    id, detail = None, ""
    if status == "accepted":
        if settings.id_at is not None:
            id = _at(document, settings.id_at)
        detail = _doubt(response, settings, body, document, id)
        status = "unknown" if detail else status
    elif 300 <= response.code <= 399:
        detail = _redirect(response.headers.get("location", ""))
    else:
        detail = _words(response, body or b"", document)
    after = retry_after(response.headers, now) if again else None
    said = (detail, id or "", response.headers.get("date", ""))
    detail, id, date = (redact(words[:_SEARCHED], *secrets) for words in said)
    return AttemptResult(
        status, str(response.code), detail, again, after, response.code, shown(id, 120) or None, shown(date, 40) or None
    )  # fmt: skip


def _meaning(code: int, success: Sequence[int]) -> tuple[Status, bool]:
    if code in success:
        return "accepted", False
    if code in (429, 503):
        return "refused", True
    if code in (408, 409) or code >= 500:
        return "unknown", True
    return "unknown" if code < 300 or code == 303 else "refused", False


def _doubt(response: Response, settings: DestinationSettings, body: bytes | None, document: Any, id: str | None) -> str:
    """Why a success code may not mean success: a login page, or no ID where the configuration expects one."""
    if settings.id_at is not None and id is None:
        return f"the response has no ID at {settings.id_at or 'its root'}, so it may not come from the upload API"
    if body is None:
        return "the response is encoded in a way that billproof did not ask for and cannot read"
    if response.headers.get("content-type", "").lower().startswith(_PAGES) or (document is None and _is_markup(body)):
        return "the response is a web page, perhaps a login page"
    return ""


def _is_markup(body: bytes) -> bool:
    """Whether a body that is not JSON begins as markup does, or has a tag of a page; JSON may have been cut off."""
    text = body.replace(b"\0", b"")
    start = re.search(rb"[!-~]", text)
    cut_off = len(body) >= BODY_BYTES and start is not None and start[0] in b'{["'
    return start is not None and (start[0] == b"<" or (not cut_off and re.search(_TAGS, text) is not None))


def _redirect(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return f"it redirects to {host or 'another path'}; redirects are not followed"


def _words(response: Response, body: bytes, document: Any) -> str:
    """An error body as text: title and detail of RFC 9457, other JSON on one line, plain text; of a page, its title."""
    if isinstance(document, dict):
        given = [document[key] for key in ("title", "detail") if isinstance(document.get(key), str) and document[key]]
        texts = dict.fromkeys(given)
        if texts:
            return _line("; ".join(texts))
    text = _decoded(body)
    if document is not None:
        with suppress(RecursionError):
            return _line(json.dumps(document, ensure_ascii=False))
    elif "html" in response.headers.get("content-type", "") or _is_markup(body):
        return _title(text) or "a web page, not the API"
    return "" if "\x00" in text else _line(text)


def _title(page: str) -> str:
    tag = re.search(r"(?i)<title\b", page)
    start = page.find(">", tag.end()) + 1 if tag else 0
    return _line(page[start:].partition("<")[0]) if start else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def _body(response: Response) -> bytes | None:
    """The body, unpacked if it is packed; None if that cannot be done, or if its charset hides markup."""
    body, encoding = response.body, response.headers.get("content-encoding", "identity").strip().lower()
    readable = encoding in ("", "identity") or not body or _json(body) is not None
    if body[:2] == _GZIP or (encoding == "deflate" and not readable):
        import zlib

        unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
        with suppress(zlib.error):
            body = unpacker.decompress(body, BODY_BYTES)
        readable = bool(body or unpacker.eof) and body[:2] != _GZIP and body is not response.body
    charset = re.search(r"(?i)charset *= *[\"']?([\w.:+-]+)", response.headers.get("content-type", ""))
    with suppress(LookupError, ValueError):
        readable = readable and (charset is None or _PROBE.decode(charset[1]) == _PROBE.decode())
    return body if readable else None


def _decoded(body: bytes) -> str:
    return body.decode(json.detect_encoding(body), "replace")


def _json(body: bytes) -> Any:
    try:
        return json.loads(_decoded(body), strict=False)
    except (ValueError, RecursionError):
        return None


def _at(document: Any, pointer: str) -> str | None:
    """The text or whole number at a JSON pointer (RFC 6901), or None."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and re.fullmatch(r"0|[1-9][0-9]{0,8}", key) and int(key) < len(document):
            document = document[int(key)]
        elif isinstance(document, dict) and key in document:
            document = document[key]
        else:
            return None
    if isinstance(document, bool) or not isinstance(document, (str, int)):
        return None
    return _line(str(document)) or None
