"""The action's one run of billproof: inputs from the environment; outputs, annotations and the job's summary; its exit code.

`action.yml` starts it. Inputs are data: no shell reads them, and no name of a file is taken for an option.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from billproof.cli.main import main
from billproof.config.discovery import current_folder, find_config
from billproof.config.file import read_config
from billproof.delivery.text import STATUSES
from billproof.engine.verdict import Exit
from billproof.model.errors import BillproofError, UsageError
from billproof.model.values import cents, number, rfc3339, shown
from billproof.report.render.phrases import escaped as in_markdown
from billproof.report.render.phrases import fenced

COMMANDS = {"check": ("check",), "upload": ("upload",), "upload --dry-run": ("upload", "--dry-run")}
VERDICTS: Mapping[int, str] = {Exit.PASS: "pass", Exit.FAIL: "fail", Exit.NOT_SENT: "pass"}
# What came of a file that was to be sent: lost, the worst first, or arrived.
LOST = ("unknown", "refused", "replaced")
ARRIVED = ("accepted", "already_there")
UPLOADS = 30
ANNOTATED = 5
REASON_CHARACTERS = 300
LAST_INSTANT = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
NOTES_BYTES = 100_000  # in addition to a report of at most 900,000: GitHub shows no summary of more than 1 MiB


class Notes(io.StringIO):
    """What is written to it goes to a stream, and is kept."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(text)
        return super().write(text)


def act(environment: Mapping[str, str]) -> int:
    """Runs billproof once, reports the result to the job, and returns its exit code."""
    folder = Path(tempfile.mkdtemp(prefix="billproof-", dir=environment["RUNNER_TEMP"]))
    with contextlib.redirect_stderr(Notes(sys.stderr)) as notes:
        code = run(environment, folder)
    report, delivery = document(folder, "report"), document(folder, "delivery")
    said = notes.getvalue().strip()
    if code != Exit.PASS and (report is None or code == Exit.NOT_SENT):
        text = not_sent(delivery) if delivery and code == Exit.NOT_SENT else said
        print(f"::error title=billproof::{escaped(text)}", flush=True)
    summarize(environment["GITHUB_STEP_SUMMARY"], folder, said, delivery)
    nothing_new = code == Exit.PASS and report is None
    put_out(environment["GITHUB_OUTPUT"], {
        "verdict": "nothing-new" if nothing_new else VERDICTS.get(code, "unproved"),
        "report": str(folder / "report.json") if report else "",
        "sha256": "\n".join(f"{file['sha256']}  {file['path']}" for file in (report or {"files": []})["files"] if file["sha256"]),
        "retry-after": retry_after(delivery) if delivery and code == Exit.NOT_SENT else "",
    })  # fmt: skip
    return code


def run(environment: Mapping[str, str], folder: Path) -> int:
    """billproof's exit code; 2 for inputs that are refused, 3 for a check that left no report."""
    try:
        words = arguments(environment)
        refuse_another_ledger(environment.get("BILLPROOF_LEDGER", ""))
    except BillproofError as error:
        sys.stderr.writelines(f"{shown(line, None)}\n" for line in error.lines())
        return error.exit_code
    own: tuple[str, ...] = ("--format=github", f"--output=json={folder}/report.json", f"--output=markdown={folder}/summary.md")
    if words[0] == "upload":
        own += (f"--output=delivery={folder}/delivery.json",)
    code = main([words[0], *own, *words[1:]])
    if code == Exit.PASS and words[0] == "check" and document(folder, "report") is None:
        sys.stderr.write("UNPROVED  the check left no report\n")
        return Exit.UNPROVED
    return code


def arguments(environment: Mapping[str, str]) -> list[str]:
    """The inputs as words of the command line. Raises UsageError for those that it could misread."""
    command, policy = environment.get("BILLPROOF_COMMAND", ""), environment.get("BILLPROOF_POLICY", "")
    if command not in COMMANDS:
        raise UsageError(f"command: {command}: not a command of the action", f"Use exactly one of: {', '.join(COMMANDS)}")
    if command != "check" and policy not in ("", "upload"):
        raise UsageError(f"policy: {policy}: an upload always applies the upload policy", "Omit policy, or use check.")
    files = lines(environment.get("BILLPROOF_FILES", ""))
    if not files:
        raise UsageError("files: is empty, so nothing would be checked", "Name exports or folders, one per line: exports/")
    if "-" in files:
        raise UsageError(
            "files: -: a job has no standard input", "Name exports or folders, one per line. For a file of that name, write ./-"
        )
    outputs = lines(environment.get("BILLPROOF_OUTPUT", ""))
    for output in outputs:
        with contextlib.suppress(OSError):  # what cannot be made cannot be written either, and billproof says so
            os.makedirs(os.path.dirname(output.partition("=")[2]) or ".", exist_ok=True)
    words = [*COMMANDS[command], *([f"--policy={policy}"] if policy and command == "check" else [])]
    key = environment.get("BILLPROOF_COSTS_KEY", "")
    words += [f"--costs-key={key}"] if key else []
    # A path that begins with a dash is not one of billproof's options.
    return [*words, *(f"--output={word}" for word in outputs), *(f"./{word}" if word.startswith("-") else word for word in files)]


