"""Which secret an integration uploads with. Read when it is needed, and known to its request alone."""

from __future__ import annotations

import os
from collections.abc import Mapping

from billproof.config.file import Config, Integration
from billproof.delivery.destinations.pelanor import PRESETS
from billproof.io.secrets import NoToken, Secret, from_environment, from_file


def token_of(integration: Integration, config: Config, environment: Mapping[str, str] = os.environ) -> Secret:
    """The secret of an integration, from where its `token` says. Raises NoToken, naming the variable or the file."""
    token = integration.token
    if token is None:
        where = f"{config.place(integration.line)}  integration {integration.name}"
        raise NoToken(f"{where} has no `token`", "Add where the secret comes from: token: {env: NAME_OF_A_VARIABLE}")
    if token.file is not None:
        secret = from_file(config.path.parent / token.file)
    elif token.env is not None:
        secret = from_environment(token.env, environment)
    else:
        parts = (from_environment(name or "", environment) for name in (token.id_env, token.secret_env))
        secret = Secret(":".join(part.reveal() for part in parts))
    _check_form(secret, integration, config)
    return secret


def _check_form(secret: Secret, integration: Integration, config: Config) -> None:
    destination = config.file.destinations.get(integration.to or "")
    first, _, second = secret.reveal().partition(":")
    if destination is not None and destination.preset in PRESETS and not (first and second):
        raise NoToken(
            f"the token of integration {integration.name} does not have the form <Token ID>:<Token Secret>",
            "Pelanor shows both when the token is created; join them with a colon, or use `id_env` and `secret_env`.",
        )
