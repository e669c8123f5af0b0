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
    told = {key: value for key, value in document.items() if key not in ("files", "result_sha256", "run")}
    found = [one.text for one in differences(told, report_head(run))]
    for one, verdict in zip(document["files"], run.verdict.files, strict=True):
        if one["verdict"] != verdict.word:
            found.append(f"{shown(one['path'])}: the report says {one['verdict']}; its outcomes say {verdict.word}")
    # Two names may be shown as one path, so the bytes count, too.
    same = Counter((one["path"], one["sha256"]) for one in document["files"] if one["sha256"] is not None)
    found += [f"{shown(path)} appears {count} times in the report" for (path, _), count in same.items() if count > 1]
    at = document["run"]
    as_of, of_run = rfc3339(run.settings.as_of), at["started"] if run.settings.as_of_source == CLOCK else at["as_of"]
    if not as_of == of_run == at["as_of"]:
        found.append(f"as_of: the run started at {at['started']} and checked as of {at['as_of']}; the settings say {as_of}")
    count = sum(len(one["outcomes"]) for one in document["files"])
    if found:
        return Step("report", "differs", f"its verdict does not follow from its {count} outcomes and settings", tuple(found))
    return Step("report", "same", f"valid; its verdict, {document['verdict'].upper()}, follows from its {count} outcomes")
