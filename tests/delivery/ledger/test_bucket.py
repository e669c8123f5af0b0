"""A ledger in a bucket: the same files as in a folder, for every command, and one upload at a time from any machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.objects import BUCKET, Store, running_store
from tests.signing import make_keys
from tests.support import run
from tests.uploading import ACME, MONTH, Folder, World, export, sha256, verified

pytest.importorskip("obstore")

from billproof.io import bucket
from billproof.io.lease import _Lease

OLD, NEW, OTHER = export("100"), export("110"), export("120")
LEDGER = f"{BUCKET}/kept/ledger"


@pytest.fixture
def store() -> Iterator[Store]:
    with running_store() as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> World:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    found = World(root, Folder(root / "archive"))
    found.configure(ledger=LEDGER)
    assert run("ledger", "init")[0] == 0
    return found


def kept(store: Store) -> dict[str, bytes]:
    return store.files("kept/ledger")


def statuses(store: Store) -> list[str]:
    return [json.loads(data)["status"] for name, data in kept(store).items() if name.endswith(".json") and "/" in name]


def test_a_ledger_is_created_once_and_only_where_nothing_is(world: World, store: Store) -> None:
    assert list(kept(store)) == ["ledger.json"]
    code, _, err = run("ledger", "init")
    assert (code, err.splitlines()[0]) == (2, f"{LEDGER} is already a ledger")
    world.configure(ledger=f"{BUCKET}/kept")
    code, _, err = run("ledger", "init")
    assert (code, err.splitlines()[0]) == (2, f"{BUCKET}/kept is neither empty nor a ledger")
    world.configure(ledger=f"{BUCKET}/new/")
    store.objects["new/"] = b""
    assert run("ledger", "init") == (0, f"{BUCKET}/new is an empty ledger now. docs/buckets.md says what to allow there.\n", "")


def test_a_copy_of_either_is_the_other(world: World, store: Store, tmp_path: Path) -> None:
    world.send(OLD)
    world.send(NEW)
    names = [name.rpartition("/")[2] for name in kept(store)]
    assert sorted(name[:4] + name[17:] for name in names[:4]) == ["0001.begun", "0001.json", "0002.begun", "0002.json"]
    listed, shown = run("ledger", "list"), run("ledger", "show", "research", MONTH)[1].replace(LEDGER, "LEDGER")
    for name, data in kept(store).items():
        path = tmp_path / "project" / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    world.configure(ledger="copy")
    assert run("ledger", "list") == listed
    assert run("ledger", "show", "research", MONTH)[1].replace("copy/", "LEDGER/") == shown
    assert verified() == (0, "PASS  2 receipts, 0 errors\n")
    world.send(OTHER)
    store.objects.clear()
    store.copy_from(tmp_path / "project" / "copy", "kept/ledger")
    world.configure(ledger=LEDGER)
    assert verified() == (0, "PASS  3 receipts, 0 errors\n")
    world.send(export("130"))
    assert verified() == (0, "PASS  4 receipts, 0 errors\n")


def test_every_command_knows_what_was_uploaded(world: World) -> None:
    world.send(NEW, "--as-of", "2025-11-10")
    smaller = world.put(OLD, "smaller.csv")
    code, out, _ = run("check", smaller, "--as-of", "2025-11-10")
    assert code == 1
    assert "OC601 month-shrinks" in out
    assert "ALREADY" in world.send(NEW).out.upper()
    code, out, _ = run("status", "--month", MONTH, "--as-of", "2025-11-10", "--format", "json")
    month = json.loads(out)["integrations"][0]["months"][0]
    assert (code, month["state"]) == (0, "accepted")
    assert month["receipt"].startswith(f"{LEDGER}/archive/{ACME}/{MONTH}/0001-")
    code, out, err = run("pack", "research", MONTH, "--output", "evidence")
    assert code == 0, out + err
    assert len(list(Path("evidence/receipts").iterdir())) == 2


def test_receipts_are_signed_beside_themselves(world: World, store: Store, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    make_keys(world.root)
    world.send(OLD, "--attest", "key.pem")
    (name,) = [name for name in kept(store) if name.endswith(".intoto.jsonl")]
    assert run("ledger", "verify", "--key", "key.pub.pem")[:2] == (0, "PASS  1 receipt, 0 errors\n")
    store.objects[f"kept/ledger/{name}"] = b"{}\n"
    code, out, _ = run("ledger", "verify", "--key", "key.pub.pem")
    assert code == 1
    assert f"{LEDGER}/{name}: " in out


@pytest.mark.soak
def test_a_proof_reads_each_object_once_and_many_at_a_time(world: World, store: Store) -> None:
    for number in range(3):
        world.send(export(str(100 + number)))
    store.requests.clear()
    assert world.upload(world.put(NEW)).code == 0
    read = [key for method, key in store.requests if method == "GET" and MONTH in key]
    assert len(read) == len(set(read)) == 6, "what this run writes is not read again"
    together: list[int] = []
    store.seconds = 0.05

    def count(method: str, key: str) -> str:
        together.append(store.busy)
        return ""

    store.mishap = count
    assert verified() == (0, "PASS  4 receipts, 0 errors\n")
    assert max(together) > 4


# --- what is wrong with it ---


def broken(code: int) -> str:
    found, _, err = run("ledger", "verify")
    assert found == code, err
    return err


def test_what_was_edited_removed_or_added_is_found(world: World, store: Store) -> None:
    world.send(OLD)
    world.send(NEW)
    first = next(key for key in store.objects if "/0001-" in key and key.endswith(".json"))
    data = store.objects[first]
    store.objects[first] = data.replace(b"100", b"900")
    code, out = verified()
    assert code == 1
    assert f"{BUCKET}/{first}: was changed after it was written" in out
    assert world.upload(world.put(OTHER)).code == 3
    del store.objects[first]
    assert "missing: removed or edited" in verified()[1]
    store.objects |= {first: data, "kept/ledger/note.txt": b"?", "kept/ledger/archive/": b"", "kept/ledger/.x/1": b"?"}
    store.objects |= {"kept/ledger/.git/HEAD": b"", "kept/ledger/.gitignore": b"", "kept/ledgers/other": b""}
    assert verified()[1].splitlines() == [
        f"{LEDGER}/.x/1: is hidden or a link, which a ledger's folders never are",
        f"{LEDGER}/note.txt: is not a receipt in the folder of its month",
        "FAIL  2 receipts, 2 errors",
    ]


def test_a_ledger_that_is_not_there_or_cannot_be_read_is_not_an_empty_one(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.send(OLD)
    with monkeypatch.context() as context:
        context.setattr(bucket, "listed", lambda url: {})
        assert broken(3).startswith(f"{LEDGER}: the store does not list ledger.json, which is there")
        assert world.upload(world.put(NEW)).code == 3
    marker = store.objects.pop("kept/ledger/ledger.json")
    assert broken(3).splitlines()[0] == f"the ledger {LEDGER} does not exist"
    assert world.upload(world.put(NEW)).code == 3
    store.objects["kept/ledger/ledger.json"] = marker
    store.mishap = lambda method, key: "403 AccessDenied" if not key else ""
    assert broken(3).splitlines()[0] == f"{LEDGER}: cannot be listed: access was denied"
    store.mishap = lambda method, key: "403 AccessDenied" if key.endswith(".begun") else ""
    code, out = verified()
    assert code == 1
    assert ".begun: cannot be read: access was denied" in out
    store.mishap = lambda *_: "403 AccessDenied"
    assert broken(3).splitlines() == [
        f"{LEDGER}/ledger.json: cannot be read: access was denied",
        "Check the address and the credentials; docs/buckets.md says which.",
    ]
    found = world.upload(world.put(NEW))
    assert found.code == 3
    assert found.report is not None
    assert "access was denied" in json.dumps(found.report)
    assert world.place.current() == OLD


@pytest.mark.soak
def test_without_obstore_nothing_is_sent(world: World) -> None:
    world.put(OLD, "export.csv")
    code = "import sys; sys.modules['obstore'] = None\nfrom billproof.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    found = subprocess.run([sys.executable, "-c", code, "upload", "export.csv"], capture_output=True, text=True, check=False)
    assert found.returncode == 3, found.stderr
    assert "obstore, which is not installed" in " ".join((found.stdout + found.stderr).split())
    assert world.place.current() is None


# --- the lock ---


def test_a_store_that_ignores_conditions_keeps_no_ledger(world: World, store: Store) -> None:
    store.conditional = False
    found = world.upload(world.put(OLD))
    assert found.code == 3
    assert f"{LEDGER}: this store overwrites what it was told not to" in found.err
    assert statuses(store) == []
    assert world.place.current() is None


@pytest.mark.soak
def test_a_ledger_that_cannot_be_written_sends_nothing(world: World, store: Store) -> None:
    store.mishap = lambda method, key: "403 AccessDenied" if method == "PUT" else ""
    found = world.upload(world.put(OLD))
    assert found.code == 3
    assert f"{LEDGER}/.lock: cannot be written: access was denied; nothing was done" in found.err
    store.mishap = lambda method, key: "403 AccessDenied" if method == "PUT" and key.endswith(".begun") else ""
    found = world.upload(world.put(OLD))
    assert found.code == 3
    assert "the start of the upload could not be recorded" in found.err
    store.mishap = lambda method, key: "403 AccessDenied" if method == "PUT" and "/0001-" in key and ".json" in key else ""
    found = world.upload(world.put(OLD))
    assert found.code == 3
    assert "WAS SENT" in found.err
    store.mishap = lambda *_: ""
    world.send(OLD)
    assert statuses(store) == ["unknown", "already_there"]


@pytest.mark.parametrize("when", ["before .begun", "before the first byte"])
def test_who_lost_the_lock_sends_nothing(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    world.send(OLD)
    asked: list[str] = []
    still = _Lease.still

    def lost(self: _Lease) -> None:
        asked.append("")
        self._lost = len(asked) == (1 if when == "before .begun" else 2)
        still(self)

    monkeypatch.setattr(_Lease, "still", lost)
    found = world.upload(world.put(NEW))
    assert found.code == 3
    assert f"{LEDGER}/.lock: the lock was not renewed in time" in found.err
    assert world.place.current() == OLD
    assert statuses(store) == (["accepted"] if when == "before .begun" else ["accepted", "refused"])
    monkeypatch.setattr(_Lease, "still", still)
    store.objects["kept/ledger/.lock"] = b""
    world.send(NEW)
    assert verified()[0] == 0


def test_an_answer_that_came_after_the_lock_was_lost_counts_as_unknown(world: World, store: Store) -> None:
    """A standstill while sending cannot be fenced: another upload has settled the attempt, then its own receipt arrives."""
    world.send(OLD)
    receipt = next(key for key in store.objects if "/0001-" in key and key.endswith(".json"))
    late = store.objects.pop(receipt)
    world.send(NEW)
    assert sorted(statuses(store)) == ["accepted", "unknown"]
    store.objects[receipt] = late
    code, out = verified()
    assert code == 0
    assert "are of one attempt; its outcome counts as unknown" in out


def test_the_lock_is_free_after_every_upload(world: World, store: Store) -> None:
    world.send(OLD)
    world.upload(world.put(b"nonsense"))
    world.upload(world.put(NEW), "--dry-run")
    locks = [json.loads(data)["state"] for key, data in store.history if key.endswith(".lock")]
    assert locks == ["held", "free"] * 2, "a dry run locks nothing"
    assert sha256(OLD)
