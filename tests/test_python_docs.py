"""docs/python.md: its examples run, and its tables name what there is."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import billproof
from billproof.api import CheckedFile, CheckOptions, Report
from tests.support import FIXTURES

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "python.md").read_text("utf-8")
FIRST, SCRIPT, CELL, TASK = re.findall(r"(?s)^```python\n(.*?)^```$", PAGE, re.M)
DEMO = "fixtures/demo/cost_2025-10-01_2025-10-31.csv"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the exports of the examples."""
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(code: str, **names: Any) -> tuple[str, dict[str, Any]]:
    """What an example prints, and its variables."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "python.md", "exec"), names)
    return out.getvalue(), names


def test_the_first_example_prints_what_is_shown() -> None:
    (shown,) = re.findall(r"(?s)^```text\n(.*?)^```$", PAGE, re.M)
    assert printed(FIRST)[0] == shown


def test_the_script(folder: Path) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        exec(compile(SCRIPT, "python.md", "exec"), {})
    assert ended.value.code == 1
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["fail", "pass", "fail"]
    assert "OC304" in lines[3]
    assert (folder / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_the_notebook_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str))
    *lines, last = CELL.strip().splitlines()
    names = printed("\n".join(lines), display=shown.append)[1]
    days = eval(last, names)
    assert shown[0].startswith("<!doctype html>")
    assert len(days) == 24


def test_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def task(function: Callable[..., Any]) -> Any:
        def expand(key: list[str]) -> list[Any]:
            return [function(one) for one in key]

        function.expand = expand  # type: ignore[attr-defined]
        return function

    monkeypatch.setitem(sys.modules, "airflow", ModuleType("airflow"))
    monkeypatch.setitem(sys.modules, "airflow.sdk", SimpleNamespace(dag=lambda function: function, task=task))
    paths = {"exports/cost_2025-10-01_2025-10-31.csv": DEMO}
    names = printed(TASK, open_object=lambda key: io.BytesIO(Path(paths[key]).read_bytes()))[1]
    names["october"]()
    paths["exports/cost_2025-10-01_2025-10-31.csv"] = "fixtures/demo/cost_2025-10-04_2025-11-03.csv"
    with pytest.raises(RuntimeError, match=r"^FAIL  cost_2025-10-01_2025-10-31.csv must not be uploaded"):
        names["october"]()


def test_the_tables_name_what_there_is() -> None:
    named = set(re.findall(r"`(\w+)", PAGE))
    assert {"check", "check_bytes", "merge", "UsageError", "ConfigurationError"} <= set(billproof.__all__)
    assert set(CheckOptions.__annotations__) | {"second_opinion", "jobs"} <= named
    assert set(CheckedFile._fields) <= named
    attributes = {name for name in dir(Report) if not name.startswith("_") and name not in ("count", "index")}
    assert attributes == set(re.findall(r"`report\.(\w+)", PAGE.partition("## Results")[2]))
