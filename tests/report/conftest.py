"""Where and when the tests of reports run, as far as several modules need the same."""

from __future__ import annotations

import pytest

from tests.report.render.pages import fixed
from tests.support import ROOT


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the root of the repository, on the day as of which files are checked: the same run gives the same bytes."""
    monkeypatch.chdir(ROOT)
    fixed(monkeypatch)
