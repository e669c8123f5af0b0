"""What is wanted of `billproof`, beside what it is compared with: the goals, and the processes that they are read from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from benchmarks.files import FAULTS
from benchmarks.measure import Process, Samples
from benchmarks.tools import PEERS, Bench

SMALL, MONTH, LARGE, HUGE = 300, 3_000, 100_000, 1_000_000
ROUNDS = {SMALL: 15, MONTH: 15, LARGE: 7, HUGE: 5}
QUICK_ROUNDS = {SMALL: 5, MONTH: 5, LARGE: 1}
ROUNDS_OF_MANY = {SMALL: 7, MONTH: 5}

_READ_CSV = """
import csv, sys
for row in csv.reader(open(sys.argv[1], encoding="utf-8", newline=""), strict=True): pass
"""
_IMPORTS = "import csv, json, argparse, hashlib, decimal, datetime, yaml"


@dataclass(frozen=True)
class Goal:
    """One process beside another: `over` divided by `under` is at most the limit, or at least.

    `first` is the limit that was wanted at first, where it was another; `needed` what it would take to meet the goal.
    """

    text: str
    over: str
    under: str
    limit: float
    quantity: Literal["seconds", "memory"] = "seconds"
    at_least: bool = False
    first: float | None = None
    needed: str = ""

    def ratios(self, samples: Samples) -> list[float]:
        """The ratio in each round."""
        pairs = zip(samples[self.over], samples[self.under], strict=True)
        return [getattr(over, self.quantity) / getattr(under, self.quantity) for over, under in pairs]

    def met(self, ratio: float) -> bool:
        """Whether the ratio is within the goal."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit


@dataclass(frozen=True)
class Reading:
    """A goal and what was measured: the median of the ratios, the lowest and the highest, the number of rounds."""

    goal: Goal
    ratio: float
    lowest: float
    highest: float
    rounds: int

    @property
    def wanted(self) -> str:
        """As text."""
        return f"{'at least' if self.goal.at_least else 'at most'} {self.goal.limit:g}x"

    @property
    def is_met(self) -> bool:
        """Whether the median is within the goal."""
        return self.goal.met(self.ratio)

    @property
    def missed_by(self) -> float:
        """How far the median is from the goal, as a share of the goal."""
        return abs(self.ratio / self.goal.limit - 1)


def read(goal: Goal, samples: Samples) -> Reading:
    """What the samples say of a goal."""
    ratios = goal.ratios(samples)
    return Reading(goal, median(ratios), min(ratios), max(ratios), len(ratios))


def plan(bench: Bench, rows: int) -> tuple[list[Process], list[Goal]]:
    """What is measured side by side on files of so many rows, and what is expected of it."""
    file, at_rows = bench.good(rows), f"{rows:,} rows: "
    processes = [bench.script("csv.reader loop", _READ_CSV, file), bench.check("check", file)]
    if rows == SMALL:
        processes.append(bench.script("imports alone", _IMPORTS))
        text = at_rows + "time, beside the imports that any such tool needs"
        return processes, [Goal(text, "check", "imports alone", 2, needed=FEWER_MODULES)]
    if rows == MONTH:
        return month(bench, file, at_rows, processes)
    limit = 2.0 if rows == LARGE else 2.2
    goals = [Goal(at_rows + "time, beside a csv.reader loop", "check", "csv.reader loop", limit, first=3, needed=LESS_A_ROW)]
    if rows == LARGE:
        for generation in ("H1", "H2", "H3"):
            processes.append(bench.check(f"check of {generation}", bench.good(rows, generation)))
        for fault in FAULTS:
            processes.append(bench.check(fault.name, bench.damaged(rows, fault), fault.exit_code))
            text = f"every row wrong, {fault.name}: "
            goals.append(Goal(text + "time, beside a good file", fault.name, "check", 1.5, needed=FAULTS_LATER))
            goals.append(Goal(text + "memory, beside a good file", fault.name, "check", 1.3, "memory", needed=FAULTS_LATER))
    else:
        smaller = f"check of {LARGE:,}"
        processes.append(bench.check(smaller, bench.good(LARGE)))
        text = f"{at_rows}memory, beside {LARGE:,} rows"
        goals.append(Goal(text, "check", smaller, 1.3, "memory", needed="less that is remembered of each row of a day"))
    return processes, goals


def month(bench: Bench, file: str, at_rows: str, processes: list[Process]) -> tuple[list[Process], list[Goal]]:
    """What is wanted of a large month: a start that nobody notices, an upload, and frictionless far behind."""
    processes += [bench.script("python -c pass", "pass"), bench.upload("upload to a folder", file)]
    goals = [
        Goal(at_rows + "time, beside python -c pass", "check", "python -c pass", 8, first=10, needed=FEWER_MODULES),
        Goal(at_rows + "time of an upload to a folder, beside check", "upload to a folder", "check", 1.6, needed=ONE_READING),
    ]
    if bench.peers_python:
        rivals = [bench.peer(peer, file) for peer in PEERS if peer.name.startswith("frictionless")]
        for rival in (bench.frictionless_command(file), *rivals):
            processes.append(rival)
            text = f"{at_rows}times as fast as {rival.name}"
            goals.append(Goal(text, rival.name, "check", 7, at_least=True, needed=FEWER_MODULES))
    return processes, goals


def many(bench: Bench, rows: int) -> tuple[list[Process], list[Goal]]:
    """24 months of 20 organizations, with one job and with one for each core."""
    cores = os.cpu_count() or 1
    alone = bench.check("one job", bench.many(rows))
    side = replace(alone, name=f"--jobs {cores}", command=(*alone.command, "--jobs", str(cores)))
    text = f"480 files of {rows:,} rows: times as fast with --jobs {cores}"
    return [alone, side], [Goal(text, alone.name, side.name, 0.75 * cores, at_least=True, needed=LESS_BETWEEN)]


# What it would take, where a goal is missed; shown only then.
FEWER_MODULES = "fewer modules loaded at start, or less done in them; most of the time goes there, little to the rows"
LESS_A_ROW = "less work a row: the csv module's own reading is the floor, and the rest is the columns' distinct values"
FAULTS_LATER = "less done for a faulty row than building its finding, once the findings shown are full"
LESS_BETWEEN = "less that one process does alone: the report of all files and its digest, and what workers hand over"
ONE_READING = "one reading of the bytes for the copy and the check, and fewer modules for the sending"


def figures(samples: Samples) -> str:
    """A line for each process: median, fastest and slowest time, and the median of the peak memory."""
    lines = [f"{'process':<20} {'seconds':>8} {'lowest':>8} {'highest':>8} {'MiB':>6}"]
    for name, runs in samples.items():
        times = [run.seconds for run in runs]
        memory = median(run.memory for run in runs)
        lines.append(f"{name:<20} {median(times):>8.3f} {min(times):>8.3f} {max(times):>8.3f} {memory:>6.1f}")
    return "\n".join(lines)


def verdicts(readings: Sequence[Reading]) -> str:
    """A line for each goal: what was wanted, the median of the ratios with the lowest and highest, and whether it is met."""
    lines = [f"{'goal':<62} {'wanted':>14} {'measured':>8} {'(rounds)':>15}"]
    for reading in readings:
        spread = f"({reading.lowest:.2f}-{reading.highest:.2f})"
        met = "met" if reading.is_met else "NOT MET"
        lines.append(f"{reading.goal.text:<62} {reading.wanted:>14} {reading.ratio:>7.2f}x {spread:>15}  {met}")
    return "\n".join(lines)
