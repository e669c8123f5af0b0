"""`billproof.yaml`: found upwards from where the command runs, read strictly, all errors at once.

An ignored configuration would pass in silence, so a file with nearly the right name is an error.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from billproof.config.destinations import (
    FILL_IN,
    DestinationSettings,
    Token,
    check_destinations,
    open_keys,
    token_errors,
    used_placeholders,
)
from billproof.config.discovery import relative
from billproof.model.errors import ConfigurationError, FileError
from billproof.model.record import Record
from billproof.model.results import Hindrance, Sourced
from billproof.model.values import calendar_date, is_month
from billproof.reading.decode import FILLED, Spec, read
from billproof.reading.yaml_tree import Node, parse_document, read_small
from billproof.rules.files import RULE_ID
from billproof.rules.rule import RuleSet
from billproof.rules.shipped import is_shipped

WAIVER_DAYS = 400


class Integration(Record):
    """One OpenAI organization, as in Pelanor."""

    name: Annotated[str, Spec(pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*")]
    organization: Annotated[str, Spec(pattern=r"\S+")]
    files: Annotated[str | None, Spec(doc="The folder with this organization's exports.")] = None
    to: Annotated[str | None, Spec(doc="The destination.")] = None
    integration: Annotated[str | None, Spec(doc="The integration's id at the destination.")] = None
    token: Annotated[Token | None, Spec(secret=True, doc="Where the secret is: {env: NAME}, {file: PATH}, or two names.")] = None
    line: int = 1


class Waiver(Record):
    """Somebody signs for a rule that fails: for one month, until a date, up to a number or for one file."""

    rule: Annotated[str, Spec(pattern=RULE_ID)]
    organization: Annotated[str, Spec(pattern=r"\S+")]
    month: Annotated[str, Spec(doc="YYYY-MM, or any (warnings only).")]
    reason: Annotated[str, Spec(pattern=FILLED)]
    owner: Annotated[str, Spec(pattern=FILLED)]
    expires: Annotated[str, Spec(doc="A date, at most 400 days ahead.")]
    approved_by: str | None = None
    reference: str | None = None
    at_most: Annotated[int | None, Spec(doc="Violations that are covered; more are not.")] = None
    sha256: Annotated[str | None, Spec(pattern=r"[0-9a-f]{64}", doc="The one file that is covered.")] = None
    line: int = 1


class ConfigFile(Record):
    """`billproof.yaml` as it is written."""

    version: Literal[1]
    ruleset: Annotated[str, Spec(doc="A shipped rule set, or a folder.")] = "openai-cost"
    ledger: Annotated[str | None, Spec(doc="The folder of receipts.")] = None
    destinations: Mapping[str, DestinationSettings] = {}
    integrations: tuple[Integration, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    node: Node | None = None


class Config(Record):
    """A sound configuration, where it lies, and its digest."""

    path: Path
    shown_path: str
    sha256: str
    file: ConfigFile

    def configured(self) -> list[tuple[str, Sourced]]:
        """Every configured organization with its place, in order."""
        return [(one.organization, Sourced(one.organization, f"{self.shown_path}:{one.line}")) for one in self.file.integrations]

    def integration_of_file(self, path: str) -> Integration | None:
        """The integration whose `files` folder holds the file."""
        # Where it was found binds before where a link leads: a link in the folder is a file of the folder.
        found = Path(os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path))
        for real in (found, Path(os.path.realpath(path))):
            holders = [one for one in self.file.integrations if one.files and real.is_relative_to(self.folder(one))]
            if holders:
                return max(holders, key=lambda one: len(self.folder(one).parts))
        return None

    def folder(self, integration: Integration) -> Path:
        """The `files` folder of an integration, from where the configuration lies."""
        return (self.path.parent / (integration.files or "")).resolve()

    def ruleset(self) -> str:
        """The rule set: a shipped one by its name, else a folder seen from here. Raises ConfigurationError if there is none."""
        name = self.file.ruleset
        if is_shipped(name):
            return name
        if not (self.path.parent / name / "ruleset.yaml").is_file():
            from billproof.rules.consistency import line_of

            text = f"`ruleset` is {name}: no shipped rule set, and no folder beside this file with a ruleset.yaml"
            raise ConfigurationError([FileError(self.shown_path, line_of(self.file.node, "ruleset"), text)])
        folder = self.beside(name)
        return f"./{folder}" if is_shipped(folder) else folder

    def ledger(self) -> str | None:
        """The folder of the ledger, seen from the working folder."""
        return None if self.file.ledger is None else self.beside(self.file.ledger)

    def beside(self, name: str) -> str:
        """A path of the configuration, which counts from where it lies, seen from the working folder."""
        return relative(self.path.parent / name)

    def integration_of(self, organization: str | None) -> Integration | None:
        """The integration of an organization."""
        return next((one for one in self.file.integrations if one.organization == organization), None)

    def hindrance(self, integration: Integration | None, to: str | None) -> Hindrance | None:
        """Why an upload of this integration would end before anything is judged; None if nothing is in its way."""
        name = to or (integration.to if integration else None)
        if integration is None or name is None or name not in self.file.destinations:
            return Hindrance("no_destination", "no destination is configured for its integration") if integration else None
        settings = self.file.destinations[name]
        if settings.kind == "directory":
            return None
        wants_id = "integration" in used_placeholders(settings)
        if not open_keys(settings) and not (wants_id and integration.integration in (None, "", ".", "..", FILL_IN)):
            return None
        return Hindrance("fill_in", f"the destination {name} is not filled in: {self.shown_path} still says {FILL_IN}")

    def place(self, line: int) -> str:
        """A line of the configuration as `billproof.yaml:12`."""
        return f"{self.shown_path}:{line}"


def read_config(name: str) -> Config:
    """The configuration at the path `name`. Raises ConfigurationError with every error that the file alone shows."""
    path, shown_path = Path(name), relative(name)
    try:
        data = read_small(path)
    except OSError as error:
        raise ConfigurationError([FileError(shown_path, 1, f"cannot be read: {error.strerror or error}")]) from None
    errors: list[FileError] = []
    node = parse_document(data, shown_path, errors)
    found = read(ConfigFile, node, shown_path, errors) if node is not None else None
    if found is None or errors:
        raise ConfigurationError(errors)
    config = Config(path, shown_path, hashlib.sha256(data).hexdigest(), found)
    _check_names(config, errors)
    _check_copies(config, errors)
    _check_addresses(config, errors)
    if errors:
        raise ConfigurationError(errors)
    return config


def _check_names(config: Config, errors: list[FileError]) -> None:
    seen: dict[str, int] = {}
    for one in config.file.integrations:
        for named in (f"integration {one.name}", f"organization {one.organization}"):
            if named in seen:
                errors.append(FileError(config.shown_path, one.line, f"the {named} stands on line {seen[named]} already"))
            seen[named] = one.line
        pattern = one.files is not None and glob.has_magic(one.files) and not config.folder(one).is_dir()
        if pattern or (one.files is not None and one.files.strip() in ("", "-")):
            errors.append(FileError(config.shown_path, one.line, f"`files` is {one.files}; it must name a folder, not a pattern"))
        if one.integration is not None and one.integration != FILL_IN:
            named = f"integration id {one.integration} at {one.to or 'no destination'}"
            if named in seen:
                text = f"the {named} stands on line {seen[named]} already: one would replace the other's months"
                errors.append(FileError(config.shown_path, one.line, text))
            seen[named] = one.line
        if one.to is not None and one.to not in config.file.destinations:
            known = ", ".join(config.file.destinations) or "none"
            errors.append(FileError(config.shown_path, one.line, f"`to` is {one.to}, no destination here; there are {known}"))
        if one.token is not None:
            errors += [FileError(config.shown_path, one.line, text) for text in token_errors(one.token)]
    check_destinations(config.file.destinations, config.shown_path, errors)
    for waiver in config.file.waivers:
        if waiver.month != "any" and not is_month(waiver.month):
            errors.append(FileError(config.shown_path, waiver.line, f"`month` is {waiver.month}; expected YYYY-MM or any"))
        if calendar_date(waiver.expires) is None:
            errors.append(FileError(config.shown_path, waiver.line, f"`expires` is {waiver.expires}; expected YYYY-MM-DD"))
        if waiver.at_most is not None and waiver.at_most < 1:
            errors.append(FileError(config.shown_path, waiver.line, "`at_most` must be 1 or more"))


def _check_addresses(config: Config, errors: list[FileError]) -> None:
    """Two integrations at one address, with one secret, would replace each other's months."""
    for name, one in config.file.destinations.items():
        if one.kind != "http" or open_keys(one) or used_placeholders(one) & {"integration", "organization"}:
            continue
        seen: dict[Token | None, str] = {}
        for integration in (each for each in config.file.integrations if each.to == name):
            if integration.token in seen:
                text = f"destination {name} has one address for {seen[integration.token]} and {integration.name}"
                errors.append(
                    FileError(config.shown_path, one.line, f"{text}: write {{integration}} or {{organization}} into it")
                )
            seen[integration.token] = integration.name


