"""The credentials for archives that the settings of a deployment give."""

from collections.abc import Callable

from app.settings import Settings
from ingest.archives.credentials import Credential, bearer_tokens
from ingest.archives.earthdata import earthdata_credentials
from ingest.archives.http import ArchiveClient


def credentials_of(settings: Settings, make_client: Callable[..., ArchiveClient]) -> tuple[Credential, ...]:
    """Return the credentials; those given for a host by itself come first.

    Args:
        settings: Of the deployment.
        make_client: Makes a client that asks for a token.
    """
    token, username = settings.earthdata_token, settings.earthdata_username
    of_nasa = earthdata_credentials(token, username, settings.earthdata_password, make_client)
    return *bearer_tokens(settings.archive_tokens), *of_nasa
