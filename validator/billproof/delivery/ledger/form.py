"""The form of a receipt, byte for byte as `receipt.encoded` writes it. Every command reads receipts here, and nowhere else, so
that none takes for a receipt what another calls damaged. `schemas/receipt.v1.schema.json` says the same to others.
"""

from __future__ import annotations

import json
import re
from functools import cache

from billproof.model.values import MONTH

_TEXT = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\bfnrt]|u00[01][0-9a-f])[^"\\\x00-\x1f]*+)*+"'
_COUNT = r"(?:0|[1-9][0-9]{0,14}+)"
_FROM_1 = r"[1-9][0-9]{0,14}+"
_SCALAR = rf"(?:{_TEXT}|-?{_COUNT}|true|false|null)"
_TEXT_OR_NULL = rf"(?:{_TEXT}|null)"
_SHA256 = r'"[0-9a-f]{64}"'
_MONEY = r'"-?[0-9]{1,30}+(?:\.[0-9]{1,200}+)?"'
_DATE = rf"{MONTH}-(?:0[1-9]|[12][0-9]|3[01])"
_INSTANT = rf'"{_DATE}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"'


def _list(item: str, end: str = "*+") -> str:
    return rf"\[(?:{item}(?:, (?!\])|(?=\]))){end}\]"


def _any_object(value: str) -> str:
    return rf"\{{(?:{_TEXT}: {value}(?:, (?!\}})|(?=\}})))*+\}}"


def _object(**members: str) -> str:
    return r"\{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + r"\}"


_FLAT = _any_object(_SCALAR)
_OBJECT = _any_object(f"(?:{_SCALAR}|{_any_object(f'(?:{_SCALAR}|{_FLAT})')})")
_SUM = {"rows": _FROM_1, "amount": _MONEY}
_TOTALS = _object(
    amount=_MONEY, currency=_TEXT, charged_rows=_FROM_1, empty_days=_COUNT,
    days=_list(_object(date=f'"{_DATE}"', **_SUM), "++"), projects=_list(_object(id=_TEXT, name=_TEXT_OR_NULL, **_SUM)),
)  # fmt: skip
_ANSWER = _object(
    text=_TEXT, id=_TEXT_OR_NULL, time=_TEXT_OR_NULL, code=f"(?:{_COUNT}|null)", attempts=_COUNT,
    retry_after=f"(?:{_FROM_1}|null)",
)  # fmt: skip
_WAIVER = (
    rf'\{{"rule": {_TEXT}, "violations": {_FROM_1}, "reason": {_TEXT}, "owner": {_TEXT}, "expires": {_TEXT}, "at": {_TEXT}'
    rf'(?:, "approved_by": {_TEXT})?(?:, "reference": {_TEXT})?\}}'
)
_COSTS = _object(
    sha256=_SHA256, signed="(?:true|false)", base_url=_TEXT, read=_INSTANT, keys=_COUNT, total=_MONEY, difference=_MONEY
)
# A directory is known by its pointer, an API by its URL.
_DESCRIPTION = rf'(?=\{{"put": {_TEXT}, "pointer": {_TEXT}, |\{{"method": {_TEXT}, "url": {_TEXT}, ){_OBJECT}'

# What is on disk before the first byte goes out, and is the same in the receipt. Only 0.1.0 wrote neither what the file was
# checked with nor what came of it.
_FILE = {"name": _TEXT, "bytes": _FROM_1, "sha256": f'"(?P<file_sha256>{_SHA256[1:-1]})"'}
_HEAD = {
    "schema": '"billproof/receipt/v1"', "ledger": _TEXT, "n": _FROM_1, "destination": '(?!"")' + _TEXT,
    "organization": '(?!"")' + _TEXT, "month": f'"{MONTH}"', "started": _INSTANT,
    "integration": _object(name=_TEXT_OR_NULL, id=_TEXT_OR_NULL),
    "file": _object(path=rf'{_TEXT}(?:, "version": {_TEXT})?(?:, "organization_name": {_TEXT})?', **_FILE), "totals": _TOTALS,
    "waivers": _list(_WAIVER), "result_sha256": _SHA256, "file_result_sha256": _SHA256,
    "costs": f"(?:null|{_COSTS})",
    "ruleset": _object(name=_TEXT, version=_TEXT, sha256=_SHA256), "tool": _object(name='"billproof"', version=_TEXT),
    "settings": _OBJECT, "config": _object(path=_TEXT, sha256=_SHA256), "as_of": _INSTANT, "month_to_date": "(?:true|false)",
    "run": _object(started=_INSTANT, finished=_INSTANT),
    "request": _object(sha256=_SHA256, description=_DESCRIPTION), "ci": _FLAT, "host": f"(?:{_FLAT}|null)",
    "previous": _list(_SHA256),
}  # fmt: skip
_TAIL = {
    "attempt": f"(?:{_SHA256}|null)", "status": '"(?:accepted|refused|unknown|already_there)"', "answer": _ANSWER,
    "finished": _INSTANT,
}  # fmt: skip
_BEGINNING = re.compile(
    rf',\n"attempt": null,\n"status": "unknown",\n"answer": {_ANSWER},\n"finished": {_INSTANT}\n\}}\n'.encode()
)
_BY_0_1 = {key: value for key, value in _HEAD.items() if key not in ("file_result_sha256", "costs", "settings", "run")} | {
    "file": _object(**_FILE), "tool": _object(name='"billproof"', version=r'"0\.1\.0"')
}
_KEPT = ("ledger", "n", "destination", "organization", "month", "result_sha256", "previous")


def _lines(form: dict[str, str]) -> list[str]:
    return [f'"{key}": {f"(?P<{key}>{value})" if key in (*_KEPT, *_TAIL) else value}' for key, value in form.items()]


@cache
def _pattern(is_by_0_1: bool) -> re.Pattern[str]:
    head, tail = (",\n".join(_lines(part)) for part in (_BY_0_1 if is_by_0_1 else _HEAD, _TAIL))
    return re.compile(rf"\{{\n{head}(?P<end>,)\n{tail}\n\}}\n")


def split(text: str) -> tuple[dict[str, str], int]:
    """What the program needs of a receipt or an attempt, as JSON by key, and the end of what was known before the answer.

    Raises ValueError, which names the key, for a text of any other form.
    """
    is_by_0_1 = '\n"settings": ' not in text
    whole = _pattern(is_by_0_1).fullmatch(text)
    if whole is not None:
        return whole.groupdict(), whole.start("end")
    for line, form in zip(text.split("\n")[1:], _lines((_BY_0_1 if is_by_0_1 else _HEAD) | _TAIL), strict=False):
        if not re.fullmatch(form + ",?", line):
            key = form.split('"')[1]
            raise ValueError(f"`{key}` is not as billproof writes it")
    raise ValueError("it is not as billproof writes it")


def is_beginning(end: bytes) -> bool:
    """Whether a document that ends like this was written before the first byte went out."""
    return _BEGINNING.fullmatch(end) is not None


def text_of(value: str) -> str:
    """A text from its JSON."""
    return str(json.loads(value)) if "\\" in value else value[1:-1]
