"""Bytes are read once, hashed as they are handed on, and whatever cannot be read to its end does not pass."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from billproof.model.errors import Unreadable
from billproof.reading import source
from billproof.reading.source import Source, open_source, private_copy
from tests.support import check, fixture, process

GOOD = fixture("good-h1")


def blocks(data: bytes, size_on_disk: int | None = None) -> list[bytes]:
    return list(Source(io.BytesIO(data), "memory", size_on_disk).blocks())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"a\nb\n", b"a\nb", b"a\r\nb\r\nc", b"a\rb\rc\r", b"\r\n\r\n", b"abc" * 50,
        b"a\n" + b"b" * 90 + b"\nc\r\r\n",
    ],
)  # fmt: skip
def test_blocks_join_to_the_file_and_end_at_line_ends(data: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", size)
    found = blocks(data)
    assert b"".join(found) == data
    assert all(one.endswith((b"\n", b"\r")) for one in found[:-1])
    assert not any(before.endswith(b"\r") and after.startswith(b"\n") for before, after in pairwise(found))


def test_the_digest_is_of_what_was_handed_out() -> None:
    with open_source(str(GOOD)) as opened:
        data = b"".join(opened.blocks())
    assert opened.complete
    assert opened.size == len(data) == GOOD.stat().st_size
    assert opened.sha256 == hashlib.sha256(GOOD.read_bytes()).hexdigest()


def test_a_source_that_is_not_read_to_its_end_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", 64)
    with open_source(str(GOOD)) as opened:
        next(opened.blocks())
    assert not opened.complete


@pytest.mark.parametrize("size", [3, 5])
def test_a_file_that_grew_or_shrank_is_unreadable(size: int) -> None:
    with pytest.raises(Unreadable, match="changed while it was read"):
        blocks(b"a\nb\n", size)


def test_a_line_that_is_too_long_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(source, "BLOCK_BYTES", 64)
    assert blocks(b"x" * 999 + b"\n")
    with pytest.raises(Unreadable, match="a line is longer than"):
        blocks(b"a\n" + b"x" * 1100)


class Failing(io.BytesIO):
    """A disk that fails after the first block."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"memory: cannot be read: Input/output error"):
        list(Source(Failing(b"a\n" * 100_000), "memory", None).blocks())


def test_a_line_over_32_mib_is_unproved(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        file.write(GOOD.read_bytes())
        file.truncate(70 * 2**20)  # the rest are NUL bytes without a line end
    found = check(path)
    assert found.code == 3
    assert "a line is longer than 32 MiB" in found.file["error"]
    assert not found.file["complete"]


# --- what is not a file ---


def missing(folder: Path) -> Path:
    return folder / "nowhere.csv"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


def device(folder: Path) -> Path:
    return Path("/dev/zero")


def dangling(folder: Path) -> Path:
    (folder / "link.csv").symlink_to("nowhere.csv")
    return folder / "link.csv"


def circle(folder: Path) -> Path:
    (folder / "circle.csv").symlink_to("circle.csv")
    return folder / "circle.csv"


def listening(folder: Path) -> Path:
    path = folder / "socket.csv"
    with socket.socket(socket.AF_UNIX) as one, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        one.bind(path.name)
    return path


def too_long_a_name(folder: Path) -> Path:
    return folder / ("x" * 300 + ".csv")


NO_FILES = [missing, pipe, device, dangling, circle, listening, too_long_a_name]


@pytest.mark.parametrize("make", NO_FILES, ids=lambda make: make.__name__)
def test_what_is_not_a_file_is_unproved_and_reported(make: Callable[[Path], Path], tmp_path: Path) -> None:
    found = check(make(tmp_path), GOOD)
    assert found.code == 3
    assert found.report is not None
    assert [one["verdict"] for one in found.report["files"]] == ["unproved", "pass"]
    assert found.file["error"]
    assert found.file["sha256"] is None
    assert "Traceback" not in found.err


def test_an_unreadable_file_is_unproved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root may read anything, so the refusal is made."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "data.csv"
    path.write_bytes(GOOD.read_bytes())
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(Unreadable, match="Permission denied") as raised, open_source(str(path)):
        pass
    assert raised.value.exit_code == 3


def test_a_name_with_nul_is_not_a_file() -> None:
    with pytest.raises(Unreadable, match="cannot be read"), open_source("a\0b.csv"):
        pass


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="is a folder, not a file"), open_source(str(tmp_path)):
        pass


def test_standard_input_has_the_same_verdict_and_digest() -> None:
    done = process("check", "-", "--as-of", "2025-12-01", "--format", "json", stdin=GOOD.read_bytes())
    assert done.returncode == 0
    assert hashlib.sha256(GOOD.read_bytes()).hexdigest().encode() in done.stdout


def test_standard_input_that_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gives what it has; a short read is not the end."""
    reading, writing = os.pipe()
    data = GOOD.read_bytes()

    def trickle() -> None:
        with os.fdopen(writing, "wb", buffering=0) as file:
            for start in range(0, len(data), 97):
                file.write(data[start : start + 97])

    sender = threading.Thread(target=trickle)
    sender.start()
    with os.fdopen(reading, "rb", buffering=0) as stream:
        opened = Source(stream, "-", None)
        assert b"".join(opened.blocks()) == data
    sender.join()
    assert opened.complete
    assert opened.name == "standard input"


def test_a_large_copy_goes_to_disk_and_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.reading.source.COPY_IN_MEMORY_BYTES", 100_000)
    data = b"line\n" * 200_000
    (tmp_path / "large.csv").write_bytes(data)
    with private_copy(str(tmp_path / "large.csv")) as copy:
        (tmp_path / "large.csv").write_bytes(b"other\n")
        assert not isinstance(copy.stream, io.BytesIO)
        assert b"".join(copy.source().blocks()) == data
        assert (copy.size, copy.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert copy.stream.closed
