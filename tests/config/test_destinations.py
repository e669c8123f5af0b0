"""What is wrong with destinations and tokens in `billproof.yaml`: told at once, with the line, and without any secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from billproof.config.file import ConfigFile, read_config
from billproof.model.errors import ConfigurationError

API = 'base_url: "https://api.example.com"'


def faults(path: Path, destinations: str, token: str = "{env: T}") -> list[str]:
    """The faults of a configuration with these destinations, the first of which stands on line 3."""
    file = path / "billproof.yaml"
    integration = f"integrations:\n  - {{name: one, organization: org-EXAMPLE1, token: {token}}}"
    file.write_text(f"version: 1\ndestinations:\n{destinations}\n{integration}\n", "utf-8")
    try:
        read_config(str(file))
    except ConfigurationError as error:
        return [f"{one.line}  {one.text}" for one in error.errors]
    return []


SOUND = {
    "preset": "kind: http, preset: pelanor-us",
    "everything": f'kind: http, {API}, method: PUT, path: "/v1/{{integration}}/%20/{{month}}", query: {{a: "{{organization}}"}}, '
    'file: {form_field: a b}, headers: {X-Key: "key {token}", Accept: "*/*"}, success: [200, 299], id_at: "/a~1b/~0/0"',
    "type of a raw body": f"kind: http, {API}, file: raw, headers: {{Content-Type: application/octet-stream}}",
    "authorization": f'kind: http, {API}, headers: {{authorization: "Basic {{token}}"}}',
    "root of the answer": f'kind: http, {API}, id_at: ""',
    "to fill in": 'kind: http, base_url: "https://FILL-IN", path: "/FILL-IN", file: {form_field: FILL-IN}, '
    "headers: {X-Token: FILL-IN}",
    "localhost": 'kind: http, base_url: "http://localhost:8080/api"',
    "loopback": 'kind: http, base_url: "http://127.9.9.9"',
    "loopback 6": 'kind: http, base_url: "http://[::1]:80"',
    "folder": "kind: directory, path: archive/",
    "values of variables": f"kind: http, {API}, headers: {{X-Team: {{env: TEAM}}}}, query: {{code: {{env: CODE}}}}",
    "harmless values": f'kind: http, {API}, headers: {{X-Api-Version: "2"}}, query: {{source: openai, api-version: 2-preview}}',
    "placeholders": f'kind: http, {API}, headers: {{X-For: "{{organization}}/{{month}}"}}, query: {{of: "{{integration}}"}}',
    "a word of authorization": f"kind: http, {API}, headers: {{Authorization: 'Token token=\"{{token}}\"'}}",
    "a long path": f'kind: http, {API}, path: "/cost-exports/3f2504e0-4f89-11d3-9a0c-0305e82c3301/cost_2025-10-01_2025-10-31"',
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_a_sound_destination(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, f"  a: {{{text}}}") == []


CLEAR = "`base_url` is http://, so the token would be sent unencrypted"
WRONG = {
    "neither preset nor address": ("kind: http", "exactly one of `preset` and `base_url`"),
    "preset and address": (f"kind: http, preset: pelanor-eu, {API}", "exactly one of `preset` and `base_url`"),
    "folder without path": ("kind: directory", "a directory needs `path`"),
    "folder without name": ('kind: directory, path: " "', "a directory needs `path`"),
    "folder with a method": ("kind: directory, path: a, method: PUT", "`method` applies only to kind http"),
    "folder with headers": ("kind: directory, path: a, headers: {A: b}", "`headers` applies only to kind http"),
    "folder with an address": ("kind: directory, path: a, url: 's3://b'", "`url` does not apply to kind directory"),
    "bucket without an address": ("kind: bucket", "a bucket needs `url`, such as s3://bucket/exports"),
    "bucket with a path": ("kind: bucket, url: 's3://b', path: a", "`path` does not apply to kind bucket"),
    "bucket with a method": ("kind: bucket, url: 's3://b', method: PUT", "`method` applies only to kind http; this is a bucket"),
    "bucket at a folder": ("kind: bucket, url: b/c", "`url` is not an address in a bucket; write it as s3://bucket/folder"),
    "bucket with a signature": ("kind: bucket, url: 'az://b/c?sig=s3cret'", "`url` contains a `?` or credentials, which belong"),
    "bucket with a key": ("kind: bucket, url: 's3://key:s3cret@b/c'", "`url` contains a `?` or credentials, which belong"),
    "API with an address": ("kind: http, base_url: 'https://a.example', url: 's3://b'", "`url` applies only to kind bucket"),
    "folder with codes": ("kind: directory, path: a, success: [200]", "`success` applies only to kind http"),
    "no host": ('kind: http, base_url: "https://"', "`base_url`"),
    "no host but a port": ('kind: http, base_url: "https://:80"', "`base_url` is not an address"),
    "bad port": ('kind: http, base_url: "https://api.example.com:99999"', "`base_url` is not an address"),
    "bad name": (f'kind: http, base_url: "https://{"a" * 64}.example.com"', "`base_url` is not an address"),
    "blank": ('kind: http, base_url: "https://api.example.com/a b"', "`base_url` is not an address"),
    "dots": ('kind: http, base_url: "https://api.example.com/a/../b"', "`base_url` is not an address"),
    "placeholder in the address": ('kind: http, base_url: "https://{month}.example.com"', "`base_url` is not an address"),
    "credentials": ('kind: http, base_url: "https://user:hunter2@api.example.com"', "`base_url` contains credentials"),
    "credentials elsewhere": ('kind: http, base_url: "ftp://user:hunter2@api.example.com"', "`base_url` is `…`"),
    "query": ('kind: http, base_url: "https://api.example.com?key=hunter2"', "`base_url` contains a query"),
    "fragment": ('kind: http, base_url: "https://api.example.com#x"', "`base_url` contains a query or a fragment"),
    "in the clear": ('kind: http, base_url: "http://api.example.com"', CLEAR),
    "nearly loopback": ('kind: http, base_url: "http://127.0.0.1.example.com"', CLEAR),
    "nearly localhost": ('kind: http, base_url: "http://localhost.example.com"', CLEAR),
    "another network": ('kind: http, base_url: "http://10.0.0.1"', CLEAR),
    "path without slash": (f"kind: http, {API}, path: v1", "`path` must begin with /"),
    "path with a query": (f'kind: http, {API}, path: "/a?b=c"', "`path` must begin with / and contain no spaces, ? or #"),
    "path with a blank": (f'kind: http, {API}, path: "/a b"', "`path` must begin with /"),
    "path with dots": (f'kind: http, {API}, path: "/a/../b"', "or a part that is . or .."),
    "path with a lonely %": (f'kind: http, {API}, path: "/100%"', "`path` contains a % that does not begin a %XX code"),
    "unknown placeholder": (f'kind: http, {API}, path: "/{{org}}"', "allowed are {organization}, {month}, {integration}"),
    "token in the path": (f'kind: http, {API}, path: "/{{token}}"', "`path` contains an unknown placeholder"),
    "open brace": (f'kind: http, {API}, path: "/{{month"', "`path` contains an unknown placeholder"),
    "token in the query": (f'kind: http, {API}, query: {{key: "{{token}}"}}', "`query` key contains an unknown placeholder"),
    "query of numbers": (f"kind: http, {API}, query: {{key: 1234567}}", "`query`"),
    "secret in a header": (f"kind: http, {API}, headers: {{Authorization: Bearer hunter2}}", "header Authorization has"),
    "secret in another": (f"kind: http, {API}, headers: {{X-Api-Key: hunter2}}", "header X-Api-Key has its value"),
    "secret in an auth key": (f"kind: http, {API}, headers: {{X-Auth-Key: hunter2}}", "header X-Auth-Key has its value"),
    "secret in the address": (f"kind: http, {API}, query: {{api_key: hunter2}}", "`query` api_key has its value"),
    "cookie": (f'kind: http, {API}, headers: {{cookie: "a=hunter2"}}', "header cookie has its value"),
    "secret beside the token": (f"kind: http, {API}, headers: {{X-Key: 'hunter2 {{token}}'}}", "header X-Key has its value"),
    "key as a harmless value": (
        f"kind: http, {API}, headers: {{User-Agent: sk-hunter2hunter2hunter2}}", "header User-Agent has its value"
    ),
    "key as a name": (f"kind: http, {API}, headers: {{sk-hunter2hunter2hunter2: x}}", "header <secret> has its value"),
    "key in the path": (f'kind: http, {API}, path: "/hooks/hunter2x{"a1" * 16}"', "`path` has a part that looks like a key"),
    "pair in the path": (f'kind: http, {API}, path: "/tok-hunter2:sec-hunter2/x"', "`path` has a part that looks like a key"),
    "key in the address": (
        f'kind: http, base_url: "https://api.example.com/hunter2x{"a1" * 16}"', "`base_url` has a part that looks like a key"
    ),
    "no variable": (f"kind: http, {API}, headers: {{X-Key: {{env: hunter2}}}}", "`env` is `…`"),
    "variable that is a text": (f'kind: http, {API}, query: {{a: "{{env: hunter2}}"}}', "`query` a contains an unknown"),
    "preset's variable": ("kind: http, preset: pelanor-eu, headers: {Authorization: {env: A}}", "the preset fixes"),
    "line end": (f'kind: http, {API}, headers: {{A: "hunter2\\r\\nB: c"}}', "header A is empty, or contains a line ending"),
    "not ASCII": (f'kind: http, {API}, headers: {{A: "hunter2 ü"}}', "header A is empty, or contains a line ending"),
    "empty header": (f'kind: http, {API}, headers: {{A: ""}}', "header A is empty"),
    "name of a header": (f'kind: http, {API}, headers: {{"A: hunter2": b}}', "`headers` contains an invalid header name"),
    "own header": (f'kind: http, {API}, headers: {{content-length: "3"}}', "header content-length is set by billproof itself"),
    "own key": (f'kind: http, {API}, headers: {{Idempotency-Key: "x"}}', "header Idempotency-Key is set by billproof itself"),
    "type of a form": (f"kind: http, {API}, file: {{form_field: a}}, headers: {{Content-Type: a/b}}", "set by billproof itself"),
    "header twice": (f"kind: http, {API}, headers: {{accept: b, Accept: c}}", "`headers` contains a name twice"),
    "placeholder in a header": (f'kind: http, {API}, headers: {{A: "{{name}}"}}', "header A contains an unknown placeholder"),
    "preset's authorization": ('kind: http, preset: pelanor-eu, headers: {Authorization: "{token}"}', "the preset fixes"),
    "preset's token": ('kind: http, preset: pelanor-eu, headers: {X-Key: "{token}"}', "the preset fixes"),
    "field": (f'kind: http, {API}, file: {{form_field: "a\\nb"}}', "`form_field` is empty or contains a control character"),
    "no field": (f'kind: http, {API}, file: {{form_field: ""}}', "`form_field` is empty"),
    "redirect as success": (f"kind: http, {API}, success: [200, 302]", "`success` may contain only codes from 200 to 299"),
    "pointer": (f"kind: http, {API}, id_at: data.id", "`id_at` is not a JSON pointer"),
    "pointer with a tilde": (f"kind: http, {API}, id_at: /a~2", "`id_at` is not a JSON pointer"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_a_fault_of_a_destination(tmp_path: Path, text: str, told: str) -> None:
    (fault,) = faults(tmp_path, f"  a: {{{text}}}")
    assert fault.startswith("3  ")
    assert told in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize("name", ["a b", "../a", ".a", "-", "ä", "a/b"])
def test_a_name_becomes_a_folder(tmp_path: Path, name: str) -> None:
    (fault,) = faults(tmp_path, f'  "{name}": {{kind: directory, path: a}}')
    assert fault.startswith(f"3  destination {name}: a name may contain only letters")


def test_names_that_some_systems_hold_for_one(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "  Archive: {kind: directory, path: a}\n  archive: {kind: directory, path: b}")
    assert fault.startswith("4  destination archive: Archive differs only in case")


def test_all_faults_of_a_destination(tmp_path: Path) -> None:
    text = "  a b:\n    kind: http\n    path: x\n    success: [300]\n  c: {kind: directory}"
    assert [one[:2].strip() for one in faults(tmp_path, text)] == ["4", "4", "4", "4", "7"]


@pytest.mark.parametrize(
    ("token", "sound"),
    [
        ("{env: T}", True), ("{file: token}", True), ("{id_env: I, secret_env: S}", True), ("{}", False), ("{id_env: I}", False),
        ("{secret_env: S}", False), ("{env: T, file: token}", False), ("{env: T, id_env: I, secret_env: S}", False),
    ],
)  # fmt: skip
def test_a_token_comes_from_one_place(tmp_path: Path, token: str, sound: bool) -> None:
    found = faults(tmp_path, "  a: {kind: directory, path: a}", token)
    told = "5  `token` needs exactly one of `env`, `file`, or `id_env` with `secret_env`"
    assert found == ([] if sound else [told])


def test_destinations_are_read_into_their_settings(tmp_path: Path) -> None:
    assert faults(tmp_path, f"  a: {{{SOUND['everything']}}}") == []
    file: ConfigFile = read_config(str(tmp_path / "billproof.yaml")).file
    assert file.destinations["a"].line == 3
    assert file.destinations["a"].success == (200, 299)


NAMES = (
    "Ocp-Apim-Subscription-Key", "X-Functions-Key", "X-JWT", "X-Goog-Signature", "Api", "X-A", "From", "Referer", "X-Id",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_value_in_plain_text_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    for where, told in (("headers", f"header {name}"), ("query", f"`query` {name}")):
        (fault,) = faults(tmp_path, f"  a: {{kind: http, {API}, {where}: {{{name}: hunter2}}}}")
        assert f"{told} has its value in plain text, which may be a secret; write {{env: NAME}}" in fault
        assert "hunter2" not in fault


@pytest.mark.parametrize(
    "host",
    [
        "127.999.1.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001", "2130706433", "127.0.0.256", "127.00.0.1", "0177.0.0.1",
        "localhost.",
        "127.0.0.1.", "a.localhost", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "128.0.0.1",
    ],
)  # fmt: skip
def test_only_plain_names_of_this_machine_are_this_machine(tmp_path: Path, host: str) -> None:
    (fault,) = faults(tmp_path, f'  a: {{kind: http, base_url: "http://{host}:80/x"}}')
    assert CLEAR in fault
