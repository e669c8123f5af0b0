"""Completion, typed into real shells: a prefix, TAB, and what can be read on the screen then."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if os.name == "nt":
    pytest.skip("these shells are of POSIX systems", allow_module_level=True)

import fcntl
import termios

from billproof.cli.commands.completion import SHELLS
from billproof.cli.parser import build_parser
from tests.support import ROOT, run
from tests.terminal import Terminal, terminal

SCRIPTS = ROOT / "validator" / "billproof" / "cli" / "completion"
PATIENT = 30
QUIET_SECONDS = 0.2

CASES = {
    "a command": ("che", ["check"], []),
    "an action": ("ledger ve", ["verify"], []),
    "an option": ("check --expl", ["--explain"], []),
    "options that begin alike": ("check --month", ["--month", "--month-to-date"], ["--format"]),
    "an option after a file": ("check first.csv --dr", [], ["--dry-run"]),
    "an option of another command": ("upload first.csv --dr", ["--dry-run"], []),
    "a format": ("check --format sa", ["sarif"], []),
    "a policy": ("check --policy ", ["check", "upload"], ["october.csv"]),
    "a rule": ("rules show OC60", ["OC601", "OC602", "OC603"], ["OC101"]),
    "a month": ("guide --month la", ["last"], []),
    "a rule set": ("rules list --ruleset ope", ["openai-cost"], []),
    "a rule set of one's own": ("rules list --ruleset stric", ["stricter"], []),
    "an export or a folder": ("check o", ["october.csv", "october-others"], ["october.txt", "october.yaml"]),
    "a second export": ("check first.csv o", ["october.csv", "october-others"], ["october.txt", "october.yaml"]),
    "an export for init": ("init f", ["first.csv"], []),
    "a configuration": ("check --config o", ["october.yaml"], ["october.txt", "october.csv"]),
    "a folder": ("rules docs --output o", ["october-others"], ["october.txt", "october.csv"]),
    "a format for a file": ("check --output js", ["json="], []),
    "a file for a format": ("check --output json=october.t", ["json=october.txt"], ["json=october.csv"]),
    "a report": ("verify oct", ["october.json", "october-others"], ["october.csv", "october.txt"]),
    "the export of a report": ("verify r.json oct", ["october.csv", "october-others"], ["october.json", "october.txt"]),
    "a shell": ("completion z", ["zsh"], []),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with exports, other files and folders."""
    for name in ("first.csv", "october.csv", "october.txt", "october.yaml", "october.json", "Costs October.csv"):
        (tmp_path / name).write_text("")
    for name in ("october-others", "stricter"):
        (tmp_path / name).mkdir()
    return tmp_path


