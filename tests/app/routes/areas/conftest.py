"""The client and the database of the tests of areas."""

from tests.app.areas.conftest import client, connection, local_settings

__all__ = ["client", "connection", "local_settings"]
