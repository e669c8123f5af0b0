"""The exit-code table of DESIGN.md, section 6, line by line and for every format."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from billproof.cli.commands.demo import DEMO_VERDICTS
from billproof.model.results import FORMATS
from billproof.rules.shipped import shipped
from tests.support import AS_OF, EACH_FORMAT, check, fixture, make_ready, process, run

GOOD = fixture("good-h1")
WARNED = fixture("some-without-project")
FAILING = fixture("middle-gap")
# One run writes every format; that the command ends alike whichever it prints is tried for each of them in soak.
EVERY = "every"
FROM_ONE_RUN = [EVERY, *(pytest.param(name, marks=pytest.mark.soak) for name in FORMATS)]
COMMAND = [sys.executable, "-m", "billproof"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, below which no configuration lies."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(format_: str, folder: Path) -> list[str]:
    """The options that print a format, or write every one of them into the folder; the tests' own `check` writes the JSON."""
    if format_ != EVERY:
        return ["--format", format_]
    return [word for name in FORMATS if name != "json" for word in ("--output", f"{name}={folder / f'report.{name}'}")]


def configuration(waiver: str = "") -> str:
    text = "version: 1\nintegrations:\n  - {name: main, organization: org-EXAMPLEacme01}\n"
    return text + (f"waivers:\n  - {{{waiver}}}\n" if waiver else "")


def waiver(rule: str, **keys: str) -> str:
    fields = {"organization": "org-EXAMPLEacme01", "month": '"2025-10"', "reason": "known", "owner": "billing",
              "expires": '"2027-01-01"', "at_most": "9"} | keys  # fmt: skip
    return ", ".join([f"rule: {rule}", *(f"{key}: {value}" for key, value in fields.items())])


# --- a verdict: 0, 1, 3; the report is written and says the same ---


VERDICTS: dict[str, tuple[list[str | Path], int]] = {
    "a good file": ([GOOD], 0),
    "a file named twice": ([GOOD, GOOD], 0),
    "a warning": ([WARNED], 0),
    "a warning that fails": ([WARNED, "--fail-on", "warning"], 1),
    "an error": ([FAILING], 1),
    "an error that is explained": ([FAILING, "--explain"], 1),
    "a good file and one that fails": ([GOOD, FAILING], 1),
    "zero bytes": ([fixture("zero-bytes")], 1),
    "no CSV": ([fixture("not-a-csv-xlsx")], 1),
    "another total": ([GOOD, "--expect-total", "1.00"], 1),
    "another month": ([GOOD, "--month", "2025-09"], 1),
    "upload without integration": ([GOOD, "--policy", "upload"], 3),
    "no file": ([], 3),
    "path missing": (["missing.csv"], 3),
    "folder without CSV": (["empty"], 3),
    "pattern without match": (["*.nothing"], 3),
    "unreadable": (["loop.csv"], 3),
    "a device": ([os.devnull], 3),
    "a pipe": (["pipe"], 3),
    "one fails, one is missing": ([FAILING, "missing.csv"], 3),
    "one is good, one is missing": ([GOOD, "missing.csv"], 3),
}


@pytest.mark.parametrize("format_", FROM_ONE_RUN)
@pytest.mark.parametrize(("arguments", "code"), VERDICTS.values(), ids=VERDICTS)
def test_a_verdict_and_its_report(folder: Path, format_: str, arguments: list[str | Path], code: int) -> None:
    (folder / "empty").mkdir()
    (folder / "loop.csv").symlink_to("loop.csv")
    os.mkfifo(folder / "pipe")
    found = check(*arguments, *asked(format_, folder))
    assert found.code == code
    assert found.report is not None
    assert found.report["exit_code"] == code
    assert found.report["verdict"] == {0: "pass", 1: "fail", 3: "unproved"}[code]
    assert {0: "PASS  ", 1: "FAIL  ", 3: "UNPROVED  "}[code] in found.out or format_ not in ("text", EVERY)
    assert all((folder / f"report.{name}").stat().st_size for name in FORMATS if format_ == EVERY and name != "json")


