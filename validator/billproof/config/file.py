"""`billproof.yaml`: what it says, read strictly, with all errors at once.

A configuration that is silently ignored would let bad files pass, so nothing in it is.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from billproof.config.alerts import Alerts, alerts_errors
from billproof.config.costs import Costs, costs_errors
from billproof.config.destinations import (
    FILL_IN,
    PATH,
    DestinationSettings,
    Token,
    check_destinations,
    lacks_id,
    open_keys,
    token_errors,
    used_placeholders,
)
from billproof.config.discovery import relative
from billproof.config.waivers import Waiver, form_errors
from billproof.model.errors import ConfigurationError, FileError, UsageError
from billproof.model.record import Record
from billproof.model.results import Hindrance, Sourced
from billproof.model.urls import address_error, in_bucket
from billproof.model.values import expected_total, is_month, money
from billproof.reading.decode import Spec, read
from billproof.reading.source import STANDARD_INPUT
from billproof.reading.yaml_tree import Node, parse_document, read_small
from billproof.rules.shipped import is_shipped

BuiltIn = Literal["openai-cost", "pelanor-invoice"]


class Integration(Record):
    """One OpenAI organization, as in Pelanor."""

    name: Annotated[str, Spec(pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*")]
    organization: Annotated[str, Spec(pattern=r"\S+")]
    files: Annotated[str | None, Spec(pattern=PATH, doc="The folder with this organization's exports.")] = None
    to: Annotated[str | None, Spec(doc="The destination.")] = None
    integration: Annotated[str | None, Spec(doc="The integration ID at the destination.")] = None
    token: Annotated[Token | None, Spec(secret=True, doc="Where the secret is: {env: NAME}, {file: PATH}, or two names.")] = None
    ruleset: Annotated[BuiltIn, Spec(doc="The built-in rule set that uploads need. Default: openai-cost")] = "openai-cost"
    costs: Annotated[Costs | None, Spec(doc="OpenAI's own record; what is not said here is as at the top level.")] = None
    alerts: Annotated[Alerts | None, Spec(doc="What `spend --alert` tells; kinds not said here are as at the top level.")] = None
    totals: Annotated[Mapping[str, str], Spec(doc='Expected totals by month, in USD: {2025-10: "1231.31"}.')] = {}
    line: int = 1


class ConfigFile(Record):
    """`billproof.yaml` as it is written."""

    version: Literal[1]
    ruleset: Annotated[str, Spec(pattern=PATH, doc="A built-in rule set, or a folder.")] = "openai-cost"
    ledger: Annotated[str | None, Spec(pattern=PATH, secret=True, doc="The folder of receipts, here or in a bucket.")] = None
    destinations: Mapping[str, DestinationSettings] = {}
    integrations: tuple[Integration, ...] = ()
    costs: Annotated[Costs | None, Spec(doc="OpenAI's own record, for every integration.")] = None
    alerts: Annotated[Alerts | None, Spec(doc="What `spend --alert` tells, for every integration.")] = None
    waivers: tuple[Waiver, ...] = ()
    node: Node | None = None


class Config(Record):
    """A valid configuration, where it is, its digest, and where the `files` folder of each integration really is."""

    path: Path
    shown_path: str
    sha256: str
    file: ConfigFile
    folders: tuple[tuple[Integration, Path], ...] = ()

    def configured(self) -> list[tuple[str, Sourced]]:
        """Every configured organization with its place, in order."""
        owners = self.file.integrations
        return [(owner.organization, Sourced(owner.organization, self.place(owner.line))) for owner in owners]

    def integration_of_file(self, path: str) -> Integration | None:
        """The integration whose `files` folder contains the file: where it really lies, else on the way by which it was found."""
        with suppress(OSError, ValueError):  # the working folder is gone, or no file can have this name
            found, owners = Path(os.path.abspath(path)), {str(folder): owner for owner, folder in self.folders}
            for place in (found, *found.parents) if self.folders and not in_bucket(path) else ():
                real = Path(os.path.realpath(place))
                owner = next((owners[above] for above in map(str, (real, *real.parents)) if above in owners), None)
                if owner is not None:
                    return owner
        return None

    def holder_of(self, path: str) -> str | None:
        """The name of the integration whose `files` folder contains the file."""
        owner = self.integration_of_file(path) if path != STANDARD_INPUT else None
        return owner.name if owner else None

    def own_folders(self) -> list[str]:
        """Where billproof itself writes, so that nothing there is an export: the ledger, and destinations that keep files."""
        kept = [settings.url or settings.path for settings in self.file.destinations.values() if settings.kind != "http"]
        return [self.real(place) for place in (self.file.ledger, *kept) if place]

    def real(self, place: str) -> str:
        """A folder of the configuration by its real path, or in a bucket by its address."""
        place = place.rstrip("/")
        return place if in_bucket(place) else os.path.realpath(self.path.parent / place)

    def ruleset(self) -> str:
        """The rule set: a built-in one by its name, else a folder seen from here. Raises ConfigurationError if there is none."""
        name = self.file.ruleset
        if is_shipped(name):
            return name
        if not os.path.isfile(self.path.parent / name / "ruleset.yaml"):
            from billproof.rules.consistency import line_of

            text = f"`ruleset: {name}` is neither a built-in rule set nor a folder next to this file with a ruleset.yaml"
            raise ConfigurationError([FileError(self.shown_path, line_of(self.file.node, "ruleset"), text)])
        folder = self.beside(name)
        return f"./{folder}" if is_shipped(folder) else folder

    def ledger(self) -> str | None:
        """The folder of the ledger, seen from the working folder, or its address in a bucket."""
        name = self.file.ledger
        return name.rstrip("/") if name is not None and in_bucket(name) else name and self.beside(name)

    def beside(self, name: str) -> str:
        """A path of the configuration, which is relative to its file, seen from the working folder."""
        return relative(self.path.parent / name)

    def integration_of(self, organization: str | None) -> Integration | None:
        """The integration of an organization."""
        return next((owner for owner in self.file.integrations if owner.organization == organization), None)

    def hindrance(self, integration: Integration | None, to: str | None) -> Hindrance | None:
        """Why an upload of this integration would end before anything is checked; None if nothing prevents it."""
        name = to or (integration.to if integration else None)
        if integration is None or name is None or name not in self.file.destinations:
            return Hindrance("no_destination", "no destination is configured for its integration") if integration else None
        settings = self.file.destinations[name]
        if settings.kind != "http" or not (open_keys(settings) or lacks_id(settings, integration.integration)):
            return None
        return Hindrance("fill_in", f"the destination {name} is not filled in: {self.shown_path} still says {FILL_IN}")

    def costs_of(self, integration: Integration | None) -> Costs | None:
        """What is configured of OpenAI's own record for an integration; None if nothing is."""
        own, common = integration.costs if integration else None, self.file.costs
        if own is None or common is None:
            return own or common
        return own._replace(**{name: value for name, value in common._asdict().items() if getattr(own, name) is None})

    def total_of(self, integration: Integration | None, month: str | None) -> Sourced | None:
        """The total that an integration expects of a month, with its place; None if it expects none."""
        total = expected_total(integration.totals.get(month or "", "")) if integration else None
        return None if total is None or integration is None else Sourced(money(total), self.place(integration.line))

    def destination_names(self) -> str:
        """The names of the destinations, for messages."""
        return ", ".join(self.file.destinations) or "none"

    def place(self, line: int) -> str:
        """A line of the configuration as `billproof.yaml:12`."""
        return f"{self.shown_path}:{line}"


