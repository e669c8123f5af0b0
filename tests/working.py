"""Work for other processes, which must be able to import it: what becomes of a process is said by its task."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

from billproof.engine import workers
from billproof.model.errors import UsageError

PARENT = "BILLPROOF_TEST_PARENT"


def work(task: str) -> Any:
    """The task in capital letters, and whether that was done in the process of the test; unless its first word is a deed."""
    deed, _, rest = task.partition(" ")
    here = os.environ[PARENT] == str(os.getpid())
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "exit":
        os._exit(7)
    elif deed == "leave":
        sys.exit(0)
    elif deed == "kill-once" and not Path(rest).exists():
        Path(rest).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "raise":
        raise UsageError(f"raised: {rest}", str(here))
    elif deed == "raise-elsewhere" and not here:
        raise RuntimeError
    elif deed == "lambda" and not here:
        return lambda: task
    elif deed == "late":
        time.sleep(0.2)
    return [task.upper(), here]


def main(start: str, count: str, *tasks: str) -> None:
    """Prints what `side_by_side` gives, as JSON, and how many processes are left."""
    os.environ[PARENT] = str(os.getpid())
    context = get_context(start)
    try:
        with patch("billproof.engine.workers.get_context", lambda _: context):
            found: Any = workers.side_by_side(work, tasks, int(count), lambda task, how: f"{task}: {how}")
    except UsageError as error:
        found = [error.message, error.help]

    print(json.dumps([found, len(active_children())]))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