@pytest.mark.parametrize("format_", FROM_ONE_RUN)
def test_one_file_fails_and_another_cannot_be_read(folder: Path, format_: str) -> None:
    found = check(FAILING, "missing.csv", *asked(format_, folder))
    assert found.code == 3
    assert "OC304" in found.out
    assert "missing.csv" in found.out
    assert found.failed == {"OC304"}
    assert found.report is not None
    assert [one["verdict"] for one in found.report["files"]] == ["fail", "unproved"]


@pytest.mark.parametrize("format_", FROM_ONE_RUN)
def test_two_files_of_one_month_have_their_own_verdicts(folder: Path, format_: str) -> None:
    found = check(GOOD, FAILING, fixture("good-h2"), *asked(format_, folder))
    assert found.report is not None
    assert [one["month"]["value"] for one in found.report["files"]] == ["2025-10"] * 3
    assert [one["verdict"] for one in found.report["files"]] == ["pass", "fail", "pass"]


@pytest.mark.parametrize("format_", FROM_ONE_RUN)
@pytest.mark.parametrize(
    ("keys", "code"),
    [({}, 0), ({"expires": '"2025-01-01"'}, 1), ({"at_most": "2"}, 1)],
    ids=["counts", "expired", "over-full"],
)
def test_a_waiver_that_does_not_count_leaves_the_rule_failed(folder: Path, format_: str, keys: dict[str, str], code: int) -> None:
    (folder / "billproof.yaml").write_text(configuration(waiver("OC304", **keys)))
    assert check(FAILING, *asked(format_, folder)).code == code


@pytest.mark.parametrize("format_", FROM_ONE_RUN)
@pytest.mark.parametrize(("file", "code"), [(GOOD, 0), (WARNED, 1), (FAILING, 1)], ids=["good", "warning", "error"])
def test_the_policy_of_an_upload(folder: Path, format_: str, file: Path, code: int) -> None:
    make_ready(folder)
    assert check(file, "--policy", "upload", *asked(format_, folder)).code == code


