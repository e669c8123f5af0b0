"""Several files at a time: the same bytes as one after the other, whatever becomes of a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from billproof.model.results import FORMATS
from tests.support import AS_OF, FIXTURES, ROOT, check, make_ready, process, run
from tests.uploading import ACME, LABS, World, export

STARTS = ["spawn", *(["fork"] if sys.platform == "linux" else [])]
QUICKEST = [STARTS[-1], *(pytest.param(start, marks=pytest.mark.soak) for start in STARTS[:-1])]
DEMO = FIXTURES / "demo"
GOOD = DEMO / "cost_2025-10-01_2025-10-31.csv"

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="which process reads a file is asked of /proc")


# --- the processes ---


def worked(start: str, jobs: int, *tasks: str) -> Any:
    """What comes of the tasks of `tests/working.py` in so many processes; none of which may be left."""
    command = [sys.executable, "-m", "tests.working", start, str(jobs), *tasks]
    # Unmeasured: a process ended while coverage writes its file complains of that on standard error.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert done.stderr == b""
    found, left = json.loads(done.stdout)
    assert left == 0
    return found


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("jobs", [2, 9])
def test_results_come_in_the_order_of_the_tasks_from_other_processes(start: str, jobs: int) -> None:
    assert worked(start, jobs, "late a", "b", "late c", "d") == [["LATE A", False], ["B", False], ["LATE C", False], ["D", False]]


@pytest.mark.parametrize("start", QUICKEST)
def test_of_tasks_that_end_their_process_only_they_are_lost(start: str) -> None:
    found = worked(start, 2, "a", "kill", "b", "exit", "c", "leave", "d")
    assert found[::2] == [["A", False], ["B", False], ["C", False], ["D", False]]
    assert found[1::2] == [
        "kill: was killed by signal 9", "exit: exited with code 7", "leave: exited with code 1",
    ]  # fmt: skip


@pytest.mark.parametrize("start", QUICKEST)
def test_a_task_whose_process_was_ended_once_is_done_after_all(start: str, tmp_path: Path) -> None:
    task = f"kill-once {tmp_path / 'killed'}"
    assert worked(start, 2, task, "a") == [[task.upper(), False], ["A", False]]
    assert (tmp_path / "killed").exists()


def test_what_is_raised_is_raised_here_and_the_first_in_order_first() -> None:
    assert worked(STARTS[-1], 3, "late a", "raise b", "raise c", "d") == ["raised: b", "True"]


@pytest.mark.parametrize("deed", ["raise-elsewhere", "lambda"])
def test_what_cannot_be_brought_here_is_done_here(deed: str) -> None:
    """An error that is not met again, and a result that cannot be sent."""
    found = worked(STARTS[-1], 2, "a", f"{deed} b", "c")
    assert [text for text, _ in found] == ["A", f"{deed} b".upper(), "C"]
    assert found[1][1] is True


# --- the same report ---


def outputs(folder: Path, *arguments: str | Path, stdin: bytes = b"", **environment: str) -> tuple[int, dict[str, str]]:
    """Exit code of a check in a process of its own, and what each format says, without the times of the run."""
    folder.mkdir()
    wanted = [f"--output={name}={folder / name}" for name in FORMATS]
    done = process("check", *arguments, *wanted, "--as-of", AS_OF, stdin=stdin, **environment)
    assert done.stderr == b""
    report = json.loads((folder / "json").read_text("utf-8"))
    found = {"printed": done.stdout.decode("utf-8")}
    for name in FORMATS:
        text = (folder / name).read_text("utf-8")
        for key in ("started", "finished"):
            text = text.replace(report["run"][key], "…")
        found[name] = text
    return done.returncode, found


@pytest.mark.parametrize("step, numbers", [(8, [3]), pytest.param(1, [2, 4, 60], marks=pytest.mark.soak)])
def test_every_format_of_the_fixtures_is_the_same_with_any_number_of_jobs(tmp_path: Path, step: int, numbers: list[int]) -> None:
    """Good files and bad, with everything that a result can hold; named in an order that is not that of their names."""
    folders = [str(folder) for folder in sorted(FIXTURES.iterdir(), reverse=True) if folder.is_dir()][::step]
    one = outputs(tmp_path / "1", *folders)
    assert '"verdict": "pass"' in one[1]["json"]
    assert '"verdict": "fail"' in one[1]["json"]
    for jobs in numbers:
        assert outputs(tmp_path / str(jobs), *folders, "--jobs", str(jobs)) == one


def test_files_that_cannot_be_read_keep_their_place(tmp_path: Path) -> None:
    """Names that lead nowhere, folders without exports, and standard input, which only the command itself has."""
    (tmp_path / "empty").mkdir()
    names = ["missing.csv", str(GOOD), "-", str(tmp_path / "empty"), os.devnull, str(DEMO)]
    found = [outputs(tmp_path / jobs, *names, "--jobs", jobs, stdin=GOOD.read_bytes()) for jobs in ("1", "3")]
    assert found[0] == found[1]
    assert found[1][0] == 3
    report = json.loads(found[1][1]["json"])
    assert [one["path"] for one in report["files"][:5]] == names[:5]
    assert [one["verdict"] for one in report["files"][:5]] == ["unproved", "pass", "pass", "unproved", "unproved"]


def test_a_second_opinion_is_asked_for_in_each_process(tmp_path: Path) -> None:
    names = [str(one) for one in sorted(DEMO.glob("*.csv"))]
    found = [outputs(tmp_path / jobs, *names, "--second-opinion", "--jobs", jobs) for jobs in ("1", "2")]
    assert found[0] == found[1]
    assert [one["second_opinion"]["valid"] for one in json.loads(found[1][1]["json"])["files"]] == [False, True, True]


def test_waivers_and_a_rule_set_of_a_user_reach_each_process(tmp_path: Path) -> None:
    signed = f"organization: {ACME}, month: 2025-10, at_most: 31, reason: known, owner: me"
    expires = datetime.now(UTC).date() + timedelta(100)
    config = make_ready(tmp_path, f'waivers: [{{rule: OC304, {signed}, expires: "{expires}"}}]\n')
    ruleset = ROOT / "tests" / "rulesets" / "stricter"
    names = [str(DEMO), "--config", str(config), "--month", "2025-10", "--ruleset", str(ruleset)]
    found = [outputs(tmp_path / jobs, *names, "--jobs", jobs) for jobs in ("1", "2")]
    assert found[0] == found[1]
    assert '"state": "waived"' in found[1][1]["json"]
    assert '"rule": "AC101"' in found[1][1]["json"]


# The command as it is on Windows and macOS, where a process does not begin as a copy of this one.
_ELSEWHERE = """\
import sys
from billproof.cli import main as boundary
from billproof.engine import workers
if __name__ == "__main__":
    context = workers.get_context("spawn")
    workers.get_context = lambda start: context
    boundary.console()
