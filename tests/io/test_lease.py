"""The lock in a bucket: one holder at a time, taken over when its holder is gone, and lost before another can have it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from billproof.io.locking import Busy
from billproof.model.errors import Unwritable
from tests.objects import BUCKET, Store, running_store

pytest.importorskip("obstore")

from billproof.io import bucket, lease
from billproof.io.lease import Lost, _Lease, leased

URL = f"{BUCKET}/ledger/.lock"
TERM = 60.0


class Clock:
    """A clock that moves only when somebody waits; then `meanwhile` happens."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(bucket, "_RETRY", {"max_retries": 0})
    with running_store() as found:
        yield found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(lease, "_clock", found)
    monkeypatch.setattr(time, "sleep", found.sleep)
    return found


def says(store: Store) -> str:
    return str(json.loads(store.objects["ledger/.lock"])["state"])


def renew(held: _Lease) -> bool:
    return held._put("held", held._version)


def taken(waiting: Callable[[], None] | None = None, patience: float = 0) -> _Lease:
    found = _Lease(URL)
    found.take(waiting, patience)
    return found


def test_it_is_held_renewed_and_given_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "TERM_SECONDS", 0.5)
    end = time.monotonic() + 30
    with leased(URL, None, 0):
        while len(store.history) < 4 and time.monotonic() < end:
            assert says(store) == "held"
            time.sleep(0.01)
    assert says(store) == "free"
    written = [data for _, data in store.history]
    assert len(written) > 4
    assert len(set(written)) == len(written), "an e-tag may be a digest, so no content may come twice"


def test_who_waits_is_told_once_and_gets_it_when_it_is_free(clock: Clock) -> None:
    told: list[float] = []
    first = taken()
    clock.meanwhile = lambda: first.give_back() if clock.now > 1020 else renew(first)
    taken(lambda: told.append(clock.now), 600).still()
    assert told == [1000]
    assert 1020 < clock.now < 1025


def test_a_holder_that_renews_keeps_it_and_who_waits_too_long_is_told_who_has_it(clock: Clock) -> None:
    first = taken()
    clock.meanwhile = lambda: renew(first)
    with pytest.raises(Busy, match=r"^another upload is using this ledger: .+:[0-9]+ since 20.+Z$"):
        taken(patience=100)
    assert 1100 < clock.now < 1105
    first.still()


def test_a_lease_that_was_left_is_taken_over_after_its_term_and_its_holder_knows(store: Store, clock: Clock) -> None:
    left = taken()
    second = taken(patience=600)
    assert 1000 + TERM < clock.now < 1005 + TERM
    second.still()
    with pytest.raises(Lost, match="was not renewed in time"):
        left.still()
    assert not renew(left)
    left.give_back()
    tokens = [json.loads(data)["token"] for _, data in store.history]
    assert tokens == [left._token, second._token], "who has lost it writes nothing into it"
    second.give_back()
    assert says(store) == "free"


def test_a_holder_without_a_renewal_has_lost_it_before_another_can_have_it(clock: Clock) -> None:
    held = taken()
    clock.now += TERM * 2 / 3
    held.still()
    clock.now += 0.1
    with pytest.raises(Lost):
        held.still()
    assert renew(held), "nobody has taken it"
    held.still()


def test_a_renewal_counts_from_when_it_was_asked_for(store: Store, clock: Clock) -> None:
    held = taken()

    def late(method: str, key: str) -> str:
        clock.now += 41
        return ""

    store.mishap = late
    assert renew(held)
    with pytest.raises(Lost):
        held.still()


@pytest.mark.parametrize("mishap", ["lost", "409 ConditionalRequestConflict", "503 SlowDown"])
def test_a_lease_outlives_answers_that_are_lost_or_refused_in_a_race(
    store: Store, monkeypatch: pytest.MonkeyPatch, mishap: str
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    puts = 0

    def every_second(method: str, key: str) -> str:
        nonlocal puts
        puts += method == "PUT"
        return mishap if method == "PUT" and puts % 2 else ""

    store.mishap = every_second
    held = taken()
    for _ in range(3):
        assert renew(held)
    held.give_back()
    assert says(store) == "free"


def test_an_answer_that_never_came_does_not_cost_the_lease(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that was written although it failed: the next one finds the object changed, by itself."""
    monkeypatch.setattr(bucket, "PATIENCE_SECONDS", 0.0)
    held = taken()
    store.mishap = lambda method, key: "lost" if method == "PUT" else ""
    with pytest.raises(Unwritable):
        renew(held)
    store.mishap = lambda *_: ""
    assert renew(held)
    held.give_back()
    assert says(store) == "free"


def test_the_lock_of_a_folder_is_free_in_a_bucket(store: Store) -> None:
    store.objects["ledger/.lock"] = b""
    with leased(URL, None, 0) as still:
        still()


@pytest.mark.parametrize("seconds", ["-60.0", "0", '"0"', "NaN"])
def test_a_lease_of_an_odd_term_has_the_usual_one(store: Store, clock: Clock, seconds: str) -> None:
    taken()
    store.objects["ledger/.lock"] = store.objects["ledger/.lock"].replace(b'"seconds": 60.0', f'"seconds": {seconds}'.encode())
    taken(patience=600).still()
    assert 1000 + TERM < clock.now < 1005 + TERM


TOO_LARGE = b'{"state": "held", "token": "x", "seconds": 1%0400d}' % 0


@pytest.mark.parametrize(
    "data", [b"?", b"{}", b"[]", b'{"state": "held"}', b'{"state": "held", "token": 1}', b"\xff", TOO_LARGE],
    ids=["text", "empty", "list", "held", "number", "bytes", "term"],
)  # fmt: skip
def test_what_is_not_a_lock_is_left_alone(store: Store, data: bytes) -> None:
    store.objects["ledger/.lock"] = data
    with pytest.raises(Unwritable, match="is not a lock of billproof; nothing was done"), leased(URL, None, 0):
        pass
    assert store.history == []


def test_of_many_at_most_one_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.01)
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(4):
            with leased(URL, None, 60) as still:
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                still()
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 16