@pytest.mark.parametrize("format_", FROM_ONE_RUN)
def test_a_check_that_crashes_is_unproved(folder: Path, format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr("billproof.rules.checks.duplicates.UniqueRows.on_rows", crash)
    found = check(GOOD, *asked(format_, folder))
    assert found.code == 3
    assert found.outcome("OC504")["state"] == "crashed"


@pytest.mark.parametrize("format_", FROM_ONE_RUN)
def test_a_crash_is_unproved_beside_a_failed_rule_too(folder: Path, format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr("billproof.rules.checks.duplicates.UniqueRows.on_rows", crash)
    found = check(FAILING, *asked(format_, folder))
    assert found.code == 3
    assert "OC304" in found.out


# --- wrong usage, configuration or rule set: 2 and no report ---


USAGE = {
    "unknown flag": ["--bad"],
    "month 13": ["--month", "2026-13"],
    "month in words": ["--month", "October"],
    "month without zero": ["--month", "2025-9"],
    "month of other digits": ["--month", "２０２５-10"],
    "year 0": ["--month", "0000-01"],
    "no such day": ["--as-of", "2025-02-30"],
    "as of a word": ["--as-of", "yesterday"],
    "empty instant": ["--as-of", ""],
    "empty month": ["--month", ""],
    "empty configuration": ["--config", ""],
    "empty rule set": ["--ruleset", ""],
    "no month before the first": ["--as-of", "0001-01-01", "--month", "last"],
    "empty organization": ["--organization", " "],
    "total with a decimal comma": ["--expect-total", "1038,56"],
    "total with a comma that may be either": ["--expect-total", "1,038"],
    "total as written elsewhere": ["--expect-total", "1.038,56"],
    "total with commas out of place": ["--expect-total", "10,38.56"],
    "total with commas and blanks": ["--expect-total", "1, 038.56"],
    "total in other money": ["--expect-total", "€1,038.56"],
    "total with a dollar sign alone": ["--expect-total", "$"],
    "total with two dollar signs": ["--expect-total", "$$1038.56"],
    "total that a shell has eaten": ["--expect-total", ",038.56"],
    "total in other digits": ["--expect-total", "１,０38.56"],
    "total that is not a number": ["--expect-total", "NaN"],
    "total with two files": ["--expect-total", "1.00", str(FAILING)],
    "policy": ["--policy", "lenient"],
    "level": ["--fail-on", "note"],
    "no findings": ["--max-findings", "0"],
    "some findings": ["--max-findings", "some"],
    "a number of findings beyond all reading": ["--max-findings", "9" * 5000],
    "rule set": ["--ruleset", "nothing"],
    "missing configuration": ["--config", "missing.yaml"],
    "output without a path": ["--output", "json"],
    "output over the export": ["--output", f"json={GOOD}"],
    "output named as an export": ["--output", "json=report.csv"],
    "quiet and verbose": ["--quiet", "--verbose"],
    "second opinion on standard input": ["-", "--second-opinion"],
    "attest": ["--attest", "key.pem"],
    "no jobs": ["--jobs", "0"],
    "more jobs than may be": ["--jobs", "61"],
    "jobs as many as there are cores": ["--jobs", "auto"],
    "jobs of other digits": ["--jobs", "２"],
    "jobs without end": ["--jobs", "9" * 5_000],
    **{f"format {name}": ["--format", name] for name in ("yaml", "SARIF")},
    **{f"output {name}": ["--output", f"{name}=x"] for name in ("yaml", "SARIF")},
}


@pytest.mark.parametrize("format_", EACH_FORMAT)
@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_wrong_usage_writes_no_report(folder: Path, format_: str, arguments: list[str]) -> None:
    given = [] if "--as-of" in arguments else ["--as-of", AS_OF]
    code, out, err = run("check", str(GOOD), *given, "--format", format_, "--output", "json=report.json", *arguments)
    assert (code, out) == (2, "")
    assert err
    assert not (folder / "report.json").exists()


WRONG_FILES = {
    "no version": "integrations: []\n",
    "unknown key": "version: 1\nfiles: exports\n",
    "no YAML": "version: [1\n",
    "waiver for an unknown rule": configuration(waiver("OC999")),
    "waiver for a rule that cannot be waived": configuration(waiver("OC303")),
    "unknown rule set": "version: 1\nruleset: nothing\n",
}


@pytest.mark.parametrize("format_", EACH_FORMAT)
@pytest.mark.parametrize("text", WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_configuration_writes_no_report(folder: Path, format_: str, text: str) -> None:
    (folder / "billproof.yaml").write_text(text)
    code, out, err = run("check", str(FAILING), "--format", format_, "--output", "json=report.json")
    assert (code, out) == (2, "")
    assert err
    assert not (folder / "report.json").exists()


@pytest.mark.parametrize("format_", EACH_FORMAT)
def test_a_wrong_rule_set_writes_no_report(folder: Path, format_: str) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "ruleset.yaml").write_text("name: own\nversion: 0.1.0\ntitle: Own\nextends: csv\nrulez: {}\n")
    code, out, err = run("check", str(GOOD), "--ruleset", "own", "--format", format_, "--output", "json=report.json")
    assert (code, out) == (2, "")
    assert "own/ruleset.yaml:5" in err
    assert not (folder / "report.json").exists()


# --- results that do not reach anybody: 3 ---


@pytest.mark.parametrize("format_", EACH_FORMAT)
@pytest.mark.parametrize("path", ["no/such/folder/report.json", "report.json/inside", "."])
def test_an_output_that_cannot_be_written_is_unproved(folder: Path, format_: str, path: str) -> None:
    (folder / "report.json").write_text("older")
    code, _, err = run("check", str(GOOD), "--as-of", AS_OF, "--format", format_, "--output", f"json={path}")
    assert code == 3
    assert err.startswith("UNPROVED  ")
    assert (folder / "report.json").read_text() == "older"


def test_a_full_disk_as_output_is_unproved(folder: Path) -> None:
    (folder / "full").symlink_to("/dev/full")
    code, _, err = run("check", str(GOOD), "--as-of", AS_OF, "--output", "json=full")
    assert code == 3
    assert err.startswith("UNPROVED  ")
    assert (folder / "full").is_symlink()


def test_an_output_through_a_link_leaves_the_link(folder: Path) -> None:
    (folder / "link.json").symlink_to("report.json")
    code, _, _ = run("check", str(GOOD), "--as-of", AS_OF, "--output", "json=link.json")
    assert code == 0
    assert (folder / "link.json").is_symlink()
    assert '"verdict": "pass"' in (folder / "report.json").read_text("utf-8")


def test_an_output_to_a_pipe_that_nobody_reads_is_unproved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.cli.output.PATIENCE_SECONDS", 0.0)
    os.mkfifo(folder / "pipe")
    code, _, err = run("check", str(GOOD), "--as-of", AS_OF, "--output", "json=pipe")
    assert (code, err) == (3, "UNPROVED  the report pipe could not be written: no program reads this pipe\n")


def test_an_output_to_a_pipe_goes_into_the_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    reading = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE)
    try:
        code, _, _ = run("check", str(fixture("zero-bytes")), "--as-of", AS_OF, "--output", "json=pipe")
        assert code == 1
        assert (folder / "pipe").is_fifo()
        assert reading.stdout is not None
        assert b'"verdict": "fail"' in reading.stdout.read()
    finally:
        reading.kill()
        reading.communicate()


@pytest.mark.parametrize("arguments", [["check"], ["check", "--format", "json"], ["demo"], ["guide"], ["rules", "list"]])
def test_a_full_standard_output_is_unproved(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"UNPROVED  standard output cannot be written" in done.stderr


@pytest.mark.parametrize("format_", EACH_FORMAT)
def test_a_closed_standard_output_is_unproved(format_: str) -> None:
    command = [*COMMAND, "check", str(GOOD), "--format", format_]
    done = subprocess.run(command, stderr=subprocess.PIPE, preexec_fn=partial(os.close, 1), check=False)
    assert done.returncode == 3
    assert b"UNPROVED  " in done.stderr
    assert b"unexpected error" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["check", str(GOOD), "--as-of", AS_OF], 0), (["check", "missing.csv"], 3), (["check", "--bad"], 2), (["demo", "x"], 2)],
    ids=["pass", "unproved", "usage", "usage of demo"],
)
def test_a_closed_standard_error_changes_no_exit_code(arguments: list[str], code: int) -> None:
    command = [*COMMAND, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, preexec_fn=partial(os.close, 2), check=False)
    assert done.returncode == code


