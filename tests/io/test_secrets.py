"""Secrets: from a variable or a file, shown by nothing, found again in what others say."""

from __future__ import annotations

import base64
import contextlib
import copy
import os
import threading
import traceback
from pathlib import Path

import pytest

from billproof.io.secrets import NoToken, Secret, from_environment, from_file, redact

TEXT = "tok-EXAMPLE-123:sec-EXAMPLE-456"


def test_nothing_that_prints_shows_a_secret() -> None:
    secret = Secret(TEXT)
    assert secret.reveal() == TEXT
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr([secret]), repr(copy.copy(secret))]
    assert not [one for one in shown if "EXAMPLE" in one]
    assert not hasattr(secret, "__dict__")


def test_a_variable() -> None:
    assert from_environment("T", {"T": f" {TEXT}\n"}).reveal() == TEXT
    for environment in ({}, {"T": ""}, {"T": " \n"}, {"t": TEXT}):
        with pytest.raises(NoToken, match="the environment variable T is not set"):
            from_environment("T", environment)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TEXT}\r\n")
    assert from_file(path).reveal() == TEXT
    for data, told in ((b"\n", "is empty"), (b"\xff", "is not UTF-8")):
        path.write_bytes(data)
        with pytest.raises(NoToken, match=told):
            from_file(path)
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises(NoToken, match="cannot be read") as error:
            from_file(missing)
        assert str(tmp_path.parent) not in str(error.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and /dev")
def test_what_is_no_regular_file_is_no_token(tmp_path: Path) -> None:
    """A pipe could wait for ever, and /dev/zero never ends."""
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    large.write_bytes(b"t" * 100_000)
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "linked").symlink_to(pipe)

    def write() -> None:
        with contextlib.suppress(OSError):
            pipe.write_text(TEXT)

    threading.Thread(target=write, daemon=True).start()
    for name, told in (("pipe", "not a file"), ("linked", "not a file"), ("zero", "not a file"), ("large", "larger than")):
        with pytest.raises(NoToken, match=f"with the token cannot be read: it is {told}"):
            from_file(tmp_path / name)


def test_a_link_to_a_file_is_a_token(tmp_path: Path) -> None:
    """As Kubernetes mounts secrets."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "token").write_text(TEXT)
    (tmp_path / "token").symlink_to("..data/token")
    assert from_file(tmp_path / "token").reveal() == TEXT


@pytest.mark.parametrize("between", [" ", "\n", "\r", "\t", "\x00", "\x7f", "\u200b", "ü"])
def test_what_no_header_can_hold_is_no_token(between: str, tmp_path: Path) -> None:
    text = f"tok-EXAMPLE{between}sec-EXAMPLE"
    (tmp_path / "token").write_bytes(text.encode())
    with pytest.raises(NoToken, match="the environment variable T does not contain a valid token") as first:
        from_environment("T", {"T": text})
    with pytest.raises(NoToken, match="the file token does not contain a valid token") as second:
        from_file(tmp_path / "token")
    for told in (first.value, second.value):
        assert told.exit_code == 3
        assert "EXAMPLE" not in "".join([*told.lines(), *traceback.format_exception(told)[-1:]])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing of it", "nothing of it"),
        ("", ""),
        (f"a {TEXT} b", "a <token> b"),
        (f"{TEXT}{TEXT}", "<token>"),
        ("id tok-EXAMPLE-123", "id <token>"),
        ("sec-EXAMPLE-456, SEC-example-456", "<token>, <token>"),
        ("tok-EXAMP and tok-EXAM", "<token> and tok-EXAM"),
        ("to\tk-\nEXA MPLE", "<token>"),
        ("to\\nk-EXA\\rMPLE", "<token>"),
        ("tok-EXAMPLE-123%3Asec", "<token>"),
        (f"İ {TEXT}", "İ <token>"),
        (base64.b64encode(TEXT.encode()).decode(), "<token>g=="),
    ],
)
def test_what_is_found_of_a_secret(text: str, shown: str) -> None:
    assert redact(text, Secret(TEXT)) == shown
    assert redact(text) == text


@pytest.mark.parametrize(
    "form", [r"\{:03o}", "0x{:02x} ", "%u{:04x}", r"\U{:08x}", r"\u{{{:x}}}", "&#{}", "&#0000000000{};", "&#x{:012x};"]
)
def test_a_secret_is_found_however_its_characters_are_escaped(form: str) -> None:
    text = "".join(form.format(byte) for byte in b"tok-EXAMPLE-123")
    assert redact(text, Secret(TEXT)).strip(" ;}") == "<token>"


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc", b"Basic "])
@pytest.mark.parametrize("after", [b"", b"z", b"zz"])
def test_a_secret_in_base64_is_found_wherever_it_begins(before: bytes, after: bytes) -> None:
    found = redact(base64.b64encode(before + TEXT.encode() + after).decode(), Secret(TEXT))
    rest = found.replace("<token>", "")
    assert found.count("<token>") == 1
    assert len(rest) <= (len(before) + 2) // 3 * 4 + 8


def test_short_secrets() -> None:
    assert redact("a short: x1y2, and x1y", Secret("x1y2")) == "a short: <token>, and x1y"
    assert redact("the id is in, idea", Secret("id:longer-secret")) == "the id is in, idea"
