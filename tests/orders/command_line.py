"""The command line as orders start it, with leave to fetch from an archive on this machine."""

import functools

from app.cli import leashed
from ingest.archives.http import ArchiveClient
from tests.ingest.archives.conftest import QUICK

if __name__ == "__main__":
    leashed.run(obj=functools.partial(ArchiveClient, patience=QUICK, local_http=True))
