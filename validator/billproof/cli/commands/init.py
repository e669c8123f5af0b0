"""`billproof init`: a configuration and a ledger to start with, or more integrations for the configuration that is there."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from billproof.cli.exports import Export, Placed, copied, found_in, placed
from billproof.cli.output import say
from billproof.config.destinations import FILL_IN
from billproof.config.discovery import FILE_NAME, current_folder, find_config, searched_folders
from billproof.config.file import Config, parse_config, read_config
from billproof.config.writing import NewIntegration, new_file, with_integrations
from billproof.delivery.ledger.store import MARKER
from billproof.delivery.ledger.writer import make_ledger
from billproof.engine.verdict import Exit
from billproof.io.durable import replace
from billproof.io.own_files import own_bytes
from billproof.model.errors import ConfigurationError, Unreadable, Unwritable, UsageError
from billproof.model.values import number, shown, with_name

LEDGER = ".billproof/ledger"
ARCHIVE = ".billproof/archive/"
_IGNORED = ".billproof/.gitignore"
_NOTE = "# Copies of exports contain amounts, and may contain e-mail addresses. The ledger must be kept.\n"
_COPIES = "/archive/\n"
_UNUSED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof init`."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE|FOLDER", help="exports to read the organizations from: an integration for each"
    )
    parser.add_argument(
        "--add", action="store_true", help="add integrations to the billproof.yaml that exists; the rest of it stays as it is"
    )
    parser.epilog = "exit codes: 0 created; 2 usage or configuration error; 3 unreadable export, or a file could not be written"


def run(options: argparse.Namespace) -> int:
    """Writes billproof.yaml into the current folder, creates the ledger, says what to do next; or adds to the configuration.
    Never overwrites a file.
    """
    existing = find_config(current_folder())
    if options.add and existing is None:
        raise UsageError(f"there is no {FILE_NAME} to add to", "Without --add, billproof init FILE creates one.")
    if options.add and not options.files:
        raise UsageError("--add needs exports to read the organizations from", "billproof init --add FILE")
    if existing is not None and not options.add:
        help = "billproof init --add FILE adds integrations to it. Or edit it, or remove it first."
        raise UsageError(f"{existing}: already exists; nothing was written", help)
    exports = found_in(options.files) if options.files else []
    _refuse_useless(exports, options.files)
    try:
        for line in _start(exports) if existing is None else _add(exports, read_config(existing)):
            say(line)
    except OSError as error:
        raise Unwritable(f"{error.filename} could not be written: {error.strerror or error}") from None
    return Exit.PASS


def _refuse_useless(exports: Sequence[Export], names: Sequence[str]) -> None:
    """Raises Unreadable or UsageError if no organization is to be had from what was named; but one export of an unknown
    organization is a start.
    """
    if not names or any(export.organization for export in exports):
        return
    unused = next((export for export in exports if export.error or not export.is_cost), None)
    if unused is not None and unused.error:
        raise Unreadable(f"{unused.error}; nothing was written")
    if unused is not None:
        raise UsageError(f"{unused.path}: {unused.unused}; nothing was written")
    if len(exports) != 1:
        raise UsageError("no export with an organization was named; nothing was written")


def _start(exports: Sequence[Export]) -> Iterator[str]:
    """Writes what a project needs, and says what was made and what is left to do."""
    places = placed(exports, (), (), alone=True)
    new = [NewIntegration(place.name, place.organization, place.folder, token=_token(place.name)) for place in places]
    if len(places) < 2:
        new = [one._replace(token="PELANOR_TOKEN") for one in new] or [NewIntegration("main", None)]
    copies = [copied(place) if place.copies else 0 for place in places]
    for place in places:
        if place.folder is not None:
            os.makedirs(place.folder, exist_ok=True)
    _keep_copies_out_of_git()
    with open(FILE_NAME, "xb") as stream:
        stream.write(new_file(LEDGER, ARCHIVE, new).encode("utf-8"))
    if not os.path.exists(os.path.join(LEDGER, MARKER)):
        make_ledger(LEDGER)
    if len(places) > 1:
        yield f"Wrote {FILE_NAME} for {number(len(places), 'organization')}:"
        yield from _table(places, copies)
    elif places:
        yield f"Wrote {FILE_NAME} for the organization {shown(_whose(places[0]), None)}."
        yield from _folder(places[0], copies[0])
    else:
        yield f"Wrote {FILE_NAME}. Set `organization` to your organization ID."
        yield _NO_FOLDER
    yield from _unused(exports)
    root = searched_folders(current_folder())[-1]
    if root != current_folder() and os.path.lexists(os.path.join(root, ".git")):
        yield f"Commands find {FILE_NAME} in this folder and below it, not at the repository's root, {shown(root, None)}."
    yield f"{LEDGER} is the ledger of your uploads. Commit it, or keep it another way (docs/ci/state.md)."
    yield f"Replace each {FILL_IN} before an upload to Pelanor. Checks and `billproof upload --to archive` work without."


def _add(exports: Sequence[Export], config: Config) -> Iterator[str]:
    """Adds an integration for each organization that has none. Raises UsageError, with the lines to paste, where that would
    change anything else.
    """
    owners = {owner.organization: owner.name for owner in config.file.integrations}
    ours = tuple(os.path.join(folder, "") for folder in config.own_folders())
    exports = [export for export in exports if not os.path.realpath(export.path).startswith(ours)]
    base = os.path.relpath(os.path.dirname(config.path.resolve()) or ".")
    places = placed(
        [export for export in exports if export.organization not in owners], owners.values(),
        [str(folder) for _, folder in config.folders] + config.own_folders(), alone=False,
    )  # fmt: skip
    to = next((owner.to for owner in reversed(config.file.integrations) if owner.to), next(iter(config.file.destinations), None))
    over_http = to is not None and config.file.destinations[to].kind == "http"
    new = [
        NewIntegration(place.name, place.organization, _beside(base, place.folder), to, _token(place.name) if over_http else None)
        for place in places
    ]
    there = {export.organization: export for export in exports if export.organization in owners}
    for organization, export in there.items():
        yield f"{shown(_whose(export), None)} already is the integration {owners[organization or '']}."
    if new:
        _insert(new, config)
        copies = [copied(place) if place.copies else 0 for place in places]
        yield f"Added {number(len(new), 'integration')} to {config.shown_path}; the rest of it is as it was:"
        yield from _table(places, copies)
    yield from _unused(exports)


def _insert(new: Sequence[NewIntegration], config: Config) -> None:
    path = os.path.realpath(config.path)
    data = Path(path).read_bytes()
    written, reason = with_integrations(data, new), "the list of integrations has a form that cannot be added to"
    if written is not None:
        try:
            parse_config(config.path, config.shown_path, written)
        except ConfigurationError as error:
            written, reason = None, "; ".join(shown(str(problem), None) for problem in error.errors)
    if written is None:
        for line in ("integrations:", *(f"  {line}" for integration in new for line in integration.lines())):
            say(line)
        raise UsageError(f"{config.shown_path} was not changed: {reason}", "Add the lines above to it yourself.")
    mode = stat.S_IMODE(os.stat(path).st_mode)
    replace(path, [written])
    os.chmod(path, mode)


def _token(name: str) -> str:
    """The environment variable with the secret of an integration."""
    return f"PELANOR_TOKEN_{''.join(letter if letter.isalnum() else '_' for letter in name.upper())}"


def _beside(base: str, folder: str | None) -> str | None:
    """A folder as the configuration names it."""
    return None if folder is None else os.path.join(os.path.relpath(folder, base), "").replace(os.sep, "/")


def _keep_copies_out_of_git() -> None:
    """What the destination `archive` keeps is not to be committed, whatever else is said there."""
    there = own_bytes(_IGNORED, 1 << 20) if os.path.lexists(_IGNORED) else _NOTE.encode()
    if _COPIES.strip() not in there.decode("utf-8", "replace").split():
        os.makedirs(os.path.dirname(_IGNORED), exist_ok=True)
        newline = b"" if there.endswith(b"\n") or not there else b"\n"
        replace(_IGNORED, [there, newline, _COPIES.encode()])


_NO_FOLDER = "No folder of exports is set: give this organization's exports a folder of their own, and add it as `files:`."


def _whose(place: Placed | Export) -> str:
    return with_name(place.organization or "", place.organization_name)


def _folder(place: Placed, copies: int) -> Iterator[str]:
    if place.folder is None:
        yield _NO_FOLDER
        return
    yield f"{shown(place.folder, None)} is the folder of its exports: put only them there. `billproof check` checks it."
    if copies:
        yield f"{number(copies, 'file')} copied there; the original stays where it is."


def _table(places: Sequence[Placed], copies: Sequence[int]) -> Iterator[str]:
    """A line for each integration: its name, its organization, and where its exports are."""
    width, whose = (max(map(len, texts)) for texts in ([place.name for place in places], map(_whose, places)))
    for place, count in zip(places, copies, strict=True):
        where = "no folder of its own was found: give it one, and add it as `files:`"
        if place.folder is not None:
            where = f"{number(count or len(place.paths), 'file')} {'copied to' if count else 'in'} {shown(place.folder, None)}"
        yield f"  {place.name:<{width}}  {shown(_whose(place), None):<{whose}}  {where}"
    yield "Put only an integration's own exports into its folder. `billproof check` checks all of them."


def _unused(exports: Sequence[Export]) -> Iterator[str]:
    unused = [export for export in exports if export.unused]
    if unused and len(exports) > 1:
        yield f"Not used, {number(len(unused), 'file')}:"
        for export in unused[:_UNUSED]:
            why = export.unused or ""
            yield f"  {shown(export.path, None)}: {shown(why.removeprefix(f'{export.path}: '), None)}"
        if unused[_UNUSED:]:
            yield f"  and {len(unused) - _UNUSED} more"
