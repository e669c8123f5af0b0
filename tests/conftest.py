"""Hypothesis for every test: the same examples each time, no clock, nothing kept on disk."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "billproof", derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)  # fmt: skip
settings.load_profile("billproof")
