"""The files of an upload, each checked in a private copy: what is sent later are the very bytes that were checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext

from billproof.config.settings import Settings, refuse_total_of_several
from billproof.delivery.earlier import known
from billproof.delivery.routing import Judged, Routes
from billproof.delivery.shipment import UploadResult
from billproof.engine.pipeline import checked, seen
from billproof.engine.selection import is_of_another_integration
from billproof.model.errors import Unreadable
from billproof.model.results import FileResult, unread
from billproof.model.values import cents
from billproof.reading.source import Copy, Source, private_copy
from billproof.rules.rule import RuleSet


def checked_copies(
    settings: Settings, routes: Routes, ruleset: RuleSet, held: ExitStack
) -> list[UploadResult | FileResult | Judged]:
    """Every file that is wanted: what is uploaded already, what cannot be read or is set aside, or the result of checking its
    copy. Raises UsageError if an expected total is given for several.

    The copies stay open until `held` is closed. With `--jobs`, other processes read the files themselves: their result counts
    if the bytes are the same.
    """
    items, current = _copied(settings, routes, held)
    copies = {item.path: item for item in items if isinstance(item, Copy)}
    results = dict(_checked(copies, settings, routes, ruleset))
    if settings.expected_total is not None and all(isinstance(file, FileResult) and file.set_aside for file in results.values()):
        refuse_total_of_several(settings, len(current))
        for uploaded, copy in current.values():
            if uploaded.amount is None or cents(uploaded.amount) != cents(settings.expected_total):
                results |= _checked({copy.path: copy}, settings, routes, ruleset)
    wanted = (results.get(item.path, None if isinstance(item, Copy) else item) for item in items)
    return [item for item in wanted if item is not None]


def _checked(
    copies: Mapping[str, Copy], settings: Settings, routes: Routes, ruleset: RuleSet
) -> Iterator[tuple[str, FileResult | Judged]]:
    """The result of each copy by its path, but for those of integrations that were not chosen."""

    def opened(path: str) -> AbstractContextManager[Source]:
        return nullcontext(copies[path].source())

    inputs = [file for file in settings.inputs if file.path in copies]
    for file in checked(inputs, settings, ruleset, known(routes.contents), opened):
        copy = copies[file.path]
        file = _of_copy(file, copy)
        if is_of_another_integration(file, settings):
            continue
        if file.set_aside is not None:
            copy.stream.close()
            yield copy.path, file
            continue
        superseded = routes.superseded(copy)
        yield copy.path, Judged(file if superseded is None else file._replace(hindrance=superseded), copy)


def _copied(
    settings: Settings, routes: Routes, held: ExitStack
) -> tuple[list[UploadResult | FileResult | Copy], dict[str, tuple[UploadResult, Copy]]]:
    """Every file: what is uploaded already, what cannot be read, or the copy that is to be checked. Then once more what is
    uploaded already, with its copy, which is open only where a total may have to be compared with it.
    """
    items: list[UploadResult | FileResult | Copy] = []
    uploaded = {}
    for number, input in enumerate(settings.inputs, 1):
        if input.error is not None:
            items.append(unread(input.path, f"{input.path}: {input.error}"))
            continue
        try:
            copy = held.enter_context(private_copy(input.path, seen(settings, number, len(settings.inputs))))
        except Unreadable as error:
            items.append(unread(input.path, error.message, error.help))
            continue
        current = routes.already_uploaded(copy)
        if current is not None:
            uploaded[copy.path] = current, copy
            if settings.expected_total is None:
                copy.stream.close()
        items.append(current or copy)
    return items, uploaded


def _of_copy(file: FileResult, copy: Copy) -> FileResult:
    """The result, if it is of the bytes that are in the copy."""
    if file.sha256 in (None, copy.sha256):
        return file
    text = f"{copy.path}: the file changed while it was read"
    return unread(copy.path, text, "Wait until the download has finished and run the same command again.")
