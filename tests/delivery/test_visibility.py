"""By when an upload should be seen, and what to look at if it is not: information, never a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from billproof.config.destinations import DestinationSettings
from billproof.delivery.visibility import visible_by
from tests.support import run
from tests.uploading import ACME, World, export, stand_still

NAMES = ("receipt", "organization ID", "month")


@pytest.fixture
def slow(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project whose destination shows uploads after 12 hours; it is 07:12."""
    stand_still(monkeypatch, "2025-11-05T07:12:00Z")
    path = world.root / "billproof.yaml"
    path.write_text(path.read_text("utf-8").replace("path: archive/", "path: archive/, visible_after: 12h"), "utf-8")
    return world


def test_an_upload_says_by_when_and_what_to_look_at_then(slow: World) -> None:
    found = slow.upload(slow.put(export()))
    told = found.lines[-1]
    assert found.code == 0
    assert told.startswith("archive should show these uploads by 2025-11-05 19:12 UTC. If archive does not show one then, ")
    assert all(name in told for name in NAMES)
    again = slow.upload("export.csv")
    assert not any("should show" in line for line in again.lines), "nothing was uploaded now"
    assert not any("should show" in line for line in slow.upload("export.csv", "--dry-run").lines)


@pytest.mark.parametrize(
    ("instant", "says"),
    [
        ("2025-11-05T19:11:59Z", "archive should show it by 2025-11-05 19:12 UTC. If it is not there then, "),
        ("2025-11-05T19:12:00Z", "archive should have shown it by 2025-11-05 19:12 UTC. If it is not there yet, "),
    ],
)
def test_the_ledger_says_so_for_the_current_upload(slow: World, monkeypatch: pytest.MonkeyPatch, instant: str, says: str) -> None:
    slow.send(export("100"))
    slow.send(export("120"))
    stand_still(monkeypatch, instant)
    code, out, _ = run("ledger", "show", "research", "2025-10")
    (told,) = [line.strip() for line in out.splitlines() if "show" in line]
    assert code == 0
    checks = f"check this receipt, that the integration there has the organization ID {ACME}, and that you look at October 2025"
    assert told == says + checks
    assert run("ledger", "show", "research")[1] == out, "it is its only month"


def test_status_says_so_until_then_and_after_that_what_to_look_at(slow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slow.send(export())
    for arguments in (("--month", "2025-10"), ("--from", "2025-09", "--to", "2025-10")):
        out = run("status", *arguments)[1]
        assert "accepted 2025-11-05        100.00 USD   archive should show it by 2025-11-05 19:12 UTC" in out
        assert "If archive" not in out
    document = json.loads(run("status", "--month", "2025-10", "--format", "json")[1])
    assert document["integrations"][0]["months"][0]["visible_by"] == "2025-11-05T19:12:00Z"
    stand_still(monkeypatch, "2025-11-06T00:00:00Z")
    later, out, _ = run("status", "--month", "2025-10")
    assert later == 0 == run("status", "--month", "2025-10")[0]
    assert "should show it" not in out
    (told,) = [line for line in out.splitlines() if "If archive does not show one by now" in line]
    assert all(name in told for name in NAMES)


def test_the_delivery_says_so_for_programs(slow: World) -> None:
    path = slow.root.parent / "delivery.json"
    name = slow.put(export())
    for status in ("accepted", "current"):
        assert run("upload", name, "--output", f"delivery={path}")[0] == 0
        (file,) = json.loads(path.read_text("utf-8"))["files"]
        assert (file["status"], file["visible_by"]) == (status, "2025-11-05T19:12:00Z")
        told = "archive should show these uploads by 2025-11-05 19:12 UTC" in json.loads(path.read_text("utf-8"))["summary"]
        assert told is (status == "accepted")


def test_where_nobody_says_how_long_it_takes_nothing_is_said(world: World) -> None:
    found = world.upload(world.put(export()))
    assert not any("should show" in line for line in found.lines)
    assert "show it" not in run("ledger", "show", "research", "2025-10")[1]
    assert "show it" not in run("status", "--month", "2025-10")[1]


@pytest.mark.parametrize(
    ("settings", "by"),
    [
        (DestinationSettings("http", preset="pelanor-eu"), "2025-11-05T19:12:00+00:00"),
        (DestinationSettings("http", preset="pelanor-us"), "2025-11-05T19:12:00+00:00"),
        (DestinationSettings("http", preset="pelanor-us", visible_after="24h"), "2025-11-06T07:12:00+00:00"),
        (DestinationSettings("http", preset="pelanor-us", visible_after="0h"), None),
        (DestinationSettings("http", base_url="https://api.example.com"), None),
        (None, None),
    ],
)
def test_the_presets_say_twelve_hours(settings: DestinationSettings | None, by: str | None) -> None:
    found = visible_by(settings, "2025-11-05T07:12:00Z")
    assert (found.isoformat() if found else None) == by
    assert visible_by(settings, None) is None
    assert visible_by(settings, "9999-12-31T23:59:59Z") is None


@pytest.mark.parametrize("value", ["12", "12 h", "half a day", "-1h", "1000h"])
def test_a_wait_is_hours(slow: World, value: str) -> None:
    path = Path("billproof.yaml")
    path.write_text(path.read_text("utf-8").replace("12h", f'"{value}"'), "utf-8")
    code, _, err = run("check", slow.put(export()))
    assert (code, "visible_after" in err) == (2, True), err


def test_a_refused_resend_of_what_was_there_leaves_a_month_accepted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the current bytes, and of superseded ones; a new file that was refused is due."""
    from billproof.delivery.shipment import Answer

    def state() -> tuple[str, bool]:
        (month,) = json.loads(run("status", "--month", "2025-10", "--format", "json")[1])["integrations"][0]["months"]
        return month["state"], month["due"]

    world.send(export("100"))
    world.send(export("120"))
    monkeypatch.setattr(
        "billproof.delivery.destinations.directory.DirectoryDestination.send", lambda *_: Answer("refused", "no room", code=503)
    )
    for data in (export("120"), export("100")):
        assert world.upload(world.put(data), "--resend").code in (1, 4)
        assert state() == ("accepted", False)
    assert world.statuses()[-1] == "refused"
    assert world.upload(world.put(export("130"))).code == 4
    assert state() == ("refused", True)
    assert world.upload(world.put(export("120")), "--resend").code == 4
    assert state() == ("refused", True), "the new file is still not there"


def test_a_month_that_only_another_destination_has_says_where(world: World) -> None:
    path = world.root / "billproof.yaml"
    other = "\n  other: {kind: directory, path: other}\nintegrations:"
    path.write_text(path.read_text("utf-8").replace("\nintegrations:", other), "utf-8")
    assert world.upload(world.put(export()), "--to", "other").code == 0
    code, out, _ = run("status", "--month", "2025-10")
    assert (code, "MISSING" in out) == (1, False)
    assert "research  2025-10  ONLY AT other " in out


def test_show_names_an_integration_that_does_not_exist(world: World) -> None:
    world.send(export())
    for words in (("nobody",), ("nobody", "2025-10")):
        code, _, err = run("ledger", "show", *words)
        assert (code, err.splitlines()[0]) == (2, "no integration is called nobody, and no organization has this ID")