@pytest.mark.parametrize("format_", EACH_FORMAT)
def test_a_reader_that_went_away_is_unproved(format_: str) -> None:
    command = [*COMMAND, "check", "-", "--format", format_]
    checking = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert checking.stdout is not None
    checking.stdout.close()
    assert checking.stdin is not None
    checking.stdin.write(GOOD.read_bytes())
    checking.stdin.close()
    assert checking.wait() == 3
    assert checking.stderr is not None
    assert b"Traceback" not in checking.stderr.read()
    checking.stderr.close()


@pytest.mark.parametrize("format_", EACH_FORMAT)
def test_an_unexpected_error_is_unproved_and_tells_nothing_of_the_file(
    folder: Path, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> NoReturn:
        raise RuntimeError("a cell: person0001@example.com")

    monkeypatch.setattr("billproof.cli.commands.check.check", crash)
    code, out, err = run("check", str(GOOD), "--format", format_, "--output", "json=report.json")
    assert (code, out) == (3, "")
    assert err.startswith("UNPROVED  unexpected error: RuntimeError at ")
    assert "example.com" not in err
    assert "Traceback" not in err
    assert not (folder / "report.json").exists()


# --- interrupted: 130 ---


@pytest.mark.parametrize("format_", EACH_FORMAT)
def test_an_interrupted_check(format_: str) -> None:
    command = [*COMMAND, "check", "-", "--format", format_]
    # Whoever runs the tests in the background has the signal ignored; the command must not inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    checking = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed)
    assert checking.stdin is not None
    row = GOOD.read_bytes().splitlines(keepends=True)[1]
    # More than a pipe holds: once it is written, the command is past its start and reads.
    checking.stdin.write(row * 20_000)
    checking.stdin.flush()
    checking.send_signal(signal.SIGINT)
    out, err = checking.communicate()
    assert checking.returncode == 130
    assert out == b""
    assert err == b"interrupted; running the same command again is safe\n"


_INTERRUPTED_WHILE_LOADING = """
import sys
module = sys.argv.pop(1)
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from billproof.cli.main import console
console()
"""


LOADED = [
    "billproof.cli.parser", "billproof.model.errors", "argparse", "billproof.engine.evaluate", "billproof.report.render.text",
]  # fmt: skip


@pytest.mark.parametrize("module", LOADED)
def test_an_interrupt_while_the_program_is_still_loading(module: str) -> None:
    command = [sys.executable, "-c", _INTERRUPTED_WHILE_LOADING, module, "check", str(GOOD), "--as-of", AS_OF]
    done = subprocess.run(command, capture_output=True)
    assert (done.returncode, done.stdout) == (130, b"")
    assert done.stderr == b"interrupted; running the same command again is safe\n"


# --- standard input, consoles, terminals ---


@pytest.mark.parametrize("format_", EACH_FORMAT)
@pytest.mark.parametrize(
    ("data", "code", "rule"),
    [(GOOD.read_bytes(), 0, ""), (FAILING.read_bytes(), 1, "OC304"), (b"", 1, "CSV001")],
    ids=["good", "failing", "empty"],
)
def test_standard_input(format_: str, data: bytes, code: int, rule: str) -> None:
    done = process("check", "-", "--as-of", AS_OF, "--format", format_, stdin=data)
    assert done.returncode == code
    assert b"standard input" in done.stdout or format_ != "text"
    assert rule.encode() in done.stdout


def test_a_console_of_few_characters_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "数据.csv"
    file.write_bytes(GOOD.read_bytes().replace(b"Default project", "=数据(🙂)".encode()))
    done = process("check", file, "--as-of", AS_OF, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0
    text = done.stdout.decode("cp1252")
    assert "\\u6570\\u636e.csv" in text
    assert "OC208" in text
    assert done.stderr == b""


def test_json_is_utf_8_on_any_console(tmp_path: Path) -> None:
    file = tmp_path / "数据.csv"
    file.write_bytes(GOOD.read_bytes())
    done = process("check", file, "--as-of", AS_OF, "--format", "json", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0
    assert '"name": "数据.csv"' in done.stdout.decode("utf-8")


def test_errors_reach_a_console_of_few_characters(tmp_path: Path) -> None:
    done = process("check", "--ruleset", "数据", PYTHONIOENCODING="cp1252")
    assert done.returncode == 2
    assert "\\u6570\\u636e" in done.stderr.decode("cp1252")


def coloured(**environment: str) -> bytes:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    try:
        command = [*COMMAND, "check", str(GOOD), "--quiet", "--as-of", AS_OF]
        wanted = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"} | environment
        subprocess.run(command, stdout=theirs, stderr=subprocess.DEVNULL, env=wanted, check=True)
        return os.read(ours, 65_536)
    finally:
        os.close(ours)
        os.close(theirs)


def test_colours_on_a_terminal_only() -> None:
    assert b"\x1b[32mPASS\x1b[0m  cost_" in coloured()
    assert b"\x1b" not in coloured(NO_COLOR="1")
    piped = process("check", GOOD, FAILING, "missing.csv", "--as-of", AS_OF, TERM="xterm")
    assert piped.returncode == 3
    assert b"\x1b" not in piped.stdout + piped.stderr


def test_results_are_on_standard_output_and_errors_on_standard_error() -> None:
    done = process("check", FAILING, "--as-of", AS_OF)
    assert done.stdout.startswith(b"FAIL  ")
    assert done.stderr == b""
    wrong = process("check", FAILING, "--month", "x")
    assert wrong.stdout == b""
    assert b"--month x" in wrong.stderr


# --- the other commands ---


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--bad"], 2),
        (["frobnicate"], 2),
        (["guide"], 0),
        (["guide", "--month", "2025-10"], 0),
        (["guide", "--month", "last", "--as-of", "2025-11-04"], 0),
        (["guide", "--month", "2025-13"], 2),
        (["guide", "--month", ""], 2),
        (["guide", "--month", "9999-12"], 2),
        (["guide", "--as-of", "soon"], 2),
        (["guide", "--ruleset", "nothing"], 2),
        (["guide", "--ruleset", "csv"], 2),
        (["init"], 0),
        (["init", str(GOOD)], 0),
        (["init", str(FAILING)], 0),
        (["init", "missing.csv"], 3),
        (["init", "one", "two"], 3),
        (["init", str(GOOD), str(FAILING)], 0),
        (["init", "--add", str(GOOD)], 2),
        (["demo"], 0),
        (["rules"], 2),
        (["rules", "list"], 0),
        (["rules", "list", "--ruleset", "csv"], 0),
        (["rules", "list", "--ruleset", "nothing"], 2),
        (["rules", "show", "OC304"], 0),
        (["rules", "show", "oc304"], 0),
        (["rules", "show", "OC999"], 2),
        (["rules", "show"], 2),
        (["rules", "kinds"], 0),
        (["rules", "test", "--ruleset", "csv"], 0),
        (["rules", "docs", "--output", "pages"], 0),
        (["rules", "docs", "--output", "pages", "--check"], 1),
        (["rules", "frobnicate"], 2),
    ],
    ids=lambda one: " ".join(map(os.path.basename, one)) if isinstance(one, list) else str(one),
)  # fmt: skip
def test_the_other_commands(folder: Path, arguments: list[str], code: int) -> None:
    found, out, err = run(*arguments)
    assert found == code
    assert bool(out) == (code in (0, 1) or not arguments)
    assert bool(err) == (code in (2, 3) and bool(arguments))


@pytest.mark.parametrize("command", ["upload", "verify", "pack", "ledger"])
def test_commands_that_lack_something_do_nothing(folder: Path, command: str) -> None:
    code, out, err = run(command, str(GOOD), "--output", "json=report.json")
    assert (code, out) == (2, "")
    assert "billproof" in err
    assert [one.name for one in folder.iterdir()] == [".git"]


def test_no_arguments_name_three_commands() -> None:
    code, out, _ = run()
    assert code == 2
    assert [line.split()[1] for line in out.splitlines() if line.startswith("  billproof")] == ["guide", "check", "demo"]


def test_init_never_writes_over_a_configuration(folder: Path) -> None:
    (folder / "billproof.yaml").write_text("version: 1\n")
    code, out, err = run("init", str(GOOD))
    assert (code, out) == (2, "")
    assert "billproof.yaml" in err
    assert (folder / "billproof.yaml").read_text() == "version: 1\n"


def test_a_demo_that_comes_out_otherwise_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEMO_VERDICTS, "cost_2025-10-04_2025-11-03.csv", "pass")
    assert run("demo")[0] == 1


