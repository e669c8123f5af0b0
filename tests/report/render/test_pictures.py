"""The pictures of the documentation: made by this test from the page of today (`make screenshots`), and never stale.

Fonts differ from machine to machine, so pixels are not compared. `docs/images/pictures.json` keeps a digest of what each
picture shows, without version numbers; a page that looks different wants new pictures.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.report.render.browser import Scheme, needs_browser, opened
from tests.report.render.pages import fixed, page_of
from tests.support import FIXTURES, ROOT, fixture

IMAGES = ROOT / "docs" / "images"
SHOWN = IMAGES / "pictures.json"
LARGEST = 150_000
COLOURS = 128
MARGIN = 24


class Picture(NamedTuple):
    """A picture: of which run, how, and down to which part of the page."""

    file: str
    until: str
    width: int = 840
    scheme: Scheme = "light"
    paper: bool = False


PICTURES = {
    "html-fail.png": Picture("october", "all-rules"),
    "html-pass-dark.png": Picture("good", "all-rules", scheme="dark"),
    "html-folder.png": Picture("exports", "file"),
    "html-narrow.png": Picture("october", "findings", width=320),
    "html-paper.png": Picture("october", "all-rules", width=688, paper=True),
}


@pytest.fixture(autouse=True)
def _exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the pictures show, in the working folder: two files, and a folder of two organizations."""
    fixed(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for case, name in (("default-31-days", "october"), ("good-h4", "good"), ("several-months-of-folder", "exports/research")):
        shutil.copytree(FIXTURES / case, name)
    for path in sorted(Path("exports/research").glob("*.csv"))[:2]:
        put(Path("exports/europe") / path.name, path)
    put(Path("exports/europe/cost_2025-10-04_2025-11-03.csv"), fixture("default-31-days"))


def put(path: Path, source: Path) -> None:
    """An export of the first organization as one of the second."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(source.read_bytes().replace(b"org-EXAMPLEacme01", b"org-EXAMPLEacme02"))


def shown(picture: Picture, html: str) -> str:
    """The digest of the style and of the part of the page that a picture shows."""
    part = html[: html.index(f'class="{picture.until}"')]
    part = re.sub(r"(billproof|openai-cost) [0-9.]+[0-9]", r"\1 N", part)
    return hashlib.sha256(part.encode("utf-8")).hexdigest()


def take_pictures(pictures: Mapping[str, Picture], page_of: Callable[[str], str], index: str, folder: Path) -> None:
    """Takes pictures, and writes what they show into `index`: with BILLPROOF_SCREENSHOTS into the documentation, else into a
    folder.
    """
    from PIL import Image, ImageOps

    target = IMAGES if os.environ.get("BILLPROOF_SCREENSHOTS") else folder
    digests = {}
    with opened(folder) as window:
        for name, picture in pictures.items():
            html = page_of(picture.file)
            digests[name] = shown(picture, html)
            with window.showing(html, width=picture.width, scheme=picture.scheme, paper=picture.paper) as page:
                end = page.evaluate(f"document.querySelector('.{picture.until}').getBoundingClientRect().top + scrollY")
                clip = {"x": 0, "y": 0, "width": picture.width, "height": int(end) + 8}
                data = page.screenshot(full_page=True, clip=clip)
            image = Image.open(io.BytesIO(data)).convert("RGB")
            assert image.size == (picture.width, clip["height"])
            if picture.paper:
                image = ImageOps.expand(image, MARGIN, "white")
            image.quantize(COLOURS, dither=Image.Dither.NONE).save(target / name, optimize=True)
            assert (target / name).stat().st_size < LARGEST
    (target / index).write_text(json.dumps(digests, indent=2) + "\n", "utf-8")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_and_of_the_page_of_today(name: str) -> None:
    data = (IMAGES / name).read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) < LARGEST
    page = page_of(PICTURES[name].file)
    assert json.loads(SHOWN.read_text("utf-8"))[name] == shown(PICTURES[name], page), "the page has changed: make screenshots"


def test_no_picture_is_left_over() -> None:
    assert {path.name for path in IMAGES.glob("html-*.png")} == set(PICTURES)
    assert set(json.loads(SHOWN.read_text("utf-8"))) == set(PICTURES)
    told = (ROOT / "docs" / "html.md").read_text("utf-8")
    assert all(f"(images/{name})" in told for name in PICTURES)


@pytest.mark.soak
@needs_browser
def test_the_pictures_can_be_taken(tmp_path: Path) -> None:
    take_pictures(PICTURES, page_of, SHOWN.name, tmp_path)
