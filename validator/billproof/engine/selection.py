"""What is left of the files that were found once `--only` and `--month` have chosen among them, and what is lacking then.

Nothing is left out in silence: files of another month are set aside and listed, and an integration or a folder that was asked
for and has no file left is unproved, by name.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from billproof.config.choice import chosen
from billproof.model.results import FileResult, SetAside, unread
from billproof.model.urls import in_bucket
from billproof.model.values import month_name

if TYPE_CHECKING:
    from billproof.config.file import Config, Integration
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
    files = tuple(left)
    config, month = settings.config, settings.month and month_name(settings.month.value or "")
    if not settings.only and month is None:
        return
    of_month = f" for {month}" if month else ""
    help = f"To export it: billproof guide --month {settings.month.value}" if settings.month else ""
    asked = _asked(config, settings) if config else ()
    have = {name for _, name in files} | ({config.holder_of(path) for path, _ in files} if config else set())
    for owner in asked:
        if owner.name not in have:
            path = owner.name if config is None or owner.files is None else f"{config.beside(owner.files).rstrip('/')}/"
            text = f"no file of {owner.name}{of_month}"
            if owner.files is None:
                text += "; the integration has no `files` in billproof.yaml, and none of its files was named"
            yield unread(path, f"{path}: {text}", help)
    if settings.only:
        return
    folder_of = {file.path: file.folder for file in settings.inputs}
    kept = {folder_of.get(path) for path, _ in files}
    for folder in dict.fromkeys(file.folder for file in settings.inputs):
        if folder is not None and folder not in kept and not any(_overlap(folder, owner, config) for owner in asked):
            yield unread(folder, f"{folder}: no file{of_month}", help)


def _asked(config: Config, settings: Settings) -> Collection[Integration]:
    """The integrations that were chosen; else those whose folders were searched, or lie in a folder that was."""
    if settings.only:
        return chosen(config, settings.only)
    searched = {file.folder for file in settings.inputs if file.folder is not None}
    return [owner for owner, _ in config.folders if any(_overlap(folder, owner, config) for folder in searched)]


def _overlap(searched: str, owner: Integration, config: Config | None) -> bool:
    """Whether a folder that was searched is in the folder of an integration, or the other way round."""
    if in_bucket(searched):
        return False
    own = next((folder for other, folder in config.folders if other.name == owner.name), None) if config else None
    real = Path(os.path.realpath(searched))
    return own is not None and (real.is_relative_to(own) or own.is_relative_to(real))
