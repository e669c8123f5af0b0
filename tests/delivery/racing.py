"""Uploads that race for one ledger, in processes that are killed and stand still; then the ledger and what was sent are audited.

    python -m tests.delivery.racing LEDGER [--workers 8] [--uploads 20] [--many] [--kills 20] [--mortal 0.03] [--term 1.5]

LEDGER is a folder, or an address in a bucket that exists; `AWS_ENDPOINT_URL` and its like say where. `--many` spreads the uploads
over 12 months. `--kills` are from outside, at any time; `--mortal` is how likely a process kills itself before or after each
write; `--stops` are standstills for longer than the lease. Prints one line of JSON.

The uploads are those of the command. Only the destination is not real: it writes down when its first byte came and its last.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from billproof.delivery.destinations.directory import DirectoryDestination
from billproof.delivery.ledger.integrity import Contents
from billproof.delivery.ledger.store import open_ledger
from billproof.delivery.shipment import Answer, Shipment
from billproof.io import durable
from tests.support import run
from tests.uploading import ACME, export

SLOWEST_SECONDS = 0.1


def note(path: Path, *words: object) -> None:
    """One line, whole, from any process."""
    with open(path, "ab", buffering=0) as stream:
        stream.write((" ".join(map(str, words)) + "\n").encode())


def worker(folder: Path, number: int, options: argparse.Namespace) -> None:
    """Uploads its files, one after the other, each until nothing is left to do."""
    random.seed(os.getpid())
    log, done = folder / "log", folder / f"done-{number}"
    if options.term:
        from billproof.io import lease

        lease.TERM_SECONDS = options.term

    def send(self: DirectoryDestination, shipment: Shipment, body: BinaryIO, token: object) -> Answer:
        note(log, "first", shipment.month, shipment.name, os.getpid(), time.time())
        time.sleep(random.uniform(0, SLOWEST_SECONDS))
        note(log, "last", shipment.month, shipment.name, os.getpid(), time.time())
        return Answer("accepted", "ok", id=shipment.name)

    DirectoryDestination.send = send  # type: ignore[method-assign]
    make_mortal(options.mortal)
    for upload in range(options.uploads):
        name = f"w{number}-{upload}.csv"
        while name not in (done.read_text().split() if done.exists() else []):
            code, out, err = run("upload", name, "--as-of", "2026-02-01T00:00:00Z")
            if code in (0, 1):  # 1: accepted or unknown, and superseded since
                note(done, name)
            else:
                note(log, "not-sent", code, (err or out).strip().replace("\n", " ")[:200].replace(" ", "_"))
                time.sleep(0.1)


def make_mortal(probability: float) -> None:
    """From now on the process may kill itself before and after each write into the ledger."""
    if not probability:
        return

    def mortal(write: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*given: Any, **named: Any) -> Any:
            if random.random() < probability:
                os.kill(os.getpid(), signal.SIGKILL)
            written = write(*given, **named)
            if random.random() < probability:
                os.kill(os.getpid(), signal.SIGKILL)
            return written

        return inner

    durable.put_new = mortal(durable.put_new)
    if "AWS_ENDPOINT_URL" in os.environ:
        import obstore

        obstore.put = mortal(obstore.put)


def race(options: argparse.Namespace) -> dict[str, Any]:
    """Starts the processes, kills and stops some, starts them again, and audits what is left."""
    folder = Path(tempfile.mkdtemp(prefix="billproof-race-"))
    os.chdir(folder)
    Path("billproof.yaml").write_text(
        f"version: 1\nledger: {options.ledger}\ndestinations: {{archive: {{kind: directory, path: archive}}}}\n"
        f"integrations: [{{name: research, organization: {ACME}, to: archive}}]\n"
    )
    code, _, err = run("ledger", "init")
    assert code == 0, err
    for number in range(options.workers):
        for upload in range(options.uploads):
            month = f"2025-{random.Random(number * 1000 + upload).randrange(1, 13):02}" if options.many else "2025-10"
            data = export(month=month).replace(b"whisper", f"whisper-{number}-{upload}".encode())
            Path(f"w{number}-{upload}.csv").write_bytes(data)
    words = [sys.executable, "-m", "tests.delivery.racing", *sys.argv[1:], "--folder", str(folder), "--number"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}

    def start(number: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*words, str(number)], env=environment, stdout=subprocess.DEVNULL)

    begun, chance = time.monotonic(), random.Random(7)
    running = {number: start(number) for number in range(options.workers)}
    ended: dict[int, float] = {}
    kills, stops, stopped = 0, 0, dict[int, float]()
    while running:
        time.sleep(chance.uniform(0.05, 0.3))
        for number, process in list(running.items()):
            if process.poll() == 0:
                del running[number]
            elif process.poll() is not None:
                ended[process.pid] = time.time()
                running[number] = start(number)
        for number, until in list(stopped.items()):
            if time.monotonic() > until:
                if number in running:
                    running[number].send_signal(signal.SIGCONT)
                del stopped[number]
        free = [number for number in running if number not in stopped]
        if free and kills < options.kills:
            running[chance.choice(free)].kill()
            kills += 1
        elif free and stops < options.stops and len(stopped) < 2:
            number = chance.choice(free)
            running[number].send_signal(signal.SIGSTOP)
            stopped[number] = time.monotonic() + 2 * (options.term or 60)
            stops += 1
    seconds = time.monotonic() - begun
    return {"seconds": round(seconds, 1), "killed": len(ended), "stopped": stops, **audit(folder, options, ended)}


def audit(folder: Path, options: argparse.Namespace, ended: dict[int, float]) -> dict[str, Any]:
    """What the ledger says, beside what the destination saw."""
    assert run("upload", "w0-0.csv", "--as-of", "2026-02-01T00:00:00Z")[0] in (0, 1)  # settles what was cut off last
    contents = Contents(open_ledger(options.ledger if "://" in options.ledger else os.path.abspath(options.ledger)))
    lines = [line.split() for line in (folder / "log").read_text().splitlines()]
    first = [line[1:] for line in lines if line[0] == "first"]
    last = {(line[2], line[3]): float(line[4]) for line in lines if line[0] == "last"}
    spans: dict[str, list[tuple[float, float]]] = {}
    for month, name, process, begun in first:
        spans.setdefault(month, []).append((float(begun), last.get((name, process), ended.get(int(process), time.time()))))
    receipts = list(contents.receipts.values())
    sent = Counter(receipt.file_name for receipt in receipts if receipt.status == "accepted")
    named = Counter((receipt.destination, receipt.month, receipt.n) for receipt in receipts)
    return {
        "wanted": options.workers * options.uploads, "receipts": len(receipts), "without_receipt": len(contents.attempts),
        "errors": contents.errors[:3], "accepted": len(sent), "accepted_twice": sum(count > 1 for count in sent.values()),
        "unknown": sum(receipt.status == "unknown" for receipt in receipts), "two_receipts": len(contents.twice),
        "forks": sum(count > 1 for count in named.values()),
        "sent_unrecorded": len({line[1] for line in first} - {receipt.file_name for receipt in receipts}),
        "overlaps": sum(after[0] < before[1] for each in spans.values() for before, after in pairwise(sorted(each))),
        "not_sent": dict(Counter(line[2].split("_the_lock")[0][-40:] for line in lines if line[0] == "not-sent").most_common(4)),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ledger")
    for name, default in {"workers": 8, "uploads": 20, "kills": 0, "stops": 0, "number": -1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--mortal", type=float, default=0.0)
    parser.add_argument("--term", type=float)
    parser.add_argument("--many", action="store_true")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    # What was sent is in no folder, so a file that is current would be sent again, by the audit too.
    DirectoryDestination.lacks = lambda *_: False  # type: ignore[method-assign]
    if options.folder is None:
        sys.stdout.write(json.dumps(race(options)) + "\n")
    else:
        worker(options.folder, options.number, options)


if __name__ == "__main__":
    main()
