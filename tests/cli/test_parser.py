"""What was nearly right on the command line: the known word that was meant is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import FIXTURES, process, run

BAD = (FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv").read_bytes()
BODY = "MC4CAQAwBQYDK2VwBCIEIEXAMPLE"
PRIVATE = f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("chek x.csv", "check"),
        ("uplaod x.csv", "upload"),
        ("rule list", "rules"),
        ("ledger verfy", "verify"),
        ("rules shwo OC304", "show"),
        ("check x.csv --formt json", "--format"),
        ("check x.csv --dry", None),
        ("upload x.csv --dry", "--dry-run"),
        ("upload --dryrun x.csv --zzzzzz", "--dry-run"),
        ("check --organisation=org-EXAMPLE1 x.csv", "--organization"),
        ("rules docs --ouput pages", "--output"),
        ("check --format jsn x.csv", "json"),
        ("check --policy upsert x.csv", None),
        ("status --month-to-date", "--month"),
        ("spend --month 2025-10", None),
        ("zzzzzz", None),
        ("check --zzzzzz", None),
    ],
)  # fmt: skip
def test_the_word_that_was_meant(line: str, meant: str | None) -> None:
    code, out, err = run(*line.split())
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith(f"Did you mean {meant}? See billproof" if meant else "See billproof"), err


def test_a_word_that_is_right_costs_nothing() -> None:
    """difflib is loaded where something was misspelt, and nowhere else."""
    command = "import sys; from billproof.cli.main import main; main(sys.argv[1:]); print('difflib' in sys.modules)"
    for words, loaded in ((["rules", "kinds"], b"False"), (["rules", "kind"], b"True")):
        done = subprocess.run([sys.executable, "-c", command, *words], capture_output=True, check=True)
        assert done.stdout.splitlines()[-1] == loaded


@pytest.mark.parametrize("command", ["check", "upload"])
@pytest.mark.parametrize("name", ["-h.csv", "--help", "-h", "--organization=x.csv", "--month-to-date", "--quiet", "--"])
def test_a_file_is_never_taken_for_an_option(command: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook gives the names of a commit as they are, so one of them could ask for the help, which ends with 0."""
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_bytes(BAD)
    Path(name).touch()
    for words in ([name, "bad.csv"], ["bad.csv", "--jobs", "1", name]):
        done = process(command, *words, PYTHONPATH=os.pathsep.join(sys.path))
        assert (done.returncode, done.stdout) == (2, b"")
        assert f"write ./{name};" in done.stderr.decode()


def test_a_file_that_begins_with_a_dash_is_checked_where_it_can_only_be_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-h.csv").write_bytes(BAD)
    for words in (["./-h.csv"], ["--", "-h.csv"]):
        code, out, _ = run("check", *words)
        assert code == 1
        assert "-h.csv must not be uploaded as October 2025" in out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--atest", PRIVATE], "unrecognized arguments: --atest\n"),
        (["--atest", *PRIVATE.split()], "unrecognized arguments: --atest\n"),
        ([f"--atest={PRIVATE}"], "unrecognized arguments: --atest\n"),
        ([f"--atest={BODY}"], "unrecognized arguments: --atest\n"),
        ([PRIVATE], "unrecognized arguments: …\n"),
        (["--format", PRIVATE], "--format <secret>: expected one of text, json"),
        ([f"--quiet={PRIVATE}"], "--quiet takes no value"),
    ],
)
def test_the_value_of_an_unknown_option_is_not_shown(words: list[str], named: str) -> None:
    code, out, err = run("check", "bad.csv", *words)
    assert (code, out) == (2, "")
    assert named in err
    assert "BEGIN" not in err
    assert BODY not in err


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        ("pack 2025-10", "billproof pack: needs ORG MONTH --output DIR"),
        ("ledger show 2025-10", "billproof ledger show: needs ORG MONTH"),
        ("ledger", "billproof ledger: needs ACTION"),
        ("verify", "billproof verify: needs REPORT"),
    ],
)
def test_where_an_argument_is_missing_all_that_are_needed_are_named(line: str, needs: str) -> None:
    """The parser cannot know which one was left out."""
    code, out, err = run(*line.split())
    assert (code, out, err.splitlines()[0]) == (2, "", needs)


def test_of_other_unknown_arguments_only_the_beginning_is_shown() -> None:
    code, _, err = run("guide", "x" * 1000)
    assert code == 2
    assert err.splitlines()[0] == f"billproof: unrecognized arguments: {'x' * 79}…"


def test_a_word_with_a_blank_that_looks_like_an_option_may_be_a_value() -> None:
    code, _, err = run("guide", "--month", "--of last year")
    assert (code, err.splitlines()[0]) == (2, "--month --of last year: not a month")


KEYS = {
    "OpenAI's": "sk-admin-EXAMPLE0123456789", "token": "tok-EXAMPLE-123:sec-EXAMPLE-456", "private key": PRIVATE,
    "private key without its frame": "MC4CAQAwBQYDK2VwBCIEIEXAMPLEEXAMPLEEXAMPLE0123456789", "hex": "0badc0de" * 8,
}  # fmt: skip
PASTED = [
    "--attest", "--config", "--format", "--month", "--as-of", "--expect-total", "--ruleset", "--output", "--jobs",
    "--max-findings", "--policy", "--fail-on", "--zzz",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_that_is_pasted_in_place_of_a_value_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_bytes(BAD)
    lines = [["check", "bad.csv", f"{name}={key}"] for name in PASTED]
    lines += [["check", "bad.csv", name, key] for name in PASTED]
    lines += [
        ["verify", "report.json", "--key", key],
        ["ledger", "verify", "--key", key],
        ["guide", key],
        ["upload", "bad.csv", "--to", key],
    ]
    for line in lines:
        code, out, err = run(*line)
        assert (code, out) == (2, "") or line[0] == "verify", line
        assert not any(piece in err for piece in key.splitlines()), line


def test_what_only_looks_like_a_key_is_shown() -> None:
    for text in (
        "2025-10-01T00:00:00+25:00",
        "exports/cost_2025-10-01_2025-10-31 (1).csv",
        "https://api.example.com:8080",
        "C:\\cost-2025",
    ):
        assert run("guide", text)[2].startswith(f"billproof: unrecognized arguments: {text}")
