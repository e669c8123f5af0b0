"""The gate: only what judge() passed goes out, only those bytes, and never without a receipt on disk."""

from __future__ import annotations

import copy
import io
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pytest

from billproof.delivery import copies, gate
from billproof.delivery import plan as upload
from billproof.delivery.destinations.directory import DirectoryDestination
from billproof.delivery.ledger.store import open_ledger
from billproof.delivery.ledger.writer import LedgerWriter
from billproof.delivery.routing import Routes
from billproof.delivery.shipment import Answer, Request, Shipment
from billproof.engine import pipeline as running
from billproof.engine.verdict import Exit, Pass
from billproof.io.secrets import Secret
from billproof.model.errors import BillproofError, Unwritable
from billproof.model.results import Policy
from billproof.reading.source import Copy
from tests.support import run
from tests.uploading import ACME, LEDGER, MONTH, World, export, sha256, verified

NOW = "2026-01-05T12:00:00Z"
OCTOBER, NOVEMBER = export("100"), export("50", month="2025-11")


class Recorder:
    """A destination that keeps what it was given, or does something else."""

    name = "archive"
    needs_token = False

    def __init__(self, instead: Callable[[], Answer] | None = None) -> None:
        self.got: list[bytes] = []
        self._instead = instead

    def request(self, shipment: Shipment) -> Request:
        return Request({"put": shipment.name}, "put")

    def lacks(self, shipment: Shipment) -> bool:
        return False

    def send(self, shipment: Shipment, body: BinaryIO, token: Secret | None) -> Answer:
        self.got.append(body.read())
        return self._instead() if self._instead else Answer("accepted", "kept")


class Ready(NamedTuple):
    """Two files that passed, with all that the gate is given for each."""

    proofs: tuple[Pass, Pass]
    shipments: tuple[Shipment, Shipment]
    described: Mapping[str, Any]
    writer: LedgerWriter

    def through_gate(self, destination: Recorder, body: bytes = OCTOBER, **other: Any) -> Any:
        given: dict[str, Any] = {"proof": self.proofs[0], "shipment": self.shipments[0]} | other
        return gate.upload(
            given["proof"], io.BytesIO(body), given["shipment"], destination, None, self.writer, self.described, lambda: NOW
        )


@pytest.fixture
def ready(world: World, monkeypatch: pytest.MonkeyPatch) -> Ready:
    """What `planned` hands to the gate, taken from a real run that sent nothing."""
    caught: list[tuple[Any, ...]] = []

    def catch(*arguments: Any) -> Any:
        caught.append(arguments)
        raise Unwritable("caught")

    names = [world.put(OCTOBER, "october.csv"), world.put(NOVEMBER, "november.csv")]
    with monkeypatch.context() as patch:
        patch.setattr(gate, "upload", catch)
        for name in names:
            assert world.upload(name).code == 3
    proofs = (caught[0][0], caught[1][0])
    return Ready(proofs, (caught[0][2], caught[1][2]), caught[0][6], LedgerWriter(open_ledger(LEDGER)))


# --- only judge() makes a Pass ---


def test_nobody_else_makes_a_pass(ready: Ready) -> None:
    digest = sha256(OCTOBER)
    for seal in (None, object(), "seal", Pass):
        with pytest.raises(TypeError, match=r"only judge\(\) makes a Pass"):
            Pass(seal, digest)
    with pytest.raises(TypeError):
        Pass(digest)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"only judge\(\) makes a Pass"):
        type("Mine", (Pass,), {})(object(), digest)


def test_a_pass_cannot_be_changed_or_moved_to_other_bytes(ready: Ready) -> None:
    proof = ready.proofs[0]
    assert proof.sha256 == sha256(OCTOBER)
    with pytest.raises(AttributeError):
        proof.sha256 = sha256(NOVEMBER)
    with pytest.raises(AttributeError):
        object.__getattribute__(proof, "__dict__")["sha256"] = sha256(NOVEMBER)
    duplicates: tuple[Callable[[Pass], object], ...] = (copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)))
    for duplicate in duplicates:
        with pytest.raises((AttributeError, TypeError)):
            duplicate(proof)


class LooksLikeAPass(NamedTuple):
    sha256: str


