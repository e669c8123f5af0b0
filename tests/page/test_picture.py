"""The picture in docs/page.md: of the page of today (`make screenshots`), after a check of the 31-day range."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import pytest

from tests.page.browsers import chromium, until
from tests.page.test_browsers import LATE, READY, SHOWN
from tests.report.render.browser import needs_browser
from tests.report.render.test_pictures import COLOURS, IMAGES, LARGEST
from tools.page import REPORT_STYLE, WEB

NAME = "page.png"
INDEX = "page.json"
SOURCES = (WEB / "index.html", WEB / "style.css", REPORT_STYLE)


def digest() -> str:
    """What the page looks like."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()


def test_the_picture_is_small_and_of_the_page_of_today() -> None:
    assert (IMAGES / NAME).stat().st_size < LARGEST
    assert json.loads((IMAGES / INDEX).read_text("utf-8")) == {NAME: digest()}, "the page has changed: make screenshots"


@pytest.mark.soak
@needs_browser
def test_the_picture_can_be_taken(built_page: Path, tmp_path: Path) -> None:
    from PIL import Image

    target = IMAGES if os.environ.get("BILLPROOF_SCREENSHOTS") else tmp_path
    with chromium(tmp_path) as tab:
        tab.open(built_page.as_uri())
        until(tab, READY)
        tab.choose("#page-files", LATE)
        until(tab, SHOWN)
        end = tab.run("document.querySelector('#page-report .findings').getBoundingClientRect().top + scrollY")
        data = tab.page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": 1000, "height": int(end) - 8})
    Image.open(io.BytesIO(data)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target / NAME, optimize=True)
    assert (target / NAME).stat().st_size < LARGEST
    (target / INDEX).write_text(json.dumps({NAME: digest()}, indent=2) + "\n", "utf-8")
