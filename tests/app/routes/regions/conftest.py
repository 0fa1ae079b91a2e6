"""Regions files for the tests of their routes."""

from tests.app.regions.conftest import registry, settings, write_regions

__all__ = ["registry", "settings", "write_regions"]
