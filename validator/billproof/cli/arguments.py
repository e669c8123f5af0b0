"""What a command line asked for: its options, and the configuration that holds, as the settings of a run."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from billproof.config import options as asked
from billproof.config import settings as given
from billproof.config.discovery import current_folder, find_config
from billproof.config.options import Options
from billproof.config.settings import Settings
from billproof.model.results import Policy, Sourced
from billproof.reading.inputs import find_inputs

if TYPE_CHECKING:
    from billproof.config.file import Config


def config_of(options: argparse.Namespace) -> Config | None:
    """The configuration that was named, or the one above this folder; None if there is none. Raises ConfigurationError."""
    path = find_config(current_folder()) if options.config is None else options.config
    if path is None:
        return None
    from billproof.config.file import read_config

    return read_config(path)


def settings_of(options: argparse.Namespace, policy: Policy) -> Settings:
    """The settings of `check` or `upload`, each with its source. Raises UsageError for options that are not valid."""
    return asked.settings_of(_options(options), policy, config_of(options))


def upload_settings(options: argparse.Namespace, as_of: str | None, to: str | None = None) -> Settings:
    """The settings by which an upload would be checked, for `status` and `pack`."""
    asked_for = _options(options)._replace(as_of=as_of, to=to)
    return asked.plain_settings(asked_for, given.policy_of("upload", "upload", "error"), config_of(options))


def plain_settings(file: str, as_of: datetime, source: str) -> Settings:
    """The settings of a check of one file without options and configuration."""
    return Settings(
        policy=Policy(), ruleset=asked.ruleset_of(None, None), as_of=as_of, as_of_source=source, now=as_of,
        inputs=tuple(find_inputs([file])),
    )  # fmt: skip


def ruleset_of(options: argparse.Namespace, config: Config | None) -> Sourced:
    """The rule set that was named, else that of the configuration, else the built-in one."""
    return asked.ruleset_of(getattr(options, "ruleset", None), config)


def _options(options: argparse.Namespace) -> Options:
    given = {name: value for name, value in vars(options).items() if name in Options._fields}
    return Options(**{**given, "files": tuple(given.get("files", ()))})
