"""The line of progress, on a real pseudo-terminal: when it is shown, what it says, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pyte
import pytest

if os.name == "nt":
    pytest.skip("pseudo-terminals are of POSIX systems", allow_module_level=True)

import fcntl
import termios

from billproof.cli.main import main
from billproof.cli.progress import Line, columns, line
from billproof.reading.reader import Reader
from billproof.reading.source import BLOCK_BYTES
from tests.support import AS_OF, make_ready, process
from tests.terminal import Terminal, terminal

COMMAND = [sys.executable, "-m", "billproof"]
HEADER = "start_time,end_time,amount_value,amount_currency,line_item,project_id,organization_id,project_name,organization_name\n"
PATIENT = 60  # a test waits so many seconds at most, and for what it waits only


def row(day: int, number: int) -> str:
    start = 1759276800 + 86400 * (day - 1)  # 2025-10-01
    charge = f"0.012345678901234567,usd,item {number},proj_EXAMPLE1,org-EXAMPLEacme01,Search,Acme Research"
    return f"{start},{start + 86400},{charge}\n"


def export(size: int) -> bytes:
    """A good export of October 2025 with `size` bytes."""
    rows = [row(day, 1) for day in range(1, 31)]
    length = len(HEADER) + sum(map(len, rows))
    for number in itertools.count(1):
        if length > size - 300:
            break
        rows.append(row(31, number))
        length += len(rows[-1])
    text = HEADER + "".join(rows)
    last = row(31, 0)
    return (text + last.replace("item 0", "item 0" + "0" * (size - len(text) - len(last)))).encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two exports; the terminal is of the usual kind, and nothing says that this is a CI system."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "first.csv").write_bytes(export(400_000))
    (tmp_path / "second.csv").write_bytes(export(1_000))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return tmp_path


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock finds it a second later, so that each block of a file is told."""
    seconds = itertools.count()
    monkeypatch.setattr("billproof.cli.output.time", SimpleNamespace(monotonic=lambda: float(next(seconds))))


