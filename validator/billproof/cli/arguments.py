"""What a command line asked for: its options, and the configuration that holds, as the settings of a run."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from billproof.config import settings as asked
from billproof.config.discovery import current_folder, find_config
from billproof.config.settings import Options, Settings
from billproof.model.results import Policy

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
    settings = asked.settings_of(_options(options), policy, config_of(options))
    if options.costs_key is None:
        return settings
    from billproof.audit.signing.deviations import require_signed_record
    from billproof.audit.signing.dsse import read_public_key

    read_public_key(options.costs_key, "--costs-key")
    return settings._replace(costs_signature=partial(require_signed_record, options.costs_key))


def upload_settings(options: argparse.Namespace) -> Settings:
    """The settings by which an upload would be checked, for `status` and `pack`."""
    return asked.plain_settings(_options(options), asked.UPLOAD, config_of(options))


def _options(options: argparse.Namespace) -> Options:
    given = {name: value for name, value in vars(options).items() if name in Options._fields}
    several = {name: tuple(given.get(name, ())) for name in ("files", "only")}
    return Options(**{**given, **several})
