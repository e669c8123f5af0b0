"""Options as text, from a command line or a caller, and a configuration, to the settings of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from billproof.config import settings as given
from billproof.config.settings import Settings
from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.results import Policy, Sourced
from billproof.reading.inputs import find_inputs
from billproof.rules.rule import DEFAULT_RULESET

if TYPE_CHECKING:
    from billproof.config.file import Config

_WITHOUT_SOURCE = ("month_to_date", "expect_total", "fail_on", "policy", "max_findings", "second_opinion")


class Options(Record):
    """What a run was asked to do, by the names of the long options; None for what was not said."""

    files: tuple[str, ...] = ()
    organization: str | None = None
    month: str | None = None
    month_to_date: bool = False
    as_of: str | None = None
    expect_total: str | None = None
    ruleset: str | None = None
    second_opinion: bool = False
    jobs: str | None = None
    policy: str | None = None
    fail_on: str | None = None
    max_findings: str | None = None
    to: str | None = None


def settings_of(options: Options, policy: Policy, config: Config | None) -> Settings:
    """The settings of a check or an upload, each with its source. Raises UsageError for options that are not valid."""
    settings = plain_settings(options, policy, config)
    if options.organization is not None and not options.organization.strip():
        raise UsageError("--organization is empty", "Write the ID as in OpenAI's settings: org-…")
    if "-" in options.files and options.second_opinion:
        raise UsageError("--second-opinion needs a file", "Standard input can be read only once.")
    names = options.files
    if not names and config:
        folders = [config.folder(integration) for integration in config.file.integrations if integration.files]
        names = tuple(os.path.join(os.path.relpath(folder), "") for folder in folders)
    return settings._replace(
        organization=Sourced(options.organization, "--organization") if options.organization else None,
        month=given.parse_month(options.month, settings.as_of) if options.month is not None else None,
        month_to_date=options.month_to_date,
        expected_total=given.parse_total(options.expect_total) if options.expect_total is not None else None,
        max_findings=given.parse_cap(options.max_findings) if options.max_findings is not None else given.MAX_FINDINGS,
        second_opinion=options.second_opinion,
        sources={
            name: f"--{name.replace('_', '-')}" for name in _WITHOUT_SOURCE if getattr(options, name) not in (None, False)
        },
        jobs=given.parse_jobs(options.jobs) if options.jobs is not None else 1,
        inputs=tuple(find_inputs(names)),
    )  # fmt: skip


def plain_settings(options: Options, policy: Policy, config: Config | None) -> Settings:
    """The settings that have nothing to do with files: rules, time, destination."""
    now, as_of = given.clock(), options.as_of
    return Settings(
        policy=policy, ruleset=ruleset_of(options.ruleset, config), as_of=now if as_of is None else given.parse_as_of(as_of),
        as_of_source=given.CLOCK if as_of is None else "--as-of", now=now, config=config, to=options.to,
    )  # fmt: skip


def ruleset_of(name: str | None, config: Config | None) -> Sourced:
    """The rule set that was named, else that of the configuration, else the built-in one."""
    if name is not None:
        return Sourced(name, "--ruleset")
    return Sourced(config.ruleset(), config.shown_path) if config else Sourced(DEFAULT_RULESET, "default")
