"""For the log of a GitHub Actions job: the text, then annotations (docs.github.com, "Workflow commands").

GitHub shows ten errors, ten warnings and ten notices of a step and drops the rest silently, so the tenth says how many
more there are. Values are escaped as actions/toolkit does (packages/core/src/command.ts).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from billproof.report.render.entries import STANDARD_INPUT, Entry, Weight, and_more, capped, entries
from billproof.report.render.text import Detail, render_text

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

LIMIT = 10

_COMMANDS: dict[str, tuple[Weight, ...]] = {"error": ("unproved", "error"), "warning": ("warning",), "notice": ("note",)}


def render_github(report: Report, detail: Detail = "normal", has_waivers: bool = False) -> str:
    """The report as text, and each finding that fits as a workflow command on a line of its own."""
    findings = entries(report)
    lines = (line for command in _COMMANDS for line in _annotations(command, findings, report))
    return render_text(report, detail, has_waivers=has_waivers) + "".join(lines)


def _annotations(command: str, findings: Sequence[Entry], report: Report) -> Iterator[str]:
    shown, more = capped(findings, report, LIMIT, _COMMANDS[command])
    for entry in shown:
        text = "\n".join(part for part in (entry.text, entry.fix and f"What to do: {entry.fix}") if part)
        yield f"::{command} {_properties(entry)}::{_data(text)}\n"
    if more:
        yield f"::{command} title=billproof::{_data(and_more(more))}\n"


def _properties(entry: Entry) -> str:
    file = None if entry.path == STANDARD_INPUT else entry.path
    named = {"file": file, "line": entry.line, "endLine": entry.end_line, "title": f"{entry.rule} {entry.name}"}
    return ",".join(f"{name}={_property(str(value))}" for name, value in named.items() if value is not None)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
