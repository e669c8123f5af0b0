"""What tests of uploads need: small exports, a project with a ledger and a destination, and the real command in it.

A kind of destination is a `Place`: how it is configured, and what it holds. What is tested of one kind is tested of all.
"""

from __future__ import annotations

import hashlib
import json
import os
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import pytest

from billproof.config.settings import parse_as_of
from billproof.delivery.address import Address
from fixtures.exports import DAY, HEADERS, to_bytes, unix
from tests.support import run

ACME, LABS = "org-EXAMPLEacme01", "org-EXAMPLElabs02"
MONTH = "2025-10"
LEDGER = ".billproof/ledger"
PROJECT = "proj_EXAMPLE1"
# Where the destination of every project here is.
ARCHIVE = Address("directory", "archive", None)


def export(
    total: str = "100", month: str = MONTH, organization: str = ACME, days: int | None = None,
    projects: Mapping[str, str] | None = None,
) -> bytes:  # fmt: skip
    """An export of a month: all charges on its first day, the other days without usage; by project or one total."""
    first = date.fromisoformat(f"{month}-01")
    table = [list(HEADERS["H1"])]
    for id_, amount in (projects or {PROJECT: total}).items():
        sold_to = [id_, organization, f"Name of {id_}", "Acme Research"]
        table.append([str(unix(first)), str(unix(first) + DAY), amount, "usd", "whisper", *sold_to])
    for number in range(1, days or monthrange(first.year, first.month)[1]):
        start = unix(first + timedelta(number))
        table.append([str(start), str(start + DAY), *[""] * 7])
    return to_bytes(table)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Place(Protocol):
    """A destination as its owner sees it."""

    @property
    def settings(self) -> str:
        """What `billproof.yaml` says of it, on one line."""

    def current(self, month: str = MONTH, organization: str = ACME) -> bytes | None:
        """The bytes that it shows for a month. Fails if it points to what is not there, or not whole."""

    def versions(self, month: str = MONTH, organization: str = ACME) -> list[bytes]:
        """Every version of a month that it keeps, in the order of arrival."""


class Folder(NamedTuple):
    """A destination of kind `directory`, read without any code of ours."""

    root: Path

    @property
    def settings(self) -> str:
        return f"{{kind: directory, path: {self.root.name}/}}"

    def folder(self, month: str = MONTH, organization: str = ACME) -> Path:
        return self.root / f"organization={quote(organization, safe='')}" / f"month={month}"

    def current(self, month: str = MONTH, organization: str = ACME) -> bytes | None:
        pointer = self.folder(month, organization) / "current"
        if not pointer.exists():
            return None
        text = pointer.read_bytes().decode("ascii")
        name = text.removesuffix("\n")
        assert text == f"{name}\n"
        data = (pointer.parent / name).read_bytes()
        assert name.partition("-")[2] == f"{sha256(data)}.csv", f"{name} is not whole"
        return data

    def versions(self, month: str = MONTH, organization: str = ACME) -> list[bytes]:
        found = self.folder(month, organization).glob("[0-9]*-*.csv")
        return [path.read_bytes() for path in sorted(found, key=lambda path: int(path.name.partition("-")[0]))]


# A kind by its name: makes the place for a project in that folder.
PLACES: Mapping[str, Callable[[Path], Place]] = {"directory": lambda root: Folder(root / "archive")}


@dataclass(frozen=True)
class Uploaded:
    """What the command gave: exit code, standard output and error, and the report that it wrote, if any."""

    code: int
    out: str
    err: str
    report: dict[str, Any] | None

    @property
    def lines(self) -> list[str]:
        """Standard output line by line, runs of blanks as one, without what differs from run to run."""
        return [" ".join(line.split()) for line in self.out.splitlines()]

    @property
    def reasons(self) -> set[tuple[str, str | None]]:
        """Code and rule of every reason in the report."""
        assert self.report is not None, self.err
        return {(one["code"], one["rule"]) for one in self.report["reasons"]}


@dataclass(frozen=True)
class World:
    """A project folder, which is the working folder, with a configuration, a ledger and a destination called `archive`."""

    root: Path
    place: Place

    def configure(self, integrations: str | None = None, more: str = "", ledger: str | None = LEDGER) -> None:
        """Writes `billproof.yaml`; `integrations` are lines of YAML."""
        lines = ["version: 1", *([f"ledger: {ledger}"] if ledger else []), "destinations:"]
        lines += [f"  archive: {self.place.settings}", "integrations:"]
        lines += [integrations or f"  - {{name: research, organization: {ACME}, to: archive}}", more]
        (self.root / "billproof.yaml").write_text("\n".join(lines) + "\n", "utf-8")

    def put(self, data: bytes, name: str = "export.csv") -> str:
        """A file in the project; gives its name."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name

    def upload(self, *arguments: str) -> Uploaded:
        """`billproof upload`, its report written to a file beside the project."""
        path = self.root.parent / "report.json"
        path.unlink(missing_ok=True)
        code, out, err = run("upload", *arguments, "--output", f"json={path}")
        report = json.loads(path.read_text("utf-8")) if path.is_file() else None
        return Uploaded(code, out, err, report)

    def send(self, data: bytes, *arguments: str) -> Uploaded:
        """`upload` of these bytes, which must be accepted."""
        found = self.upload(self.put(data, f"sent-{sha256(data)[:8]}.csv"), *arguments)
        assert found.code == 0, found.out + found.err
        return found

    @property
    def ledger(self) -> Path:
        return self.root / LEDGER

    def files(self, suffix: str = ".json") -> list[Path]:
        """The receipts, in order; or the attempts."""
        return sorted(path for path in self.ledger.rglob(f"*{suffix}") if path.name != "ledger.json")

    def receipts(self) -> list[dict[str, Any]]:
        """What stands in the receipts, in order."""
        return [json.loads(path.read_text("utf-8")) for path in self.files()]

    def statuses(self) -> list[str]:
        """The status of each receipt, in order."""
        return [one["status"] for one in self.receipts()]

    def everything(self) -> dict[str, bytes]:
        """Every file of the project with its bytes, to see that nothing was written; folders, too."""
        found = {}
        for folder, names, files in os.walk(self.root):
            for name in (*names, *files):
                path = Path(folder, name)
                found[path.relative_to(self.root).as_posix()] = path.read_bytes() if path.is_file() else b""
        return found


def stand_still(monkeypatch: pytest.MonkeyPatch, instant: str) -> None:
    """From now on the clock stands still."""
    monkeypatch.setattr("billproof.config.settings.clock", lambda: parse_as_of(instant))


def verified() -> tuple[int, str]:
    """`billproof ledger verify`: exit code and standard output."""
    code, out, err = run("ledger", "verify")
    assert not err, err
    return code, out