def test_the_gate_sends_what_passed(ready: Ready, world: World) -> None:
    destination = Recorder()
    found = ready.through_gate(destination)
    assert destination.got == [OCTOBER]
    assert found.status == "accepted"
    assert world.statuses() == ["accepted"]
    assert verified()[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda ready: {"body": NOVEMBER},
        lambda ready: {"body": OCTOBER + b"\n"},
        lambda ready: {"body": OCTOBER.replace(b"100", b"900")},
        lambda ready: {"body": b""},
        lambda ready: {"shipment": ready.shipments[1]},
        lambda ready: {"shipment": ready.shipments[1], "body": NOVEMBER},
        lambda ready: {"shipment": ready.shipments[0]._replace(sha256=sha256(b"else"))},
        lambda ready: {"proof": ready.proofs[1]},
        lambda ready: {"proof": ready.proofs[1], "shipment": ready.shipments[1]},
        lambda ready: {"proof": None},
        lambda ready: {"proof": True},
        lambda ready: {"proof": sha256(OCTOBER)},
        lambda ready: {"proof": LooksLikeAPass(sha256(OCTOBER))},
    ],
    ids=[
        "another file", "a byte more", "other bytes", "no bytes", "another shipment", "another shipment with its bytes",
        "another digest", "a pass of another file", "pass and shipment of another file", "no pass", "true", "a digest",
        "a look-alike",
    ],
)  # fmt: skip
def test_nothing_else_goes_out(ready: Ready, world: World, change: Callable[[Ready], dict[str, Any]]) -> None:
    destination = Recorder()
    before = world.everything()
    with pytest.raises(gate.NotProved) as raised:
        ready.through_gate(destination, **change(ready))
    assert raised.value.exit_code == Exit.UNPROVED
    assert destination.got == []
    assert world.everything() == before


def test_the_gate_reads_from_the_start(ready: Ready) -> None:
    """Wherever the body stands, and although the digest was taken before."""
    destination = Recorder()
    body = io.BytesIO(OCTOBER)
    body.seek(len(OCTOBER))
    gate.upload(ready.proofs[0], body, ready.shipments[0], destination, None, ready.writer, ready.described, lambda: NOW)
    assert destination.got == [OCTOBER]


# --- whatever is raised on the way ---


def raising(error: BaseException) -> Callable[[], Answer]:
    def instead() -> Answer:
        raise error

    return instead


