"""The lock in a bucket: one holder at a time, taken over when its holder is gone, and lost before another can have it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator

import pytest

from billproof.io.locking import Busy
from billproof.model.errors import Unwritable
from tests.objects import BUCKET, Store, running_store

pytest.importorskip("obstore")

from billproof.io import bucket, lease
from billproof.io.lease import Lost, _Lease, leased

URL = f"{BUCKET}/ledger/.lock"
TERM = 0.4


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(lease, "TERM_SECONDS", TERM)
    monkeypatch.setattr(bucket, "_RETRY", {"max_retries": 0})
    monkeypatch.setattr(random, "uniform", lambda *_: 0.02)
    with running_store() as found:
        yield found


def says(store: Store) -> str:
    return str(json.loads(store.objects["ledger/.lock"])["state"])


def test_it_is_held_renewed_and_given_back(store: Store) -> None:
    with leased(URL, None, 0) as still:
        for _ in range(4):
            time.sleep(TERM / 2)
            still()
            assert says(store) == "held"
    assert says(store) == "free"
    written = [data for _, data in store.history]
    assert len(written) > 5
    assert len(set(written)) == len(written), "an e-tag may be a digest, so no content may come twice"


def test_who_waits_is_told_once_and_gets_it_when_it_is_free() -> None:
    told: list[float] = []
    got: list[float] = []

    def wait() -> None:
        with leased(URL, lambda: told.append(time.monotonic()), 30) as still:
            still()
            got.append(time.monotonic())

    thread = threading.Thread(target=wait)
    with leased(URL, None, 0):
        thread.start()
        time.sleep(2 * TERM)
        assert not got, "a holder that renews keeps it for longer than a term"
        freed = time.monotonic()
    thread.join()
    assert len(told) == 1
    assert told[0] < freed < got[0]


def test_who_waits_too_long_is_told_who_has_it() -> None:
    text = r"^another upload is using this ledger: .+:[0-9]+ since 20.+Z$"
    with leased(URL, None, 0), pytest.raises(Busy, match=text), leased(URL, None, 0):
        pass


def test_a_lease_that_was_left_is_taken_over_after_its_term_and_its_holder_knows(store: Store) -> None:
    left = _Lease(URL, TERM)
    left.take(None, 0)
    left.still()
    begun = time.monotonic()
    with leased(URL, None, 30) as still:
        assert time.monotonic() - begun >= TERM
        still()
        with pytest.raises(Lost):
            left.still()
        left.give_back()
        assert not left._put("held", left._version)
        still()
        tokens = [json.loads(data)["token"] for _, data in store.history]
        assert sorted(set(tokens), key=tokens.index) == [left._token, tokens[-1]]
        assert tokens.count(left._token) == 1, "who has lost it writes nothing into it"
    assert says(store) == "free"


def test_a_holder_that_cannot_renew_has_lost_it_before_another_gets_it(store: Store) -> None:
    with leased(URL, None, 0) as still:
        store.mishap = lambda method, key: "503 SlowDown" if method == "PUT" else ""
        time.sleep(TERM * 2 / 3 + 0.02)
        with pytest.raises(Lost):
            still()
        store.mishap = lambda *_: ""


def test_a_holder_whose_lease_was_taken_over_has_lost_it_for_good(store: Store) -> None:
    with leased(URL, None, 0) as still:
        store.put("ledger/.lock", json.dumps(
            {"state": "held", "token": "another", "seconds": 60.0, "holder": "other:1", "at": "2025-11-10T00:00:00Z"}
        ).encode(), None, None)  # fmt: skip
        time.sleep(TERM / 2)
        with pytest.raises(Lost):
            still()
    assert b"another" in store.objects["ledger/.lock"]


@pytest.mark.parametrize("mishap", ["lost", "409 ConditionalRequestConflict", "503 SlowDown"])
def test_a_lease_outlives_answers_that_are_lost_or_refused_in_a_race(store: Store, mishap: str) -> None:
    puts = 0

    def every_second(method: str, key: str) -> str:
        nonlocal puts
        puts += method == "PUT"
        return mishap if method == "PUT" and puts % 2 else ""

    store.mishap = every_second
    with leased(URL, None, 5) as still:
        time.sleep(TERM)
        still()
    assert says(store) == "free"


def test_an_answer_that_never_came_does_not_cost_the_lease(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that was written although it failed: the next one finds the object changed, by itself."""
    monkeypatch.setattr(bucket, "PATIENCE_SECONDS", 0.0)
    mine = _Lease(URL, 60.0)
    mine.take(None, 0)
    store.mishap = lambda method, key: "lost" if method == "PUT" else ""
    with pytest.raises(Unwritable):
        mine._put("held", mine._version)
    store.mishap = lambda *_: ""
    assert mine._put("held", mine._version)
    mine.give_back()
    assert says(store) == "free"


def test_the_lock_of_a_folder_is_free_in_a_bucket(store: Store) -> None:
    store.objects["ledger/.lock"] = b""
    with leased(URL, None, 0) as still:
        still()


@pytest.mark.parametrize("data", [b"?", b"{}", b"[]", b'{"state": "held"}', b'{"state": "held", "token": 1}', b"\xff"])
def test_what_is_not_a_lock_is_left_alone(store: Store, data: bytes) -> None:
    store.objects["ledger/.lock"] = data
    with pytest.raises(Unwritable, match="is not a lock of billproof; nothing was done"), leased(URL, None, 0):
        pass
    assert store.history == []


def test_of_many_at_most_one_holds_it() -> None:
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
