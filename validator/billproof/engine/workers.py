"""Work in several processes: the same results in the same order as in one, and no task lost with a process that dies.

When a process dies, the tasks in flight are done again, each alone in a new process; a task that ends that one, too, is lost.
A task that raises is done again in this process, which then raises what it would have raised without any other.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from billproof.model.errors import BillproofError

Task = TypeVar("Task")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, lost: Callable[[Task, str], Result],
    ended: Callable[[int], None] | None = None,
) -> list[Result]:  # fmt: skip
    """What `work` gives for each task, done in up to `jobs` processes; for a task that ended two of them, what `lost` gives
    for it and for how the second ended. `ended` is called with the number of tasks that have ended.

    `work`, tasks and results must be picklable. Raises what `work` raises, and BillproofError if no process can be started.
    Whatever is raised, no process is left behind.
    """
    results: dict[int, Result] = {}

    def keep(at: int, result: Result) -> None:
        results[at] = result
        if ended is not None:
            ended(len(results))

    todo = dict(enumerate(tasks))
    while todo and (death := _pooled(work, todo, jobs, keep)):
        for at in death[0]:
            if again := _pooled(work, {at: tasks[at]}, 1, keep):
                keep(at, lost(tasks[at], again[1]))
        todo = {at: task for at, task in todo.items() if at not in results}
    return [results[at] if at in results else work(task) for at, task in enumerate(tasks)]


def _pooled(
    work: Callable[[Task], Result], tasks: Mapping[int, Task], jobs: int, keep: Callable[[int, Result], None]
) -> tuple[list[int], str] | None:
    """Hands each result to `keep`, until all tasks are done, one raises, or a process dies: then the numbers of the tasks in
    flight, at most `jobs`, and how it ended.
    """
    todo = iter(tasks.items())
    in_flight: dict[Future[Any], int] = {}
    with _processes(work, min(jobs, len(tasks))) as executor:
        try:
            while True:
                while len(in_flight) < jobs and (following := next(todo, None)):
                    in_flight[_submitted(executor, following[1])] = following[0]
                if not in_flight:
                    return None
                for future in wait(in_flight, return_when=FIRST_COMPLETED).done:
                    if isinstance(error := future.exception(), BrokenProcessPool):
                        raise error
                    if error is not None:
                        return None
                    keep(in_flight.pop(future), future.result())
        except BrokenProcessPool:
            processes = list(executor._processes.values())
            executor.shutdown()
            code = processes[-1].exitcode or 0
            return list(in_flight.values()), f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"


@contextlib.contextmanager
def _processes(work: Callable[[Task], Result], count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes for `work`, which end at once if something is raised, as by Ctrl-C.

    A fork is quick and has read the rules already. Threads do not survive one, nor do system libraries but Linux's, and what
    reads buckets hangs after it for ever.
    """
    forks = sys.platform == "linux" and threading.active_count() == 1 and "obstore" not in sys.modules
    start = "fork" if forks else "spawn"
    executor = ProcessPoolExecutor(count, get_context(start), _begin, (work,))
    try:
        yield executor
    except BaseException:
        # From Python 3.14 on: executor.terminate_workers()
        for process in list(executor._processes.values()):
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _submitted(executor: ProcessPoolExecutor, task: Any) -> Future[Any]:
    """The task handed over. Processes begin here, and inherit that Ctrl-C, which goes to all of a terminal's, is held back:
    only this one answers it. Raises BillproofError if no process can be started.
    """
    masked = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masked else set()
    try:
        return executor.submit(_answer, task)
    except OSError as error:
        raise BillproofError(
            f"UNPROVED  no further process can be started: {error.strerror or error}; nothing was proved",
            "Run the same command with fewer --jobs.",
        ) from None
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


# What follows runs in the other processes.

_work: Callable[[Any], Any]
_is_working = False


def _begin(work: Callable[[Any], Any]) -> None:
    """Prepares a process for its tasks."""
    global _work
    _work = work
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Once and for all: a signal that is pending while its handler changes would be lost, and the parent wait for ever.
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave(number: int, frame: object) -> None:
    """Ends the process at SIGTERM. Work in progress first removes its temporary files."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if _is_working:
        sys.exit(1)
    os._exit(1)


def _answer(task: Any) -> Any:
    """The result. What is raised is met again, as it is, by the process that does the task then."""
    global _is_working
    try:
        _is_working = True
        return _work(task)
    except SystemExit:
        os._exit(1)
    except Exception:
        # Not the error itself: one that cannot be pickled would seem to be the end of a process.
        raise RuntimeError from None
    finally:
        _is_working = False


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
