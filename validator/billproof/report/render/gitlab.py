"""GitLab's Code Quality report: an array of issues with a fingerprint and a severity (docs.gitlab.com, "Code Quality").

GitLab expects no byte order mark, paths from the repository's root, and no fingerprint twice. Nobody reads more than 5,000
issues, so the last one says how many more there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from billproof.report.render.aside import sentences
from billproof.report.render.entries import Entry, Weight, entries, source_path, with_rest

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportSetAside

LIMIT = 5_000
SET_ASIDE = 20

_SEVERITIES: dict[Weight, str] = {"unproved": "blocker", "error": "major", "warning": "minor", "note": "info"}


def render_gitlab(report: Report) -> str:
    """The findings as JSON; `[]` for a pass without any. What is unproved is a blocker; files set aside are one more, for
    information.
    """
    issues = [_issue(entry) for entry in with_rest(entries(report), report, LIMIT)]
    issues += [_issue(entry) for entry in _set_aside(report.get("set_aside", ()))]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"


def _set_aside(files: Sequence[ReportSetAside]) -> Iterator[Entry]:
    for text in sentences(files, SET_ASIDE):
        mark = hashlib.sha256(text.encode("utf-8")).hexdigest()
        yield Entry("note", source_path(files[0]["path"]), "SET-ASIDE", "not-judged", text, fingerprint=mark)


def _issue(entry: Entry) -> dict[str, Any]:
    return {
        "description": entry.text,
        "check_name": f"{entry.rule} {entry.name}",
        "fingerprint": entry.fingerprint,
        "severity": _SEVERITIES[entry.weight],
        "location": {"path": entry.path, "lines": {"begin": entry.line or 1}},
    }
