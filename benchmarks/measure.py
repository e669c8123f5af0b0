"""Whole processes, side by side: wall time and peak memory of each, all of them in turn, round after round.

A ratio is the median of the ratios within a round, so what slows the whole machine down for a while cancels out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_LIMIT = 120
MEMORY_LIMIT = 8 * 1024  # MiB; looked at twice a second, on Linux

# Starts a command from a small process: a child's peak memory is never reported below that of the process it came from.
_TIMED = """
import os, signal, sys, time
seconds, kilobytes = float(sys.argv[1]), int(sys.argv[2])
silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
over = ""
def look(*_):
    global over
    try:
        with open(f"/proc/{child}/statm") as file: resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError: resident = 0
    if time.perf_counter() - started > seconds: over = "time"
    elif resident > kilobytes: over = "memory"
    if over: os.kill(child, signal.SIGKILL)
signal.signal(signal.SIGALRM, look)
started = time.perf_counter()
child = os.posix_spawn(sys.argv[3], sys.argv[3:], os.environ, file_actions=silent)
signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)
_, status, usage = os.wait4(child, 0)
signal.setitimer(signal.ITIMER_REAL, 0)
print(time.perf_counter() - started, usage.ru_maxrss, os.waitstatus_to_exitcode(status), over)
"""


@dataclass(frozen=True)
class Process:
    """A command to be measured, and the exit code without which the measurement means nothing.

    `project` is a folder that it changes: before each run, unmeasured, it is put back as it was, from a copy beside it.
    """

    name: str
    command: tuple[str, ...]
    exit_code: int = 0
    project: Path | None = None


@dataclass(frozen=True)
class Sample:
    """One run of a process: wall time, and peak memory in MiB."""

    seconds: float
    memory: float


Samples = Mapping[str, Sequence[Sample]]


class NotMeasured(Exception):
    """The process was stopped at a limit, or ended otherwise than it should."""


def side_by_side(processes: Sequence[Process], rounds: int, folder: Path) -> dict[str, list[Sample]]:
    """Each process once unmeasured, then all of them in turn, round after round. Raises NotMeasured."""
    for process in processes:
        measure(process, folder)
    samples: dict[str, list[Sample]] = {process.name: [] for process in processes}
    for _ in range(rounds):
        for process in processes:
            samples[process.name].append(measure(process, folder))
    return samples


def measure(process: Process, folder: Path, seconds_limit: int = SECONDS_LIMIT) -> Sample:
    """Runs a process once. Raises NotMeasured."""
    if process.project is not None:
        shutil.rmtree(process.project)
        shutil.copytree(copy_of(process.project), process.project)
    limits = (str(seconds_limit), str(MEMORY_LIMIT * 1024))
    timed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _TIMED, *limits, *process.command],
        cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    seconds, peak, exit_code, *over = timed.stdout.split()
    if over:
        limit = f"{seconds_limit} s" if over == ["time"] else f"{MEMORY_LIMIT // 1024} GiB"
        raise NotMeasured(f"stopped at {limit}")
    if int(exit_code) != process.exit_code:
        raise NotMeasured(f"{process.name} ended with {exit_code}, not {process.exit_code}")
    return Sample(float(seconds), int(peak) / (2**20 if sys.platform == "darwin" else 2**10))


def environment() -> dict[str, str]:
    """This process's, without the settings of this interpreter, of which some make every start slower; nothing is sent home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {"GX_ANALYTICS_ENABLED": "false"}


def copy_of(project: Path) -> Path:
    """Where a folder is kept as it was."""
    return project.with_name(f"{project.name}-as-it-was")
