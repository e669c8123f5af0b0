"""docs/sandbox.md: its commands run against a sandbox that is started as the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from billproof.sandbox.command import TOKEN, listen
from billproof.sandbox.faults import NAMES
from tests.sandbox.test_command import served
from tests.support import FIXTURES, ROOT
from tests.test_docs import blocks, commands, first_upload, pattern, table

PAGE = ROOT / "docs" / "sandbox.md"
TEXT = PAGE.read_text("utf-8")
ADDRESS = "127.0.0.1:8765"
DOCUMENT = json.loads((ROOT / "validator" / "billproof" / "sandbox" / "openapi.json").read_text("utf-8"))


def on_the_page(language: str) -> list[str]:
    """The page's blocks, but those of its first upload, which tests/test_docs.py runs."""
    return [block.text for block in blocks(language) if block.path == PAGE and block not in first_upload()]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands are for curl")
def test_the_page_is_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (FIXTURES / "demo").glob("*.csv"):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(TOKEN, "sandbox:only-for-this-page")
    start = on_the_page("sh")[0].split()
    assert start[:2] == ["billproof", "sandbox"]
    with served(*start[2:]) as sandbox:
        address = sandbox.url.removeprefix("http://")
        assert sandbox.welcome.replace(address, ADDRESS) == on_the_page("text")[0]
        for block in (block for block in blocks("console") if block.path == PAGE and block not in first_upload()):
            for command in commands(block):
                out = shell(command.line.replace(ADDRESS, address))
                assert re.fullmatch(pattern(command.shown), out + ("" if out.endswith("\n") else "\n")), (
                    f"$ {command.line}\n{out}"
                )


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands are for curl")
def test_the_lines_for_ci_start_a_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "billproof").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m billproof "$@"\n', "utf-8")
    (tmp_path / "billproof").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with listen("127.0.0.1", 0) as free:
        port = str(free.getsockname()[1])
    lines = on_the_page("sh")[-1].replace("billproof sandbox", f"billproof sandbox --port {port}").replace("8765", port)
    shell(f"{lines}\nkill $!\nwait $!\n")
    assert json.loads((tmp_path / "openapi.json").read_text("utf-8")) == DOCUMENT
    assert "the one in BILLPROOF_SANDBOX_TOKEN" in (tmp_path / "sandbox.log").read_text("utf-8")


def shell(line: str) -> str:
    """What a command line prints; curl of this machine's own proxies and settings kept out of it."""
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    done = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, timeout=60, check=True)
    return done.stdout.decode("utf-8")


def test_the_tables_are_complete() -> None:
    assert [row[0].strip("`") for header in ("fault", "costs fault") for row in table(TEXT, header)] == list(NAMES)
    helped = (ROOT / "docs" / "help.txt").read_text("utf-8").partition("$ billproof sandbox --help")[2].partition("\n$ ")[0]
    options = {option for row in table(TEXT, "option") for option in re.findall(r"`(--[a-z-]+)", row[0])}
    assert options == set(re.findall(r"--[a-z][a-z-]+", helped)) - {"--help"}
    paths = {path for row in table(TEXT, "request") for path in re.findall(r"(/[^`\s]+)", row[0])}
    assert paths == set(DOCUMENT["paths"])
    documented = {status for path in DOCUMENT["paths"].values() for one in path.values() for status in one["responses"]}
    refusals = {status for status in documented if status.startswith("4")}
    assert {row[0] for row in table(TEXT, "status")} | {"429"} == refusals


def test_the_page_says_whose_paths_these_are() -> None:
    assert "nothing about it\nfollows from the sandbox" in TEXT
