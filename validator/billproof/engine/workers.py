"""Work in several processes: the same results in the same order as in one, and no task lost with a process that dies.

A process has one task at a time, so that it is known of which it died. Then another is started, and the task done once more;
what ends two processes is told, and the rest goes on. Where work raises, the rest is done in this process, which then raises
as it would have without any other.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any, TypeVar

from billproof.model.errors import BillproofError
from billproof.model.record import Record

Task = TypeVar("Task")
Result = TypeVar("Result")

# A fork is there at once and has read the rules already; elsewhere than on Linux the system's own libraries may not bear it.
START = "fork" if sys.platform == "linux" else "spawn"
ATTEMPTS = 2
SECONDS_TO_END = 0.5


class _Worker(Record):
    process: BaseProcess
    pipe: Connection


def side_by_side(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, lost: Callable[[Task, str], Result],
    ended: Callable[[int], None] | None = None,
) -> list[Result]:  # fmt: skip
    """What `work` gives for each task, done in up to `jobs` processes; for one that ended them, what `lost` gives, told how.
    `ended` is told how many have ended.

    What is worked with and what comes out must be picklable. Raises what `work` raises, and BillproofError if no process can
    be started. Whatever is raised, no process is left behind.
    """
    workers: list[_Worker] = []
    try:
        found = _results(work, tasks, jobs, lost, workers, ended)
    finally:
        _end(workers)
    return [found[at] if at in found else work(task) for at, task in enumerate(tasks)]


def _results(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, lost: Callable[[Task, str], Result],
    workers: list[_Worker], ended: Callable[[int], None] | None,
) -> dict[int, Result]:  # fmt: skip
    """The results by the number of their task: of all, or of those that had ended when one raised."""
    found: dict[int, Result] = {}
    todo, deaths = deque(range(len(tasks))), Counter[int]()
    busy: dict[Any, tuple[_Worker, int]] = {}

    def begin(worker: _Worker) -> None:
        at = todo.popleft()
        busy[worker.pipe] = worker, at
        # If it is gone by now, that is noticed where its answer is waited for.
        with contextlib.suppress(OSError):
            worker.pipe.send(tasks[at])

    for _ in range(min(jobs, len(tasks))):
        begin(_start(work, workers))
    while busy:
        for pipe in wait(list(busy)):
            worker, at = busy.pop(pipe)
            answer = _answer(worker)
            if answer:
                found[at] = pickle.loads(answer)
            elif answer is not None:
                return found
            else:
                deaths[at] += 1
                if deaths[at] < ATTEMPTS:
                    todo.append(at)
                else:
                    found[at] = lost(tasks[at], _how(worker.process))
                if todo:
                    worker = _start(work, workers)
            if ended is not None and at in found:
                ended(len(found))
            if todo:
                begin(worker)
    return found


def _answer(worker: _Worker) -> bytes | None:
    """The pickled result, nothing if the work raised, None if the process died of it."""
    try:
        return worker.pipe.recv_bytes()
    except (EOFError, OSError):
        return None


def _how(process: BaseProcess) -> str:
    """How a process came to its end."""
    process.join(SECONDS_TO_END)
    code = process.exitcode
    return f"ended by signal {-code}" if code is not None and code < 0 else f"ended with {code}"


def _start(work: Callable[[Task], Result], workers: list[_Worker]) -> _Worker:
    """A process that waits for tasks, and stands among the workers. Raises BillproofError if there can be none."""
    context = get_context(START)
    # A process that begins anew would look for Python's own modules in the working folder first.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    try:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(work, theirs), daemon=True)  # type: ignore[attr-defined]
        with _uninterrupted():
            process.start()
            worker = _Worker(process, ours)
            workers.append(worker)
    except OSError as error:
        raise BillproofError(
            f"UNPROVED  no further process can be started: {error.strerror or error}; nothing was proved",
            "Run the same command with fewer --jobs.",
        ) from None
    theirs.close()
    return worker


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """A terminal's Ctrl-C goes to every process. This one answers it; one that begins here never sees it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(workers: Sequence[_Worker]) -> None:
    """Ends all processes: those that do not at once are killed."""
    for one in workers:
        one.process.terminate()
    deadline = monotonic() + SECONDS_TO_END
    for one in workers:
        one.process.join(max(0.0, deadline - monotonic()))
        if one.process.is_alive():
            one.process.kill()
            one.process.join()
        one.pipe.close()
        one.process.close()


def _serve(work: Callable[[Task], Result], pipe: Connection) -> None:
    """The life of a process: one task after the other, until it is ended or its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Left by an exception, so that temporary files are removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = pipe.recv()
            try:
                answer = pickle.dumps(work(task))
            except Exception:
                answer = b""
            pipe.send_bytes(answer)


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
