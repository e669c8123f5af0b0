"""A fresh sandbox for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.running import Running, running_sandbox


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """A running sandbox with the integration int-EXAMPLE1 of org-EXAMPLEacme01, in which it is 1 December 2025."""
    with running_sandbox() as running:
        yield running