ERRORS = [
    ValueError("x"), OSError(5, "x"), RuntimeError("x"), MemoryError(), RecursionError(), StopIteration(), GeneratorExit(),
    KeyboardInterrupt(), AssertionError(), NotImplementedError(),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_a_destination_raises_is_not_known(ready: Ready, world: World, error: BaseException) -> None:
    with pytest.raises(type(error)):
        ready.through_gate(Recorder(raising(error)))
    (one,) = world.receipts()
    assert (one["status"], one["answer"]["text"]) == ("unknown", "interrupted before the destination responded")
    assert verified() == (0, "PASS  1 receipt, 0 errors\n")


def test_a_library_that_ends_the_program_does_not_decide_its_exit_code(ready: Ready, world: World) -> None:
    with pytest.raises(RuntimeError):
        ready.through_gate(Recorder(raising(SystemExit(0))))
    assert world.statuses() == ["unknown"]


def test_what_a_destination_refuses_to_begin_is_not_sent(ready: Ready, world: World) -> None:
    with pytest.raises(BillproofError):
        ready.through_gate(Recorder(raising(BillproofError("x"))))
    (one,) = world.receipts()
    assert (one["status"], one["answer"]["text"], one["answer"]["attempts"]) == ("refused", "not sent: x", 0)


@pytest.mark.parametrize("error", [ValueError("x"), OSError(5, "x"), KeyboardInterrupt()], ids=lambda error: type(error).__name__)
def test_the_command_ends_as_documented(world: World, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def send(*arguments: Any) -> Answer:
        raise error

    names = [world.put(OCTOBER, "october.csv"), world.put(NOVEMBER, "november.csv")]
    with monkeypatch.context() as patch:
        patch.setattr(DirectoryDestination, "send", send)
        found = world.upload(*names)
    assert found.code == (130 if isinstance(error, KeyboardInterrupt) else 3)
    assert found.out == "", "nothing says that it was accepted"
    assert [(one["month"], one["status"]) for one in world.receipts()] == [(MONTH, "unknown")], "the second was not tried"
    found = world.upload(*names)
    assert found.code == 0
    assert world.statuses() == ["unknown", "accepted", "accepted"]
    assert verified()[0] == 0


def test_an_interrupt_from_the_keyboard(world: World, tmp_path: Path) -> None:
    """A real process and a real signal, while the destination is at work."""
    world.put(OCTOBER)
    mark = tmp_path / "sending"
    code = (
        "import signal, sys, time, pathlib\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # what starts the tests may have switched it off
        "from billproof.delivery.destinations.directory import DirectoryDestination\n"
        "def send(*arguments):\n"
        f"    pathlib.Path({str(mark)!r}).touch()\n"
        "    time.sleep(60)\n"
        "DirectoryDestination.send = send\n"
        "from billproof.cli.main import main\n"
        "sys.exit(main(['upload', 'export.csv']))\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=world.root) as child:
        while not mark.exists():
            assert child.poll() is None, child.communicate()
            time.sleep(0.01)
        assert world.receipts() == []
        assert len(world.files(".begun")) == 1, "that it began is on disk while it goes on"
        os.kill(child.pid, signal.SIGINT)
        out, err = child.communicate()
    assert (child.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    assert world.statuses() == ["unknown"]
    assert world.upload("export.csv").code == 0


# --- the ledger cannot be written ---


def cannot_write(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    from billproof.io import durable

    real = durable.put_new

    def put_new(path: str, chunks: Any) -> None:
        if path.endswith(suffix):
            raise OSError(28, "No space left on device")
        real(path, chunks)

    monkeypatch.setattr(durable, "put_new", put_new)


def test_a_ledger_that_cannot_be_written_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(OCTOBER)
    with monkeypatch.context() as patch:
        cannot_write(patch, ".begun")
        found = world.upload("export.csv")
    assert found.code == 3
    assert "so export.csv was not sent: No space left on device\n" in found.err
    assert "SENT" not in found.err
    assert world.place.current() is None
    assert world.files() == world.files(".begun") == []
    assert world.upload("export.csv").code == 0


def test_a_ledger_that_cannot_be_written_after(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(OCTOBER)
    with monkeypatch.context() as patch:
        cannot_write(patch, ".json")
        found = world.upload("export.csv")
    assert (found.code, found.out) == (3, "")
    text = "export.csv WAS SENT (written and made the current version), but its receipt could not be written: No space left"
    assert f"{text} on device\n" in found.err
    assert "keep the ledger with its .begun file" in found.err
    assert world.place.current() == OCTOBER, "it was sent"
    assert world.files() == []
    assert len(world.files(".begun")) == 1
    code, out = verified()
    assert code == 1
    assert "has no receipt: the command was interrupted" in out

    assert world.upload("export.csv").code == 0
    assert world.statuses() == ["unknown", "already_there"]
    assert world.place.versions() == [OCTOBER]
    assert verified() == (0, "PASS  2 receipts, 0 errors\n")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer("unknown", "no answer"), "october.csv MAY HAVE BEEN SENT (no answer), but its receipt could not be written"),
        (Answer("refused", "no"), "october.csv was refused (no), but its receipt could not be written"),
        (Answer("already_there", "had it"), "october.csv was already present (had it), but its receipt could not be written"),
        (Answer("refused", "down", attempts=0), "october.csv was not sent now (down), but its receipt could not be written"),
    ],
    ids=lambda one: one.status if isinstance(one, Answer) else "",
)  # fmt: skip
def test_what_became_of_a_file_is_told_without_its_receipt(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: Answer, told: str
) -> None:
    world.put(OCTOBER, "october.csv")
    monkeypatch.setattr(DirectoryDestination, "send", lambda *_: answer)
    cannot_write(monkeypatch, ".json")
    found = world.upload("october.csv")
    assert (found.code, found.out) == (3, "")
    assert f"{told}: No space left on device" in found.err

    again = world.upload("october.csv")
    text = "october.csv was not sent now (the command ended before the destination responded), but its receipt could not be"
    assert (again.code, again.out, text in again.err) == (3, "", True), again.err


@pytest.mark.parametrize("what", ["lock", "month"])
def test_a_ledger_where_nothing_can_be_made(world: World, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    world.put(OCTOBER)
    if what == "lock":
        (world.ledger / ".lock").mkdir()
    else:
        (world.ledger / "archive").mkdir()
        real = os.makedirs

        def makedirs(path: str, *arguments: Any, **more: Any) -> None:
            if LEDGER in str(path):
                raise PermissionError(13, "Permission denied")
            real(path, *arguments, **more)

        monkeypatch.setattr(os, "makedirs", makedirs)
    found = world.upload("export.csv")
    assert found.code == 3
    assert "the ledger" in found.err
    assert "cannot be written" in found.err
    assert world.place.current() is None


# --- between check and sending ---


@pytest.mark.parametrize("step", [(copies, "_copied"), (upload, "judged"), (Routes, "with_token")], ids=lambda step: step[1])
@pytest.mark.parametrize("how", ["changed", "appended", "replaced", "removed", "truncated"])
def test_the_bytes_sent_are_those_that_were_checked(world: World, monkeypatch: pytest.MonkeyPatch, how: str, step: Any) -> None:
    """The file changes on disk after it was copied, after it was judged, or after the proof was made."""
    path = world.root / world.put(OCTOBER)
    where, name = step
    real = getattr(where, name)

    def change(*arguments: Any) -> Any:
        found = real(*arguments)
        if how == "removed":
            path.unlink()
        elif how == "replaced":
            path.unlink()
            path.write_bytes(export("5"))
        elif how == "truncated":
            os.truncate(path, 10)
        else:
            path.write_bytes(OCTOBER.replace(b"100", b"900") if how == "changed" else OCTOBER + b"x")
        return found

    monkeypatch.setattr(where, name, change)
    found = world.upload("export.csv")
    assert found.code == 0
    assert world.place.current() == OCTOBER
    (one,) = world.receipts()
    assert (one["file"]["sha256"], one["totals"]["amount"]) == (sha256(OCTOBER), "100")
    assert found.report is not None
    assert found.report["files"][0]["sha256"] == sha256(OCTOBER)


def test_a_copy_that_changes_after_all_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can reach it; but the gate believes nobody."""
    held: list[Any] = []
    real, copied = running.judged, copies._copied

    def keep(*arguments: Any) -> Any:
        found = copied(*arguments)
        (copy,) = found[0]
        assert isinstance(copy, Copy)
        held.append(copy)
        return found

    def spoil(*arguments: Any) -> Any:
        held[0].stream.seek(0)
        held[0].stream.write(b"S")
        return real(*arguments)

    monkeypatch.setattr(copies, "_copied", keep)
    monkeypatch.setattr(upload, "judged", spoil)
    found = world.upload(world.put(OCTOBER))
    assert found.code == 3
    assert "the bytes to be sent are not those that passed; nothing was sent" in found.err
    assert world.place.current() is None
    assert world.files(".begun") == []


def test_a_pass_without_shipment_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Routes, "addressed", lambda self, judged: judged)
    found = world.upload(world.put(OCTOBER))
    assert found.code == 3
    assert "a file passed, but it cannot be uploaded; nothing was sent" in found.err
    assert world.place.current() is None


def test_only_the_policy_of_an_upload_seals(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning passes a check, and there is no Pass for it even if an upload is judged as a check is."""
    monkeypatch.setattr("billproof.cli.commands.upload.UPLOAD", Policy("upload", "check", "error"))
    found = world.upload(world.put(export(projects={"proj_EXAMPLE1": "100", "proj_EXAMPLE2": "-1"})))
    assert found.code == 3
    assert "a file passed, but it cannot be uploaded" in found.err
    assert world.place.current() is None


def test_the_ledger_is_locked_from_judgement_to_receipt(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from billproof.io.locking import Busy

    busy: list[str] = []

    def is_locked(where: str) -> None:
        with pytest.raises(Busy), LedgerWriter(open_ledger(LEDGER)).lock(patience=0):
            pass
        busy.append(where)

    for module, name in ((upload, "judged"), (gate, "_digest"), (DirectoryDestination, "send"), (LedgerWriter, "conclude")):
        real = getattr(module, name)

        def watched(*arguments: Any, real: Any = real, name: str = name) -> Any:
            is_locked(name)
            return real(*arguments)

        monkeypatch.setattr(module, name, watched)
    assert world.upload(world.put(OCTOBER)).code == 0
    assert busy == ["judged", "_digest", "send", "conclude"]
    with LedgerWriter(open_ledger(LEDGER)).lock(patience=0):
        pass


def test_an_upload_that_waits_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(OCTOBER)
    real = LedgerWriter.lock

    def impatient(self: LedgerWriter, waiting: Any = None, patience: float = 0) -> Any:
        return real(self, waiting, 0.05)

    with LedgerWriter(open_ledger(LEDGER)).lock():
        monkeypatch.setattr(LedgerWriter, "lock", impatient)
        code, out, err = run("upload", "export.csv")
    assert (code, out) == (3, "")
    assert err.splitlines() == [
        "waiting for another upload to end …",
        "another upload is using this ledger",
        "Wait until it ends, then run the command again.",
    ]
    assert world.place.current(MONTH, ACME) is None
