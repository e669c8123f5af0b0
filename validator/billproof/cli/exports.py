"""Exports that `init` is given: whose they are, and in which folder each organization has its own."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from billproof.config.settings import Options, settings_of
from billproof.config.writing import name_for
from billproof.delivery.earlier import known
from billproof.engine.pipeline import check
from billproof.io.durable import put_new
from billproof.model.record import Record
from billproof.model.results import FileResult, Policy
from billproof.model.urls import in_bucket
from billproof.reading.inputs import NO_EXPORT
from billproof.reading.source import STANDARD_INPUT

EXPORTS = "exports"
_ORGANIZATION = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Export(Record):
    """An export with its organization, if that is known, and the organization's name; or why it is not one (`error`: it could
    not be read).
    """

    path: str
    organization: str | None = None
    organization_name: str | None = None
    unused: str | None = None
    error: str | None = None
    is_cost: bool = True


class Placed(Record):
    """An organization with the name of its integration, its exports on this machine, and their folder; `copies` if they are yet
    to come there.
    """

    name: str
    organization: str
    organization_name: str | None
    paths: tuple[str, ...]
    folder: str | None
    copies: bool = False


def found_in(names: Sequence[str]) -> list[Export]:
    """What the files are, and those in the folders, in their order."""
    run = check(settings_of(Options(files=tuple(names)), Policy(), None), known())
    return [_export(file) for file in run.files if file.error is None or not file.error.endswith(NO_EXPORT)]


def _export(file: FileResult) -> Export:
    id_ = file.organization.value
    if file.error is not None:
        return Export(file.path, unused=file.error, error=file.error)
    if file.export != "cost":
        return Export(file.path, unused="not a cost export, so its organization is unknown", is_cost=False)
    if id_ is None or not _ORGANIZATION.fullmatch(id_):
        return Export(file.path, unused="it has no organization ID, or several")
    return Export(file.path, id_, file.organization_name)


def placed(exports: Sequence[Export], names: Collection[str], folders: Collection[str], alone: bool) -> list[Placed]:
    """Each organization with a name and a folder that others do not have: `names` and `folders` are taken. `alone`: there may
    be no other organization, so the one there is may have the working folder, or the folder `exports/` as a whole.
    """
    own: dict[str, list[Export]] = {}
    for export in exports:
        if export.organization is not None:
            own.setdefault(export.organization, []).append(export)
    alone = alone and len(own) == 1
    taken = list(folders)
    places: list[Placed] = []
    for organization, files in own.items():
        title = next((file.organization_name for file in reversed(files) if file.organization_name), None)
        name = "main" if alone else name_for(title, [*names, *(place.name for place in places)])
        paths = tuple(file.path for file in files if file.path != STANDARD_INPUT and not in_bucket(file.path))
        folder = _own_folder(organization, paths, exports, taken, alone) if paths else None
        is_here = bool(paths) and _from_here(os.path.dirname(os.path.abspath(paths[0]))) is not None
        copies = bool(paths) and folder is None and (is_here or not alone)
        folder = _new_folder(organization, name, taken, alone) if copies else folder
        taken += [folder] if folder else []
        places.append(Placed(name, organization, title, paths, folder, copies and folder is not None))
    return places


def _own_folder(
    organization: str, paths: Sequence[str], exports: Sequence[Export], taken: Sequence[str], alone: bool
) -> str | None:
    """The folder, seen from here, that has this organization's exports, and nothing else but a few that were named, too: in no
    folder below are others in the majority.
    """
    folders = [os.path.dirname(os.path.abspath(path)) for path in paths]
    owned = Counter(folders)
    foreign_in = Counter(
        os.path.dirname(os.path.abspath(export.path)) for export in exports if export.organization != organization
    )
    named = {os.path.realpath(export.path) for export in exports}
    for folder in dict.fromkeys((os.path.commonpath(folders), owned.most_common(1)[0][0])):
        seen = _from_here(folder)
        below = (place for place in foreign_in if os.path.join(place, "").startswith(os.path.join(folder, "")))
        if seen is None or (seen == "./" and not alone) or _overlaps(seen, taken):
            continue
        if all(foreign_in[place] <= owned[place] for place in below) and _is_own(seen, organization, named):
            return seen
    return None


def _new_folder(organization: str, name: str, taken: Sequence[str], alone: bool) -> str | None:
    """A folder for an organization's exports that has no others; None if there are such folders."""
    for seen in (f"{EXPORTS}/",) if alone else (f"{EXPORTS}/{name}/", f"{EXPORTS}-{name}/"):
        is_usable = not os.path.lexists(seen.rstrip("/")) or (os.path.isdir(seen) and _is_own(seen, organization, ()))
        if is_usable and not _overlaps(seen, taken):
            return seen
    return None


def _from_here(folder: str) -> str | None:
    """A folder as a path from the working folder; None if it is not in it, or its name cannot be written in UTF-8."""
    seen = os.path.relpath(folder).replace(os.sep, "/") + "/"
    return None if seen.startswith("../") or any("\ud800" <= letter <= "\udfff" for letter in seen) else seen


def _overlaps(folder: str, taken: Sequence[str]) -> bool:
    real = [os.path.join(os.path.realpath(place), "").casefold() for place in (folder, *taken)]
    return any(real[0].startswith(other) or other.startswith(real[0]) for other in real[1:])


def _is_own(folder: str, organization: str, named: Collection[str]) -> bool:
    """Whether a folder has exports of one organization only, but for what was named."""
    return all(export.organization == organization or os.path.realpath(export.path) in named for export in found_in([folder]))


def copied(place: Placed) -> int:
    """Copies an organization's exports into its folder; gives how many. What is there already stays, and a file of that name
    with other bytes gets a number. Raises OSError.
    """
    folder, count = place.folder or "", 0
    os.makedirs(folder, exist_ok=True)
    for path in place.paths:
        data = Path(path).read_bytes()
        stem, end = os.path.splitext(os.path.basename(path))
        targets = (os.path.join(folder, f"{stem}{f'-{number}' if number else ''}{end}") for number in range(len(place.paths) + 1))
        target = next(target for target in targets if not os.path.lexists(target) or Path(target).read_bytes() == data)
        if not os.path.lexists(target):
            put_new(target, [data])
            count += 1
    return count
