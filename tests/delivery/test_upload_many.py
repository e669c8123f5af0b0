"""Eight processes upload into one ledger and one destination at once: every version and every receipt is there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from billproof.delivery.ledger.integrity import proved
from billproof.delivery.ledger.standing import Month
from billproof.delivery.ledger.store import open_ledger
from tests.support import ROOT, run
from tests.uploading import ARCHIVE, LEDGER, MONTH, World, export, sha256, verified

PROCESSES = 8
MONTHS = ("2025-06", "2025-07", "2025-08")  # several processes meet in each, and each process comes by all of them

# Long-lived, as the start of Python is not what is tested; each upload is the whole command.
_PROCESS = """
import contextlib, io, sys
from billproof.cli.main import main
for name in sys.argv[1:]:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["upload", name])
    out.flush()
    told, waited = out.buffer.getvalue().decode(), err.getvalue() in ("", "waiting for another upload to end …\\n")
    if code != 0 or not waited or not told.endswith("ALL UPLOADED  1 accepted\\n"):
        sys.exit(f"{name} ended with {code}: {told}{err.getvalue()}")
"""


def total(process: int, number: int) -> str:
    """Each another, and none 1 % lower than any other: in whatever order they come, no month shrinks."""
    return f"{100_000 + process * 50 + number}"


@pytest.mark.parametrize("uploads", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_many_processes_upload_at_once(world: World, uploads: int) -> None:
    sent: dict[str, list[bytes]] = {month: [] for month in MONTHS}
    running = []
    for process in range(PROCESSES):
        names = []
        for number in range(uploads):
            month = MONTHS[(process + number) % len(MONTHS)]
            sent[month].append(export(total(process, number), month))
            names.append(world.put(sent[month][-1], f"{process}/{number}.csv"))
        command = [sys.executable, "-c", _PROCESS, *names]
        environment = {"PYTHONPATH": str(ROOT)}
        running.append(
            subprocess.Popen(command, cwd=world.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        )
    looks = 0
    while any(one.poll() is None for one in running):
        for month in MONTHS:
            shown = world.place.current(month)
            assert shown is None or shown in sent[month]
            looks += 1
        time.sleep(0.01)
    assert looks > len(MONTHS)
    for one in running:
        assert one.communicate()[1] == b""
        assert one.returncode == 0

    contents = proved(open_ledger(LEDGER))
    for month in MONTHS:
        standing = contents.standing(Month(ARCHIVE, "org-EXAMPLEacme01", month))
        assert {one.status for one in standing.receipts} == {"accepted"}
        assert [one.n for one in standing.receipts] == list(range(1, len(sent[month]) + 1))
        arrived = [sha256(one) for one in world.place.versions(month)]
        assert [one.file_sha256 for one in standing.receipts] == arrived, "in the order of arrival"
        assert sorted(arrived) == sorted(map(sha256, sent[month]))
        assert standing.current is not None
        shown = world.place.current(month)
        assert shown is not None
        assert sha256(shown) == standing.current.file_sha256 == arrived[-1]
    assert len(world.files(".begun")) == len(world.files()) == PROCESSES * uploads
    assert verified() == (0, f"PASS  {PROCESSES * uploads} receipts, 0 errors\n")
    assert not list(Path(world.root).rglob("*.part")), "no draft is left"


def test_two_processes_with_the_same_bytes_send_them_once(world: World) -> None:
    name = world.put(export("100"))
    command = [sys.executable, "-m", "billproof", "upload", name]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    told = sorted(one.communicate()[0].decode().splitlines()[-1] for one in running)
    assert [one.returncode for one in running] == [0] * 4
    assert told == ["ALL UPLOADED  1 accepted", *["NOTHING SENT  1 file already uploaded; nothing new"] * 3]
    assert world.place.versions(MONTH) == [export("100")]
    assert world.statuses() == ["accepted"]
    assert run("ledger", "verify")[0] == 0