def lines(text: str) -> list[str]:
    """The items of an input, one per line, without spaces around them."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def configured_ledger() -> str | None:
    """The ledger of the configuration that billproof finds from here."""
    path = find_config(current_folder())
    return read_config(path).ledger() if path else None


def refuse_another_ledger(folder: str) -> None:
    """Raises UsageError if the folder that will be saved is not the one that billproof writes to: receipts would be lost."""
    if not folder:
        return
    ledger = configured_ledger()
    if ledger is None or os.path.realpath(ledger) != os.path.realpath(folder):
        place = f"is at {ledger}" if ledger else "is not configured"
        raise UsageError(f"ledger: {folder}: in billproof.yaml the ledger {place}", "Write the same folder in both places.")


def document(folder: Path, name: str) -> dict[str, Any] | None:
    """The report of this run, if anything was checked; or the delivery, what came of each file of an upload."""
    path = folder / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_bytes()) if path.exists() else None
    return found


def files_of(delivery: dict[str, Any] | None, *statuses: str) -> list[dict[str, Any]]:
    """The files of an upload with one of these statuses, in the order of the statuses."""
    files = delivery["files"] if delivery else []
    return [file for status in statuses for file in files if file["status"] == status]


def not_sent(delivery: dict[str, Any]) -> str:
    """Which files did not arrive and why, the worst first, and what to do, for an annotation."""
    lost = files_of(delivery, *LOST)
    lines = [f"{file['integration']} {file['month']}: {STATUSES[file['status']]}: {file['text']}" for file in lost[:ANNOTATED]]
    more = [f"and {number(len(lost) - ANNOTATED, 'more file')}"] if len(lost) > ANNOTATED else []
    return "\n".join((delivery["summary"], *lines, *more))


def retry_after(delivery: dict[str, Any]) -> str:
    """The latest instant until which a destination asked to wait; empty if none did."""
    instants = [
        datetime.fromisoformat(file["finished"]).timestamp() + file["retry_after"]
        for file in delivery["files"] if file["retry_after"] and file["status"] in LOST
    ]  # fmt: skip
    # No date has a year of five digits.
    return rfc3339(datetime.fromtimestamp(min(max(instants), LAST_INSTANT), UTC)) if instants else ""


def summarize(path: str, folder: Path, said: str, delivery: dict[str, Any] | None = None) -> None:
    """Adds to the job's summary what came of an upload, the report, and whatever else was said."""
    report = folder / "summary.md"
    parts = ["\n".join(uploads(delivery))] if delivery and delivery["files"] else []
    parts += [report.read_text("utf-8")] if report.exists() else []
    # The delivery has what was said of each file; the requests of a dry run and errors are said beside it.
    if said and (delivery is None or delivery["error"] or delivery["dry_run"] or not delivery["files"]):
        room = said.encode("utf-8")[:NOTES_BYTES].decode("utf-8", "ignore")
        parts.append("\n".join(("### Messages", "", *fenced(room), "")))
    with open(path, "a", encoding="utf-8", newline="\n") as stream:
        stream.write("\n".join(parts))


def uploads(delivery: dict[str, Any]) -> Iterator[str]:
    """What came of an upload as Markdown: its last words, and a row for each file that was to be sent, the worst first."""
    yield from ("### Upload", "", *fenced(delivery["summary"]), "")
    files = files_of(delivery, *LOST, *ARRIVED, "would_be_sent")
    if files:
        yield from ("| Result | Integration | Month | Total | Why |", "|---|---|---|---:|---|")
    for file in files[:UPLOADS]:
        total = f"{cents(Decimal(file['amount'])):,f} {file['currency']}" if file["amount"] else "unknown"
        why = "" if file["status"] in (*ARRIVED, "would_be_sent") else file["text"][:REASON_CHARACTERS]
        cells = STATUSES[file["status"]], file["integration"] or file["path"], file["month"] or "", total, why
        yield f"| {' | '.join(map(in_markdown, cells))} |"
    if len(files) > UPLOADS:
        yield from ("", f"and {number(len(files) - UPLOADS, 'more file')}")
    yield ""


def put_out(path: str, outputs: Mapping[str, str]) -> None:
    """Sets the step's outputs; no value can contain the line that ends it."""
    with open(path, "a", encoding="utf-8", newline="\n") as stream:
        for name, value in outputs.items():
            end = secrets.token_hex(16)
            stream.write(f"{name}<<{end}\n{value}\n{end}\n")


def escaped(text: str) -> str:
    """Text for a workflow command, on one line (actions/toolkit, packages/core/src/command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


if __name__ == "__main__":
    try:
        sys.exit(int(act(os.environ)))
    except Exception as error:
        print(f"::error title=billproof::UNPROVED  unexpected error in the action: {type(error).__name__}")
        sys.exit(int(Exit.UNPROVED))
