"""What a command line asked for: its options, and the configuration that holds, as the settings of a run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from billproof.config import settings as given
from billproof.config.discovery import current_folder, find_config
from billproof.config.settings import Settings
from billproof.model.errors import UsageError
from billproof.model.results import Policy, Sourced
from billproof.reading.inputs import Input, find_inputs
from billproof.rules.rule import DEFAULT_RULESET

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
    """The settings of `check` or `upload`, each with where it came from. Raises UsageError for what cannot be meant."""
    settings = _settings(options, policy, options.as_of, getattr(options, "to", None))
    if options.organization is not None and not options.organization.strip():
        raise UsageError("--organization is empty", "Write the ID as in OpenAI's settings: org-…")
    if "-" in options.files and options.second_opinion:
        raise UsageError("--second-opinion needs a file", "Standard input can be read only once.")
    flags = ("month_to_date", "expect_total", "fail_on", "policy", "max_findings", "second_opinion")
    return settings._replace(
        organization=Sourced(options.organization, "--organization") if options.organization else None,
        month=given.parse_month(options.month, settings.as_of) if options.month is not None else None,
        month_to_date=options.month_to_date,
        expected_total=given.parse_total(options.expect_total) if options.expect_total is not None else None,
        max_findings=given.parse_cap(options.max_findings) if options.max_findings is not None else given.MAX_FINDINGS,
        second_opinion=options.second_opinion,
        sources={flag: f"--{flag.replace('_', '-')}" for flag in flags if getattr(options, flag, None) not in (None, False)},
        jobs=given.parse_jobs(options.jobs) if options.jobs is not None else 1,
        inputs=_inputs(options.files, settings.config),
    )


def upload_settings(options: argparse.Namespace, as_of: str | None, to: str | None = None) -> Settings:
    """The settings by which an upload would be checked, for `status` and `pack`."""
    return _settings(options, given.policy_of("upload", "upload", "error"), as_of, to)


def _settings(options: argparse.Namespace, policy: Policy, as_of: str | None, to: str | None) -> Settings:
    now = given.clock()
    config = config_of(options)
    return Settings(
        policy=policy, ruleset=ruleset_of(options, config), as_of=now if as_of is None else given.parse_as_of(as_of),
        as_of_source=given.CLOCK if as_of is None else "--as-of", now=now, config=config, to=to,
    )  # fmt: skip


def plain_settings(file: str, as_of: datetime, source: str) -> Settings:
    """The settings of a check of one file without options and configuration."""
    return Settings(
        policy=Policy(), ruleset=ruleset_of(argparse.Namespace(), None), as_of=as_of, as_of_source=source, now=as_of,
        inputs=tuple(find_inputs([file])),
    )  # fmt: skip


def _inputs(names: Sequence[str], config: Config | None) -> tuple[Input, ...]:
    """What is to be checked: the files that were named, or the folders of the configuration's integrations."""
    if not names and config:
        folders = [config.folder(integration) for integration in config.file.integrations if integration.files]
        names = [os.path.join(os.path.relpath(folder), "") for folder in folders]
    return tuple(find_inputs(names))


def ruleset_of(options: argparse.Namespace, config: Config | None) -> Sourced:
    """The rule set that was named, else that of the configuration, else the built-in one."""
    named = getattr(options, "ruleset", None)
    if named is not None:
        return Sourced(named, "--ruleset")
    return Sourced(config.ruleset(), config.shown_path) if config else Sourced(DEFAULT_RULESET, "default")