def _check_copies(config: Config, errors: list[FileError]) -> None:
    """A folder that uploads go to must not be among the files to be uploaded: its copies would be found again."""
    for name, one in config.file.destinations.items():
        place = (config.path.parent / (one.path or "")).resolve()
        for integration in config.file.integrations if one.kind == "directory" and one.path else ():
            if not integration.files or not place.is_relative_to(config.folder(integration)):
                continue
            if not any(part.startswith(".") for part in place.relative_to(config.folder(integration)).parts):
                text = f"destination {name} lies in the `files` of {integration.name}, where its copies would be found again"
                errors.append(FileError(config.shown_path, one.line, f"{text}: choose another `path`, such as .billproof/{name}"))


def check_waivers(config: Config, ruleset: RuleSet, today: date) -> None:
    """Raises ConfigurationError for waivers that the rule set does not allow; `today` bounds how far ahead they may end."""
    errors = [
        FileError(config.shown_path, one.line, text)
        for one in config.file.waivers
        for text in _waiver_errors(one, ruleset, today)
    ]
    if errors:
        raise ConfigurationError(errors)


def _waiver_errors(waiver: Waiver, ruleset: RuleSet, today: date) -> Sequence[str]:
    rule = ruleset.rule(waiver.rule)
    if rule is None:
        return [f"there is no rule {waiver.rule} to waive"]
    found = []
    if rule.shipped_level == "note":
        found.append(f"{rule.id} {rule.file.name} is a note, which never stops anything; no waiver is needed")
    if rule.shipped_level == "error" and not rule.file.waivable:
        found.append(f"{rule.id} {rule.file.name} cannot be waived: mend the file instead (billproof rules show {rule.id})")
    if "error" in (rule.shipped_level, rule.level):
        if waiver.month == "any":
            found.append(f"{rule.id} is an error: a waiver for it names one month, not any")
        if "ledger" in rule.file.needs and waiver.sha256 is None:
            found.append(f"{rule.id} is counted once whatever is lost: a waiver for it needs the file's `sha256`")
        elif waiver.at_most is None and waiver.sha256 is None:
            found.append(f"{rule.id} is an error: a waiver for it needs `at_most` or the file's `sha256`")
    expires = calendar_date(waiver.expires)
    if expires is not None and expires > today + timedelta(days=WAIVER_DAYS):
        found.append(f"`expires` is more than {WAIVER_DAYS} days ahead")
    return found