def run(on: Terminal, *arguments: str) -> tuple[int, str]:
    """A command line in this process with its standard error on a terminal: exit code and standard output."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with (
        open(os.dup(on.slave), "w", encoding="utf-8", errors="backslashreplace", newline="") as err,
        contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
    ):  # fmt: skip
        code = main(list(arguments))
    on.close()
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return int(code), out.buffer.getvalue().decode("utf-8")


def drawn(on: Terminal) -> list[str]:
    """Every line of progress that was drawn, in order."""
    return [text for part in on.written.decode("utf-8").split("\r") if (text := part.strip())]


def test_it_says_which_file_and_how_much_of_it(folder: Path, slow: None) -> None:
    with terminal() as on:
        code, out = run(on, "check", "first.csv", "second.csv", "--as-of", AS_OF)
    # 196,608 of 400,000 bytes are 49.152 %, 393,216 are 98.304 %: 9 and 19 of 20 parts.
    assert drawn(on) == [
        "1 of 2   49 %  [#########...........]  0.2 of 0.4 MB  first.csv",
        "1 of 2   98 %  [###################.]  0.4 of 0.4 MB  first.csv",
        "1 of 2  100 %  [####################]  0.4 of 0.4 MB  first.csv",
        "1 of 2  100 %  [####################]  0.4 of 0.4 MB  first.csv",
        "2 of 2  100 %  [####################]  0.0 of 0.0 MB  second.csv",
        "2 of 2  100 %  [####################]  0.0 of 0.0 MB  second.csv",
    ]
    assert on.screen() == [""]
    assert code == 0
    assert (code, out.encode()) == told_elsewhere("check", "first.csv", "second.csv", "--as-of", AS_OF)


def told_elsewhere(*arguments: str) -> tuple[int, bytes]:
    """What the same command gives where nothing is a terminal."""
    done = process(*arguments)
    assert done.stderr == b""
    return done.returncode, done.stdout


@pytest.mark.soak
def test_several_processes_tell_how_many_files_have_ended(folder: Path, slow: None) -> None:
    (folder / "third.csv").write_bytes(export(2_000))
    with terminal() as on:
        code, out = run(on, "check", "first.csv", "second.csv", "third.csv", "--jobs", "2", "--as-of", AS_OF)
    assert code == 0
    assert drawn(on) == ["1 of 3", "2 of 3", "3 of 3"]
    assert on.screen() == [""]
    assert out.encode() == told_elsewhere("check", "first.csv", "second.csv", "third.csv", "--as-of", AS_OF)[1]


def test_one_file_is_not_counted(folder: Path, slow: None) -> None:
    with terminal() as on:
        run(on, "check", "second.csv", "--as-of", AS_OF)
    assert drawn(on) == ["100 %  [####################]  0.0 of 0.0 MB  second.csv"] * 2


def test_an_upload_shows_it_too(folder: Path, slow: None) -> None:
    make_ready(folder)
    with terminal() as on:
        code, out = run(on, "upload", "second.csv", "--dry-run", "--as-of", AS_OF)
    assert code == 0
    assert "ready to upload" in out
    # The copy and the check read each a block, and the end.
    assert drawn(on) == ["100 %  [####################]  0.0 of 0.0 MB  second.csv"] * 4
    assert on.screen() == [""]


def test_a_shorter_line_leaves_nothing_of_a_longer_one() -> None:
    with terminal() as on, open(os.dup(on.slave), "w", encoding="utf-8", newline="") as stream:
        shown = Line(stream)
        shown.draw(1, 2, "請求書-of-October.csv", 1, 1)
        shown.draw(2, 2, "b.csv", 1, 1)
        stream.close()
        on.close()
    assert on.screen() == ["2 of 2  100 %  [####################]  0.0 of 0.0 MB  b.csv"]


def test_nothing_is_shown_before_a_second_has_passed(folder: Path) -> None:
    """And nothing is loaded for it."""
    command = (
        "import sys; from billproof.cli.main import main; main(sys.argv[1:]); print('billproof.cli.progress' in sys.modules)"
    )
    with terminal() as on:
        done = subprocess.run(
            [sys.executable, "-c", command, "check", "second.csv", "--as-of", AS_OF], stdout=subprocess.PIPE, stderr=on.slave,
            check=True,
        )  # fmt: skip
        on.close()
    assert done.stdout.splitlines()[-1] == b"False"
    assert on.written == b""


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ({"CI": "true"}, []), ({"CI": "1"}, []), ({"TERM": "dumb"}, []), ({}, ["--quiet"]),
        ({}, ["--quiet", "--format", "json"]),
    ],
)  # fmt: skip
def test_where_nobody_wants_it(
    folder: Path, slow: None, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], arguments: list[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with terminal() as on:
        code, _ = run(on, "check", "first.csv", "--as-of", AS_OF, *arguments)
    assert code == 0
    assert on.written == b""


def test_ci_that_is_off_is_no_ci(folder: Path, slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    with terminal() as on:
        run(on, "check", "second.csv", "--as-of", AS_OF)
    assert drawn(on)


@pytest.mark.parametrize("format_", ["json", "text"])
def test_standard_error_that_is_no_terminal_gets_nothing(folder: Path, slow: None, format_: str) -> None:
    err = io.StringIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")), contextlib.redirect_stderr(err):
        assert main(["check", "first.csv", "--as-of", AS_OF, "--format", format_]) == 0
    assert err.getvalue() == ""


def test_it_has_no_colours_and_no_commands_to_the_terminal(folder: Path, slow: None) -> None:
    hostile = "\x1b[2J\x1b]0;title\x07\u202egnp.csv"
    os.rename("second.csv", hostile)
    with terminal(120) as on:
        run(on, "check", hostile, "--as-of", AS_OF)
    assert b"\x1b" not in on.written
    assert b"\x07" not in on.written
    assert drawn(on)[0].endswith("\\u001B[2J\\u001B]0;title\\u0007\\u202Egnp.csv")


def test_a_failure_leaves_its_message_alone(folder: Path, slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = Reader.batches

    def broken(reader: Reader) -> object:
        yield next(batches(reader))
        raise RuntimeError

    monkeypatch.setattr(Reader, "batches", broken)
    with terminal(120) as on:
        code, out = run(on, "check", "first.csv", "--as-of", AS_OF)
    assert code == 3
    assert out == ""
    assert drawn(on)[0].startswith("49 %")
    assert on.screen()[0].startswith("UNPROVED  unexpected error: RuntimeError")
    assert len(on.screen()) == 2


def test_a_terminal_that_is_gone_changes_nothing(folder: Path, slow: None) -> None:
    class Gone(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(Gone()):
        assert main(["check", "first.csv", "--as-of", AS_OF]) == 0


# --- what is slow for real: standard input that comes bit by bit ---


def started(on: Terminal, *arguments: str) -> subprocess.Popen[bytes]:
    """A command at work whose standard input is ours, before a terminal that can interrupt it."""

    def take_terminal() -> None:
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)
        # Whoever runs the tests in the background has the signal ignored; the command must not inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=on.slave, start_new_session=True,
        preexec_fn=take_terminal,
    )  # fmt: skip


def feed_until_shown(on: Terminal, running: subprocess.Popen[bytes], data: bytes) -> bytes:
    """Feeds block after block until something is on the terminal; gives what was fed."""
    assert running.stdin is not None
    fed = b""
    for _ in range(PATIENT * 20):
        block = data[len(fed) : len(fed) + BLOCK_BYTES]
        assert block, "nothing was shown"
        running.stdin.write(block)
        running.stdin.flush()
        fed += block
        if on.written:
            return fed
        time.sleep(0.05)
    raise AssertionError("nothing was shown")


@pytest.mark.soak
def test_standard_input_that_is_slow(folder: Path) -> None:
    data = export(BLOCK_BYTES * 50)
    with terminal() as on, started(on, "check", "-", "--as-of", AS_OF) as running:
        fed = feed_until_shown(on, running, data)
        out, _ = running.communicate(data[len(fed) :])
        on.close()
    assert running.returncode == 0
    assert drawn(on)[0].endswith(" MB read  standard input")
    assert on.screen() == [""]
    assert out == process("check", "-", "--as-of", AS_OF, stdin=data).stdout


def test_interrupted(folder: Path) -> None:
    with terminal() as on, started(on, "check", "-", "--as-of", AS_OF) as running:
        feed_until_shown(on, running, export(BLOCK_BYTES * 50))
        on.type(b"\x03")
        # The terminal sends the signal when it gets round to it; if its input ended first, the check would end with its verdict.
        running.wait(PATIENT)
        assert running.stdout is not None
        out = running.stdout.read()
        on.close()
    assert running.returncode == 130
    assert out == b""
    assert on.screen() == ["interrupted; running the same command again is safe"]


# --- the line itself ---


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (79, "2 of 5   47 %  [#########...........]  110.2 of 234.5 MB  costs of October.csv"),
        (72, "2 of 5   47 %  [#########...........]  110.2 of 234.5 MB  ...October.csv"),
        (66, "2 of 5   47 %  [#########...........]  110.2 of 234.5 MB"),
        (56, "2 of 5   47 %  [#########...........]  110.2 of 234.5 MB"),
        (55, "2 of 5   47 %  [#########...........]  ...f October.csv"),
        (51, "2 of 5   47 %  [#########...........]  ...tober.csv"),
        (50, "2 of 5   47 %  [#########...........]"),
        (37, "2 of 5   47 %  [#########...........]"),
        (36, "2 of 5   47 %  costs of October.csv"),
        (30, "2 of 5   47 %  ... October.csv"),
        (26, "2 of 5   47 %"),
        (13, "2 of 5   47 %"),
        (12, "2 of 5"),
        (5, ""),
        (0, ""),
    ],
)  # fmt: skip
def test_what_has_no_room_is_left_out(room: int, expected: str) -> None:
    found = line(2, 5, "costs of October.csv", 110_215_000, 234_500_000, room)
    assert found == expected
    assert columns(found) <= room


def test_what_is_not_known_is_not_said() -> None:
    assert line(1, 1, "standard input", 12_345_678, None, 79) == "12.3 MB read  standard input"
    assert line(1, 1_000, "a.csv", 0, 0, 79) == "1 of 1,000  a.csv"
    assert line(3, 5, "", 0, None, 79) == "3 of 5"
    assert line(1, 1, "grows.csv", 300, 200, 79).startswith("100 %  [####################]")


def test_wide_letters_take_two_columns() -> None:
    assert columns("請求書.csv") == 10
    assert columns("Zu\u0308rich") == 6
    found = line(1, 1, "十月の請求書十月の請求書.csv", 1_000_000, None, 30)
    assert found == "1.0 MB read  ...月の請求書.csv"
    assert columns(found) <= 30


@pytest.mark.parametrize("wraps", [True, False], ids=["wraps old lines", "cuts old lines"])
@pytest.mark.parametrize("narrow", [60, 30, 8])
def test_a_terminal_that_becomes_narrow(narrow: int, wraps: bool) -> None:
    with terminal(80) as on, open(os.dup(on.slave), "w", encoding="utf-8", newline="") as stream:
        shown = Line(stream)
        shown.draw(1, 2, "a-name-that-is-rather-long.csv", 1, 2)
        first = "1 of 2   50 %  [##########..........]  0.0 of 0.0 MB  a-name-that-is-rather-long.csv"[:79]
        assert columns(first) == 79
        on.resize(narrow)
        shown.draw(1, 2, "a-name-that-is-rather-long.csv", 2, 2)
        shown.draw(1, 2, "a-name-that-is-rather-long.csv", 2, 2)
        second = line(1, 2, "a-name-that-is-rather-long.csv", 2, 2, narrow - 1)
        stream.close()
        on.close()
    # A terminal that wraps an old line keeps the cursor at its beginning, one that cuts it has but one line of it.
    screen = pyte.Screen(narrow, 20)
    pyte.Stream(screen).feed((first if wraps else first[:narrow]) + "\x1b[H")
    pyte.ByteStream(screen).feed(on.written[len(first) + 2 :])
    assert "\n".join(one.strip() for one in screen.display).strip() == second


def test_a_terminal_that_becomes_narrow_at_the_end() -> None:
    with terminal(80) as on, open(os.dup(on.slave), "w", encoding="utf-8", newline="") as stream:
        shown = Line(stream)
        shown.draw(1, 2, "a-name-that-is-rather-long.csv", 1, 2)
        on.resize(20)
        shown.wipe()
        stream.close()
        on.close()
    screen = pyte.Screen(20, 20)
    pyte.Stream(screen).feed("x" * 79 + "\x1b[H")
    pyte.ByteStream(screen).feed(on.written[81:])
    assert "".join(screen.display).strip() == ""


def test_a_terminal_without_a_width_is_taken_for_a_usual_one() -> None:
    with terminal(0) as on, open(os.dup(on.slave), "w", encoding="utf-8", newline="") as stream:
        Line(stream).draw(1, 1, "x" * 200, 1, 2)
        stream.close()
        on.close()
    assert len(on.written.decode().strip("\r")) == 79


def test_letters_that_a_terminal_does_not_have() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    Line(stream).draw(1, 1, "Zürich-日本.csv", 1_000_000, None)
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    assert stream.buffer.getvalue().strip() == b"1.0 MB read  Z\\xfcrich-\\u65e5\\u672c.csv"
