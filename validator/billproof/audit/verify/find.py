"""The export of a report: where it is, and whether its bytes are those that the report names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from billproof.audit.verify.result import Halted, Step
from billproof.model.errors import Unreadable
from billproof.model.values import shown
from billproof.reading.source import Copy, private_copy
from billproof.report.report_file import LoadedReport

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportFile


@contextmanager
def opened(file: ReportFile, named: Copy | None, report: LoadedReport) -> Iterator[Copy]:
    """The file that the report covers. Raises Halted if the file that was named, or found, is not that one."""
    if file["sha256"] is None:
        text = f"{shown(file['path'])} could not be read in that run, so there is nothing to compare"
        raise Halted("file", "unproved", text)
    with ExitStack() as held:
        try:
            copy = named or held.enter_context(private_copy(_look_for(file, report.path)))
        except Unreadable as error:
            raise Halted("file", "unproved", shown(error.message, None)) from None
        if (copy.sha256, copy.size) != (file["sha256"], file["bytes"]):
            more = (f"{file['bytes']:,} bytes, sha256 {file['sha256']}",)
            text = f"{shown(copy.path)} has {copy.size:,} bytes, sha256 {copy.sha256}; the report says"
            raise Halted("file", "differs", text, more)
        yield copy


def _look_for(file: ReportFile, report: str) -> str:
    """The path of a file of the report `report`, if the user named none: next to the report, else the report's path for it, in
    the working folder. The first that exists is taken, whatever it contains. A path outside these two folders is never opened.
    Raises Halted.
    """
    beside = os.path.dirname(report)
    roots = tuple(os.path.join(os.path.realpath(root), "") for root in (os.curdir, beside or os.curdir))
    for path in (os.path.join(beside, file["path"]), os.path.join(beside, file["name"]), file["path"]):
        if not os.path.realpath(path).startswith(roots) or not os.path.isfile(path):
            continue
        size = os.path.getsize(path)
        if size == file["bytes"]:
            return path
        raise Halted("file", "differs", f"{shown(path)} has {size:,} bytes; the report says {file['bytes']:,}")
    text = f"{shown(file['path'])} was not found. Say where it is:"
    raise Halted("file", "unproved", text, (f"billproof verify {shown(report, None)} FILE",))


def of_these_bytes(named: Copy, files: Sequence[ReportFile]) -> list[ReportFile]:
    """The files of the report with the same bytes as the named file; of several, those with its path, or its name."""
    same = [file for file in files if file["sha256"] == named.sha256]
    path = os.path.normpath(named.path).replace(os.sep, "/")
    of_path = [file for file in same if os.path.normpath(file["path"]).replace(os.sep, "/") == shown(path, None)]
    return of_path or [file for file in same if file["name"] == shown(os.path.basename(path), None)] or same


def foreign(named: Copy, files: Sequence[ReportFile]) -> Step:
    text = f"{shown(named.path)} is not a file of this report: it has {named.size:,} bytes, sha256 {named.sha256};"
    known = [
        f"{shown(file['path'])}: {file['bytes']:,} bytes, sha256 {file['sha256'] or '(could not be read)'}" for file in files
    ]
    return Step("file", "differs", f"{text} the report says", tuple(known))
