"""What the built page is made of: one file, small enough, with no address in it, and the same whenever it is built."""

from __future__ import annotations

import base64
import gzip
import re
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT
from tools import page


def parts(text: str) -> dict[str, bytes]:
    """What is packed into it, by name."""
    found = re.findall(r'<script type="text/plain" id="page-(\w+)">([^<]*)</script>', text)
    return {name: gzip.decompress(base64.b64decode(data)) for name, data in found}


def test_it_is_one_small_file_without_an_address(built_page: Path) -> None:
    text = built_page.read_text("utf-8")
    assert built_page.stat().st_size < 10_000_000
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|src=|<link|<base|serviceWorker", re.sub(r">[^<]{1000,}<", "><", text))
    assert not re.search(rb"https?://", parts(text)["worker"])


def test_the_wheel_of_the_release_is_in_it(built_page: Path, wheel: Path) -> None:
    packed = parts(built_page.read_text("utf-8"))
    assert packed["wheel"] == wheel.read_bytes()
    assert set(packed) == {"worker", "wasm", "stdlib", "wheel", "checker", "notices"}


def test_built_again_it_has_the_same_bytes(built_page: Path, wheel: Path, tmp_path: Path) -> None:
    assert page.write(tmp_path, wheel).read_bytes() == built_page.read_bytes()


def test_another_package_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"pyodide-{page.PYODIDE}.tgz").write_bytes(b"something else")
    with pytest.raises(page.NoPyodide, match="another digest"):
        page.pyodide(tmp_path)


def test_without_npm_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(page.NoPyodide, match="npm"):
        page.pyodide(tmp_path)


def test_the_built_page_is_not_committed() -> None:
    done = subprocess.run(
        ["git", "ls-files", "*.wasm", "dist", "build", "*billproof.html"], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout == b""


def test_the_sources_are_short() -> None:
    """Readable in ten minutes."""
    lines = [line for path in page.WEB.glob("*.*") for line in path.read_text("utf-8").splitlines()]
    assert len(lines) < 600


def test_it_keeps_nothing() -> None:
    text = "".join(path.read_text("utf-8") for path in page.WEB.glob("*.*"))
    assert not re.search(r"localStorage|sessionStorage|indexedDB|cookie\b|caches|serviceWorker|window\.open|location", text)
