"""Names on the command line to files: nothing is skipped in silence, and nothing is checked twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from billproof.reading.inputs import Input, find_inputs
from tests.support import check, fixture


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of several kinds, and the working folder."""
    for name in ("b.csv", "a.CSV", "notes.txt", ".hidden.csv", "deep/er/c.Csv", ".git/d.csv", "deep/e.csv.bak"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths(*names: str) -> list[str]:
    found = find_inputs(names)
    assert all(one.error is None for one in found)
    return [one.path for one in found]


def test_a_folder_gives_its_csv_files_sorted_without_hidden_ones(folder: Path) -> None:
    assert paths(".") == ["./a.CSV", "./b.csv", "./deep/er/c.Csv"]


def test_a_pattern_is_expanded(folder: Path) -> None:
    assert paths("*.csv") == ["b.csv"]
    assert paths("**/*.Csv") == ["deep/er/c.Csv"]
    assert paths("d*p") == ["deep/er/c.Csv"]


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.blob.example.com/exports/cost.csv?sv=2025&sig=hunter2",
        "https://ann:hunter2@example.com/cost.csv",
        "S3://bucket/cost.csv?X-Amz-Signature=hunter2",
        "sftp://ann:hunter2@example.com/",
        "https://example.com/cost.csv#token=hunter2",
    ],
)
def test_an_address_of_another_kind_is_refused_and_its_secrets_are_not_shown(url: str, folder: Path) -> None:
    [one] = find_inputs([url])
    assert one.error == "billproof reads no such address, only s3://, gs:// and az:// of a bucket"
    assert url.startswith(one.path.partition("://")[0])
    found = check(url)
    assert found.code == 3
    assert "hunter2" not in f"{found.out}{found.err}{found.report}"


def test_a_name_that_looks_like_a_pattern_is_a_name(folder: Path) -> None:
    Path("data[1].csv").write_text("x\n")
    assert paths("data[1].csv") == ["data[1].csv"]


def test_a_pattern_that_fits_nothing_is_reported(folder: Path) -> None:
    assert find_inputs(["x*.csv"]) == [Input("x*.csv", "no file matches this pattern")]


def test_a_folder_without_csv_is_reported(folder: Path) -> None:
    Path("empty").mkdir()
    assert find_inputs(["empty"]) == [Input("empty", "no CSV file is in this folder or its subfolders", "empty")]


def test_a_file_named_twice_is_checked_once(folder: Path) -> None:
    Path("link.csv").symlink_to("b.csv")
    assert paths("b.csv", "./b.csv", "link.csv", str(folder / "b.csv"), "-", "-") == ["b.csv", "-"]


def test_the_order_is_that_of_the_names(folder: Path) -> None:
    assert paths("deep", "b.csv", "a.CSV") == ["deep/er/c.Csv", "b.csv", "a.CSV"]


def test_a_folder_that_cannot_be_read_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refuse(path: str) -> object:
        if os.path.basename(path) == "er":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_inputs(["."])
    assert found[0] == Input("./deep/er", "cannot be read: Permission denied", ".")
    assert [one.path for one in found[1:]] == ["./a.CSV", "./b.csv"]


def test_a_linked_folder_is_not_skipped_in_silence(tmp_path: Path) -> None:
    """A folder that is a link holds exports as any other; a run that did not look must not pass."""
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir()
    here.mkdir()
    (elsewhere / "bad.csv").write_bytes(b"start_time\n1\n")
    (here / "good.csv").write_bytes(fixture("good-h1").read_bytes())
    (here / "linked").symlink_to(elsewhere)
    assert check(here).code != 0


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(fixture("good-h1").read_bytes())
    (tmp_path / "again").symlink_to(tmp_path)
    found = check(tmp_path)
    assert found.report is not None
    assert found.report["files"]


def test_a_link_to_nothing_in_a_folder_is_unproved(tmp_path: Path) -> None:
    (tmp_path / "gone.csv").symlink_to("nowhere.csv")
    assert check(tmp_path).code == 3


def test_a_link_that_led_to_a_folder_is_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(next(fixture("good-h1").parent.glob("*.csv")).read_bytes())
    (tmp_path / "september").symlink_to(tmp_path / "not-mounted")
    (tmp_path / ".hidden").symlink_to(tmp_path / "not-mounted")
    found = check(tmp_path, "--month", "2025-10")
    assert found.code == 3
    assert found.report is not None
    assert [Path(file["path"]).name for file in found.report["files"] if "error" in file] == ["september"]