"""


def test_where_processes_begin_anew_the_report_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what lies in the working folder is not taken for a part of Python."""
    project, script = tmp_path / "project", tmp_path / "billproof"
    project.mkdir()
    script.write_text(_ELSEWHERE, "utf-8")
    monkeypatch.chdir(project)
    make_ready(project)
    arguments = ["check", str(DEMO), "--as-of", AS_OF]
    one = run(*arguments)
    (project / "pickle.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')", "utf-8")
    command = [sys.executable, str(script), *arguments, "--jobs", "2"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == one
    assert one[0] == 1
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize("arguments", [[str(DEMO)], [str(GOOD), "--jobs", "4"], ["-", str(GOOD), "--jobs", "2"]])
def test_a_single_file_and_a_single_job_need_no_other_process(arguments: list[str]) -> None:
    code = "import sys; from billproof.cli import main; main.main(sys.argv[1:]); print('billproof.engine.workers' in sys.modules)"
    command = [sys.executable, "-c", code, "check", *arguments, "--as-of", AS_OF, "--quiet"]
    done = subprocess.run(command, cwd=ROOT, input=GOOD.read_bytes(), capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"False"


def test_no_file_is_unproved_with_any_number_of_jobs(tmp_path: Path) -> None:
    assert check(tmp_path, "--jobs", "4").code == 3


# --- processes that are ended from outside ---


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes a second or more, unless the process that reads it is ended: a month with its last row over and over."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    data = GOOD.read_bytes()
    path.write_bytes(data + data.splitlines(keepends=True)[-1] * 200_000)
    return path


def started(*arguments: str | Path, **environment: str) -> subprocess.Popen[bytes]:
    """The command in a process group of its own, as in a terminal."""
    # Whoever runs the tests in the background has the signal ignored; the command must not inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [sys.executable, "-m", "billproof", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed,
        start_new_session=True,
    )  # fmt: skip


def alive(group: int) -> Iterator[int]:
    """The processes of a group that have not ended."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of_group = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if state not in "ZX" and int(of_group) == group:
            yield int(folder.name)


def reader(group: int, path: Path, before: int | None = None) -> int:
    """The process of a group that has the file open, another than the one before; waits until there is one."""
    for _ in range(3_000):
        for pid in alive(group):
            try:
                opened = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
            except OSError:
                continue
            if str(path) in opened and pid != before:
                return pid
        time.sleep(0.01)
    raise AssertionError(f"nobody reads {path}")


def wait_until_all_have_ended(group: int) -> None:
    for _ in range(1_000):
        if not list(alive(group)):
            return
        time.sleep(0.01)
    raise AssertionError(f"left behind: {list(alive(group))}")


@needs_proc
def test_a_file_whose_processes_are_killed_is_unproved_and_the_others_keep_their_verdicts(large: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    bad = DEMO / "cost_2025-10-04_2025-11-03.csv"
    checking = started("check", large, GOOD, bad, "--jobs", "2", "--as-of", AS_OF, "--quiet", f"--output=json={report}")
    first = reader(checking.pid, large)
    assert first != checking.pid
    os.kill(first, signal.SIGKILL)
    second = reader(checking.pid, large, first)
    assert second != checking.pid
    os.kill(second, signal.SIGKILL)
    out, err = checking.communicate()
    assert (checking.returncode, err) == (3, b"")
    words = [line.split()[0] for line in out.decode().splitlines() if not line.startswith(" ")]
    assert words == ["UNPROVED", "PASS", "FAIL", "3", "Ready"]
    assert json.loads(report.read_bytes())["files"][0]["error"] == (
        f"{large}: two processes ended while they checked it; the second was killed by signal 9. "
        "Did it run out of memory? Run the same command with fewer --jobs."
    )
    wait_until_all_have_ended(checking.pid)


@needs_proc
@pytest.mark.parametrize("whom", ["all", "the command"])
def test_an_interrupt_ends_every_process_with_one_message(large: Path, tmp_path: Path, whom: str) -> None:
    """Ctrl-C in a terminal goes to all of them."""
    other = tmp_path / "other.csv"
    shutil.copy(large, other)
    checking = started("check", large, other, GOOD, "--jobs", "2")
    for path in (large, other):
        reader(checking.pid, path)
    (os.killpg if whom == "all" else os.kill)(checking.pid, signal.SIGINT)
    out, err = checking.communicate()
    assert (checking.returncode, out) == (130, b"")
    assert err == b"interrupted; running the same command again is safe\n"
    assert not list(alive(checking.pid))


@needs_proc
def test_an_interrupt_leaves_no_copy_of_an_export_behind(large: Path, tmp_path: Path) -> None:
    """A second opinion is given of a copy in a temporary folder."""
    checking = started("check", large, GOOD, "--jobs", "2", "--second-opinion", TMPDIR=str(tmp_path))
    while not list(tmp_path.rglob("*.csv")):
        assert checking.poll() is None
        time.sleep(0.01)
    os.killpg(checking.pid, signal.SIGINT)
    assert checking.communicate() == (b"", b"interrupted; running the same command again is safe\n")
    assert not list(tmp_path.iterdir())


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_command(large: Path, number: signal.Signals) -> None:
    checking = started("check", large, GOOD, "--jobs", "2")
    reader(checking.pid, large)
    checking.send_signal(number)
    out, err = checking.communicate()
    assert (checking.returncode, out, err) == (-number, b"", b"")
    wait_until_all_have_ended(checking.pid)


# --- what breaks in a process ---

_BREAKING = """\
import sys
from billproof.cli import main as boundary
from billproof.engine import pipeline as run
check_file = run.check_file
def breaking(source, *rest):
    if source.name.startswith("cost_2025-10-04"):
        raise RuntimeError("somebody@example.com")
    return check_file(source, *rest)
run.check_file = breaking
sys.exit(boundary.main())
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="what was broken here is broken in other processes only where they are copies"
)
def test_an_unexpected_error_is_reported_as_it_is_with_one_job(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _BREAKING, "check", str(DEMO), f"--output=json={tmp_path / 'report.json'}"]
    one, two = (subprocess.run([*command, *more], cwd=ROOT, capture_output=True, check=False) for more in ([], ["--jobs", "2"]))
    assert (two.returncode, two.stdout, two.stderr) == (one.returncode, one.stdout, one.stderr)
    assert (one.returncode, one.stdout) == (3, b"")
    assert b"unexpected error: RuntimeError" in one.stderr
    assert not (tmp_path / "report.json").exists()


