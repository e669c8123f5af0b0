"""A report as it lies on disk, read strictly: what a loose reader accepts can be made to say two things."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from billproof.model.errors import BillproofError
from billproof.model.record import Record
from billproof.model.values import shown
from billproof.reading.source import open_source
from billproof.report.digest import SCHEMA, result_sha256
from billproof.rules.shipped import shipped_folder

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

_ORDER = "First the report, as `check --output json=report.json` writes it, then the file: billproof verify REPORT FILE."
MAX_BYTES = 64 * 1024 * 1024


class NotAReport(BillproofError):
    """A file is no report that this version can read: nothing is known about it."""


class LoadedReport(Record):
    """A report as it was read, the digest that its content has now, and that of the file's bytes. The document has the form of
    a report only once `misfits` finds nothing.
    """

    path: str
    document: Report
    sha256_now: str
    file_sha256: str

    @property
    def is_sealed(self) -> bool:
        """Whether the report still has the digest that it names."""
        return self.document.get("result_sha256") == self.sha256_now


def read_report(path: str) -> LoadedReport:
    """The report in a file. Raises Unreadable if it cannot be read, NotAReport if it is none."""
    with open_source(path) as source:
        data = source.whole(MAX_BYTES)
    if data is None:
        text = f"{path}: has more than {MAX_BYTES // 2**20} MiB, and verify reads no report that large"
        raise NotAReport(text, f"{_ORDER} A report of very many files: check fewer at once.")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_float=_refuse, parse_constant=_refuse)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"its `schema` is not {SCHEMA}")
        return LoadedReport(path, cast("Report", document), result_sha256(document), source.sha256)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else shown(str(error))
        raise NotAReport(f"{path}: is no report of billproof: {reason}", _ORDER) from None


def misfits(document: Mapping[str, Any]) -> Iterator[str]:
    """Where a report is not as its schema has it; its list of rules is left out, which is only compared and never read."""
    import os

    import jsonschema

    with open(os.path.join(shipped_folder("schemas"), "report.v1.schema.json"), "rb") as stream:
        schema = json.loads(stream.read())
    ruleset = document.get("ruleset")
    if isinstance(ruleset, dict) and isinstance(ruleset.get("rules"), list):
        document = {**document, "ruleset": {**ruleset, "rules": []}}
    for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
        yield shown(error.json_path)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(text: str) -> None:
    raise ValueError(f"{text[:20]} stands in it, and a report has whole numbers only")
