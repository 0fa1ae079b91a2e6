"""The client and the database of the tests of analyses."""

from tests.app.areas.conftest import client, connection, local_settings

__all__ = ["client", "connection", "local_settings"]
