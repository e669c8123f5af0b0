"""`billproof upload` to a folder that cannot be written at some step, or that holds what nobody expects: the same table as over
HTTP. What the folder shows is whole, what the receipt says is so, and the next command settles it.
"""

from __future__ import annotations

import builtins
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from billproof.delivery.destinations import directory
from billproof.delivery.destinations.directory import DirectoryDestination
from billproof.io import durable
from tests.sending import FIRST, SECOND, Project, make_project
from tests.support import run
from tests.uploading import MONTH, Folder, sha256

CONFIGURATION = """\
version: 1
ledger: .billproof/ledger
destinations: {archive: {kind: directory, path: archive/}}
integrations:
  - {name: research, organization: org-EXAMPLEacme01, to: archive}
"""
# In their order: the folder; a new version and its name; the pointer and its name.
STEPS = ["makedirs", "open", "write", "fsync", "link", "fsync", "open", "fsync", "replace", "fsync"]
POINTER_FROM = 7


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    made = make_project(root)
    made.write(CONFIGURATION)
    return made


def archive(project: Project) -> Folder:
    """The destination."""
    return Folder(project.root / "archive")


def current(project: Project) -> str | None:
    """The digest of the bytes that the folder shows."""
    data = archive(project).current()
    return None if data is None else sha256(data)


class Disk:
    """Counts what a destination does to the disk, and makes the `strike`th step fail."""

    def __init__(self, strike: int, number: int) -> None:
        self.strike = strike
        self.number = number
        self.steps: list[str] = []
        self.sending = False

    def step(self, name: str) -> None:
        """One step; raises OSError if it is the one."""
        if self.sending:
            self.steps.append(name)
            if len(self.steps) == self.strike:
                raise OSError(self.number, os.strerror(self.number))

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function as a step; what it calls in turn is none."""

        def inner(*arguments: Any, **named: Any) -> Any:
            self.step(name)
            sending, self.sending = self.sending, False
            try:
                return function(*arguments, **named)
            finally:
                self.sending = sending

        return inner

    def half(self, chunks: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
        """The same bytes; if this is the step that fails, after half of them."""

        def inner(body: Any) -> Iterator[bytes]:
            for chunk in chunks(body):
                yield chunk[: len(chunk) // 2]
                self.step("write")
                yield chunk[len(chunk) // 2 :]

        return inner

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """From now on it counts what happens while a destination sends, and not what the ledger does."""
        for name in ("makedirs", "fsync", "link", "replace"):
            patch.setattr(os, name, self.counted(name, getattr(os, name)))
        patch.setattr(durable, "open", self.counted("open", builtins.open), raising=False)
        patch.setattr(directory, "_chunks", self.half(directory._chunks))
        send = DirectoryDestination.send

        def watched(*arguments: Any) -> Any:
            self.sending = True
            try:
                return send(*arguments)
            finally:
                self.sending = False

        patch.setattr(DirectoryDestination, "send", watched)


def settles(project: Project, *before: bytes) -> None:
    """The same command again puts it there once, and a third time finds nothing new."""
    found = project.send(SECOND)
    assert (found.code, found.headline) == (0, "ALL UPLOADED 1 accepted"), found.out
    assert current(project) == sha256(SECOND)
    assert archive(project).versions() == [*before, SECOND]
    files = {path: path.read_bytes() for path in (project.root / "archive").rglob("*") if path.is_file()}
    assert len(files) == len(before) + 2, "something is left over"
    again = project.send(SECOND)
    assert (again.code, again.headline) == (0, "NOTHING SENT 1 file already uploaded; nothing new")
    assert {path: path.read_bytes() for path in files} == files
    project.verify()


def test_the_steps_are_all_there_are(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (FIRST, SECOND):
        with monkeypatch.context() as patch:
            disk = Disk(0, 0)
            disk.install(patch)
            assert project.send(data).code == 0
        assert disk.steps == STEPS


@pytest.mark.parametrize("before", [False, True], ids=["first", "replace"])
@pytest.mark.parametrize("strike", range(1, len(STEPS) + 1), ids=lambda strike: f"{strike}-{STEPS[strike - 1]}")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS], ids=["full", "forbidden", "read-only"])
def test_a_disk_that_fails_at_a_step(
    project: Project, strike: int, number: int, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        assert project.send(FIRST).code == 0
    with monkeypatch.context() as patch:
        disk = Disk(strike, number)
        disk.install(patch)
        found = project.send(SECOND)
    receipt = project.receipts()[-1]
    assert found.code == 4
    assert receipt["status"] == ("unknown" if strike >= POINTER_FROM else "refused")
    assert os.strerror(number) in receipt["answer"]["text"]
    assert receipt["answer"]["text"] in found.told[0]
    assert found.headline.startswith("NOT ALL UPLOADED 0 accepted, 1 not.")
    old = sha256(FIRST) if before else None
    assert current(project) == (sha256(SECOND) if strike == len(STEPS) else old)
    assert not list((project.root / "archive").rglob(".*")), "a draft is left over"
    project.verify()
    settles(project, *([FIRST] if before else []))


def test_a_file_in_the_place_of_a_folder(project: Project) -> None:
    (project.root / "archive").write_text("not a folder", "utf-8")
    found = project.send(SECOND)
    assert (found.code, project.receipts()[-1]["status"]) == (4, "refused")
    assert f"archive/organization=org-EXAMPLEacme01/month={MONTH} cannot be written: " in found.told[0]
    (project.root / "archive").unlink()
    settles(project)


def test_a_pointer_that_names_what_is_not_there(project: Project) -> None:
    assert project.send(FIRST).code == 0
    (version,) = archive(project).folder().glob("*.csv")
    kept = version.rename(project.root / "kept")
    found = project.send(SECOND)
    assert (found.code, project.receipts()[-1]["status"]) == (4, "refused")
    assert f"current names {version.name}, which does not exist" in found.told[0]
    assert not list(archive(project).folder().glob("*.csv"))
    kept.rename(version)
    settles(project, FIRST)


def test_a_version_of_another_ledger(project: Project) -> None:
    """Two machines with a ledger each and one folder: the second does not write over what it knows nothing of."""
    assert project.send(FIRST).code == 0
    theirs = project.ledger.rename(project.root / "theirs")
    assert run("ledger", "init")[0] == 0
    found = project.send(SECOND)
    assert (found.code, project.receipts()[-1]["status"]) == (4, "refused")
    assert "which is not in this ledger and would be replaced. Restore the ledger that lists it" in found.told[0]
    assert archive(project).current() == FIRST == archive(project).versions()[-1]
    shutil.rmtree(project.ledger)
    theirs.rename(project.ledger)
    settles(project, FIRST)
