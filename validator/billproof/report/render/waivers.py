"""The waivers to paste into billproof.yaml, for a file whose every failure can be waived."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from billproof.report.render.phrases import in_state, stops

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportOutcome

WAIVER_DAYS = 90


def waivers_to_paste(file: ReportFile, report: Report) -> Iterator[str]:
    """The lines of YAML, below a line that says what they are for; nothing where a waiver would not make the file pass."""
    waivable = {rule["id"] for rule in report["ruleset"]["rules"] if rule["waivable"]}
    outcomes = [outcome for outcome in in_state(file, "failed") if stops(outcome, report)]
    if any(reason["code"] != "failed" and reason["file"] == file["path"] for reason in report["reasons"]):
        return
    if not outcomes or any(outcome["level"] == "error" and outcome["rule"] not in waivable for outcome in outcomes):
        return
    these = "this waiver" if len(outcomes) == 1 else "these waivers"
    yield f"  If this is expected, add {these} to billproof.yaml and fill in reason and owner"
    yield "waivers:"
    today = max(report["run"]["as_of"], report["run"]["started"])[:10]
    expires = date.fromisoformat(today) + timedelta(days=WAIVER_DAYS)
    for outcome in outcomes:
        yield (
            f"  - {{rule: {outcome['rule']}, organization: {_yaml(file['organization']['value'])}, "
            f'month: "{file["month"]["value"]}", {_limit(outcome, file)}reason: "", owner: "", expires: "{expires}"}}'
        )


def _limit(outcome: ReportOutcome, file: ReportFile) -> str:
    """What an error's waiver must not go beyond. What is counted once a file could be anything in another: this file alone."""
    if outcome["level"] != "error":
        return ""
    return f"sha256: {file['sha256']}, " if outcome["unit"] == "file" else f"at_most: {outcome['violations']}, "


def _yaml(organization: str | None) -> str:
    """An id as it may be pasted: plain if it is one, in quotes if it contains anything else."""
    plain = organization is None or re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", organization)
    return (organization or "ORGANIZATION") if plain else json.dumps(organization, ensure_ascii=False)