def test_red_rule_examples_fail(folder: Path) -> None:
    shutil.copytree(shipped("rules") / "csv", folder / "csv")
    rule = folder / "csv" / "CSV010-blank-line.yaml"
    right = rule.read_text("utf-8")
    wrong = right.replace('at: ["3:-"]', 'at: ["2:-"]')
    assert wrong != right
    rule.write_text(wrong, "utf-8")
    code, out, _ = run("rules", "test", "--ruleset", "csv")
    assert code == 0, "the shipped set of that name, not the folder"
    code, out, _ = run("rules", "test", "--ruleset", "./csv")
    assert code == 1
    assert "CSV010" in out


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--help"], ["rules", "list"]], ids=" ".join)
@pytest.mark.parametrize(("redirected", "code"), [(">/dev/full", 3), (">&-", 3), ("2>/dev/full", 0), ("2>&-", 0)])
def test_a_result_that_cannot_be_written_is_unproved(arguments: list[str], redirected: str, code: int) -> None:
    done = subprocess.run(["sh", "-c", f'"$@" {redirected}', "sh", *COMMAND, *arguments], capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr, b"unexpected" in done.stderr) == (code, False, False)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-"])
def test_an_upload_whose_notes_nobody_can_read_ends_as_it_would(tmp_path: Path, redirected: str) -> None:
    make_ready(tmp_path)
    words = [*COMMAND, "upload", str(fixture("good-h1")), "--month", "2025-10", "--format", "json"]
    done = subprocess.run(["sh", "-c", f'"$@" {redirected}', "sh", *words], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "pass"


def test_the_panic_of_a_library_is_an_unexpected_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a library in Rust raises then is not an Exception; Python would end with 1, which means fail."""

    class Panic(BaseException):
        pass

    def panics(options: object) -> int:
        raise Panic

    monkeypatch.setattr("billproof.cli.commands.check.run", panics)
    code, _, err = run("check", "export.csv")
    assert code == 3
    assert err.startswith("UNPROVED  unexpected error: Panic at ")
