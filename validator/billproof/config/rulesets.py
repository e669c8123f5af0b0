"""Which rule set a run uses when its files belong to integrations: each says what is uploaded there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billproof.model.errors import UsageError
from billproof.model.results import Sourced
from billproof.reading.source import STANDARD_INPUT
from billproof.rules.rule import DEFAULT_RULESET

if TYPE_CHECKING:
    from billproof.config.file import Config, Integration
    from billproof.config.settings import Settings


def for_integration(settings: Settings, integration: Integration | None) -> Settings:
    """The settings for the files of an integration: with its rule set, unless one was named on the command line. The default
    is left to the configuration, which may name a stricter one.
    """
    named, config = settings.ruleset.source == "--ruleset", settings.config
    if named or config is None or integration is None or integration.ruleset == DEFAULT_RULESET:
        return settings
    return settings._replace(ruleset=Sourced(integration.ruleset, config.shown_path))


def for_inputs(settings: Settings, config: Config) -> Settings:
    """The settings for the files to check. Raises UsageError if their integrations have different rule sets."""
    if settings.organization is not None:
        return for_integration(settings, config.integration_of(settings.organization.value))
    paths = (file.path for file in settings.inputs if file.path != STANDARD_INPUT)
    chosen = [for_integration(settings, config.integration_of_file(path)) for path in paths]
    of_value = {one.ruleset.value: one for one in chosen}
    if len(of_value) > 1:
        raise UsageError(
            f"the files belong to integrations with different rule sets: {' and '.join(map(str, of_value))}",
            "Run the command for each rule set: choose the integrations with --only, or name their files.",
        )
    return next(iter(of_value.values()), settings)