_BROKEN = """\
import sys
from billproof.cli import main as boundary
from billproof.rules.checks.months import DayCoverage
def at_end(self, settled):
    raise RuntimeError("somebody@example.com")
DayCoverage.at_end = at_end
sys.exit(boundary.main())
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="what was broken here is broken in other processes only where they are copies"
)
def test_a_check_that_crashes_is_reported_as_it_is_with_one_job() -> None:
    command = [sys.executable, "-c", _BROKEN, "check", str(DEMO), "--as-of", AS_OF]
    one, two = (subprocess.run([*command, *more], cwd=ROOT, capture_output=True, check=False) for more in ([], ["--jobs", "2"]))
    assert (two.returncode, two.stdout, two.stderr) == (one.returncode, one.stdout, one.stderr)
    assert one.returncode == 3
    assert b"RuntimeError" in one.stdout


def test_no_process_to_be_had_is_unproved(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refused)
    code, out, err = run("check", str(DEMO), "--jobs", "2")
    assert (code, out) == (3, "")
    assert err == (
        "UNPROVED  no further process can be started: Resource temporarily unavailable; nothing was proved\n"
        "Run the same command with fewer --jobs.\n"
    )


# --- uploads ---


MONTHS = ("2025-06", "2025-07", "2025-08", "2025-09")


def test_an_upload_sends_the_same_bytes_whoever_judged_them(world: World) -> None:
    sent = {month: export(f"10{number}", month) for number, month in enumerate(MONTHS)}
    for month, data in sent.items():
        world.put(data, f"exports/{month}.csv")
    uploaded = world.upload("exports", "--jobs", "3")
    assert (uploaded.code, uploaded.err) == (0, "")
    assert uploaded.lines[-1] == "ALL UPLOADED 4 accepted"
    assert uploaded.report is not None
    assert [one["path"] for one in uploaded.report["files"]] == [f"exports/{month}.csv" for month in MONTHS]
    assert {month: world.place.current(month) for month in MONTHS} == sent
    assert run("ledger", "verify")[0] == 0
    again = world.upload("exports", "--jobs", "3")
    assert again.lines[-1] == "NOTHING SENT 4 files already uploaded; nothing new"


def test_what_was_uploaded_before_is_known_in_each_process(world: World) -> None:
    for month in MONTHS:
        world.put(export("100", month), f"exports/{month}.csv")
    assert world.upload("exports", "--jobs", "2").code == 0
    for month in MONTHS[:3]:
        world.put(export("50", month), f"exports/{month}.csv")
    one, three = (world.upload("exports", "--jobs", jobs) for jobs in ("1", "3"))
    assert one.code == three.code == 1
    assert one.out == three.out
    assert one.report is not None
    assert three.report is not None
    assert one.report["result_sha256"] == three.report["result_sha256"]
    assert [file["last_upload"]["amount"] for file in three.report["files"]] == ["100"] * 3
    assert {world.place.current(month) for month in MONTHS} == {export("100", month) for month in MONTHS}


@pytest.mark.parametrize("change", ["other bytes", "gone"])
def test_a_file_that_changes_after_it_was_copied_is_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:  # fmt: skip
    """With one job the copy is judged. Another process reads the file: then neither the new bytes nor the old ones go out."""
    from billproof.delivery import copies
    from billproof.engine.pipeline import checked

    names = [world.put(export("100", month), f"{month}.csv") for month in MONTHS[:2]]

    def changed(*arguments: Any) -> Any:
        if change == "gone":
            os.unlink(names[0])
        else:
            world.put(export("99", MONTHS[0]), names[0])
        return checked(*arguments)

    monkeypatch.setattr(copies, "checked", changed)
    found = world.upload(*names, "--jobs", "2")
    assert found.code == 3
    assert found.report is not None
    assert [one["verdict"] for one in found.report["files"]] == ["unproved", "pass"]
    told = "the file changed while it was read" if change == "other bytes" else "cannot be read: No such file or directory"
    assert found.report["files"][0]["error"].startswith(f"{names[0]}: {told}")
    assert world.place.current(MONTHS[0]) is world.place.current(MONTHS[1]) is None


def test_standard_input_among_several_files_is_judged_from_its_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [world.put(export("100", month), f"{month}.csv") for month in MONTHS[:2]]
    command = [sys.executable, "-m", "billproof", "upload", names[0], "-", names[1], "--jobs", "2"]
    done = subprocess.run(command, input=export("70", LAST := MONTHS[2]), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [world.place.current(month) for month in MONTHS[:3]] == [
        export("100", MONTHS[0]), export("100", MONTHS[1]), export("70", LAST),
    ]  # fmt: skip


def test_two_files_of_one_month_are_refused_by_the_names_that_come_first(world: World) -> None:
    integrations = f"  - {{name: a, organization: {ACME}, to: archive}}\n  - {{name: b, organization: {LABS}, to: archive}}"
    world.configure(integrations)
    names = [world.put(export(total, "2025-06"), f"{total}.csv") for total in ("1", "2", "3")]
    one, two = (world.upload(*names, "--jobs", jobs) for jobs in ("1", "2"))
    assert (one.code, one.err) == (two.code, two.err)
    assert one.code == 2
