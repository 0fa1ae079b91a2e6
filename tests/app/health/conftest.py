"""Settings apart from any environment, and reports that are made again for every request."""

import pytest

import app.health.monitor
from tests.app.conftest import settings, two_months

__all__ = ["settings", "two_months"]


@pytest.fixture(autouse=True)
def _always_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.health.monitor, "FRESH_S", 0.0)
