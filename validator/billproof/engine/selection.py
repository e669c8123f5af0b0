"""What is left of the files that were found once `--only` and `--month` have chosen among them, and what is lacking then.

Nothing is left out in silence: files of another month are set aside and listed, and an integration or a folder that was asked
for and has no file left is unproved, by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from billproof.config.choice import chosen
from billproof.model.results import FileResult, SetAside, unread
from billproof.model.urls import in_bucket
from billproof.model.values import month_name

if TYPE_CHECKING:
    from billproof.config.file import Config
    from billproof.config.settings import Settings


def selected(results: Iterable[FileResult], settings: Settings) -> tuple[list[FileResult], tuple[SetAside, ...]]:
    """The files to judge, with what is lacking; and those that are set aside."""
    wanted = [file for file in results if not is_of_another_integration(file, settings)]
    left = [file for file in wanted if file.set_aside is None]
    aside = tuple(SetAside(file.path, file.month.value, file.set_aside) for file in wanted if file.set_aside is not None)
    return [*left, *lacking(settings, [(file.path, file.integration) for file in left])], aside


def is_of_another_integration(file: FileResult, settings: Settings) -> bool:
    """Whether a file belongs to an integration that was not chosen; one of no known integration is never left out."""
    return bool(settings.only) and file.integration is not None and file.integration not in settings.only


def lacking(settings: Settings, left: Iterable[tuple[str, str | None]]) -> Iterator[FileResult]:
    """What was asked for and has no file, as results that say so. `left` are the path and the integration of each file that was
    neither set aside nor left out, read or not.
    """
    config, month = settings.config, settings.month and settings.month.value
    if not settings.only and month is None:
        return
    files = tuple(left)
    of_month = f" for {month_name(month)}" if month else ""
    help = f"can export it: billproof guide --month {month}" if month else ""
    searched = {folder: _owners(folder, config) for file in settings.inputs if (folder := file.folder) is not None}
    asked = {owner.name for owner in chosen(config, settings.only)} if settings.only else set().union(*searched.values())
    have = {name for _, name in files} | ({config.holder_of(path) for path, _ in files} if config else set())
    for owner in config.file.integrations if config else ():
        if owner.name in asked - have:
            path = owner.name if config is None or owner.files is None else f"{config.beside(owner.files).rstrip('/')}/"
            text = f"no file of {owner.name}{of_month}"
            if owner.files is None:
                text += "; the integration has no `files` in billproof.yaml, and none of its files was named"
            yield unread(path, f"{path}: {text}", help and f"An owner of {owner.organization} {help}")
    folder_of = {file.path: file.folder for file in settings.inputs}
    kept = {folder_of.get(path) for path, _ in files}
    for folder, owners in searched.items() if not settings.only else ():
        if folder not in kept and not owners:
            yield unread(folder, f"{folder}: no file{of_month}", help and f"An owner of the organization {help}")


def _owners(folder: str, config: Config | None) -> set[str]:
    """The integrations whose folder is in a folder that was searched, or the other way round."""
    if config is None or in_bucket(folder):
        return set()
    real = os.path.join(os.path.realpath(folder), "")
    own = ((owner.name, os.path.join(place, "")) for owner, place in config.folders)
    return {name for name, place in own if place.startswith(real) or real.startswith(place)}
