"""Measures `billproof check` as users run it, and says which goals it meets: `python -m benchmarks.run`.

Whole processes of a wheel installed into an environment of its own, beside the processes that they are compared with:
first each once unmeasured, then all in turn, round after round. A ratio is the median of the ratios within a round, so
what slows the whole machine down for a while cancels out. A goal that is missed is told, never an error.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Literal

from benchmarks.files import EXPORT, FAULTS, write_damaged, write_folder, write_good

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schemas" / "openai-cost.schema.json"
AS_OF = "2025-12-01"

SMALL, MONTH, LARGE, HUGE = 300, 3_000, 100_000, 1_000_000
ROUNDS = {SMALL: 15, MONTH: 15, LARGE: 7, HUGE: 5}
QUICK_ROUNDS = {SMALL: 7, MONTH: 7, LARGE: 3}
ROUNDS_OF_MANY = {SMALL: 7, MONTH: 5}
QUICK_ROUNDS_OF_MANY = {SMALL: 3}

UPLOAD_CONFIG = f"""\
version: 1
ledger: ledger
destinations:
  archive: {{kind: directory, path: archive/}}
integrations:
  - {{name: bench, organization: {EXPORT.organization.id}, to: archive}}
"""

# Starts a command from a small process: a child's peak memory is never reported below that of the process it came from.
_TIMED = """
import os, sys, time
silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - started, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
_READ_CSV = """
import csv, sys
for row in csv.reader(open(sys.argv[1], encoding="utf-8", newline=""), strict=True): pass
"""
_IMPORTS = "import csv, json, argparse, hashlib, decimal, datetime, yaml"
_FRICTIONLESS = """
import json, sys
from frictionless import Resource, Schema
with open(sys.argv[2], encoding="utf-8") as file: descriptor = json.load(file)
del descriptor["$schema"]
sys.exit(not Resource(path=sys.argv[1], schema=Schema.from_descriptor(descriptor)).validate().valid)
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


@dataclass(frozen=True)
class Goal:
    """One process beside another: `over` divided by `under` is at most the limit, or at least."""

    text: str
    over: str
    under: str
    limit: float
    quantity: Literal["seconds", "memory"] = "seconds"
    at_least: bool = False

    def ratios(self, samples: Samples) -> list[float]:
        """The ratio in each round."""
        pairs = zip(samples[self.over], samples[self.under], strict=True)
        return [getattr(over, self.quantity) / getattr(under, self.quantity) for over, under in pairs]

    def met(self, ratio: float) -> bool:
        """Whether the ratio is within the goal."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit


