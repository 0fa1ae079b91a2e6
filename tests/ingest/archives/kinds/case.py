"""What the contract asks of a case: an archive of some kind, played with scenes whose numbers are known."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr
from shapely.geometry import Polygon, box

from ingest.archives.archive import Access, Archive
from ingest.archives.credentials import bearer_tokens
from ingest.archives.http import ArchiveClient
from ingest.archives.opening import OPENERS, Opener, open_archive
from mosaics.descriptions.sources import SourceDescription
from tests.ingest.archives.conftest import QUICK
from tests.ingest.archives.server import Answer, ArchiveServer, Asked, Handler

TOKEN = "a-token-of-this-test"
SIDE_PX = 300
GROUND: Polygon = box(5.2, 51.25, 5.3, 51.32)
NUMBERS = {"red": 1718, "nir": 3338}
"""Stored numbers, which stand for reflectances of 0.0718 and 0.2338: each is DN * 0.0001 - 0.1."""


@dataclass(frozen=True)
class Scene:
    """A scene of the archive: red and near infrared in one file, near Mol in EPSG:32631."""

    id: str
    day: int = 15
    """Of June 2024."""
    version: int = 0
    cloud_cover: float | None = 4.0
    is_lost: bool = False
    """Whether the archive lists it but cannot give its file."""

    def pixels(self) -> NDArray[np.uint16]:
        """Both bands, their first ten rows missing; one column tells the scene."""
        planes = np.full((2, SIDE_PX, SIDE_PX), [[[number]] for number in NUMBERS.values()], dtype="uint16")
        planes[:, :, 7] = 2000 + self.day
        planes[:, :10] = 0
        return planes


class ArchiveCase(ABC):
    """Plays an archive.

    Args:
        server: Is the archive.
        store: Another origin, where the files lie.
        folder: For files.
    """

    openers: ClassVar[Mapping[str, Opener]] = OPENERS

    def __init__(self, server: ArchiveServer, store: ArchiveServer, folder: Path) -> None:
        self.server, self.store, self.folder = server, store, folder

    @property
    @abstractmethod
    def description(self) -> SourceDescription:
        """The source, landed in sentinel-2-l2a, with the bands red and nir."""

    @abstractmethod
    def play(self, *scenes: Scene) -> None:
        """Let the archive have these scenes. Every request to `server` has to carry the token."""

    @property
    @abstractmethod
    def file_paths(self) -> list[str]:
        """The paths at `store` of all files of the scenes."""

    def orders(self) -> list[Asked]:
        """The requests by which the archive was made to do work."""
        return []

    def client(self) -> ArchiveClient:
        """A client that has the token."""
        credentials = bearer_tokens({self.server.url: SecretStr(TOKEN)})
        return ArchiveClient(patience=replace(QUICK, tries=2), credentials=credentials, local_http=True)

    def open(self, client: ArchiveClient) -> Archive:
        """The archive, opened as the command does it."""
        return open_archive(self.description, Access(client), openers=self.openers)

    def downloads(self) -> list[Asked]:
        """The requests by which bytes of files were asked for, not just their size."""
        return [asked for asked in self.store.asked if not asked.is_probe]


def guarded(handler: Handler) -> Handler:
    """Answers only who has the token."""

    def answer(asked: Asked) -> Answer:
        return handler(asked) if asked.headers.get("authorization") == f"Bearer {TOKEN}" else Answer(401)

    return answer
