"""Which secret an integration uploads with."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from billproof.config.file import Config, read_config
from billproof.delivery.routing import token_of
from billproof.io.secrets import NoToken

CONFIGURATION = """\
    version: 1
    destinations:
      pelanor-eu: {kind: http, preset: pelanor-eu}
      archive: {kind: directory, path: archive/}
    integrations:
      - {name: one, organization: org-EXAMPLE1, to: pelanor-eu, token: {env: ONE}}
      - {name: two, organization: org-EXAMPLE2, to: pelanor-eu, token: {id_env: TWO_ID, secret_env: TWO_SECRET}}
      - {name: file, organization: org-EXAMPLE3, token: {file: secrets/token}}
      - {name: none, organization: org-EXAMPLE4, to: archive}
    """


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "billproof.yaml").write_text(dedent(CONFIGURATION))
    return read_config(str(tmp_path / "billproof.yaml"))


def token(config: Config, name: str, **environment: str) -> str:
    (integration,) = [one for one in config.file.integrations if one.name == name]
    return token_of(integration, config, environment).reveal()


def test_from_variables(config: Config) -> None:
    assert token(config, "one", ONE="id:secret") == "id:secret"
    assert token(config, "two", TWO_ID="id", TWO_SECRET=" secret\n") == "id:secret"


def test_from_a_file_beside_the_configuration(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    (config.path.parent / "secrets").mkdir()
    (config.path.parent / "secrets" / "token").write_text("plain\n")
    monkeypatch.chdir("/")
    assert token(config, "file") == "plain"


@pytest.mark.parametrize(
    ("name", "environment", "told"),
    [
        ("one", {}, "the environment variable ONE is not set"),
        ("two", {"TWO_ID": "id"}, "the environment variable TWO_SECRET is not set"),
        ("two", {"TWO_SECRET": "hunter2"}, "the environment variable TWO_ID is not set"),
        ("one", {"ONE": "hunter2 x"}, "the environment variable ONE does not contain a valid token"),
        ("one", {"ONE": "hunter2"}, "integration one does not have the form <Token ID>:<Token Secret>"),
        ("one", {"ONE": "hunter2:"}, "integration one does not have the form <Token ID>:<Token Secret>"),
        ("file", {}, "the file token with the token cannot be read"),
        ("none", {}, "integration none has no `token`"),
    ],
)
def test_no_token(config: Config, name: str, environment: dict[str, str], told: str) -> None:
    with pytest.raises(NoToken) as error:
        token(config, name, **environment)
    assert told in error.value.message
    assert "hunter2" not in "".join(error.value.lines())
    assert error.value.exit_code == 3
