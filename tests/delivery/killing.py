"""Kills uploads in the middle, at every step or at any time, and looks at what is left: a process of its own, run by
`test_kills.py`, because it forks: `python -m tests.delivery.killing FOLDER SCENARIO WAY SHARD SHARDS` prints the number of kills.

A step is whatever Python tells an audit hook about files, and every line of the modules that write. The child that uploads
kills itself (SIGKILL) at step k; for every k, until an upload comes to its end.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from billproof.delivery import gate
from billproof.delivery.ledger.integrity import Contents
from billproof.delivery.ledger.receipt import read
from billproof.delivery.ledger.store import open_ledger
from billproof.delivery.ledger.writer import LedgerWriter
from tests.signing import make_keys
from tests.support import run
from tests.uploading import LEDGER, Folder, World, export, sha256

FIRST, SECOND, THIRD = export("100"), export("110"), export("120")
SEED = 20251001
KILLS_BY_TIME = 60

EVENTS = {
    "open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.listdir", "os.scandir", "os.chmod", "os.truncate",
    "fcntl.flock", "tempfile.mkstemp",
}  # fmt: skip
WRITERS = ("durable.py", "gate.py", "directory.py")
_LEDGER_STEPS = {"begin", "conclude", "settle", "_write"}


class Scenario(NamedTuple):
    """What was uploaded before, in order; whether the last of it was cut off; what is uploaded now, and with which options."""

    before: tuple[bytes, ...]
    cut_off: bool
    now: bytes
    options: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """The upload."""
        return ("upload", "new.csv", *self.options)


SCENARIOS = {
    "first": Scenario((), False, FIRST),
    "replace": Scenario((FIRST,), False, SECOND),
    "after a cut": Scenario((FIRST, SECOND), True, SECOND),
    "other bytes after a cut": Scenario((FIRST, SECOND), True, THIRD),
    "attested": Scenario((FIRST,), False, SECOND, ("--attest", "key.pem", "--output", "json=report.json")),
}


class Countdown:
    """Kills this process at a step: an event of these kinds, or a line of these files or of what writes into the ledger. Where
    the steps are used up, the process goes on to its end.
    """

    def __init__(self, steps: int, events: Collection[str] = EVENTS, files: tuple[str, ...] = WRITERS) -> None:
        self.left = steps
        self.events = events
        self.files = files

    def step(self) -> None:
        """One step nearer."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook."""
        if event in self.events:
            self.step()

    def trace(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        """The tracer: calls that are worth a look, then their lines."""
        code = frame.f_code
        in_ledger = code.co_filename.endswith("writer.py") and code.co_name in _LEDGER_STEPS
        if in_ledger or code.co_filename.endswith(self.files):
            if event == "line":
                self.step()
            return self.trace
        return None


def child(root: Path, scenario: Scenario, prepare: Callable[[], None]) -> int:
    """Starts an upload in a process of its own; gives its number."""
    number = os.fork()
    if number:
        return number
    try:
        os.chdir(root)
        prepare()
        code, _, _ = run(*scenario.command)
        os._exit(code)
    finally:
        os._exit(99)


def at_step(root: Path, scenario: Scenario, k: int) -> bool:
    """Kills an upload at its k-th step; False if it ended before."""

    def prepare() -> None:
        countdown = Countdown(k)
        sys.addaudithook(countdown.hear)
        # Lines are counted where something is written; to trace the judgement, too, would be slow and show nothing.
        for holder, name in ((gate, "upload"), (LedgerWriter, "settle")):
            setattr(holder, name, traced(getattr(holder, name), countdown))

    _, status = os.waitpid(child(root, scenario, prepare), 0)
    return was_killed(status)


def traced(function: Callable[..., Any], countdown: Countdown) -> Callable[..., Any]:
    """The same function, its lines counted."""

    def inner(*arguments: Any) -> Any:
        sys.settrace(countdown.trace)
        try:
            return function(*arguments)
        finally:
            sys.settrace(None)

    return inner


def at_time(root: Path, scenario: Scenario, seconds: float) -> bool:
    """Kills an upload after so many seconds; False if it ended before."""
    number = child(root, scenario, lambda: None)
    time.sleep(seconds)
    os.kill(number, signal.SIGKILL)
    _, status = os.waitpid(number, 0)
    return was_killed(status)


def measured(root: Path, scenario: Scenario, durations: list[float]) -> bool:
    """Notes how many seconds an upload takes that nobody kills."""
    started = time.perf_counter()
    _, status = os.waitpid(child(root, scenario, lambda: None), 0)
    durations.append(time.perf_counter() - started)
    return was_killed(status)


def was_killed(status: int) -> bool:
    """Whether a child was killed; one that ended must have ended well."""
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the child ended with {code}"
    return code != 0


def made(folder: Path, scenario: Scenario) -> Path:
    """The project before the upload that will be killed."""
    root = folder / "template"
    root.mkdir()
    os.chdir(root)
    world = World(root, Folder(root / "archive"))
    world.configure()
    make_keys(root)
    assert run("ledger", "init")[0] == 0
    for data in scenario.before:
        world.put(data, "new.csv")
        assert run(*scenario.command)[0] == 0
    if scenario.cut_off:
        world.files()[-1].unlink()
    world.put(scenario.now, "new.csv")
    return root


def look(world: World, scenario: Scenario) -> int:
    """What must hold right after the kill. Gives how many attempts have no receipt."""
    shown = world.place.current()
    allowed = [*scenario.before[-1:], *scenario.before[-2:-1], scenario.now] if scenario.before else [None, scenario.now]
    assert shown in allowed, "the pointer names something else"
    kept = world.place.versions()
    assert all(data in kept for data in scenario.before), "a version from before is gone"
    found = Contents(open_ledger(LEDGER))
    assert found.errors == [], found.errors
    return len(found.attempts)


def look_again(world: World, scenario: Scenario, cut_off: int, killed: Sequence[str]) -> None:
    """Runs the same upload once more, and looks at what must hold then."""
    code, out, err = run(*scenario.command)
    assert code == 0, out + err
    assert world.place.current() == scenario.now
    wanted = [*scenario.before, *([scenario.now] if scenario.now not in scenario.before else [])]
    assert [sha256(one) for one in world.place.versions()] == [sha256(one) for one in wanted]
    code, out, _ = run("ledger", "verify")
    assert (code, "0 errors" in out) == (0, True), out
    receipts = world.receipts()
    statuses = [one["status"] for one in receipts]
    assert statuses[: len(killed)] == list(killed), "a receipt from before was changed"
    assert statuses[-1] in ("accepted", "already_there")
    assert receipts[-1]["file"]["sha256"] == sha256(scenario.now)
    assert statuses.count("unknown") == list(killed).count("unknown") + cut_off, "an attempt that was cut off has no receipt"
    assert len(receipts) == len(world.files(".begun"))
    if scenario.options:
        just_written = set(range(len(scenario.before), len(killed)))
        assert unattested(world) <= just_written, "a receipt has no attestation, and not because of the kill"


def unattested(world: World) -> set[int]:
    """Which receipts have no attestation. Those that have one have their own."""
    from billproof.audit.signing.attestation import receipt_statement
    from billproof.audit.signing.deviations import deviations
    from billproof.audit.signing.dsse import read_public_key

    key, lacking = read_public_key("key.pub.pem"), set()
    for number, path in enumerate(world.files()):
        beside = Path(f"{path}.intoto.jsonl")
        if beside.exists():
            statement = receipt_statement(read(path.read_bytes(), sha256(path.read_bytes()), path.name), path.name)
            assert deviations(beside.read_bytes(), [key], [statement]) == []
        else:
            lacking.add(number)
    return lacking


def kill(folder: Path, template: Path, scenario: Scenario, strike: Callable[[Path], bool], label: str) -> bool:
    """One kill in a copy of the project; True if the upload was killed."""
    root = folder / "project"
    shutil.copytree(template, root)
    os.chdir(root)
    try:
        was_killed = strike(root)
        world = World(root, Folder(root / "archive"))
        cut_off = look(world, scenario)
        look_again(world, scenario, cut_off, world.statuses())
    except BaseException as error:
        raise AssertionError(f"killed {label}; the project is left in {root}") from error
    os.chdir(folder)
    shutil.rmtree(root)
    return was_killed


def main(arguments: Sequence[str]) -> None:
    """Prints how many uploads were killed."""
    folder, scenario, way = Path(arguments[0]), SCENARIOS[arguments[1]], arguments[2]
    shard, shards = int(arguments[3]), int(arguments[4])
    template = made(folder, scenario)
    kills = 0
    if way == "steps":
        k = shard + 1
        while kill(folder, template, scenario, lambda root: at_step(root, scenario, k), f"at step {k}"):  # noqa: B023
            kills += 1
            k += shards
    else:
        times = random.Random(SEED + shard)
        durations: list[float] = []
        kill(folder, template, scenario, lambda root: measured(root, scenario, durations), "never")
        for number in range(KILLS_BY_TIME // shards):
            seconds = times.random() * durations[0]
            kills += kill(folder, template, scenario, lambda root: at_time(root, scenario, seconds), f"by time, {number}")  # noqa: B023
    sys.stdout.write(f"{kills}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
