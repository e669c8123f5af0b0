"""Which integrations a command is about: those that `--only` names, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from billproof.model.errors import UsageError

if TYPE_CHECKING:
    from billproof.config.file import Config, Integration


def chosen(config: Config | None, names: Sequence[str]) -> tuple[Integration, ...]:
    """The integrations of these names, in the order of the configuration; without names, all of them. Raises UsageError for a
    name that is not there.
    """
    if config is None:
        if names:
            raise UsageError("--only needs a billproof.yaml, which lists the integrations", "billproof init FILE creates one.")
        return ()
    there = {integration.name: integration for integration in config.file.integrations}
    for name in names:
        if name not in there:
            raise UsageError(f"--only {name}: no such integration", f"Integrations: {', '.join(there) or 'none'}.")
    return tuple(integration for name, integration in there.items() if not names or name in names)
