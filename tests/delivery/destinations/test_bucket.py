"""A bucket as destination: what a folder does, and that of two uploads at the same time one is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from tests.objects import BUCKET, Store, running_store
from tests.support import run
from tests.uploading import ACME, LEDGER, MONTH, Uploaded, World, export, sha256

pytest.importorskip("obstore")

OLD, NEW, OTHER = export("100"), export("110"), export("120")


class Shelf(NamedTuple):
    """A destination of kind `bucket`, read without any code of ours."""

    store: Store
    prefix: str = "exports"

    @property
    def settings(self) -> str:
        return f"{{kind: bucket, url: '{BUCKET}/{self.prefix}/'}}"

    def folder(self, month: str = MONTH, organization: str = ACME) -> str:
        return f"{self.prefix}/organization={quote(organization, safe='')}/month={month}"

    def current(self, month: str = MONTH, organization: str = ACME) -> bytes | None:
        pointer = self.store.objects.get(f"{self.folder(month, organization)}/current")
        if pointer is None:
            return None
        name = pointer.decode("ascii").removesuffix("\n")
        data = self.store.objects[f"{self.folder(month, organization)}/{name}"]
        assert name.partition("-")[2] == f"{sha256(data)}.csv", f"{name} is not whole"
        return data

    def versions(self, month: str = MONTH, organization: str = ACME) -> list[bytes]:
        names = [name for name in self.store.files(self.folder(month, organization)) if name != "current"]
        return [self.store.objects[f"{self.folder(month, organization)}/{name}"] for name in names]


@pytest.fixture
def store() -> Iterator[Store]:
    with running_store() as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> World:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    found = World(root, Shelf(store))
    found.configure()
    assert run("ledger", "init")[0] == 0
    return found


def at(world: World, name: str) -> str:
    assert isinstance(world.place, Shelf)
    return f"{world.place.folder()}/{name}"


def test_versions_are_kept_and_the_pointer_names_the_current_one(world: World, store: Store) -> None:
    for data in (OLD, NEW, OTHER):
        world.send(data)
        assert world.place.current() == data
    assert world.place.versions() == [OLD, NEW, OTHER]
    assert store.objects[at(world, "current")] == f"3-{sha256(OTHER)}.csv\n".encode()
    assert world.statuses() == ["accepted"] * 3
    pointers = [data for key, data in store.history if key.endswith("current")]
    assert len(set(pointers)) == 3


def test_what_is_there_is_not_sent_again_unless_the_bucket_lost_it(world: World, store: Store) -> None:
    world.send(OLD)
    before = dict(store.objects)
    found = world.send(OLD)
    assert "already uploaded" in found.out.lower()
    assert store.objects == before
    store.objects[at(world, f"1-{sha256(OLD)}.csv")] = OLD[:-1]
    world.send(OLD)
    assert world.place.versions() == [OLD[:-1], OLD], "a version that is not whole is never overwritten"
    assert world.place.current() == OLD


def test_bytes_that_are_there_already_are_said_to_be(world: World) -> None:
    world.send(OLD)
    for path in world.files(".json") + world.files(".begun"):
        path.unlink()
    found = world.send(OLD)
    assert world.statuses() == ["already_there"]
    assert "the bucket already had these bytes as its current version" in found.out


def test_what_this_ledger_does_not_know_is_replaced_only_on_demand(world: World) -> None:
    world.send(OLD)
    for path in world.files(".json") + world.files(".begun"):
        path.unlink()
    found = world.upload(world.put(NEW))
    assert found.code == 4
    assert "the bucket contains 1-" in found.out
    assert world.place.current() == OLD
    world.send(NEW, "--resend")
    assert world.place.current() == NEW


def test_of_two_uploads_at_the_same_time_one_is_refused(world: World, store: Store) -> None:
    world.send(OLD)

    def other_comes_first(method: str, key: str) -> str:
        if method == "PUT" and key.endswith("current"):
            store.mishap = lambda *_: ""
            store.objects[at(world, f"2-{sha256(OTHER)}.csv")] = OTHER
            store.objects[key] = f"2-{sha256(OTHER)}.csv\n".encode()
        return ""

    store.mishap = other_comes_first
    found = world.upload(world.put(NEW))
    assert found.code == 4
    assert f"another upload has made 2-{sha256(OTHER)}.csv the current version meanwhile" in found.out
    assert world.place.current() == OTHER
    assert world.statuses() == ["accepted", "refused"]


@pytest.mark.parametrize(
    "mishap", ["lost", *(pytest.param(one, marks=pytest.mark.soak) for one in ("409 ConditionalRequestConflict", "503 SlowDown"))]
)
def test_answers_that_are_lost_or_refused_in_a_race_change_nothing(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch, mishap: str
) -> None:
    import random

    from billproof.io import bucket

    monkeypatch.setattr(bucket, "_RETRY", {"max_retries": 0})
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    puts = 0

    def every_second(method: str, key: str) -> str:
        nonlocal puts
        puts += method == "PUT"
        return mishap if method == "PUT" and puts % 2 else ""

    store.mishap = every_second
    for data in (OLD, NEW):
        world.send(data)
        assert world.place.current() == data
    assert world.place.versions() == [OLD, NEW]
    assert world.statuses() == ["accepted", "accepted"]


def refusing(*ends: str) -> Callable[[str, str], str]:
    return lambda method, key: "403 AccessDenied" if method == "PUT" and key.endswith(ends) else ""


def told(found: Uploaded) -> str:
    return " ".join(found.out.split())


def test_a_bucket_that_cannot_be_written_refuses_and_says_why(world: World, store: Store) -> None:
    store.mishap = refusing(".csv")
    found = world.upload(world.put(OLD))
    assert found.code == 4
    assert f"{BUCKET}/{at(world, '')[:-1]} cannot be written: access was denied" in told(found)
    store.mishap = refusing("current")
    found = world.upload(world.put(OLD))
    assert found.code == 4
    assert f"{BUCKET}/{at(world, 'current')} may not have been written: access was denied" in told(found)
    assert world.statuses() == ["refused", "unknown"]
    store.mishap = lambda *_: ""
    world.send(OLD)
    assert world.place.versions() == [OLD], "the version that was left without a pointer is used"


def test_a_dry_run_says_what_it_would_write_and_writes_nothing(world: World, store: Store) -> None:
    found = world.upload(world.put(OLD), "--dry-run")
    assert found.code == 0
    assert f"put export.csv {BUCKET}/{at(world, '')}N-{sha256(OLD)}.csv" in found.out.replace("'", "")
    assert store.objects == {}


@pytest.mark.soak
def test_history_belongs_to_the_address(world: World, store: Store) -> None:
    world.send(OLD)
    text = (world.root / "billproof.yaml").read_text("utf-8").replace("archive", "renamed").replace("exports/'", "exports'")
    (world.root / "billproof.yaml").write_text(text, "utf-8")
    assert "already uploaded" in world.send(OLD).out.lower()
    World(world.root, Shelf(store, "elsewhere")).configure()
    world.send(OLD)
    assert store.objects[f"elsewhere/organization={ACME}/month={MONTH}/1-{sha256(OLD)}.csv"] == OLD


@pytest.mark.soak
def test_pack_and_spend_find_the_export_in_the_bucket(world: World) -> None:
    path = Path(world.put(OLD, "mine.csv"))
    world.send(OLD, "--as-of", "2025-11-10")
    for left in world.root.glob("*.csv"):
        left.unlink()
    assert not path.exists()
    code, out, err = run("pack", "research", MONTH, "--output", "evidence")
    assert code == 0, out + err
    assert [one.read_bytes() for one in Path("evidence").glob("*.csv")] == [OLD]


def test_exports_of_a_folder_in_a_bucket_are_not_those_that_were_uploaded(world: World, store: Store) -> None:
    world.configure(ledger=LEDGER)
    world.send(OLD)
    store.objects["a.csv"] = OLD
    _, out, _ = run("check", BUCKET, "--as-of", "2025-11-10", "--format", "json")
    assert f'"{BUCKET}/a.csv"' in out
    assert "organization=" not in out
