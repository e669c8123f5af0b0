"""What tests of `billproof costs` need: a project with a key, and the real command in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from billproof.io.attempts import Patience
from billproof.model.values import month_days
from billproof.openai.fetch import fetch
from tests.delivery.destinations.server import Act, answer
from tests.sending import QUICK
from tests.support import run

ACME = "org-EXAMPLEacme01"
MONTH = "2025-10"
VARIABLE = "ADMIN_KEY_OF_TESTS"
KEY = "sk-admin-EXAMPLE0123456789abcdefghijKLMNOP"


def be_patient(monkeypatch: pytest.MonkeyPatch, patience: Patience = QUICK) -> None:
    """How long a fetch tries from now on."""
    monkeypatch.setattr(fetch, "__defaults__", (patience,))


def configure(folder: Path, base_url: str, more: str = "", integration: str = "") -> None:
    """A configuration with one integration that has a key; `more` integrations below it."""
    (folder / "billproof.yaml").write_text(
        f"""version: 1
costs: {{folder: costs/, base_url: "{base_url}"}}
integrations:
  - {{name: main, organization: {ACME}, costs: {{key: {{env: {VARIABLE}}}{integration}}}}}
{more}""",
        "utf-8",
    )


def records(folder: Path) -> list[Path]:
    """The records in the folder of records."""
    return sorted((folder / "costs").rglob("*.json"))


def fetched(*arguments: str, key: str = KEY, month: str = MONTH) -> tuple[int, str, str]:
    """`billproof costs fetch`: code, output, errors; neither holds the key, nor a traceback."""
    code, out, err = run("costs", "fetch", "--month", month, *arguments)
    assert key not in out + err
    assert "Traceback" not in err
    return code, out, err


def result(value: str, project: str | None = "proj_EXAMPLE1", item: str | None = "whisper", more: str = "") -> str:
    """A result as JSON; `value` is JSON itself, `more` further members."""
    return (
        f'{{"object": "organization.costs.result", "amount": {{"value": {value}, "currency": "usd"}}, '
        f'"line_item": {json.dumps(item)}, "project_id": {json.dumps(project)}{more}}}'
    )


def bucket(day: int, *results: str, name: str = "results", length: int = 86_400) -> str:
    """A bucket as JSON, of a day counted from 1970."""
    times = f'"start_time": {day * 86_400}, "end_time": {day * 86_400 + length}'
    return f'{{"object": "bucket", {times}, "{name}": [{", ".join(results)}]}}'


def page(*buckets: str, more: str = '"has_more": false, "next_page": null') -> str:
    """An answer of the Costs API as JSON."""
    return f'{{"object": "page", "data": [{", ".join(buckets)}], {more}}}'


def whole(*results: str, month: str = MONTH, more: str = '"has_more": false, "next_page": null') -> str:
    """An answer with every day of a month; its results are on the first."""
    first, *others = month_days(month)
    return page(bucket(first, *results), *map(bucket, others), more=more)


PROJECTS = '{"object": "list", "data": [{"id": "proj_EXAMPLE1", "name": "Search"}], "has_more": false}'


def says(body: str | bytes, code: int = 200, **headers: str) -> Act:
    """Answers with a body."""
    return answer(code, body if isinstance(body, bytes) else body.encode(), **headers)
