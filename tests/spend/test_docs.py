"""docs/spend.md shows what the command prints."""

from __future__ import annotations

from pathlib import Path

from billproof.spend.told import KINDS
from tests.spend.project import CONFIGURATION
from tests.support import ROOT, run
from tests.test_docs import blocks, table

PAGE = ROOT / "docs" / "spend.md"


def test_the_text_and_the_alerts_are_what_is_printed(project: Path) -> None:
    text, alerts = (block.text for block in blocks("text") if block.path == PAGE)
    assert run("spend")[1] == text
    assert run("spend", "--alert", "--from", "2026-10") == (1, alerts, "")
    (yaml,) = (block.text for block in blocks("yaml") if block.path == PAGE)
    assert yaml in CONFIGURATION


def test_every_kind_of_finding_is_explained() -> None:
    told = [row[0].replace(" ", "_") for row in table(PAGE.read_text("utf-8"), "kind")]
    assert told == list(KINDS)
