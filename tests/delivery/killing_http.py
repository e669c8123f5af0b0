"""Kills uploads over HTTP at every step, and looks at what is left: a process of its own, run by `test_kills_http.py`,
because it forks: `python -m tests.delivery.killing_http FOLDER URL FIRST STEP LAST` prints the number of kills of each kind.

A step is what Python tells an audit hook about files and connections, and every line of the modules that send, write and
read answers. The child that uploads kills itself (SIGKILL) at step k; for every STEPth k, until an upload comes to its end.
Each kill has an integration of its own in the sandbox, which runs in the process that started this one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from billproof.delivery import gate
from billproof.delivery.destinations import message
from billproof.delivery.destinations.http import HttpDestination
from billproof.io.attempts import load_libraries
from tests.delivery.killing import EVENTS, Countdown
from tests.sandbox.running import Running
from tests.sending import FIRST, QUICK, SECOND, TOKEN, VARIABLE, Project, make_project
from tests.support import run
from tests.uploading import MONTH, sha256

KILLS = 400
_EVENTS = EVENTS | {"socket.__new__", "socket.connect", "socket.getaddrinfo", "import"}
_SENDERS = (
    "durable.py", "gate.py", "http.py", "message.py", "attempts.py", "deadline.py", "responses.py",
    os.path.join("httpcore2", "_backends", "sync.py"),
)  # fmt: skip


def organization(k: int) -> str:
    """Of the length of the one in the exports."""
    return f"org-EXAMPLEk{k:05}"


def integration(k: int) -> str:
    return f"int-EXAMPLEk{k:05}"


def of(data: bytes, k: int) -> bytes:
    """The export of that organization."""
    return data.replace(b"org-EXAMPLEacme01", organization(k).encode())


def killed(k: int) -> bool:
    """Kills an upload at its k-th step; False if it ended before."""
    number = os.fork()
    if not number:
        try:
            countdown = Countdown(k, _EVENTS, _SENDERS)
            upload = gate.upload

            def traced(*arguments: Any) -> Any:
                # What was judged before has no part in what is sent: files and connections are all that is counted there.
                sys.settrace(countdown.trace)
                try:
                    return upload(*arguments)
                finally:
                    sys.settrace(None)

            gate.upload = traced  # type: ignore[assignment]
            sys.addaudithook(countdown.hear)
            os._exit(run("upload", "export.csv")[0])
        finally:
            os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    assert code in (0, -signal.SIGKILL), f"the child ended with {code}"
    return code != 0


def look(project: Project, sandbox: Running, k: int, before: bool) -> str:
    """What must hold right after the kill; gives what kind of kill it was."""
    shown = sandbox.months(integration(k)).get(MONTH)
    old, new = sha256(of(FIRST, k)), sha256(of(SECOND, k))
    digest = shown["sha256"] if shown else None
    assert digest in (old if before else None, new), "half a month, or another one"
    begun, receipts = len(list(project.ledger.rglob("*.begun"))), project.receipts()
    assert 0 <= begun - len(receipts) <= 1
    if digest != new:
        assert [one["status"] for one in receipts] == ["accepted"] * before
        return "begun, not stored" if begun > before else "before it began"
    assert begun > before, "sent before it was written down"
    return "stored, no receipt" if len(receipts) < begun else "stored, with its receipt"


def look_again(project: Project, sandbox: Running, k: int, replaced: str | None, kind: str) -> None:
    """The same command once more, and what must hold then; `replaced` is the id of the upload that was there before."""
    found = project.run("upload", "export.csv")
    assert found.code == 0, found.out + found.err
    shown = sandbox.months(integration(k))[MONTH]
    assert shown["sha256"] == sha256(of(SECOND, k))
    assert shown["replaces"] == replaced, "stored twice"
    cut_off = kind in ("begun, not stored", "stored, no receipt")
    expected = ["accepted"] * (replaced is not None) + ["unknown"] * cut_off + ["accepted"]
    assert [one["status"] for one in project.receipts()] == expected
    project.verify()


def main(arguments: Sequence[str]) -> None:
    """Prints how many uploads were killed, by kind."""
    folder, url = Path(arguments[0]), arguments[1]
    first, step, last = (int(one) for one in arguments[2:])
    sandbox = Running(url, TOKEN)
    os.environ[VARIABLE] = TOKEN
    *others, _ = HttpDestination.__init__.__defaults__ or ()
    HttpDestination.__init__.__defaults__ = (*others, QUICK)
    message.CHUNK_BYTES = 4096
    load_libraries()
    kinds: Counter[str] = Counter()
    for k in range(first, last, step):
        before = k % 2 == 1
        root = folder / str(k)
        root.mkdir()
        os.chdir(root)
        project = make_project(root)
        project.configure(url, integration(k), organization(k))
        if before:
            assert project.send(of(FIRST, k)).code == 0
        project.put(of(SECOND, k))
        replaced = sandbox.months(integration(k))[MONTH]["id"] if before else None
        try:
            if not killed(k):
                break
            kind = look(project, sandbox, k, before)
            look_again(project, sandbox, k, replaced, kind)
        except BaseException as error:
            raise AssertionError(f"killed at step {k}; the project is left in {root}") from error
        kinds[kind] += 1
        os.chdir(folder)
        shutil.rmtree(root)
    sys.stdout.write(json.dumps(kinds))


if __name__ == "__main__":
    main(sys.argv[1:])
