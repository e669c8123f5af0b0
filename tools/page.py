"""Builds `dist/billproof.html` (`make page`): the wheel, Python in WebAssembly and `web/` in one file that needs no network.

Python is Pyodide, from the npm registry that npm knows, at one version and with its digest.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
PYODIDE = "314.0.7"
SHA512 = "0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A=="
REPORT_STYLE = ROOT / "validator/billproof/report/render/html/style.css"
EPOCH = (1980, 1, 1, 0, 0, 0)
SCRIPTS = (("loadPyodide", "pyodide.mjs", r"export\{(\w+) as loadPyodide[^}]*\};?"),
           ("createPyodideModule", "pyodide.asm.mjs", r"export default (\w+);?"))  # fmt: skip


class NoPyodide(Exception):
    """Pyodide cannot be had on this machine; the text says why."""


def pyodide(folder: Path) -> dict[str, bytes]:
    """The files of Pyodide's package, fetched into `folder` unless they are there. Raises NoPyodide."""
    archive = folder / f"pyodide-{PYODIDE}.tgz"
    if not archive.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"pyodide@{PYODIDE}"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", "") or str(error)
            raise NoPyodide(f"npm cannot fetch pyodide {PYODIDE}: {reason.strip().splitlines()[-1]}") from None
    data = archive.read_bytes()
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != SHA512:
        raise NoPyodide(f"{archive} has another digest than that of pyodide {PYODIDE}: delete it")
    with tarfile.open(fileobj=io.BytesIO(data)) as package:
        members = [member for member in package if member.isfile()]
        return {member.name.removeprefix("package/"): package.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def worker(package: dict[str, bytes]) -> str:
    """The worker's script. A worker from a blob cannot import, so Pyodide's modules are functions in it."""
    parts = ["self.importScripts = undefined;\n"]
    for name, file, export in SCRIPTS:
        text, count = re.subn(export, r"return \1;", package[file].decode("utf-8"))
        if count != 1:
            raise ValueError(f"{file} of pyodide has another form than that of {PYODIDE}")
        # No part of it is anywhere else than here.
        text = re.sub(r"https://[\w./-]*", "", text.replace("import.meta.url", "location.href"))
        parts.append(f"const {name} = (() => {{\n{re.sub('//# sourceMappingURL.*', '', text)}\n}})();\n")
    lock = json.loads(package["pyodide-lock.json"])
    parts.append(f"const LOCK = {json.dumps({**lock, 'packages': {}})};\n")
    return "".join(parts) + (WEB / "worker.js").read_text("utf-8")


def stored(archive: bytes) -> bytes:
    """A zip file with the same files, not compressed: all together they become smaller, and load faster."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            copy.writestr(zipfile.ZipInfo(name, EPOCH), source.read(name))
    return target.getvalue()


def notices() -> str:
    """The licenses of what is in the page."""
    files = [ROOT / "LICENSE", *sorted((WEB / "licenses").iterdir())]
    return "\n\n".join(f"{path.stem}\n\n{path.read_text('utf-8')}" for path in files)


def digest(text: str) -> str:
    """A script or style sheet as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"


def page(wheel: Path, package: dict[str, bytes]) -> str:
    """The page, whole."""
    script, report_style, page_style = (path.read_text("utf-8") for path in (WEB / "page.js", REPORT_STYLE, WEB / "style.css"))
    parts = {
        "worker": worker(package).encode("utf-8"), "wasm": package["pyodide.asm.wasm"],
        "stdlib": stored(package["python_stdlib.zip"]), "wheel": wheel.read_bytes(),
        "checker": (WEB / "checker.py").read_bytes(), "notices": notices().encode("utf-8"),
    }  # fmt: skip
    blocks = (
        f'<script type="text/plain" id="page-{name}">{base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()}</script>\n'
        for name, data in parts.items()
    )
    policy = (
        f"default-src 'none'; script-src {digest(script)} 'wasm-unsafe-eval'; worker-src blob:; "
        f"style-src {digest(report_style)} {digest(page_style)}; base-uri 'none'; form-action 'none'"
    )
    values = {
        "policy": policy, "report_style": report_style, "page_style": page_style, "version": wheel.name.split("-")[1],
        "pyodide": PYODIDE, "parts": "".join(blocks), "script": script,
    }  # fmt: skip
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], (WEB / "index.html").read_text("utf-8"))


def write(folder: Path, wheel: Path) -> Path:
    """Builds the page of a wheel into a folder. Raises NoPyodide."""
    path = folder / "billproof.html"
    path.write_text(page(wheel, pyodide(ROOT / "build")), "utf-8", newline="\n")
    return path


def main() -> int:
    """Writes `dist/billproof.html` with a new wheel; 1 if Pyodide cannot be had."""
    from tools.dist import build

    (ROOT / "dist").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        wheel = next(path for path in build(ROOT, Path(folder)) if path.suffix == ".whl")
        try:
            print(write(ROOT / "dist", wheel).relative_to(ROOT))
        except NoPyodide as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
