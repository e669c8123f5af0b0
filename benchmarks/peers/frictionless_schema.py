"""frictionless with our Table Schema alone: names of columns, types, required cells; no rule on days, duplicates or totals.

Its dialect is fixed: left alone it takes semicolons, tabs and UTF-16 for what was meant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import frictionless
from frictionless import formats, resources
from job import Finding, Job, Result, first_few, run

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "openai-cost.schema.json"


def check(job: Job) -> Result:
    """One validation."""
    return Result(validate(job.file), "")


def validate(file: str, checks: Sequence[Any] = ()) -> list[Finding]:
    """What frictionless reports of a file."""
    descriptor = json.loads(SCHEMA.read_text("utf-8"))
    del descriptor["$schema"]
    with frictionless.system.use_context(trusted=True):
        resource = resources.TableResource(
            path=os.path.abspath(file),
            format="csv",
            encoding="utf-8",
            schema=frictionless.Schema.from_descriptor(descriptor),
            dialect=frictionless.Dialect(controls=[formats.CsvControl(delimiter=",", quote_char='"')]),
            detector=frictionless.Detector(sample_size=1),
        )
        report = resource.validate(frictionless.Checklist(checks=list(checks)))
    failures = [error for task in report.tasks for error in task.errors] + list(report.errors)
    return first_few(finding(error) for error in failures)


def finding(error: Any) -> Finding:
    """An error of frictionless; it counts the header as row 1."""
    row, column = getattr(error, "row_number", None), getattr(error, "field_name", None)
    return Finding(error.type, row and row - 1, column or None)


if __name__ == "__main__":
    run(check)
