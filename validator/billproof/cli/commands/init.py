"""`billproof init`: a configuration and a ledger to start with."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator
from textwrap import dedent

from billproof.cli.output import say
from billproof.config.destinations import FILL_IN
from billproof.config.discovery import FILE_NAME, current_folder, find_config, searched_folders
from billproof.config.settings import Options, settings_of
from billproof.delivery.earlier import known
from billproof.delivery.ledger.places import MARKER
from billproof.delivery.ledger.writer import make_ledger
from billproof.engine.pipeline import check
from billproof.engine.verdict import Exit
from billproof.model.errors import Unreadable, Unwritable, UsageError
from billproof.model.results import FileResult, Policy
from billproof.model.values import shown
from billproof.reading.inputs import NO_EXPORT

LEDGER = ".billproof/ledger"
EXPORTS = "exports/"
_IGNORED = ".billproof/.gitignore"
_NOTE = "# Copies of exports contain amounts, and may contain e-mail addresses. The ledger must be kept.\n/archive/\n"
_ORGANIZATION = re.compile(r"[A-Za-z0-9_-]{1,100}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof init`."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="export to read the organization from")
    parser.epilog = "exit codes: 0 created; 2 usage or configuration error; 3 unreadable export, or a file could not be written"


def run(options: argparse.Namespace) -> int:
    """Writes billproof.yaml into the current folder, creates the ledger, says what to do next. Never overwrites a file."""
    existing = find_config(current_folder())
    if existing is not None:
        raise UsageError(f"{existing}: already exists; nothing was written", "Edit it, or remove it first.")
    organization, folder = FILL_IN, None
    if options.file is not None:
        settings = settings_of(Options(files=(options.file,)), Policy(), None)
        export = check(settings, known()).files[0]
        if export.error is not None:
            raise Unreadable(f"{export.error}; nothing was written")
        if export.export != "cost":
            raise UsageError(f"{options.file}: not a cost export, so its organization is unknown; nothing was written")
        name = export.organization.value or FILL_IN
        if name != FILL_IN and _ORGANIZATION.fullmatch(name):
            organization, folder = name, _folder(export)
    try:
        _write(FILE_NAME, _configuration(organization, folder))
        if not os.path.exists(os.path.join(LEDGER, MARKER)):
            make_ledger(LEDGER)
        if not os.path.lexists(_IGNORED):
            _write(_IGNORED, _NOTE)
        if folder == EXPORTS:
            os.makedirs(EXPORTS, exist_ok=True)
    except OSError as error:
        raise Unwritable(f"{error.filename} could not be written: {error.strerror or error}") from None
    for line in _told(organization, folder):
        say(line)
    return Exit.PASS


def _write(path: str, text: str) -> None:
    with open(path, "xb") as stream:
        stream.write(text.encode("utf-8"))


def _told(organization: str, folder: str | None) -> Iterator[str]:
    """What was made, and what is left to do."""
    if organization == FILL_IN:
        yield f"Wrote {FILE_NAME}. Set `organization` to your organization ID."
    else:
        yield f"Wrote {FILE_NAME} for the organization {shown(organization)}."
    if folder is None:
        yield "No folder of exports is set: give this organization's exports a folder of their own, and add it as `files:`."
    else:
        yield f"{shown(folder, None)} is the folder of its exports: put only them there. `billproof check` checks it."
    root = searched_folders(current_folder())[-1]
    if root != current_folder() and os.path.lexists(os.path.join(root, ".git")):
        yield f"Commands find {FILE_NAME} in this folder and below it, not at the repository's root, {shown(root, None)}."
    yield f"{LEDGER} is the ledger of your uploads. Commit it, or keep it another way (docs/ci/state.md)."
    yield f"Replace each {FILL_IN} before an upload to Pelanor. Checks and `billproof upload --to archive` work without."


def _folder(export: FileResult) -> str | None:
    """The folder of the export, from here, or another if it holds other files too; None if nobody knows one."""
    folder = os.path.relpath(os.path.dirname(os.path.abspath(export.path)) or ".").replace(os.sep, "/") + "/"
    # A name that is not UTF-8 cannot be written into the configuration.
    if folder.startswith("../") or any("\ud800" <= letter <= "\udfff" for letter in folder):
        return None
    if _holds_nothing_else(folder, export):
        return folder
    return EXPORTS if not os.path.lexists(EXPORTS.rstrip("/")) or _holds_nothing_else(EXPORTS, export) else None


def _holds_nothing_else(folder: str, export: FileResult) -> bool:
    """Whether every CSV file in a folder is an export of the same organization."""
    settings = settings_of(Options(files=(folder,)), Policy(), None)
    for input in settings.inputs:
        file = check(settings._replace(inputs=(input,)), known()).files[0]
        if input.error != NO_EXPORT and (file.export, file.organization.value) != ("cost", export.organization.value):
            return False
    return True


def _configuration(organization: str, folder: str | None) -> str:
    files = f"\n            files: {json.dumps(folder, ensure_ascii=False)}" if folder else ""
    return dedent(f"""\
        version: 1
        ruleset: openai-cost
        ledger: {LEDGER}
        destinations:
          pelanor-eu:
            kind: http
            preset: pelanor-eu
            method: POST
            path: "/{FILL_IN}/{{integration}}"
            file: {{form_field: {FILL_IN}}}
          archive: {{kind: directory, path: .billproof/archive/}}
        integrations:
          - name: main
            organization: {json.dumps(organization, ensure_ascii=False)}{files}
            to: pelanor-eu
            integration: {FILL_IN}
            token: {{env: PELANOR_TOKEN}}
        """)
