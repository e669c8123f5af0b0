"""`billproof init`: a configuration and a ledger to start with."""

from __future__ import annotations

import argparse
import json
import os
import re
from textwrap import dedent

from billproof.cli.output import say
from billproof.config.destinations import FILL_IN
from billproof.config.discovery import FILE_NAME, current_folder, find_config
from billproof.config.settings import Options, settings_of
from billproof.delivery.earlier import KNOWN
from billproof.delivery.ledger.store import MARKER
from billproof.delivery.ledger.writer import make_ledger
from billproof.engine.pipeline import check
from billproof.engine.verdict import Exit
from billproof.model.errors import Unreadable, Unwritable, UsageError
from billproof.model.results import FileResult, Policy
from billproof.model.values import shown

LEDGER = ".billproof/ledger"
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
        export = check(settings, KNOWN).files[0]
        if export.error is not None:
            raise Unreadable(f"{export.error}; nothing was written")
        if export.export != "cost":
            raise UsageError(f"{options.file}: not a cost export, so its organization is unknown; nothing was written")
        name = export.organization.value or FILL_IN
        if name != FILL_IN and _ORGANIZATION.fullmatch(name):
            organization, folder = name, _folder(export)
    data = _configuration(organization, folder).encode("utf-8")
    try:
        with open(FILE_NAME, "xb") as stream:
            stream.write(data)
    except OSError as error:
        raise Unwritable(f"{FILE_NAME} could not be written: {error.strerror or error}") from None
    if not os.path.exists(os.path.join(LEDGER, MARKER)):
        make_ledger(LEDGER)
    if organization == FILL_IN:
        say(f"Wrote {FILE_NAME}. Set `organization` to your organization ID.")
    else:
        say(f"Wrote {FILE_NAME} for the organization {shown(organization)}.")
    say(f"{LEDGER} is the ledger of your uploads. Keep it between runs (docs/ci/state.md).")
    say(f"Replace each {FILL_IN} before the first upload; checks work without them.")
    return Exit.PASS


def _folder(export: FileResult) -> str | None:
    """The folder of the export, from here, if it has one of its own."""
    relative = os.path.relpath(os.path.dirname(os.path.abspath(export.path)) or ".")
    # A name that is not UTF-8 cannot be written into the configuration.
    readable = not any("\ud800" <= letter <= "\udfff" for letter in relative)
    return None if relative.startswith("..") or not readable else relative.replace(os.sep, "/") + "/"


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
