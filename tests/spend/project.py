"""What tests of `billproof spend` share: the configuration of their project, and the command."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from billproof.config.settings import parse_as_of
from tests.support import ROOT, run

SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "schemas" / "spend.v1.schema.json").read_text("utf-8")))
CONFIGURATION = """\
version: 1
ledger: .billproof/ledger
destinations:
  archive: {kind: directory, path: archive}
integrations:
  - {name: research, organization: org-EXAMPLEacme01, files: exports/research, to: archive}
  - {name: europe, organization: org-EXAMPLEacme02, files: exports/europe, to: archive}
alerts: {spike: 100, new: 1000, vanished: 600, price_change: 0}
"""


def stand_still(patch: pytest.MonkeyPatch) -> None:
    """The clock stands on 3 November 2026."""
    patch.setattr("billproof.config.settings.clock", lambda: parse_as_of("2026-11-03T08:00:00Z"))


def spend(*arguments: str) -> dict[str, Any]:
    """The document of `billproof spend`, which fits its schema."""
    code, out, err = run("spend", *arguments, "--format", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    SCHEMA.validate(found)
    return found
