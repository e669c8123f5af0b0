"""Objects in a bucket, over HTTP to a store of the tests: what is read and written, and what is told of a failure."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from billproof.model.errors import Missing, Unreadable
from billproof.model.urls import address_error
from tests.objects import BUCKET, Store, running_store
from tests.support import ROOT

pytest.importorskip("obstore")

from billproof.io import bucket


@pytest.fixture
def store() -> Iterator[Store]:
    with running_store() as found:
        yield found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(bucket, "_RETRY", {"max_retries": 0})


@pytest.mark.parametrize("key", ["a/b%2Fc d+e.json", "ü/é 組.csv", "%2E%2E/x", "a#b", "a*b"])
def test_a_key_is_taken_as_it_is_written(store: Store, key: str) -> None:
    bucket.put_new(f"{BUCKET}/{key}", b"1")
    assert store.objects == {key: b"1"}
    assert bucket.read(f"{BUCKET}/{key}", 1)[0] == b"1"
    assert list(bucket.listed(BUCKET)) == [f"{BUCKET}/{key}"]


def test_a_listing_has_every_page_and_only_what_is_below(store: Store) -> None:
    store.page = 3
    store.objects = dict.fromkeys(["l/9", *(f"l/x/{n}" for n in range(8)), "l", "lx/1", "m"], b"")
    expected = [f"{BUCKET}/l/{name}" for name in ("9", *(f"x/{n}" for n in range(8)))]
    assert list(bucket.listed(f"{BUCKET}/l")) == expected
    assert list(bucket.listed(f"{BUCKET}/l/")) == expected


def test_a_new_object_is_never_written_over_another(store: Store) -> None:
    store.objects["a"] = b"theirs"
    with pytest.raises(FileExistsError):
        bucket.put_new(f"{BUCKET}/a", b"mine")
    assert store.objects["a"] == b"theirs"
    bucket.put_new(f"{BUCKET}/a", b"theirs")
    assert len(store.history) == 0


def test_an_object_is_replaced_only_in_the_version_that_was_seen(store: Store) -> None:
    url = f"{BUCKET}/a"
    first = bucket.swap(url, b"1", None)
    assert first is not None
    assert bucket.swap(url, b"2", None) is None
    second = bucket.swap(url, b"2", first)
    assert second not in (None, first)
    assert bucket.swap(url, b"3", first) is None
    assert store.objects["a"] == b"2"
    assert bucket.swap(url, b"3", second)


MISHAPS = ("lost", "409 ConditionalRequestConflict", "503 SlowDown", "500 InternalError")


@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.parametrize("times", [1, 3])
def test_a_write_succeeds_although_answers_are_lost_or_refused_in_a_race(
    store: Store, monkeypatch: pytest.MonkeyPatch, mishap: str, times: int
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    monkeypatch.setattr(bucket, "_RETRY", {"max_retries": 0})
    puts = 0

    def happens(method: str, key: str) -> str:
        nonlocal puts
        puts += method == "PUT"
        return mishap if method == "PUT" and puts <= times else ""

    store.mishap = happens
    bucket.put_new(f"{BUCKET}/a", b"1")
    assert store.history == [("a", b"1")]
    puts = 0
    _, version = bucket.read(f"{BUCKET}/a", 1)
    assert bucket.swap(f"{BUCKET}/a", b"2", version)
    assert store.history == [("a", b"1"), ("a", b"2")]


def test_one_stream_is_one_version(store: Store) -> None:
    store.objects["a"] = b"old" * 1_000_000
    stream = bucket.ObjectStream(f"{BUCKET}/a", 1000)
    first = stream.read(1000)
    store.objects["a"] = b"new"
    rest = b"".join(iter(lambda: stream.read(1000), b""))
    assert first + rest == b"old" * 1_000_000
    assert stream.size == 3_000_000
    assert store.requests == [("GET", "a")]


REASONS = {
    "403 AccessDenied": "access was denied",
    "401 Unauthorized": "access was denied",
    "400 ExpiredToken": "the credentials have expired",
    "400 AuthorizationHeaderMalformed": "the bucket is in another region; set AWS_REGION",
    "400 Nonsense": "the store answered with an error",
    "503 SlowDown": "the store answered with an error",
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mishap", REASONS)
def test_of_a_failure_only_a_reason_of_our_own_is_told(store: Store, mishap: str) -> None:
    store.objects["a"] = b"1"
    store.mishap = lambda *_: mishap
    url = f"{BUCKET}/a"
    tries: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: bucket.read(url, 1), Unreadable, f"{url}: cannot be read: {REASONS[mishap]}"),
        (lambda: bucket.ObjectStream(url, 1), Unreadable, f"{url}: cannot be read: {REASONS[mishap]}"),
        (lambda: bucket.listed(url), Unreadable, f"{url}: cannot be listed: {REASONS[mishap]}"),
        (lambda: bucket.put_new(url, b"2"), OSError, REASONS[mishap]),
        (lambda: bucket.swap(url, b"2", {"e_tag": "1"}), OSError, REASONS[mishap]),
    ]
    for attempt, kind, text in tries:
        with pytest.raises(kind) as error:
            attempt()
        assert str(error.value) == text


@pytest.mark.usefixtures("store")
def test_what_is_not_there_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Missing, match=r"^s3://bucket/a: does not exist$"):
        bucket.read(f"{BUCKET}/a", 1)
    with pytest.raises(Unreadable, match=r"^s3://other/a: cannot be read: the bucket does not exist$") as error:
        bucket.read("s3://other/a", 1)
    assert not isinstance(error.value, Missing)
    bucket._store.cache_clear()
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(Unreadable, match=r"only with AWS_ALLOW_HTTP=true$"):
        bucket.read(f"{BUCKET}/a", 1)


@pytest.mark.usefixtures("impatient", "store")
def test_a_store_that_cannot_be_reached_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Unreadable, match=r"^s3://bucket/a: cannot be read: the store cannot be reached$"):
        bucket.read(f"{BUCKET}/a", 1)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("endpoint", ["foo", "https://", "https://key:secret@host", "http://a b"])
def test_an_endpoint_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(Unreadable) as error:
        bucket.read(f"{BUCKET}/a", 1)
    reason = "AWS_ENDPOINT_URL is not an address; write it as https://s3.example.com"
    assert error.value.message == f"{BUCKET}/a: cannot be read: {reason}"


def test_an_object_of_our_own_has_a_limit(store: Store) -> None:
    store.objects["a"] = b"12"
    with pytest.raises(Unreadable, match="is larger than"):
        bucket.read(f"{BUCKET}/a", 1)


@pytest.mark.parametrize("url", ["s3://b", "gs://b.c/a", "az://c/a b/ü.csv", "s3://b/a/"])
def test_addresses(url: str) -> None:
    assert address_error(url) is None


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3:///a", "s3://b//a", "s3://b/../a", "s3://b/./a", "s3://b/a\nb", "S3://b", "https://b", "s3://b/a?X-Amz-Signature=1",
     "s3://KEY:SECRET@b/a", "az://c/a?sig=SECRET"],
)  # fmt: skip
def test_what_is_not_an_address_is_refused_in_words_that_show_no_secret(url: str) -> None:
    text = address_error(url)
    assert text is not None
    assert "SECRET" not in text
    with pytest.raises(Unreadable):
        bucket.read(url, 1)


def test_without_obstore_it_is_said_what_to_install() -> None:
    code = (
        "import sys; sys.modules['obstore'] = None\n"
        "from billproof.model.errors import Unreadable\n"
        "try:\n    import billproof.io.bucket\nexcept Unreadable as error:\n    print(error.message, error.help, sep='\\n')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.splitlines() == [
        "what is in a bucket is read by obstore, which is not installed",
        "In your copy of billproof's repository: pip install '.[cloud]'",
    ]
