"""An archive that is a collection of NASA's Common Metadata Repository, its files for an Earthdata token."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from ingest.archives.archive import (
    Access,
    Archive,
    Granule,
    GranuleRefusedError,
    LeftOut,
    Progress,
    RemoteFile,
    Wanted,
)
from ingest.archives.cmr.granules import PRODUCED, granule_name, read_granule
from ingest.archives.cmr.search import GranuleSearch, find_collection, search_granules
from ingest.archives.fetching import Expected, OtherContentError, fetch_file
from ingest.archives.http import ArchiveAnswerError, ArchiveError, shown
from ingest.formats import FORMATS
from mosaics.descriptions.sources import GranuleSource
from mosaics.period import PeriodError, parse_instant

OF_HDF5 = b"\x89HDF\r\n\x1a\n"
SIGNATURES = {"hdf5": OF_HDF5, "netcdf": OF_HDF5, "geotiff": b""}
"""How files of each format begin."""
REMEMBERED_S = 7 * 24 * 60 * 60
"""How long a collection's id is taken for what it was."""
WEB_PAGES = frozenset({"text/html", "application/xhtml+xml"})
REMEDY = (
    "Log in at https://urs.earthdata.nasa.gov, agree there to the licences that are asked for (Applications, "
    "Accept New EULAs), make a new token (Generate Token) and give it as EARTHDATA_TOKEN."
)

PERHAPS = f"If it goes on, a token may not be accepted there, or a licence not be agreed to. {REMEDY}"
"""Said of what came in place of a file, without saying what it is."""


class CmrArchive(Archive):
    """See `ingest.archives.archive.Archive`.

    Args:
        description: What it is.
        access: What it may use.
    """

    def __init__(self, description: GranuleSource, access: Access) -> None:
        super().__init__(description, unpack=FORMATS[description.format])
        self._source = description
        self.optional = frozenset(description.optional)
        self._client = access.client
        self._concept_id = description.concept_id
        """Looked up where the source does not give it, and remembered."""
        self._notes = access.notes

    async def search(self, wanted: Wanted) -> AsyncIterator[Granule | LeftOut]:
        """See `Archive.search`; the repository reads boxes across the antimeridian as they are."""
        source, bands = self._source, wanted.bands or self.band_names
        concept_id = await self._collection()
        search = GranuleSearch(source.api, concept_id, wanted.bbox, wanted.interval, wanted.revised_since)
        async for meta, umm in search_granules(self._client, search):
            if meta.get("collection-concept-id", concept_id) != concept_id:
                yield LeftOut(granule_name(meta, umm))
                continue
            try:
                yield read_granule(meta, umm, source, bands)
            except GranuleRefusedError as error:
                yield LeftOut(granule_name(meta, umm), str(error))

    def is_outdated(self, granule: Granule, landed: Mapping[str, Any]) -> bool:
        """See `Archive.is_outdated`; the newest production of a tile stays."""
        try:
            newer: bool = parse_instant(landed[PRODUCED]).timestamp() > granule.version[0]
        except (KeyError, TypeError, PeriodError):  # landed by other means
            return False
        return newer

    async def size_bytes(self, file: RemoteFile) -> int | None:
        """See `Archive.size_bytes`."""
        if file.size_bytes is not None:
            return file.size_bytes
        try:
            return await self._client.size_bytes(file.href)
        except ArchiveAnswerError as error:
            raise in_words(error) from error

    async def fetch(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        """See `Archive.fetch`."""
        expected = Expected(
            file.size_bytes, file.checksum, SIGNATURES[self._source.format], vet=_refuse_web_pages
        )

        async def address(refused: bool) -> str:  # noqa: ARG001 - the client renews the token
            return file.href

        try:
            await fetch_file(self._client, address, expected, target, progress)
        except ArchiveAnswerError as error:
            raise in_words(error) from error
        except OtherContentError as error:
            raise OtherContentError(f"{error} {PERHAPS}") from error

    async def _collection(self) -> str:
        """Return the repository's id of the collection."""
        if self._concept_id is None:
            self._concept_id = self._remembered_id() or await self._looked_up()
        return self._concept_id

    @property
    def _place(self) -> str:
        source = self._source
        return " ".join((source.api, source.provider or "", source.short_name, source.version))

    def _remembered_id(self) -> str | None:
        """Return the id that was looked up within the last days."""
        noted: Any = None if self._notes is None else self._notes.read().get(self._place)
        try:
            concept_id, looked_up_s = str(noted["id"]), float(noted["at"])
        except (KeyError, TypeError, ValueError):
            return None
        return concept_id if 0 <= time.time() - looked_up_s < REMEMBERED_S else None

    async def _looked_up(self) -> str:
        concept_id = await find_collection(self._client, self._source)
        if self._notes is not None:
            with suppress(OSError):  # it is looked up again
                self._notes.write({**self._notes.read(), self._place: {"id": concept_id, "at": time.time()}})
        return concept_id


def _refuse_web_pages(response: httpx.Response) -> None:
    """Refuse a page with the status of a file, as a login or a licence that is not agreed to is answered."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in WEB_PAGES:
        raise ArchiveError(
            f"the archive answers a web page in place of {shown(str(response.url))}: the token is not "
            f"accepted there, or a licence is not agreed to. {REMEDY}"
        )
    if response.status_code == 200 and response.headers.get("content-length") == "0":
        raise ArchiveError(
            f"the archive answers nothing in place of {shown(str(response.url))}, as where a token is not "
            f"accepted. {REMEDY}"
        )


def in_words(error: ArchiveAnswerError) -> ArchiveError:
    """Return an error that says what to do where access is refused; the same error for others."""
    if (licence := _licence(error.said)) is not None:
        return ArchiveError(
            f"{error}: the licence of these data is not agreed to. Agree to it at {licence}, and try again."
        )
    if error.status in {401, 403}:
        return ArchiveError(f"{error}: it wants an Earthdata token that holds. {REMEDY}")
    return error


def _licence(said: str) -> str | None:
    """Return where a licence is agreed to, as Earthdata's refusals say it; None for other refusals."""
    try:
        answer = json.loads(said)
    except ValueError:
        return "https://urs.earthdata.nasa.gov" if "eula" in said.lower() else None
    address = answer.get("accept_eula_url") if isinstance(answer, dict) else None
    if isinstance(address, str) and address.startswith("https://") and address.isprintable():
        return address[:200]
    return "https://urs.earthdata.nasa.gov" if "eula" in said.lower() else None