def read_config(name: str) -> Config:
    """The configuration at the path `name`. Raises ConfigurationError with every error that the file alone shows."""
    path, shown_path = Path(name), relative(name)
    if not name:
        raise UsageError("--config is empty", "Name the file: --config billproof.yaml")
    try:
        data = read_small(path)
    except OSError as error:
        raise ConfigurationError([FileError(shown_path, 1, f"cannot be read: {error.strerror or error}")]) from None
    except ValueError:
        raise ConfigurationError([FileError(shown_path, 1, "no file can have this name")]) from None
    return parse_config(path, shown_path, data)


def parse_config(path: Path, shown_path: str, data: bytes) -> Config:
    """The configuration with these bytes at `path`. Raises ConfigurationError."""
    errors: list[FileError] = []
    node = parse_document(data, shown_path, errors)
    content = read(ConfigFile, node, shown_path, errors) if node is not None else None
    found = [] if node is None else list(costs_errors(node))
    if content is None or errors:
        raise ConfigurationError(errors + [FileError(shown_path, line, text) for line, text in found])
    owners = [owner for owner in content.integrations if owner.files is not None]
    folders = tuple((owner, Path(os.path.realpath(path.parent / (owner.files or "")))) for owner in owners)
    config = Config(path, shown_path, hashlib.sha256(data).hexdigest(), content, folders)
    errors += [FileError(shown_path, line, text) for line, text in _integration_errors(config)]
    check_destinations(config.file.destinations, shown_path, errors)
    errors += [FileError(shown_path, waiver.line, text) for waiver in config.file.waivers for text in form_errors(waiver)]
    found += (*_ledger_errors(config), *_folder_errors(config), *_address_errors(config), *alerts_errors(config))
    errors += [FileError(shown_path, line, text) for line, text in found]
    if errors:
        raise ConfigurationError(errors)
    return config


