"""Settings with a database, for the tests of who may write."""

from tests.app.areas.conftest import local_settings

__all__ = ["local_settings"]