def completed(shell: str, keys: str, folder: Path, wanted: list[str]) -> list[str]:
    """The words that stand on the screen after some keys and TAB, without those that were there before."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    if shell == "fish":
        return asked(keys, folder)
    *finished, _ = f"billproof {keys}|".split()

    def words(screen: list[str]) -> list[str]:
        found = [word.rstrip("/") for line in screen for word in line.split()]
        for word in finished:
            if word in found:
                found.remove(word)
        return found

    return words(before_a_terminal(shell, keys, folder, lambda screen: set(wanted) <= set(words(screen))))


def asked(keys: str, folder: Path) -> list[str]:
    """What fish answers when it is asked, which it can be without a terminal."""
    command = f"source '{SCRIPTS}/billproof.fish'; complete -C 'billproof {keys}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", command], cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    return [line.partition("\t")[0].rstrip("/") for line in done.stdout.splitlines()]


def before_a_terminal(shell: str, keys: str, folder: Path, is_there: Callable[[list[str]], bool]) -> list[str]:
    """The screen of an interactive shell, set up as docs/completion.md says, after some keys and TAB."""
    home = folder / ".home"
    home.mkdir()
    start = {
        "bash": f"PS1='ready> '\nbind 'set show-all-if-ambiguous on'\nsource '{SCRIPTS}/billproof.bash'\n",
        "zsh": f"PROMPT='ready> '\nsetopt no_list_ambiguous\nfpath=('{home}' $fpath)\nautoload -U compinit\ncompinit -u -D\n",
    }
    (home / f".{shell}rc").write_text(start[shell])
    shutil.copy(SCRIPTS / "billproof.zsh", home / "_billproof")
    command = {"bash": ["bash", "--noprofile", "--rcfile", str(home / ".bashrc"), "-i"], "zsh": ["zsh", "-i"]}
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "ZDOTDIR": str(home), "TERM": "xterm", "LANG": "C.UTF-8"}

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with terminal(150) as on:
        running = subprocess.Popen(
            command[shell], cwd=folder, env=environment, stdin=on.slave, stdout=on.slave, stderr=on.slave,
            start_new_session=True, preexec_fn=take_terminal,
        )  # fmt: skip
        try:
            wait_until(on, lambda screen: screen[-1] == "ready>")
            on.type(f"billproof {keys}\t".encode())
            wait_until(on, is_there)
            wait_until_quiet(on)
            return on.screen()
        finally:
            running.kill()
            running.wait()


def wait_until(on: Terminal, is_there: Callable[[list[str]], bool]) -> None:
    for _ in range(PATIENT * 10):
        if is_there(on.screen()):
            return
        time.sleep(0.1)
    raise AssertionError("\n".join(on.screen()))


def wait_until_quiet(on: Terminal) -> None:
    """Until nothing more was written for a while: what is unwanted might come after what is wanted."""
    before = -1
    while before != len(on.written):
        before = len(on.written)
        time.sleep(QUIET_SECONDS)


@pytest.mark.soak
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("keys", "wanted", "unwanted"), CASES.values(), ids=CASES)
def test_what_can_be_written_next(shell: str, keys: str, wanted: list[str], unwanted: list[str], folder: Path) -> None:
    found = completed(shell, keys, folder, wanted)
    assert set(wanted) <= set(found)
    assert set(found).isdisjoint(unwanted), found


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("keys", ["Co", "Costs\\ Oc"])
def test_a_name_with_a_blank_is_quoted(shell: str, keys: str, folder: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    screen = before_a_terminal(shell, f"check {keys}", folder, lambda screen: "October" in screen[-1])
    assert screen[-1] == "ready> billproof check Costs\\ October.csv"


def test_a_format_goes_on_without_a_blank(folder: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    screen = before_a_terminal("bash", "check --output js\toctober.t", folder, lambda screen: "txt" in screen[-1])
    assert screen[-1] == "ready> billproof check --output json=october.txt"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(shell: str) -> None:
    assert run("completion", shell) == (0, (SCRIPTS / f"billproof.{shell}").read_text("utf-8"), "")


def test_an_unknown_shell_is_refused() -> None:
    code, out, err = run("completion", "tcsh")
    assert (code, out) == (2, "")
    assert "expected one of bash, zsh, fish" in err


@pytest.mark.parametrize("shell", SHELLS)
def test_the_lines_of_the_page_put_it_where_the_shell_looks(shell: str, folder: Path) -> None:
    page = (ROOT / "docs" / "completion.md").read_text("utf-8")
    (block,) = [one for one in re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S) if f"completion {shell}" in one]
    (folder / "billproof").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m billproof "$@"\n', "utf-8")
    (folder / "billproof").chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    subprocess.run(["sh", "-e", "-c", block], cwd=folder, env=environment, check=True)
    (written,) = re.findall(r"> ~/(\S+)", block)
    assert (folder / written).read_bytes() == (SCRIPTS / f"billproof.{shell}").read_bytes()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_can_read_its_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", str(SCRIPTS / f"billproof.{shell}")], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_is_in_the_script(shell: str) -> None:
    text = (SCRIPTS / f"billproof.{shell}").read_text("utf-8")
    options = set(re.findall(r"--[a-z-]+", "".join(parser.format_usage() for parser in parsers(build_parser()))))
    assert len(options) > 25
    words = set(re.findall(r"-l ([a-z-]+)" if shell == "fish" else r"--([a-z-]+)", text))
    assert {one.removeprefix("--") for one in options} <= words


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)
