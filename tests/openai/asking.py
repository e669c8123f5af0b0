"""What tests of `billproof costs` need: a project with a key, and the real command in it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from billproof.io.attempts import Patience
from billproof.openai.fetch import fetch
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


def traced(error: BaseException) -> str:
    """A traceback with the values of every variable in it, as a crash reporter takes them."""
    frames: Any = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(frames.format())
