"""What a command line asked for: its options, and the configuration that holds, as the settings of a run."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from billproof.config import settings as given
from billproof.config.discovery import current_folder, find_config
from billproof.config.settings import Settings
from billproof.model.errors import UsageError
from billproof.model.results import Policy, Sourced
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
    """Everything that a run needs to know, each with where it came from. Raises UsageError for what cannot be meant."""
    now = given.clock()
    config = config_of(options)
    as_of = given.parse_as_of(options.as_of) if options.as_of is not None else now
    if options.organization is not None and not options.organization.strip():
        raise UsageError("--organization is empty", "Write the id as it stands in OpenAI's settings: org-…")
    if "-" in options.files and options.second_opinion:
        raise UsageError("--second-opinion needs a file", "Standard input can be read only once.")
    return given.Settings(
        files=tuple(options.files),
        policy=policy,
        ruleset=ruleset_of(options, config),
        organization=Sourced(options.organization, "--organization") if options.organization else None,
        month=given.parse_month(options.month, as_of) if options.month is not None else None,
        month_to_date=options.month_to_date,
        as_of=as_of,
        as_of_source="--as-of" if options.as_of is not None else given.CLOCK,
        now=now,
        expected_total=given.parse_total(options.expect_total) if options.expect_total is not None else None,
        max_findings=given.parse_cap(options.max_findings) if options.max_findings is not None else given.MAX_FINDINGS,
        second_opinion=options.second_opinion,
        config=config,
        sources={
            "month_to_date": _source(options.month_to_date, "--month-to-date"),
            "expect_total": _source(options.expect_total is not None, "--expect-total"),
            "fail_on": _source(getattr(options, "fail_on", None) is not None, "--fail-on"),
            "policy": _source(getattr(options, "policy", None) is not None, "--policy"),
            "max_findings": _source(options.max_findings is not None, "--max-findings"),
            "second_opinion": _source(options.second_opinion, "--second-opinion"),
        },
        to=getattr(options, "to", None),
        jobs=given.parse_jobs(options.jobs) if options.jobs is not None else 1,
    )


def plain_settings(file: str, as_of: datetime, source: str) -> Settings:
    """The settings of a check of one file without options and configuration."""
    flags = ("month_to_date", "expect_total", "fail_on", "policy", "max_findings", "second_opinion")
    return Settings(
        files=(file,), policy=Policy(), ruleset=Sourced(DEFAULT_RULESET, "default"), organization=None, month=None,
        month_to_date=False, as_of=as_of, as_of_source=source, now=as_of, expected_total=None,
        max_findings=given.MAX_FINDINGS, second_opinion=False, config=None, sources=dict.fromkeys(flags, "default"),
    )  # fmt: skip


def ruleset_of(options: argparse.Namespace, config: Config | None) -> Sourced:
    """The rule set that was named, else that of the configuration, else the shipped one."""
    if options.ruleset is not None:
        return Sourced(options.ruleset, "--ruleset")
    return Sourced(config.ruleset(), config.shown_path) if config else Sourced(DEFAULT_RULESET, "default")


def _source(given: bool, flag: str) -> str:
    return flag if given else "default"