def main(arguments: Sequence[str] | None = None) -> int:
    """Installs, measures, prints. The exit code says nothing about the times."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__.partition("\n")[0] if __doc__ else None)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help=f"at most {LARGE:,} rows, fewer rounds")
    extent.add_argument("--slow", action="store_true", help=f"frictionless on {LARGE:,} rows, too (some minutes more)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder, _install_billproof(folder), _install(folder / "frictionless", "frictionless>=5.21,<6"))
        print(_about(bench))
        rounds = QUICK_ROUNDS if options.quick else ROUNDS
        for rows, count in rounds.items():
            processes, goals = plan(bench, rows, with_frictionless=rows == MONTH or (options.slow and rows == LARGE))
            samples = side_by_side(processes, count, folder)
            print(f"\n{rows:,} rows, {count} rounds\n{figures(samples)}\n\n{verdicts(goals, samples)}", flush=True)
        for rows, count in (QUICK_ROUNDS_OF_MANY if options.quick else ROUNDS_OF_MANY).items():
            processes, goals = plan_of_many(bench, rows)
            samples = side_by_side(processes, count, folder)
            print(f"\n480 files of {rows:,} rows, {count} rounds\n{figures(samples)}\n\n{verdicts(goals, samples)}", flush=True)
    return 0


@dataclass(frozen=True)
class Bench:
    """The folder of the files, and the interpreters of the two environments."""

    folder: Path
    python: Path
    frictionless_python: Path

    def good(self, rows: int) -> str:
        """The name of the good file of so many rows; it is made when it is first asked for."""
        path = self.folder / f"good-{rows}.csv"
        if not path.exists():
            write_good(path, rows)
        return path.name

    def check(self, name: str, file: str, exit_code: int = 0) -> Process:
        """`billproof check` of a file."""
        billproof = self.python.with_name("billproof")
        return Process(name, (str(billproof), "check", file, "--quiet", "--as-of", AS_OF), exit_code)

    def upload(self, name: str, file: str) -> Process:
        """`billproof upload` of a file to a folder, where the month was uploaded once before."""
        project = self.folder / "upload"
        config = project / "billproof.yaml"
        billproof = str(self.python.with_name("billproof"))
        command = (billproof, "upload", str(self.folder / file), "--resend", "--as-of", AS_OF, "--config", str(config))
        project.mkdir()
        config.write_text(UPLOAD_CONFIG, "utf-8")
        _run(billproof, "ledger", "init", "--config", str(config))
        _run(*command)
        shutil.copytree(project, _copy_of(project))
        return Process(name, command, project=project)

    def script(self, name: str, code: str, *arguments: str) -> Process:
        """A few lines of Python in the environment of billproof."""
        return Process(name, (str(self.python), "-c", code, *arguments))

    def frictionless(self, file: str) -> Process:
        """frictionless with the same Table Schema and the rules that can be said there: a job like ours."""
        script = str(ROOT / "benchmarks" / "frictionless_rules.py")
        return Process("frictionless, rules", (str(self.frictionless_python), script, file, str(SCHEMA)))

    def frictionless_schema(self, file: str) -> Process:
        """frictionless with the Table Schema alone: types and required cells, no day, no total, no duplicate."""
        return Process("frictionless, schema", (str(self.frictionless_python), "-c", _FRICTIONLESS, file, str(SCHEMA)))


def plan(bench: Bench, rows: int, with_frictionless: bool) -> tuple[list[Process], list[Goal]]:
    """What is measured side by side on files of so many rows, and what is expected of it."""
    file, at_rows = bench.good(rows), f"{rows:,} rows: "
    processes = [bench.script("csv.reader loop", _READ_CSV, file), bench.check("check", file)]
    goals = []
    if rows == SMALL:
        processes.append(bench.script("imports alone", _IMPORTS))
        goals.append(Goal(at_rows + "time, beside the imports that any such tool needs", "check", "imports alone", 2))
    elif rows == MONTH:
        processes.append(bench.script("python -c pass", "pass"))
        goals.append(Goal(at_rows + "time, beside python -c pass", "check", "python -c pass", 8))
        processes.append(bench.upload("upload to a folder", file))
        goals.append(Goal(at_rows + "time of an upload to a folder, beside check", "upload to a folder", "check", 1.6))
    else:
        goals.append(Goal(at_rows + "time, beside a csv.reader loop", "check", "csv.reader loop", 3))
    if rows == LARGE:
        for fault in FAULTS:
            damaged = f"{fault.name.replace(' ', '-')}.csv"
            write_damaged(bench.folder / file, bench.folder / damaged, fault)
            processes.append(bench.check(fault.name, damaged, fault.exit_code))
            text = f"every row wrong, {fault.name}: "
            goals.append(Goal(text + "time, beside a good file", fault.name, "check", 1.5))
            goals.append(Goal(text + "memory, beside a good file", fault.name, "check", 1.3, "memory"))
    if rows == HUGE:
        smaller = f"check of {LARGE:,}"
        processes.append(bench.check(smaller, bench.good(LARGE)))
        goals.append(Goal(f"{at_rows}memory, beside {LARGE:,} rows", "check", smaller, 1.3, "memory"))
    if with_frictionless:
        processes += [bench.frictionless(file), bench.frictionless_schema(file)]
        text = at_rows + "times as fast as frictionless, "
        goals.append(Goal(text + "same rules", "frictionless, rules", "check", 7, at_least=True))
        goals.append(Goal(text + "schema alone", "frictionless, schema", "check", 7, at_least=True))
    return processes, goals


def plan_of_many(bench: Bench, rows: int) -> tuple[list[Process], list[Goal]]:
    """24 months of 20 organizations, with one job and with one for each core."""
    files, cores = bench.folder / f"many-{rows}", os.cpu_count() or 1
    write_folder(files, rows)
    one = bench.check("one job", files.name)
    many = replace(one, name=f"--jobs {cores}", command=(*one.command, "--jobs", str(cores)))
    text = f"480 files of {rows:,} rows: times as fast with --jobs {cores}"
    return [one, many], [Goal(text, one.name, many.name, 0.75 * cores, at_least=True)]


def side_by_side(processes: Sequence[Process], rounds: int, folder: Path) -> dict[str, list[Sample]]:
    """Each process once unmeasured, then all of them in turn, round after round."""
    for process in processes:
        measure(process, folder)
    samples: dict[str, list[Sample]] = {process.name: [] for process in processes}
    for _ in range(rounds):
        for process in processes:
            samples[process.name].append(measure(process, folder))
    return samples


def measure(process: Process, folder: Path) -> Sample:
    """Runs a process once; without the settings of this interpreter, of which some make every start slower."""
    if process.project is not None:
        shutil.rmtree(process.project)
        shutil.copytree(_copy_of(process.project), process.project)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    timed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _TIMED, *process.command],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    seconds, peak, exit_code = timed.stdout.split()
    if int(exit_code) != process.exit_code:
        raise RuntimeError(f"{process.name} ended with {exit_code}, not {process.exit_code}: nothing was measured")
    return Sample(float(seconds), int(peak) / (2**20 if sys.platform == "darwin" else 2**10))


def figures(samples: Samples) -> str:
    """A line for each process: median, fastest and slowest time, and the median of the peak memory."""
    lines = [f"{'process':<20} {'seconds':>8} {'lowest':>8} {'highest':>8} {'MiB':>6}"]
    for name, found in samples.items():
        times = [one.seconds for one in found]
        memory = median(one.memory for one in found)
        lines.append(f"{name:<20} {median(times):>8.3f} {min(times):>8.3f} {max(times):>8.3f} {memory:>6.1f}")
    return "\n".join(lines)


def verdicts(goals: Sequence[Goal], samples: Samples) -> str:
    """A line for each goal: what was wanted, the median of the ratios with the lowest and highest, and whether it is met."""
    lines = [f"{'goal':<62} {'wanted':>14} {'measured':>8} {'(rounds)':>15}"]
    for goal in goals:
        ratios = goal.ratios(samples)
        wanted = f"{'at least' if goal.at_least else 'at most'} {goal.limit:g}x"
        spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
        met = "met" if goal.met(median(ratios)) else "NOT MET"
        lines.append(f"{goal.text:<62} {wanted:>14} {median(ratios):>7.2f}x {spread:>15}  {met}")
    return "\n".join(lines)


def _install_billproof(folder: Path) -> Path:
    """A real installation: an editable one may compile its modules anew on every start."""
    _run(sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("billproof-*.whl")
    python = _install(folder / "billproof", str(wheel))
    if not any(python.parent.parent.rglob("validator/__pycache__/*.pyc")):
        raise RuntimeError("the modules of the installed billproof are not compiled: every start would be measured too slow")
    return python


def _install(environment: Path, requirement: str) -> Path:
    """A plain environment with one package and what it needs; gives its interpreter."""
    _run(sys.executable, "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    _run(str(python), "-m", "pip", "install", "-qq", "--compile", requirement)
    return python


def _copy_of(project: Path) -> Path:
    return project.with_name(f"{project.name}-as-it-was")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _about(bench: Bench) -> str:
    versions = [
        _run(str(python), "-c", f"from importlib.metadata import version; print('{package}', version('{package}'))").strip()
        for python, package in ((bench.python, "billproof"), (bench.frictionless_python, "frictionless"))
    ]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return ", ".join([*versions, f"Python {platform.python_version()}", machine])


if __name__ == "__main__":
    sys.exit(main())
