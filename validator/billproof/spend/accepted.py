"""The accepted months of each integration, and the bytes of each, looked for wherever they may lie.

A receipt says which file a destination accepted. Only a file with exactly that digest counts: from the integration's folder, a
destination that keeps versions, or an evidence pack.
"""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from billproof.config.file import Config, Integration
from billproof.delivery.address import configured_address
from billproof.delivery.destinations.directory import DirectoryDestination
from billproof.delivery.ledger.integrity import Contents
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Month, Standing
from billproof.delivery.routing import destination_of
from billproof.delivery.shipment import Shipment
from billproof.model.errors import Unreadable, UsageError
from billproof.model.record import Record
from billproof.model.urls import in_bucket
from billproof.model.values import shown
from billproof.reading.inputs import find_inputs
from billproof.reading.source import Copy, private_copy


class Accepted(Record):
    """A month that a destination accepted. `doubtful`: the outcome of a later upload is unknown."""

    integration: Integration
    month: str
    receipt: Receipt
    doubtful: bool


def accepted_months(contents: Contents, known: Iterable[Month], config: Config, integration: Integration) -> dict[str, Accepted]:
    """The accepted months of an integration among those that are known, by month: as its `to:` has them, or, where that has
    none, another destination.
    """
    there = config.file.destinations.get(integration.to or "")
    address = None if there is None else configured_address(there, integration.integration)
    standings: dict[str, list[tuple[bool, int, Standing]]] = defaultdict(list)
    for month in known:
        if month.organization == integration.organization:
            standing = contents.standing(month)
            if standing.current is not None:
                place = contents.chain.place[standing.current.sha256]
                standings[month.month].append((month.address == address, place, standing))
    found = {}
    for month_, candidates in sorted(standings.items()):
        standing = max(candidates, key=lambda candidate: candidate[:2])[2]
        current = standing.current
        assert current is not None
        found[month_] = Accepted(integration, month_, current, not standing.is_current(current.file_sha256))
    return found


class Places:
    """Where the bytes of accepted files may lie; each folder is listed once, and packs only if a file is nowhere else."""

    def __init__(self, config: Config, folders: Sequence[str] = ()) -> None:
        """`folders` are looked in besides. Raises UsageError for one that does not exist."""
        self._config = config
        self._named = tuple(folders)
        for folder in folders:
            if not in_bucket(folder) and not os.path.isdir(folder):
                raise UsageError(f"spend {folder}: no such folder", "Name a folder in which accepted files lie.")
        self._listed: dict[str, dict[int | None, list[str]]] = {}
        self._packs: list[str] | None = None

    @contextmanager
    def opened(self, month: Accepted) -> Iterator[Copy | None]:
        """A private copy of the accepted bytes; None if they are in no place."""
        receipt = month.receipt
        tried: set[str] = set()
        with ExitStack() as held:
            for path in self._candidates(month):
                if path in tried or not path.lower().endswith(".csv"):
                    continue
                tried.add(path)
                try:
                    copy = held.enter_context(private_copy(path))
                except Unreadable:
                    continue
                if copy.sha256 == receipt.file_sha256:
                    yield copy
                    return
                held.close()
            yield None

    def _candidates(self, month: Accepted) -> Iterator[str]:
        """Paths of files that may be it, the likeliest first."""
        receipt, files = month.receipt, month.integration.files
        size = int(receipt.document["file"]["bytes"])
        if files is not None:
            yield from self._of_size(self._config.beside(files), size, receipt.file_name)
        yield from self._versions(receipt, size)
        for folder in self._named:
            yield from self._of_size(folder, size, receipt.file_name)
        if os.path.basename(receipt.file_name) == receipt.file_name:
            yield from (self._config.beside(receipt.file_name), receipt.file_name)
        self._packs = _packs_near(self._config) if self._packs is None else self._packs
        for pack in self._packs:
            yield from self._of_size(pack, size, receipt.file_name)

    def _versions(self, receipt: Receipt, size: int) -> Iterable[str]:
        """The versions with this digest that a destination keeps, if it is one that does and is still configured."""
        if receipt.destination not in self._config.file.destinations:
            return ()
        destination = destination_of(self._config, receipt.destination)
        if not isinstance(destination, DirectoryDestination):
            return ()
        sent = Shipment(receipt.organization, receipt.month, None, receipt.file_name, size, receipt.file_sha256)
        try:
            return destination.holding(sent)
        except (OSError, Unreadable):
            return ()

    def _of_size(self, folder: str, size: int, name: str) -> list[str]:
        """The exports of that size below a folder, those with that name first."""
        if folder not in self._listed:
            self._listed[folder] = _by_size(folder, self._config.own_folders())
        paths = [path for known in (size, None) for path in self._listed[folder].get(known, ())]
        return sorted(paths, key=lambda path: (shown(os.path.basename(path), None) != name, path))


def _by_size(folder: str, own: Collection[str]) -> dict[int | None, list[str]]:
    """The exports below a folder by their size, which is None for objects in a bucket."""
    found: dict[int | None, list[str]] = defaultdict(list)
    if not os.path.isdir(folder) and not in_bucket(folder):
        return found
    for file in find_inputs([os.path.join(folder, "")], own):
        if file.error is None:
            try:
                found[None if in_bucket(file.path) else os.path.getsize(file.path)].append(file.path)
            except OSError:
                continue
    return found


def _packs_near(config: Config) -> list[str]:
    """Evidence packs beside billproof.yaml or in the working folder, or one folder further down."""
    roots = dict.fromkeys(os.path.realpath(root) for root in (os.curdir, config.path.parent))
    marks = [glob.glob(os.path.join(glob.escape(root), depth, "SHA256SUMS")) for root in roots for depth in ("*", "*/*")]
    return sorted({os.path.dirname(mark) for some in marks for mark in some})
