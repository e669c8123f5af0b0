"""The pictures of `billproof spend` in the documentation: taken by `make screenshots`, and never stale."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.report.render.browser import needs_browser
from tests.report.render.test_pictures import IMAGES, LARGEST, Picture, shown, take_pictures
from tests.support import ROOT, run

PICTURES = {
    "spend.png": Picture("spend", "where"),
    "spend-dark.png": Picture("spend", "proof", scheme="dark"),
    "spend-narrow.png": Picture("spend", "where", width=320),
}
INDEX = "spend.json"


def page_of(_: str) -> str:
    return run("spend", "--format", "html")[1]


def test_a_picture_is_small_and_of_the_page_of_today(project: Path) -> None:
    digests = json.loads((IMAGES / INDEX).read_text("utf-8"))
    page = page_of("spend")
    for name, picture in PICTURES.items():
        data = (IMAGES / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) < LARGEST
        assert digests[name] == shown(picture, page), "the page has changed: make screenshots"


def test_no_picture_is_left_over_and_each_is_shown() -> None:
    assert {path.name for path in IMAGES.glob("spend*.png")} == set(PICTURES)
    documents = (ROOT / "docs" / "spend.md").read_text("utf-8") + (ROOT / "README.md").read_text("utf-8")
    assert all(f"images/{name})" in documents for name in PICTURES)


@pytest.mark.soak
@needs_browser
def test_the_pictures_can_be_taken(project: Path, tmp_path: Path) -> None:
    take_pictures(PICTURES, page_of, INDEX, tmp_path)