def _integration_errors(config: Config) -> Iterator[tuple[int, str]]:
    """Lines of integrations, each with what is wrong there."""
    seen: dict[str, int] = {}
    for integration in config.file.integrations:
        line, files, id_, to = integration.line, integration.files, integration.integration, integration.to
        names = {f"integration {integration.name}": "", f"organization {integration.organization}": ""}
        if id_ is not None and id_ != FILL_IN:
            names[f"integration id {id_} at {to or 'no destination'}"] = ": each would replace the other's months"
        for name, consequence in names.items():
            # An API may take two IDs that differ in case as one, as UUIDs are.
            key = name.casefold() if consequence else name
            if key in seen:
                yield line, f"the {name} is already on line {seen[key]}{consequence}"
            seen[key] = line
        if files is not None:
            pattern = glob.has_magic(files) and not os.path.isdir(config.path.parent / files)
            if in_bucket(files):
                yield line, "`files` is in a bucket; it must be a folder here. Name exports in buckets on the command line"
            elif pattern or files.strip() in ("", "-"):
                yield line, f"`files` is {files}; it must name a folder, not a pattern"
        if to is not None and to not in config.file.destinations:
            yield line, f"`to` is {to}, which is not one of the destinations: {config.destination_names()}"
        if integration.token is not None:
            yield from ((line, text) for text in token_errors(integration.token))
        for month, total in integration.totals.items():
            if not is_month(month):
                yield line, f"`totals` of {integration.name}: {month} is not a month; write it as 2025-10"
            if expected_total(total) is None:
                yield line, f"`totals` of {integration.name}: {total} is not an amount; write it as \"18402.17\""


def _ledger_errors(config: Config) -> Iterator[tuple[int, str]]:
    """What is wrong with the address of a ledger in a bucket; and what else is in the ledger, which contains only receipts."""
    ledger = config.file.ledger
    if not ledger:
        return
    if "://" in ledger and (error := address_error(ledger)):
        from billproof.rules.consistency import line_of

        yield line_of(config.file.node, "ledger"), f"`ledger` {error}"
    around = os.path.join(config.real(ledger), "")
    places = [
        (settings.line, f"destination {name}", settings.url or settings.path)
        for name, settings in config.file.destinations.items()
        if settings.kind != "http"
    ]
    own = (config.file.costs, *(owner.costs for owner in config.file.integrations))
    places += [(costs.line, "`folder` of `costs`", costs.folder) for costs in own if costs]
    for line, what, place in places:
        if place and os.path.join(config.real(place), "").casefold().startswith(around.casefold()):
            yield line, f"{what} is inside the ledger, where its files are errors; choose another folder"


def _address_errors(config: Config) -> Iterator[tuple[int, str]]:
    """Two integrations at one address, with one secret, would replace each other's months."""
    for name, settings in config.file.destinations.items():
        if settings.kind != "http" or open_keys(settings) or used_placeholders(settings) & {"integration", "organization"}:
            continue
        seen: dict[Token | None, str] = {}
        for integration in (owner for owner in config.file.integrations if owner.to == name):
            if integration.token in seen:
                text = f"destination {name} has the same address for {seen[integration.token]} and {integration.name}"
                yield settings.line, f"{text}: add {{integration}} or {{organization}} to it"
            seen[integration.token] = integration.name


def _folder_errors(config: Config) -> Iterator[tuple[int, str]]:
    """A file may be in one integration's folder only, and not where billproof writes. Folders that differ in case are one."""
    holders: dict[str, Integration] = {}
    for owner, folder in config.folders:
        holders.setdefault(str(folder).casefold(), owner)
    own = {place.casefold() for place in config.own_folders()}
    for owner, folder in config.folders:
        around = [str(place).casefold() for place in (folder, *folder.parents)]
        holder = next((holders[place] for place in around if holders.get(place, owner) is not owner), None)
        if holder is not None:
            text = f"`files` of {owner.name} overlaps the folder of {holder.name} (line {holder.line})"
            yield owner.line, f"{text}; give each integration its own folder, or a file may count for the wrong organization"
        if not own.isdisjoint(around):
            text = f"`files` of {owner.name} is inside the ledger or a directory destination"
            yield owner.line, f"{text}, whose files are not exports; choose another folder"
