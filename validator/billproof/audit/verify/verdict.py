"""Whether what a report says of its run as a whole, its verdict first, follows from its own outcomes and settings."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from billproof.audit.verify.differences import differences
from billproof.audit.verify.result import Step
from billproof.config.settings import CLOCK
from billproof.engine.pipeline import Run
from billproof.model.values import rfc3339, shown
from billproof.report.build import report_head

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report


def compare_verdict(document: Report, run: Run) -> Step:
    """Whether the verdict, and all that the report says of the run as a whole, follows from its own outcomes."""
    head = {key: value for key, value in document.items() if key not in ("files", "result_sha256", "run")}
    problems = [difference.text for difference in differences(head, report_head(run))]
    for file, verdict in zip(document["files"], run.verdict.files, strict=True):
        if file["verdict"] != verdict.word:
            problems.append(f"{shown(file['path'])}: the report says {file['verdict']}; its outcomes say {verdict.word}")
    # Two names may be shown as one path, so the bytes count, too.
    same = Counter((file["path"], file["sha256"]) for file in document["files"] if file["sha256"] is not None)
    problems += [f"{shown(path)} appears {count} times in the report" for (path, _), count in same.items() if count > 1]
    at = document["run"]
    as_of, of_run = rfc3339(run.settings.as_of), at["started"] if run.settings.as_of_source == CLOCK else at["as_of"]
    if not as_of == of_run == at["as_of"]:
        problems.append(f"as_of: the run started at {at['started']} and checked as of {at['as_of']}; the settings say {as_of}")
    count = sum(len(file["outcomes"]) for file in document["files"])
    if problems:
        return Step("report", "differs", f"its verdict does not follow from its {count} outcomes and settings", tuple(problems))
    return Step("report", "same", f"valid; its verdict, {document['verdict'].upper()}, follows from its {count} outcomes")
