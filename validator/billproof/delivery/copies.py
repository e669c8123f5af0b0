"""The files of an upload, each checked in a private copy: what is sent later are the very bytes that were checked."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext

from billproof.config.settings import Settings
from billproof.delivery.earlier import known
from billproof.delivery.routing import Judged, Routes
from billproof.delivery.shipment import UploadResult
from billproof.engine.pipeline import checked, seen, unread
from billproof.model.errors import Unreadable
from billproof.model.results import FileResult
from billproof.reading.inputs import Input
from billproof.reading.source import Copy, Source, private_copy
from billproof.rules.rule import RuleSet


def checked_copies(
    settings: Settings, routes: Routes, ruleset: RuleSet, held: ExitStack
) -> list[UploadResult | FileResult | Judged]:
    """Every file that is wanted: what is uploaded already, what cannot be read, or the result of checking its copy.

    The copies stay open until `held` is closed. With `--jobs`, other processes read the files themselves: their result counts
    if the bytes are the same.
    """
    items = _copied(settings, routes, held)
    copies = {item.path: item for item in items if isinstance(item, Copy)}

    def opened(path: str) -> AbstractContextManager[Source]:
        return nullcontext(copies[path].source())

    files = iter(checked([Input(path) for path in copies], settings, ruleset, known(routes.contents), opened))
    results: list[UploadResult | FileResult | Judged] = []
    for item in items:
        if not isinstance(item, Copy):
            results.append(item)
            continue
        file = _of_copy(next(files), item)
        superseded = routes.superseded(item)
        if superseded is not None:
            file = file._replace(hindrance=superseded)
        if routes.is_wanted(file):
            results.append(Judged(file, item))
    return results


def _copied(settings: Settings, routes: Routes, held: ExitStack) -> list[UploadResult | FileResult | Copy]:
    """Every file that is wanted: what is uploaded already, what cannot be read, or the copy that is to be checked."""
    items: list[UploadResult | FileResult | Copy] = []
    wanted = [input for input in settings.inputs if routes.is_wanted_folder(input.path)]
    for number, input in enumerate(wanted, 1):
        if input.error is not None:
            items.append(unread(input.path, f"{input.path}: {input.error}"))
            continue
        try:
            copy = held.enter_context(private_copy(input.path, seen(settings, number, len(wanted))))
        except Unreadable as error:
            items.append(unread(input.path, error.message, error.help))
            continue
        current = routes.already_uploaded(copy)
        if current is not None:
            copy.stream.close()
        items.append(current or copy)
    return items


def _of_copy(file: FileResult, copy: Copy) -> FileResult:
    """The result, if it is of the bytes that are in the copy."""
    if file.sha256 in (None, copy.sha256):
        return file
    text = f"{copy.path}: the file changed while it was read"
    return unread(copy.path, text, "Wait until the download has finished and run the same command again.")
