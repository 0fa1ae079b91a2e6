"""The command line as jobs start it, with leave to fetch from an archive on this machine."""

import functools

from app.cli import supervised
from ingest.archives.http import ArchiveClient
from tests.ingest.archives.conftest import QUICK

if __name__ == "__main__":
    supervised.run(obj=functools.partial(ArchiveClient, patience=QUICK, local_http=True))
