"""The small world that scenes are analysed in."""

from tests.app.conftest import two_months

__all__ = ["two_months"]
